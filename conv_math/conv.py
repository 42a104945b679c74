"""Convolution: the Slide that multiplies by a weight and sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConvMathError, boolean, choice, integer, integer_per_axis, numbers, per_axis, shown
from .operation import Shape
from .slide import Slide, Window

AXIS_CELLS = ("planes", "rows", "columns")


@dataclass(frozen=True)
class Conv(Slide):
    """Convolution over `spatial_axes` axes, as torch.nn's: the names, the defaults, the layouts, the floor.

    kernel_size, stride, padding and dilation are an integer or one per spatial axis; they stay as they were given, and
    `window` has them written out. padding may be "valid" (none) or "same", which keeps the size at stride 1 and puts
    the odd cell, if any, after the input. ConvMathError for what torch would refuse, and for sizes below 1.
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
        name = type(self).__name__
        axes = self.spatial_axes
        checked: dict[str, object] = {
            field: integer(name, field, getattr(self, field)) for field in ("in_channels", "out_channels", "groups")
        }
        for field in ("kernel_size", "stride", "dilation"):
            checked[field] = integer_per_axis(name, field, getattr(self, field), axes)
        if isinstance(self.padding, str) and self.padding not in ("same", "valid"):
            allowed = f"an integer >= 0, {axes} of them, 'same' or 'valid'"
            raise ConvMathError(f"{name}: padding={shown(self.padding)}; allowed: {allowed}")
        if not isinstance(self.padding, str):
            checked["padding"] = integer_per_axis(name, "padding", self.padding, axes, least=0)
        checked["bias"] = boolean(name, "bias", self.bias)
        choice(name, "padding_mode", self.padding_mode, ("zeros",))
        for field, value in checked.items():
            object.__setattr__(self, field, value)

        if self.padding == "same" and set(self.window.stride) != {1}:
            raise ConvMathError(f"{name}: padding='same' with stride={self.stride}; allowed: stride=1")
        for field in ("in_channels", "out_channels"):
            if getattr(self, field) % self.groups:
                raise ConvMathError(f"{name}: groups={self.groups} must divide {field}={getattr(self, field)}")

    @property
    def window(self) -> Window:
        """The window's geometry, normalised to tuples."""
        kernel, stride, dilation = (self._per_axis(field) for field in ("kernel_size", "stride", "dilation"))
        if self.padding == "same":
            around = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
            return Window(kernel, stride, dilation, tuple((total // 2, total - total // 2) for total in around))
        sides = (0,) * self.spatial_axes if self.padding == "valid" else self._per_axis("padding")
        return Window(kernel, stride, dilation, tuple((side, side) for side in sides))

    def _per_axis(self, field: str) -> Shape:
        return per_axis(getattr(self, field), self.spatial_axes)

    @property
    def filters(self) -> int:
        """Output channels."""
        return self.out_channels

    @property
    def fan_in(self) -> int:
        """Input channels that one filter reads."""
        return self.in_channels // self.groups

    @property
    def weight_shape(self) -> Shape:
        """(out_channels, in_channels/groups, *kernel_size)."""
        return (self.out_channels, self.fan_in, *self._per_axis("kernel_size"))

    @property
    def num_parameters(self) -> int:
        """Weights, and one bias per filter where there is a bias."""
        return math.prod(self.weight_shape) + self.out_channels * self.bias

    def macs(self, input_shape: Sequence[int]) -> int:
        """Outputs x in_channels/groups x kernel cells; taps on padding are counted, the bias is not."""
        return math.prod(self.output_shape(input_shape)) * math.prod(self.weight_shape[1:])

    def _item_output(self, item: Shape) -> Shape:
        name = type(self).__name__
        channels, *spatial = item
        if channels != self.in_channels:
            raise ConvMathError(f"{name}: the input has {channels} channels; allowed: in_channels={self.in_channels}")
        window = self.window
        for axis, (size, extent, sides) in enumerate(zip(spatial, window.extent, window.padding, strict=True)):
            before, after = sides
            padded = size + before + after
            if extent > padded:
                added = f"2*{before}" if before == after else f"{before} + {after}"
                cells = AXIS_CELLS[axis - len(spatial)]
                raise ConvMathError(
                    f"{name}: kernel_size={self.kernel_size} (dilation={self.dilation}) spans {extent} cells, "
                    f"more than the padded input's {size} + {added} = {padded} {cells}; "
                    f"allowed: (kernel_size - 1)*dilation + 1 <= {padded}"
                )
        return (self.out_channels, *window.positions(tuple(spatial)))

    def forward(self, x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None) -> NDArray:
        """Cross-correlation of x (N, C, *spatial) or (C, *spatial) with weight, plus bias (out_channels,) if given.

        Adds one matrix product per kernel cell: as fast as BLAS, and never more memory than a few copies of the input.
        ConvMathError where a shape is not the expected one, or a bias is given and bias=False.
        """
        name = type(self).__name__
        x = numbers(name, "x", x)
        batch, item = self.split(x.shape)
        output_shape = self.output_shape(x.shape)
        weight = self._expected("weight", weight, self.weight_shape)
        if bias is not None and not self.bias:
            raise ConvMathError(f"{name}: a bias was given with bias=False; allowed: None")
        bias = self._expected(
            "bias", np.zeros(self.out_channels, x.dtype) if bias is None else bias, self.weight_shape[:1]
        )

        count = math.prod(batch)
        padded = np.pad(x.reshape(count, *item), [(0, 0), (0, 0), *self.window.padding])
        kernels = weight.reshape(self.groups, -1, self.fan_in, *self.weight_shape[2:])
        places = math.prod(output_shape[len(batch) + 1 :])
        dtype = np.result_type(x, weight, bias)
        result = np.zeros((count, self.groups, kernels.shape[1], places), dtype)
        for cell, met in self.window.touched(padded, item[1:]):
            columns = met.reshape(count, self.groups, self.fan_in, -1)
            result += kernels[(..., *cell)] @ columns
        result = result.reshape(count, self.out_channels, -1) + bias[:, np.newaxis]
        return result.reshape(output_shape)

    def _expected(self, field: str, value: ArrayLike | None, shape: Shape) -> NDArray[np.floating]:
        """`value` as an array of floats of this shape."""
        name = type(self).__name__
        if value is None:
            raise ConvMathError(f"{name}: {field}=None; allowed: an array of shape {shape}")
        array = numbers(name, field, value)
        if array.shape != shape:
            raise ConvMathError(f"{name}: {field} has shape {array.shape}; allowed: {shape}")
        return array


@dataclass(frozen=True)
class Conv2d(Conv):
    """torch.nn.Conv2d: (C, H, W) or (N, C, H, W), weight (out_channels, in_channels/groups, rows, columns)."""

    spatial_axes: ClassVar[int] = 2
