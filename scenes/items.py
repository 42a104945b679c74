"""What is to be placed: every tensor, bank of filters and arrangement, with its words, in reading order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..conv_math import ChannelShuffle, View
from ..conv_math.conv import Weighted
from .captions import size
from .contents import Contents
from .elision import Elision
from .layout import Item
from .scenefile import filter_names
from .sight import bank_shape
from .told import Told

LONG_PART = 12
"""More characters than these are a line's worth."""
MAP_GAP = 0.07
"""Between pictures side by side, in widths of one."""
LINE_ROOM = 9
"""Cells between a tensor and the output of a Linear whose filters are not drawn: lines take their place."""
MAX_MARKS = 64
"""More filters or groups than these are not numbered."""
MOST_CHANNELS = 12
"""Of more channels that are moved it is not told which ones they are."""
CLASSIFIED = 4.0
"""A picture beside the probabilities of its classes is no larger than so many of their cells."""
CLASS_MARK = 0.495
"""How high the number of a class is above its cell, in cells."""


def all_items(told: Told, views: dict[int, tuple[View, ...]]) -> list[Item]:
    """All that is to be placed, in reading order."""
    colors = told.contents.pictured(0) and told.contents.shapes[0][-3] == 3 > told.contents.splits[0]
    items = [_tensor(told, "input", 0, told.words("input_colors" if colors else "input"))]
    for number, stage in enumerate(told.stages):
        label = told.called(number + 1)
        above = None
        if stage.is_product:
            key, factor = _product(told, number)
            if told.page.tall:
                items.append(replace(factor, above=key))
            elif stage.matrix is not None:
                above = key
                items.append(factor)
            else:  # the row stands left of the columns, as in the product; windows fly to these over it
                items[-2:] = [replace(items[-2], above=key), factor, items[-1]]
        elif stage.slide is not None:
            if number in told.contents.banks:
                items.append(_bank(told, number))
        else:
            between = views[number][:-1]
            spots = zip(between, told.contents.views[number], strict=True)
            items += [_view(told, f"{view.name}-{number + 1}", view, elision) for view, elision in spots]
        item = _tensor(told, f"output-{number + 1}", number + 1, label)
        if number in told.contents.lone_biases:
            called = (told.words("the_bias"),)
            above = Item(f"biases-{number + 1}", called, Elision.whole((1, 1, 1, 1, 1)), sign="+")
            item = replace(item, sign="=")
        ends_row = number + 1 == len(told.stages) or told.stages[number + 1].again
        if told.contents.in_rows and ends_row and stage.stages[-1].name is not None and not stage.again:
            named = label + told.words.naming + told.made(number)
            item = replace(item, label=(named, item.label[-1]), short=(label,), known=bool(told.summary_columns))
        shared = number + 1 in told.contents.shared
        items.append(replace(item, begins=stage.again, shared=shared, above=above))
    causal = told.contents.causal
    return _said_once([replace(item, timed=causal) for item in items])


def with_factors_above(told: Told, items: list[Item]) -> list[Item]:
    """The items, matrices above what they make and not left of it: each column stands above its result.

    What such a matrix is made of is above what became the row that it is multiplied with.
    """
    result: list[Item] = []
    for item in items:
        number = int(item.name.removeprefix("output-")) - 1 if item.name.startswith("output-") else -1
        if number > 0 and told.stages[number].matrix is not None and item.above is not None:
            *result, made, row, factor = result
            result += [replace(made, above=item.above), row]
            item = replace(item, above=factor)
        result.append(item)
    return result


