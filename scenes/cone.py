"""The cone of ancestors: after the last step one output cell is traced back through every stage.

All cells fade but this one. Stage by stage, last one first, the windows are put back where they stood, and every cell
that they meet gets a mark from the cell that was computed of it. In the end lines lead along the cone's edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .ancestry import Trace
from .form import MARK, MARK_GROWTH, PLAIN_FACE, VEIL
from .motion import STRAIGHT, beside, offset_in, taps_of, track_of
from .numerals import HEIGHT_ALONE
from .pacing import LANDED, SET_OUT
from .parts import Act, Tensor
from .plan import Plan
from .sight import cubes_of
from .story import Cells, Line, Lines, Mover, Numbers, Vector, cells_at, vector

CORNERS = {"lower-left": (-1, -1), "upper-left": (-1, 1), "lower-right": (1, -1), "upper-right": (1, 1)}
"""Of the front of a window, from its middle: to the right and up."""
MAX_HITS = 4096
"""More hits of a stage's input would be a cloud: each cell is marked once then."""
FADED = 0.82
"""How far a cell that does not count fades into the floor."""
FADES = 0.4
"""In which part of the first step they fade."""
DEEP, PALE = 0.15, 0.5
"""The darkest mark, as a part of the traced cell's light; and how much white is in the lightest."""


def traced(plan: Plan) -> Iterator[tuple[Trace, Act]]:
    """The traces back and when each is played."""
    yield from zip(plan.contents.traces, plan.time.traced, strict=True)


def cone_cells(plan: Plan) -> Iterator[Cells]:
    """A veil over every tensor and, over that, the marks of the traced cell's ancestors."""
    if not plan.time.traced:
        return
    first = plan.time.traced[0].first_step
    for tensor in plan.tensors:
        yield _veil(plan, tensor, first)
    own, when = _traced_index(plan), np.array([float(first)])
    number, once = len(plan.stages), np.ones(1)
    mark = _marks(plan, number, "-own", own, plan.tensors[-1].at(own), (when, when + FADES), once, 0.0)
    yield replace(mark, numbers=_counted(plan, number, own, once, np.ones(1, bool)))
    for trace, act in traced(plan):
        yield from _stage_marks(plan, trace, act)


def _veil(plan: Plan, tensor: Tensor, first: int) -> Cells:
    """Copies of a tensor's cells, just larger, which fade."""
    index = tensor.drawn()
    index = index[~tensor.is_empty(index)]
    position, color = tensor.at(index), tensor.color_of(index)
    return cells_at(
        position,
        f"veil-{tensor.name}",
        "copy",
        tensor.shape,
        index,
        color,
        start=float(first),
        arrive=first + 0.1 * FADES,
        becomes=faded(color, plan.theme.floor),
        rest=(float(first), first + FADES),
        scale=VEIL,
    )


def faded(color: NDArray[np.float64], floor: Vector) -> NDArray[np.float64]:
    """Colours ``(n, 3)`` that are hardly to be told from the floor: greys, as hues are left to the marks."""
    grey = color.mean(axis=1, keepdims=True)
    return grey + FADED * (np.array(floor) - grey)


def _stage_marks(plan: Plan, trace: Trace, act: Act) -> Iterator[Cells]:
    """The marks on a stage's input: what is hit several times gets several, one over the other, each a shade deeper."""
    index, steps, turns, uses = _index(plan, trace.tensor, trace.hits), trace.step, trace.turn, trace.uses
    if len(index) > MAX_HITS:
        uses = trace.counts[tuple(trace.hits.T)]
        turns = np.where(turns > 0, -1, 0)
    tensor = plan.tensors[trace.tensor]
    shown = tensor.shows(index) & ~tensor.is_empty(index)
    start, arrive = _times(trace, act)
    counted, covered = _counted(plan, trace.tensor, index, uses, shown), _covered(plan, trace)
    most = max(int(other.turn.max()) for other in plan.contents.traces if other.tensor == trace.tensor)
    came = plan.tensors[trace.number + 1].at(_index(plan, trace.number + 1, trace.heads)[steps])
    for turn in range(int(turns.max()) + 1):
        mine = shown & (turns == turn)
        if mine.any():
            times, name = (start[mine], arrive[mine]), f"-from-{trace.number + 1}-{turn + 1}"
            marks = _marks(plan, trace.tensor, name, index[mine], came[mine], times, uses[mine], turn / max(1, most))
            yield replace(marks, numbers=_of_some(counted, mine, covered))


