"""The lines of a picture: to filters and on to what these write, around what stands between; arcs and frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, product

import numpy as np
from numpy.typing import NDArray

from ..conv_math import MaxUnpool2d
from ..conv_math.conv import Weighted
from .form import CUBE, LINE_RADIUS, WINDOW_MARGIN
from .layout import CAPITAL, Placed, mark_room
from .matrix import column_mouths
from .motion import SIDES, head_of, offset_in, window_of
from .pacing import LAND, READING_STEPS, SET_OUT
from .palette import faint, hue_of, ink_on, oklch_to_linear
from .parts import Bank, Tensor
from .plan import Plan
from .sight import ChannelSum, RowProduct, depth_of
from .story import ALWAYS, Line, Lines, Mover, Vector, vector

INSET = (1.0 - CUBE) / 2.0 + 0.04
"""So far from a filter's corners, in its cells, lines end: on its cubes, which are smaller and rounded."""
PASSES = 4.0
"""How far above others lines pass them, and how far above each other, in reference pixels."""
AROUND = 4.0
"""How far the frame around several filters is from them, in reference pixels."""
FULL_LINES = 2
"""Up to so many groups, lines leave from all four corners of a window; above, from two. Around others it is one."""
ARC_PIECES = 4
"""Straight pieces of an arc from a cell of the padding to the one that it copies."""
BENT, RING, RING_PIECES = np.array([0.0, -0.6, 0.0]), 0.16, 12
"""Where the grid of a deformable window is, from the middle of what it samples: before its front; how wide half of the
rings is that it has there, and of how many lines each of these is made."""
BENT_LIGHTNESS, BENT_CHROMA, BENT_TURN = 0.45, 0.2, 120.0
"""What it wears, in OKLCH: between cells and digits, and so far (degrees) from what is read."""
DEEP, DARKER = 0.22, 0.55
"""How bright lines are, as a share of the colour of what they are of: such as arcs, on cells of that colour, and
others on a light floor."""
BENT_RADIUS = 1.1 * LINE_RADIUS
"""Half of how thick the grid is: it is what the window is bent to, whose box is but faint."""
FRONT, BESIDE, ABOVE = (0.0, -0.5, 0.0), (-0.5, 0.0, 0.0), (0.0, 0.0, 0.5)
"""Lines of weights begin on the front of cells and end on the side of others that they come to."""
PLUS, PLUS_RADIUS = 0.25, 0.05
"""How far the bars of a plus reach from its middle, and half of how thick they are, in cells of the filter."""
THIN, STAYS = 0.4, 0.3
"""Once their cell is written they are so thick, of others, and so much of the backdrop is seen through them."""
ROUND = np.array([(-1.0, -1.0, 1.0), (1.0, -1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, -1.0, -1.0)])
"""The corners of a front, round about, from its middle, in halves of what it measures."""
PALE: Vector = (0.8, 0.8, 0.8)
"""What is seen on dark cells."""
MOST_FRAMED, FRAMED, OUTLINED, FRAME_RADIUS = 64, 0.86, 1.04, 0.055
"""Up to so many cells that are kept are framed; how large that is, in cells, and around the cell that is written; and
half of how thick."""


