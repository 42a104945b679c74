"""The things of a scene in their place: tensors, banks of filters, and stages in time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .contents import Shown
from .layout import Placed
from .pacing import Beat, pace

MOUTH = 1.2
"""How far beside a thing its results come out."""


@dataclass(frozen=True)
class Tensor:
    """A tensor (or an arrangement on the way to one) in its place. ``split`` parts of its channels are lanes."""

    name: str
    shape: tuple[int, ...]
    split: int
    placed: Placed
    colors: NDArray[np.float64]
    """Linear RGB per channel, ``(C, 3)``, or per cell of a picture, ``(C, H, W, 3)``."""
    empty: NDArray[np.bool_] | None = None
    """Which cells of a picture are zeros that were put between or around others, ``(C, H, W)``; None: none of them."""

    @property
    def batch(self) -> int:
        return self.shape[0] if len(self.shape) == 4 else 1

    @property
    def channels(self) -> int:
        return self.shape[-3]

    @property
    def per_lane(self) -> int:
        return self.channels // self.split

    def block(self, n: NDArray[np.int64] | int, channel: NDArray[np.int64] | int) -> NDArray[np.int64]:
        """The block in which a channel of a picture of the batch stands: lanes are channel groups, blocks pictures."""
        return np.asarray(channel) // self.per_lane * self.batch + n

    def drawn(self) -> NDArray[np.int64]:
        """The indices of the cells that are drawn."""
        elision = self.placed.item.elision
        channels = (elision.lanes.indices()[:, None] * self.per_lane + elision.channels.indices()).reshape(-1)
        pictures = [elision.blocks.indices()] if len(self.shape) == 4 else []
        return grid(*pictures, channels, elision.rows.indices(), elision.columns.indices())

    def around(
        self, depth: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The indices of padding, so many (before, after) along each axis, and how far each stands behind its channel.

        What lies before or behind a lane belongs to its first or last channel.
        """
        elision = self.placed.item.elision
        pictures = [elision.blocks.indices()] if len(self.shape) == 4 else []
        lanes, within = elision.lanes.indices(), elision.channels.indices(*depth)
        inside = within.clip(0, self.per_lane - 1)
        channels = np.arange(len(lanes) * len(within))
        index = grid(*pictures, channels, elision.rows.indices(*rows), elision.columns.indices(*columns))
        lane, at = np.divmod(index[:, -3], len(within))
        index[:, -3] = lanes[lane] * self.per_lane + inside[at]
        behind = (within - inside)[at]
        *_, height, width = self.shape
        outside = (behind != 0) | (index[:, -2] < 0) | (index[:, -2] >= height)
        outside |= (index[:, -1] < 0) | (index[:, -1] >= width)
        return index[outside], behind[outside]

    def shows(self, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which cells are."""
        n, c, h, w = self.rows(index)
        elision = self.placed.item.elision
        shown = zip(elision.axes[2:], (c % self.per_lane, h, w), strict=True)
        return np.logical_and.reduce([elision.shows_block(self.block(n, c)), *(axis.shows(i) for axis, i in shown)])

    def rows(self, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Columns n, c, h, w of cells' indices."""
        n = index[:, 0] if len(self.shape) == 4 else np.zeros(len(index), np.int64)
        return n, index[:, -3], index[:, -2], index[:, -1]

    def first_of(self, channel: int) -> NDArray[np.int64]:
        """The index (1, rank) of a channel's first cell."""
        return np.array([[0] * (len(self.shape) - 3) + [channel, 0, 0]])

    def color_of(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Linear RGB of cells, ``(n, 3)``."""
        _, c, h, w = self.rows(index)
        return self.colors[c] if self.colors.ndim == 2 else self.colors[c, h, w]

    def is_empty(self, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which cells are zeros that were put there."""
        return np.zeros(len(index), bool) if self.empty is None else self.empty[tuple(index[:, -3:].T)]

    def in_front(self, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which cells have no channel before them, so that their fronts are seen."""
        return self.rows(index)[1] % self.per_lane == 0

    def at(self, index: NDArray[np.int64], depth: NDArray[np.int64] | int = 0) -> NDArray[np.float64]:
        """World positions of cells (also of ghosts, which lie outside, so much further behind their channel)."""
        n, c, h, w = self.rows(index)
        return self.placed.at(self.block(n, c), c % self.per_lane + depth, h, w)

    def between(self, n: NDArray[np.int64], place: NDArray[np.float64]) -> NDArray[np.float64]:
        """World positions of places ``(n, 3)`` between cells: channel, row, column."""
        c, h, w = place.T
        whole = np.floor(c).astype(np.int64)
        return self.placed.at(self.block(n, whole), whole % self.per_lane + (c - whole), h, w)

    def at_first_lane(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """World positions as if every lane stood where the first one stands."""
        n, c, h, w = self.rows(index)
        return self.placed.at(n, c % self.per_lane, h, w)


@dataclass(frozen=True)
class Bank:
    """A stage's filters in their place: lanes are groups, blocks filters."""

    placed: Placed
    shape: tuple[int, ...]
    groups: int

    def drawn(self) -> NDArray[np.int64]:
        """The indices of the weights that are drawn."""
        elision = self.placed.item.elision
        return grid(elision.drawn_blocks(), *(axis.indices() for axis in elision.axes[2:]))

    def shows(self, weight: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which weights are."""
        elision = self.placed.item.elision
        shown = [axis.shows(weight[:, i]) for i, axis in enumerate(elision.axes[2:], start=1)]
        return np.logical_and.reduce([elision.shows_block(weight[:, 0]), *shown])

    def at(self, weight: NDArray[np.int64]) -> NDArray[np.float64]:
        """World positions of weights (filter, channel, row, column)."""
        return self.placed.at(weight[:, 0], weight[:, 1], weight[:, 2], weight[:, 3])

    def before(self, weight: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where a cell of one unit lies on the front of weights, or in their places if these are no larger."""
        return self.at(weight) - np.array([0.0, (self.placed.item.pitch - 1.0) / 2.0, 0.0])

    def in_front(self, weight: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which weights have no channel before them, so that their fronts are seen."""
        return (weight[:, 1] == 0) | self.placed.item.opened

    def mouths(self) -> NDArray[np.float64]:
        """Where a filter's results come out, on its far side, from which its line leads to them: ``(filters, 3)``.

        There they cover none of its weights, and are behind the filters that they pass. Where it has a bias beside
        it, they come out between the two.
        """
        if self.placed.item.biased:
            return self.placed.sums(np.arange(len(self.placed.base)))
        depth, h, w = self.placed.item.dims
        return self.placed.base + np.array([w - 0.5, depth - 1.0, -(h - 1) / 2])


@dataclass(frozen=True)
class Act:
    """A stage in time: its first step, its beats, the frames between which it is played."""

    stage: Shown
    first_step: int
    beats: list[Beat]
    row: int | None = None
    """How many steps make a row of positions of its window; None where none goes along with the steps."""

    @property
    def steps(self) -> int:
        return self.beats[-1].last + 1 - self.first_step

    @cached_property
    def pace(self) -> list[tuple[float, float]]:
        """Frames, and how many steps of all are done at these."""
        return pace(self.beats, self.row)

    @cached_property
    def told(self) -> list[Beat]:
        """The beats in slow motion, of a single step each, of which it is told what happens."""
        return [beat for beat in self.beats if beat.slow and not beat.swept]

    @property
    def first_frame(self) -> int:
        """The first one on which it is under way: where it begins, the act before it has just come to its end."""
        return math.floor(self.beats[0].start) + 1

    @property
    def last_frame(self) -> int:
        return math.floor(self.beats[-1].end)

    @property
    def swept(self) -> bool:
        return any(beat.swept for beat in self.beats)

    def beat_at(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """The beats, by number, in which steps are shown."""
        return np.searchsorted([beat.first for beat in self.beats], steps, side="right") - 1

    def swept_at(self, steps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which steps are shown together with others."""
        return np.array([beat.swept for beat in self.beats])[self.beat_at(steps)]


def grid(*axes: NDArray[np.int64]) -> NDArray[np.int64]:
    """All combinations of indices along the axes, row-major, ``(cells, axes)``."""
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(len(axes), -1).T
