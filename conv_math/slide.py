"""Slide: a window visits positions; cells of the input meet cells of the weight and land in cells of the output."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .errors import MOST_MET, choice, few_enough
from .operation import Operation, Taps, Trajectory
from .shapes import Floats, InputShape, Integers, Order, Reduce, Shape, rows_of
from .window import Reach


@dataclass(frozen=True, eq=False)
class Spots:
    """What a window at one place meets on all axes: rows of a channel's taps, in the window's row-major order.

    at: (n, spatial axes), zero: (n,) whether a zero is read instead, kernel: (n, spatial axes), coefficient: (n,),
    ghost: (n,).
    """

    at: Integers
    zero: NDArray[np.bool_]
    kernel: Integers
    coefficient: NDArray[np.float64]
    ghost: NDArray[np.bool_]

    @classmethod
    def across(cls, reaches: Sequence[Reach]) -> Spots:
        """Every cell along one axis with every cell along the others; each `Reach` has one place."""
        shape = tuple(reach.at.shape[1] for reach in reaches)
        few_enough("window", "cells", math.prod(shape), MOST_MET)
        zero, ghost, exists = (np.zeros(shape, bool), np.zeros(shape, bool), np.ones(shape, bool))
        coefficient = np.ones(shape)
        along = [(slice(None), *[np.newaxis] * (len(shape) - axis - 1)) for axis in range(len(shape))]
        for reach, aligned in zip(reaches, along, strict=True):
            zero |= (reach.at[0] < 0)[aligned]
            if reach.ghost is not None:
                ghost |= reach.ghost[0][aligned]
            if reach.exists is not None:
                exists &= reach.exists[0][aligned]
            if reach.coefficient is not None:
                coefficient *= reach.coefficient[0][aligned]
        at = rows_of(shape, *(reach.at[0][aligned] for reach, aligned in zip(reaches, along, strict=True)))
        kernel = rows_of(shape, *(reach.kernel[0][aligned] for reach, aligned in zip(reaches, along, strict=True)))
        met = exists.reshape(-1)
        if met.all():
            return cls(at, zero.reshape(-1), kernel, coefficient.reshape(-1), ghost.reshape(-1))
        return cls(at[met], zero[exists], kernel[met], coefficient[exists], ghost[exists])


class Slide(Operation):
    """A window over the spatial axes. Every filter (output channel) reads `fan_in` channels, those of its own group.

    A subclass says what the window meets along one axis (`reach`), how many channels a filter reads (`fan_in`), and
    how to compute; and where taps are neither summed nor compared (`reduce`), what becomes of them (`combined`). All
    else follows.
    """

    reduce: ClassVar[Reduce] = "sum"

    @property
    def formula(self) -> str:
        """What a window without a weight makes of the cells x that it meets, as one writes it; empty: words will do."""
        return ""

    def combined(self, x: NDArray[np.float64], coefficient: NDArray[np.float64]) -> float:
        """The value of an output cell whose taps read x (n,), where `reduce` is neither "sum" nor "max"."""
        raise NotImplementedError

    @abstractmethod
    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """What the window at these output positions meets along a spatial axis of an input (C, *spatial)."""

    def fan_in(self, item: Shape) -> int:
        """Input channels that one filter reads of an input (C, *spatial)."""
        return 1

    def channels(self, filters: Integers, item: Shape) -> tuple[Integers, NDArray[np.float64]]:
        """The input channels that these filters read and a coefficient for each: (filters, fan_in)."""
        fan_in = self.fan_in(item)
        per_group = self.output_item(item)[0] // (item[0] // fan_in)
        channels = (filters // per_group * fan_in)[:, np.newaxis] + np.arange(fan_in)
        return channels, np.ones(channels.shape)

    def weight_columns(
        self, filters: Integers, channels: Integers, within: Integers, kernel: Sequence[Integers]
    ) -> Sequence[Integers]:
        """The weight's cell for arrays that broadcast: filter, input channel, its number among the fan-in, kernel."""
        return [filters, within, *kernel] if self.weight_shape is not None else []

    def spots(self, n: int, place: Shape, item: Shape) -> Spots:
        """What the window meets at one output position."""
        places = (np.array([p], np.int64) for p in place)
        return Spots.across([self.reach(axis, p, item) for axis, p in enumerate(places)])

    def first_cell(self, place: Shape, item: Shape) -> Shape:
        """The input cell at which the window begins at an output position; negative on the padding before the input."""
        window = self.geometry(len(place))
        if window is not None:
            return window.origin(place)
        return tuple(int(self.reach(axis, np.array([p]), item).at[0, 0]) for axis, p in enumerate(place))

    def trajectory(self, input_shape: InputShape, order: Order = "position") -> SlideTrajectory:
        """order="position": a step per output position (and n) with all filters in it; "filter": filter by filter."""
        return self._trajectory(SlideTrajectory, input_shape, order)

    def _trajectory(
        self, kind: type[SlideTrajectory], input_shape: InputShape, order: Order, **more: Any
    ) -> SlideTrajectory:
        choice(self.name, "order", order, ("position", "filter"))
        batch, item = self.split(input_shape)
        return kind((*batch, *item), (*batch, *self.output_item(item)), bool(batch), order, self, **more)

    def reaches(self, item: Shape) -> list[Reach]:
        """`reach` at all output positions, for each spatial axis."""
        positions = self.output_item(item)[1:]
        return [self.reach(axis, np.arange(count, dtype=np.int64), item) for axis, count in enumerate(positions)]


