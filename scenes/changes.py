"""Which part of the picture differs between two frames: what moved, its shadow and its reflection.

Everything becomes rectangles on the screen: a cube's, a shadow's as a chain of them down to the floor. They are laid
over a grid of tiles, and the tiles are gathered into a few rectangles to render.

A picture is made of layers: the "cells" at rest in their light, on the floor; laid over them the "notes", which need
none: cells on their way, windows, outlines, padding, words, numbers, and a glow on the cells that a window touches. In
plain colours these are one layer, "plain"; "all" is everything, with the lines that are otherwise drawn over the
layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .form import CUBE, SUN_ANGLE, SUN_DIRECTION, WINDOW_MARGIN
from .pose import Pose, pose
from .screen import Screen, caption_box, said
from .story import Cells, Storyboard

Layer = Literal["all", "plain", "cells", "notes"]
Rectangle = tuple[int, int, int, int]
"""left, top, right, bottom in pixels from the picture's upper left corner; right and bottom are just outside."""

TILE = 8
"""Pixels along a side of the grid."""
FILTER = 2.0
"""Pixels around a thing's outline that it may still colour: the renderer's pixel filter."""
SHADE = 0.6
"""How far around a moved cube its neighbours' shade changes visibly, in cells."""
SHADOW_STEP = 0.7
"""How far apart, in cells of height, the rectangles along a shadow are."""
CALL, CALL_PER_CELL = 1500.0, 1.0
"""What rendering one more rectangle costs, in pixels: 10 ms, and 10 us an instance, against 6 to 12 us a pixel."""
MOST = 0.6
"""The whole picture is rendered at once where more of it than this would be."""


@dataclass(frozen=True, eq=False)
class _Spread:
    """Things around points in space (n, 3), reaching so many cells to all sides."""

    points: NDArray[np.floating]
    reach: NDArray[np.floating] | float


@dataclass(frozen=True, eq=False)
class _Flat:
    """A rectangle on the screen: left, top, right, bottom in pixels."""

    bounds: NDArray[np.float64]


