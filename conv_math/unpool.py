"""Unpooling: the Move that takes cells back to where a pool found them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .errors import ConvMathError, choice, few_enough, integer_per_axis, per_axis, reals, shown
from .move import Move, MoveTrajectory
from .shapes import AXIS_CELLS, Floats, InputShape, Integers, Order, Shape


@dataclass(frozen=True)
class MaxUnpool2d(Move):
    """torch.nn.MaxUnpool2d: each cell goes to the place that `indices` names, all other cells are zero.

    (C, H, W) becomes (C, (H - 1)*stride - 2*padding + kernel_size, ...), or output_size where that is given, which
    may differ from it by less than a stride. indices, of the input's shape, are flat row-major indices within a channel
    of the output, as `MaxPool2d.indices` returns them; of two cells with the same index the later one, row-major,
    stays. ConvMathError for what torch would refuse. Source: torch.nn.MaxUnpool2d's documentation.
    """

    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] | None = None
    padding: int | Sequence[int] = 0
    output_size: Sequence[int] | None = None

    AXES: ClassVar[int] = 2

    def __post_init__(self) -> None:
        for field, least in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("output_size", 1)):
            value = getattr(self, field)
            if value is not None or field in ("kernel_size", "padding"):
                object.__setattr__(self, field, integer_per_axis(self.name, field, value, self.AXES, least))

    def _item_output(self, item: Shape) -> Shape:
        kernel, padding = (per_axis(value, 2) for value in (self.kernel_size, self.padding))
        stride = kernel if self.stride is None else per_axis(self.stride, 2)
        along = zip(item[1:], stride, padding, kernel, strict=True)
        usual = tuple((size - 1) * s - 2 * p + k for size, s, p, k in along)
        if self.output_size is None:
            if min(usual) < 1:
                axis = usual.index(min(usual))
                raise ConvMathError(
                    f"{self.name}: padding={self.padding} leaves {usual[axis]} {AXIS_CELLS[axis - 2]}; "
                    "allowed: (input - 1)*stride - 2*padding + kernel_size >= 1"
                )
            return (item[0], *usual)
        wanted = per_axis(self.output_size, 2)
        if any(abs(size - u) >= s for size, u, s in zip(wanted, usual, stride, strict=True)):
            raise ConvMathError(
                f"{self.name}: output_size={self.output_size}; allowed: less than stride={stride} away from {usual}"
            )
        return (item[0], *wanted)

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        """Unknown without indices."""
        raise ConvMathError(f"{self.name}: indices=None; allowed: integers of the input's shape")

    def _sources(self, input_shape: InputShape, indices: ArrayLike | None) -> Integers:
        """For each output cell the flat index of its input cell within its channel, -1 for none: (N, C, H, W)."""
        batch, item = self.split(input_shape)
        output = self.output_item(item)
        few_enough(self.name, "cells of output", math.prod((*batch, *output)))
        if indices is None:
            self.came_from(np.zeros((0, 3), np.int64), item)
        places = reals(self.name, "indices", indices)
        if places.shape != (*batch, *item) or places.dtype.kind not in "iu":
            raise ConvMathError(
                f"{self.name}: indices has shape {shown(places.shape)} and dtype {places.dtype}; "
                f"allowed: integers, {(*batch, *item)}"
            )
        planes = places.reshape(-1, item[1] * item[2])
        size = output[1] * output[2]
        if (wrong := planes[(planes < 0) | (planes >= size)]).size:
            raise ConvMathError(f"{self.name}: indices has {shown(int(wrong[0]))}; allowed: 0 to {size - 1}")
        sources = np.full((len(planes), size), -1, np.int64)
        cells = np.broadcast_to(np.arange(planes.shape[1]), planes.shape)
        np.maximum.at(sources, (np.arange(len(planes))[:, np.newaxis], planes.astype(np.int64)), cells)
        return sources.reshape(-1, *output)

    def forward(
        self,
        x: ArrayLike,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        *,
        indices: ArrayLike | None = None,
    ) -> Floats:
        """The output for x (C, H, W) or (N, C, H, W); indices: of the same shape."""
        sources = self._sources(reals(self.name, "x", x).shape, indices)

        def compute(x: Floats, weight: Floats | None) -> Floats:
            flat = sources.reshape(*sources.shape[:2], -1)
            taken = np.take_along_axis(x.reshape(*x.shape[:2], -1), flat.clip(0), axis=2)
            return np.where(flat < 0, x.dtype.type(0), taken).reshape(sources.shape)

        return self._run(x, weight, bias, compute)

    def trajectory(
        self, input_shape: InputShape, order: Order = "position", *, indices: ArrayLike | None = None
    ) -> UnpoolTrajectory:
        """A step per output position with all channels, or channel by channel with order="filter"."""
        choice(self.name, "order", order, ("position", "filter"))
        batch, item = self.split(input_shape)
        sources = self._sources(input_shape, indices)
        output = (*batch, *self.output_item(item))
        return UnpoolTrajectory((*batch, *item), output, bool(batch), order, self, sources)


@dataclass(frozen=True, eq=False)
class UnpoolTrajectory(MoveTrajectory):
    """The steps of an unpooling; sources: (N, C, H, W), the flat input cell of each output cell, -1 for none."""

    sources: Any

    def __eq__(self, other: object) -> bool:
        """Only to itself: two of the same shape and operation may have other data."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def came_from(self, n: int, cells: Integers) -> Integers:
        """The input cells of output cells of picture n."""
        flat = self.sources[(n, *cells.T)]
        came = np.column_stack([cells[:, 0], *np.divmod(flat, self.input_shape[-1])])
        came[flat < 0] = -1
        return came
