"""Many stages, one at a time: where their things stand so that a travelling camera shows each stage large.

A *section* is what a stage shows: its input, its filters, its output. All items follow each other on one line, as in a
picture that is seen at once, but every section takes the whole length of a picture of its own. Its input stands at one
end, its output at the other, and what belongs to other sections is outside. Units are cells, as in :mod:`.layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import inf

import numpy as np
from numpy.typing import NDArray

from .layout import (
    BESIDE,
    BOTTOM,
    CAPITAL,
    DIRECTION,
    LARGER,
    MARKS_BESIDE,
    SEEN,
    SIDE,
    TOP,
    Frame,
    Item,
    Page,
    Placed,
    Stop,
    View,
    _fit,
    _gap,
    _Plan,
    _plan,
    _spread_all,
    _with_above,
    arrange,
    label_size,
    least,
    lowest,
    mark_room,
    said_best,
    with_lanes_across,
    with_marks_beside,
    without_pad,
)
from .stack import stack

READABLE = 10.0
"""Where cells are smaller than this, in pixels of a 480-pixel-high picture, the camera travels."""
CLOSER = 1.1
"""It travels where they become so much larger, on average, if not all of them can be seen at once."""
LARGEST = 20.0
"""In the same pixels: the camera comes no nearer than to cells of this size."""
LARGEST_ALONE = 40.0
"""The same where the last tensor stands alone."""
SHARE_ALONE = 0.95
"""It takes no more than this share of the free height, its label included, or width."""
REVIEWED = 4.0
"""It stands alone if cells were smaller than this in a picture of all tensors, or than where all is seen at once."""
STACKED = 0.95
"""Rows of moments stand below each other where that leaves cells no smaller than this share of their size."""
ROOMY = 0.9
"""It has the numbers of groups and channels where cells are no smaller than this share of their size without."""
REVIEW_HEIGHT = 100.0
"""For such a picture there is at least so much height, in reference pixels."""
CLEAR = 8.0
"""Between the picture's edge, or that of the band, and what belongs to other sections; in the same pixels."""
WORTH_IT = 1.1
"""So much wider all pictures may be for the sake of one that has in it what is added in the end."""
WAY = 17
"""On so many moments of each of its ways it is looked at what a camera sees."""
EDGE = 5.0
"""How far the band reaches beyond the things in it."""
ALIKE = 1.5
"""The widths of sections that are made equal are within this factor."""
ROUNDS = 3
"""How often each section's width is brought nearer to the least that its neighbours leave it."""


@dataclass(frozen=True)
class Result:
    """What the last picture's words leave of it to the last tensor: that much less at its right, top and bottom.

    In reference pixels, besides the safe margins.
    """

    right: float
    top: float
    bottom: float


