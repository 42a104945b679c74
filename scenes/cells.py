"""The cubes: where each stands, what it wears, when it appears and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math import DeformConv2d, Merge
from ..conv_math.rearrange import Columns
from .elision import Elision
from .filters import bias_cells, filter_cells, flipping_cells, lone_bias, swelling
from .form import FEWEST_PIXELS, PLAIN_FACE
from .items import MOST_CHANNELS
from .matrix import column_mouths, matrix_cells
from .numerals import HEIGHT
from .pacing import BIAS, LAND, LANDED, MULTIPLY, SET_OUT, SUM, WRITE
from .palette import EMPTY, faint
from .parts import MOUTH, Act, Bank, Tensor
from .plan import Plan
from .sight import depth_of, mixed
from .story import ALWAYS, Cells, Numbers, Role, cells_at, ripened
from .swerve import UNTOLD, swerve
from .values import in_lightness

PARTIAL, GROWN = 0.8, 0.96
"""How large a cell is that is not finished; and how large what is added up is at most."""
JOINS, JOINED = 0.8, 0.7
"""What is added to such a cell has come to it after so much of its time, and is so large: smaller, it goes into it."""
COPIED = 0.8
"""How large the copies of cells are that padding repeats; their numbers are as large as those of cells."""
MOST_SUMS = 15
"""Of more sums in one place none has its number: each must hide the one before it."""
MOST_PRODUCTS = 2**20
"""More of them are not added up one by one."""
HALF_WAY = 0.45
"""How large copies are half-way to one cell, where they are half as far from each other as in the beginning."""
DOT_PIXELS = 4.0
"""How large the dots in a gap are at least, in reference pixels."""
DOT_SHARE = 0.65
"""How large they are at most, as a share of how far apart they stand."""
SETTLED = 0.8
"""The part of a step after which what flies is so near its place that zeros may come around it: it passes none."""
FLIGHT = 0.06
"""Seconds: in fewer a cell on its way is a dot in mid-air that comes from nowhere; it appears in its place instead."""


def cells_of(plan: Plan) -> Iterator[Cells]:
    for number, tensor in enumerate(plan.tensors):
        if number in plan.takes_over:
            for cells in _repeated_cells(plan, number, tensor, plan.takes_over[number]):
                yield replace(cells, end=plan.gives_way(number))
        elif number > 0 and plan.stages[number - 1].again:
            yield from _repeated_cells(plan, number, tensor, plan.since(number))
        elif number > 0 and number - 1 in plan.views:
            yield from _arrangement_cells(plan, number - 1)
        else:
            for cells in _tensor_cells(plan, number, tensor):
                yield replace(cells, end=plan.gives_way(number)) if number == 0 else cells
        yield from _ghost_cells(plan, number, tensor)
    for (_, number), tensor in plan.skips.items():
        yield from _skip_cells(plan, number, tensor, plan.since(number))
    for number, tensor in plan.review.items():
        yield from _skip_cells(plan, number, tensor, plan.time.steps - 1.0)
    for number, bank in plan.banks.items():
        if number in plan.keys:
            yield from matrix_cells(plan, number)
        elif number in plan.time.flips:
            yield from flipping_cells(plan, number)
        else:
            yield filter_cells(plan, number, bank, f"filters-{number + 1}", bank.drawn(), bank.drawn())
        if number in plan.contents.biased:
            f = bank.placed.item.elision.drawn_blocks()
            yield bias_cells(plan, number, f, f"biases-{number + 1}", "filter", bank.placed.biases(f))
        yield from _travellers(plan, number, bank)
    for number in plan.lone_biases:
        yield lone_bias(plan, number)
    for number in range(len(plan.stages)):
        if plan.contents.woven(plan.stages[number]):
            yield from _along_weights(plan, number)
    yield from _dots(plan)


def _tensor_cells(plan: Plan, number: int, tensor: Tensor) -> Iterator[Cells]:
    index = tensor.drawn()
    position = tensor.at(index)
    start = np.full(len(index), ALWAYS)
    arrive, origin, told = start, position, UNTOLD
    if number > 0:
        act, sight = plan.time.acts[number - 1], plan.sight(number - 1)
        done = plan.done(number - 1, index)
        told = np.where(np.isin(done + act.first_step, [beat.first for beat in act.told]), done, UNTOLD)
        origin = _sources(plan, number - 1, tensor, index, done)
        start, arrive = _arrival(act, done)
        if sight.scatters:
            begun = sight.begun(*tensor.rows(index))
            several = begun < plan.done(number - 1, index)
            if several.any():
                yield from _partial_sums(plan, number, tensor, index[several], begun[several])
                origin = np.where(several[:, None], position, origin)
    yield _visible_tensor(plan, number, tensor, index, position, origin, start, arrive, plan.lightness(number), told)


def _repeated_cells(plan: Plan, number: int, tensor: Tensor, since: float) -> Iterator[Cells]:
    """The ``number``-th tensor as it begins a row of its own, once there are more steps than these."""
    index = tensor.drawn()
    done, empty = np.full(len(index), since), tensor.is_empty(index)
    if empty.any():
        yield _zeros(plan, number, tensor, index[empty], done[empty])
    index, done = index[~empty], done[~empty]
    position = tensor.at(index)
    yield _visible_tensor(plan, number, tensor, index, position, position, done, done, plan.lightness(number))


def _skip_cells(plan: Plan, number: int, tensor: Tensor, since: float) -> Iterator[Cells]:
    """The same in another place, where no window stands."""
    for cells in _repeated_cells(plan, number, tensor, since):
        yield replace(cells, anchor=cells.position, lit_by=None, scale=tensor.placed.item.pitch)


def _arrival(act: Act, done: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The steps between which cells travel that are written with these steps of an act."""
    done = done + act.first_step
    slow, swept = np.isin(done, [beat.first for beat in act.told]), act.swept_at(done)
    begins, ends = np.where(swept, 0.0, np.where(slow, WRITE, SET_OUT)), np.where(swept | slow, 1.0, LANDED)
    return np.asarray(done + begins, float), np.asarray(done + ends, float)


