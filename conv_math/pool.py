"""Pooling: the Slides that keep the largest cell of a window or its mean, channel by channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike

from .errors import (
    MOST,
    MOST_MET,
    ConvMathError,
    boolean,
    entries,
    few_enough,
    floats,
    integer_per_axis,
    is_integer,
    per_axis,
    reals,
    shown,
    span,
)
from .shapes import AXIS_CELLS, Floats, Integers, Reduce, Shape
from .slide import Slide, along_axes, columns
from .window import Reach, Window


class Pooling(Slide):
    """A window per channel, without a weight."""

    AXES: ClassVar[int]

    def near(self, item: Shape) -> list[Reach]:
        """What the windows meet of the input itself, at all positions, for each axis: never more cells than it has."""
        return self.reaches(item)

    def _check_switches(self) -> None:
        for field in ("ceil_mode", "return_indices", "count_include_pad"):
            if hasattr(self, field):
                object.__setattr__(self, field, boolean(self.name, field, getattr(self, field)))

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        return along_axes(x, self.near(x.shape[1:]), self.reduce)


class Largest(Pooling):
    """A pool that keeps the largest cell."""

    reduce: ClassVar[Reduce] = "max"

    def indices(self, x: ArrayLike) -> Integers:
        """Where in its channel each output's winner stands: flat row-major indices, int64 of the output's shape.

        Of equal cells the first one wins, of several NaNs the last; -1 where a window stands on padding alone. As
        torch's return_indices.
        """
        data = reals(self.name, "x", x)
        _, item = self.split(data.shape)
        output = self.output_shape(data.shape)
        few_enough(self.name, "cells of output", math.prod(output))
        reaches = self.near(item)
        met = columns(floats(data).reshape(-1, *item), reaches, -np.inf)
        flat, on_input = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)  # (window cells, positions)
        for reach, size in zip(reaches, item[1:], strict=True):
            cells = reach.read.T
            shape = (len(flat) * len(cells), flat.shape[1] * cells.shape[1])
            flat = (flat[:, np.newaxis, :, np.newaxis] * size + cells[:, np.newaxis, :]).reshape(shape)
            on_input = (on_input[:, np.newaxis, :, np.newaxis] & (cells >= 0)[:, np.newaxis, :]).reshape(shape)
        if not len(flat):
            return np.full(output, -1)
        flat = np.where(on_input, flat, -1)
        best, unknown = met == met.max(axis=2, keepdims=True), np.isnan(met[:, :, ::-1])
        first, last = (best & on_input).argmax(axis=2), len(flat) - 1 - unknown.argmax(axis=2)
        winner = np.where(unknown.any(axis=2), last, first)[:, :, np.newaxis]
        return np.take_along_axis(flat[np.newaxis, np.newaxis], winner, axis=2).reshape(output)


class Windowed(Pooling):
    """A window per channel; a subclass is a dataclass with kernel_size, stride (None: kernel_size) and ceil_mode, and
    with padding and dilation if it has them.

    The output has floor((input + 2*padding - extent)/stride) + 1 cells along an axis. With ceil_mode it is rounded up
    instead, but no window begins behind the input and the padding before it. Source: torch.nn.MaxPool2d's
    documentation.
    """

    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] | None
    ceil_mode: bool

    def _check(self) -> None:
        sizes = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
        for field, least in sizes.items():
            if hasattr(self, field) and not (field == "stride" and self.stride is None):
                value = integer_per_axis(self.name, field, getattr(self, field), self.AXES, least)
                object.__setattr__(self, field, value)
        self._check_switches()
        if any(
            side > kernel // 2 for (side, _), kernel in zip(self.window.padding, self.window.kernel_size, strict=True)
        ):
            raise ConvMathError(
                f"{self.name}: padding={getattr(self, 'padding', 0)} with kernel_size={self.kernel_size}; "
                "allowed: at most half of it"
            )

    @property
    def window(self) -> Window:
        """The window's geometry, normalised to tuples."""
        kernel, padding = (per_axis(value, self.AXES) for value in (self.kernel_size, getattr(self, "padding", 0)))
        stride = kernel if self.stride is None else per_axis(self.stride, self.AXES)
        dilation = per_axis(getattr(self, "dilation", 1), self.AXES)
        return Window(kernel, stride, dilation, tuple((side, side) for side in padding))

    def geometry(self, axes: int) -> Window:
        """`window`."""
        return self.window

    def _item_output(self, item: Shape) -> Shape:
        window = self.window
        along = zip(item[1:], window.padded(item[1:]), window.extent, window.stride, window.padding, strict=True)
        positions: list[int] = []
        for size, padded, extent, stride, (before, _) in along:
            count = (padded - extent) // stride + 1
            if self.ceil_mode:
                count = -((extent - padded) // stride) + 1
                if (count - 1) * stride >= size + before:
                    count -= 1
            positions.append(count)
            if count < 1:
                cells = AXIS_CELLS[len(positions) - len(item)]
                raise ConvMathError(
                    f"{self.name}: kernel_size={self.kernel_size} spans {extent} cells, more than the padded input's "
                    f"{size} + 2*{before} = {padded} {cells}; allowed: at most {padded}"
                )
        return (item[0], *positions)


@dataclass(frozen=True)
class MaxPool(Windowed, Largest):
    """The largest cell of a window, channel by channel, over `AXES` axes, as torch.nn's.

    y[c, p] = max over k of x[c, p*stride - padding + k*dilation]; padding never wins. `forward` returns the values,
    whatever return_indices is; `indices` returns the winners. ConvMathError for what torch would refuse.
    Source: torch.nn.MaxPool2d's documentation.
    """

    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] | None = None
    padding: int | Sequence[int] = 0
    dilation: int | Sequence[int] = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        self._check()

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The window's cells that lie on the input."""
        return self.window.reach(axis, places, 0, item[1 + axis])


