"""Deformable convolution: a window whose cells are moved by offsets, between the cells of the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .conv import Sliding
from .errors import ConvMathError, expected, few_enough, reals
from .operation import Taps
from .shapes import Floats, InputShape, Integers, Order, Shape
from .slide import SlideTrajectory, Spots
from .window import Reach, Window


@dataclass(frozen=True)
class DeformConv2d(Sliding):
    """torchvision.ops.DeformConv2d, the first version: Conv2d whose window's cells are moved by offsets.

    y[f, p] = bias[f] + sum over c, k of weight[f, c, k] * x[c, p*stride - padding + k*dilation + offset[k, p]], with x
    between its cells mixed bilinearly from the four around, and zero outside. offset (2*rows*columns, out H, out W), or
    with a batch (N, ...): for each cell of the kernel, row-major, how far it is moved down and to the right, in cells.
    ConvMathError for what torch would refuse. Source: Dai and others, "Deformable Convolutional Networks", arXiv
    1703.06211, equations 2 to 4; torchvision.ops.deform_conv2d's documentation.
    """

    in_channels: int
    out_channels: int
    kernel_size: int | Sequence[int]
    stride: int | Sequence[int] = 1
    padding: int | Sequence[int] | str = 0
    dilation: int | Sequence[int] = 1
    groups: int = 1
    bias: bool = True

    AXES: ClassVar[int] = 2

    def __post_init__(self) -> None:
        self._check(kernel_size=1, stride=1, padding=0, dilation=1)

    def geometry(self, axes: int) -> Window | None:
        """None: offsets differ from position to position."""
        return None

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """The window's cells before they are moved."""
        return self.window.reach(axis, places, None, None).padded_in(item[1 + axis], "zeros")

    def offset_shape(self, input_shape: InputShape) -> Shape:
        """(2*rows*columns, out H, out W), after (N,) where the input has a batch axis."""
        batch, item = self.split(input_shape)
        return (*batch, 2 * math.prod(self.window.kernel_size), *self.output_item(item)[1:])

    def _offsets(self, input_shape: InputShape, offset: ArrayLike | None) -> NDArray[np.float64]:
        """The checked offset as (N, kernel cells, 2, out H, out W)."""
        shape = self.offset_shape(input_shape)
        array = expected(self.name, "offset", offset, shape).astype(np.float64)
        if not np.isfinite(array).all() or (abs(array) > 2**31).any():
            raise ConvMathError(f"{self.name}: offset has a cell that is not finite or beyond 2**31; allowed: numbers")
        cells = math.prod(self.window.kernel_size)
        return array.reshape(-1, cells, 2, *shape[-2:])

    def forward(
        self,
        x: ArrayLike,
        weight: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        *,
        offset: ArrayLike | None = None,
    ) -> Floats:
        """The output for x (C, H, W) or (N, C, H, W) with these offsets."""
        offsets = self._offsets(reals(self.name, "x", x).shape, offset)

        def compute(x: Floats, weight: Floats | None) -> Floats:
            assert weight is not None
            filters = weight.reshape(self.groups, self.out_channels // self.groups, -1)
            output = self.output_item(x.shape[1:])
            result = np.empty((len(x), *output), np.result_type(x, weight))
            for picture, moved, written in zip(x, offsets, result, strict=True):
                windows = self._windows(picture, moved).reshape(self.groups, filters.shape[2], -1)
                written[...] = (filters @ windows).reshape(output)
            return result

        return self._run(x, weight, bias, compute)

    def _windows(self, x: Floats, offsets: NDArray[np.float64]) -> Floats:
        """What the moved window meets of x (C, H, W): (C, kernel cells, out H, out W)."""
        shape = (x.shape[0], offsets.shape[0], *offsets.shape[2:])
        few_enough(self.name, "cells of windows", math.prod(shape))
        mixed = np.zeros(shape, x.dtype)
        places = np.indices(offsets.shape[2:])
        for cell in range(len(offsets)):
            kernel = np.array(np.unravel_index(cell, self.window.kernel_size))
            corners, shares, inside = self.corners(kernel, places, offsets[cell], x.shape[1:])
            for corner, share, met in zip(corners, shares, inside, strict=True):
                rows, columns = np.where(met, corner, 0)
                mixed[:, cell] += np.where(met, share, 0.0).astype(x.dtype) * x[:, rows, columns]
        return mixed

    def corners(
        self, kernel: Integers, places: Integers, offset: NDArray[np.float64], spatial: Shape
    ) -> tuple[Integers, NDArray[np.float64], NDArray[np.bool_]]:
        """The four cells around a moved cell of the kernel: (4, 2, ...), their shares (4, ...), and which are inside.

        kernel: (2, ...), places: (2, ...) output positions, offset: (2, ...).
        """
        extra = (2, *[1] * (offset.ndim - 1))
        window = self.window
        stride, dilation = (np.array(value).reshape(extra) for value in (window.stride, window.dilation))
        before = np.array([side for side, _ in window.padding]).reshape(extra)
        kernel = kernel.reshape(*kernel.shape, *[1] * (offset.ndim - kernel.ndim))
        at = places * stride - before + kernel * dilation + offset
        low = np.floor(at)
        part = at - low
        around = ((0, 0), (0, 1), (1, 0), (1, 1))
        corners = np.array([low.astype(np.int64) + np.array(step).reshape(extra) for step in around])
        sides = (1.0 - part, part)
        shares = np.array([sides[down][0] * sides[right][1] for down, right in around])
        inside = ((corners >= 0) & (corners < np.array(spatial).reshape(extra))).all(axis=1)
        return corners, shares, inside

    def trajectory(
        self, input_shape: InputShape, order: Order = "position", *, offset: ArrayLike | None = None
    ) -> DeformTrajectory:
        """A step per output position; the taps mix the four cells around each moved cell of the window."""
        trajectory = self._trajectory(DeformTrajectory, input_shape, order, offsets=self._offsets(input_shape, offset))
        assert isinstance(trajectory, DeformTrajectory)
        return trajectory


@dataclass(frozen=True, eq=False)
class DeformTrajectory(SlideTrajectory):
    """The steps of a moved window; offsets: (N, kernel cells, 2, out H, out W), down and to the right."""

    op: DeformConv2d
    offsets: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1, 2, 1, 1)))

    def __eq__(self, other: object) -> bool:
        """Only to itself: two of the same shape and operation may have other data."""
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def taps(self, t: int) -> Taps:
        """The multiplies of step t; cells around that have no share are left out."""
        n, only, place = self.position(t)
        offset = self.offsets[(n, slice(None), slice(None), *place)].T
        kernel = np.array(np.unravel_index(np.arange(offset.shape[1]), self.op.window.kernel_size))
        places = np.broadcast_to(np.array(place, np.int64)[:, np.newaxis], offset.shape)
        corners, shares, inside = self.op.corners(kernel, places, offset, self.item[1:])
        met = shares.T > 0
        at = corners.transpose(2, 0, 1)[met]
        kernels = np.broadcast_to(kernel.T[:, np.newaxis], (*met.shape, 2))[met]
        outside = ~inside.T[met]
        return self._between(n, only, Spots(at, outside, kernels, shares.T[met], outside), place, scattered=False)
