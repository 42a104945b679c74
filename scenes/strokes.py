"""Lines as they are seen: a pixel wide, hidden by the cells before them, broken where a text stands.

A renderer would have to look at every pixel that a line sweeps over, again and again; their place is plain arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .form import CUBE, LINE_RADIUS
from .palette import srgb_codes
from .pose import lines_at, pose
from .screen import Screen, caption_box, said
from .story import Storyboard

FILTER = 1.5
"""Width of the pixel filter, a Blackman-Harris window as Cycles', in pixels."""
CLEAR = 3.0
"""Pixels around a text that lines keep clear of."""
LEAST_RADIUS = 0.4
"""Of a line, in pixels, however small the cells are."""

_OFFSETS = np.linspace(-FILTER / 2, FILTER / 2, 257)
_TURNS = 2.0 * np.pi * _OFFSETS / FILTER
_WINDOW = 0.35875 + 0.48829 * np.cos(_TURNS) + 0.14128 * np.cos(2 * _TURNS) + 0.01168 * np.cos(3 * _TURNS)
_SUMMED = np.cumsum(_WINDOW) / np.sum(_WINDOW)
"""The filter's integral up to each offset (Harris, "On the use of windows for harmonic analysis", 1978)."""


def drawn(board: Storyboard, frame: int) -> NDArray[np.uint8]:
    """The lines of a frame: (height, width, 4), sRGB and an alpha that the colours are not multiplied with."""
    width, height = board.size
    screen = Screen(board, frame)
    light, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    hidden = _Hidden(board, frame, screen)
    for lines in board.lines:
        for ends, line in zip(lines_at(board, lines, frame), lines.lines, strict=False):
            _add(light, cover, ends, np.array(line.color), screen, hidden)
    result = np.zeros((height * width, 4), np.uint8)
    seen = np.flatnonzero(cover > 0.5 / 255)
    alpha = cover.reshape(-1, 1)[seen]
    result[seen] = np.concatenate(
        [srgb_codes(light.reshape(-1, 3)[seen] / alpha), np.round(255.0 * alpha).astype(np.uint8)], axis=1
    )
    return result.reshape(height, width, 4)