def _partial_sums(
    plan: Plan, number: int, tensor: Tensor, index: NDArray[np.int64], begun: NDArray[np.int64]
) -> Iterator[Cells]:
    """Cells of a window that scatters to which more will be added; with values every sum until then."""
    act = plan.time.acts[number - 1]
    sums = [(index, begun, None)]
    if plan.values is not None and not act.swept and act.stage.op.macs(act.stage.input) <= MOST_PRODUCTS:
        sums = list(_running_sums(plan, number - 1, tensor))
    for turn, (cells, step, values) in enumerate(sums):
        origin = tensor.at(cells) if turn else _sources(plan, number - 1, tensor, cells, step)
        name, color = (f"partial-{turn + 1}", turn, len(sums)), tensor.color_of(cells)
        if plan.values is not None and values is not None:
            color = plan.shaded(number, color, values)
        yield _unfinished(plan, number, tensor, name, cells, color, origin, _arrival(act, step), values)


def _running_sums(
    plan: Plan, number: int, tensor: Tensor
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """What a window that scatters has added up, turn by turn: the drawn cells to which more is added later, with which
    step of the stage they come to be so, and the sum, all without bias."""
    assert plan.values is not None
    sight, (tensors, kernels, _) = plan.sight(number), plan.values
    kernel = kernels[number]
    assert kernel is not None
    total, count = np.zeros(tensor.shape), np.zeros(tensor.shape, np.int64)
    rows = []
    for step in range(sight.trajectory.steps):
        taps = sight.trajectory.taps(step)
        cells = tensors[number][tuple(sight.drawn(taps.input, sight.item).T)]
        written = tuple(sight.drawn(taps.output, sight.output).T)
        np.add.at(total, written, cells * kernel[tuple(sight.drawn_weights(taps.weight).T)])
        hit = np.unique(np.stack(written, axis=1), axis=0)
        count[tuple(hit.T)] += 1
        rows.append((hit, np.full(len(hit), step), total[tuple(hit.T)], count[tuple(hit.T)]))
    index, steps, sums, turns = (np.concatenate(column) for column in zip(*rows, strict=True))
    more = (turns < count[tuple(index.T)]) & tensor.shows(index)
    for turn in range(1, int(turns[more].max(initial=0)) + 1):
        mine = more & (turns == turn)
        yield index[mine], steps[mine], sums[mine]


def _unfinished(
    plan: Plan,
    number: int,
    tensor: Tensor,
    name: tuple[str, int, int],
    index: NDArray[np.int64],
    color: NDArray[np.float64],
    origin: NDArray[np.float64],
    times: tuple[NDArray[np.float64], NDArray[np.float64]],
    values: NDArray[np.float64] | None,
) -> Cells:
    """Cells of the ``number``-th tensor to which more will be added; ``values`` (n,) are what they have come to.

    ``name`` says which of so many sums in their place they are: each is larger than the one before, and hides it.
    """
    called, turn, turns = name
    scale = PARTIAL + (GROWN - PARTIAL) * turn / max(1, turns - 1)
    read = {"anchor": plan.anchor(number, tensor, index, tensor.at(index)), "lit_by": plan.reader(number)}
    numbered = turns <= MOST_SUMS
    return _smaller(
        plan, number, tensor, called, scale, index, color, origin, times, values, "output", numbered, **read
    )


def _smaller(
    plan: Plan,
    number: int,
    tensor: Tensor,
    called: str,
    scale: float,
    index: NDArray[np.int64],
    color: NDArray[np.float64],
    origin: NDArray[np.float64],
    times: tuple[NDArray[np.float64], NDArray[np.float64]],
    values: NDArray[np.float64] | None,
    role: Role,
    numbered: bool = True,
    **more: Any,
) -> Cells:
    """What comes, at these times, to the places of cells of the ``number``-th tensor and is smaller than these: sums on
    their way, and what is added to them."""
    position, numbers = tensor.at(index), ()
    if values is not None:
        front = tensor.in_front(index) & numbered
        numbers = plan.numbers(values, color, front, width=scale, stages=_stages_of(plan, number))
    return cells_at(
        position,
        f"{tensor.name}-{called}",
        role,
        tensor.shape,
        index,
        color,
        origin=origin,
        bow=swerve(plan, origin, position),
        start=times[0],
        arrive=times[1],
        scale=scale,
        numbers=numbers,
        **more,
    )


def _flies(plan: Plan, number: int, done: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which cells, written with these steps of a stage, are seen to come to their place: there is time for it, and they
    are large enough to be told from each other. A step that is told in slow motion ends with that."""
    act = plan.time.acts[number]
    if plan.cell_pixels(number) < FEWEST_PIXELS:
        return np.zeros(len(done), np.bool_)
    parts = [1.0 if b.swept else LANDED - SET_OUT for b in act.beats]
    seconds = [p * (b.end - b.start) / (b.last - b.first + 1) / plan.fps for p, b in zip(parts, act.beats, strict=True)]
    told = [beat in act.told for beat in act.beats]
    return ((np.array(seconds) >= FLIGHT) | np.array(told))[act.beat_at(done + act.first_step)]


def _sources(
    plan: Plan, number: int, tensor: Tensor, index: NDArray[np.int64], done: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Where output cells of a stage, written with its steps ``done``, come from, ``(n, 3)``: their own place where they
    do not fly."""
    flies = _flies(plan, number, done)
    return np.where(flies[:, None], _makers(plan, number, tensor, index), tensor.at(index))


def _makers(plan: Plan, number: int, tensor: Tensor, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where output cells of a stage are made, ``(n, 3)``.

    Its filters or, where those are not drawn, the input's near side; without filters the cells that they are made of.
    """
    sight, (n, c, h, w) = plan.sight(number), tensor.rows(index)
    before = plan.tensors[number]
    if plan.stages[number].matrix is not None:
        return column_mouths(plan.banks[number], w)
    if number in plan.banks:
        return plan.banks[number].mouths()[c // depth_of(sight.output)]
    if plan.contents.woven(plan.stages[number]):
        return tensor.at(index)
    if plan.contents.undrawn(number):
        _, height, width = before.placed.item.dims
        place = before.placed.base[0] + np.array([width + MOUTH, 0.0, -(height - 1) / 2])
        return np.broadcast_to(place, (len(index), 3))
    winners = plan.winners(number)
    found = sight.sources(c, h, w) if winners is None else sight.winners(winners, n, c, h, w)
    return before.between(n, found)


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
    told: NDArray[np.integer] | int = UNTOLD,
    like: int | None = None,
) -> Cells:
    """The drawn cells of the ``number``-th tensor, in the colours of their channels; ``values`` is the whole tensor.

    Words tell of the steps ``told`` (n,) in which they come to their place. Lightness is as in the tensor ``like``
    which it is, if not its own.
    """
    color, numbers = tensor.color_of(index), ()
    if values is not None:
        own = values[tuple(index.T)]
        color = plan.shaded(number if like is None else like, color, own)
        front, stages = tensor.in_front(index), _stages_of(plan, number)
        numbers = plan.numbers(own, color, front, last=plan.time.counting, stages=stages)
    return cells_at(
        position,
        tensor.name,
        "input" if number == 0 else "output",
        tensor.shape,
        index,
        color,
        origin=origin,
        bow=swerve(plan, origin, position, told),
        start=start,
        arrive=arrive,
        anchor=plan.anchor(number, tensor, index, position),
        lit_by=plan.reader(number),
        numbers=numbers,
    )


def _ghost_cells(plan: Plan, number: int, tensor: Tensor) -> Iterator[Cells]:
    """The padding around a tensor; within it, smaller, the cells that it repeats."""
    padding = plan.contents.padding(number)
    if not any(map(sum, padding)):
        return
    index, depth = tensor.around(*padding)
    position = tensor.at(index, depth)
    _, c, h, w = tensor.rows(index)
    copied = plan.sight(number).copied(c, depth, h, w)
    known = copied[:, 0] >= 0
    front = tensor.in_front(index) & (depth == 0)
    op = plan.sight(number).op
    counts = op.reduce == "sum" and getattr(op, "count_include_pad", True)  # else nothing looks at padding
    ghosts = cells_at(
        position,
        f"ghosts-{tensor.name}",
        "ghost",
        tensor.shape,
        index,
        plan.theme.ghost,
        # the padding of a tensor that does not exist yet would be a riddle
        start=plan.since(number),
        anchor=plan.anchor(number, tensor, index, position),
        lit_by=plan.reader(number),
        numbers=_zeros_on(plan, number, front & ~known & counts),
    )
    yield ghosts
    if known.any():
        source = index.copy()
        source[:, -3:] = copied
        color, numbers = faint(tensor.color_of(source[known]), plan.theme), ()
        if (values := plan.lightness(number)) is not None:
            own = values[tuple(source[known].T)]
            color = faint(plan.shaded(number, tensor.color_of(source[known]), own), plan.theme)
            numbers = plan.numbers(
                own, color, front[known], width=COPIED, stages=(number,), most=HEIGHT / COPIED, face=PLAIN_FACE
            )
        yield cells_at(
            position[known],
            f"copies-{tensor.name}",
            "copy",
            tensor.shape,
            source[known],
            color,
            start=ghosts.start[known],
            anchor=ghosts.anchor[known],
            lit_by=ghosts.lit_by,
            scale=COPIED,
            numbers=numbers,
        )


def _zeros_on(plan: Plan, number: int, front: NDArray[np.bool_]) -> tuple[Numbers, ...]:
    """A zero on cells that read as empty: one looks through them, at the backdrop."""
    if plan.values is None:
        return ()
    color = np.broadcast_to(np.array(plan.theme.floor), (len(front), 3))
    return plan.numbers(np.zeros(len(front)), color, front, stages=(number,))


def _stages_of(plan: Plan, number: int) -> tuple[int, ...]:
    """Those at which the ``number``-th tensor is seen, counted from 0: it is made, then read. The last is read in the
    end, alone and from near."""
    return (number,) if number == len(plan.stages) else (max(number - 1, 0), number)


def _travellers(plan: Plan, number: int, bank: Bank) -> Iterator[Cells]:
    """Copies of the cells of every window that is told, zeros, too: to their weights, then together into one cell per
    filter."""
    if (swells := swelling(plan, number)) is None:
        return
    for turn, beat in enumerate(plan.time.acts[number].told, start=1):
        key = f"{number + 1}{f'-{turn}' * (turn > 1)}"
        yield from _travelling(plan, number, bank, beat.first, f"travellers-{key}", swells)
        if plan.contents.adds_bias(number):
            yield from _joining(plan, number, bank, beat.first, key)


def _travelling(plan: Plan, number: int, bank: Bank, step: int, name: str, swells: float) -> Iterator[Cells]:
    """These of one step."""
    tensor, sight = plan.tensors[number], plan.sight(number)
    read = _read_in(plan, number, step - plan.time.acts[number].first_step)
    weight = sight.drawn_weights(read.weight)
    drawn = tensor.shows(read.index) & bank.shows(weight)
    read, weight = read.of(drawn), weight[drawn]
    if not len(weight):
        return
    made = plan.tensors[number + 1]
    written, behind = sight.around(read.output, sight.output)
    position = bank.mouths()[weight[:, 0]]
    if plan.stages[number].matrix is not None:
        position = column_mouths(bank, weight[:, 3])
    if sight.scatters:  # each product has a place of its own
        position = made.at(written, behind)
    multiply, leave, summed = plan.time.parts(number)
    rest = step + multiply, step + leave
    becomes, numbers = made.color_of(written), ()
    if plan.values is not None and (kernel := plan.values[1][number]) is not None:
        products = read.values * kernel[tuple(weight.T)]
        becomes = in_lightness(becomes, products, products)
        turn = (rest[0] + ripened(*rest)) / 2.0
        numbers = (
            *plan.numbers(read.values, read.color, tensor.in_front(read.index), ALWAYS, turn, stages=(number,)),
            *plan.numbers(products, becomes, bank.in_front(weight), turn, stages=(number,)),
        )
    via = bank.before(weight) if swells == 1.0 else bank.at(weight)
    yield cells_at(
        position,
        name,
        "traveller",
        tensor.shape,
        read.index,
        read.color,
        origin=read.position,
        start=step + LAND,
        arrive=step + summed,
        anchor=read.position,
        via=via,
        bow=swerve(plan, read.position, via),
        swells=swells,
        becomes=becomes,
        rest=rest,
        end=step + summed,
        numbers=numbers,
    )


def _joining(plan: Plan, number: int, bank: Bank, step: int, key: str) -> Iterator[Cells]:
    """What the filters that write in a step have added up, and copies of their biases, which join that."""
    assert plan.values is not None
    sight, made, (*_, summed) = plan.sight(number), plan.tensors[number + 1], plan.time.parts(number)
    taps = sight.taps(step - plan.time.acts[number].first_step)
    f, first = np.unique(sight.drawn_weights(taps.weight)[:, 0], return_index=True)
    drawn = bank.placed.item.elision.shows_block(f)
    f, first = f[drawn], first[drawn]
    written = sight.drawn(taps.output[first], sight.output)
    sums = plan.values[0][number + 1][tuple(written.T)] - plan.biases(number)[f]
    color = plan.shaded(number + 1, made.color_of(written), sums)
    place, at, pitch = bank.placed.sums(f), bank.placed.biases(f), bank.placed.item.pitch
    numbers = plan.numbers(sums, color, np.ones(len(f), np.bool_), width=pitch, stages=(number,))
    begin, leave, end = step + summed, step + BIAS, step + WRITE
    shared = {"scale": pitch, "numbers": numbers}
    yield cells_at(
        place, f"sums-{key}", "traveller", made.shape, written, color, start=begin, arrive=leave, end=leave, **shared
    )
    joins = {"start": leave, "rest": (leave, leave), "arrive": end, "end": end}
    yield cells_at(place, f"joined-{key}", "traveller", made.shape, written, color, via=place, **joins, **shared)
    yield bias_cells(plan, number, f, f"joining-{key}", "traveller", place, origin=at, via=at, **joins)


def _along_weights(plan: Plan, number: int) -> Iterator[Cells]:
    """The same where weights are lines: half-way along its line each copy is multiplied, and small among the others."""
    act, sight = plan.time.acts[number], plan.sight(number)
    tensor, made = plan.tensors[number], plan.tensors[number + 1]
    for beat in act.told:
        read = _read_in(plan, number, beat.first - act.first_step)
        written = sight.drawn(read.output, sight.output)
        drawn = tensor.shows(read.index) & made.shows(written)
        read, written = read.of(drawn), written[drawn]
        position, end = made.at(written), beat.first + WRITE
        yield cells_at(
            position,
            f"travellers-{number + 1}",
            "traveller",
            tensor.shape,
            read.index,
            read.color,
            origin=read.position,
            start=beat.first + LAND,
            arrive=end,
            anchor=read.position,
            via=(read.position + position) / 2.0,
            swells=HALF_WAY,
            becomes=made.color_of(written),
            rest=(beat.first + MULTIPLY, beat.first + SUM),
            end=end,
        )


@dataclass(frozen=True, eq=False)
class Read:
    """What a window reads, a row for each multiply: ``index`` (n, rank) of cells, of zeros that of their place,
    of what several cells are mixed to that of the first of them.

    ``position`` (n, 3) is where they stand, ``values`` (n,) are 0 where values are not shown; ``weight`` is what they
    are multiplied with, ``output`` where the product goes.
    """

    index: NDArray[np.int64]
    position: NDArray[np.float64]
    color: NDArray[np.float64]
    values: NDArray[np.float64]
    weight: NDArray[np.int64]
    output: NDArray[np.int64]

    def of(self, which: NDArray[np.bool_]) -> Read:
        """Some of them."""
        return Read(**{each.name: getattr(self, each.name)[which] for each in fields(self)})


def _read_in(plan: Plan, number: int, step: int) -> Read:
    """What a stage's window reads in a step, on padding, too: there its own zeros, or copies of cells."""
    tensor, sight = plan.tensors[number], plan.sight(number)
    taps = sight.taps(step)
    zero = (taps.input < 0).any(axis=1)
    index, behind = sight.drawn(taps.input.clip(0), sight.item), np.zeros(len(taps), np.int64)
    color, place = tensor.color_of(index), index.copy()
    values = np.zeros(len(taps))
    if plan.values is not None:
        values = np.where(zero, 0.0, plan.values[0][number][tuple(index.T)])
        color = plan.shaded(number, color, values)
    color = np.where((zero | tensor.is_empty(index))[:, None], EMPTY, color)
    if taps.ghost.any():
        place[taps.ghost], behind[taps.ghost] = sight.around(sight.stood_on(taps.weight[taps.ghost], step), sight.item)
    which, first = mixed(taps.output, taps.weight)
    values, *color = (np.bincount(which, taps.coefficient * each).astype(float) for each in (values, *color.T))
    index, weight = np.where(zero[:, None], place, index)[first], taps.weight[first]
    position = tensor.at(place, behind)[first]
    if isinstance(sight.op, DeformConv2d):
        n, _, _ = sight.place(step)
        position = tensor.between(np.full_like(first, n), sight.sampled(weight, step))
    return Read(index, position, np.stack(color, axis=1), values, weight, taps.output[first])


def _arrangement_cells(plan: Plan, number: int) -> Iterator[Cells]:
    act = plan.time.acts[number]
    if isinstance(act.stage.op, Merge):
        yield from _merge_cells(plan, number, act.stage.op)
        return
    before = plan.tensors[act.stage.reads[0]]
    batch, item = before.batch, math.prod(before.shape[-3:])
    held = np.arange(item)  # flat input cell -> where it is in the previous arrangement
    first = act.first_step
    turns = plan.contents.move_turns(number)
    for (tensor, view), count in zip(plan.views[number], turns, strict=True):
        index = tensor.drawn()
        n, *place = tensor.rows(index)
        source = view.source.reshape(-1)
        came = source[np.ravel_multi_index(place, tensor.shape[-3:])]
        flat = held[came.clip(0)]
        origin = before.at(
            np.stack([n, *np.unravel_index(flat, before.shape[-3:])], axis=1)[:, 4 - len(before.shape) :]
        )
        turn = place[2] if isinstance(act.stage.op, Columns) else _turn(count, tensor, before, place, flat)
        step = first + n * count + turn
        last = tensor is plan.views[number][-1][0]
        read = act.stage.reads[0]
        known = plan.lightness(read)
        values = None if known is None else _moved(known, tensor.batch, source, tensor.shape)
        number_shown = number + 1 if last else len(plan.stages)
        real = ~tensor.is_empty(index)
        position = tensor.at(index)
        if not real.all():
            yield _zeros(plan, number_shown, tensor, index[~real], step[~real] + SETTLED)
        start, followed = step[real].astype(float), 1 < count <= MOST_CHANNELS and real.all()
        where, told = (index[real], position[real], origin[real]), step[real] if followed else UNTOLD
        yield _visible_tensor(plan, number_shown, tensor, *where, start, start + 1.0, values, told, like=read)
        before = tensor
        held = np.zeros_like(held)
        held[source[source >= 0]] = np.flatnonzero(source >= 0)
        first += batch * count


def _merge_cells(plan: Plan, number: int, op: Merge) -> Iterator[Cells]:
    """The output of a merge, channel by channel or cell by cell: what is brought to a cell comes one after another.

    The last one, or a bias after it, makes it whole; until then it is smaller, and has the sum, or product, so far.
    What joins that comes with its own number, and goes into it.
    """
    act, (tensor, _) = plan.time.acts[number], plan.views[number][0]
    index = tensor.drawn()
    position = tensor.at(index)
    n, *place = tensor.rows(index)
    cell = np.ravel_multi_index(place, tensor.shape[-3:])
    (count,) = plan.contents.move_turns(number)
    turns = place[0] if count == tensor.channels else cell
    step = (act.first_step + n * count + turns).astype(float)
    addends, bias = plan.merged(number), plan.lone_biases.get(number)
    parts = len(addends) + (bias is not None)
    shown, total = plan.values is not None, np.full(len(index), float(op.JOIN.identity))
    whole, since, end = position.copy(), step.copy(), step.copy()
    for turn, (which, flat) in enumerate(addends):
        origin, color, own = position.copy(), tensor.color_of(index), np.zeros(len(index))
        for i, (read, source) in enumerate(zip(act.stage.reads, plan.read_by(number), strict=True)):
            mine = which[cell] == i
            came = np.stack([n[mine], *np.unravel_index(flat[cell][mine], source.shape[-3:])], axis=1)
            came = came[:, 4 - len(source.shape) :]
            origin[mine], color[mine] = source.at(came), source.color_of(came)
            if plan.values is not None:
                own[mine] = plan.values[0][read][tuple(came.T)]
                color[mine] = plan.shaded(read, color[mine], own[mine])
        there = which[cell] >= 0
        total[there] = op.JOIN(total[there], own[there])
        last = there & (turn == parts - 1)
        if turn + 1 < len(addends):
            last = there & (addends[turn + 1][0][cell] < 0)
        begins, joins, ends = (step + (turn + share) / parts for share in (0.0, JOINS if turn else 0.0, 1.0))
        if turn == 0 and not there.all():
            yield _zeros(plan, number + 1, tensor, index[~there], step[~there])
        if turn and there.any():
            name, times = f"joining-{turn + 1}", (begins[there], joins[there])
            what = index[there], color[there], origin[there], times, own[there] if shown else None
            yield _smaller(plan, number + 1, tensor, name, JOINED, *what, "traveller")
            origin = position
            if plan.values is not None:
                color = plan.shaded(number + 1, tensor.color_of(index), total)
        whole[last], since[last], end[last] = origin[last], joins[last], ends[last]
        more = there & ~last
        if more.any():
            name, times = (f"added-{turn + 1}", turn, parts - 1), (joins[more], ends[more])
            sums = total[more] if shown else None
            yield _unfinished(plan, number + 1, tensor, name, index[more], color[more], origin[more], times, sums)
    if bias is not None:
        times, value = (step + (parts - 1) / parts, step + (parts - 1 + JOINS) / parts), plan.biases(number)
        color, origin = (
            np.repeat(np.asarray(of, float), len(index), axis=0) for of in (lone_bias(plan, number).color, bias.base)
        )
        what = index, color, origin, times, np.broadcast_to(value, len(index)) if shown else None
        yield _smaller(plan, number + 1, tensor, f"joining-{parts}", JOINED, *what, "traveller")
        since, end = times[1], step + 1.0
    values = plan.values[0][number + 1] if plan.values else None
    seen = addends[0][0][cell] >= 0
    where, times = (index[seen], position[seen], whole[seen]), (since[seen], end[seen])
    yield _visible_tensor(plan, number + 1, tensor, *where, *times, values)


def _turn(
    count: int, tensor: Tensor, before: Tensor, place: list[NDArray[np.int64]], flat: NDArray[np.int64]
) -> NDArray[np.int64]:
    """With which of ``count`` steps cells move: channel by channel, of the larger side."""
    if count == 1:
        return np.zeros_like(flat)
    if count == tensor.channels:
        return place[0]
    return flat // math.prod(before.shape[-2:])


def _moved(
    values: NDArray[np.float64], batch: int, source: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """The values of an arrangement, with zeros where nothing comes from."""
    taken = values.reshape(batch, -1)[:, source.clip(0)]
    return np.where(source < 0, 0.0, taken).reshape(shape)


def _zeros(plan: Plan, number: int, tensor: Tensor, index: NDArray[np.int64], step: NDArray[np.float64]) -> Cells:
    """Cells of an arrangement that come from nowhere: they read as empty, like padding."""
    position = tensor.at(index)
    return cells_at(
        position,
        f"zeros-{tensor.name}",
        "ghost",
        tensor.shape,
        index,
        plan.theme.ghost,
        start=step,
        arrive=np.floor(step) + 1.0,
        anchor=plan.anchor(number, tensor, index, position),
        lit_by=plan.reader(number),
        numbers=_zeros_on(plan, number, tensor.in_front(index)),
    )


def _dots(plan: Plan) -> Iterator[Cells]:
    """Three grey cubes in every gap, where they fit."""
    for placed in plan.frame.placed:
        elision = placed.item.elision
        blocks = elision.block_of_slot()
        shown = elision.shows_block(blocks)
        middle = np.array([elision.columns.middle, 0.0, -elision.rows.middle])
        scale = max(1.0, placed.item.pitch if placed.item.pitch > 1.0 else DOT_PIXELS * plan.frame.pixel)
        apart = [axis.dots_apart for axis in elision.axes[2:] if axis.hidden]
        scale = min([scale, *(DOT_SHARE * placed.item.pitch * between for between in apart)])
        spots = [placed.base[blocks[shown]][:, None] + placed.item.pitch * _in_gaps(elision, middle)]
        _, h, w = placed.item.dims
        if w > 2:
            pitch = min(2.0 * scale, (w - 1) / 2)
            row = np.array([(w - 1) / 2 - pitch, 0.0, -(h - 1) / 2]) + np.arange(3)[:, None] * (pitch, 0.0, 0.0)
            spots.append(placed.base[blocks[~shown]][:, None] + row)
        position = np.concatenate([spot.reshape(-1, 3) for spot in spots])
        if len(position):
            n = len(position)
            name = f"gaps-{placed.item.name}"
            yield cells_at(position, name, "gap", (n,), np.arange(n)[:, None], plan.theme.ghost, scale=scale)


def _in_gaps(elision: Elision, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the dots of a block's own gaps stand, from its cell (0, 0, 0): along each elided axis, ``(dots, 3)``.

    ``middle`` is the middle of what is drawn first of columns and rows; those of channels run over the top.
    """
    spots = [np.empty((0, 3))]
    if elision.channels.hidden:
        spots.append(np.array([[middle[0], dot, 0.0] for dot in elision.channels.dots()]))
    if elision.rows.hidden:
        spots.append(np.array([[middle[0], 0.0, -dot] for dot in elision.rows.dots()]))
    if elision.columns.hidden:
        spots.append(np.array([[dot, 0.0, middle[2]] for dot in elision.columns.dots()]))
    return np.concatenate(spots)
