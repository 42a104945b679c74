"""Time: which step is under way at which frame.

A *beat* is a run of steps that is shown in one go: a single step, or a swept row (then plane) of positions where there
are more steps than a viewer could follow: of these only what is told is shown alone. Rows of which nothing is drawn
share one beat. Beats have weights (seconds they would like), squeezed into the seconds that the scene has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TITLE_SECONDS = 0.8
RESULT_SECONDS = 1.5
RETURN_SECONDS = 0.4
"""The result is held for so much longer: what plays again and again leads back to its first picture meanwhile."""
FIRST_STEP_SECONDS = 2.6
"""What is told is shown in slow motion, a stage's first step mostly: land, multiply, sum, write."""
PHASES = 4
"""So many phases have that time; where a bias is added, it takes as much more as it is one more."""
READING_SECONDS = 0.75
READING_STEPS = 3
LAST_STEP_SECONDS = 0.7
TRAVEL_SECONDS = 0.8
"""A travelling camera's way from one stage to the next."""
TRAVEL_SHARE = 0.3
"""It is never more than this share of the time, however short that is."""
SLOW_SHARE = 0.55
"""The slow beats never take more than this share of the time, however short it is."""
BEAT_SHARE = 0.72
"""There are no more beats than this share of all frames, holds included."""
SINGLE_STEPS = 300
"""Up to so many steps are shown one by one; above, rows are swept, and then whole planes."""


LAND, ARRIVE = 0.2, 0.4
"""The part of a step in slow motion, and of any other, in which the window comes to where it stands."""
MULTIPLY, SUM, WRITE = 0.36, 0.63, 0.8
"""Parts of a step in slow motion, after LAND: copies of what is read reach the filters, leave them, have become one
cell."""
BIASED, BIAS = (0.34, 0.52, 0.6), 0.68
"""The same where a bias is added to that cell; when the bias leaves its place, to be there at WRITE."""
SET_OUT, LANDED = 0.5, 0.9
"""Parts of any other step, after ARRIVE: the output cells set out, have come to their place."""
SWEEP_ARRIVE = 0.1
"""The part of a row that is swept in which the window comes to where it stands."""
SKIP_ARRIVE = 0.3
"""The same where it hurries along rows before it."""
PASSED = 0.9
"""The same of a beat of which nothing is drawn: the window comes to what is before the next one."""
MOST_HURRIED = 3
"""Along so many rows between two others a window hurries, one by one; over more it goes in one slanting stroke."""
STROKE = 4.0
"""Frames that a window needs at least along a row, and back: in fewer nobody sees it go."""

Knots = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Beat:
    """Steps ``first..last`` (both included) between two frames; ``slow`` are those in slow motion, a stage's longest.

    Nothing that is written in an ``unseen`` one is drawn. Its steps have all one pace, but for ``knots``: by which
    share of the time which share of the steps is done.
    """

    first: int
    last: int
    start: float
    end: float
    slow: bool = False
    unseen: bool = False
    knots: Knots = ()

    @property
    def swept(self) -> bool:
        """Whether it has several steps."""
        return self.last > self.first


