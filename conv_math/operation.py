"""What every operation offers, and what a trajectory of its steps is."""

# pyright: reportUnnecessaryIsInstance=false
from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import MOST, ConvMathError, expected, few_enough, floats, integer, numbers, reals, shown
from .shapes import (
    AXIS_NAMES,
    Floats,
    InputShape,
    Integers,
    Order,
    Reduce,
    Shape,
    checked_shape,
    length,
    ravel_all,
    step_index,
    unravel,
)
from .window import Window


@dataclass(frozen=True, eq=False)
class Taps:
    """The multiplies of one step, one row each: output += coefficient * input * weight, where the reduction is "sum".

    output:      (n, axes of the output) int64, the cell that is written
    input:       (n, axes of the input) int64, the cell that is read; a row of -1s reads a zero
    weight:      (n, axes of the weight) int64, the cell of the weight; (n, 0) where there is no weight
    coefficient: (n,) float64, a further factor
    ghost:       (n,) bool, whether the window stands on padding there

    An operation of several inputs has a column before all others of `input`: which of the inputs is read.
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

    `reduce` says how the taps of one output cell become its value, bias aside, with v = coefficient*input*weight:
    "sum" of v; "max" of v; by any other name, what `combined` makes of them, which are all in one step.
    """

    input_shape: Shape | tuple[Shape, ...]
    output_shape: Shape
    batched: bool
    order: Order

    @property
    def reduce(self) -> Reduce:
        """How the taps of an output cell are brought together."""
        return "sum"

    def combined(self, x: NDArray[np.float64], coefficient: NDArray[np.float64]) -> float:
        """The value of an output cell whose taps read x (n,), where `reduce` is neither "sum" nor "max"."""
        raise NotImplementedError

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
        """The grid of positions that are visited: the output's spatial sizes, but for a scattering window."""
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
        return length(self.steps)

    def position(self, t: int) -> tuple[int, int | None, Shape]:
        """(n, filter or None for all of them, position) of step t; NoSuchStepError if there is no step t."""
        n, channel, *place = unravel(step_index(t, self.steps), self.grid)
        return n, channel if self.order == "filter" else None, tuple(place)

    @abstractmethod
    def taps(self, t: int) -> Taps:
        """The multiplies of step t; NoSuchStepError if there is no step t, ConvMathError if it has too many taps."""

    def completed_at(self) -> Integers:
        """The step after which each output cell is final: int64 of the output's shape; -1 for those never reached."""
        few_enough("completed_at", "cells", math.prod(self.output_shape))
        steps = np.arange(self.steps, dtype=np.int64).reshape(self.grid)
        every = np.broadcast_to(steps, (self.batch, self.filters, *self.positions))
        return every.reshape(self.output_shape).copy()

    def values_of(self, x: ArrayLike) -> Callable[[Integers], NDArray[np.float64]]:
        """What rows of `Taps.input` read in x, as a function; ConvMathError where x has another shape."""
        values = expected("replay", "x", x, cast("Shape", self.input_shape)).astype(np.float64)
        return lambda rows: np.where((rows < 0).any(axis=1), 0.0, values[tuple(rows.T)])

    def _filters_of(self, only: int | None) -> Integers:
        """The filters of a step: all of them, or the one."""
        return np.arange(self.filters, dtype=np.int64) if only is None else np.array([only], np.int64)


