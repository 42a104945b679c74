"""What every operation offers, and what a trajectory of its steps is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConvMathError, is_integer, shown

Order = Literal["position", "filter"]
Shape = tuple[int, ...]
Integers = NDArray[np.int64]

AXIS_NAMES = ("D", "H", "W")


@dataclass(frozen=True, eq=False)
class Taps:
    """The multiplies of one step, one row each: output += coefficient * input * weight.

    output:      (n, axes of the output) int64, the cell that is added to
    input:       (n, axes of the input) int64, the cell that is read; a row of -1s reads a zero
    weight:      (n, axes of the weight) int64, the cell of the weight; (n, 0) where there is no weight
    coefficient: (n,) float64, a further factor
    ghost:       (n,) bool, whether the window stands on padding there
    """

    output: Integers
    input: Integers
    weight: Integers
    coefficient: NDArray[np.float64]
    ghost: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.output)


@dataclass(frozen=True)
class Trajectory(ABC):
    """The steps of one operation over one input; O(1) to make, O(taps of the step) a step.

    The steps run row-major through `grid`: (batch, 1, *positions) for order="position", where a step holds all
    filters, and (batch, filters, *positions) for order="filter", so n is slowest and the position fastest.
    """

    input_shape: Shape
    output_shape: Shape
    batched: bool
    order: Order

    reduce: ClassVar[Literal["sum"]] = "sum"

    @property
    def batch(self) -> int:
        """N; 1 for an input without a batch axis."""
        return self.output_shape[0] if self.batched else 1

    @property
    def filters(self) -> int:
        """Output channels."""
        return self.output_shape[self.batched]

    @property
    def positions(self) -> Shape:
        """The grid of output positions: the output's spatial sizes."""
        return self.output_shape[self.batched + 1 :]

    @property
    def grid(self) -> Shape:
        """The steps as a grid (batch, filters or 1, *positions)."""
        return (self.batch, self.filters if self.order == "filter" else 1, *self.positions)

    @property
    def steps(self) -> int:
        """How many steps there are; as `len()`, which cannot exceed sys.maxsize."""
        return math.prod(self.grid)

    def __len__(self) -> int:
        return self.steps

    def position(self, t: int) -> tuple[int, int | None, Shape]:
        """(n, filter or None for all of them, output position) of step t; IndexError if there is no step t."""
        n, channel, *place = unravel(step_index(t, self.steps), self.grid)
        return n, channel if self.order == "filter" else None, tuple(place)

    @abstractmethod
    def taps(self, t: int) -> Taps:
        """The multiplies of step t; IndexError if there is no step t."""

    def completed_at(self) -> Integers:
        """The step after which each output cell is final: int64 of the output's shape."""
        steps = np.arange(self.steps, dtype=np.int64).reshape(self.grid)
        every = np.broadcast_to(steps, (self.batch, self.filters, *self.positions))
        return every.reshape(self.output_shape).copy()

    def _output_rows(self, n: int, cells: Integers) -> Integers:
        """Rows (channel, *position) with n put before them where the input has a batch axis."""
        return np.insert(cells, 0, n, axis=1) if self.batched else cells


class Operation(ABC):
    """One operation on an array (C, *spatial) or (N, C, *spatial), with `spatial_axes` spatial axes."""

    spatial_axes: ClassVar[int]

    @property
    @abstractmethod
    def weight_shape(self) -> Shape | None:
        """Shape of the weight in torch's layout; None where there is none."""

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """Number of weights and biases."""

    @abstractmethod
    def macs(self, input_shape: Sequence[int]) -> int:
        """Multiply-accumulates for this input: taps on padding are counted, the bias is not."""

    @abstractmethod
    def forward(self, x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None) -> NDArray:
        """The output for `x`, as floats: float32 where all arrays are, else float64."""

    @abstractmethod
    def trajectory(self, input_shape: Sequence[int], order: Order = "position") -> Trajectory:
        """The steps over an input of this shape, lazily."""

    def output_shape(self, input_shape: Sequence[int]) -> Shape:
        """(C, *spatial) or (N, C, *spatial) of the output for an input of such a shape."""
        batch, item = self.split(input_shape)
        return (*batch, *self._item_output(item))

    @abstractmethod
    def _item_output(self, item: Shape) -> Shape:
        """Output (C, *spatial) for a checked input (C, *spatial)."""

    def split(self, input_shape: Sequence[int]) -> tuple[Shape, Shape]:
        """The checked shape as ((N,) or (), (C, *spatial)), in Python ints; ConvMathError for any other shape."""
        name = type(self).__name__
        if not isinstance(input_shape, tuple | list) or not all(map(is_integer, input_shape)):
            raise ConvMathError(f"{name}: input_shape={shown(input_shape)}; allowed: a tuple of integers")
        shape = tuple(int(size) for size in input_shape)
        axes = self.spatial_axes
        if len(shape) not in (axes + 1, axes + 2):
            spatial = ", ".join(AXIS_NAMES[-axes:])
            allowed = f"(C, {spatial}) or (N, C, {spatial})"
            raise ConvMathError(f"{name}: input_shape={shape} has {len(shape)} axes; allowed: {allowed}")
        if min(shape) < 1:
            raise ConvMathError(f"{name}: input_shape={shape} has an axis of size {min(shape)}; allowed: sizes >= 1")
        return shape[: -axes - 1], shape[-axes - 1 :]


def step_index(t: int, steps: int) -> int:
    """t as a Python int; IndexError unless 0 <= t < steps: a negative step would hide a mistake in the caller."""
    if not 0 <= index(t) < steps:
        raise IndexError(f"step {t} does not exist; allowed: 0 <= t < {steps}")
    return index(t)


def unravel(flat: int, shape: Shape) -> Shape:
    """np.unravel_index in Python ints, so that no size overflows."""
    place: list[int] = []
    for size in reversed(shape):
        flat, remainder = divmod(flat, size)
        place.append(remainder)
    return tuple(reversed(place))


def all_cells(shape: Shape) -> Integers:
    """The indices of all cells of an array of this shape, row-major: (cells, axes) int64."""
    return np.indices(shape, np.int64).reshape(len(shape), -1).T.copy()


def replay(trajectory: Trajectory, x: ArrayLike, weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """Perform all taps, one by one: the output without bias, float64.

    This is what it means for a trajectory to be right: replayed, it gives `forward()`. It is slow; use `forward()` to
    compute. ConvMathError where x is not of the trajectory's input shape.
    """
    values = np.asarray(x, np.float64)
    if values.shape != trajectory.input_shape:
        raise ConvMathError(f"replay: x has shape {values.shape}; allowed: {trajectory.input_shape}")
    factors = np.asarray(1.0 if weight is None else weight, np.float64)
    if factors.ndim != trajectory.taps(0).weight.shape[1]:
        axes = trajectory.taps(0).weight.shape[1]
        raise ConvMathError(f"replay: weight has {factors.ndim} axes; allowed: {axes} (0 is None)")
    output = np.zeros(trajectory.output_shape)
    for t in range(trajectory.steps):
        taps = trajectory.taps(t)
        read = np.where((taps.input < 0).any(axis=1), 0.0, values[tuple(taps.input.T)])
        np.add.at(output, tuple(taps.output.T), taps.coefficient * read * factors[tuple(taps.weight.T)])
    return output
