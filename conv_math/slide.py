"""Slide: a window visits positions; cells of the input meet cells of the weight and land in cells of the output."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import choice
from .operation import Operation, Order, Shape, Taps, Trajectory, all_cells


@dataclass(frozen=True)
class Window:
    """A window's geometry: tuples with one entry per spatial axis; `padding` has pairs (before, after)."""

    kernel_size: Shape
    stride: Shape
    dilation: Shape
    padding: tuple[tuple[int, int], ...]

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

    def touched(self, padded: NDArray, spatial: Shape) -> Iterator[tuple[Shape, NDArray]]:
        """For each cell of the kernel, the cells of the padded input that it meets, at all positions at once.

        padded: (..., *padded sizes), read-only view in, views out. spatial: the input's sizes without padding.
        Yields (kernel cell, (..., *positions)).
        """
        positions = self.positions(spatial)
        for cell in itertools.product(*map(range, self.kernel_size)):
            along = zip(cell, self.dilation, self.stride, positions, strict=True)
            spans = (slice(k * d, k * d + (count - 1) * s + 1, s) for k, d, s, count in along)
            yield cell, padded[(..., *spans)]


class Slide(Operation):
    """A window over the spatial axes; each of `filters` outputs reads `fan_in` channels of its own group."""

    groups: int

    @property
    @abstractmethod
    def window(self) -> Window:
        """The window's geometry, normalised to tuples."""

    @property
    @abstractmethod
    def filters(self) -> int:
        """Output channels."""

    @property
    @abstractmethod
    def fan_in(self) -> int:
        """Input channels that one filter reads."""

    def trajectory(self, input_shape: Sequence[int], order: Order = "position") -> SlideTrajectory:
        """order="position": a step per output position (and n), all filters in it; "filter": filter by filter."""
        choice(type(self).__name__, "order", order, ("position", "filter"))
        batch, item = self.split(input_shape)
        output = (*batch, *self._item_output(item))
        return SlideTrajectory((*batch, *item), output, bool(batch), order, self.window, self.groups, self.fan_in)


@dataclass(frozen=True)
class SlideTrajectory(Trajectory):
    """The steps of a window; the taps of a step run filter by filter, then row-major through the filter."""

    window: Window
    groups: int
    fan_in: int

    def origin(self, t: int) -> Shape:
        """The window's first input cell at step t, per spatial axis; negative on the padding before the input."""
        return self.window.origin(self.position(t)[2])

    def taps(self, t: int) -> Taps:
        """The multiplies of step t; zero padding reads rows of -1s, as ghosts."""
        n, only, place = self.position(t)
        first, count = (0, self.filters) if only is None else (only, 1)
        weight = all_cells((count, self.fan_in, *self.window.kernel_size))
        weight[:, 0] += first
        channel = weight[:, 0] // (self.filters // self.groups) * self.fan_in + weight[:, 1]
        at = np.array(self.window.origin(place), np.int64) + weight[:, 2:] * self.window.dilation
        ghost = ((at < 0) | (at >= self.input_shape[-len(place) :])).any(axis=1)

        read = np.column_stack([channel, at])
        read = np.insert(read, 0, n, axis=1) if self.batched else read
        read[ghost] = -1
        place_rows = np.broadcast_to(np.array(place, np.int64), at.shape)
        written = self._output_rows(n, np.column_stack([weight[:, 0], place_rows]))
        return Taps(written, read, weight, np.ones(len(weight)), ghost)