class Operation(ABC):
    """One operation on an array (C, *spatial) or (N, C, *spatial)."""

    AXES: ClassVar[Any] = None
    """Spatial axes, where the operation is made for a certain number of them."""
    SEVERAL: ClassVar[bool] = False
    """Whether it is given a list of arrays, and of their shapes."""

    @property
    def weight_shape(self) -> Shape | None:
        """Shape of the weight in torch's layout; None where there is none."""
        return None

    @property
    def bias_shape(self) -> Shape | None:
        """Shape of the bias, one for each output channel; None where there is none."""
        return None

    @property
    def num_parameters(self) -> int:
        """Number of weights and biases."""
        return sum(math.prod(shape) for shape in (self.weight_shape, self.bias_shape) if shape is not None)

    def macs(self, input_shape: InputShape) -> int:
        """Multiply-accumulates with the weight for this input: taps on padding are counted, the bias is not.

        0 where no window multiplies by a weight; the shape is checked all the same.
        """
        self.output_shape(input_shape)
        return 0

    def forward(self, x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None) -> Floats:
        """The output for `x`, as floats: float32 where all arrays are, else float64.

        ConvMathError where a shape is not the expected one, or a weight or bias is given that the operation lacks.
        """
        return self._run(x, weight, bias, self._compute)

    @abstractmethod
    def trajectory(self, input_shape: InputShape, order: Order = "position") -> Trajectory:
        """The steps over an input of this shape, lazily."""

    def output_shape(self, input_shape: InputShape) -> Shape:
        """(C, *spatial) or (N, C, *spatial) of the output for an input of such a shape."""
        batch, item = self.split(input_shape)
        return (*batch, *self.output_item(item))

    def geometry(self, axes: int) -> Window | None:
        """The window over so many spatial axes with which an output cell sees the input; None where it is not the same
        at all positions."""
        return None

    def with_axes(self, axes: int) -> Operation:
        """Itself, or, where the number of spatial axes is not told yet, a copy for so many."""
        return self

    def output_item(self, item: Shape) -> Shape:
        """Output (C, *spatial) for a checked input (C, *spatial)."""
        return self._checked_output(self._item_output(item))

    def _checked_output(self, output: Shape) -> Shape:
        """The output, if no axis is too long."""
        if max(output) > MOST:
            raise ConvMathError(
                f"{self.name}: an output of {shown(output)} cells; allowed: at most {MOST} along an axis"
            )
        return output

    @abstractmethod
    def _item_output(self, item: Shape) -> Shape:
        """`output_item` without the check that the output is not too large."""

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        """The output (N, C, *spatial), without bias, of x (N, C, *spatial) and the checked weight."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What errors call it."""
        return type(self).__name__

    def split(self, input_shape: InputShape) -> tuple[Shape, Shape]:
        """The checked shape as ((N,) or (), (C, *spatial)), in Python ints; ConvMathError for any other shape."""
        shape = checked_shape(self.name, input_shape)
        axes = self._spatial_axes(len(shape))
        if axes is None or len(shape) not in (axes + 1, axes + 2):
            raise ConvMathError(
                f"{self.name}: input_shape={shown(shape)} has {len(shape)} axes; allowed: {self._shapes_allowed(axes)}"
            )
        return shape[: -axes - 1], shape[-axes - 1 :]

    def _spatial_axes(self, count: int) -> int | None:
        """How many of an input's `count` axes are spatial; None where no input has so many axes."""
        return self.AXES

    def _shapes_allowed(self, axes: int | None) -> str:
        if axes is None:
            return "1 to 5 axes, (C, *spatial) or (N, C, *spatial)"
        names = AXIS_NAMES[-axes:] if 0 < axes <= 3 else tuple(f"S{axis}" for axis in range(axes))
        spatial = "".join(f", {name}" for name in names)
        return f"(C{spatial}) or (N, C{spatial})" if axes else "(C,) or (N, C)"

    @np.errstate(all="ignore")
    def _run(
        self,
        x: ArrayLike,
        weight: ArrayLike | None,
        bias: ArrayLike | None,
        compute: Callable[[Floats, Floats | None], Floats],
    ) -> Floats:
        """What is the same in every `forward`: the checks, the batch axis, the bias."""
        given = reals(self.name, "x", x)
        _, item = self.split(given.shape)
        output_shape = self.output_shape(given.shape)
        few_enough(self.name, "cells of output", math.prod(output_shape))
        checked = self._parameter("weight", weight, self.weight_shape)
        added = None if bias is None else self._parameter("bias", bias, self.bias_shape)
        x = floats(given)
        dtype = np.result_type(x, *(array for array in (checked, added) if array is not None))
        result = compute(x.reshape(-1, *item), checked).astype(dtype, copy=False)
        if added is not None:
            result += added.reshape(-1, *[1] * (result.ndim - 2))
        return result.reshape(output_shape)

    def _parameter(self, field: str, value: ArrayLike | None, shape: Shape | None) -> Floats | None:
        """A weight or bias as an array; None where there is none and none was given."""
        if shape is not None:
            return expected(self.name, field, value, shape)
        if value is not None:
            without = f" with {field}=False" if hasattr(self, field) else ""
            raise ConvMathError(f"{self.name}: a {field} was given{without}; allowed: None")
        return None