def with_channels(told: Told, items: list[Item], views: dict[int, tuple[View, ...]]) -> list[Item]:
    """The items, lanes marked by the numbers of their channels, from the front: where each has one of its own, and
    where a Move changes their order, in its arrangements, before the first of all stages and after; and by those of the
    groups in which they are written, or read next. Channels in a new order have those by which they are read then."""
    names = ["input", *(f"output-{number + 1}" for number in range(len(told.stages)))]
    like = dict(zip(names, range(len(names)), strict=True))
    tensors = zip(names, told.contents.tensors, strict=True)
    alone = {name: np.arange(e.lanes.length) for name, e in tensors if e.channels.length == 1 < e.lanes.length}
    shuffled: dict[str, int] = {}
    moved: dict[str, NDArray[np.int64]] = {}
    for number, arranged in views.items():
        orders = [_order(told.contents, number, view) for view in arranged]
        if (last := orders[-1]) is None or (np.diff(last) > 0).all():
            continue
        named = [*(f"{view.name}-{number + 1}" for view in arranged[:-1]), names[number + 1]]
        like |= dict.fromkeys(named, told.stages[number].reads[0])
        if isinstance(op := told.stages[number].op, ChannelShuffle):
            shuffled |= dict.fromkeys(names[number : number + 2], op.groups)
        moved |= {
            name: order
            for name, order in zip(named, orders, strict=True)
            if order is not None and (len(order) <= MOST_CHANNELS or name in alone)
        }
        if number == 0 and len(last) <= MOST_CHANNELS:
            moved["input"] = np.sort(last)

    splits, groups = told.contents.splits, told.contents.groups
    grouped = {
        names[tensor]
        for number, stage in enumerate(told.stages)
        for tensor in (stage.reads[0], number + 1)
        if stage.slide is not None and 1 < groups(number) == splits[tensor] and isinstance(stage.op, Weighted)
    }

    def numbers(item: Item, channels: NDArray[np.int64] | None) -> tuple[str, ...]:
        """Those of all its lanes."""
        if channels is None:
            return ()
        split = shuffled.get(item.name, 1) if item.lanes == 1 else item.lanes
        called = [told.channel(like[item.name], channel) for channel in channels]
        lanes = np.split(np.array(called), split)
        if split == item.lanes:
            return tuple(map(", ".join, lanes))
        return (told.words("from_front", " | ".join(map(" ".join, lanes))),)

    def marked(item: Item) -> Item:
        came, read = (numbers(item, channels.get(item.name)) for channels in (moved, alone))
        if not read and item.name in grouped:
            read = _groups(told, item)
        if read and item.name in names[1:-1]:
            return replace(item, marks=read, came=came)
        return replace(item, marks=came or read)

    return [item if item.marks or not _may_be_marked(item) else marked(item) for item in items]


def _may_be_marked(item: Item) -> bool:
    """Whether each of an item's lanes is one block, and all are drawn."""
    return item.per_lane == 1 and not any(item.elision.left_out())


def _groups(told: Told, item: Item) -> tuple[str, ...]:
    """The numbers of an item's lanes that are groups."""
    return tuple(told.words("group", lane + 1) for lane in range(item.lanes))


def with_skips(told: Told, items: list[Item]) -> list[Item]:
    """The items and, before the output of every merge, once more what it reads from farther away."""
    tensors, result = {item.name: item for item in items}, []
    for item in items:
        if not item.name.startswith("output-"):
            result.append(item)
            continue
        number = int(item.name.removeprefix("output-")) - 1
        sign = told.joint(number)
        for skip in dict.fromkeys(told.contents.skips(number)):
            again, name = tensors[f"output-{skip}" if skip else "input"], f"skip-{skip}-{number + 1}"
            result.append(replace(again, name=name, pad=((0, 0),) * 3, marks=(), sign=sign))
        result.append(replace(item, sign="=") if sign else item)
    return result


def reviewed(told: Told, items: list[Item]) -> list[Item]:
    """All tensors once more, for the result; none where numbers are on cells: those of the last are to be read. Where
    these are of classes, beside what was classified, if that is a picture. There what was written in groups has their
    numbers, too: no lines lead to it; and what was moved has those that it had before, in parts of several channels."""
    last = len(told.stages)
    classified = told.contents.pictured(0) and told.contents.of_classes(last)
    if told.contents.ends_merged or ("values" in told.show and not classified):
        return []
    names = ["input", *(f"output-{number + 1}" for number in range(last))]
    if classified:
        side = max(told.contents.tensors[0].rows.span, told.contents.tensors[0].columns.span)
        items, names = [replace(items[0], pitch=min(1.0, CLASSIFIED / side)), *items[1:]], [names[0], names[-1]]
    groups = {f"output-{n + 1}": told.contents.groups(n) for n, stage in enumerate(told.stages) if stage.slide}
    written = {item.name for item in items if _may_be_marked(item) and 1 < item.lanes == groups.get(item.name)}
    return [
        replace(
            item,
            name=f"review-{item.name}",
            marks=tuple(told.words("channel_list", mark) for mark in item.came if item.elision.channels.length > 1)
            or item.marks
            or (_groups(told, item) if item.name in written else ()),
            pad=((0, 0),) * 3,
            notes=notes_of(told.left_out(item.elision)),
        )
        for item in items
        if item.name in names
    ]


