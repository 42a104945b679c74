"""Big tensors: which cells are drawn, and where along an axis the others would stand.

Along an elided axis the first and the last indices are drawn and what lies between is a gap of a few units, through
which windows and heads travel at an even pace. Everything that places a cell asks :class:`Axis`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

LIMIT = 20_000
"""Cells of a tensor or a bank of filters that are drawn; above, it is elided."""
PICTURES, GROUPS, CHANNELS, ROWS = (2, 1), (4, 2), (8, 2), (16, 6)
"""How many of the first and of the last of a tensor are drawn; columns as rows."""
LEAST = (2, 1)
"""At least so many rows and columns are drawn, however short a tensor is beside others."""
FILTERS, SLICES = (4, 1), (3, 1)
"""The same of a bank and of the channels of a filter."""
MANY_FILTERS = 10
"""More filters of a group than these are shortened beside a big tensor, however small they are."""
LONG = 24
"""Numbers of a vector that are drawn: more would be a stick that runs out of the picture."""
GAP = 7
"""Length of a gap between cells, in cells: room for three dots."""
MOST_PLANE, LIMIT_WHOLE = 100_000, 200_000
"""Cells of a picture's rows and columns that are all drawn; and of a tensor of such, of whose channels some are left
out above LIMIT: more and more, down to this."""
WIDEST_GAP = 64
"""Gaps are as long as the window that crosses them; before the largest of windows an axis is drawn whole."""
LEAST_GAP = 3
"""Beside a longer tensor it is shorter, with smaller dots, but no shorter than this."""
DOTS_APART = 2.0
"""How far apart the dots stand, if there is room."""

Sizes = tuple[int, int, int, int, int]
"""Lanes, blocks, channels, rows, columns."""
Reach = tuple[int, int]


@dataclass(frozen=True)
class Axis:
    """An axis of ``length`` indices of which the ``first`` and the ``last`` so many are drawn, ``gap`` units apart.

    The pitch of drawn neighbours is 1. An axis that is drawn whole has ``first == length`` and no gap.
    """

    length: int
    first: int
    last: int = 0
    gap: int = 0

    @classmethod
    def of(cls, length: int, keep: tuple[int, int] | None = None, gap: int = 1) -> Axis:
        """Elided to ``keep`` if that leaves out more than the gap takes; else, or without ``keep``, whole."""
        if keep is None or length <= sum(keep) + gap:
            return cls(length, length)
        return cls(length, *keep, gap)

    @cached_property
    def drawn(self) -> int:
        return self.first + self.last

    @cached_property
    def hidden(self) -> int:
        return self.length - self.drawn

    @cached_property
    def span(self) -> int:
        """How many units it is long, the gap included."""
        return self.drawn + self.gap

    @property
    def dots_apart(self) -> float:
        """How far apart the dots in its gap stand."""
        return min(DOTS_APART, (self.gap + 1) / 4)

    def dots(self) -> NDArray[np.float64]:
        """The coordinates at which they stand: about its middle."""
        return self.first + (self.gap - 1) / 2 + self.dots_apart * np.array([-1.0, 0.0, 1.0])

    @property
    def middle(self) -> float:
        """Of what is drawn before the gap: beside it stand the dots of the other axes."""
        return (self.first - 1) / 2

    def indices(self, before: int = 0, after: int = 0) -> NDArray[np.int64]:
        """The drawn indices, increasing, and so many outside on either side."""
        head = np.arange(-before, self.first + (0 if self.hidden else after))
        tail = np.arange(self.length - self.last, self.length + after) if self.hidden else head[:0]
        return np.concatenate([head, tail])

    def shows(self, index: ArrayLike) -> NDArray[np.bool_]:
        """Whether these indices are drawn."""
        index = np.asarray(index)
        return (index < self.first) | (index >= self.length - self.last)

    def at(self, index: ArrayLike, reach: int = 1) -> NDArray[np.float64]:
        """The coordinate of indices, also of fractions and of those outside; monotone, and whole for drawn ones.

        With a ``reach``, of windows that begin at the indices and are so long: while they touch a drawn cell they
        cover what they touch, and in between they cross the gap, which is at least as long as they are. One that is
        longer is grown over all of the axis: it crosses nothing.
        """
        index = np.asarray(index, np.float64)
        if not self.hidden or reach > self.gap:
            return index
        enters, leaves = self.bends(reach)
        crossed = np.clip((index - enters) / (leaves - enters), 0.0, 1.0)
        return index - (self.hidden - self.gap) * crossed

    def bends(self, reach: int = 1) -> tuple[float, float]:
        """The indices between which such windows cross the gap."""
        return float(self.first - 1), float(self.length - self.last - reach + 1)

    def within(self, reach: int = 1) -> tuple[float, float]:
        """The indices between which such windows are in the gap, before nothing that is drawn."""
        enters, leaves = self.bends(reach)
        inset = (leaves - enters) / (self.gap + 2 - reach)
        return enters + inset, leaves - inset

    def slots(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where indices stand if the gap is one more place, which holds all that is left out."""
        inside = np.minimum(index, self.first)
        return np.where(index >= self.length - self.last, index - self.length + self.drawn + 1, inside)

    @property
    def representatives(self) -> NDArray[np.int64]:
        """An index for every slot: the drawn ones and, for the gap, the first one left out."""
        return np.insert(self.indices(), self.first, self.first) if self.hidden else self.indices()