def _times(trace: Trace, act: Act) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The steps at which the marks of all hits set out and arrive, (hits,)."""
    step = act.first_step + trace.step
    return step + (0.0 if act.swept else SET_OUT), step + (1.0 if act.swept else LANDED)


def _covered(plan: Plan, trace: Trace) -> NDArray[np.float64]:
    """The steps at which the next marks come to the same cells, (hits,); beyond the last one where none does."""
    never = plan.time.steps + 1.0
    if len(trace.hits) > MAX_HITS:
        return np.full(len(trace.hits), never)
    arrivals = {}
    for other, act in traced(plan):
        if other.tensor == trace.tensor:
            keys = np.column_stack([other.hits, other.turn]).tolist()
            arrivals |= zip(map(tuple, keys), _times(other, act)[1].tolist(), strict=True)
    following = np.column_stack([trace.hits, trace.turn + 1]).tolist()
    return np.array([arrivals.get(tuple(key), never) for key in following])


def _counted(
    plan: Plan, number: int, index: NDArray[np.int64], uses: NDArray[np.float64], shown: NDArray[np.bool_]
) -> tuple[Numbers, ...]:
    """How often cells of the ``number``-th tensor are used, on their marks, if that is told and can be read."""
    if "usage" not in plan.show:
        return ()
    front = shown & plan.tensors[number].in_front(index)
    return plan.numbers(uses, mark_colors(plan, uses), front, most=HEIGHT_ALONE, face=PLAIN_FACE)


def _of_some(
    numbers: tuple[Numbers, ...], some: NDArray[np.bool_], covered: NDArray[np.float64]
) -> tuple[Numbers, ...]:
    """What is written on ``some`` (n,) of the cells, each number until another cell has ``covered`` it."""
    row, result = np.cumsum(some) - 1, []
    for whole in numbers:
        mine = some[whole.cell]
        cell = row[whole.cell[mine]]
        until = np.nextafter(covered[whole.cell[mine]].astype(np.float32), np.float32(-np.inf))  # gone when it comes
        if mine.any():
            kept = {name: getattr(whole, name)[mine] for name in ("value", "color", "narrow")}
            result.append(replace(whole, cell=cell, until=until, **kept))
    return tuple(result)


def _marks(
    plan: Plan,
    number: int,
    name: str,
    index: NDArray[np.int64],
    came: NDArray[np.float64],
    times: tuple[NDArray[np.float64], NDArray[np.float64]],
    uses: NDArray[np.float64],
    growth: float,
) -> Cells:
    """Marks on cells of the ``number``-th tensor, which come from these places between these steps."""
    tensor = plan.tensors[number]
    return cells_at(
        tensor.at(index),
        f"marks-{tensor.name}{name}",
        "copy",
        tensor.shape,
        index,
        mark_colors(plan, uses),
        origin=came,
        start=times[0],
        arrive=times[1],
        scale=MARK + MARK_GROWTH * growth,
    )


def mark_colors(plan: Plan, uses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear RGB ``(n, 3)``, of the traced cell's hue: with "usage" the deeper the more uses.

    Equal steps are equal factors, of uses as of light: so they look equal.
    """
    output = plan.tensors[-1]
    own = output.color_of(_traced_index(plan))[0]
    deep = own * DEEP
    if "usage" not in plan.show:
        return np.tile(own * (DEEP + 1.0) / 2.0, (len(uses), 1))
    most = max(trace.counts.max() for trace in plan.contents.traces)
    share = (np.log(uses) / np.log(most) if most > 1 else np.ones(len(uses)))[:, None]
    pale = own + PALE * (1.0 - own)
    return pale ** (1.0 - share) * deep**share


def cone_movers(plan: Plan) -> Iterator[Mover]:
    """In every trace: a box around the cell that is traced, and the window on what it was computed from."""
    for trace, act in traced(plan):
        if plan.stages[trace.number].slide is None or trace.rows[0] < max(b.last - b.first + 1 for b in act.beats):
            continue  # all at once
        yield _head(plan, trace, act)
        if not plan.sight(trace.number).scatters:
            window = _window(plan, trace, act)
            yield window
            if window.taps is not None:
                for name, (right, up) in CORNERS.items():
                    yield beside(window, name, (1.0 + right) / 2.0, (1.0 - up) / 2.0)


