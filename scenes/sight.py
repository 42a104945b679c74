"""How a sliding window is seen: an operation's steps in the coordinates of the cubes.

Cubes stand in (N,) channels, rows and columns, whatever the spatial axes of the array that they show: of one axis the
cells are columns; of three the first one goes the way of the channels, so that a channel is a block (see
:func:`drawn_item`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..conv_math import Conv2d, DeformConv2d, Merge, Operation, Shape, Slide, Upsample, Window
from ..conv_math.conv import Conv, Weighted
from ..conv_math.matrix import MatrixProduct
from ..conv_math.operation import Taps
from ..conv_math.pool import Windowed
from ..conv_math.transposed import ConvTranspose
from ..conv_math.window import Reach, source_of

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ChannelSum(Merge):
    """The sum over channels that ends a convolution, shown on its own: (C, *spatial) becomes (1, *spatial)."""

    SEVERAL: ClassVar[bool] = False

    bias: bool = False

    @property
    def bias_shape(self) -> Shape | None:
        """(1,), or None."""
        return (1,) if self.bias else None

    def output_of(self, items: tuple[Shape, ...]) -> Shape:
        """One channel."""
        return (1, *items[0][1:])

    def came_from(self, cells: Rows, items: tuple[Shape, ...]) -> tuple[Rows, Rows]:
        """The cells at the same place in all channels."""
        channels = items[0][0]
        which = np.repeat(np.arange(len(cells), dtype=np.int64), channels)
        read = np.column_stack([np.zeros_like(which), np.tile(np.arange(channels), len(cells)), cells[which][:, 1:]])
        return which, read


@dataclass(frozen=True)
class RowProduct(Conv2d):
    """Filters as rows times windows as columns: (1, k, positions) becomes (filters, 1, positions).

    It is a convolution whose window is a whole column; its filters are drawn as rows.
    """


APART = 8
"""Up to so many channels that are worked on one by one are pulled apart ..."""
APART_CELLS = 2048
"""... if they have no more cells: side by side, large ones would leave each other no room."""


def drawn_item(item: Shape) -> tuple[int, int, int]:
    """(C, *spatial) as channels, rows and columns of cubes."""
    channels, *spatial = item
    *deep, rows, columns = (*(1,) * (2 - len(spatial)), *spatial)
    return channels * math.prod(deep), rows, columns


def depth_of(item: Shape) -> int:
    """How many cubes behind each other a channel takes."""
    return item[1] if len(item) == 4 else 1


def cubes_of(rows: Rows, item: Shape) -> Rows:
    """Cells (n, C and spatial axes) of an array as (n, 3) channel, row, column of cubes."""
    channel, spatial = rows[:, 0], rows[:, 1:]
    if spatial.shape[1] == 3:
        channel = channel * item[1] + spatial[:, 0]
    nothing = np.zeros((len(rows), max(0, 2 - spatial.shape[1])), np.int64)
    return np.column_stack([channel, nothing, spatial[:, -2:]])


def bank_shape(op: Operation) -> tuple[int, int, int, int] | None:
    """Filters, and their channels, rows and columns of cubes; None where there are none to be seen."""
    if isinstance(op, MatrixProduct):
        inputs, outputs = op.weight_shape
        return 1, 1, inputs, outputs
    if not isinstance(op, Weighted):
        return None
    if isinstance(op, RowProduct):
        return op.filters, 1, 1, _kernel_size(op)[0]
    return (op.filters, *drawn_item((op.fan_in(), *_kernel_size(op))))


def groups_of(op: Operation, item: Shape) -> int:
    """Into how many parts the channels fall that have nothing to do with each other, as far as that is shown."""
    if isinstance(op, Weighted):
        return op.groups
    alone = isinstance(op, Slide) and op.fan_in(item) == 1 and not _still(op, len(item) - 1)
    return item[0] if alone and item[0] <= APART and math.prod(item) <= APART_CELLS else 1


def shares_mixed(op: Upsample, shape: Shape) -> int:
    """How many products of a cell and its share are added where cells are mixed; of copies none."""
    batch, item = op.split(shape)
    if op.reduces_to_copies:
        return 0
    met = [(reach.read >= 0).sum(axis=1) for reach in op.reaches(item)]
    mixed = math.prod(int(many.sum()) for many in met) - math.prod(int((many == 1).sum()) for many in met)
    return math.prod(batch) * item[0] * mixed


def _still(op: Operation, axes: int) -> bool:
    """Whether the window is one cell, at every cell once."""
    window = window_of(op, axes)
    return window is not None and set(window.kernel_size) | set(window.stride) <= {1}


def _kernel_size(op: Any) -> Shape:
    return op.window.kernel_size


def window_of(op: Operation, axes: int) -> Window | None:
    """The window as it is drawn: before offsets move its cells, and of a transposed convolution that on the output."""
    return getattr(op, "window", None) or op.geometry(axes)


@dataclass(frozen=True, eq=False)
class Span:
    """Where a window stands along an axis at each position: ``first`` is the cell at which it begins, (positions,).

    It touches ``taps`` cells, ``distance`` apart; ``padding`` is what it finds before and after the axis.
    Where windows differ in size, ``counts`` (positions,) are the cells that each touches, ``taps`` the most of them.
    """

    first: Rows
    taps: int = 1
    distance: int = 1
    padding: tuple[int, int] = (0, 0)
    counts: Rows | None = None

    @property
    def extent(self) -> int:
        """Cells from the first to the last that it touches."""
        return (self.taps - 1) * self.distance + 1

    def cells(self, position: int) -> Rows:
        """The cells that the window touches at a position, (taps,)."""
        return self.first[position] + self.distance * np.arange(self.touches(position), dtype=np.int64)

    def meets(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """At which positions (..., positions) the window touches one of these cells (..., cells)."""
        return self._among(which).any(axis=-1)

    def keeps_to(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """At which positions it touches none but these."""
        return self._among(which).all(axis=-1)

    def _among(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        at = self.first[:, None] + self.distance * np.arange(self.taps, dtype=np.int64)
        length = which.shape[-1]
        return which[..., at.clip(0, length - 1)] & (at >= 0) & (at < length)

    def touches(self, position: int) -> int:
        """How many cells the window touches at a position."""
        return self.taps if self.counts is None else int(self.counts[position])


def mixed(output: Rows, weight: Rows) -> tuple[Rows, Rows]:
    """Of which multiply each tap (n, axes) is a part, (n,), and the first tap of each: cells that meet one weight for
    one output are brought together before, by their coefficients."""
    _, first, which = np.unique(np.column_stack([output, weight]), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[which.reshape(-1)], first[order]


def trajectory_of(op: Slide, input_shape: Shape, order: str, offset: NDArray[np.float64] | None = None) -> Any:
    """The steps of a Slide; of a deformable one by these offsets, or before its window's cells are moved."""
    if not isinstance(op, DeformConv2d):
        return op.trajectory(input_shape, order)  # pyright: ignore[reportArgumentType]
    still = np.zeros(op.offset_shape(input_shape)) if offset is None else offset
    return op.trajectory(input_shape, order, offset=still)  # pyright: ignore[reportArgumentType]