class Changes:
    """Where the pictures of one layer of a storyboard differ; of all layers but "all".

    ``margin`` is how many pixels a rectangle will be grown by when it is rendered: it makes small ones dearer.
    """

    def __init__(self, board: Storyboard, layer: Layer, margin: int) -> None:
        self.board, self.margin = board, margin
        self.layer: Layer = layer
        self.screen = Screen(board)
        width, height = board.size
        self._grid = -(-height // TILE), -(-width // TILE)
        self.call = CALL + CALL_PER_CELL * sum(len(cells) for cells in board.cells if not board.massed(cells))
        self._poses: dict[int, list[Pose]] = {}

    def rectangles(self, before: int | None, after: int) -> tuple[Rectangle, ...]:
        """A few tight rectangles outside of which the pictures of two frames are the same; None is an empty picture.

        The whole picture's where they would cover most of it.
        """
        width, height = self.board.size
        whole = ((0, 0, width, height),)
        if (before is None and self.layer != "notes") or self._travels(before, after):
            return whole
        found = tuple(self._split(self.tiles(before, after)))
        area = sum((right - left) * (bottom - top) for left, top, right, bottom in found)
        return whole if area > MOST * width * height else found

    def grown(self, part: Rectangle) -> Rectangle:
        """A rectangle with the margin around it, as far as the picture reaches."""
        (width, height), (left, top, right, bottom), m = self.board.size, part, self.margin
        return max(0, left - m), max(0, top - m), min(width, right + m), min(height, bottom + m)

    def _travels(self, before: int | None, after: int) -> bool:
        """Whether the camera has moved or turned: then everything may differ."""
        camera = self.board.camera
        return before is not None and camera.stands(before) != camera.stands(after)

    def tiles(self, before: int | None, after: int) -> NDArray[np.bool_]:
        """The tiles in which the pictures of two frames may differ: (rows, columns) of TILE x TILE pixels."""
        if self._travels(before, after):
            return np.ones(self._grid, np.bool_)
        self.screen = Screen(self.board, after)
        if self.layer == "cells":
            assert before is not None
            return self._tiles(self._cells(before, after))
        return self._tiles(self._notes(before, after))

    def _tiles(self, things: list[_Spread | _Flat]) -> NDArray[np.bool_]:
        """The tiles that any of the things touches."""
        rows, columns = self._grid
        corners = np.concatenate([np.zeros((0, 4)), *map(self._box, things)])
        most = np.array([columns, rows])
        first = np.floor(corners[:, :2] / TILE).astype(int).clip(0, most)
        last = np.ceil(corners[:, 2:] / TILE).astype(int).clip(0, most)
        on = (last > first).all(axis=1)
        (x0, y0), (x1, y1) = first[on].T, last[on].T
        edges = np.zeros((rows + 1, columns + 1), int)
        for x, y, sign in ((x0, y0, 1), (x1, y0, -1), (x0, y1, -1), (x1, y1, 1)):
            np.add.at(edges, (y, x), sign)
        return edges.cumsum(axis=0).cumsum(axis=1)[:rows, :columns] > 0

    def _box(self, thing: _Spread | _Flat) -> NDArray[np.float64]:
        """(n, 4): left, top, right, bottom in pixels."""
        if isinstance(thing, _Flat):
            return thing.bounds[None] + (-FILTER, -FILTER, FILTER, FILTER)
        at = self.screen.pixels(thing.points)
        reach = self.screen.reach(thing.points, thing.reach) + FILTER
        return np.concatenate([at - reach, at + reach], axis=1)

    # Cells

    def _posed(self, frame: int) -> list[Pose]:
        if frame not in self._poses:
            while len(self._poses) > 1:
                del self._poses[next(iter(self._poses))]
            self._poses[frame] = [pose(self.board, cells, frame) for cells in self.board.cells]
        return self._poses[frame]

    def _cells(self, before: int | None, after: int) -> list[_Spread | _Flat]:
        """Cells that have come to rest or gone, or are of another size, in their light."""
        found: list[_Spread | _Flat] = []
        assert before is not None
        for cells, was, now in zip(self.board.cells, self._posed(before), self._posed(after), strict=True):
            if cells.role != "ghost":
                for state in (was, now):
                    which = ((was.resting != now.resting) | (was.size != now.size)) & state.resting
                    found += [_body(state, which), *self._shadows(state, which)]
        return found

    def _shadows(self, state: Pose, which: NDArray[np.bool_]) -> Iterator[_Spread]:
        """What cubes darken: their neighbours, and a way down to the floor, which mirrors them a little."""
        place, half = state.place[which].astype(float), 0.5 * CUBE * state.size[which]
        if not len(place):
            return
        yield _Spread(place, half + SHADE)
        height = place[:, 2] - self.board.floor
        along = np.array(SUN_DIRECTION) / -SUN_DIRECTION[2]
        softness = float(np.linalg.norm(along)) * np.tan(SUN_ANGLE / 2.0)
        for part in np.linspace(0.0, 1.0, max(2, int(height.max() / SHADOW_STEP) + 1))[1:]:
            fallen = (height * part)[:, None]
            yield _Spread(place + along * fallen, half + fallen[:, 0] * softness)
        mirrored = place * (1.0, 1.0, -1.0) + (0.0, 0.0, 2.0 * self.board.floor)
        yield _Spread(mirrored, half + 0.2 * np.minimum(height, 2.0))

    # Notes

    def _notes(self, before: int | None, after: int) -> list[_Spread | _Flat]:
        """What needs no light, where it differs; where it is, if there is nothing before."""
        board = self.board
        found: list[_Spread | _Flat] = []
        for number, cells in enumerate(board.cells):
            was, now = (None if frame is None else self._posed(frame)[number] for frame in (before, after))
            found += _plain(cells, was, now)
            found += _written(cells, was, now)
        for mover in board.movers:
            seen = [f for f in (before, after) if mover.boxes and f is not None and mover.first <= f <= mover.last]
            places = [np.array([*mover.track.at(frame), *mover.counts_at(frame)]) for frame in seen]
            if len(places) < 2 or (places[0] != places[1]).any():
                for frame in seen:
                    found += [
                        _edges(mover.track.at(frame) + center, np.array(size) + 2 * WINDOW_MARGIN, mover.bar)
                        for center, size in (*mover.boxes_at(frame), *mover.parts)
                    ]
        if before is None:
            found += [_edges(np.array(o.center), np.array(o.size), board.outline_bar) for o in board.outlines]
        for caption in board.captions:
            if (None if before is None else said(board, caption, before)) != said(board, caption, after):
                halo = caption.halo * self.screen.scale * np.array([-1.0, -1.0, 1.0, 1.0])
                found.append(_Flat(caption_box(caption, self.screen) + halo))
        return found

    # Rectangles

    def _split(self, mask: NDArray[np.bool_], top: int = 0, left: int = 0) -> Iterator[Rectangle]:
        """Cut the tiles into rectangles, again and again, as long as that saves more than one more rectangle costs."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return
        top, left = top + int(rows[0]), left + int(columns[0])
        part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        best, axis, cut = float(self._cost(*map(np.array, part.shape))), 0, 0
        for along in (0, 1):
            turned = part if along == 0 else part.T
            costs = self._bounds(turned)[:-1] + self._bounds(turned[::-1])[-2::-1]
            if len(costs) and costs.min() < best:
                best, axis, cut = float(costs.min()), along, int(costs.argmin()) + 1
        if cut:
            first, second = np.split(part, [cut], axis=axis)
            yield from self._split(first, top, left)
            yield from self._split(second, top + cut * (axis == 0), left + cut * (axis == 1))
            return
        width, height = self.board.size
        bottom, right = (top + part.shape[0]) * TILE, (left + part.shape[1]) * TILE
        yield left * TILE, top * TILE, min(right, width), min(bottom, height)

    def _cost(self, high: NDArray[np.int64], wide: NDArray[np.int64]) -> NDArray[np.float64]:
        """What it costs, in pixels, to render rectangles of so many tiles."""
        full = (high * TILE + 2.0 * self.margin) * (wide * TILE + 2.0 * self.margin) + self.call
        return np.where(high * wide > 0, full, 0.0)

    def _bounds(self, part: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What the bounds of the first 1, 2, ... rows cost."""
        filled = np.maximum.accumulate(part, axis=0)
        first, last = filled.argmax(axis=1), part.shape[1] - filled[:, ::-1].argmax(axis=1)
        rows = np.maximum.accumulate(np.where(part.any(axis=1), np.arange(1, len(part) + 1), 0))
        return self._cost(rows, np.where(filled.any(axis=1), last - first, 0))


def _plain(cells: Cells, was: Pose | None, now: Pose | None) -> Iterator[_Spread]:
    """Cells on their way, padding, and the glow of those that a window touches."""
    assert now is not None
    if was is None:
        yield _body(now, now.shown & ((now.lit > 0) | ~now.resting | (cells.role == "ghost")))
        return
    moved = (was.shown != now.shown) | (was.resting != now.resting)
    moved |= now.shown & (was.size != now.size)
    if was.place is not now.place:
        differs = (was.place != now.place).any(axis=1) | (was.ripe != now.ripe)
        moved |= now.shown & ~now.resting & differs
    if cells.role != "ghost":
        moved |= was.lit != now.lit
    for state in (was, now):
        yield _body(state, moved & state.shown)


def _written(cells: Cells, was: Pose | None, now: Pose | None) -> Iterator[_Spread]:
    """Cells whose numbers appear or go; those that have numbers, if there is nothing before."""
    assert now is not None
    for which, numbers in enumerate(cells.numbers):
        differs = now.written[which] if was is None else was.written[which] != now.written[which]
        for state in (now,) if was is None else (was, now):
            yield _body(state, numbers.cell[differs])


def _body(state: Pose, which: NDArray[np.bool_] | NDArray[np.int64]) -> _Spread:
    """The cubes themselves, and what is written on them."""
    return _Spread(state.place[which], 0.5 * CUBE * state.size[which])


def _edges(center: NDArray[np.float64], size: NDArray[np.float64], thickness: float) -> _Spread:
    """The edges of a box as bars."""
    points = []
    for axis in range(3):
        along = np.linspace(-0.5, 0.5, max(2, int(3 * size[axis]) + 1))
        for one in (-0.5, 0.5):
            for other in (-0.5, 0.5):
                points.append(np.insert(np.array([[one, other]] * len(along)), axis, along, axis=1))
    gap = 1.0 / 3.0 / 2.0  # half the distance of points along an edge, so that none of it lies between two
    return _Spread(center + np.concatenate(points) * size, thickness / 2 + gap)
