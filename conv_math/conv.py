"""Convolution: the Slide that multiplies by a weight and sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .errors import ConvMathError, boolean, choice, integer, integer_per_axis, per_axis, shown
from .shapes import AXIS_CELLS, Floats, InputShape, Integers, Shape
from .slide import Slide, columns
from .window import PADDING_MODES, Reach, Window, check_sides

BLOCK = 2**17
"""Cells of windows that a convolution lays out as columns at once: they stay in the processor's cache."""


class Weighted(Slide):
    """What a convolution, its transpose and its deformable kin have in common: arguments as torch.nn checks them.

    kernel_size, stride, padding and dilation are an integer or one per spatial axis; they stay as they were given.
    """

    AXES: ClassVar[int]

    in_channels: int
    out_channels: int
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int]
    dilation: int | Sequence[int]
    groups: int
    bias: bool

    def _check(self, **least: int) -> None:
        """Replace the arguments by their checked values; `least` names those that have an entry per axis."""
        checked: dict[str, object] = {
            field: integer(self.name, field, getattr(self, field))
            for field in ("in_channels", "out_channels", "groups")
        }
        for field, smallest in least.items():
            checked[field] = integer_per_axis(self.name, field, getattr(self, field), self.AXES, smallest)
        checked["bias"] = boolean(self.name, "bias", self.bias)
        for field, value in checked.items():
            object.__setattr__(self, field, value)
        for field in ("in_channels", "out_channels"):
            if getattr(self, field) % self.groups:
                raise ConvMathError(f"{self.name}: groups={self.groups} must divide {field}={getattr(self, field)}")

    def each(self, field: str) -> Shape:
        """A checked argument written out: one integer per spatial axis."""
        return per_axis(getattr(self, field), self.AXES)

    @property
    def filters(self) -> int:
        """Output channels."""
        return self.out_channels

    @property
    def bias_shape(self) -> Shape | None:
        """(out_channels,), or None with bias=False."""
        return (self.out_channels,) if self.bias else None

    def fan_in(self, item: Shape | None = None) -> int:
        """in_channels/groups."""
        return self.in_channels // self.groups

    def _check_channels(self, item: Shape) -> None:
        if item[0] != self.in_channels:
            raise ConvMathError(
                f"{self.name}: the input has {item[0]} channels; allowed: in_channels={self.in_channels}"
            )