def all_lines(plan: Plan) -> Iterator[Lines]:
    """From the window to the filters and on to the output cells; in order "filter" every filter has its own turn."""
    yield from _pluses(plan)
    yield from _without_padding(plan)
    if "lines" not in plan.show:
        return
    if ties := tuple(_ties(plan)):
        yield Lines("ties", ties, ALWAYS, plan.time.steps + 1.0, 0.0)
    for number, act in enumerate(plan.time.acts):
        if isinstance(act.stage.op, MaxUnpool2d):
            yield from _returned(plan, number)
        if isinstance(act.stage.op, ChannelSum):
            yield from _added(plan, number)
        if act.stage.slide is None:
            continue
        yield from _kept(plan, number)
        if plan.values is not None and plan.contents.pictured(0):
            yield _around_window(plan, number)
        if arcs := tuple(_arcs(plan, number)):
            first = act.first_step - (1.0 if number == 0 else 0.0)  # that of others comes with the stage
            last = act.beats[: READING_STEPS + 1][-1].last + 1.0
            yield Lines(f"arcs-{number + 1}", arcs, first, last, 1.0)
        if rings := tuple(_rings(plan, number)):
            first, last = float(act.first_step), float(act.first_step + act.steps)
            grid = tuple(_bent_grid(plan, number))
            yield Lines(f"grid-{number + 1}", grid, first, last, 1.0, BENT_RADIUS)
            yield Lines(f"samples-{number + 1}", rings, first, last, 1.0)
        if plan.contents.woven(plan.stages[number]):
            yield from _weights(plan, number)
            continue
        if not plan.sight(number).scatters:
            yield _being_written(plan, number)
        filters = plan.sight(number).trajectory.filters
        chosen = [range(filters)]
        if plan.scene.time.order == "filter":
            chosen = [range(f, f + 1) for f in range(filters)]
        turns = list(product(range(plan.tensors[number].batch), chosen))
        steps = act.steps // len(turns)
        for turn, (picture, some) in enumerate(turns):
            first = act.first_step + turn * steps
            bank = plan.banks.get(number)
            if bank is None:
                lines = tuple(_direct_lines(plan, number, picture, some))
            else:
                ways = (_window_lines, _output_lines)
                lines = tuple(line for way in ways for line in way(plan, number, bank, picture, some))
            yield Lines(f"lines-{number + 1}-{turn + 1}", lines, float(first), float(first + steps))


def _pluses(plan: Plan) -> Iterator[Lines]:
    """Between filters and their biases."""
    for number in sorted(plan.contents.biased):
        placed = plan.banks[number].placed
        middles = placed.pluses(placed.item.elision.drawn_blocks())
        arms = PLUS * placed.item.pitch * np.array([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)])
        bars = tuple(
            Line(vector(at - arm), None, vector(at + arm), None, plan.theme.text) for at in middles for arm in arms
        )
        yield Lines(f"pluses-{number + 1}", bars, ALWAYS, plan.time.steps + 1.0, radius=PLUS_RADIUS * placed.item.pitch)


def _without_padding(plan: Plan) -> Iterator[Lines]:
    """Around what is no padding, where padding repeats cells and looks like them: its front."""
    for number, tensor in enumerate(plan.tensors):
        padding = plan.contents.padding(number)
        if not any(map(sum, padding)) or getattr(plan.sight(number).op, "padding_mode", "zeros") == "zeros":
            continue
        _, h, w = tensor.placed.item.dims
        (left, right), (top, bottom) = (-0.5, w - 0.5), (0.5, 0.5 - h)
        corners = np.array([(x, -0.5, z) for x, z in ((left, top), (right, top), (right, bottom), (left, bottom))])
        bases = tensor.placed.base[tensor.placed.item.elision.drawn_blocks()]
        lines = tuple(line for base in bases for line in _round(base + corners, None, _deep(tensor)))
        yield Lines(f"edge-{tensor.name}", lines, plan.since(number), plan.time.steps + 1.0, 1.0, FRAME_RADIUS)


def _ties(plan: Plan) -> Iterator[Line]:
    """Between groups of a tensor that stand one below the other, at both sides: what is drawn apart is one thing, and
    its label below the last of them speaks of all."""
    views = [tensor for row in plan.views.values() for tensor, _ in row[:-1]]
    for tensor in (*plan.tensors, *views, *plan.review.values(), *plan.skips.values()):
        placed, (c, h, w) = tensor.placed, tensor.placed.item.dims
        base = placed.base[placed.item.elision.drawn_blocks()]
        edges = np.array([(x, y, 0.0) for x in (-0.5, w - 0.5) for y in (-0.5, c - 0.5)])
        across = plan.frame.view.project(edges)[:, 0]
        if tensor.batch > 1 or _in_line(plan, placed, 0) > 1:
            continue
        for upper, lower in pairwise(base):
            for edge in edges[[across.argmin(), across.argmax()]]:
                ends = upper + edge + (0.0, 0.0, 0.5 - h), lower + edge + (0.0, 0.0, 0.5)
                yield Line(vector(ends[0]), None, vector(ends[1]), None, plan.theme.ghost)


