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
    screen = Screen(board)
    light = np.zeros((height, width, 4), np.float32)
    hidden = _Hidden(board, frame, screen)
    for lines in board.lines:
        for ends, line in zip(lines_at(board, lines, frame), lines.lines, strict=False):
            _add(light, ends, np.array(line.color), screen, hidden)
    result = np.zeros((height, width, 4), np.uint8)
    rows, columns = np.nonzero(light[..., 3] > 0.5 / 255)
    alpha = light[rows, columns, 3:]
    result[rows, columns, :3] = srgb_codes(light[rows, columns, :3] / alpha)
    result[rows, columns, 3:] = np.round(255.0 * alpha)
    return result


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

    def __call__(self, points: NDArray[np.float64], flat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """For points (n, 3) on one straight line, whose pixels are ``flat`` (n, 2)."""
        away = np.array([flat[0, 1] - flat[-1, 1], flat[-1, 0] - flat[0, 0]])
        away = away / (np.linalg.norm(away) or 1.0)
        low, high = np.minimum(flat[0], flat[-1]), np.maximum(flat[0], flat[-1])
        near = abs((self.flat - flat[0]) @ away) <= self.radius
        near &= (self.flat + self.radius[:, None] >= low).all(axis=1)
        near &= (self.flat - self.radius[:, None] <= high).all(axis=1)
        place, half = self.place[near].T, self.half[near]
        enter, leave = np.array(-np.inf), np.array(np.inf)
        for axis, toward in enumerate(-self.screen.view.forward):  # from a point to the viewer: in, and out
            offset, reach = place[axis] - points[:, axis, None], np.sign(toward) * half
            enter = np.maximum(enter, (offset - reach) / toward)
            leave = np.minimum(leave, (offset + reach) / toward)
        behind = (leave > np.maximum(enter, 0.0)).any(axis=1)
        crossed = (self.texts[:, :2] <= high).all(axis=1) & (self.texts[:, 2:] >= low).all(axis=1)
        for left, top, right, bottom in self.texts[crossed]:
            behind |= ((flat >= (left, top)) & (flat <= (right, bottom))).all(axis=1)
        return behind


def _add(
    light: NDArray[np.float32], ends: NDArray[np.float64], color: NDArray[np.float64], screen: Screen, hidden: _Hidden
) -> None:
    """Lay a line over what is there: ``light`` (height, width, 4) is linear, multiplied with its alpha."""
    start, end = screen.pixels(ends)
    length = float(np.linalg.norm(end - start))
    if length < 1e-6:
        return
    along = (end - start) / length
    major = int(abs(along[1]) > abs(along[0]))
    low, high = sorted((start[major], end[major]))
    steps = np.arange(int(np.floor(low)), int(np.ceil(high)) + 1) + 0.5  # pixels' middles
    share = ((steps - start[major]) / (end - start)[major]).clip(0.0, 1.0)
    points, flat = ends[0] + (ends[1] - ends[0]) * share[:, None], start + (end - start) * share[:, None]
    radius = max(LEAST_RADIUS, LINE_RADIUS * screen.scale)
    reach = int(np.ceil(np.sqrt(2.0) * (radius + FILTER / 2) + 0.5))  # a line may lie as askew as at 45 degrees
    across = np.floor(flat[:, 1 - major])[:, None] + np.arange(-reach, reach + 1) + 0.5
    middle = np.empty((*across.shape, 2))
    middle[..., major], middle[..., 1 - major] = steps[:, None], across
    offset = middle - start
    side = abs(offset[..., 0] * along[1] - offset[..., 1] * along[0])
    onward = offset @ along
    cover = _within(side, radius) * _within(abs(onward - length / 2), length / 2)
    cover *= ~hidden(points, flat)[:, None]
    column, row = (middle - 0.5).astype(int).transpose(2, 0, 1)
    height, width = light.shape[:2]
    on = (cover > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    alpha, at = cover[on][:, None], (row[on], column[on])
    light[at] = np.concatenate([color * alpha, alpha], axis=1) + light[at] * (1.0 - alpha)


def _within(distance: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """How much of a pixel's filter lies within ``half`` of the middle of something that is so far away."""
    upper, lower = (np.interp(limit - distance, _OFFSETS, _SUMMED) for limit in (half, -half))
    return upper - lower