class Sliding(Weighted):
    """A window over the input, the same at every position: output = floor((input + 2*padding - extent)/stride) + 1.

    Source: Dumoulin, Visin, arXiv 1603.07285, relationship 15; the shape section of torch.nn.Conv2d's documentation.
    """

    padding: int | Sequence[int] | str

    @property
    def window(self) -> Window:
        """The window's geometry, normalised to tuples."""
        kernel, stride, dilation = (self.each(field) for field in ("kernel_size", "stride", "dilation"))
        if self.padding == "same":
            around = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
            return Window(kernel, stride, dilation, tuple((total // 2, total - total // 2) for total in around))
        sides = (0,) * self.AXES if self.padding == "valid" else self.each("padding")
        return Window(kernel, stride, dilation, tuple((side, side) for side in sides))

    def geometry(self, axes: int) -> Window | None:
        """`window`."""
        return self.window

    @property
    def weight_shape(self) -> Shape:
        """(out_channels, in_channels/groups, *kernel_size)."""
        return (self.out_channels, self.fan_in(), *self.each("kernel_size"))

    def macs(self, input_shape: InputShape) -> int:
        """Outputs x in_channels/groups x kernel cells; taps on padding are counted, the bias is not."""
        return math.prod(self.output_shape(input_shape)) * math.prod(self.weight_shape[1:])

    def _item_output(self, item: Shape) -> Shape:
        self._check_channels(item)
        window, spatial = self.window, item[1:]
        for axis, (size, extent, sides) in enumerate(zip(spatial, window.extent, window.padding, strict=True)):
            before, after = sides
            padded = size + before + after
            if extent > padded:
                added = f"2*{before}" if before == after else f"{before} + {after}"
                cells = AXIS_CELLS[axis - len(spatial)]
                raise ConvMathError(
                    f"{self.name}: kernel_size={self.kernel_size} (dilation={self.dilation}) spans {extent} cells, "
                    f"more than the padded input's {size} + {added} = {padded} {cells}; "
                    f"allowed: (kernel_size - 1)*dilation + 1 <= {padded}"
                )
        return (self.out_channels, *window.positions(spatial))


@dataclass(frozen=True)
class Conv(Sliding):
    """Convolution over `AXES` axes, as torch.nn's: the names, the defaults, the layouts, the floor.

    y[f, p] = bias[f] + sum over c, k of weight[f, c, k] * x[c, p*stride - padding + k*dilation], which mathematics
    calls a cross-correlation: the kernel is not flipped. padding may be "valid" (none) or "same", which keeps the size
    at stride 1 and puts the odd cell, if any, after the input. padding_mode is zeros, reflect, replicate or circular.
    ConvMathError for what torch would refuse, and for sizes below 1. Source: torch.nn.Conv2d's documentation.
    """

    in_channels: int
    out_channels: int
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] = 1
    padding: int | Sequence[int] | str = 0
    dilation: int | Sequence[int] = 1
    groups: int = 1
    bias: bool = True
    padding_mode: str = "zeros"

    def __post_init__(self) -> None:
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                allowed = f"an integer >= 0, {self.AXES} of them, 'same' or 'valid'"
                raise ConvMathError(f"{self.name}: padding={shown(self.padding)}; allowed: {allowed}")
            self._check(kernel_size=1, stride=1, dilation=1)
        else:
            self._check(kernel_size=1, stride=1, padding=0, dilation=1)
        choice(self.name, "padding_mode", self.padding_mode, PADDING_MODES)
        if self.padding == "same" and set(self.each("stride")) != {1}:
            raise ConvMathError(f"{self.name}: padding='same' with stride={self.stride}; allowed: stride=1")

    def _item_output(self, item: Shape) -> Shape:
        output = super()._item_output(item)
        check_sides(self.name, self.window.padding, item[1:], self.padding_mode)
        return output

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """All cells of the kernel, on the input or on its padding."""
        return self.window.reach(axis, places, None, None).padded_in(item[1 + axis], self.padding_mode)

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        """Matrix products for each picture and group: the filters as rows by a block of windows as columns (im2col)."""
        assert weight is not None
        filters = np.ascontiguousarray(weight).reshape(self.groups, self.out_channels // self.groups, -1)
        result = np.empty((len(x), *self.output_item(x.shape[1:])), np.result_type(x, weight))
        for windows, written in zip(self._windows(x), result, strict=True):
            rows = written.shape[1]
            at_once = max(1, BLOCK * rows // windows.size)
            cuts = range(at_once, rows, at_once)
            for met, part in zip(np.split(windows, cuts, 1 + self.AXES), np.split(written, cuts, 1), strict=True):
                columns = met.reshape(self.groups, filters.shape[2], -1)
                np.matmul(filters, columns, out=part.reshape(self.groups, filters.shape[1], -1))
        return result

    def _windows(self, x: Floats) -> Floats:
        """(N, C, *kernel_size, *positions): a view of the padded input, unless padding dwarfs all that is looked at."""
        window, positions = self.window, self.output_item(x.shape[1:])[1:]
        if math.prod(window.padded(x.shape[2:])) <= 64 * math.prod((*window.kernel_size, *positions)):
            return window.views(x, self.padding_mode)
        return columns(x, self.reaches(x.shape[1:])).reshape(*x.shape[:2], *window.kernel_size, *positions)


class Conv1d(Conv):
    """torch.nn.Conv1d: (C, W) or (N, C, W), weight (out_channels, in_channels/groups, columns)."""

    AXES: ClassVar[int] = 1


class Conv2d(Conv):
    """torch.nn.Conv2d: (C, H, W) or (N, C, H, W), weight (out_channels, in_channels/groups, rows, columns)."""

    AXES: ClassVar[int] = 2


class Conv3d(Conv):
    """torch.nn.Conv3d: (C, D, H, W) or (N, C, D, H, W), weight (out_channels, in_channels/groups, D, rows, columns)."""

    AXES: ClassVar[int] = 3