@dataclass(frozen=True)
class Elision:
    """What is drawn of a thing of ``lanes`` x ``blocks`` blocks of channels x rows x columns each.

    Of a tensor, blocks are the pictures of a batch; of a bank, the filters of a group. Lanes are groups.
    """

    lanes: Axis
    blocks: Axis
    channels: Axis
    rows: Axis
    columns: Axis

    @classmethod
    def whole(cls, sizes: Sizes) -> Elision:
        """Nothing is left out of (lanes, blocks, channels, rows, columns)."""
        return cls(*(Axis.of(size) for size in sizes))

    @property
    def axes(self) -> tuple[Axis, Axis, Axis, Axis, Axis]:
        return self.lanes, self.blocks, self.channels, self.rows, self.columns

    @property
    def sizes(self) -> Sizes:
        """The true ones."""
        lanes, blocks, channels, rows, columns = (axis.length for axis in self.axes)
        return lanes, blocks, channels, rows, columns

    @property
    def true_cells(self) -> int:
        return math.prod(self.sizes)

    @cached_property
    def cells(self) -> int:
        """How many are drawn."""
        return math.prod(axis.drawn for axis in self.axes)

    @cached_property
    def slots(self) -> tuple[int, int]:
        """Lanes, and blocks in a lane, gaps counted as one."""
        return self.lanes.span, self.blocks.span

    @cached_property
    def dims(self) -> tuple[int, int, int]:
        """Units that a block takes: channels, rows, columns."""
        return self.channels.span, self.rows.span, self.columns.span

    def slot_of_block(self) -> NDArray[np.int64]:
        """For every block, lane by lane, drawn or not, the slot in which it stands."""
        lanes, blocks = (axis.slots(np.arange(axis.length)) for axis in (self.lanes, self.blocks))
        return (lanes[:, None] * self.blocks.span + blocks).reshape(-1)

    def block_of_slot(self) -> NDArray[np.int64]:
        """For every slot a block that stands in it."""
        lanes, blocks = self.lanes.representatives, self.blocks.representatives
        return (lanes[:, None] * self.blocks.length + blocks).reshape(-1)

    def shows_block(self, block: ArrayLike) -> NDArray[np.bool_]:
        """Whether blocks, counted lane by lane, are drawn."""
        lane, inside = np.divmod(block, self.blocks.length)
        return self.lanes.shows(lane) & self.blocks.shows(inside)

    def drawn_blocks(self) -> NDArray[np.int64]:
        """The blocks that are drawn, lane by lane."""
        return (self.lanes.indices()[:, None] * self.blocks.length + self.blocks.indices()).reshape(-1)

    def left_out(self) -> Iterator[tuple[str, int]]:
        """The name of every elided axis, outermost first, and how many are left out along it."""
        for name, axis in zip(("lanes", "blocks", "channels", "rows", "columns"), self.axes, strict=True):
            if axis.hidden:
                yield name, axis.hidden