def _arcs(plan: Plan, number: int) -> Iterator[Line]:
    """From every padding cell that the first window reads, and that copies another one, to that, over both: seen as
    long as steps are slow enough to be read."""
    padding, tensor = plan.contents.padding(number), plan.tensors[number]
    if not any(map(sum, padding)):
        return
    index, depth = tensor.around(*padding)
    _, c, h, w = tensor.rows(index)
    copied = plan.sight(number).copied(c, depth, h, w)
    known = (copied[:, 0] >= 0) & (c % tensor.per_lane == 0)
    _, rows, columns = plan.sight(number).reads
    known &= np.isin(h, rows.cells(0)) & np.isin(w, columns.cells(0))
    source = index.copy()
    source[:, -3:] = copied
    front, shade = np.array([0.0, -0.5, 0.0]), _deep(tensor)
    ends = zip(tensor.at(source[known]) + front, tensor.at(index[known], depth[known]) + front, strict=True)
    for start, end in ends:
        lift = front * (0.4 + 0.25 * np.linalg.norm(end - start))
        u = np.linspace(0.0, 1.0, ARC_PIECES + 1)[:, None]
        points = start + (end - start) * u + 4.0 * u * (1.0 - u) * lift
        for before, after in pairwise(points):
            yield Line(vector(before), None, vector(after), None, shade)


def _bent_grid(plan: Plan, number: int) -> Iterator[Line]:
    """Between neighbours, in rows and in columns, of the cells of a deformable window, where the offsets have moved
    these: its sampling grid."""
    window, shade = window_of(plan, number), _bent_shade(plan, number)
    columns, _, rows = window.counts
    cells = np.array(window.samples).reshape(rows, columns)
    for one, other in ((cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])):
        for at, (start, end) in product(_before_lanes(plan, number), zip(one.ravel(), other.ravel(), strict=True)):
            yield Line(vector(at), str(start), vector(at), str(end), shade)


def _rings(plan: Plan, number: int) -> Iterator[Line]:
    """Around the places that it samples; none of any other window."""
    turns = np.linspace(0.0, 2.0 * np.pi, RING_PIECES + 1)[:, None]
    around = RING * (np.cos(turns) * plan.frame.view.right + np.sin(turns) * plan.frame.view.up)
    shade = _bent_shade(plan, number)
    for tip, at in product(window_of(plan, number).samples, _before_lanes(plan, number)):
        for start, end in pairwise(at + around):
            yield Line(vector(start), tip, vector(end), tip, shade)


def _bent_shade(plan: Plan, number: int) -> Vector:
    """What the bent grid of a deformable window wears, before cells in the colours of what is read."""
    tensor = plan.tensors[number]
    (hue,) = hue_of(tensor.color_of(tensor.first_of(0)))
    return vector(oklch_to_linear(BENT_LIGHTNESS, BENT_CHROMA, hue + BENT_TURN))


def _before_lanes(plan: Plan, number: int) -> NDArray[np.float64]:
    """Where the grid is in front of each of the lanes that the window stands on, from what it samples, (n, 3)."""
    placed = plan.tensors[number].placed
    lanes = range(1) if plan.contents.takes_turns(number) else placed.item.elision.lanes.indices()
    return placed.base[np.array(lanes) * plan.tensors[number].batch] - placed.base[0] + BENT


def _deep(tensor: Tensor) -> Vector:
    """The hue of a tensor, so dark that it is seen on cells of any lightness."""
    return vector(DEEP * tensor.color_of(tensor.first_of(0))[0])


