"""Moves that set the same cells into another order."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .conv import Conv
from .errors import ConvMathError, axis_of, few_enough, integer, integer_per_axis, per_axis
from .move import Move, View
from .operation import AnyAxes
from .shapes import InputShape, Integers, Shape, ravel_all, unravel_all
from .window import Window, source_of


@dataclass(frozen=True)
class ChannelShuffle(AnyAxes, Move):
    """torch.nn.ChannelShuffle: channels (groups, C/groups), transposed and flattened again.

    Source: Zhang, Zhou, Lin, Sun, "ShuffleNet", arXiv 1707.01083, section 3.1. ConvMathError unless groups divides C.
    """

    groups: int

    NEEDS_AXES: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", integer(self.name, "groups", self.groups))

    def geometry(self, axes: int) -> Window:
        """One cell: only channels change."""
        return Window.still(axes)

    def _item_output(self, item: Shape) -> Shape:
        if item[0] % self.groups:
            raise ConvMathError(f"{self.name}: groups={self.groups} must divide the input's {item[0]} channels")
        return item

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """Output channel i*groups + j is input channel j*(C/groups) + i; positions stay."""
        came = cells.copy()
        within, group = np.divmod(cells[:, 0], self.groups)
        came[:, 0] = group * (item[0] // self.groups) + within
        return came

    def view_shapes(self, input_shape: InputShape) -> dict[str, Shape]:
        """The paper's three: reshape (g, C/g, H, W), transpose (C/g, g, H, W), flatten (C, H, W)."""
        _, item = self.split(input_shape)
        channels, *spatial = self.output_item(item)
        rows, columns = self.groups, channels // self.groups
        return {"reshape": (rows, columns, *spatial), "transpose": (columns, rows, *spatial), "flatten": item}

    def views(self, input_shape: InputShape) -> tuple[View, ...]:
        """The three with their cells."""
        shapes = self.view_shapes(input_shape)
        few_enough(self.name, "cells", math.prod(shapes["flatten"]))
        reshaped = np.arange(math.prod(shapes["flatten"]), dtype=np.int64).reshape(shapes["reshape"])
        transposed = reshaped.swapaxes(0, 1)
        sources = (reshaped, transposed, transposed)
        return tuple(
            View(name, shape, source.reshape(shape))
            for (name, shape), source in zip(shapes.items(), sources, strict=True)
        )


@dataclass(frozen=True)
class Narrow(AnyAxes, Move):
    """torch.narrow: so many cells from `start` on along an axis, and nothing else; a split is several of these.

    dim: the axis, counted as those of a batch, also where the input has none: 1 is C, 2 the first spatial axis;
    negative numbers count from the last. Source: torch.narrow's documentation.
    """

    dim: int
    start: int
    length: int

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "dim", integer(self.name, "dim", self.dim, least=-4, most=4))
        object.__setattr__(self, "start", integer(self.name, "start", self.start, least=0))
        object.__setattr__(self, "length", integer(self.name, "length", self.length))

    def geometry(self, axes: int) -> Window | None:
        """One cell, where the axis is the channels."""
        return Window.still(axes) if self.dim in (1, -axes - 1) else None

    def _axis(self, item: Shape) -> int:
        return axis_of(self.name, self.dim, len(item))

    def _item_output(self, item: Shape) -> Shape:
        axis = self._axis(item)
        if self.start + self.length > item[axis]:
            raise ConvMathError(
                f"{self.name}: start={self.start}, length={self.length} along an axis of {item[axis]}; "
                f"allowed: start + length <= {item[axis]}"
            )
        return (*item[:axis], self.length, *item[axis + 1 :])

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """So far along the axis."""
        came = cells.copy()
        came[:, self._axis(item)] += self.start
        return came