def notes_of(left_out: list[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """On one line each and on two; what is long stands on two in any case."""
    return tuple(
        note
        for parts in left_out
        for note in ([(" ".join(parts), *parts)] if len(parts[0]) <= LONG_PART else [(part, part) for part in parts])
    )


def _tensor(told: Told, name: str, number: int, called: str) -> Item:
    contents = told.contents
    elision, split = contents.tensors[number], contents.splits[number]
    marks: tuple[str, ...] = ()
    mark_height: float | None = None
    if number == 0 and elision.blocks.length == 1 and split > 1 and elision.channels.length > 1:
        key = "group" if contents.items[0][0] > split else "one_channel"  # a volume's channels have depth
        marks = _marks(elision, lambda lane: told.words(key, lane + 1))
    elif (pictures := contents.batch or 1) > 1:
        marks = _marks(elision, lambda block: told.words("picture", block % pictures + 1))
    elif contents.of_classes(number) and elision.lanes.length == contents.shapes[number][-3]:
        marks, mark_height = _marks(elision, str), CLASS_MARK
    pad = contents.room(number)
    if number == len(told.stages) and contents.maps:
        names = filter_names(told.stages[-1].stages[-1])
        marks = _marks(elision, lambda lane: names[lane] if names else told.channel(number, lane))
        pad = (*pad[:2], (pad[2][0], pad[2][1] + round(MAP_GAP * elision.columns.span)))
    label = (called, size(contents.told_shapes[number]))
    if number > 0 and contents.undrawn(number - 1):
        depth, (above, below), (left, right) = pad
        lines_down = told.page.tall and contents.woven(told.stages[number - 1])
        across, down = (0, LINE_ROOM) if lines_down else (LINE_ROOM, 0)
        pad = depth, (above + down, below), (left + across, right)
    return Item(name, label, elision, pad, marks, notes_of(told.tensor_left_out(number)), mark_height=mark_height)


def _bank(told: Told, number: int) -> Item:
    op = told.stages[number].op
    assert isinstance(op, Weighted)
    filters, dims = op.filters, (op.fan_in(), *op.each("kernel_size"))
    if told.contents.is_partial(number):
        filters, dims = 1, (op.filters, *op.each("kernel_size"))
    flipped = number in told.contents.flipped
    label, short = told.filters_called(number, flipped), (told.words("turned"),) if flipped else None
    elision = told.contents.banks[number]
    names, biased = told.filter_names(number), number in told.contents.biased
    several = filters > 1 or elision.lanes.length > 1  # slices of one, apart, have the numbers of their channels
    marks = _marks(elision, lambda f: names[f] if names else str(f + 1)) if names or several else ()
    notes, shape = notes_of(told.bank_left_out(number)), size((*dims,))
    words = label, told.words("with_bias", shape) if biased else shape
    return Item(f"filters-{number + 1}", words, elision, marks=marks, notes=notes, short=short, biased=biased)


def _product(told: Told, number: int) -> tuple[Item, Item]:
    """The kernel whose colours the factor wears, and the factor: a matrix, or the filters as rows.

    The kernel stands above the product or, of rows, above what the columns are made of; in tall pictures beside the
    factor. There it is out of the way of lines: it takes no part.
    """
    shape = bank_shape(told.stages[number].told)
    assert shape is not None
    filters, c, h, w = shape
    kernel, factor = ((name, size(of)) for name, of in told.factors(number))
    return (
        Item(f"kernel-{number + 1}", kernel, Elision.whole((1, filters, c, h, w))),
        Item(f"filters-{number + 1}", factor, told.contents.banks[number]),
    )


def _view(told: Told, name: str, view: View, elision: Elision) -> Item:
    return Item(name, (told.words(view.name), size(view.shape)), elision, notes=notes_of(told.left_out(elision)))


def _said_once(items: list[Item]) -> list[Item]:
    """Shapes known from the first row, or a table, are not said again in those below, whose words take their room.

    Where there is little room and all rows have names, nothing else is said in those below; of a single row there
    it is shapes that are said.
    """
    known: set[tuple[str, str]] = set()
    below, result = False, []
    rows = 1 + sum(item.begins for item in items)
    named = sum(item.short is not None for item in items if item.name.startswith("output-")) >= rows > 1
    for item in items:
        below |= item.begins
        what = "filters" if item.name.startswith("filters-") else "tensor", item.label[-1]
        again = below and what in known
        short = () if named and again and not item.short else item.short
        result.append(replace(item, known=again or item.known, short=short))
        known.add(what)
    return result


def _marks(elision: Elision, mark: Callable[[int], str]) -> tuple[str, ...]:
    """A text for every slot, dots where blocks are left out; none where there are too many."""
    blocks = elision.block_of_slot()
    if len(blocks) > MAX_MARKS:
        return ()
    shown = elision.shows_block(blocks)
    return tuple(mark(block) if seen else "…" for block, seen in zip(blocks.tolist(), shown, strict=True))


def _order(contents: Contents, number: int, view: View) -> NDArray[np.int64] | None:
    """The channels of which a Move's arrangement consists, front to back; None if it is not of whole ones."""
    shape, source = contents.shapes[contents.stages[number].reads[0]], view.source.reshape(-1)
    plane = math.prod(shape[-2:])
    if len(source) != math.prod(shape):  # of a batch, too
        return None
    source = source.reshape(-1, plane)
    return source[:, 0] // plane if (source % plane == np.arange(plane)).all() else None