@dataclass(frozen=True, kw_only=True)
class AnyAxes(Operation):
    """An operation that works along any number of spatial axes.

    spatial_axes: how many of the input's axes are spatial; None: it follows from the input. Then an input of 1 axis is
    (C,), one of 3 is (C, H, W), one of 4 (N, C, H, W), one of 5 (N, C, D, H, W); and one of 2 axes is (N, C), or (C, W)
    for an operation that needs a spatial axis.
    """

    spatial_axes: int | None = None

    NEEDS_AXES: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.spatial_axes is not None:
            axes = integer(self.name, "spatial_axes", self.spatial_axes, least=int(self.NEEDS_AXES), most=3)
            object.__setattr__(self, "spatial_axes", axes)

    def with_axes(self, axes: int) -> Operation:
        """A copy for so many spatial axes, where the number is not told yet."""
        return replace(self, spatial_axes=axes) if self.spatial_axes is None and axes >= self.NEEDS_AXES else self

    def _spatial_axes(self, count: int) -> int | None:
        if self.AXES is not None:
            return self.AXES
        if self.spatial_axes is not None:
            return self.spatial_axes
        usual = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3}
        return ({2: 1, 3: 2, 4: 2, 5: 3} if self.NEEDS_AXES else usual).get(count)


@np.errstate(all="ignore")
def replay(trajectory: Trajectory, x: ArrayLike, weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """Perform all taps, one by one: the output without bias, float64.

    This is what it means for a trajectory to be right: replayed, it gives `forward()`. It is slow; use `forward()` to
    compute. ConvMathError where x is not of the trajectory's input shape or the weight has other axes than its taps.
    """
    if not isinstance(trajectory, Trajectory):
        raise ConvMathError(f"replay: trajectory={shown(trajectory)}; allowed: the trajectory of an operation")
    few_enough("replay", "cells", math.prod(trajectory.output_shape))
    read = trajectory.values_of(x)
    axes = trajectory.taps(0).weight.shape[1]
    factors = numbers("replay", "weight", 1.0 if weight is None else weight).astype(np.float64)
    if factors.ndim != axes:
        raise ConvMathError(f"replay: weight has {factors.ndim} axes; allowed: {axes} (0 is None)")
    output = np.full(trajectory.output_shape, -np.inf if trajectory.reduce == "max" else 0.0)
    for t in range(trajectory.steps):
        taps = trajectory.taps(t)
        cells = tuple(taps.output.T)
        values = read(taps.input)
        if trajectory.reduce not in ("sum", "max"):
            flat = ravel_all(taps.output, trajectory.output_shape)
            for cell in np.unique(flat):
                own = flat == cell
                output.flat[cell] = trajectory.combined(values[own], taps.coefficient[own])
            continue
        try:
            products = taps.coefficient * values * factors[tuple(taps.weight.T)]
        except IndexError:
            raise ConvMathError(f"replay: weight has shape {factors.shape}, in which taps find no cell") from None
        (np.maximum if trajectory.reduce == "max" else np.add).at(output, cells, products)
    return output