@dataclass(frozen=True)
class PixelShuffle(Move):
    """torch.nn.PixelShuffle: (C*r*r, H, W) becomes (C, H*r, W*r) with r = upscale_factor.

    y[c, h*r + i, w*r + j] = x[(c*r + i)*r + j, h, w]. Source: Shi and others, "Real-Time Single Image and Video
    Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", arXiv 1609.05158, equation 4.
    """

    upscale_factor: int

    AXES: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "upscale_factor", integer(self.name, "upscale_factor", self.upscale_factor))

    def _item_output(self, item: Shape) -> Shape:
        r = self.upscale_factor
        if item[0] % r**2:
            raise ConvMathError(f"{self.name}: upscale_factor={r}: {r}*{r} must divide the input's {item[0]} channels")
        return (item[0] // r**2, item[1] * r, item[2] * r)

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """From the channel that the place within an r x r square names."""
        r = self.upscale_factor
        place, within = np.divmod(cells[:, 1:], r)
        return np.column_stack([(cells[:, 0] * r + within[:, 0]) * r + within[:, 1], place])


@dataclass(frozen=True)
class PixelUnshuffle(Move):
    """torch.nn.PixelUnshuffle: (C, H*r, W*r) becomes (C*r*r, H, W) with r = downscale_factor; undoes PixelShuffle.

    y[(c*r + i)*r + j, h, w] = x[c, h*r + i, w*r + j]. Source: torch.nn.PixelUnshuffle's documentation.
    """

    downscale_factor: int

    AXES: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "downscale_factor", integer(self.name, "downscale_factor", self.downscale_factor))

    def _item_output(self, item: Shape) -> Shape:
        r = self.downscale_factor
        if item[1] % r or item[2] % r:
            raise ConvMathError(
                f"{self.name}: downscale_factor={r} must divide the input's {item[1]} x {item[2]} cells"
            )
        return (item[0] * r**2, item[1] // r, item[2] // r)

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """From the place within an r x r square that the channel names."""
        r = self.downscale_factor
        channel, within = np.divmod(cells[:, 0], r * r)
        offset = np.column_stack(np.divmod(within, r))
        return np.column_stack([channel, cells[:, 1:] * r + offset])


@dataclass(frozen=True)
class Flatten(AnyAxes, Move):
    """torch.nn.Flatten: the axes from start_dim to end_dim become one, row-major; by default (C, *spatial) all.

    The axes are counted as those of a batch, also where the input has none: 0 is N (which stays), 1 is C; negative
    numbers count from the last.
    """

    start_dim: int = 1
    end_dim: int = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("start_dim", "end_dim"):
            object.__setattr__(self, field, integer(self.name, field, getattr(self, field), least=-5, most=4))

    def _span(self, item: Shape) -> tuple[int, int]:
        """The first and last axis of the item (C, *spatial) that become one."""
        count = len(item) + 1
        span = [dim + count if dim < 0 else dim for dim in (self.start_dim, self.end_dim)]
        if not 1 <= span[0] <= span[1] < count:
            raise ConvMathError(
                f"{self.name}: start_dim={self.start_dim}, end_dim={self.end_dim} for an input of {count} axes, "
                f"N first; allowed: 1 <= start_dim <= end_dim <= {count - 1}"
            )
        return span[0] - 1, span[1] - 1

    def _item_output(self, item: Shape) -> Shape:
        first, last = self._span(item)
        return (*item[:first], math.prod(item[first : last + 1]), *item[last + 1 :])

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """Row-major through the axes that become one."""
        first, last = self._span(item)
        apart = unravel_all(cells[:, first], item[first : last + 1])
        return np.column_stack([cells[:, :first], *apart, cells[:, first + 1 :]])


@dataclass(frozen=True)
class Reshape(AnyAxes, Move):
    """The same cells, row-major, as a (C, *spatial) of another shape; numpy.reshape's order."""

    shape: Shape

    def _item_output(self, item: Shape) -> Shape:
        if math.prod(item) != math.prod(self.shape):
            raise ConvMathError(
                f"{self.name}: shape={self.shape} for an input of {item}; allowed: one of {math.prod(item)} cells"
            )
        return self.shape

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """The cell of the same row-major index."""
        return np.column_stack(unravel_all(ravel_all(cells, self.shape), item))


class Columns(Move):
    """Each window becomes a column, in which the channel is slowest; windows run row-major.

    A subclass has the window, and tells row and column of its output's cells.
    """

    @property
    @abstractmethod
    def window(self) -> Window:
        """The window's geometry."""

    @property
    def padding_mode(self) -> str:
        """What stands on the padding."""
        return "zeros"

    @abstractmethod
    def _row_column(self, cells: Integers) -> tuple[Integers, Integers]:
        """Where cells of the output stand: the cell of the window, and which window."""

    def _at(self, cells: Integers, item: Shape) -> tuple[Integers, Integers]:
        """The channel (n,) and the place (n, spatial axes) on the padded input that cells of the output show."""
        window = self.window
        row, column = self._row_column(cells)
        channel, *within = unravel_all(row, (item[0], *window.kernel_size))
        place = np.column_stack(unravel_all(column, window.positions(item[1:])))
        first = place * window.stride - np.array([before for before, _ in window.padding])
        return channel, first + np.column_stack(within) * window.dilation

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """From where the window of the column stands."""
        channel, at = self._at(cells, item)
        read = [source_of(along, size, self.padding_mode) for along, size in zip(at.T, item[1:], strict=True)]
        came = np.column_stack([channel, *read])
        came[(came < 0).any(axis=1)] = -1
        return came

    def on_padding(self, cells: Integers, item: Shape) -> NDArray[np.bool_]:
        """Where the window of the column stands outside of the input."""
        _, at = self._at(cells, item)
        return ((at < 0) | (at >= np.array(item[1:]))).any(axis=1)


@dataclass(frozen=True)
class Unfold(Columns):
    """torch.nn.Unfold, also called im2col: each window becomes a column, (C, H, W) becomes (C*rows*columns, windows).

    Multiplied by a convolution's filters as rows, the columns give its output. Source: torch.nn.Unfold's documentation.
    """

    kernel_size: int | Sequence[int]
    dilation: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    stride: int | Sequence[int] = 1

    AXES: ClassVar[int] = 2

    def __post_init__(self) -> None:
        for field, least in (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1)):
            checked = integer_per_axis(self.name, field, getattr(self, field), self.AXES, least)
            object.__setattr__(self, field, checked)

    @property
    def window(self) -> Window:
        """The window's geometry, normalised to tuples."""
        kernel, stride, dilation, padding = (
            per_axis(getattr(self, field), self.AXES) for field in ("kernel_size", "stride", "dilation", "padding")
        )
        return Window(kernel, stride, dilation, tuple((side, side) for side in padding))

    def _item_output(self, item: Shape) -> Shape:
        positions = self.window.positions(item[1:])
        if min(positions) < 1:
            raise ConvMathError(
                f"{self.name}: kernel_size={self.kernel_size} (dilation={self.dilation}) spans {self.window.extent} "
                f"cells; allowed: at most the padded input's {self.window.padded(item[1:])}"
            )
        return (item[0] * math.prod(self.window.kernel_size), math.prod(positions))

    def _row_column(self, cells: Integers) -> tuple[Integers, Integers]:
        """The output's axes."""
        return cells[:, 0], cells[:, 1]


@dataclass(frozen=True)
class WindowColumns(AnyAxes, Columns):
    """The windows of a convolution as the columns of a matrix: (C, *spatial) becomes (1, C*kernel cells, positions).

    op: the convolution, of any number of axes and padding. Its filters as rows, (filters, C*kernel cells), times the
    matrix are its output, each channel row-major: what `im2col` computes.
    """

    op: Conv

    @property
    def window(self) -> Window:
        """The convolution's."""
        return self.op.window

    @property
    def padding_mode(self) -> str:
        """The convolution's."""
        return self.op.padding_mode

    def _item_output(self, item: Shape) -> Shape:
        positions = self.op.output_item(item)[1:]
        return 1, item[0] * math.prod(self.window.kernel_size), math.prod(positions)

    def _row_column(self, cells: Integers) -> tuple[Integers, Integers]:
        """Those of the matrix."""
        return cells[:, 1], cells[:, 2]
