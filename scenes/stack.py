"""Rows of moments, as causal networks have: one below the other, the last moment of all at one place.

So one sees which moments are alike, and that none looks ahead. A row's label stands at its end, and the filters that
read it before its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from .layout import (
    BOTTOM,
    CAPITAL,
    DIRECTION,
    SIDE,
    TOP,
    WINDOW_ROOM,
    Frame,
    Item,
    Page,
    View,
    _box_size,
    _plan,
    _spread,
    beside_gap,
    label_texts,
    least,
    lowest,
    said_best,
    text_ascent,
    text_descent,
    text_width,
)

GAP, MORE_GAP, BEFORE = 0.8, 1.6, 1.0
"""Between rows, besides where there is room, and between these and filters, in cells."""

_Row = tuple[Item, list[Item]]
"""A tensor, and the filters that write it."""
_Boxes = dict[str, tuple[float, float, float, float]]
"""By item, in units: left, bottom, width, height."""


def stack(items: Sequence[Item], size: tuple[int, int], top_lines: float, bottom_lines: float) -> Frame | None:
    """All items, as large as the picture allows; see :func:`.layout.arrange`.

    None where they are not rows of moments with one filter between them, or where their words leave no room.
    """
    page, view = Page.of(size), View.along(DIRECTION)
    if not all(item.timed and item.lanes == item.per_lane == 1 and not item.notes for item in items):
        return None
    rows = _rows(items)

    def needed(width: float, style: int) -> tuple[float, float]:
        """How much room all takes in a picture so many units wide."""
        capital = CAPITAL["label"] * width / page.width
        left, bottom, right, top = _around(_boxes(rows, view, _line(rows, style) * capital).values())
        before, after = _words(rows, style, capital)
        return right - left + before + after, top - bottom

    def fits(width: float, style: int) -> bool:
        _, *room = page.room(width, top_lines + TOP, bottom_lines + BOTTOM)
        return all(takes <= has for takes, has in zip(needed(width, style), room, strict=True))

    def least_width(style: int) -> float:
        return least(lambda width: fits(width, style)) if len(label_texts(items[0], style)) == 1 else inf

    width, style = said_best(items, page, least_width)
    if width == inf:
        return None
    pixel, free_width, free_height = page.room(width, top_lines + TOP, bottom_lines + BOTTOM)
    capital = CAPITAL["label"] * pixel
    taken, high = needed(width, style)
    before, _ = _words(rows, style, capital)
    boxes = _boxes(rows, view, _line(rows, style) * capital, min((free_height - high) / len(rows), MORE_GAP))
    left, bottom, _, top = _around(boxes.values())
    x0 = (free_width - taken) / 2.0 + before - left
    y0 = (free_height - top + bottom) / 2.0 - bottom
    gap, placed = beside_gap(capital), []
    for item in items:
        x, y, wide, high = boxes[item.name]
        plan = _plan(item, 1, (1, 1), (wide, high), 0.0, (0.0, 0.0), False, False)
        middle = y0 + y + (item.padded[1] * float(view.up[2]) - capital) / 2.0
        if item.name.startswith("filters-"):
            beside = x0 + x - gap, middle, "right"
        else:
            beside = x0 + x + wide + gap, middle + item.padded[2] * float(view.up[0]), "left"
        placed.append(replace(_spread(plan, view, x0 + x, y0 + y, False, capital), label_beside=beside))
    center = np.array([page.width / 2.0 - SIDE, page.height / 2.0 - bottom_lines - BOTTOM]) * pixel
    floor = min(map(lowest, placed))
    return Frame(tuple(placed), view, width, page.height * pixel, pixel, center, floor, page.tall, style)


def _rows(items: Sequence[Item]) -> list[_Row]:
    rows: list[_Row] = []
    waiting: list[Item] = []
    for item in items:
        if item.name.startswith("filters-"):
            waiting.append(item)
        else:
            rows.append((item, waiting))
            waiting = []
    return rows


def _boxes(rows: Sequence[_Row], view: View, line: float, more: float = 0.0) -> _Boxes:
    """Where all is: rows end on the right at 0, and lie along the columns' axis, which rises to the right.

    Filters stand where the row that they read begins, and none before it has begun. Rows are so far apart that
    a ``line`` has room, and ``more`` than they need to be.
    """
    slope = float(view.up[0] / view.right[0])
    boxes: _Boxes = {}
    ground = begins = 0.0
    for row, filters in rows:
        for item in filters:
            wide, high = _box_size(item.padded, view)
            boxes[item.name] = begins - BEFORE - wide, ground + slope * begins, wide, high
        wide, high = _box_size(row.padded, view)
        sides = [item.padded for item in (row, *filters)]
        thick = max(h * float(view.up[2]) + c * float(view.up[1]) for c, h, _ in sides)
        ground -= max(thick + GAP, line) + more
        boxes[row.name] = -wide, ground - slope * wide, wide, high
        begins = min(begins, -wide)
    return boxes


def _around(boxes: Iterable[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of all."""
    every = np.array(list(boxes))
    (left, bottom), (right, top) = every[:, :2].min(axis=0), (every[:, :2] + every[:, 2:]).max(axis=0)
    return float(left), float(bottom), float(right), float(top)


def _line(rows: Sequence[_Row], style: int) -> float:
    """How much room a label takes in height, in capitals."""
    texts = [text for row, _ in rows for text in label_texts(row, style)]
    return max(map(text_ascent, texts)) + max(map(text_descent, texts)) if texts else 0.0


def _words(rows: Sequence[_Row], style: int, capital: float) -> tuple[float, float]:
    """How wide labels are, before filters and after rows."""
    sides = [item for _, filters in rows for item in filters], [row for row, _ in rows]
    texts = [[text_width(text) for item in side for text in label_texts(item, style)] for side in sides]
    before, after = (max(widths) * capital + beside_gap(capital) if widths else WINDOW_ROOM for widths in texts)
    return before, after
