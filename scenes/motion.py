"""What goes along with the steps: windows on the inputs, heads on the outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..conv_math import DeformConv2d
from ..conv_math.conv import Weighted
from ..conv_math.rearrange import Columns
from .elision import Axis, Elision
from .form import TAP_BAR, WINDOW_BAR
from .pacing import STROKE, Beat, Stroke, strokes, time_at
from .parts import Tensor
from .plan import Plan
from .sight import Sight, Span, depth_of
from .story import Ease, Mover, Outline, Track, Vector, vector

_Place = tuple[int, float, float, float]
"""Block, channel, row and column."""
Boxes = tuple[tuple[Vector, Vector], ...]
"""The middle and the size of each."""
_Spot = tuple[float, float]
"""Row and column."""
_Bends = tuple[tuple[float, ...], tuple[float, ...]]
"""Rows and columns between which the way of a window bends: it comes to a gap."""
STRAIGHT: _Bends = (), ()
"""None: nothing is left out."""
Visit = tuple[int, int | None, tuple[int, int, int]]
"""What a step visits: see :meth:`Sight.place`."""
ENTERS = 0.15
"""The part of its time in which a window comes to the gap of rows that pass."""
APPROACH = -1.5
"""How far in front of its first position a window starts."""
SIDES = {"upper": 0.5, "middle": 0.0, "lower": -0.5}
"""How high above its middle lines leave a window, in heights of its box."""


def all_movers(plan: Plan) -> Iterator[Mover]:
    for number, stage in enumerate(plan.stages):
        if stage.slide is not None:
            yield window_of(plan, number)
            yield from sides_of(plan, number)
            yield head_of(plan, number)
            yield from _moved_taps(plan, number)
        elif isinstance(stage.op, Columns):
            yield window_of(plan, number)
        if stage.matrix is not None:
            yield column_of(plan, number)
            if plan.echoes(number):
                yield echo_of(plan, number)


def window_of(plan: Plan, number: int) -> Mover:
    """A stage's window: it stands on its input where the taps of the step are, in one box for every lane it reads."""
    sight, tensor = plan.sight(number), plan.tensors[number]
    block, turns = _block_of(plan, number, tensor), plan.contents.takes_turns(number)
    covered = plan.contents.covers(number, 0), plan.contents.covers(number, 1)
    return _box(plan, number, f"window-{number + 1}", tensor, sight.reads, block, turns, covered, APPROACH)


def sides_of(plan: Plan, number: int) -> Iterator[Mover]:
    """Of a window that differs in size, what its lines leave from: its right side's upper end, middle and lower end."""
    window = window_of(plan, number)
    if window.taps is not None:
        for name, height in SIDES.items():
            yield beside(window, name, 1.0, 0.5 - height)


def beside(window: Mover, name: str, right: float, down: float) -> Mover:
    """What goes along with a point of a window that differs in size: so much of its width and height from its first
    corner. Relative to it the point stays where it is on the largest box."""
    assert window.taps is not None
    grown = (window.taps.values - window.counts) * window.spacing * (right, 0.0, down)
    track = replace(window.track, values=window.track.values + grown)
    return Mover(f"{window.name}-{name}", track, window.first, window.last)