def elide(
    sizes: Sizes,
    blocks: tuple[int, int] = PICTURES,
    channels: tuple[int, int] = CHANNELS,
    reach: Reach = (1, 1),
    pictured: bool = False,
) -> Elision:
    """Leave out what is above the limit, axis by axis: blocks, channels, lanes, then rows, then columns.

    If it is still above, half as much stays of each, in the same order. Of a long vector little stays in any case.

    Args:
        sizes: lanes, blocks, channels, rows, columns.
        blocks, channels: how many of the first and of the last ones stay.
        reach: rows and columns over which the window extends that reads it; it must fit into a gap.
        pictured: its planes are pictures, of which all rows and columns are drawn if they are not too many.
    """
    result = Elision.whole(sizes)
    keeps = [("blocks", blocks, 1), ("channels", channels, GAP), ("lanes", GROUPS, 1)]
    limits = [LIMIT] * 2
    if pictured and sizes[3] * sizes[4] <= MOST_PLANE:
        limits = [LIMIT, *[LIMIT_WHOLE] * 2]
    else:
        keeps += [("rows", ROWS, max(GAP, reach[0])), ("columns", ROWS, max(GAP, reach[1]))]
    rounds = [(limit, name, _part(keep, turn), gap) for turn, limit in enumerate(limits) for name, keep, gap in keeps]
    for limit, name, keep, gap in rounds:
        if result.cells <= limit:
            continue
        if gap <= WIDEST_GAP:
            result = replace(result, **{name: Axis.of(getattr(result, name).length, keep, gap)})
    if result.rows.length == result.columns.length == 1 and result.channels.drawn > LONG:
        result = replace(result, channels=Axis.of(result.channels.length, channels, GAP))
    return result


def _part(keep: tuple[int, int], turn: int) -> tuple[int, int]:
    """How many stay of the first and the last in a turn: half as many in each as in the one before, but one."""
    first, last = (-(-count // 2**turn) for count in keep)
    return first, last


def least_drawn(things: Iterable[Elision]) -> Axis | None:
    """Of the rows and columns of these the axis of which the least share is seen; None: all are drawn whole."""
    axes = [axis for thing in things for axis in (thing.rows, thing.columns) if axis.hidden]
    return min(axes, key=lambda axis: axis.span / axis.length, default=None)


def to_scale(elision: Elision, like: Axis | None, reach: Reach = (1, 1)) -> Elision:
    """With rows and columns that are drawn as that axis is, as far as their gaps and ``LEAST`` allow.

    Of what is half as long half as many are drawn before its gap and after it, and the gap is half as long, too: what
    is drawn of a pool's output is just what it makes of what is drawn. ``reach`` is as in :func:`elide`.
    """
    if like is None:
        return elision
    axes = {}
    for name, extent in zip(("rows", "columns"), reach, strict=True):
        axis = getattr(elision, name)
        first, gap, last = (round(axis.length * part / like.length) for part in (like.first, like.gap, like.last))
        wide = max(gap, LEAST_GAP, extent)
        keep = max(LEAST[0], first - (wide - gap)), max(LEAST[1], last)
        axes[name] = Axis.of(axis.length, keep, wide) if wide <= WIDEST_GAP else axis
    return replace(elision, **axes)


def shorten(bank: Elision) -> Elision:
    """A bank beside elided tensors: where there are many filters few are drawn, and few channels of each."""
    blocks, channels = bank.blocks, Axis.of(bank.channels.length, SLICES, GAP)
    if blocks.length > MANY_FILTERS:
        blocks = Axis.of(blocks.length, FILTERS)
    return replace(bank, blocks=blocks, channels=channels)


def groups_shown(things: Iterable[Elision]) -> dict[int, tuple[int, int]]:
    """How many of the first and of the last groups are drawn of any of these that are of so many and show fewest."""
    shown: dict[int, tuple[int, int]] = {}
    for axis in (thing.lanes for thing in things):
        if axis.hidden:
            drawn = (axis.first, axis.last)
            shown[axis.length] = min(drawn, shown.get(axis.length, drawn))
    return shown


def with_groups_elided(elision: Elision, shown: dict[int, tuple[int, int]]) -> Elision:
    """As few groups as of other things of as many groups, so that a group's lanes stay in line."""
    if elision.lanes.length not in shown:
        return elision
    return replace(elision, lanes=Axis.of(elision.lanes.length, shown[elision.lanes.length]))


def as_made(made: Elision, by: Axis) -> Elision:
    """A tensor of whose channels those are drawn that are ``by`` filters, or of channels, of which these are drawn."""
    axis = made.channels
    if not (axis.hidden and by.hidden and axis.length == by.length):
        return made
    return replace(made, channels=replace(axis, first=by.first, last=by.last))