@dataclass(frozen=True)
class AvgPool(Windowed):
    """The mean of a window, channel by channel, over `AXES` axes, as torch.nn's.

    y[c, p] = sum over k of x[c, p*stride - padding + k] / divisor. The divisor is the number of the window's cells on
    the input, and on its padding too where count_include_pad. Source: torch.nn.AvgPool2d's documentation.
    """

    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] | None = None
    padding: int | Sequence[int] = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        self._check()

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The window's cells on the input, and on its padding where that counts."""
        size, (before, after) = item[1 + axis], self.window.padding[axis]
        low, high = (-before, size + after) if self.count_include_pad else (0, size)
        return self._averaged(axis, places, item, low, high).padded_in(size, "zeros")

    def near(self, item: Shape) -> list[Reach]:
        """What the windows meet of the input itself: padding adds nothing to a sum."""
        positions = enumerate(self.output_item(item)[1:])
        return [
            self._averaged(axis, np.arange(count, dtype=np.int64), item, 0, item[1 + axis]) for axis, count in positions
        ]

    def _averaged(self, axis: int, places: Integers, item: Shape, low: int, high: int) -> Reach:
        """The window's cells in low..high-1, with this axis' part of 1/divisor."""
        window, (before, after) = self.window, self.window.padding[axis]
        inside = (-before, item[1 + axis] + after) if self.count_include_pad else (0, item[1 + axis])
        starts = places * window.stride[axis] - before
        counts = np.minimum(starts + window.kernel_size[axis], inside[1]) - np.maximum(starts, inside[0])
        reach = window.reach(axis, places, low, high)
        share = np.broadcast_to(self._share(axis, counts)[:, np.newaxis], reach.at.shape)
        return Reach(reach.at, reach.kernel, share, exists=reach.exists)

    def _share(self, axis: int, counts: Integers) -> Floats:
        return 1.0 / counts


class DividedAvgPool(AvgPool):
    """AvgPool with a divisor of one's own."""

    divisor_override: int | None

    def __post_init__(self) -> None:
        self._check()
        value = self.divisor_override
        if value is not None:
            if not is_integer(value) or not 0 < abs(int(value)) <= MOST:
                raise ConvMathError(f"{self.name}: divisor_override={shown(value)}; allowed: an integer other than 0")
            object.__setattr__(self, "divisor_override", int(value))

    def _share(self, axis: int, counts: Integers) -> Floats:
        if self.divisor_override is None:
            return super()._share(axis, counts)
        return np.full(counts.shape, 1.0 / self.divisor_override if axis == 0 else 1.0)


