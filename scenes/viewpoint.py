"""Cameras that see more than one side of the layout: in perspective, or round on a turntable.

All is laid out for an eye that is infinitely far along one direction. Another eye sees it askew, and something may
cover what it did not: so the camera comes only as near, or turns only so far, that nothing does. Units are cells.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf, radians, sin

import numpy as np
from numpy.typing import NDArray

from .layout import (
    BOTTOM,
    CAPITAL,
    DESCENDER,
    DIRECTION,
    LABEL_GAP,
    MARK_GAP,
    SIDE,
    TOP,
    WINDOW_ROOM,
    Eye,
    Frame,
    Item,
    Page,
    Placed,
    View,
    arrange,
    label_size,
    mark_corner,
    mark_drop,
    text_ascent,
    text_width,
    widest_mark,
)
from .story import turned

DISTANCES = (1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.5, 8.0)
"""From which the eye may see in perspective, in the longer side of the picture: from the nearest that can be."""
ANGLES = (20.0, 16.0, 12.0, 8.0, 5.0)
"""By how many degrees a turntable may turn to either side: the most that can be."""
APART = (0, 1, 2, 4)
"""By how many cells more than usual blocks may have to stand apart."""
BEFORE = 1.5
"""How much nearer than the layout's cells anything may come: cells on their way, windows."""
SLACK = 5.0
"""How far anything may reach out of the free area, in reference pixels: around blocks there are windows, too."""

_CORNERS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))


def arrange_near(items: Sequence[Item], size: tuple[int, int], top_lines: float, bottom_lines: float) -> Frame:
    """Place all items as :func:`.layout.arrange` does, for an eye that sees them in perspective.

    Its target is as near as the nearest of them. So all are seen nearer to the picture's centre than from infinitely
    far, and none comes out of the picture.
    """
    for apart in APART:
        frame = _arranged(items, apart, size, top_lines, bottom_lines)
        target = _target(frame, min(_depths(frame)) - BEFORE)
        for distance in DISTANCES:
            eyes = (Eye(frame.view, target, distance * max(frame.width, frame.height)),)
            if _sees_all(frame, eyes, top_lines, bottom_lines):
                return replace(frame, eyes=eyes)
    return arrange(items, size, top_lines, bottom_lines)


def arrange_turning(items: Sequence[Item], size: tuple[int, int], top_lines: float, bottom_lines: float) -> Frame:
    """Place all items for a camera that turns about their middle; the frame's eyes are those on its way.

    A turn lets one end of a row rise and the other sink in the picture: there must be room for that.
    """
    across, tilt = Page.of(size).safe_width / 2.0, -float(View.along(DIRECTION).forward[2])
    for angle, apart in itertools.product(map(radians, ANGLES), APART):
        rise = across * sin(angle) * tilt
        frame = _arranged(items, apart, size, top_lines + rise, bottom_lines + rise)
        target = _target(frame, sum(_depths(frame)) / 2.0)
        eyes = tuple(Eye(View.along(turned(DIRECTION, share * angle)), target) for share in (0.0, -1.0, -0.5, 0.5, 1.0))
        if _sees_all(frame, eyes, top_lines, bottom_lines):
            return replace(frame, eyes=eyes, turn=angle)
    return arrange(items, size, top_lines, bottom_lines)


def _arranged(items: Sequence[Item], apart: int, size: tuple[int, int], top_lines: float, bottom_lines: float) -> Frame:
    """Place all items, with so much more room on the right of each block."""
    frame = arrange([_roomy(item, apart) for item in items], size, top_lines, bottom_lines)
    known = {item.name: item for item in (*items, *(item.above for item in items if item.above))}
    placed = []
    for each in frame.placed:
        own = {field: getattr(each.item, field) for field in ("marks", "beside", "notes")}
        placed.append(replace(each, item=replace(known[each.item.name], **own)))
    return replace(frame, placed=tuple(placed))


def _roomy(item: Item, apart: int) -> Item:
    """The item, and what stands above it, with so much more room on the right."""
    (before, after), rest = item.pad[2], item.pad[:2]
    above = _roomy(item.above, apart) if item.above else None
    return replace(item, pad=(*rest, (before, after + apart)), above=above)


def _corners(placed: Placed) -> NDArray[np.float64]:
    """Of all blocks with the windows around them, ``(slots, 8, 3)``."""
    item = placed.item
    base = placed.base[item.elision.block_of_slot()]
    channels, rows, columns = item.dims
    (near, far), (above, below), (left, right) = item.pad
    low = np.array([-left, -near, -(rows - 1.0) - below]) - 0.5 - WINDOW_ROOM
    high = np.array([columns - 1.0 + right + item.bias_room, channels - 1.0 + far, above]) + 0.5 + WINDOW_ROOM
    return base[:, None] + low + _CORNERS * (high - low)


def _depths(frame: Frame) -> tuple[float, float]:
    """How far along the look the nearest and the farthest corner are."""
    depths = np.concatenate([(_corners(p) @ frame.view.forward).ravel() for p in frame.placed])
    return float(depths.min()), float(depths.max())