def arrange_stages(
    items: Sequence[Item],
    size: tuple[int, int],
    top_lines: float,
    bottom_lines: float,
    camera: str = "isometric",
    stages: Sequence[Item] | None = None,
    results: Sequence[Result] = (),
    together: bool = False,
    review: Sequence[Item] = (),
    alone: bool = True,
) -> Frame:
    """Place all items as :func:`.layout.arrange` does, or for a camera that travels from stage to stage.

    It travels where the cells of all at once are too small and become larger, on average by LARGER; a "dolly" does in
    any case, and a camera that is "still" never. Tensors are the items called "input" and "output-...". ``stages``, if
    given, are the items that stand there then: more than these, for what is seen at several stages. With ``results``
    the last of its pictures is of the last tensor alone, where one of them leaves it most; if that and what it is made
    of are to be seen ``together``, it is that of the last stage once more, unless that makes all cells much smaller.
    Those of a ``review``, side by side, take the last tensor's place, unless they are too small; then there is no such
    picture if it is not to be seen ``alone``.
    """
    whole = arrange(items, size, top_lines, bottom_lines)
    stacked = stack(items, size, top_lines, bottom_lines)
    if stacked and stacked.least_cell >= STACKED * whole.least_cell:
        whole = stacked
    items = stages or items
    tensors = [i for i, item in enumerate(items) if item.name == "input" or item.name.startswith("output-")]
    if camera == "still" or len(tensors) < 3 or (camera != "dolly" and whole.pixel * READABLE <= 1.0):
        return whole
    below = _review(review, size, results, min(whole.pixel, 1.0 / REVIEWED))
    if below is not None or not alone:
        results = ()

    def row(things: Sequence[Item]) -> Frame | None:
        return _Row(things, tensors, size, top_lines, bottom_lines, results, together, below).frame()

    def marked(things: Sequence[Item], above: Frame | None) -> Frame | None:
        """The row, its marks where these leave cells larger, and those of no stage smaller."""
        found = map(row, with_marks_beside(things) if above is not None else [])
        beside = min(filter(None, found), key=_unit, default=None)
        worth = beside and above and _unit(beside) * MARKS_BESIDE <= _unit(above) and _widest(beside) <= _widest(above)
        return beside if worth else above

    parts, across = marked(items, row(items)), with_lanes_across(items)
    if together and parts is not None:
        together = False
        by_itself = marked(items, row(items))
        together = by_itself is None or _widest(parts) <= WORTH_IT * _widest(by_itself)
        parts = parts if together else by_itself
    if parts is not None and across != list(items):
        apart = marked(across, row(across))
        if apart is not None and _unit(apart) <= BESIDE * _unit(parts):
            parts = apart
    if parts is None or camera == "dolly":
        return parts or whole
    enough = LARGER if whole.least_cell >= SEEN else CLOSER
    larger = max(stop.pixel for stop in parts.stops) <= whole.pixel and _unit(parts) * enough <= whole.pixel
    return parts if larger else whole


def _review(items: Sequence[Item], size: tuple[int, int], results: Sequence[Result], most: float) -> Frame | None:
    """The items below what one of these results says, as large as can be; None where a pixel is more units than this,
    or there is no room for their labels. Groups and channels have their numbers where these take little room: all, or
    those of one thing after another."""
    high = Page.of(size).safe_height
    roomy = [result for result in results if not result.right and high - result.top - result.bottom >= REVIEW_HEIGHT]

    def largest(things: Sequence[Item]) -> Frame | None:
        frames = [arrange(things, size, result.top, result.bottom) for result in roomy if things]
        return min((f for f in frames if f.label_style >= 0), key=lambda frame: frame.pixel, default=None)

    heights = [item.mark_height for item in items if item.mark_height is not None]
    most = min([most, *(height / min(CAPITAL.values()) for height in heights)])
    things = [item if item.mark_height is not None else replace(item, marks=()) for item in items]
    best = largest(things)
    if best is None or best.pixel > most:
        return None
    most = min(most, best.pixel / ROOMY)
    for chosen in (items, *([item] for item in items if item.marks and item.mark_height is None)):
        marked = [item if item in chosen else thing for item, thing in zip(items, things, strict=True)]
        if marked != things and (frame := largest(marked)) and frame.pixel <= most:
            best, things = frame, marked
    return best


def _unit(frame: Frame) -> float:
    """How many units a reference pixel is, on average over the stops."""
    return sum(stop.pixel for stop in frame.stops) / len(frame.stops)


def _widest(frame: Frame) -> float:
    """How many units a reference pixel is at most while stages are played."""
    return max(stop.pixel for stop in frame.stops[:-1])