class Adaptive(Pooling):
    """Windows of unequal size that cover the input: those of output cell i go from floor(i*size/out) to before
    ceil((i + 1)*size/out).

    output_size: an integer for all spatial axes or one per axis; None keeps an axis as it is.
    Source: torch.nn.AdaptiveAvgPool2d's documentation.
    """

    output_size: int | Sequence[int | None] | None

    def _check(self) -> None:
        given = self.output_size
        several = entries(given)
        sizes = (given,) * self.AXES if several is None else several
        if len(sizes) != self.AXES or any(n is not None and not (is_integer(n) and 1 <= n <= MOST) for n in sizes):
            each = f"{span(sizes[: self.AXES], 1)} or None" + (f", or {self.AXES} of them" if self.AXES > 1 else "")
            raise ConvMathError(f"{self.name}: output_size={shown(given)}; allowed: {each}")
        checked = tuple(int(n) if is_integer(n) else None for n in sizes)
        object.__setattr__(self, "output_size", checked[0] if several is None else checked)
        self._check_switches()

    def _item_output(self, item: Shape) -> Shape:
        several = cast("tuple[int | None, ...] | None", entries(self.output_size))
        wanted = several or (cast("int | None", self.output_size),) * self.AXES
        return (item[0], *(size if w is None else w for size, w in zip(item[1:], wanted, strict=True)))

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The window's cells, and 1/their number as the coefficient of a mean."""
        size, count = item[1 + axis], self.output_item(item)[1 + axis]
        starts, ends = places * size // count, -(-(places + 1) * size // count)
        width = int((ends - starts).max())
        few_enough(self.name, "cells in a window", width * len(places), MOST_MET)
        cells = np.arange(width, dtype=np.int64)[np.newaxis]
        at = starts[:, np.newaxis] + cells
        share = np.ones(len(places)) if self.reduce == "max" else 1.0 / (ends - starts)
        return Reach(
            at,
            np.broadcast_to(cells, at.shape),
            np.broadcast_to(share[:, np.newaxis], at.shape),
            exists=at < ends[:, np.newaxis],
        )


@dataclass(frozen=True)
class AdaptiveAvgPool(Adaptive):
    """The mean of windows that cover the input, over `AXES` axes, as torch.nn's."""

    output_size: int | Sequence[int | None] | None

    def __post_init__(self) -> None:
        self._check()


@dataclass(frozen=True)
class AdaptiveMaxPool(Adaptive, Largest):
    """The largest cell of windows that cover the input, over `AXES` axes, as torch.nn's; else as MaxPool."""

    output_size: int | Sequence[int | None] | None
    return_indices: bool = False

    def __post_init__(self) -> None:
        self._check()


class MaxPool1d(MaxPool):
    """torch.nn.MaxPool1d: (C, W) or (N, C, W)."""

    AXES: ClassVar[int] = 1


class MaxPool2d(MaxPool):
    """torch.nn.MaxPool2d: (C, H, W) or (N, C, H, W)."""

    AXES: ClassVar[int] = 2


class MaxPool3d(MaxPool):
    """torch.nn.MaxPool3d: (C, D, H, W) or (N, C, D, H, W)."""

    AXES: ClassVar[int] = 3


class AvgPool1d(AvgPool):
    """torch.nn.AvgPool1d: (C, W) or (N, C, W)."""

    AXES: ClassVar[int] = 1


@dataclass(frozen=True)
class AvgPool2d(DividedAvgPool):
    """torch.nn.AvgPool2d: (C, H, W) or (N, C, H, W)."""

    divisor_override: int | None = None

    AXES: ClassVar[int] = 2


@dataclass(frozen=True)
class AvgPool3d(DividedAvgPool):
    """torch.nn.AvgPool3d: (C, D, H, W) or (N, C, D, H, W). Padding does not make an input large enough, as in torch."""

    divisor_override: int | None = None

    AXES: ClassVar[int] = 3

    def _item_output(self, item: Shape) -> Shape:
        if any(size < kernel for size, kernel in zip(item[1:], self.window.kernel_size, strict=True)):
            raise ConvMathError(
                f"{self.name}: kernel_size={self.kernel_size} on an input of {item[1:]} cells; "
                "allowed: at most the input's size without padding"
            )
        return super()._item_output(item)


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """torch.nn.AdaptiveAvgPool1d: (C, W) or (N, C, W)."""

    AXES: ClassVar[int] = 1


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """torch.nn.AdaptiveAvgPool2d: (C, H, W) or (N, C, H, W)."""

    AXES: ClassVar[int] = 2


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """torch.nn.AdaptiveAvgPool3d: (C, D, H, W) or (N, C, D, H, W)."""

    AXES: ClassVar[int] = 3


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """torch.nn.AdaptiveMaxPool1d: (C, W) or (N, C, W)."""

    AXES: ClassVar[int] = 1


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """torch.nn.AdaptiveMaxPool2d: (C, H, W) or (N, C, H, W)."""

    AXES: ClassVar[int] = 2


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """torch.nn.AdaptiveMaxPool3d: (C, D, H, W) or (N, C, D, H, W)."""

    AXES: ClassVar[int] = 3