def _window_lines(plan: Plan, number: int, bank: Bank, picture: int, chosen: range) -> Iterator[Line]:
    """From the corners of the window's front face, or of its bent grid, to its filter, or to a frame around its group's
    filters.

    It is one line of each box where a group reads several boxes, or others are in the way, which it goes around. Those
    of several groups, or boxes, wear the hues of these.
    """
    window, tensor, on = window_of(plan, number), plan.tensors[number], _column_on(plan, number)
    before = _before_lanes(plan, number)
    per_group, tall = bank.shape[0] // bank.groups, plan.frame.tall
    members = _members(bank, chosen)
    together = [per_group if len(some) > 1 else 1 for some in members.values()]
    arrive = [
        _over(plan, number, bank.placed, some, False, many, ways=2) if on is None else []
        for some, many in zip(members.values(), together, strict=True)
    ]
    single = _in_line(plan, tensor.placed, int(tall)) > 1 or any(arrive)
    for (group, some), arrives in zip(members.items(), arrive, strict=True):
        color, around, boxes = plan.theme.line, plan.theme.ghost, _boxes_read(plan, number, bank, group)
        if bank.groups > 1:
            color = around = vector(np.mean([_shade(plan, number, f) for f in some], axis=0))
        if len(some) > 1 and on is None:
            upper, right, lower, last = _corners_around(plan, number, bank, some)
            for start, end in ((upper, right), (right, last), (last, lower), (lower, upper)):
                yield Line(start, None, end, None, around)
            sides = (upper, lower) if tensor.placed.left < bank.placed.left else (right, last)
            ends = [upper, right, upper, right] if tall else [sides[0], sides[0], sides[1], sides[1]]
            middle = _middle(upper, right) if tall else _middle(*sides)
        else:
            ends = _ends_on(bank, None if on else some[0])
            if on and bank.placed.bottom > tensor.placed.bottom + tensor.placed.height:  # come from below
                ends[:2] = ends[2:]
            middle = ends[0]
        pairs = list(zip(((-1, 1), (1, 1), (-1, -1), (1, -1)), ends, strict=True))
        if one := single or len(boxes) > 1:
            pairs = [((1, -1 if tall else 1), middle)]
        elif len(members) > FULL_LINES:
            pairs = pairs[::3]
        for box in boxes:
            lane, shade = int(tensor.placed.item.elision.lanes.indices()[box]), color
            if plan.contents.takes_turns(number):
                lane = group * tensor.split // bank.groups
            if len(boxes) > 1 and bank.groups == 1:
                shade = vector(_shade_on(plan, number, lane * tensor.per_lane))
            leaves = _over(plan, number, tensor.placed, [lane * tensor.batch + picture], True) if one else []
            for corner, end in pairs:
                line = Line(*_corner(window, before, box, corner), end, on, shade)
                yield from _along(line, [*leaves, *arrives])


