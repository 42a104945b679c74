"""The window's geometry, and what stands around the input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .errors import MOST_MET, ConvMathError, few_enough
from .shapes import AXIS_CELLS, Floats, Integers, Shape

Sides = tuple[tuple[int, int], ...]
"""Cells (before, after) the input, one pair per spatial axis; a negative number cuts cells off."""

NUMPY_MODES: dict[str, Any] = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""numpy.pad's names for padding modes."""
PADDING_MODES = tuple(NUMPY_MODES)


@dataclass(frozen=True)
class Window:
    """A window's geometry: tuples with one entry per spatial axis; `padding` has pairs (before, after)."""

    kernel_size: Shape
    stride: Shape
    dilation: Shape
    padding: Sides

    @classmethod
    def still(cls, axes: int) -> Window:
        """One cell wide, and at every cell once."""
        return cls((1,) * axes, (1,) * axes, (1,) * axes, ((0, 0),) * axes)

    @property
    def extent(self) -> Shape:
        """Cells that the dilated window spans: (kernel_size - 1)*dilation + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))

    def padded(self, spatial: Shape) -> Shape:
        """The input's spatial sizes with padding."""
        return tuple(size + before + after for size, (before, after) in zip(spatial, self.padding, strict=True))

    def positions(self, spatial: Shape) -> Shape:
        """How often the window fits: (padded size - extent)//stride + 1; below 1 where it does not fit.

        Source: Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285,
        relationship 15.
        """
        sizes = zip(self.padded(spatial), self.extent, self.stride, strict=True)
        return tuple((size - extent) // stride + 1 for size, extent, stride in sizes)

    def origin(self, position: Shape) -> Shape:
        """The window's first input cell at an output position; negative on the padding before the input."""
        places = zip(position, self.stride, self.padding, strict=True)
        return tuple(place * stride - before for place, stride, (before, _) in places)

    def views(self, x: Floats, mode: str) -> Floats:
        """What the window sees of x (N, C, *spatial), padded: a view (N, C, *kernel_size, *positions)."""
        if any(map(any, self.padding)):
            few_enough("padded input", "cells", math.prod((*x.shape[:2], *self.padded(x.shape[2:]))))
            x = np.pad(x, ((0, 0), (0, 0), *self.padding), NUMPY_MODES[mode])
        axes = len(self.kernel_size)
        slide = cast("Any", sliding_window_view)  # its types know one axis only
        seen: Floats = slide(x, self.extent, tuple(range(2, 2 + axes)))
        seen = seen[(..., *(slice(None, None, step) for step in (*self.stride, *self.dilation)))]
        return np.moveaxis(seen, range(-axes, 0), range(2, 2 + axes))

    def reach(self, axis: int, places: Integers, low: int | None, high: int | None) -> Reach:
        """The window's cells at these places along one axis, as far as they lie in low..high-1 (None: everywhere)."""
        kernel, stride, dilation = self.kernel_size[axis], self.stride[axis], self.dilation[axis]
        starts = places * stride - self.padding[axis][0]
        first = np.zeros_like(starts) if low is None else -((starts - low) // dilation)
        last = np.full_like(starts, kernel) if high is None else (high - 1 - starts) // dilation + 1
        first, last = first.clip(0, kernel), last.clip(0, kernel)
        width = max(int((last - first).max(initial=0)), 0)
        few_enough("window", "cells", width * len(places), MOST_MET)
        cells = first[:, np.newaxis] + np.arange(width, dtype=np.int64)
        return Reach(starts[:, np.newaxis] + cells * dilation, cells, exists=cells < last[:, np.newaxis])


@dataclass(frozen=True, eq=False)
class Reach:
    """What windows at some places meet along one axis: arrays (places, cells of the window).

    at: the cell of the array at the other end; -1 for a zero. kernel: the window's own cell. coefficient: a factor;
    those of all axes are multiplied. ghost: whether the window stands on padding there. exists: False fills up rows of
    windows that have fewer cells than others.
    """

    at: Integers
    kernel: Integers
    coefficient: NDArray[np.float64] | None = None
    ghost: NDArray[np.bool_] | None = None
    exists: NDArray[np.bool_] | None = None

    @property
    def read(self) -> Integers:
        """`at` with -1 wherever nothing is read."""
        return self.at if self.exists is None else np.where(self.exists, self.at, -1)

    def padded_in(self, size: int, mode: str) -> Reach:
        """The same over an axis of `size` cells, with padding around it."""
        ghost = (self.at < 0) | (self.at >= size)
        return Reach(source_of(self.at, size, mode), self.kernel, self.coefficient, ghost, self.exists)


def source_of(at: Integers, size: int, mode: str) -> Integers:
    """The cell of an axis that is read at `at`, which may be outside of 0..size-1; -1 for a zero.

    zeros: none; reflect: mirrored at the middle of the outermost cell; replicate: the outermost cell; circular: as if
    the input went on from its beginning. As numpy.pad's "reflect", "edge" and "wrap", and torch's padding_mode.
    """
    if mode == "zeros":
        return np.where((at < 0) | (at >= size), -1, at)
    if mode == "reflect":
        return size - 1 - abs(size - 1 - abs(at))
    return at.clip(0, size - 1) if mode == "replicate" else at % size


def check_sides(owner: str, sides: Sides, spatial: Shape, mode: str) -> None:
    """Refuse padding of which the mode has no source: torch's own limits."""
    most = {"reflect": -1, "circular": 0}.get(mode)
    if most is None:
        return
    for axis, (pair, size) in enumerate(zip(sides, spatial, strict=True)):
        if max(pair) > size + most:
            cells = AXIS_CELLS[axis - len(spatial)]
            raise ConvMathError(
                f"{owner}: padding={max(pair)} with padding_mode={mode!r} on {size} {cells}; allowed: <= {size + most}"
            )