def time_at(knots: Knots, share: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """By which share of the time of a beat with these knots these shares of its steps are done."""
    time, done = np.array([(0.0, 0.0), *knots, (1.0, 1.0)]).T
    return np.interp(share, done, time)


def group_steps(steps: int, row: int, plane: int, room: int) -> int:
    """How many steps make a beat: 1, a row or a plane of positions, so that at most ``room`` beats come out."""
    for size in (1, row, plane):
        if -(-steps // size) <= (min(SINGLE_STEPS, room) if size == 1 else room):
            return size
    return steps


def beat_sizes(steps: int, run: int, apart: Collection[int] = (), seen: Sequence[bool] = ()) -> list[int]:
    """How many steps each beat has, of ``run`` steps each; steps that are set ``apart`` have one of their own.

    Runs that follow each other and are not ``seen`` (runs,) are one beat; without that all are.
    """
    starts = [start for i, start in enumerate(range(0, steps, run)) if not seen or i == 0 or seen[i] or seen[i - 1]]
    cuts = {cut for step in apart for cut in (step, step + 1) if cut < steps}
    return [end - start for start, end in pairwise([*sorted({*starts, *cuts}), steps])]


def beats(
    sizes: list[list[int]],
    fps: float,
    seconds: float,
    travels: bool = False,
    openings: Collection[int] = (),
    leaves: bool = False,
    telling: Mapping[int, Collection[int]] | None = None,
    unseen: Collection[tuple[int, int]] = (),
    biased: Collection[int] = (),
) -> tuple[list[list[Beat]], int]:
    """Lay the beats out in time.

    Args:
        sizes: per stage, how many steps each beat has.
        fps: frames a second.
        seconds: length of the whole animation, holds included.
        travels: between stages is a pause in which the camera travels.
        openings: the stages, by number, that only open the next one: the camera stays where it is.
        leaves: after the last stage the camera travels once more, before the hold on the result.
        telling: by the stage's number, the beats that are shown in slow motion, if that is not the first one alone.
        unseen: the beats, by the stage's number and their own, in which nothing is written that is drawn.
        biased: the stages, by number, in whose slow motion a bias is added.

    Returns:
        The beats per stage and the number of frames. Beats start and end at whole frames while there are at least as
        many frames as beats.
    """
    frames = max(2, round(seconds * fps))
    title = min(TITLE_SECONDS * fps, 0.1 * frames)
    first_frame = 1.0 + round(title)
    last_frame = float(held_from(frames, fps))
    room = last_frame - first_frame
    before = [number for number in range(1, len(sizes)) if travels and number - 1 not in openings]
    pause = min(TRAVEL_SECONDS * fps, TRAVEL_SHARE * room / max(len(before) + leaves, 1)) if travels else 0.0
    if leaves:
        last_frame -= max(1.0, round(pause))
        room = last_frame - first_frame
    slow = [(telling or {}).get(number, (0,)) for number in range(len(sizes))]
    phases = [PHASES + (number in biased) for number in range(len(sizes))]
    durations = _durations(sizes, slow, phases, unseen, fps, room - len(before) * pause)
    if before:  # each is like a beat before a stage's first one
        firsts = np.cumsum([0, *map(len, sizes)])
        durations = np.insert(durations, firsts[before], pause)
    bounds = _bounds(durations, first_frame, last_frame)
    result: list[list[Beat]] = []
    step, i = 0, 0
    for number, stage in enumerate(sizes):
        i += number in before
        row: list[Beat] = []
        for beat, size in enumerate(stage):
            told, hidden = beat in slow[number], (number, beat) in unseen
            row.append(Beat(step, step + size - 1, float(bounds[i]), float(bounds[i + 1]), told, hidden))
            step, i = step + size, i + 1
        result.append(row)
    return result, frames


def held_from(frames: int, fps: float) -> int:
    """The frame from which the result is held, of so many in all."""
    return frames - round(min((RESULT_SECONDS + RETURN_SECONDS) * fps, 0.15 * frames))


def _durations(
    sizes: list[list[int]],
    telling: Sequence[Collection[int]],
    phases: Sequence[int],
    unseen: Collection[tuple[int, int]],
    fps: float,
    room: float,
) -> NDArray[np.float64]:
    """Frames per beat, summing to ``room``: slow, then reading speed, then faster and faster, the last one slow.

    Where a stage's slow beat is not its first one, that has reading speed; so have those that are ``unseen``. One in
    which all the rest is swept has as much time as the first step.
    """
    slow: list[float] = []
    fast: list[float] = []
    for number, stage in enumerate(sizes):
        n = len(stage)
        for i, size in enumerate(stage):
            if i in telling[number] or (size > 1 and i == n - 1 == 1):
                seconds = FIRST_STEP_SECONDS * phases[number] / PHASES
                slow.append(seconds if number == 0 else seconds * 0.7)
                fast.append(0.0)
            elif i == 0 or (number, i) in unseen or (i <= READING_STEPS and n > READING_STEPS + 2):
                slow.append(READING_SECONDS)
                fast.append(0.0)
            elif i == n - 1:
                slow.append(LAST_STEP_SECONDS)
                fast.append(0.0)
            else:
                slow.append(0.0)
                fast.append(1.0 + 1.2 * max(0.0, 1.0 - (i - READING_STEPS) / 6.0))
    slow_frames, fast_weights = np.array(slow) * fps, np.array(fast)
    if not fast_weights.any():
        return slow_frames * (room / slow_frames.sum())
    spare = room - fast_weights.sum()  # the rest must not be pressed below a frame each: it would eat the last step's
    budget = min(SLOW_SHARE * room, max(spare, float(np.count_nonzero(slow_frames))))
    slow_frames *= min(1.0, budget / slow_frames.sum())
    fast_frames = fast_weights * ((room - slow_frames.sum()) / fast_weights.sum())
    if fast_frames.max() > READING_SECONDS * fps:  # plenty of time: nobody is slower than reading speed, all are slower
        wish = np.where(fast_weights > 0, READING_SECONDS * fps, slow_frames)
        return wish * (room / wish.sum())
    return slow_frames + fast_frames


def _bounds(durations: NDArray[np.float64], first: float, last: float) -> NDArray[np.float64]:
    """Frames at which beats begin and end: whole ones wherever each beat can have one of its own."""
    exact = first + np.concatenate([[0.0], np.cumsum(durations)])
    exact[-1] = last
    if len(durations) > last - first:
        return exact
    whole = np.round(exact)
    for i in range(1, len(whole)):  # at least one frame each, counted from the front ...
        whole[i] = max(whole[i], whole[i - 1] + 1)
    whole[-1] = last
    for i in range(len(whole) - 2, 0, -1):  # ... and none pushed past the end
        whole[i] = min(whole[i], whole[i + 1] - 1)
    return whole


@dataclass(frozen=True)
class Stroke:
    """A window's way from step ``first`` to ``last``: at frame ``start`` it sets out, then it ``stands`` at the first.

    At ``end`` it has come to the last one, at one pace but for the ``knots`` of a beat.
    """

    first: int
    last: int
    start: float
    stands: float
    end: float
    knots: Knots = ()
    waits: bool = False
    """Whether its steps are done only while the window goes along, and none before it stands."""
    passed: int | None = None
    """The first of the steps that are done on the way to the first one, as nothing of them is drawn; None: there are
    none."""


def strokes(chosen: Sequence[Beat], row: int) -> Iterator[Stroke]:
    """The ways of a window along beats: to a single step; of swept ones along rows of so many steps.

    Where there is no time to be seen along every row, it goes along some of them only: along the last one in any case.
    Along a few rows between two of these it hurries; where they are many it goes along all at once, row by row
    downwards while it crosses the columns once.
    Where nothing is drawn it only comes to the end of the last row.
    """
    groups: list[tuple[Beat, float]] = []
    for beat in chosen:
        if groups:
            group, stands = groups[-1]
            seen = not group.unseen and not beat.unseen and not beat.slow
            if seen and group.swept and group.end - group.start < STROKE:
                groups[-1] = replace(group, last=beat.last, end=beat.end, knots=()), stands
                continue
        groups.append((beat, _stands_at(beat)))
    begin = chosen[0].first
    for group, stands in groups:
        if group.unseen:
            yield Stroke(group.last, group.last, group.start, stands, group.end, passed=group.first)
            continue
        above = (group.first - begin) // row  # the row that it goes on with may have begun before
        rows = (group.last - begin) // row + 1 - above
        whole = above == 0 and group.last == chosen[-1].last
        count = min(rows, max(int((group.end - stands) / STROKE), 2 if whole else 1))
        starts = [group.start, *np.linspace(stands, group.end, count + 1)[1:].tolist()]
        chosen_rows = np.linspace(0, rows - 1, count).round().astype(int) if count > 1 else np.array([rows - 1])
        following = group.first
        for k, (start, end) in enumerate(pairwise(starts)):
            first = max(begin + (above + int(chosen_rows[k])) * row, group.first)
            last = min(begin + (above + int(chosen_rows[k]) + 1) * row - 1, group.last)
            if k:
                stands = start + SWEEP_ARRIVE * (end - start)
            if first > following:
                turns = range(begin + ((following - begin) // row + 1) * row, first, row)
                hurried = list(pairwise([following, *turns, first]))
                if len(hurried) > MOST_HURRIED:
                    first = following
                else:
                    arrived = start + SKIP_ARRIVE * (end - start)
                    for (one, other), (leaves, comes) in zip(
                        hurried, pairwise(np.linspace(start, arrived, len(hurried) + 1).tolist()), strict=True
                    ):
                        lands = leaves + SWEEP_ARRIVE * (comes - leaves)
                        yield Stroke(one, other - 1, leaves, lands, comes, waits=group.swept)
                    start, stands = arrived, arrived + SWEEP_ARRIVE * (end - arrived)
            yield Stroke(first, last, start, stands, end, () if k else group.knots, group.swept)
            following = last + 1


def _stands_at(beat: Beat) -> float:
    """The frame at which the window has come to the first step of a beat."""
    part = PASSED if beat.unseen else SWEEP_ARRIVE if beat.swept else LAND if beat.slow else ARRIVE
    return beat.start + part * (beat.end - beat.start)


def pace(chosen: Sequence[Beat], row: int | None) -> list[tuple[float, float]]:
    """Keys of how many steps are done: frames, and steps at these; between them they grow evenly.

    Where a window sweeps along a ``row`` of so many steps, these are done along with that.
    Without a window (None) beats are done evenly but for their knots.
    """
    if row is None:
        ways = [Stroke(beat.first, beat.last, beat.start, beat.start, beat.end, beat.knots, True) for beat in chosen]
    else:
        ways = list(strokes(chosen, row))
    keys, done = [], chosen[0].first
    for way in ways:
        keys.append((way.start, float(done)))
        if way.waits and way.stands > way.start:
            keys.append((way.stands, float(way.first)))
        if way.waits:
            span, steps = way.end - way.stands, way.last + 1 - way.first
            keys += [(way.stands + time * span, way.first + share * steps) for time, share in way.knots]
        done = way.last + 1
    return [*keys, (chosen[-1].end, float(done))]


def reached(keys: Sequence[tuple[float, float]], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first frames (n,) at which so many steps are done, of these keys."""
    frames, done = np.array(keys, np.float64).T
    after = np.searchsorted(done, steps)
    before = np.maximum(after - 1, 0)
    span = done[after] - done[before]
    share = np.where(span > 0, (steps - done[before]) / np.where(span > 0, span, 1.0), 1.0)
    return frames[before] + share * (frames[after] - frames[before])
