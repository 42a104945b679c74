"""The cubes: where each stands, what it wears, when it appears and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import palette
from .elision import DOTS, Axis, Elision
from .parts import MOUTH, Bank, Tensor
from .plan import LAND, LANDED, MULTIPLY, SET_OUT, SUM, WRITE, Plan
from .story import ALWAYS, Cells
from .values import in_lightness

MAX_TRAVELLERS = 4096
"""Above, the first step's copies of the window would be a cloud that nobody can read."""


def cells_of(plan: Plan) -> Iterator[Cells]:
    for number, tensor in enumerate(plan.tensors):
        if number > 0 and number - 1 in plan.views:
            yield from _arrangement_cells(plan, number - 1)
        else:
            yield from _tensor_cells(plan, number, tensor)
        yield from _ghost_cells(plan, number, tensor)
    for number, bank in plan.banks.items():
        yield _filter_cells(plan, number, bank)
        yield from _travellers(plan, number, bank)
    yield from _dots(plan)


def _tensor_cells(plan: Plan, number: int, tensor: Tensor) -> Iterator[Cells]:
    index = tensor.drawn()
    position = tensor.at(index)
    start = np.full(len(index), ALWAYS)
    arrive, origin = start, position
    if number > 0:
        act = plan.acts[number - 1]
        done = plan.done(number - 1, index) + act.first_step
        opening = done == act.first_step
        start, arrive = np.asarray(done, float), done + 1.0
        if not act.swept:
            start += np.where(opening, WRITE, SET_OUT)
            arrive -= np.where(opening, 0.0, 1.0 - LANDED)
        origin = _sources(plan, number - 1)[tensor.rows(index)[1]]
    values = plan.values[0][number] if plan.values else None
    yield _visible_tensor(plan, number, tensor, index, position, origin, start, arrive, values)


def _sources(plan: Plan, number: int) -> NDArray[np.float64]:
    """Where the output cells of a stage come from, ``(filters, 3)``: its filters or, undrawn, the input's near side."""
    bank, (output_channels, *_) = plan.banks.get(number), plan.shapes[number + 1][-3:]
    if bank is not None:
        return bank.mouths()
    placed = plan.tensors[number].placed
    _, h, w = placed.item.dims
    return np.broadcast_to(placed.base[0] + np.array([w + MOUTH, 0.0, -(h - 1) / 2]), (output_channels, 3))


def _visible_tensor(
    plan: Plan,
    number: int,
    tensor: Tensor,
    index: NDArray[np.int64],
    position: NDArray[np.float64],
    origin: NDArray[np.float64],
    start: NDArray[np.float64],
    arrive: NDArray[np.float64],
    values: NDArray[np.float64] | None,
) -> Cells:
    """The drawn cells of the ``number``-th tensor, in the colours of their channels; ``values`` is the whole tensor."""
    color = tensor.colors[tensor.rows(index)[1]]
    if values is not None:
        color = in_lightness(color, values[tuple(index.T)], float(np.abs(values).max(initial=0.0)))
    return Cells(
        tensor.name,
        "input" if number == 0 else "output",
        tensor.shape,
        index,
        position=_f32(position),
        color=_f32(color),
        origin=_f32(origin),
        start=_f32(start),
        arrive=_f32(arrive),
        anchor=_f32(plan.anchor(number, tensor, index, position)),
        lit_by=plan.reader(number),
    )


def _ghost_cells(plan: Plan, number: int, tensor: Tensor) -> Iterator[Cells]:
    rows, columns = plan.contents.padding(number)
    if sum(rows) + sum(columns) == 0:
        return
    *_, height, width = tensor.shape
    index = tensor.drawn(rows, columns)
    inside = (index[:, -2] >= 0) & (index[:, -2] < height) & (index[:, -1] >= 0) & (index[:, -1] < width)
    index = index[~inside]
    position = tensor.at(index)
    always = np.full(len(index), ALWAYS)
    if number > 0:  # the padding of a tensor that does not exist yet would be a riddle
        always = np.full(len(index), float(plan.acts[number].first_step))
    yield Cells(
        f"ghosts-{tensor.name}",
        "ghost",
        tensor.shape,
        index,
        position=_f32(position),
        color=_f32(np.broadcast_to(np.array(plan.theme.ghost), position.shape)),
        origin=_f32(position),
        start=_f32(always),
        arrive=_f32(always),
        anchor=_f32(plan.anchor(number, tensor, index, position)),
        lit_by=plan.reader(number),
    )


def _filter_cells(plan: Plan, number: int, bank: Bank) -> Cells:
    index = bank.drawn()
    position = _f32(bank.at(index))
    filters, f = np.unique(index[:, 0], return_inverse=True)
    slices, c = np.unique(index[:, 1], return_inverse=True)
    color = palette.filter_colors(bank.shape[0], bank.shape[1], bank.groups, filters, slices)[f, c]
    if plan.values is not None and (weight := plan.values[1][number]) is not None:
        color = in_lightness(color, weight[tuple(index.T)], float(np.abs(weight).max(initial=0.0)))
    always = _f32(np.full(len(index), ALWAYS))
    return Cells(
        f"filters-{number + 1}", "filter", bank.shape, index, position, _f32(color), position, always, always, position
    )