def _target(frame: Frame, depth: float) -> NDArray[np.float64]:
    """What is seen in the picture's centre, so far along the look."""
    point = frame.view.on_wall(float(frame.center[0]), float(frame.center[1]))
    return point + frame.view.forward * (depth - point @ frame.view.forward)


def foot(placed: Placed, eyes: Iterable[Eye]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """The world point that an item's label is fixed to, and from there, in the picture, the label's top and middle.

    For all eyes alike: the label is below what they see of the item.
    """
    corners = _corners(placed).reshape(-1, 3)
    low, high = corners.min(axis=0), corners.max(axis=0)
    anchor = np.array([*(low + high)[:2] / 2.0, low[2]])
    seen = np.array([eye.seen(corners) - eye.seen(anchor) for eye in eyes])
    first = seen[0, :, 0]
    return anchor, (float(first.min() + first.max()) / 2.0, float(seen[..., 1].min()))


def mark_foot(
    placed: Placed, block: int, capital: float, eyes: Sequence[Eye]
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """The world point that a block's mark is fixed to, and where, from there, it ends on its baseline, clear of it."""
    corner = mark_corner(placed, block)
    if placed.item.beside:
        block_corners = _corners(placed)[placed.item.elision.block_of_slot() == block]
        left = min(float((eye.seen(block_corners) - eye.seen(corner))[..., 0].min()) for eye in eyes)
        return corner, (left - LABEL_GAP * capital, -mark_drop(placed.item, capital, eyes[0].view))
    back, wide = np.array([0.0, placed.item.padded[0], 0.0]), widest_mark(placed.item) * capital
    rises = []
    for eye in eyes:
        left, rise = eye.seen(corner + back) - eye.seen(corner)
        rises.append(min(wide * rise / -left if left < 0 else inf, rise))
    return corner, (0.0, float(max(rises)) + MARK_GAP + DESCENDER * capital)


def _sees_all(frame: Frame, eyes: tuple[Eye, ...], top_lines: float, bottom_lines: float) -> bool:
    """Whether for all eyes all blocks and their words are apart, in the picture, and seen from the same sides."""
    edge, low = frame.width / 2 - SIDE * frame.pixel, frame.height / 2 - (bottom_lines + BOTTOM) * frame.pixel
    area = np.array([-edge, -low, edge, frame.height / 2 - (top_lines + TOP) * frame.pixel])
    area += np.array([-1.0, -1.0, 1.0, 1.0]) * SLACK * frame.pixel
    blocks = [_corners(p) for p in frame.placed]
    corners = np.concatenate(blocks)
    labels = [(*foot(p, eyes), label_size(p.item, frame.pixel, frame.label_style)) for p in frame.placed]
    capital = CAPITAL["label"] * frame.pixel
    marks, own = [], [-1] * len(labels)
    for placed, first in zip(frame.placed, np.cumsum([0, *map(len, blocks)]), strict=False):
        for slot, (block, text) in enumerate(
            zip(placed.item.elision.block_of_slot().tolist(), placed.item.marks, strict=False)
        ):
            marks.append((*mark_foot(placed, block, capital, eyes), text))
            own.append(int(first) + slot)
    for eye in eyes:
        if (eye.toward(corners) * -eye.view.forward <= 0).any():
            return False
        seen = eye.seen(corners)
        boxes = np.concatenate([seen.min(axis=1), seen.max(axis=1)], axis=1)
        words = []
        for (anchor, (x, y), (wide, high)), placed in zip(labels, frame.placed, strict=True):
            left, top = eye.seen(anchor) + np.array([x - wide / 2.0, y - placed.label_drop])
            words.append((left, top - high + WINDOW_ROOM, left + wide, top))
        for corner, end, text in marks:
            right, line = eye.seen(corner) + np.array(end)
            words.append((right - text_width(text) * capital, line, right, line + text_ascent(text) * capital))
        if not _apart(boxes, np.array(words), np.array(own), area):
            return False
    return True


def _apart(
    blocks: NDArray[np.float64], words: NDArray[np.float64], own: NDArray[np.int64], area: NDArray[np.float64]
) -> bool:
    """Whether rectangles are in an area and apart; a word may be over its ``own`` block, if that is not -1."""
    every = np.concatenate([blocks, words])
    if (every[:, :2] < area[:2]).any() or (every[:, 2:] > area[2:]).any():
        return False
    both, told, over = _overlap(blocks, blocks), _overlap(words, words), _overlap(words, blocks)
    np.fill_diagonal(both, False)
    np.fill_diagonal(told, False)
    over[np.flatnonzero(own >= 0), own[own >= 0]] = False
    return not (both.any() or told.any() or over.any())


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rectangles (n, 4) overlap which (m, 4)."""
    return (one[:, None, :2] < other[:, 2:]).all(axis=2) & (other[:, :2] < one[:, None, 2:]).all(axis=2)