class _Hidden:
    """Which points in space cannot be seen: behind a cell, or beneath a text."""

    def __init__(self, board: Storyboard, frame: int, screen: Screen) -> None:
        self.screen = screen
        states = [(pose(board, cells, frame)) for cells in board.cells if cells.role != "ghost"]
        self.place = np.concatenate([np.zeros((0, 3)), *(s.place[s.shown] for s in states)])
        self.half = np.concatenate([np.zeros(0), *(0.5 * CUBE * s.size[s.shown] for s in states)])
        self.flat = screen.pixels(self.place)
        self.radius = self.half * float(np.hypot(*screen.sides)) * screen.scale
        told = [caption_box(c, screen) for c in board.captions if said(board, c, frame) is not None]
        self.texts = np.array(told).reshape(-1, 4) + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR])

    def __call__(
        self, ends: NDArray[np.float64], flat: NDArray[np.float64], share: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """For the points between two ``ends`` (2, 3), on the screen ``flat`` (2, 2), at shares (n,) of the way."""
        away = np.array([flat[0, 1] - flat[1, 1], flat[1, 0] - flat[0, 0]]) / np.linalg.norm(flat[1] - flat[0])
        low, high = flat.min(axis=0), flat.max(axis=0)
        near = abs((self.flat - flat[0]) @ away) <= self.radius
        near &= (self.flat + self.radius[:, None] >= low).all(axis=1)
        near &= (self.flat - self.radius[:, None] <= high).all(axis=1)
        counted = np.zeros(len(share) + 1, np.int64)
        first, last = self._behind(ends, near, np.sort(share))
        np.add.at(counted, first, 1)
        np.add.at(counted, last, -1)
        behind = counted[:-1].cumsum() > 0
        behind = behind if share[0] <= share[-1] else behind[::-1]
        crossed = (self.texts[:, :2] <= high).all(axis=1) & (self.texts[:, 2:] >= low).all(axis=1)
        spots = flat[0] + (flat[1] - flat[0]) * share[:, None]
        for left, top, right, bottom in self.texts[crossed]:
            behind = behind | ((spots >= (left, top)) & (spots <= (right, bottom))).all(axis=1)
        return behind

    def _behind(
        self, ends: NDArray[np.float64], near: NDArray[np.bool_], share: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each cube that is near: from which to before which of the shares, in rising order, it hides the line.

        A ray from the point at share ``t`` to the viewer is within a cube's slab of an axis from ``enter + slope t`` to
        ``leave + slope t``. It meets the cube where all three overlap before the viewer: inequalities ``k t < c``.
        """
        toward = -self.screen.view.forward
        middle, half = (self.place[near] - ends[0]) / toward, self.half[near, None] / abs(toward)
        enter, leave, slope = (middle - half).T, (middle + half).T, -(ends[1] - ends[0]) / toward
        low, high = np.full(len(middle), -np.inf), np.full(len(middle), np.inf)
        bounds = [(slope[a] - slope[b], leave[b] - enter[a]) for a in range(3) for b in range(3) if a != b]
        for k, c in bounds + [(-slope[a], leave[a]) for a in range(3)]:
            if k > 0:
                high = np.minimum(high, c / k)
            elif k < 0:
                low = np.maximum(low, c / k)
            else:
                high = np.where(c > 0, high, -np.inf)
        first = np.searchsorted(share, low, side="right")
        return first, np.maximum(first, np.searchsorted(share, high, side="left"))


def _add(
    light: NDArray[np.float32],
    cover: NDArray[np.float32],
    ends: NDArray[np.float64],
    color: NDArray[np.float64],
    screen: Screen,
    hidden: _Hidden,
) -> None:
    """Lay a line over what is there: ``light`` (h, w, 3) is linear, multiplied with ``cover`` (h, w)."""
    start, end = between = screen.pixels(ends)
    length = float(np.linalg.norm(end - start))
    if length < 1e-6:
        return
    along = (end - start) / length
    major = int(abs(along[1]) > abs(along[0]))
    low, high = sorted((start[major], end[major]))
    steps = np.arange(int(np.floor(low)), int(np.ceil(high)) + 1) + 0.5  # pixels' middles
    share = ((steps - start[major]) / (end - start)[major]).clip(0.0, 1.0)
    seen = ~hidden(ends, between, share)
    steps, share = steps[seen], share[seen]
    at_minor = start[1 - major] + (end - start)[1 - major] * share
    radius = max(LEAST_RADIUS, LINE_RADIUS * screen.scale)
    reach = int(np.ceil(np.sqrt(2.0) * (radius + FILTER / 2) + 0.5))  # a line may lie as askew as at 45 degrees
    across = np.floor(at_minor)[:, None] + np.arange(-reach, reach + 1) + 0.5
    middle = np.empty((*across.shape, 2))
    middle[..., major], middle[..., 1 - major] = steps[:, None], across
    offset = middle - start
    side = abs(offset[..., 0] * along[1] - offset[..., 1] * along[0])
    onward = offset @ along
    alpha = _within(side, radius) * _within(abs(onward - length / 2), length / 2)
    column, row = (middle - 0.5).astype(int).transpose(2, 0, 1)
    height, width = cover.shape
    on = (alpha > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    at, over = (row[on], column[on]), alpha[on]
    light[at] = color * over[:, None] + light[at] * (1.0 - over)[:, None]
    cover[at] = over + cover[at] * (1.0 - over)


def _within(distance: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """How much of a pixel's filter lies within ``half`` of the middle of something that is so far away."""
    upper, lower = (np.interp(limit - distance, _OFFSETS, _SUMMED) for limit in (half, -half))
    return upper - lower
