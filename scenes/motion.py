"""What goes along with the steps: windows on the inputs, heads on the outputs, and the lines between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from . import palette
from .pacing import Beat
from .parts import Bank
from .plan import Plan, stands_at
from .story import Ease, Line, Lines, Mover, Outline, Track, Vector, vector

FULL_LINES = 2
"""Up to so many groups, lines leave from all four corners of a window; above, from two."""
APPROACH = -1.5
"""How far in front of its first position a window starts."""


def all_movers(plan: Plan) -> Iterator[Mover]:
    for number in plan.banks:
        yield window_of(plan, number)
        yield _head(plan, number)


def window_of(plan: Plan, number: int) -> Mover:
    """A stage's window: it stands on its input where the taps of the step are, in one box for every lane it reads."""
    act, tensor = plan.acts[number], plan.tensors[number]
    trajectory = plan.slide(number)
    window, base, batch = plan.conv(number).window, tensor.placed.base, tensor.batch
    (kh, kw), (dh, dw) = window.kernel_size, window.dilation
    plane = act.beats[0].last - act.beats[0].first + 1 > trajectory.positions[-1]
    if plane:  # whole planes are swept: the window has grown over all of it
        (kh, kw), (dh, dw) = window.padded(tensor.shape[-2:]), (1, 1)
    extent = np.array([(kw - 1) * dw + 1, tensor.per_lane, (kh - 1) * dh + 1], float)
    middle = (extent - 1.0) / 2.0 * (1.0, 1.0, -1.0)
    turns = plan.takes_turns(number)
    filters_per_lane = trajectory.filters // tensor.split

    def stands(step: int) -> NDArray[np.float64]:
        n, channel, position = trajectory.position(step - act.first_step)
        row, column = window.origin((0, 0) if plane else position)
        lane = (channel or 0) // filters_per_lane if turns else 0
        return base[lane * batch + n] + np.array([column, 0, -row])

    lanes = range(1 if turns else tensor.split)
    boxes = tuple((vector(base[lane * batch] - base[0] + middle), vector(extent)) for lane in lanes)
    return Mover(
        f"window-{number + 1}",
        _track(act.beats, stands, APPROACH),
        act.first_frame,
        act.last_frame,
        boxes,
        (kw, tensor.per_lane, kh),
        (float(dw), 1.0, -float(dh)),
    )


def _head(plan: Plan, number: int) -> Mover:
    """Where a stage writes: the output cell of the step, of the first filter if all write at once."""
    act, output, trajectory = plan.acts[number], plan.tensors[number + 1], plan.slide(number)

    def writes(step: int) -> NDArray[np.float64]:
        n, channel, (row, column) = trajectory.position(step - act.first_step)
        depth = (channel or 0) % output.per_lane
        return output.placed.base[output.block(n, channel or 0)] + np.array([column, depth, -row])

    return Mover(f"head-{number + 1}", _track(act.beats, writes, 0.0), act.first_frame, act.last_frame)


def all_lines(plan: Plan) -> Iterator[Lines]:
    """From the window to the filters and on to the output cells; in order "filter" every filter has its own turn."""
    if "lines" not in plan.show:
        return
    for number, bank in plan.banks.items():
        act, filters = plan.acts[number], bank.shape[0]
        if act.swept:
            continue
        turns = [range(filters)]
        if plan.scene.time.order == "filter":
            turns = [range(f, f + 1) for f in range(filters)] * plan.tensors[number].batch
        steps = act.steps // len(turns)
        for turn, chosen in enumerate(turns):
            first = act.first_step + turn * steps
            lines = (*_window_lines(plan, number, bank, chosen), *_output_lines(plan, number, bank, chosen))
            yield Lines(f"lines-{number + 1}-{turn + 1}", lines, float(first), float(first + steps))


def _window_lines(plan: Plan, number: int, bank: Bank, chosen: range) -> Iterator[Line]:
    """From the corners of the window's front face to its filter, or to the near edge of its group's filters."""
    window = window_of(plan, number)
    per_group = bank.shape[0] // bank.groups
    _, _, h, w = bank.shape
    groups = range(chosen.start // per_group, (chosen.stop - 1) // per_group + 1)
    for group in groups:
        # A group that stands on several boxes is led from its first one.
        box = 0 if len(window.boxes) < bank.groups else group * len(window.boxes) // bank.groups
        center, size = window.boxes[box]
        members = list(range(max(chosen.start, group * per_group), min(chosen.stop, (group + 1) * per_group)))
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


def _track(chosen: list[Beat], where: Callable[[int], NDArray[np.float64]], approach: float) -> Track:
    """Keys of something that stands at ``where(t)`` while step ``t`` is written.

    It arrives in the first part of each beat and stands until the beat's end; in a swept beat it moves on evenly.
    """
    frames: list[float] = []
    values: list[NDArray[np.float64]] = []
    eases: list[Ease] = []
    for i, beat in enumerate(chosen):
        here = where(beat.first)
        if i == 0:
            frames.append(beat.start)
            values.append(here + np.array([0.0, approach, 0.0]))
            eases.append("cubic")
        single = beat.first == beat.last
        frames.append(stands_at(beat, i == 0))
        values.append(here)
        eases.append("constant" if single else "linear")
        if not single:
            here = where(beat.last)
        frames.append(beat.end)
        values.append(here)
        eases.append("cubic")
    return Track(np.array(frames), np.array(values), tuple(eases))
