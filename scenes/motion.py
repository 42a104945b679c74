"""What goes along with the steps: windows on the inputs, heads on the outputs, and the lines between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Conv2d
from ..conv_math.window import Window
from . import palette
from .elision import Axis, Elision
from .pacing import Beat
from .parts import Bank
from .plan import Plan, stands_at
from .story import Ease, Line, Lines, Mover, Outline, Track, Vector, vector

FULL_LINES = 2
"""Up to so many groups, lines leave from all four corners of a window; above, from two."""
_Place = tuple[int, int, float, float]
"""Block, channel, row and column."""
APPROACH = -1.5
"""How far in front of its first position a window starts."""


def all_movers(plan: Plan) -> Iterator[Mover]:
    for number, stage in enumerate(plan.stages):
        if isinstance(stage.op, Conv2d):
            yield window_of(plan, number)
            yield _head(plan, number)


def window_of(plan: Plan, number: int) -> Mover:
    """A stage's window: it stands on its input where the taps of the step are, in one box for every lane it reads."""
    act, tensor = plan.acts[number], plan.tensors[number]
    trajectory = plan.slide(number)
    window, base, batch = plan.conv(number).window, tensor.placed.base, tensor.batch
    elision = tensor.placed.item.elision
    plane = act.beats[0].last - act.beats[0].first + 1 > trajectory.positions[-1]
    (kh, dh, height), (kw, dw, width) = (
        _window_axis(window, axis, sizes, plane or plan.contents.covers(number, axis))
        for axis, sizes in enumerate((elision.rows, elision.columns))
    )
    channels, reach = elision.channels.span, (height, width)
    extent = np.array([width, channels, height], float)
    middle = (extent - 1.0) / 2.0 * (1.0, 1.0, -1.0)
    turns = plan.contents.takes_turns(number)
    filters_per_lane = trajectory.filters // tensor.split

    def stands(step: int) -> _Place:
        n, channel, position = trajectory.position(step - act.first_step)
        row, column = window.origin((0, 0) if plane else position)
        lane = (channel or 0) // filters_per_lane if turns else 0
        return lane * batch + n, 0, row, column

    def place(block: int, depth: int, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + _offset(elision, depth, row, column, reach)

    lanes = range(1) if turns else elision.lanes.indices().tolist()
    boxes = tuple((vector(base[lane * batch] - base[0] + middle), vector(extent)) for lane in lanes)
    return Mover(
        f"window-{number + 1}",
        _track(act.beats, stands, place, elision.columns.bends(width) if elision.columns.hidden else (), APPROACH),
        act.first_frame,
        act.last_frame,
        boxes,
        (kw, channels, kh),
        (float(dw), 1.0, -float(dh)),
    )


def _window_axis(window: Window, axis: int, cells: Axis, grown: bool) -> tuple[int, int, int]:
    """Taps along an axis, their distance, and the length of the box in units.

    Where whole planes are swept, or the window has but one place, it is grown over all of the axis.
    """
    taps, distance = window.kernel_size[axis], window.dilation[axis]
    if grown:
        taps, distance = cells.span + sum(window.padding[axis]), 1
    return taps, distance, (taps - 1) * distance + 1


def _head(plan: Plan, number: int) -> Mover:
    """Where a stage writes: the output cell of the step, of the first filter if all write at once."""
    act, output, trajectory = plan.acts[number], plan.tensors[number + 1], plan.slide(number)
    base, elision = output.placed.base, output.placed.item.elision

    def writes(step: int) -> _Place:
        n, channel, (row, column) = trajectory.position(step - act.first_step)
        return int(output.block(n, channel or 0)), (channel or 0) % output.per_lane, row, column

    def place(block: int, depth: int, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + _offset(elision, depth, row, column)

    track = _track(act.beats, writes, place, elision.columns.bends() if elision.columns.hidden else (), 0.0)
    return Mover(f"head-{number + 1}", track, act.first_frame, act.last_frame)


def _offset(
    elision: Elision, channel: float, row: float, column: float, reach: tuple[int, int] = (1, 1)
) -> NDArray[np.float64]:
    """From a block's cell (0, 0, 0) to another one, or to a window of so many rows and columns that begins there."""
    depth, height = elision.channels.at(channel), elision.rows.at(row, reach[0])
    return np.array([elision.columns.at(column, reach[1]), depth, -height], np.float64)


def all_lines(plan: Plan) -> Iterator[Lines]:
    """From the window to the filters and on to the output cells; in order "filter" every filter has its own turn."""
    if "lines" not in plan.show:
        return
    for number, act in enumerate(plan.acts):
        if act.swept or not isinstance(act.stage.op, Conv2d):
            continue
        filters = act.stage.op.filters
        turns = [range(filters)]
        if plan.scene.time.order == "filter":
            turns = [range(f, f + 1) for f in range(filters)] * plan.tensors[number].batch
        steps = act.steps // len(turns)
        for turn, chosen in enumerate(turns):
            first = act.first_step + turn * steps
            bank = plan.banks.get(number)
            if bank is None:
                lines = tuple(_direct_lines(plan, number, chosen))
            else:
                lines = (*_window_lines(plan, number, bank, chosen), *_output_lines(plan, number, bank, chosen))
            yield Lines(f"lines-{number + 1}-{turn + 1}", lines, float(first), float(first + steps))


def _window_lines(plan: Plan, number: int, bank: Bank, chosen: range) -> Iterator[Line]:
    """From the corners of the window's front face to its filter, or to the near edge of its group's filters."""
    window, tensor = window_of(plan, number), plan.tensors[number]
    per_group = bank.shape[0] // bank.groups
    elision = bank.placed.item.elision
    _, h, w = elision.dims
    lanes = tensor.placed.item.elision.lanes.indices()
    groups = range(chosen.start // per_group, (chosen.stop - 1) // per_group + 1)
    if len(groups) > 1:
        groups = elision.lanes.indices().tolist()
    for group in groups:
        # A group that stands on several boxes is led from its first one.
        box = 0
        if len(window.boxes) > 1 and tensor.split >= bank.groups:
            box = min(int(np.searchsorted(lanes, group * tensor.split // bank.groups)), len(lanes) - 1)
        center, size = window.boxes[box]
        members = list(range(max(chosen.start, group * per_group), min(chosen.stop, (group + 1) * per_group)))
        members = [f for f in members if elision.shows_block(f)] or members[:1]
        ends = _near_corners(plan, bank.placed.base[members], h, w)
        pairs = list(zip(((-1, 1), (1, 1), (-1, -1), (1, -1)), ends, strict=True))
        for (dx, dz), end in pairs if len(groups) <= FULL_LINES else pairs[::3]:
            corner = np.array(center) + np.array([dx * size[0], -size[1], dz * size[2]]) / 2
            yield Line(vector(corner), window.name, end, None, plan.theme.line)


def _near_corners(plan: Plan, bases: NDArray[np.float64], h: int, w: int) -> list[Vector]:
    """Where a window's upper left, upper right, lower left, lower right lines end.

    One filter: on the corners of its front face. Several: on the near side of the outermost ones.
    """
    corners = [np.array([x, -0.5, z]) for z in (0.5, 0.5 - h) for x in (-0.5, w - 0.5)]
    if len(bases) == 1:
        return [vector(bases[0] + c) for c in corners]
    flat = plan.frame.view.project(bases)
    if plan.frame.tall:
        edge = np.flatnonzero(flat[:, 1] > flat[:, 1].max() - 0.5)
        left, right = edge[flat[edge, 0].argmin()], edge[flat[edge, 0].argmax()]
        return [vector(bases[b] + corners[c]) for b, c in ((left, 0), (right, 1), (left, 0), (right, 1))]
    edge = np.flatnonzero(flat[:, 0] < flat[:, 0].min() + 0.5)
    top, low = edge[flat[edge, 1].argmax()], edge[flat[edge, 1].argmin()]
    return [vector(bases[b] + corners[c]) for b, c in ((top, 0), (top, 0), (low, 2), (low, 2))]


def _output_lines(plan: Plan, number: int, bank: Bank, filters: range) -> Iterator[Line]:
    depth, h, w = bank.placed.item.dims
    for f in filters:
        if len(filters) == 1 or bank.placed.item.elision.shows_block(f):
            leave = bank.placed.base[f] + np.array([w - 0.5, depth - 1.0, -(h - 1) / 2])
            yield _written(plan, number, f, filters.start, vector(leave), None)


def _direct_lines(plan: Plan, number: int, filters: range) -> Iterator[Line]:
    """Where the filters are not drawn: from the window's near side to the output cells."""
    window, output = window_of(plan, number), plan.tensors[number + 1]
    center, size = window.boxes[0]
    for height in (0.5, 0.0, -0.5):
        leave = (center[0] + size[0] / 2, center[1] - size[1] / 2, center[2] + height * size[2])
        for f in filters if not height else filters[:1]:
            if len(filters) == 1 or output.placed.item.elision.channels.shows(f):
                yield _written(plan, number, f, filters.start, leave, window.name)


def _written(plan: Plan, number: int, f: int, first: int, start: Vector, start_on: str | None) -> Line:
    """To the cell that a filter writes, in its hue; the head stands at the one that filter ``first`` writes."""
    output, op = plan.tensors[number + 1], plan.conv(number)
    elision = output.placed.item.elision
    cell, home = (
        output.placed.base[output.block(0, filter)] + _offset(elision, filter % output.per_lane, 0.0, 0.0)
        for filter in (f, first)
    )
    color: NDArray[np.float64] = palette.output_colors(op.filters, op.groups)[f]
    shade = color * 0.55 if plan.theme.name == "light" else color
    offset: NDArray[np.float64] = cell - home + (0, -0.5, 0)
    return Line(start, start_on, vector(offset), f"head-{number + 1}", vector(shade))


def all_outlines(plan: Plan) -> Iterator[Outline]:
    """Where the results will be."""
    placed = [t.placed for t in plan.tensors[1:]]
    placed += [tensor.placed for row in plan.views.values() for tensor, _ in row[:-1]]
    for where in placed:
        c, h, w = where.item.dims
        middle = np.array([(w - 1) / 2, (c - 1) / 2, -(h - 1) / 2])
        for base in where.base[where.item.elision.drawn_blocks()]:
            yield Outline(vector(base + middle), (float(w), float(c), float(h)))


def _track(
    chosen: list[Beat],
    where: Callable[[int], _Place],
    place: Callable[[int, int, float, float], NDArray[np.float64]],
    bends: tuple[float, ...],
    approach: float,
) -> Track:
    """Keys of something that stands at ``place(*where(t))`` while step ``t`` is written.

    It arrives in the first part of each beat and stands until the beat's end; in a swept beat it moves on evenly, from
    column to column: there are keys where it comes to one of ``bends``.
    """
    frames: list[float] = []
    values: list[NDArray[np.float64]] = []
    eases: list[Ease] = []
    for i, beat in enumerate(chosen):
        first, last = where(beat.first), where(beat.last)
        here = place(*first)
        if i == 0:
            frames.append(beat.start)
            values.append(here + np.array([0.0, approach, 0.0]))
            eases.append("cubic")
        single = beat.first == beat.last
        start = stands_at(beat, i == 0)
        frames.append(start)
        values.append(here)
        eases.append("constant" if single else "linear")
        if not single:
            for bend in bends if first[:3] == last[:3] else ():
                if first[3] < bend < last[3]:
                    frames.append(start + (bend - first[3]) / (last[3] - first[3]) * (beat.end - start))
                    values.append(place(*first[:3], bend))
                    eases.append("linear")
            here = place(*last)
        frames.append(beat.end)
        values.append(here)
        eases.append("cubic")
    return Track(np.array(frames), np.array(values), tuple(eases))
