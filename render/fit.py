"""The best that an animation can be in so many bytes: what it gives up, and how much of that.

Each format has one thing of which it can give up as little as one likes: a video accuracy, a GIF frames. All else goes
in steps, and only where that leaves a better picture. Terms are tried on a sample, and compared by how much of what was
given is seen; only what is chosen is written whole.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

SLOWEST = 8.0
"""Frames a second: with fewer, things jump. Of frames that come as slowly by themselves, half may go."""
SCALES = (1.0, 0.85, 0.7, 0.6, 0.5, 0.42, 0.35)
"""Of the width and the height: in less, no word can be read."""
AIM, LEAST = 0.95, 0.88
"""Of the bytes that are allowed: so much is aimed at, and so much is good enough."""
FINEST = 1 / 256
"""Of the way from the best to the least: a difference that is not worth an attempt."""
ROUNDS = 3
"""So often a sample that misled is corrected by what was written."""


@dataclass(frozen=True)
class Terms:
    """What an animation gives up to be small.

    ``level`` is the constant rate factor of a video, the quality of a WebP, the number of colours of a GIF. One of
    ``every`` so many frames is kept, and lasts as long; it need not be a whole number. Both sides of the picture are
    scaled by ``scale``.
    """

    level: float
    every: float = 1.0
    scale: float = 1.0
    dither: str = "atkinson"
    """Of a GIF: how colours that it lacks are mixed of those that it has."""
    quick: bool = False
    """Half the encoder's time for a twelfth more bytes."""


@dataclass(frozen=True)
class Offer(ABC):
    """What a format can give up. ``best`` is taken where no limit is set; ``told`` is a level in words."""

    best: Terms
    told: str
    steep: float
    """How much the logarithm of bytes falls on the way along what goes evenly, as a guess to begin with."""

    @abstractmethod
    def steps(self, fps: float) -> tuple[tuple[Terms, ...], ...]:
        """What goes in steps, of frames at ``fps``: rows of terms, each the more given up the farther on, of which the
        next row begins where the one before does."""

    @abstractmethod
    def along(self, terms: Terms, share: float, fps: float) -> Terms:
        """Terms with so much given up of what goes evenly: from 0 to 1, the least that can be watched."""


@dataclass(frozen=True)
class Coded(Offer):
    """A video or WebP, whose level goes from ``finest`` to ``coarsest`` in multiples of ``unit``."""

    finest: float
    coarsest: float
    unit: float = 1.0

    def steps(self, fps: float) -> tuple[tuple[Terms, ...], ...]:
        everies = [every for every in (1, 2, 3, 4, 6) if every == 1 or fps / every >= SLOWEST]
        start = replace(self.best, quick=False)
        return tuple(tuple(replace(start, every=every, scale=scale) for scale in SCALES) for every in everies)

    def along(self, terms: Terms, share: float, fps: float) -> Terms:
        level = self.finest + (self.coarsest - self.finest) * share
        return replace(terms, level=round(level / self.unit) * self.unit)


@dataclass(frozen=True)
class Painted(Offer):
    """A GIF, which has these ``colors``, numbers and dithers: with fewer of them, dithering takes more bytes."""

    colors: tuple[tuple[int, str], ...]

    def steps(self, fps: float) -> tuple[tuple[Terms, ...], ...]:
        return tuple(tuple(Terms(count, 1, scale, dither) for scale in SCALES) for count, dither in self.colors)

    def along(self, terms: Terms, share: float, fps: float) -> Terms:
        return replace(terms, every=max(2.0, fps / SLOWEST) ** share)


@dataclass(frozen=True)
class Trial:
    """What came of terms: bytes that the whole would take, and how much like it is what is seen, 1 being the same."""

    size: float
    likeness: Callable[[], float]