@dataclass(frozen=True)
class SlideTrajectory(Trajectory):
    """The steps of a window; the taps of a step run filter by filter, then row-major through the filter."""

    input_shape: Shape
    op: Slide

    @property
    def item(self) -> Shape:
        """The input's (C, *spatial)."""
        return self.input_shape[self.batched :]

    @property
    def reduce(self) -> Reduce:
        """As the operation's."""
        return self.op.reduce

    def combined(self, x: NDArray[np.float64], coefficient: NDArray[np.float64]) -> float:
        """As the operation's."""
        return self.op.combined(x, coefficient)

    def origin(self, t: int) -> Shape:
        """The window's first input cell at step t, per spatial axis; negative on the padding before the input."""
        return self.op.first_cell(self.position(t)[2], self.item)

    def taps(self, t: int) -> Taps:
        """The multiplies of step t; zero padding reads rows of -1s, as ghosts."""
        n, only, place = self.position(t)
        return self._between(n, only, self.op.spots(n, place, self.item), place, scattered=False)

    def _between(self, n: int, only: int | None, spots: Spots, place: Shape, scattered: bool) -> Taps:
        """Taps between a place and the spots that a window meets there: from spots to place, or scattered from it."""
        count, fan_in = self.filters if only is None else 1, self.op.fan_in(self.item)
        shape = (count, fan_in, len(spots.at))
        few_enough(
            type(self.op).__name__, "multiplies in one step (order='filter' has fewer)", math.prod(shape), MOST_MET
        )
        filters = self._filters_of(only)
        channels, factors = self.op.channels(filters, self.item)
        filters = filters[:, np.newaxis, np.newaxis]
        channels, factors = channels[:, :, np.newaxis], factors[:, :, np.newaxis]
        within = np.arange(fan_in, dtype=np.int64)[:, np.newaxis]
        batch = [n] * self.batched

        near, far = list(place), list(spots.at.T)
        written, read = (far, near) if scattered else (near, far)
        inputs = rows_of(shape, *batch, channels, *read)
        if spots.zero.any():
            inputs.reshape(*shape, -1)[:, :, spots.zero] = -1
        weight = rows_of(shape, *self.op.weight_columns(filters, channels, within, list(spots.kernel.T)))
        return Taps(
            rows_of(shape, *batch, filters, *written),
            inputs,
            weight,
            np.broadcast_to(factors * spots.coefficient, shape).reshape(-1),
            np.broadcast_to(spots.ghost, shape).reshape(-1),
        )


def gathered(x: Floats, axis: int, cells: Integers, fill: float) -> Floats:
    """A copy of x with `axis` replaced by those of `cells`: what is read there, and `fill` where a cell is -1."""
    met = x.take(cells, axis)  # -1 takes the last cell, for now
    outside = cells < 0
    if outside.any():
        met[(slice(None),) * axis + (outside,)] = fill
    return met


def columns(x: Floats, reaches: Sequence[Reach], fill: float = 0.0) -> Floats:
    """im2col: (N, C, *spatial) becomes (N, C, window cells, positions), `fill` standing outside of the input."""
    few_enough("window", "cells in all positions", math.prod((*x.shape[:2], *(reach.at.size for reach in reaches))))
    for number, reach in enumerate(reaches):
        x = gathered(x, 2 + 2 * number, reach.read.T, fill)
    axes = len(reaches)
    order = (0, 1, *range(2, 2 + 2 * axes, 2), *range(3, 3 + 2 * axes, 2))
    x = x.transpose(order)
    return x.reshape(*x.shape[:2], math.prod(x.shape[2 : 2 + axes]), math.prod(x.shape[2 + axes :]))


def along_axes(x: Floats, reaches: Iterable[Reach], reduce: Reduce) -> Floats:
    """Windows without a weight, one axis after another: the sum with coefficients, or the maximum.

    x: (N, C, *spatial); the result: (N, C, *positions).
    """
    for axis, reach in enumerate(reaches, start=2):
        met = gathered(x, axis, reach.read.T, -np.inf if reduce == "max" else 0.0)
        if reduce == "sum" and reach.coefficient is not None:
            factors = reach.coefficient.T.astype(x.dtype)
            met *= factors.reshape(*factors.shape, *[1] * (x.ndim - axis - 1))
        x = met.max(axis=axis, initial=-np.inf) if reduce == "max" else met.sum(axis=axis)
    return x
