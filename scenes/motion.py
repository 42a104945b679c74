"""What goes along with the steps: windows on the inputs, heads on the outputs, and the lines between them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Slide, SlideTrajectory
from . import palette
from .pacing import Beat
from .parts import Bank
from .plan import ARRIVE, LAND, Plan
from .story import Line, Lines, Mover, Outline, Track, Vector, vector

FULL_LINES = 2
"""Up to so many groups, lines leave from all four corners of a window; above, from two."""
APPROACH = -1.5
"""How far in front of its first position a window starts."""


def all_movers(plan: Plan) -> Iterator[Mover]:
    for number, bank in plan.banks.items():
        yield from _stage_movers(plan, number, bank)


def _stage_movers(plan: Plan, number: int, bank: Bank) -> Iterator[Mover]:
    act, tensor, output = plan.acts[number], plan.tensors[number], plan.tensors[number + 1]
    op = plan.scene.stages[number].op
    assert isinstance(op, Slide)
    trajectory, window = plan.slide(number), op.window
    plane = act.swept and act.beats[0].last - act.beats[0].first + 1 > trajectory.positions[-1]
    (kh, kw), (dh, dw) = window.kernel_size, window.dilation
    if plane:  # whole planes are swept: the window has grown over all of it
        (kh, kw), (dh, dw) = window.padded(tensor.shape[-2:]), (1, 1)
    extent = ((kw - 1) * dw + 1, tensor.per_lane, (kh - 1) * dh + 1)
    middle = np.array([(extent[0] - 1) / 2, (extent[1] - 1) / 2, -(extent[2] - 1) / 2])

    def stands(t: int, lane: int) -> NDArray[np.float64]:
        row, column = (-window.padding[0][0], -window.padding[1][0]) if plane else trajectory.origin(t)
        n = trajectory.position(t)[0]
        return tensor.placed.base[lane * tensor.batch + n] + np.array([column, 0, -row])

    def writes(t: int) -> NDArray[np.float64]:
        n, channel, (row, column) = trajectory.position(t)
        return output.placed.base[output.block(n, channel or 0)] + np.array(
            [column, (channel or 0) % output.per_lane, -row]
        )

    for group, (name, lanes) in enumerate(plan.readers(number, tensor)):
        assert name is not None
        chosen = act.beats
        if plan.windows_of(number) > 1:
            chosen = [b for b in act.beats if _group_at(plan, trajectory, b.first - act.first_step, bank) == group]
        home = tensor.placed.base[lanes.start * tensor.batch]
        boxes = tuple(
            (vector(tensor.placed.base[lane * tensor.batch] - home + middle), vector(np.array(extent, float)))
            for lane in lanes
        )
        yield Mover(
            name,
            _track(chosen, lambda t, lane=lanes.start: stands(t - act.first_step, lane), APPROACH),
            math.ceil(chosen[0].start),
            math.floor(chosen[-1].end),
            boxes,
            (kw, tensor.per_lane, kh),
            (float(dw), 1.0, -float(dh)),
        )
    yield Mover(
        f"head-{number + 1}",
        _track(act.beats, lambda t: writes(t - act.first_step), 0.0),
        act.first_frame,
        act.last_frame,
    )


def _group_at(plan: Plan, trajectory: SlideTrajectory, t: int, bank: Bank) -> int:
    channel = trajectory.position(t)[1]
    return 0 if channel is None else channel // (bank.shape[0] // bank.groups)


# Lines


def all_lines(plan: Plan) -> Iterator[Lines]:
    if "lines" not in plan.show:
        return
    for number, bank in plan.banks.items():
        act = plan.acts[number]
        if act.swept:
            continue
        first, last = float(act.first_step), float(act.first_step + act.steps)
        if plan.scene.time.order == "position":
            lines = (*_window_lines(plan, number, bank), *_output_lines(plan, number, bank, range(bank.shape[0])))
            yield Lines(f"lines-{number + 1}", lines, first, last)
            continue
        per_filter = act.steps // (bank.shape[0] * plan.tensors[number].batch)
        for turn in range(act.steps // per_filter):  # in order "filter" every filter has its own turn
            f = turn % bank.shape[0]
            begin = first + turn * per_filter
            lines = (*_window_lines(plan, number, bank, f), *_output_lines(plan, number, bank, range(f, f + 1)))
            yield Lines(f"lines-{number + 1}-{turn + 1}", lines, begin, begin + per_filter)


def _window_lines(plan: Plan, number: int, bank: Bank, only: int | None = None) -> Iterator[Line]:
    """From the corners of the window's front face to its filter, or to the near edge of its group's filters."""
    filters = bank.shape[0] // bank.groups
    _, _, h, w = bank.shape
    for mover in _stage_movers(plan, number, bank):
        if not mover.boxes:
            continue
        boxes_per_group = max(1, len(mover.boxes) * plan.windows_of(number) // bank.groups)
        for b, (center, box) in enumerate(mover.boxes):
            if b % boxes_per_group:  # a group that stands on several blocks is led from its first one
                continue
            group = b // boxes_per_group
            if only is not None:
                if plan.windows_of(number) > 1 and mover.name != plan.window_name(number, only // filters):
                    continue
                group = only // filters
            chosen = [only] if only is not None else list(range(group * filters, (group + 1) * filters))
            ends = _near_corners(plan, bank.placed.base[chosen], h, w)
            pairs = list(zip(((-1, 1), (1, 1), (-1, -1), (1, -1)), ends, strict=True))
            for (dx, dz), end in pairs if bank.groups <= FULL_LINES else pairs[::3]:
                corner = np.array(center) + np.array([dx * box[0], -box[1], dz * box[2]]) / 2
                yield Line(vector(corner), mover.name, end, None, plan.theme.line)


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
    output = plan.tensors[number + 1]
    colors = palette.output_colors(bank.shape[0], bank.groups)
    _, depth, h, w = bank.shape
    home = output.placed.base[output.block(0, filters.start)] + np.array([0, filters.start % output.per_lane, 0])
    for f in filters:
        cell = output.placed.base[output.block(0, f)] + np.array([0, f % output.per_lane, 0])
        leave = bank.placed.base[f] + np.array([w - 0.5, depth - 1.0, -(h - 1) / 2])
        shade = colors[f] * 0.55 if plan.theme.name == "light" else colors[f]
        yield Line(vector(leave), None, vector(cell - home + (0, -0.5, 0)), f"head-{number + 1}", vector(shade))


def all_outlines(plan: Plan) -> Iterator[Outline]:
    """Where the results will be."""
    placed = [t.placed for t in plan.tensors[1:]]
    placed += [tensor.placed for row in plan.views.values() for tensor, _ in row[:-1]]
    for where in placed:
        c, h, w = where.item.dims
        middle = np.array([(w - 1) / 2, (c - 1) / 2, -(h - 1) / 2])
        for base in where.base:
            yield Outline(vector(base + middle), (float(w), float(c), float(h)))


# Words


def _track(chosen: list[Beat], where: object, approach: float) -> Track:
    """Keys of something that stands at ``where(t)`` while step ``t`` is written.

    It arrives in the first part of each beat and stands until the beat's end; in a swept beat it moves on evenly.
    """
    assert callable(where)
    frames: list[float] = []
    values: list[NDArray[np.float64]] = []
    eases: list[str] = []
    for i, beat in enumerate(chosen):
        length = beat.end - beat.start
        here = np.asarray(where(beat.first))
        if i == 0:
            frames.append(beat.start)
            values.append(here + np.array([0.0, approach, 0.0]))
            eases.append("cubic")
        single = beat.first == beat.last
        frames.append(beat.start + length * (LAND if i == 0 else ARRIVE if single else 0.1))
        values.append(here)
        eases.append("constant" if single else "linear")
        if not single:
            here = np.asarray(where(beat.last))
        frames.append(beat.end)
        values.append(here)
        eases.append("cubic")
    return Track(np.array(frames), np.array(values), tuple(eases))  # pyright: ignore[reportArgumentType]