@dataclass(frozen=True)
class Search:
    """For the best terms that make no more than ``most`` bytes of frames at ``fps``.

    ``tried`` says what would come of terms, as far as a sample shows it; ``written`` writes the whole, and tells its
    bytes.
    """

    offer: Offer
    fps: float
    most: int
    tried: Callable[[Terms], Trial]
    written: Callable[[Terms], float]

    def best(self) -> Terms | None:
        """None if there are none."""
        terms, start, share = self.offer.best, self.offer.best, 0.0
        for _ in range(ROUNDS):
            misled = self.written(terms) / self.tried(terms).size
            start, share = self._climbed(self.most / misled)
            terms = self._at(start, share)
            if LEAST * self.most <= self.written(terms) <= self.most:
                return terms
        found = self._share(start, self.written, self.most, share)
        if found is not None:
            return self._at(start, found)
        least = self._at(self.offer.steps(self.fps)[-1][-1], 1.0)
        return least if self.written(least) <= self.most else None

    def _at(self, terms: Terms, share: float) -> Terms:
        return self.offer.along(terms, share, self.fps)

    def _share(self, terms: Terms, size_of: Callable[[Terms], float], most: float, start: float) -> float | None:
        return nearest(lambda share: size_of(self._at(terms, share)), most, start, self.offer.steep)

    def _climbed(self, most: float) -> tuple[Terms, float]:
        """From the full picture on, steps are made: as long as no terms are small enough, the one that loses least for
        the bytes that it saves; then whichever leaves the better picture, until none does. The best terms that were
        passed, and the share of what goes evenly with which they keep to ``most`` bytes."""
        grid = self.offer.steps(self.fps)
        known: dict[_Place, tuple[_Worth, float]] = {}

        def trial(place: _Place, share: float) -> Trial:
            return self.tried(self._at(grid[place[0]][place[1]], share))

        def judged(place: _Place, start: float, worth: _Worth) -> tuple[_Worth, float]:
            """What a place is worth, and its share; 0, if with nothing else given up it is not worth more than this."""
            whole = trial(place, 0.0)
            if worth[0] and whole.likeness() <= worth[1]:
                return (0.0, 0.0), start
            terms, share = grid[place[0]][place[1]], 0.0
            if whole.size > most:
                share = self._share(terms, lambda terms: self.tried(terms).size, most, start)
            found = trial(place, 1.0 if share is None else share)
            return (_used(found.size, most), found.likeness()), 1.0 if share is None else share

        place: _Place = (0, 0)
        start = math.log(max(1.0, trial(place, 0.0).size / (AIM * most))) / self.offer.steep
        known[place] = worth, share = judged(place, min(1.0, start), (0.0, 0.0))
        while True:
            nearby = [(place[0] + down, place[1] + aside) for down, aside in (STEPS if worth[0] else STEPS[:2])]
            steps = [(row, column) for row, column in nearby if 0 <= row < len(grid) and 0 <= column < len(SCALES)]
            for step in steps:
                if step not in known:
                    known[step] = judged(step, share, worth)
            if worth[0]:
                fitting = [step for step in [place, *steps] if known[step][0][0]]
                step = max(fitting, key=lambda step: known[step][0][1])
            else:
                step = max(steps, key=lambda step: _gain(trial(place, 1.0), trial(step, 1.0)), default=place)
            if step == place:
                place = max(known, key=lambda place: known[place][0]) if worth[0] else place
                return grid[place[0]][place[1]], known[place][1]
            place, (worth, share) = step, known[step]


_Place = tuple[int, int]
_Worth = tuple[float, float]
"""2 where about as many bytes are used as are allowed, 1 where less are, 0 where more are; and the likeness."""
STEPS = (1, 0), (0, 1), (1, -1), (-1, 1), (-1, 0), (0, -1)
"""Something is given up, or rather one thing than another, or it is taken back."""


def _used(size: float, most: float) -> float:
    return 0.0 if size > most else 1.0 + (size >= LEAST * most)


def _gain(before: Trial, after: Trial) -> float:
    """How much the logarithm of bytes falls for what is lost."""
    return math.log(before.size / after.size) / max(before.likeness() - after.likeness(), 1e-6)


def nearest(size_of: Callable[[float], float], most: float, start: float, steep: float) -> float | None:
    """The share, 0 to 1, at which ``size_of``, which falls, is from LEAST to 1 times ``most``, or nearest below that;
    None if it is more at 1. It is asked from ``start`` on, as if its logarithm fell evenly, by ``steep`` at first.
    """
    above, below, fits = 0.0, 1.0, None
    asked: dict[float, float] = {}
    at, slope = start, -steep
    while True:
        size = size_of(at)
        off = math.log(size / (AIM * most))
        if asked:
            before = [*asked][-1]
            slope = min((off - asked[before]) / (at - before), -0.1)
        asked[at] = off
        if size <= most:
            fits = below = at
        else:
            above = at
        if LEAST * most <= size <= most or fits == 0.0 or (at == 1.0 and fits is None) or below - above < FINEST:
            return fits
        at = min(max(at - off / slope, above), below)
        if at in asked:
            at = (above + below) / 2.0
