"""The transposed convolution, as what it scatters or as what it gathers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from .conv import Conv1d, Conv2d, Conv3d, Weighted
from .errors import MOST_MET, ConvMathError, choice, expected, few_enough
from .operation import Taps
from .pad import Pad, ZeroInsert
from .sequential import Sequential
from .shapes import AXIS_CELLS, Floats, InputShape, Integers, Order, Shape
from .slide import SlideTrajectory, Spots
from .window import Reach, Window


@dataclass(frozen=True)
class ConvTranspose(Weighted):
    """Transposed convolution over `AXES` axes, as torch.nn's, which puts output_padding after the output.

    y[f, p*stride - padding + k*dilation] += weight[c, f, k] * x[c, p], plus the bias: each input cell is spread over a
    window of the output. The size is (input - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1.
    It is no inverse: it is the product with the transpose of the matrix of a convolution, so it has that one's input
    size. ConvMathError for what torch would refuse. Source: Dumoulin, Visin, arXiv 1603.07285, chapter 4;
    torch.nn.ConvTranspose2d's documentation.
    """

    in_channels: int
    out_channels: int
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    output_padding: int | Sequence[int] = 0
    groups: int = 1
    bias: bool = True
    dilation: int | Sequence[int] = 1
    padding_mode: str = "zeros"

    def __post_init__(self) -> None:
        self._check(kernel_size=1, stride=1, padding=0, output_padding=0, dilation=1)
        choice(self.name, "padding_mode", self.padding_mode, ("zeros",))
        most = tuple(max(s, d) - 1 for s, d in zip(self.each("stride"), self.each("dilation"), strict=True))
        if any(added > allowed for added, allowed in zip(self.each("output_padding"), most, strict=True)):
            raise ConvMathError(
                f"{self.name}: output_padding={self.output_padding}; "
                f"allowed: less than stride={self.stride} or dilation={self.dilation}"
            )

    @property
    def weight_shape(self) -> Shape:
        """(in_channels, out_channels/groups, *kernel_size)."""
        return (self.in_channels, self.out_channels // self.groups, *self.each("kernel_size"))

    @property
    def window(self) -> Window:
        """The window that an input cell is spread over; `padding` is cut off the output."""
        sides = tuple((side, side) for side in self.each("padding"))
        return Window(self.each("kernel_size"), self.each("stride"), self.each("dilation"), sides)

    def macs(self, input_shape: InputShape) -> int:
        """Inputs x out_channels/groups x kernel cells; products that fall outside the output are counted."""
        batch, item = self.split(input_shape)
        self.output_item(item)
        return math.prod((*batch, *item)) * math.prod(self.weight_shape[1:])

    def landing(self, input_shape: InputShape) -> int:
        """How many of these products fall on a cell of the output; the others are cut off as padding."""
        batch, item = self.split(input_shape)
        places = [np.arange(size, dtype=np.int64) for size in self.output_item(item)[1:]]
        met = [np.count_nonzero(self.reach(axis, at, item).at >= 0) for axis, at in enumerate(places)]
        return math.prod((*batch, item[0], self.out_channels // self.groups, *met))

    def _item_output(self, item: Shape) -> Shape:
        self._check_channels(item)
        window = self.window
        along = zip(item[1:], window.stride, window.padding, window.extent, self.each("output_padding"), strict=True)
        sizes = tuple((size - 1) * s - 2 * p + extent + more for size, s, (p, _), extent, more in along)
        for axis, size in enumerate(sizes):
            if size < 1:
                raise ConvMathError(
                    f"{self.name}: padding={self.padding} leaves {size} {AXIS_CELLS[axis - len(sizes)]}; allowed: "
                    "(input - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1 >= 1"
                )
        return (self.out_channels, *sizes)

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """What an output cell gathers: cells of the input between inserted zeros, on padding at its ends."""
        window, size = self.window, item[1 + axis]
        stride, (before, _) = window.stride[axis], window.padding[axis]
        few_enough(self.name, "cells in a window", window.kernel_size[axis] * len(places), MOST_MET)
        kernel = np.arange(window.kernel_size[axis], dtype=np.int64)
        spread = places[:, np.newaxis] + before - kernel * window.dilation[axis]
        ghost = (spread < 0) | (spread > (size - 1) * stride)
        zero = ghost | (spread % stride != 0)
        return Reach(np.where(zero, -1, spread // stride), np.broadcast_to(kernel, spread.shape), ghost=ghost)

    def first_cell(self, place: Shape, item: Shape) -> Shape:
        """The position itself: of the input where it scatters, of the output where it gathers."""
        return place

    def scattered(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The output cells over which input cells are spread."""
        return self.window.reach(axis, places, 0, self.output_item(item)[1 + axis])

    def weight_columns(
        self, filters: Integers, channels: Integers, within: Integers, kernel: Sequence[Integers]
    ) -> Sequence[Integers]:
        """(input channel, filter within its group, *kernel)."""
        return [channels, filters % (self.out_channels // self.groups), *kernel]

    def trajectory(
        self, input_shape: InputShape, order: Order = "position", view: Literal["scatter", "gather"] = "scatter"
    ) -> SlideTrajectory:
        """The steps. view="scatter": a step per input position (and n, and filter with order="filter"), its products
        added to the output; those outside of it are left out. view="gather": a step per output position, as of a
        convolution over the input with stride - 1 zeros between its cells; inserted zeros are rows of -1s."""
        choice(self.name, "view", view, ("scatter", "gather"))
        return self._trajectory(ScatterTrajectory if view == "scatter" else SlideTrajectory, input_shape, order)

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        """One matrix product gives all products; those of each kernel cell are added where it falls."""
        assert weight is not None
        count, item = len(x), x.shape[1:]
        output = self.output_item(item)
        groups, per_group = self.groups, self.out_channels // self.groups
        result = np.zeros((count, groups, per_group, *output[1:]), np.result_type(x, weight))
        kernels = np.ascontiguousarray(weight).reshape(groups, self.fan_in(), -1).swapaxes(1, 2)
        products = kernels @ np.ascontiguousarray(x).reshape(count, groups, self.fan_in(), -1)
        products = products.reshape(count, groups, per_group, *weight.shape[2:], *item[1:])
        window = self.window
        for cell in itertools.product(*map(range, window.kernel_size)):
            from_: list[slice] = []
            to: list[slice] = []
            along = zip(cell, window.stride, window.dilation, window.padding, item[1:], output[1:], strict=True)
            for k, stride, dilation, (before, _), size, most in along:
                start = k * dilation - before
                first, last = max(0, -(start // stride)), min(size, (most - 1 - start) // stride + 1)
                from_.append(slice(first, max(first, last)))
                to.append(slice(first * stride + start, max(first, last - 1) * stride + start + 1, stride))
            read = products[(slice(None), slice(None), slice(None), *cell, *from_)]
            if read.size:
                result[(..., *to)] += read
        return result.reshape(count, *output)

    def as_convolution(self) -> Sequential:
        """ZeroInsert, Pad, and a convolution of stride 1 with the `flipped` weight, which together do the same.

        stride - 1 zeros between the cells, dilation*(kernel_size - 1) - padding around them (a negative number cuts
        cells off), output_padding more after them.
        """
        window = self.window
        sides = tuple(
            (extent - 1 - before, extent - 1 - before + more)
            for extent, (before, _), more in zip(
                window.extent, window.padding, self.each("output_padding"), strict=True
            )
        )
        kind = {1: Conv1d, 2: Conv2d, 3: Conv3d}[self.AXES]
        conv = kind(
            self.in_channels,
            self.out_channels,
            window.kernel_size,
            dilation=window.dilation,
            groups=self.groups,
            bias=self.bias,
        )
        return Sequential(ZeroInsert(window.stride), Pad(sides), conv)

    def flipped(self, weight: ArrayLike) -> Floats:
        """The weight for the convolution of `as_convolution`: mirrored along the spatial axes, and in its layout.

        weight: (in_channels, out_channels/groups, *kernel); returned: (out_channels, in_channels/groups, *kernel).
        """
        array = expected(self.name, "weight", weight, self.weight_shape)
        array = np.flip(array, tuple(range(2, array.ndim)))
        grouped = array.reshape(self.groups, self.fan_in(), *array.shape[1:]).swapaxes(1, 2)
        return grouped.reshape(self.out_channels, self.fan_in(), *array.shape[2:])


@dataclass(frozen=True)
class ScatterTrajectory(SlideTrajectory):
    """The steps of a window that adds to the output: it visits input positions."""

    op: ConvTranspose

    @property
    def positions(self) -> Shape:
        """The input's spatial sizes."""
        return self.item[1:]

    def taps(self, t: int) -> Taps:
        """The multiplies of step t: one input position, and the cells of the output over which it is spread."""
        n, only, place = self.position(t)
        places = (np.array([p], np.int64) for p in place)
        spots = Spots.across([self.op.scattered(axis, p, self.item) for axis, p in enumerate(places)])
        return self._between(n, only, spots, place, scattered=True)

    def completed_at(self) -> Integers:
        """The last step that adds to each output cell: int64 of the output's shape; -1 for cells never added to."""
        few_enough("completed_at", "cells or steps", max(self.steps, math.prod(self.output_shape)))
        last: list[Integers] = []
        for axis, count in enumerate(self.positions):
            reach = self.op.scattered(axis, np.arange(count, dtype=np.int64), self.item)
            visit = np.full(self.output_shape[self.batched + 1 + axis] + 1, -1, np.int64)
            rows = np.broadcast_to(np.arange(count)[:, np.newaxis], reach.at.shape)
            np.maximum.at(visit, reach.read, rows)
            last.append(visit[:-1])
        steps = np.arange(math.prod(self.grid[:2]), dtype=np.int64).reshape(*self.grid[:2], *[1] * len(last))
        never = np.zeros((), bool)
        for axis, (count, visit) in enumerate(zip(self.positions, last, strict=True)):
            along = visit.reshape(-1, *[1] * (len(last) - axis - 1))
            steps = steps * count + along
            never = never | (along < 0)
        every = (self.batch, self.filters, *self.output_shape[self.batched + 1 :])
        return np.broadcast_to(np.where(never, -1, steps), every).reshape(self.output_shape).copy()


class ConvTranspose1d(ConvTranspose):
    """torch.nn.ConvTranspose1d: (C, W) or (N, C, W), weight (in_channels, out_channels/groups, columns)."""

    AXES: ClassVar[int] = 1


class ConvTranspose2d(ConvTranspose):
    """torch.nn.ConvTranspose2d: (C, H, W) or (N, C, H, W), weight (in_channels, out_channels/groups, rows, columns)."""

    AXES: ClassVar[int] = 2


class ConvTranspose3d(ConvTranspose):
    """torch.nn.ConvTranspose3d: (C, D, H, W) or (N, C, D, H, W), weight (in, out/groups, D, rows, columns)."""

    AXES: ClassVar[int] = 3