def _members(bank: Bank, chosen: range) -> dict[int, list[int]]:
    """The groups of these filters, as far as they are drawn, and the filters of each."""
    per_group, elision = bank.shape[0] // bank.groups, bank.placed.item.elision
    groups = range(chosen.start // per_group, (chosen.stop - 1) // per_group + 1)
    found = {}
    for group in groups if len(groups) == 1 else elision.lanes.indices().tolist():
        some = range(max(chosen.start, group * per_group), min(chosen.stop, (group + 1) * per_group))
        found[group] = [f for f in some if elision.shows_block(f)] or list(some[:1])
    return found


def _boxes_read(plan: Plan, number: int, bank: Bank, group: int) -> range:
    """The boxes of the window that are over what a group reads."""
    tensor = plan.tensors[number]
    if plan.contents.takes_turns(number) or tensor.split < bank.groups:
        return range(1)
    lanes = tensor.placed.item.elision.lanes.indices()
    first, end = (np.searchsorted(lanes, g * tensor.split // bank.groups) for g in (group, group + 1))
    first = min(int(first), len(lanes) - 1)
    return range(first, max(int(end), first + 1))


def _corner(window: Mover, before: NDArray[np.float64], box: int, corner: tuple[int, int]) -> tuple[Vector, str]:
    """A corner, right (1) or left (-1), upper (1) or lower (-1), of the front of a window's box, or of what it is bent
    to, ``before`` each lane; and what carries it."""
    right, up = corner
    if window.samples:
        columns, _, rows = window.counts
        at = window.samples[(up < 0) * (rows - 1) * columns + (right > 0) * (columns - 1)]
        return vector(before[box]), at
    center, size = np.array(window.boxes[box])
    return vector(center + size * (right, -1, up) / 2.0), window.name


def _ends_on(bank: Bank, f: int | None) -> list[Vector]:
    """The corners of a filter's front, where lines end; of a matrix, of the column that they go along with."""
    _, h, w = bank.placed.item.dims
    inset = INSET * bank.placed.item.pitch
    x, z = (-0.5 + inset, (1.0 if f is None else w) - 0.5 - inset), (0.5 - inset, 0.5 - h + inset)
    base = np.zeros(3) if f is None else bank.placed.base[f]
    return [vector(base + np.array([right, -0.5, up])) for up in z for right in x]


def _middle(one: Vector, other: Vector) -> Vector:
    return vector((np.array(one) + np.array(other)) / 2.0)


def _over(
    plan: Plan,
    number: int,
    placed: Placed,
    blocks: Sequence[int],
    leaves: bool,
    together: int = 1,
    share: float = 0.0,
    ways: int = 1,
) -> list[Vector]:
    """What a line goes along that leaves these blocks of a thing, or arrives at them: over the others that stand beside
    them on the way, so many ``together`` in a frame; in tall pictures past the right side of those below or above.

    Those that leave farther from the end, or arrive farther from the beginning, pass higher, lines of the same blocks
    each at a ``share`` (0 to 1) of the room that leaves; where lines go both ``ways``, to a thing and on from it, each
    on a track of its own. In tall pictures, where rows are long, lines leave and arrive straight from above, too.
    """
    flow, side = (1, 0) if plan.frame.tall else (0, 1)
    onward = -1.0 if plan.frame.tall else 1.0
    drawn = placed.item.elision.drawn_blocks()
    framed = (list(some) for _, some in groupby(drawn.tolist(), lambda block: block // together))
    seen = np.array([_frame_around(plan, number, _seen_around(plan, number, placed, some)) for some in framed])
    mine = _frame_around(plan, number, _seen_around(plan, number, placed, blocks))
    middle = mine.mean(axis=0)
    abreast = (seen[:, 0, side] < middle[side]) & (middle[side] < seen[:, 1, side])
    begin, end = np.sort(onward * (seen[:, :, flow] - middle[flow]), axis=1).T
    passed = abreast & ((begin > 0.0) if leaves else (end < 0.0))
    if not passed.any():
        upright = plan.frame.tall and len(seen) > 1 and together == 1
        edge = float(mine[0 if leaves else 1, 1])
        return [_at_depth_of(plan, placed.base[blocks[0]], float(middle[0]), edge)] if upright else []
    track = (passed.sum() - 1) * ways + (leaves and ways > 1) + (together > 1)  # above their frame, not on it
    beyond = seen[passed, 1, side].max() + PASSES / plan.cell_pixels(number) * (track + share)
    points = np.full((2, 2), beyond)
    points[:, flow] = middle[flow] + onward * np.array([begin[passed].min(), end[passed].max()])
    return [_at_depth_of(plan, placed.base[blocks[0]], x, y) for x, y in points.tolist()]


def _along(line: Line, points: Sequence[Vector]) -> Iterator[Line]:
    """The line, from its start to its end by way of these points."""
    starts, ends = [(line.start, line.start_on), *((at, None) for at in points)], [(at, None) for at in points]
    for (start, carried), (end, on) in zip(starts, [*ends, (line.end, line.end_on)], strict=True):
        yield Line(start, carried, end, on, line.color)


def _in_line(plan: Plan, placed: Placed, axis: int) -> int:
    """How many blocks of one thing stand side by side (0) or below each other (1): what leaves one passes others."""
    base = placed.base[placed.item.elision.drawn_blocks()]
    return len(np.unique(plan.frame.view.project(base)[:, axis].round(6)))


def _column_on(plan: Plan, number: int) -> str | None:
    """The mover that goes along with the columns of a stage's matrix; None where it has filters."""
    return f"column-{number + 1}" if plan.stages[number].matrix is not None else None


def _seen_around(
    plan: Plan, number: int, placed: Placed, blocks: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """What each of these blocks takes of the picture, with padding and number: (n, 2, 2), lower left, upper right."""
    view, pixel, item = plan.frame.view, 1.0 / plan.cell_pixels(number), placed.item
    depth, h, w = item.dims
    (before, behind), (above, below), (left, right) = item.pad
    across = -0.5 - left, w - 0.5 + right + item.bias_room
    sides = across, (-0.5 - before, depth - 0.5 + behind), (0.5 - h - below, 0.5 + above)
    flat = view.project(placed.base[blocks][:, None] + np.array(list(product(*sides))))
    hang, rise = mark_room(item, view, CAPITAL["label"] * pixel)
    return np.stack([flat.min(axis=1) - np.array([hang, 0.0]), flat.max(axis=1) + np.array([0.0, rise])], axis=1)


def _frame_around(plan: Plan, number: int, seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower left and upper right of a frame around all that takes this of the picture."""
    beside = AROUND / plan.cell_pixels(number)
    return np.stack([seen[:, 0].min(axis=0) - beside, seen[:, 1].max(axis=0) + beside])


def _at_depth_of(plan: Plan, base: NDArray[np.float64], x: float, y: float) -> Vector:
    """The point as far from the viewer as this one that is seen there."""
    view = plan.frame.view
    across, up = np.array([x, y]) - view.project(base)
    return vector(base + view.right * across + view.up * up)


def _corners_around(plan: Plan, number: int, bank: Bank, members: Sequence[int]) -> list[Vector]:
    """The corners of a frame around several filters and their numbers: what it gets, all of them get.

    Upper left, upper right, lower left, lower right, as they are seen.
    """
    (left, low), (right, high) = _frame_around(plan, number, _seen_around(plan, number, bank.placed, members))
    base = bank.placed.base[members[0]]
    return [_at_depth_of(plan, base, x, y) for y in (high, low) for x in (left, right)]


def _output_lines(plan: Plan, number: int, bank: Bank, picture: int, filters: range) -> Iterator[Line]:
    """From each filter or, of several in a frame, from one point on its edge, to what it writes; where columns are
    multiplied, from the one that is."""
    output, start, mouths = plan.tensors[number + 1], filters.start, bank.mouths()
    if on := _column_on(plan, number):
        leave = column_mouths(bank, np.zeros(1, np.int64))[0] - bank.placed.base[0]
        yield from _written(plan, number, picture, start, start, vector(leave), on)
        return
    if isinstance(plan.stages[number].op, RowProduct):  # what a row makes of a column comes out of that
        window = window_of(plan, number)
        center, size = np.array(window.boxes[0])
        for f in filters:
            yield from _written(plan, number, picture, f, start, vector(center + size * (0.5, -0.5, 0.0)), window.name)
        return
    for some in _members(bank, filters).values():
        framed = len(some) > 1 and not plan.sight(number).scatters
        upper, right, lower, last = _corners_around(plan, number, bank, some)
        side = (right, last) if bank.placed.left < output.placed.left else (upper, lower)
        edge = _middle(*((lower, last) if plan.frame.tall else side))
        for rank, f in enumerate(some):
            leave = edge if framed else vector(mouths[f])
            stands, together = (some, bank.shape[0] // bank.groups) if framed else ([f], 1)
            over = _over(plan, number, bank.placed, stands, True, together, rank / len(some), ways=2)
            yield from _written(plan, number, picture, f, start, leave, None, over)


def _direct_lines(plan: Plan, number: int, picture: int, filters: range) -> Iterator[Line]:
    """Where there are no filters, or they are not drawn: from the window's near side to the output cells.

    Where one box is over channels that are each worked on alone, from the first and the last of those in a row, each at
    its own depth.
    """
    window, tensor, sight = window_of(plan, number), plan.tensors[number], plan.sight(number)
    output, deep, elision = plan.tensors[number + 1], depth_of(sight.output), tensor.placed.item.elision
    together = plan.contents.takes_turns(number) or elision.lanes.hidden
    apart = tensor.split > 1 and not together
    shown = [f for f in filters if len(filters) == 1 or bool(output.shows(output.first_of(f * deep))[0])]
    alone = tensor.split == 1 and sight.reads[0] is None and not isinstance(sight.op, Weighted)
    if alone:
        shown = [f for f in shown if f - 1 not in shown or f + 1 not in shown]
    for side, height in SIDES.items():
        if height and apart:
            continue
        on = window.name if window.taps is None else f"{window.name}-{side}"
        for f in shown if not height else shown[:1]:
            own = f * deep * tensor.split // max(1, output.channels)
            lane = own if apart else 0
            center, size = window.boxes[min(lane, len(window.boxes) - 1)]
            front = float(elision.channels.at(f)) - 0.5 if alone else center[1] - size[1] / 2
            leave = (center[0] + size[0] / 2, front, center[2] + height * size[2])
            stands = own if plan.contents.takes_turns(number) else lane
            over = _over(plan, number, tensor.placed, [stands * tensor.batch + picture], True)
            yield from _written(plan, number, picture, f, filters.start, leave, on, over)


def _weights(plan: Plan, number: int) -> Iterator[Lines]:
    """Where weights are lines: from every cell to each that is written in a step; fainter ones stay."""
    tensor, output, first = plan.tensors[number], plan.tensors[number + 1], plan.time.acts[number].first_step
    cells, made = tensor.drawn(), output.drawn()
    (n, *_), (m, c, *_) = tensor.rows(cells), output.rows(made)
    starts, ends = tensor.at(cells) + FRONT, output.at(made) + (ABOVE if plan.frame.tall else BESIDE)
    done = plan.done(number, made)
    faded: dict[float, list[Line]] = {}
    strong: dict[float, list[Line]] = {}
    for step, picture, channel, end in zip(done.tolist(), m, c.tolist(), ends, strict=True):
        shade = _shade(plan, number, channel)
        for lines, color in ((faded, faint(shade, plan.theme, STAYS)), (strong, shade)):
            own = (Line(vector(at), None, vector(end), None, vector(color)) for at in starts[n == picture])
            lines.setdefault(float(first + step), []).extend(own)
    for step, lines in faded.items():
        name, radius = f"weights-{number + 1}-{step - first + 1:.0f}", THIN * LINE_RADIUS
        yield Lines(name, tuple(lines), step, plan.time.steps + 1.0, radius=radius)
    for step, lines in strong.items():
        yield Lines(f"lines-{number + 1}-{step - first + 1:.0f}", tuple(lines), step, step + 1.0, 1.0)


def _kept(plan: Plan, number: int) -> Iterator[Lines]:
    """Frames around the cells that a pool finds to be the largest: while a step is told or, of one whose indices are
    remembered, in every step, and these stay."""
    output, act = plan.tensors[number + 1], plan.time.acts[number]
    if (winners := plan.winners(number)) is None:
        return
    index, stays, told = output.drawn(), number in plan.remembering, [beat.first for beat in act.told]
    done = act.first_step + plan.done(number, index)
    seen = np.isin(done, told) | stays
    if np.count_nonzero(seen) > MOST_FRAMED:
        return
    n, *place = output.rows(index[seen])
    found = plan.tensors[number].between(n, plan.sight(number).winners(winners, n, *place))
    for step in np.unique(done[seen]).tolist():
        first, last = step + (LAND if step in told else SET_OUT), plan.time.steps if stays else step
        yield _frames(plan, f"kept-{number + 1}-{step + 1}", found[done[seen] == step], first, last + 1.0)


def _returned(plan: Plan, number: int) -> Iterator[Lines]:
    """Of an unpooling, the same frames around the places to which cells go back."""
    index = plan.returning(number)
    if len(index) <= MOST_FRAMED:
        place = plan.tensors[number + 1].at(index)
        first, last = float(plan.time.acts[number].first_step), plan.time.steps + 1.0
        yield _frames(plan, f"returned-{number + 1}", place, first, last)


def _added(plan: Plan, number: int) -> Iterator[Lines]:
    """Frames around the cells, one of each channel, that make a cell of their sum, until the next one is made; in the
    colour of what is written on them."""
    act, tensor, ((summed, _),) = plan.time.acts[number], plan.tensors[number], plan.views[number]
    if tensor.channels > MOST_FRAMED:
        return
    for beat in act.beats:
        if not beat.swept and not beat.unseen:
            n, _, h, w = np.unravel_index(beat.first - act.first_step, (tensor.batch, *summed.shape[-3:]))
            place = np.array([(channel, h, w) for channel in range(tensor.channels)], float)
            first, name = beat.first + LAND, f"added-{number + 1}-{beat.first + 1}"
            last = min(first + 1.0, float(act.first_step + act.steps))
            lines = _frames(plan, name, tensor.between(np.full(len(place), n), place), first, last, None, OUTLINED)
            index = np.column_stack([np.full((len(place), len(tensor.shape) - 3), n), place]).astype(int)
            color = tensor.color_of(index)
            if plan.values is not None:
                color = plan.shaded(number, color, plan.values[0][number][tuple(index.T)])
            inks = np.repeat(ink_on(color), 4, axis=0)
            own = (replace(line, color=vector(ink)) for line, ink in zip(lines.lines, inks, strict=True))
            yield replace(lines, lines=tuple(own))


def _being_written(plan: Plan, number: int) -> Lines:
    """Around the fronts of the cells, the first of every lane, that a step writes; they go along with the head."""
    act, placed, sight = plan.time.acts[number], plan.tensors[number + 1].placed, plan.sight(number)
    blocks = placed.item.elision.lanes.indices() * plan.tensors[number + 1].batch
    place = placed.base[blocks if sight.place(0)[1] is None else blocks[:1]] - placed.base[0]
    last = float(act.first_step + act.steps)
    return _frames(plan, f"written-{number + 1}", place, float(act.first_step), last, f"head-{number + 1}", OUTLINED)


def _around_window(plan: Plan, number: int) -> Lines:
    """Pale, around the front of a window whose bars would not be seen on the dark cells of a picture's maps."""
    act, window = plan.time.acts[number], window_of(plan, number)
    beside, first, lines = window.bar + WINDOW_MARGIN, float(act.first_step), []
    for center, size in window.boxes:
        reach = np.array(size) / 2.0 + np.array([beside, WINDOW_MARGIN, beside])
        lines += _round(np.array(center) + ROUND * reach, window.name, PALE)
    return Lines(f"around-{window.name}", tuple(lines), first, first + act.steps, 1.0, FRAME_RADIUS)


def _frames(
    plan: Plan,
    name: str,
    place: NDArray[np.float64],
    first: float,
    last: float,
    on: str | None = None,
    size: float = FRAMED,
) -> Lines:
    """Around the fronts of cells in these places (n, 3), or so far from what carries them; so wide, in cells."""
    corners = place[:, None] + ROUND * (size / 2.0, 0.5, size / 2.0)
    lines = (line for each in corners for line in _round(each, on, plan.theme.line))
    return Lines(name, tuple(lines), first, last, 1.0, FRAME_RADIUS)


def _round(corners: NDArray[np.float64], on: str | None, color: Vector) -> Iterator[Line]:
    """From each of these corners (n, 3) to the next one, and from the last to the first; carried ``on`` something."""
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        yield Line(vector(start), on, vector(end), on, color)


def _shade(plan: Plan, number: int, f: int) -> NDArray[np.float64]:
    """The colour of a filter's lines: what it writes."""
    return _shade_on(plan, number + 1, f * depth_of(plan.sight(number).output))


def _shade_on(plan: Plan, number: int, channel: int) -> NDArray[np.float64]:
    """The colour of the lines of a tensor's channel: its own, on a light floor darker, more so where values make a
    picture of that colour, on which they are to be seen; there paler on a dark one."""
    tensor, pictured = plan.tensors[number], plan.values is not None and plan.contents.pictured(0)
    color = tensor.color_of(tensor.first_of(channel))[0]
    if plan.theme.name == "light":
        return color * (DEEP if pictured else DARKER)
    return 1.0 - DARKER * (1.0 - color) if pictured else color


def _written(
    plan: Plan,
    number: int,
    picture: int,
    f: int,
    first: int,
    start: Vector,
    start_on: str | None,
    over: Sequence[Vector] = (),
) -> Iterator[Line]:
    """To the cell that a filter writes, in its hue; the head stands at the one that filter ``first`` writes. By way of
    what it goes ``over``, and then over what stands before the block that it writes to.

    A filter that scatters is led to the corners of the box over the cells to which it adds.
    """
    output, sight = plan.tensors[number + 1], plan.sight(number)
    shade = _shade(plan, number, f)
    name = f"head-{number + 1}"
    if sight.scatters:
        if f == first:
            center, size = head_of(plan, number).boxes[0]
            for dz in (1, -1):
                corner = np.array(center) + np.array([-size[0], -size[1], dz * size[2]]) / 2
                yield Line(start, start_on, vector(corner), name, vector(shade))
        return
    elision, deep = output.placed.item.elision, depth_of(sight.output)
    cell, home = (
        output.placed.base[output.block(0, c)] + offset_in(elision, c % output.per_lane, 0.0, 0.0)
        for c in (f * deep, first * deep)
    )
    offset: NDArray[np.float64] = cell - home + (0, -0.5, 0)
    block, share = int(output.block(picture, f * deep)), f * deep % output.per_lane / output.per_lane
    arrives = _over(plan, number, output.placed, [block], False, share=share)
    yield from _along(Line(start, start_on, vector(offset), name, vector(shade)), [*over, *arrives])