class _Row:
    """The items on one line, the numbers of the ``tensors`` among them; the rest as arrange has it."""

    def __init__(
        self,
        items: Sequence[Item],
        tensors: list[int],
        size: tuple[int, int],
        top_lines: float,
        bottom_lines: float,
        results: Sequence[Result],
        together: bool,
        review: Frame | None = None,
    ) -> None:
        self.items, self.page, self.results, self.review = items, Page.of(size), results, review
        self.result = results[0] if results else None
        self.alone = self.result is not None and not together
        """Whether the last section is the last tensor's, beside the words of the result; else these are in the last."""
        self.sections = [range(a, b + 1) for a, b in pairwise(tensors)]
        if self.alone:
            self.sections.append(range(tensors[-1], tensors[-1] + 1))
        self.top, self.bottom = top_lines + TOP, bottom_lines + BOTTOM
        self.view = View.along(DIRECTION)
        self.tall = self.page.tall
        self.flow = 1 if self.tall else 0
        self.style = 0
        self.plans: list[_Plan] = []
        self.capitals: list[float] = []
        """Of each item's marks, at most."""
        self.widths: list[float] = []

    def frame(self) -> Frame | None:
        """None where words alone are too much for a picture."""
        width, style = said_best(self.items, self.page, lambda style: least(partial(self._all_fit, style)))
        if width == inf:
            return None
        self.style = style
        plans = self._fit(range(len(self.items)), width, style)
        assert plans is not None
        self.plans = [self._bare(plan) for plan in plans]
        self.capitals = [CAPITAL["label"] * self._room(width)[0]] * len(plans)
        self._draw_near(width)
        return self._placed()

    def _room(self, width: float) -> tuple[float, float, float]:
        """Units per reference pixel; width and height of the free area."""
        return self.page.room(width, self.top, self.bottom)

    def _insets(self, number: int) -> tuple[float, float, float]:
        """At the right, the top and the bottom of a section's picture, in reference pixels, beside the side margins."""
        if self.result is None or number < len(self.sections) - 1:
            return 0.0, self.top, self.bottom
        top, bottom = self.result.top + TOP, self.result.bottom + BOTTOM
        return self.result.right, *((top, bottom) if self.alone else (max(top, self.top), max(bottom, self.bottom)))

    def _area(self, number: int, width: float) -> tuple[float, float]:
        """Width and height of the free area in the picture of a section."""
        pixel, wide, _ = self._room(width)
        right, top, bottom = self._insets(number)
        return wide - right * pixel, (self.page.height - top - bottom) * pixel

    def _fit(self, chosen: range, width: float, style: int) -> list[_Plan] | None:
        pixel, free_width, free_height = self._room(width)
        if min(free_width, free_height) <= 0:
            return None
        room = (free_width, inf) if self.tall else (inf, free_height)
        return _fit([self.items[i] for i in chosen], 1, self.view, pixel, *room, self.tall, style, True)

    # One width for all: it decides how tensors are arranged, which are seen in two sections

    def _all_fit(self, style: int, width: float) -> bool:
        plans = self._fit(range(len(self.items)), width, style)
        if plans is None:
            return False
        gap = max(_gap(self.tall), self._margin * self._room(width)[0])
        lengths = [plan.size[self.flow] + (plan.label[1] if self.tall else 0.0) for plan in plans]
        for number, section in enumerate(self.sections):
            area = self._area(number, width)
            across = max(self._across(plans[i], plans[i].label) for i in section)
            needed = sum(lengths[i] for i in section) + (len(section) - 1) * gap
            if needed > area[self.flow] or across > area[1 - self.flow] + 1e-9:
                return False
        return True

    def _across(self, plan: _Plan, label: tuple[float, float]) -> float:
        """What an item takes across the line, its label included."""
        return max(plan.size[0], label[0]) if self.tall else plan.size[1] + label[1]

    @property
    def _margin(self) -> float:
        """Between a section's things and those of others, in reference pixels."""
        return CLEAR + (EDGE if self.tall else SIDE)

    # A width for each: no more than its things, its neighbours' margins and LARGEST need

    def _bare(self, plan: _Plan) -> _Plan:
        """The same, but not as wide as its label."""
        beside = self.tall and plan.above is not None
        bare = _plan(plan.item, plan.across, plan.inner, plan.lane, plan.pitch, plan.label, self.tall, beside)
        return _with_above(bare, plan.above, self.tall) if plan.above else bare

    def _nearest(self, number: int) -> float:
        """How wide the picture of a section is at least: its cells are not larger than that."""
        largest = LARGEST_ALONE if self._is_result(number) else LARGEST
        return self.page.width / largest

    def _is_result(self, number: int) -> bool:
        return self.alone and number == len(self.sections) - 1

    def _draw_near(self, enough: float) -> None:
        self.widths = [enough] * len(self.sections)
        if self.result:
            self.result = min(self.results, key=self._width_beside)
        for _ in range(ROUNDS):
            for number, width in enumerate(self.widths):
                self.widths[number] = min(width, max(self._nearest(number), least(partial(self._fits, number))))
        self._even_out(enough)
        for number, width in enumerate(self.widths):
            for i, plan in (self._own(number, width) or {}).items():
                self.plans[i], self.capitals[i] = plan, CAPITAL["label"] * self._room(width)[0]

    def _width_beside(self, result: Result) -> float:
        """How wide the last picture is at least with such words."""
        self.result, last = result, len(self.sections) - 1
        return max(self._nearest(last), least(partial(self._fits, last)))

    def _even_out(self, enough: float) -> None:
        """Sections that follow each other and differ little have one width, and their words one size.

        ``enough`` is a width that all may have. The last tensor alone is as large as can be.
        """
        runs = [[0]]
        for number in range(1, len(self.widths) - self.alone):
            run = [self.widths[i] for i in (*runs[-1], number)]
            if max(run) <= ALIKE * min(run):
                runs[-1].append(number)
            else:
                runs.append([number])
        for run in runs:
            for number in run:
                self.widths[number] = max(self.widths[i] for i in run)
        # A wider picture shows more of what is beside it: its neighbours may have to make room, and so on.
        for _ in self.widths:
            tight = [number for number, width in enumerate(self.widths) if not self._fits(number, width)]
            for number in tight:
                self.widths[number] = min(enough, max(self.widths[number], least(partial(self._fits, number))))
            if not tight:
                return
        self.widths = [enough] * len(self.widths)

    def _own(self, number: int, width: float) -> dict[int, _Plan] | None:
        """The arrangement of what only this section has, and no lanes, which are followed by eye from item to item."""
        section = self.sections[number]
        plans = self._fit(section, width, self.style)
        if plans is None:
            return None
        inner = list(zip(section, plans, strict=True))[1:-1]
        return {i: self._bare(plan) for i, plan in inner if plan.item.lanes == 1}

    def _fits(self, number: int, width: float) -> bool:
        """Whether a section's things fit a picture of this width, and with margins that keep them out of others."""
        if self._is_result(number):
            return self._fits_alone(width)
        own = self._own(number, width)
        if own is None:
            return False
        plans = {i: self.plans[i] for i in self.sections[number]} | own
        labels = [self._label(i, width) for i in plans]
        wide, high = (max(plan.size[axis] for plan in plans.values()) for axis in (0, 1))
        across = max(wide, *(w for w, _ in labels)) if self.tall else high + max(h for _, h in labels)
        if across > self._area(number, width)[1 - self.flow]:
            return False
        return self._gap(number, width, plans) >= self._least_gap(number, width)

    def _fits_alone(self, width: float) -> bool:
        """The same of the last tensor."""
        number = len(self.sections) - 1
        if min(area := self._area(number, width)) <= 0:
            return False
        placed = without_pad(
            _spread_all(self.plans[-1], self.view, 0.0, 0.0, self.tall, self.capitals[-1])[0], self.view
        )
        wide, high = self._label(-1, width)
        high += mark_room(placed.item, self.view, self.capitals[-1])[1]
        return wide <= area[0] and max(placed.width / area[0], (placed.height + high) / area[1]) <= SHARE_ALONE

    def _label(self, i: int, width: float) -> tuple[float, float]:
        """Width and height of an item's label in a picture of this width."""
        return label_size(self.items[i], self._room(width)[0], self.style)

    def _around(self, i: int, width: float) -> NDArray[np.float64]:
        """How far an item's label reaches beyond it along the line, before and after, in a picture of this width."""
        wide, high = self._label(i, width)
        overhang = max(0.0, wide - self.plans[i].size[0]) / 2.0
        return np.array([0.0, high] if self.tall else [overhang, overhang])

    def _gap(self, number: int, width: float, plans: dict[int, _Plan]) -> float:
        """Between the items of a section, so that they take the whole length of the free area."""
        used = sum(plan.size[self.flow] + self._around(i, width).sum() for i, plan in plans.items())
        return (self._area(number, width)[self.flow] - used) / max(1, len(plans) - 1)

    def _least_gap(self, number: int, width: float) -> float:
        """What is beside the first and the last item must be outside of the pictures in which these are seen, too."""
        section = self.sections[number]
        gap = _gap(self.tall) if len(section) > 1 else 0.0
        for other, i, side in ((number - 1, section[0], 1), (number + 1, section[-1], 0)):
            if 0 <= other < len(self.sections) and len(section) > 1:
                margin = self._margin * self._room(self.widths[other])[0]
                gap = max(gap, margin + (self._around(i, self.widths[other]) - self._around(i, width))[side])
        return gap

    # Places

    def _placed(self) -> Frame:
        """In the picture's plane, the first item begins at 0 along the line; across it all stand at, or about, 0."""
        starts = np.zeros(len(self.items))
        stops = []
        for number, (section, width) in enumerate(zip(self.sections, self.widths, strict=True)):
            plans = {i: self.plans[i] for i in section}
            gap, after = self._gap(number, width, plans), 0.0
            around = [self._around(i, width) for i in section]
            for i, (before, _), (_, after) in zip(section[1:], around[1:], around, strict=False):
                starts[i] = starts[i - 1] + plans[i - 1].size[self.flow] + after + gap + before
            if len(section) > 1:
                stops.append(self._stop(number, starts[section[0]] - around[0][0]))
        ways, placed = list(stops), []
        for plan, start, capital in zip(self.plans, starts.tolist(), self.capitals, strict=True):
            left, low = (-plan.size[0] / 2.0, -start - plan.size[1]) if self.tall else (start, 0.0)
            placed += _spread_all(plan, self.view, left, low, self.tall, capital)
        if self.result:
            stops.append(self._stop_alone(placed[-1], starts) if self.alone else stops[-1])
        if self.review:
            again, stop = self._beyond(self.review, placed, stops)
            placed += again
            stops.append(stop)
        floor = min(map(lowest, placed))
        if self.tall:
            placed = [self._standing(p, floor) for p in placed]
        first, band = stops[0], None
        height = self.page.height * first.pixel
        if self.tall or self._strays(placed, ways):
            low, high = (side * first.pixel - height / 2.0 for side in (self.bottom - EDGE, self.top - EDGE))
            band = (low, -high)
        return Frame(
            tuple(placed), self.view, first.width, height, first.pixel, first.center, floor, self.tall, self.style,
            tuple(stops), band,
        )  # fmt: skip

    def _strays(self, placed: Sequence[Placed], stops: Sequence[Stop]) -> bool:
        """Whether on its way from stage to stage the camera sees anything where heading and footer are."""
        shares = np.linspace(0.0, 1.0, WAY)[:, None]
        ends = np.array([[*stop.center, stop.width] for stop in stops])
        seen = np.concatenate([first + (last - first) * shares for first, last in pairwise(ends)])
        pixel = seen[:, 2] / self.page.width
        top, bottom = (self.page.height / 2.0 + EDGE - side for side in (self.top, self.bottom))
        largest = max(stop.pixel for stop in stops)
        for p in placed:
            high = p.bottom + p.height + mark_room(p.item, self.view, CAPITAL["label"] * largest)[1]
            low = p.bottom - label_size(p.item, largest, self.style)[1]
            near = (p.left < seen[:, 0] + seen[:, 2] / 2.0) & (p.left + p.width > seen[:, 0] - seen[:, 2] / 2.0)
            if (near & ((high - seen[:, 1] > top * pixel) | (seen[:, 1] - low > bottom * pixel))).any():
                return True
        return False

    def _stop_alone(self, placed: Placed, starts: NDArray[np.float64]) -> Stop:
        """The picture of the last tensor: it and its label in the middle of the free area, if nothing else is seen."""
        number, width = len(self.sections) - 1, self.widths[-1]
        pixel, _, _ = self._room(width)
        right, top, bottom = (inset * pixel for inset in self._insets(number))
        bare, height = without_pad(placed, self.view), self.page.height * pixel
        _, rise = mark_room(bare.item, self.view, self.capitals[-1])
        middle = bare.bottom + (bare.height + rise - self._label(-1, width)[1]) / 2.0
        x, y = bare.left + (bare.width + right) / 2.0, middle + (top - bottom) / 2.0
        ends = starts[-2] + self.plans[-2].size[self.flow] + self._around(len(starts) - 2, self.widths[-2])[1]
        ends += self._margin * pixel
        if self.tall:
            y = min(y, top - height / 2.0 - ends)
        else:
            x = max(x, ends + width / 2.0 - SIDE * pixel)
        return Stop(np.array([x, y]), width, pixel, frozenset([placed.item.name]), self.style)

    def _beyond(self, review: Frame, placed: Sequence[Placed], stops: Sequence[Stop]) -> tuple[list[Placed], Stop]:
        """What is seen again, farther along the line than the picture of the last stage, and than all that is in it."""
        width, height = review.width, review.height
        if self.tall:
            x, y = 0.0, stops[-1].center[1] - stops[-1].width * self.page.height / self.page.width / 2.0 - height / 2.0
        else:
            x = stops[-1].center[0] + stops[-1].width / 2.0 + width / 2.0
            y = review.center[1] + (min(map(lowest, placed)) - review.floor) * self.view.up[2]
        by = np.array([x, y]) - review.center
        moved = [
            replace(p, base=p.base + self.view.on_wall(*by), left=p.left + by[0], bottom=p.bottom + by[1])
            for p in review.placed
        ]
        names = frozenset(p.item.name for p in moved)
        return moved, Stop(np.array([x, y]), width, review.pixel, names, review.label_style)

    def _stop(self, number: int, start: float) -> Stop:
        """The picture of a section, whose free area begins at ``start`` along the line."""
        section, width = self.sections[number], self.widths[number]
        pixel, free_width, _ = self._room(width)
        _, top, bottom = self._insets(number)
        free_height = self._area(number, width)[1]
        height = self.page.height * pixel
        if self.tall:
            center = (0.0, top * pixel - height / 2.0 - start)
        else:
            label = max(self._label(i, width)[1] for i in section)
            ground = label + (free_height - label - max(self.plans[i].size[1] for i in section)) / 2.0
            center = (start + free_width / 2.0, height / 2.0 - bottom * pixel - ground)
        above = [item.above for item in self.items[section.start : section.stop]]
        names = frozenset(item.name for item in (*self.items[section.start : section.stop], *filter(None, above)))
        return Stop(np.array(center), width, pixel, names, self.style)

    def _standing(self, placed: Placed, floor: float) -> Placed:
        """The same, further along the look until it stands on the floor: it is seen where it was."""
        away = (lowest(placed) - floor) / -self.view.forward[2]
        return replace(placed, base=placed.base + self.view.forward * away)


def framings(target: NDArray[np.float64], view: View, stops: Sequence[Stop]) -> NDArray[np.float64]:
    """Where a camera looks at each of the stops, and how wide its picture is: ``(n, 4)``.

    All lie in one plane parallel to the picture's, by ``target``: what stands before the camera at one does at all.
    """
    centers = np.array([stop.center for stop in stops])
    at = target + (centers - centers[0]) @ np.stack([view.right, view.up])
    return np.column_stack([at, [stop.width for stop in stops]])