def _head(plan: Plan, trace: Trace, act: Act) -> Mover:
    tensor = plan.tensors[trace.number + 1]
    elision, base = tensor.placed.item.elision, tensor.placed.base
    cubes = cubes_of(trace.heads, plan.contents.items[trace.number + 1])

    def stands(step: int) -> tuple[int, float, float, float]:
        channel, row, column = cubes[step - act.first_step].tolist()
        return int(tensor.block(0, channel)), channel % tensor.per_lane, row, column

    def place(block: int, depth: float, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + offset_in(elision, depth, row, column)

    track = track_of(act.beats, trace.rows[0], stands, place, STRAIGHT, 0.0)
    box = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Mover(
        f"traced-{trace.number + 1}", track, act.first_frame, act.last_frame, (box,), bar=plan.bar(trace.number)
    )


def _window(plan: Plan, trace: Trace, act: Act) -> Mover:
    tensor = plan.tensors[trace.tensor]
    elision, base = tensor.placed.item.elision, tensor.placed.base
    deep, rows, columns = plan.sight(trace.number).reads
    reach = rows.extent, columns.extent
    depth = elision.channels.span if deep is None else deep.extent
    places = np.zeros((trace.steps, 3), np.int64)
    places[:, 3 - trace.places.shape[1] :] = trace.places

    def position(step: int) -> tuple[int, int, int]:
        d, r, c = places[step - act.first_step].tolist()
        return d, r, c

    def stands(step: int) -> tuple[int, float, float, float]:
        d, r, c = position(step)
        return 0, 0.0 if deep is None else float(deep.first[d]), float(rows.first[r]), float(columns.first[c])

    def place(block: int, depth: float, row: float, column: float) -> NDArray[np.float64]:
        return base[block] + offset_in(elision, depth, row, column, reach)

    counts = columns.extent, depth, rows.extent
    extent = np.array(counts, float)
    middle = (extent - 1.0) / 2.0 * (1.0, 1.0, -1.0)
    lanes = elision.lanes.indices().tolist()
    boxes = tuple((vector(base[lane * tensor.batch] - base[0] + middle), vector(extent)) for lane in lanes)
    row = trace.rows[0]
    taps = taps_of(act.beats, row, position, (deep, rows, columns), counts)
    track = track_of(act.beats, row, stands, place, STRAIGHT if taps is None else None, 0.0)
    name, bar = f"back-{trace.number + 1}", plan.bar(trace.number)
    return Mover(name, track, act.first_frame, act.last_frame, boxes, counts, taps=taps, bar=bar)


def cone_lines(plan: Plan) -> Iterator[Lines]:
    """From the cell that is traced to the corners of its window; in the end along the cone's edges."""
    if "lines" not in plan.show or not plan.time.traced:
        return
    most = max(trace.counts.max() for trace in plan.contents.traces)
    color = vector(mark_colors(plan, np.array([most]))[0])
    windows = {mover.name: mover for mover in cone_movers(plan)}
    for trace, act in traced(plan):
        window, first, end = windows.get(f"back-{trace.number + 1}"), act.first_step, act.first_step + act.steps
        if window is not None and not act.swept:
            center, size = window.boxes[0]
            lines, head = [], f"traced-{trace.number + 1}"
            for name, (right, up) in CORNERS.items():
                corner = np.array(center) + np.array([right, -1.0, up]) * size / 2.0
                on = window.name if window.taps is None else f"{window.name}-{name}"
                lines.append(Line(vector(corner), on, (0.0, -0.5, 0.0), head, color))
            yield Lines(f"back-lines-{trace.number + 1}", tuple(lines), float(first), float(end))
        edges = zip(_corners(plan, trace.tensor, *trace.box), _after(plan, trace), strict=True)
        lines = tuple(Line(vector(near), None, vector(far), None, color) for near, far in edges)
        name, last = f"edges-{trace.number + 1}-{trace.tensor}", plan.time.steps + 1.0
        yield Lines(name, lines, end - 1.0 + LANDED, last, over_cells=0.0 if "usage" in plan.show else None)


def _after(plan: Plan, trace: Trace) -> list[NDArray[np.float64]]:
    """The corners of what is used of a stage's output."""
    return _corners(plan, trace.number + 1, trace.heads.min(axis=0), trace.heads.max(axis=0))


def _corners(plan: Plan, number: int, first: NDArray[np.int64], last: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """The four corners of the front of a box of cells (C, *spatial): rows, then columns."""
    tensor = plan.tensors[number]
    low, high = (tensor.at(_index(plan, number, cell[None]))[0] for cell in (first, last))
    front = low[1] - 0.5
    return [np.array([x, front, z]) for z in (low[2] + 0.5, high[2] - 0.5) for x in (low[0] - 0.5, high[0] + 0.5)]


def _index(plan: Plan, number: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells (C, *spatial) of the ``number``-th array as indices of its cubes; of the first picture of a batch."""
    cubes = cubes_of(rows, plan.contents.items[number])
    batch = len(plan.shapes[number]) - 3
    return np.column_stack([np.zeros((len(rows), batch), np.int64), cubes])


def _traced_index(plan: Plan) -> NDArray[np.int64]:
    return _index(plan, len(plan.stages), plan.contents.traces[0].heads[:1])
