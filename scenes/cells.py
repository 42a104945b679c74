"""The cubes: where each stands, what it wears, when it appears and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import palette
from .parts import Bank, Tensor, indices
from .plan import ARRIVE, LAND, MULTIPLY, SUM, WRITE, Plan
from .story import ALWAYS, Cells
from .values import in_lightness

MAX_TRAVELLERS = 4096
"""Above, the first step's copies of the window would be a cloud that nobody can read."""


def all_cells(plan: Plan) -> Iterator[Cells]:
    for number, tensor in enumerate(plan.tensors):
        if number > 0 and number - 1 in plan.views:
            yield from _arrangement_cells(plan, number - 1)
        else:
            yield from _tensor_cells(plan, number, tensor)
        yield from _ghost_cells(plan, number, tensor)
    for number, bank in plan.banks.items():
        yield _filter_cells(plan, number, bank)
        yield from _travellers(plan, number, bank)


def _tensor_cells(plan: Plan, number: int, tensor: Tensor) -> Iterator[Cells]:
    index = indices(tensor.shape)
    position = tensor.at(index)
    start = np.full(len(index), ALWAYS)
    arrive, origin = start, position
    if number > 0:
        act, bank = plan.acts[number - 1], plan.banks[number - 1]
        trajectory = plan.slide(number - 1)
        done = trajectory.completed_at().reshape(-1) + act.first_step
        lead = np.where(done == act.first_step, WRITE, ARRIVE) if not act.swept else 0.0
        start, arrive = np.asarray(done + lead, float), done + 1.0
        origin = bank.mouths()[tensor.rows(index)[1]]
    values = plan.values[0][number] if plan.values else None
    yield _visible_tensor(plan, number, tensor, index, origin, start, arrive, values)


def _visible_tensor(
    plan: Plan,
    number: int,
    tensor: Tensor,
    index: NDArray[np.int64],
    origin: NDArray[np.float64],
    start: NDArray[np.float64],
    arrive: NDArray[np.float64],
    values: NDArray[np.float64] | None,
) -> Cells:
    """The cells of the ``number``-th tensor, in the colours of their channels."""
    color = tensor.colors[tensor.rows(index)[1]]
    if values is not None:
        color = in_lightness(color, values.reshape(-1))
    return Cells(
        tensor.name,
        "input" if number == 0 else "output",
        tensor.shape,
        index,
        position=_f32(tensor.at(index)),
        color=_f32(color),
        origin=_f32(origin),
        start=_f32(start),
        arrive=_f32(arrive),
        anchor=_f32(plan.anchor(number, tensor, index)),
        lit_by=plan.reader(number),
    )


def _ghost_cells(plan: Plan, number: int, tensor: Tensor) -> Iterator[Cells]:
    (top, bottom), (left, right) = plan.ghost_pad(number)
    if top + bottom + left + right == 0:
        return
    *lead, height, width = tensor.shape
    index = indices((*lead, height + top + bottom, width + left + right))
    index[:, -2] -= top
    index[:, -1] -= left
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
        anchor=_f32(plan.anchor(number, tensor, index)),
        lit_by=plan.reader(number),
    )


def _filter_cells(plan: Plan, number: int, bank: Bank) -> Cells:
    index = indices(bank.shape)
    position = _f32(bank.at(index))
    color = palette.filter_colors(bank.shape[0], bank.shape[1], bank.groups)[index[:, 0], index[:, 1]]
    if plan.values is not None and (weight := plan.values[1][number]) is not None:
        color = in_lightness(color, weight.reshape(-1))
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
    previous = before.at(indices(before.shape))
    batch, item = before.batch, math.prod(before.shape[-3:])
    held = np.arange(batch * item).reshape(batch, item)  # flat input cell -> its row among the previous positions
    first = act.first_step
    for tensor, view in plan.views[number]:
        index = indices(tensor.shape)
        position = tensor.at(index)
        source = view.source.reshape(-1)
        rows = np.concatenate([held[n][source] for n in range(batch)])
        origin = previous[rows]
        step = first + np.arange(batch * tensor.channels).repeat(math.prod(tensor.shape[-2:]))
        start, arrive = step.astype(float), step + 1.0
        last = tensor is plan.views[number][-1][0]
        values = plan.values[0][number].reshape(batch, item)[:, source] if plan.values else None
        place = number + 1 if last else len(plan.scene.stages)
        yield _visible_tensor(plan, place, tensor, index, origin, start, arrive, values)
        previous = position
        held = np.empty_like(held)
        for n in range(batch):
            held[n][source] = n * item + np.arange(item)
        first += batch * tensor.channels


def _f32(array: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)