def _travellers(plan: Plan, number: int, bank: Bank) -> Iterator[Cells]:
    """Copies of the first window's cells: to their weights, then together into one cell per filter."""
    act, tensor = plan.acts[number], plan.tensors[number]
    taps_per_step = math.prod(bank.shape) // (bank.shape[0] if plan.scene.time.order == "filter" else 1)
    if act.swept or taps_per_step > MAX_TRAVELLERS:
        return
    taps = plan.slide(number).taps(0)
    real = ~taps.ghost
    index, weight = taps.input[real], taps.weight[real]
    drawn = tensor.shows(index) & bank.shows(weight)
    index, weight = index[drawn], weight[drawn]
    if not len(index):
        return
    start, end = act.first_step + LAND, act.first_step + WRITE
    n = len(index)
    yield Cells(
        f"travellers-{number + 1}",
        "traveller",
        tensor.shape,
        index,
        position=_f32(bank.mouths()[weight[:, 0]]),
        color=_f32(tensor.colors[tensor.rows(index)[1]]),
        origin=_f32(tensor.at(index)),
        start=_f32(np.full(n, start)),
        arrive=_f32(np.full(n, end)),
        anchor=_f32(tensor.at(index)),
        via=_f32(bank.at(weight)),
        becomes=_f32(palette.output_colors(bank.shape[0], bank.groups)[weight[:, 0]]),
        rest=(act.first_step + MULTIPLY, act.first_step + SUM),
        end=end,
    )


def _arrangement_cells(plan: Plan, number: int) -> Iterator[Cells]:
    act = plan.acts[number]
    before = plan.tensors[number]
    batch, item = before.batch, math.prod(before.shape[-3:])
    held = np.arange(item)  # flat input cell -> where it is in the previous arrangement
    first = act.first_step
    for tensor, view in plan.views[number]:
        index = tensor.drawn()
        position = tensor.at(index)
        n, *place = tensor.rows(index)
        source = view.source.reshape(-1)
        flat = held[source[np.ravel_multi_index(place, tensor.shape[-3:])]]
        came = np.stack([n, *np.unravel_index(flat, before.shape[-3:])], axis=1)
        origin = before.at(came[:, 4 - len(before.shape) :])
        step = first + n * tensor.channels + place[0]
        start, arrive = step.astype(float), step + 1.0
        last = tensor is plan.views[number][-1][0]
        values = plan.values[0][number].reshape(batch, item)[:, source].reshape(tensor.shape) if plan.values else None
        number_shown = number + 1 if last else len(plan.stages)
        yield _visible_tensor(plan, number_shown, tensor, index, position, origin, start, arrive, values)
        before = tensor
        held = np.empty_like(held)
        held[source] = np.arange(item)
        first += batch * tensor.channels


def _dots(plan: Plan) -> Iterator[Cells]:
    """Three grey cubes in every gap, where they fit."""
    for placed in plan.frame.placed:
        elision = placed.item.elision
        blocks = elision.block_of_slot()
        shown = elision.shows_block(blocks)
        middle = np.array([_middle(elision.columns), 0.0, -_middle(elision.rows)])
        spots = [placed.base[blocks[shown]][:, None] + _in_gaps(elision, middle)]
        _, h, w = elision.dims
        if w > 2:
            pitch = min(2.0, (w - 1) / 2)
            row = np.array([(w - 1) / 2 - pitch, 0.0, -(h - 1) / 2]) + np.arange(3)[:, None] * (pitch, 0.0, 0.0)
            spots.append(placed.base[blocks[~shown]][:, None] + row)
        position = np.concatenate([spot.reshape(-1, 3) for spot in spots])
        if len(position):
            n = len(position)
            yield Cells(
                f"gaps-{placed.item.name}",
                "gap",
                (n,),
                np.arange(n)[:, None],
                position=_f32(position),
                color=_f32(np.broadcast_to(np.array(plan.theme.ghost), position.shape)),
                origin=_f32(position),
                start=_f32(np.full(n, ALWAYS)),
                arrive=_f32(np.full(n, ALWAYS)),
                anchor=_f32(position),
            )


def _in_gaps(elision: Elision, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the dots of a block's own gaps stand, from its cell (0, 0, 0): along each elided axis, ``(dots, 3)``.

    ``middle`` is the middle of what is drawn first of columns and rows; those of channels run over the top.
    """
    along = np.array([elision.channels.first - 1 + dot for dot in DOTS])
    spots = [np.empty((0, 3))]
    if elision.channels.hidden:
        spots.append(np.stack([np.full(3, middle[0]), along, np.zeros(3)], axis=1))
    if elision.rows.hidden:
        spots.append(np.array([[middle[0], 0.0, 1.0 - elision.rows.first - dot] for dot in DOTS]))
    if elision.columns.hidden:
        spots.append(np.array([[elision.columns.first - 1.0 + dot, 0.0, middle[2]] for dot in DOTS]))
    return np.concatenate(spots)


def _middle(axis: Axis) -> float:
    """Of what is drawn before the gap."""
    return (axis.first - 1) / 2


def _f32(array: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)