class Sight:
    """A Slide over ``input_shape`` as it is drawn.

    ``reads`` and ``writes`` are the spans of the windows on input and output along depth (None: all of a block's
    channels, and the channel that is written), rows and columns.
    """

    def __init__(self, op: Slide, input_shape: Shape, order: str, offset: NDArray[np.float64] | None = None) -> None:
        self.op = op
        self.batch, self.item = op.split(input_shape)
        self.output = op.output_item(self.item)
        self.trajectory: Any = trajectory_of(op, input_shape, order, offset)
        self.scatters = isinstance(op, ConvTranspose)
        self.axes = len(self.item) - 1
        here = [Span(np.arange(size, dtype=np.int64)) for size in self.trajectory.positions]
        there = [self._span(axis) for axis in range(self.axes)]
        self.reads, self.writes = (self._three(spans) for spans in ((here, there) if self.scatters else (there, here)))

    def _span(self, axis: int) -> Span:
        size = self.trajectory.positions[axis]
        places = np.arange(size, dtype=np.int64)
        window = window_of(self.op, self.axes)
        if window is not None:
            before, after = window.padding[axis]
            first = places * window.stride[axis] - before
            return Span(first, window.kernel_size[axis], window.dilation[axis], (before, after))
        if isinstance(self.op, MatrixProduct):  # a row meets a column, the zeros in it, too
            return Span(np.zeros_like(places), self.item[1 + axis])
        return self._met(axis)

    def _met(self, axis: int, distance: int = 1) -> Span:
        """Of the input cells, so far apart, that each output position is made of."""
        reach = self.reach(axis)
        cells = np.where(_met(reach), reach.at, np.iinfo(np.int64).max).min(axis=1)
        counts = (np.where(_met(reach), reach.at, -1).max(axis=1) - cells) // distance + 1
        return Span(cells, int(counts.max()), distance, counts=counts if np.ptp(counts) else None)

    @cached_property
    def made_of(self) -> tuple[Span | None, Span, Span] | None:
        """The spans on the input of what each output position is made of, also by a window that scatters; None where
        some are made of nothing."""
        if not isinstance(self.op, ConvTranspose):
            return self.reads
        if not all(_met(self.reach(axis)).any(axis=1).all() for axis in range(self.axes)):
            return None
        window = self.op.window
        apart = [d // math.gcd(d, s) for d, s in zip(window.dilation, window.stride, strict=True)]
        return self._three([self._met(axis, distance) for axis, distance in enumerate(apart)])

    def _three(self, spans: list[Span]) -> tuple[Span | None, Span, Span]:
        spans = [Span(np.zeros(1, np.int64))] * (2 - len(spans)) + spans
        depth = spans[0] if len(spans) == 3 else None
        return depth, spans[-2], spans[-1]

    @cached_property
    def telling(self) -> int:
        """The step that is told in slow motion: the first one or, where that reads one cell alone, the first of those
        that read the most."""
        if isinstance(self.op, MatrixProduct):
            weights = self.op.weighted.sum(axis=0)
            return 0 if weights[0] > 1 else int(weights.argmax())
        spans = self.reads[3 - self.axes :]
        if all(span is None or span.counts is None for span in spans) or self._reads_at([0] * self.axes) > 1:
            return 0
        most = [0 if span is None or span.counts is None else int(span.counts.argmax()) for span in spans]
        grid = self.trajectory.grid
        return int(np.ravel_multi_index((*[0] * (len(grid) - len(most)), *most), grid))

    @property
    def fills(self) -> bool:
        """Whether it writes slice behind slice of a volume: those that are done hide the one being written."""
        deep = self.writes[0]
        return not self.scatters and self.trajectory.filters == 1 and deep is not None and len(set(deep.first)) > 1

    @property
    def reads_at_once(self) -> int:
        """How many cells the window reads in the step that is told: of all channels where there are filters, else of
        one."""
        if isinstance(self.op, Weighted):
            return 1 if self.scatters else self.op.groups * self.op.fan_in() * math.prod(_kernel_size(self.op))
        return self._reads_at(self.place(self.telling)[2][3 - self.axes :])

    def padding_at(self, step: int) -> int:
        """How many of the cells that a convolution, or a pool in a channel, reads in a step are padding."""
        if isinstance(self.op, Conv) and self.op.padding_mode == "zeros":
            window, inside = self.op.window, self.op.groups * self.op.fan_in()
        elif isinstance(self.op, Windowed):
            window, inside = self.op.window, 1
        else:
            return 0
        along = zip(self.place(step)[2][3 - self.axes :], self.item[1:], strict=True)
        for axis, (position, size) in enumerate(along):
            first = position * window.stride[axis] - window.padding[axis][0]
            met = first + window.dilation[axis] * np.arange(window.kernel_size[axis])
            inside *= np.count_nonzero((met >= 0) & (met < size))
        return self.reads_at_once - int(inside)

    def _reads_at(self, position: Sequence[int]) -> int:
        """How many cells of a channel the window reads there."""
        spans = zip(self.reads[3 - self.axes :], position, strict=True)
        return math.prod(1 if span is None else span.touches(at) for span, at in spans)

    @property
    def reads_one(self) -> bool:
        """Whether the window is one cell, of one channel, at every step."""
        return not isinstance(self.op, Weighted) and all(span is None or span.taps == 1 for span in self.reads)

    def reach(self, axis: int) -> Reach:
        """What the windows of all output positions meet along an axis."""
        return self.op.reach(axis, np.arange(self.output[1 + axis], dtype=np.int64), self.item)

    def place(self, step: int) -> tuple[int, int | None, tuple[int, int, int]]:
        """Picture, filter (None: all of them) and position (depth, row, column) of a step."""
        n, channel, position = self.trajectory.position(step)
        depth, row, column = (0,) * (3 - len(position)) + tuple(position)
        return n, channel, (depth, row, column)

    @cached_property
    def first_taps(self) -> Taps:
        """The multiplies of the first step; of a window that scatters those, too, that fall beside the output.

        These are cut off as padding: they are those of no padding, so much further to the front.
        """
        op = self.op
        if not isinstance(op, ConvTranspose):
            return self.trajectory.taps(0)
        taps = trajectory_of(replace(op, padding=0), (*self.batch, *self.item), self.trajectory.order).taps(0)
        cut = [0] * (1 + len(self.batch)) + [before for before, _ in op.window.padding]
        return replace(taps, output=taps.output - np.array(cut))

    def taps(self, step: int) -> Taps:
        """The multiplies of any step; of a window that scatters those that land alone, if it is not the first one."""
        return self.trajectory.taps(step) if step else self.first_taps

    @property
    def spread(self) -> tuple[int, int]:
        """Into how many products the first cell goes that a window scatters, and how many of them are in the output."""
        taps = self.first_taps
        mine = (taps.input == taps.input[0]).all(axis=1)
        at = taps.output[mine, 1 + len(self.batch) :]
        return int(mine.sum()), int(((at >= 0) & (at < np.array(self.output[1:]))).all(axis=1).sum())

    def stood_on(self, weight: Rows, step: int) -> Rows:
        """Where a convolution's window meets these weights in a step: (n, (N,) C, *spatial), on padding, too."""
        op = self.op
        assert isinstance(op, Weighted)
        window, fan_in = op.window, op.fan_in()  # pyright: ignore[reportAttributeAccessIssue]
        n, _, position = self.place(step)
        first = np.array(position[3 - self.axes :]) * window.stride - [before for before, _ in window.padding]
        at = weight[:, 2:] * np.array(window.dilation) + first
        channel = weight[:, 0] // (op.filters // op.groups) * fan_in + weight[:, 1]
        return np.column_stack([*[np.full_like(channel, n)] * len(self.batch), channel, at])

    def sampled(self, weight: Rows, step: int) -> NDArray[np.float64]:
        """Where the offsets have moved these weights' cells of a deformable convolution's window in a step: (n, 3)
        channel, row, column of cubes, mostly between them."""
        cell = np.ravel_multi_index(tuple(weight[:, 2:].T), _kernel_size(self.op))
        n, _, (_, row, column) = self.place(step)
        moved = self.trajectory.offsets[n, cell, :, row, column]
        shift = np.insert(moved, 0, 0.0, axis=1).astype(float)
        return np.add(self.drawn(self.stood_on(weight, step), self.item)[:, -3:], shift, dtype=np.float64)

    def around(self, rows: Rows, item: Shape) -> tuple[Rows, Rows]:
        """Cells as :meth:`drawn` has them, though they may lie outside; and how far each stands behind its channel."""
        behind = np.zeros(len(rows), np.int64)
        if len(item) == 4:
            depth = 1 + len(self.batch)
            inside = rows[:, depth].clip(0, item[1] - 1)
            behind, rows = rows[:, depth] - inside, np.column_stack([rows[:, :depth], inside, rows[:, depth + 1 :]])
        return self.drawn(rows, item), behind

    def drawn(self, rows: Rows, item: Shape) -> Rows:
        """Cells (N,) C, *spatial of an array as (N,) channel, row, column of cubes."""
        first = len(self.batch)
        return np.column_stack([rows[:, :first], cubes_of(rows[:, first:], item)])

    def drawn_weights(self, rows: Rows) -> Rows:
        """Weights in torch's layout as filter, channel, row, column of cubes."""
        op = self.op
        if isinstance(op, MatrixProduct):
            return np.column_stack([np.zeros((len(rows), 2), np.int64), rows])
        if isinstance(op, RowProduct):
            return rows[:, [0, 1, 3, 2]]
        assert isinstance(op, Weighted)
        if isinstance(op, ConvTranspose):  # (input channel, filter within its group, *kernel)
            per_group, fan_in = op.filters // op.groups, op.fan_in()
            filters = rows[:, 0] // fan_in * per_group + rows[:, 1]
            rows = np.column_stack([filters, rows[:, 0] % fan_in, rows[:, 2:]])
        return np.column_stack([rows[:, 0], cubes_of(rows[:, 1:], (op.fan_in(), *_kernel_size(op)))])

    def done(self, n: Rows, c: Rows, h: Rows, w: Rows) -> Rows:
        """The step with which drawn output cells are final."""
        if self.scatters:
            return self._whole(self.trajectory.completed_at())[n, c, h, w]
        return self._steps(n, c, h, w)

    def begun(self, n: Rows, c: Rows, h: Rows, w: Rows) -> Rows:
        """The first step that adds to drawn output cells."""
        if not self.scatters:
            return self._steps(n, c, h, w)
        visits = []
        for axis, count in enumerate(self.output[1:]):
            reach = self.op.scattered(axis, np.arange(self.item[1 + axis], dtype=np.int64), self.item)  # pyright: ignore[reportAttributeAccessIssue]
            first = np.full(count + 1, self.item[1 + axis], np.int64)
            np.minimum.at(first, reach.read, np.arange(self.item[1 + axis])[:, None])
            visits.append(first[:-1])
        cells = (c % depth_of(self.output), h, w)[3 - self.axes :]
        met = [
            np.minimum(visit, size - 1)[cell] for visit, cell, size in zip(visits, cells, self.item[1:], strict=True)
        ]
        return self._step_at(n, c, met)

    def _steps(self, n: Rows, c: Rows, h: Rows, w: Rows) -> Rows:
        return self._step_at(n, c, (c % depth_of(self.output), h, w)[3 - self.axes :])

    def _step_at(self, n: Rows, c: Rows, position: Sequence[Rows]) -> Rows:
        """The step at a position, of the filter that writes a channel of cubes."""
        turn = c // depth_of(self.output) if self.trajectory.order == "filter" else np.zeros_like(c)
        return np.ravel_multi_index((n, turn, *position), self.trajectory.grid)

    def _whole(self, array: Rows) -> Rows:
        """An array of the output's shape as (N, channels, rows, columns) of cubes."""
        return array.reshape(math.prod(self.batch), *drawn_item(self.output))

    @cached_property
    def centers(self) -> list[NDArray[np.float64]]:
        """The middle of what each output position reads along each axis, weighted by its shares: (positions,)."""
        result = []
        for axis in range(self.axes):
            reach = self.reach(axis)
            share = _met(reach) * (1.0 if reach.coefficient is None else reach.coefficient)
            total = share.sum(axis=1)
            middle = (share * reach.at).sum(axis=1) / np.where(total > 0, total, 1.0)
            result.append(np.where(total > 0, middle, self.reads[axis - self.axes].first))  # pyright: ignore[reportOptionalMemberAccess]
        return result

    def sources(self, c: Rows, h: Rows, w: Rows) -> NDArray[np.float64]:
        """Where in the input output cells come from if nothing is multiplied: (n, 3) channel, row, column of cubes."""
        depth = depth_of(self.output)
        cells = (c % depth, h, w)[3 - self.axes :]
        at = [center[cell] for center, cell in zip(self.centers, cells, strict=True)]
        return self._cubes(c // depth, at)

    def winners(self, indices: Rows, n: Rows, c: Rows, h: Rows, w: Rows) -> NDArray[np.float64]:
        """The same of a pool that keeps the largest: ``indices`` are those of its output."""
        flat = self._whole(indices)[n, c, h, w]
        at = np.unravel_index(np.maximum(flat, 0), self.item[1:])
        found = self._cubes(c // depth_of(self.output), [axis.astype(float) for axis in at])
        return np.where((flat < 0)[:, None], self.sources(c, h, w), found)

    def _cubes(self, channel: Rows, at: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        nothing = [np.zeros(len(channel))] * (2 - len(at))
        *deep, rows, columns = (*nothing, *at)
        return np.stack([channel * depth_of(self.item) + (deep[0] if deep else 0.0), rows, columns], axis=1)

    def copied(self, c: Rows, behind: Rows, h: Rows, w: Rows) -> Rows:
        """The cells (n, 3) that padding cells repeat, which stand so far behind a cube; -1s where they are zeros."""
        mode, depth = getattr(self.op, "padding_mode", "zeros"), depth_of(self.item)
        found = [c // depth]
        spatial = (c % depth + behind, h, w)
        for at, size in zip(spatial[3 - self.axes :], self.item[1:], strict=True):
            found.append(source_of(at, size, mode))
        rows = self.drawn(np.stack([np.zeros_like(c)] * len(self.batch) + found, axis=1), self.item)[
            :, len(self.batch) :
        ]
        rows[(np.stack(found) < 0).any(axis=0)] = -1
        return rows


def _met(reach: Reach) -> NDArray[np.bool_]:
    met = reach.at >= 0
    return met if reach.exists is None else met & reach.exists