def _block_of(plan: Plan, number: int, tensor: Tensor) -> Callable[[int, int | None], int]:
    """On which block of a tensor a stage's window stands for a picture and filter."""
    turns = plan.contents.takes_turns(number)
    filters_per_lane = max(1, plan.sight(number).trajectory.filters // tensor.split)
    return lambda n, channel: ((channel or 0) // filters_per_lane if turns else 0) * tensor.batch + n


def _moved_taps(plan: Plan, number: int) -> Iterator[Mover]:
    """Of a deformable window, for every cell of it, where the offsets have moved that."""
    act, tensor, sight = plan.time.acts[number], plan.tensors[number], plan.sight(number)
    if not isinstance(sight.op, DeformConv2d):
        return
    offsets = sight.trajectory.offsets  # (N, kernel cells, 2, rows, columns)
    kernel, (_, rows, columns) = sight.op.window.kernel_size, sight.reads
    base, elision, on = tensor.placed.base, tensor.placed.item.elision, _block_of(plan, number, tensor)

    def place(block: int, depth: float, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + offset_in(elision, depth, row, column)

    for cell in range(math.prod(kernel)):
        kh, kw = divmod(cell, kernel[1])

        def stands(step: int, moved: float = 1.0, cell: int = cell, kh: int = kh, kw: int = kw) -> _Place:
            n, channel, (_, row, column) = sight.place(step - act.first_step)
            down, right = moved * offsets[n, cell, :, row, column]
            at = rows.first[row] + kh * rows.distance + down, columns.first[column] + kw * columns.distance + right
            return on(n, channel), 0, float(at[0]), float(at[1])

        track = track_of(act.beats, row_of(sight), stands, place, STRAIGHT, APPROACH)
        track.values[0] = place(*stands(act.first_step, 0.0))  # it comes as a regular grid, and is bent as it lands
        track.values[0, 1] += APPROACH
        counts = 1, elision.channels.span, 1
        yield Mover(_sample(number, cell), track, act.first_frame, act.last_frame, counts=counts)


def _sample(number: int, cell: int) -> str:
    """The mover that is where a deformable window reads what a cell of its kernel meets."""
    return f"tap-{number + 1}-{cell + 1}"


def head_of(plan: Plan, number: int) -> Mover:
    """Where a stage writes: the output cell of the step, of the first filter if all write at once.

    Of a window that scatters, a box over all the cells to which it adds.
    """
    sight, output = plan.sight(number), plan.tensors[number + 1]
    name = f"head-{number + 1}"
    if sight.scatters:
        block, turns = _block_of(plan, number, output), plan.contents.takes_turns(number)
        return _box(plan, number, name, output, sight.writes, block, turns, (False, False), 0.0)
    act, deep = plan.time.acts[number], depth_of(sight.output)
    base, elision = output.placed.base, output.placed.item.elision

    def writes(step: int) -> _Place:
        n, channel, (depth, row, column) = sight.place(step - act.first_step)
        drawn = (channel or 0) * deep + depth
        return int(output.block(n, drawn)), drawn % output.per_lane, row, column

    def place(block: int, depth: float, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + offset_in(elision, depth, row, column)

    track = track_of(act.beats, row_of(sight), writes, place, _bends(elision), 0.0, _dotted(elision))
    return Mover(name, track, act.first_frame, act.last_frame, opens=plan.sight(number).fills)


def column_of(plan: Plan, number: int) -> Mover:
    """On a matrix: the column that is multiplied."""
    act, bank = plan.time.acts[number], plan.banks[number]
    _, height, _ = bank.placed.item.elision.dims

    def place(block: int, depth: float, row: float, column: float) -> NDArray[np.float64]:
        return bank.placed.base[block] + (column, depth, -row)

    def stands(step: int) -> _Place:
        return 0, 0.0, 0.0, float(_column(plan, number, step))

    track = track_of(act.beats, row_of(plan.sight(number)), stands, place, STRAIGHT, APPROACH)
    boxes: Boxes = (((0.0, 0.0, -(height - 1) / 2.0), (1.0, 1.0, float(height))),)
    if plan.values is not None:  # its zeros have digits
        boxes = _fronts(boxes)
    name, bar = f"column-{number + 1}", plan.bar(number)
    return Mover(name, track, act.first_frame, act.last_frame, boxes, (1, 1, height), bar=bar)


def _column(plan: Plan, number: int, step: int) -> int:
    """The column of the matrix, which is the output cell, that a step has."""
    _, _, (_, _, column) = plan.sight(number).place(step - plan.time.acts[number].first_step)
    return column


def echo_of(plan: Plan, number: int) -> Mover:
    """On what was flattened: where the window would stand that the matrix stands for; of one that scatters, around all
    that the output cell is made of."""
    tensor, sight = plan.tensors[number - 1], plan.window_of_matrix(number)
    op, spatial = sight.op, sight.output[1:]
    assert isinstance(op, Weighted) and sight.made_of is not None
    deep, rows, columns = sight.made_of
    if deep is None and op.groups > 1:
        deep = Span(op.fan_in() * np.arange(op.groups, dtype=np.int64), op.fan_in())

    def visits(step: int) -> Visit:
        n, _, (_, _, cell) = plan.sight(number).place(step)
        position = np.unravel_index(cell % math.prod(spatial), spatial)
        group = cell // math.prod(spatial) // (op.filters // op.groups)
        depth, row, column = (group, 0, 0)[: 3 - len(spatial)] + tuple(int(i) for i in position)
        return n, None, (depth, row, column)

    spans, still, name = (deep, rows, columns), (False, False), f"echo-{number + 1}"
    box = _box(plan, number, name, tensor, spans, lambda n, _: n, False, still, 0.0, (visits, spatial[-1]))
    return box if len(spatial) == 3 else replace(box, opens=False)


def _box(
    plan: Plan,
    number: int,
    name: str,
    tensor: Tensor,
    spans: tuple[Span | None, Span, Span],
    block: Callable[[int, int | None], int],
    turns: bool,
    covered: tuple[bool, bool],
    approach: float,
    visits: tuple[Callable[[int], Visit], int] | None = None,
) -> Mover:
    """A window on a tensor: ``block`` says on which block it stands for a picture and filter.

    ``visits`` says where it stands if that is not where the stage's own steps are, and how many steps make a row. Where
    it is ``covered`` (rows, columns), it is grown over all of the axis.
    """
    act, sight, base = plan.time.acts[number], plan.sight(number), tensor.placed.base
    elision = tensor.placed.item.elision
    visit, row = visits or (sight.place, row_of(sight))
    deep, rows, columns = spans
    (kh, dh, height), (kw, dw, width) = (
        _window_axis(span, axis, whole)
        for span, axis, whole in zip((rows, columns), (elision.rows, elision.columns), covered, strict=True)
    )
    kd, dd = (elision.channels.span, 1) if deep is None else (deep.taps, deep.distance)
    reach = height, width
    extent = np.array([width, (kd - 1) * dd + 1, height], float)
    middle = (extent - 1.0) / 2.0 * (1.0, 1.0, -1.0)

    def stands(step: int) -> _Place:
        n, channel, (depth, row, column) = visit(step - act.first_step)
        first = 0 if deep is None else int(deep.first[depth])
        return block(n, channel), first, int(rows.first[row]), int(columns.first[column])

    def place(block: int, depth: float, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + offset_in(elision, depth, row, column, reach)

    lanes = range(1) if turns else elision.lanes.indices().tolist()
    boxes = tuple((vector(base[lane * tensor.batch] - base[0] + middle), vector(extent)) for lane in lanes)
    sizes = deep, None if covered[0] else rows, None if covered[1] else columns
    taps = taps_of(act.beats, row, lambda step: visit(step - act.first_step)[2], sizes, (kw, kd, kh))
    bends = _bends(elision, reach) if taps is None else None
    track = track_of(act.beats, row, stands, place, bends, approach, _dotted(elision, reach))
    counts, spacing = (kw, kd, kh), (float(dw), float(dd), -float(dh))
    firsts = [center - middle for center, _ in boxes]
    parts = tuple(part for first in firsts for part in _parts(first, counts, spacing))
    if deep is None and elision.channels.hidden:
        boxes, parts = (_beside_gap(each, elision.channels) for each in (boxes, parts))
    if extent[1] == 1.0 and _among_zeros(plan, tensor, spans):
        boxes = _fronts(boxes)
    opens = deep is not None and bool(np.ptp(deep.first))
    samples = tuple(_sample(number, cell) for cell in range(kw * kh)) if isinstance(sight.op, DeformConv2d) else ()
    made = Mover(name, track, act.first_frame, act.last_frame, boxes, counts, spacing, taps, parts)
    bar = plan.bar(number) * (TAP_BAR / WINDOW_BAR if samples else 1.0)
    return replace(made, bar=bar, opens=opens, samples=samples)


def _fronts(boxes: Boxes) -> Boxes:
    """The fronts of boxes."""
    return tuple(((x, y - depth / 2.0, z), (width, 0.0, height)) for (x, y, z), (width, depth, height) in boxes)


def _among_zeros(plan: Plan, tensor: Tensor, spans: tuple[Span | None, Span, Span]) -> bool:
    """Whether a window stands among zeros with digits, through which the bars at its back would be seen."""
    before = any((span.first < 0).any() for span in spans if span is not None)
    return plan.values is not None and (before or tensor.empty is not None)


def _beside_gap(boxes: Boxes, channels: Axis) -> Boxes:
    """Of boxes over all channels what is before the gap for those left out and then, of each, what is behind it.

    What ran through it would be a tangle of bars.
    """
    ends = (0, channels.first), (channels.span - channels.last, channels.last)
    return tuple(
        ((x, y + begin + (deep - channels.span) / 2.0, z), (width, float(deep), height))
        for begin, deep in ends
        for (x, y, z), (width, _, height) in boxes
    )


def _parts(
    first: NDArray[np.float64], counts: tuple[int, int, int], spacing: tuple[float, float, float]
) -> Iterator[tuple[Vector, Vector]]:
    """Boxes around the cells that a window touches whose ``first`` one is there; cells without a gap between share one.

    None where there is no gap at all.
    """
    apart = np.array(counts) * (np.abs(spacing) > 1.0) > 1
    if not apart.any():
        return
    size = np.where(apart, 1.0, counts)
    middle = (size - 1.0) / 2.0 * np.sign(spacing)
    for tap in np.ndindex(*np.where(apart, counts, 1).tolist()):
        yield vector(first + middle + np.array(tap) * spacing), vector(size)


def taps_of(
    chosen: list[Beat],
    row: int,
    position: Callable[[int], tuple[int, int, int]],
    spans: tuple[Span | None, Span | None, Span | None],
    most: tuple[int, int, int],
) -> Track | None:
    """Keys of how many cells a window touches along x, y and z; None where it is always the ``most``.

    ``position`` is where a step stands along depth, rows and columns, ``spans`` are those of the windows; None: all.
    """
    if all(span is None or span.counts is None for span in spans):
        return None

    def touched(step: int) -> _Place:
        cells = zip(spans, position(step), (most[1], most[2], most[0]), strict=True)
        depth, rows, columns = (every if span is None else span.touches(at) for span, at, every in cells)
        return 0, columns, depth, rows

    return track_of(chosen, row, touched, lambda _, *counts: np.array(counts, float), None, 0.0)


def _window_axis(span: Span, cells: Axis, grown: bool) -> tuple[int, int, int]:
    """Taps along an axis, their distance, and the length of the box in units."""
    if grown:
        taps = cells.span + sum(span.padding)
        return taps, 1, taps
    return span.taps, span.distance, span.extent


def offset_in(
    elision: Elision, channel: float, row: float, column: float, reach: tuple[int, int] = (1, 1)
) -> NDArray[np.float64]:
    """From a block's cell (0, 0, 0) to another one, or to a window of so many rows and columns that begins there."""
    depth, height = elision.channels.at(channel), elision.rows.at(row, reach[0])
    return np.array([elision.columns.at(column, reach[1]), depth, -height], np.float64)


def _bends(elision: Elision, reach: tuple[int, int] = (1, 1)) -> _Bends:
    """Those of a window of so many rows and columns."""
    rows, columns = (
        axis.bends(extent) if axis.hidden else ()
        for axis, extent in zip((elision.rows, elision.columns), reach, strict=True)
    )
    return rows, columns


def _dotted(elision: Elision, reach: tuple[int, int] = (1, 1)) -> tuple[_Spot, ...]:
    """Where a window of so many rows and columns comes to the dots that stand for rows, and where it leaves them."""
    if not elision.rows.hidden or reach[0] > elision.rows.gap:
        return ()
    column = elision.columns.middle - (reach[1] - 1) / 2
    return tuple((row, column) for row in elision.rows.within(reach[0]))


def all_outlines(plan: Plan) -> Iterator[Outline]:
    """Where the results will be."""
    placed = [tensor.placed for number, tensor in enumerate(plan.tensors) if not plan.stands(number)]
    placed += [tensor.placed for row in plan.views.values() for tensor, _ in row[:-1]]
    placed += [plan.banks[number].placed for number in plan.keys if plan.stages[number].matrix is None]
    for where in placed:
        c, h, w = where.item.dims
        middle = np.array([(w - 1) / 2, (c - 1) / 2, -(h - 1) / 2])
        for base in where.base[where.item.elision.drawn_blocks()]:
            yield Outline(vector(base + middle), (float(w), float(c), float(h)))


def row_of(sight: Sight) -> int:
    """How many steps make a row of positions."""
    positions = sight.trajectory.positions
    return int(positions[-1]) if len(positions) else 1


def track_of(
    chosen: list[Beat],
    row: int,
    where: Callable[[int], _Place],
    place: Callable[[int, float, float, float], NDArray[np.float64]],
    bends: _Bends | None,
    approach: float,
    dotted: tuple[_Spot, ...] = (),
) -> Track:
    """Keys of something that stands at ``place(*where(t))`` while step ``t`` is written; ``row`` steps make a row.

    It arrives in the first part of each of its strokes and stands until the end of that; along a row, or slanting over
    several, it moves on evenly, from column to column: there are keys where it comes to one of ``bends`` or, if these
    are None, at every step, or once a row. Where it is swept along rows it stands at the end of one until it begins the
    next, if there is no time to see it go back: the counter tells of nothing between them. While rows pass of which
    nothing is drawn it goes down their gap as they do, along what is ``dotted``.
    """
    frames: list[float] = []
    values: list[NDArray[np.float64]] = []
    eases: list[Ease] = []
    swept = False
    for stroke in strokes(chosen, row):
        here, last = place(*where(stroke.first)), where(stroke.last)
        if swept and stroke.waits and stroke.stands - stroke.start < STROKE:
            eases[-1] = "constant"
        swept = stroke.waits
        if not frames:
            frames.append(stroke.start)
            values.append(here + np.array([0.0, approach, 0.0]))
            eases.append("cubic")
        if spots := _skipped(stroke, where, dotted):
            frames += [stroke.start + ENTERS * (stroke.end - stroke.start), stroke.end]
            values += [place(*spot) for spot in spots]
            eases.extend(("linear", "cubic"))
            continue
        single = stroke.first == stroke.last
        frames.append(stroke.stands)
        values.append(here)
        eases.append("constant" if single else "linear")
        if not single:
            for share, spot in _passed(stroke, where, bends, row):
                frames.append(stroke.stands + float(time_at(stroke.knots, share)) * (stroke.end - stroke.stands))
                values.append(place(*spot))
                eases.append("linear")
            here = place(*last)
        frames.append(stroke.end)
        values.append(here)
        eases.append("cubic")
    return Track(np.array(frames), np.array(values), tuple(eases))


def _skipped(stroke: Stroke, where: Callable[[int], _Place], dotted: tuple[_Spot, ...]) -> list[_Place]:
    """Of rows that pass, if these are those of the gap that is ``dotted``: its two ends."""
    if stroke.passed is None or not dotted:
        return []
    first, last = where(stroke.passed), where(stroke.last)
    (upper, _), (lower, _) = dotted
    crossed = first[:2] == last[:2] and first[2] < lower and upper < last[2]
    return [(*first[:2], *spot) for spot in dotted] if crossed else []


def _passed(
    stroke: Stroke, where: Callable[[int], _Place], bends: _Bends | None, row: int
) -> Iterator[tuple[float, _Place]]:
    """Between the first and the last step of a stroke: what it comes by, and at which share of its time."""
    first, last = where(stroke.first), where(stroke.last)
    if bends is None:
        steps = stroke.last - stroke.first
        for share in np.arange(1, keys := steps // row or steps) / keys:
            yield float(share), where(stroke.first + round(share * steps))
    elif first[:2] == last[:2]:
        shares = {done for _, done in stroke.knots}
        for axis, spots in zip((2, 3), bends, strict=True):
            way = last[axis] - first[axis]
            shares |= {(spot - first[axis]) / way for spot in spots if way}
        for share in sorted({round(share, 9) for share in shares if 0.0 < share < 1.0}):
            at = [first[axis] + share * (last[axis] - first[axis]) for axis in (2, 3)]
            yield share, (first[0], first[1], at[0], at[1])
