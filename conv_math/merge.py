"""Merge: cells of one or several arrays are brought together, and added, or multiplied, where they meet."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConvMathError, axis_of, choice, entries, few_enough, floats, integer, reals, shown
from .operation import AnyAxes, Taps, Trajectory
from .shapes import Floats, InputShape, Integers, Order, Reduce, Shape, all_cells, rows_of
from .window import Window


@dataclass(frozen=True)
class Merge(AnyAxes):
    """Several arrays become one: input_shape is a list of their shapes, x a list of the arrays.

    A row of `Taps.input` begins with the number of the array that it reads. A subclass says what each output cell is
    made of; all else follows. With SEVERAL = False it is given one array, as other operations are, whose cells it adds.
    """

    SEVERAL: ClassVar[bool] = True
    JOIN: ClassVar[np.ufunc] = np.add
    """What becomes of cells that meet."""

    def split_all(self, input_shape: InputShape) -> tuple[Shape, tuple[Shape, ...]]:
        """The checked shapes as ((N,) or (), their (C, *spatial)); ConvMathError unless N and axes are the same."""
        if not self.SEVERAL:
            batch, item = self.split(input_shape)
            return batch, (item,)
        given = entries(input_shape) or ()
        if not given or any(entries(shape) is None for shape in given):
            raise ConvMathError(f"{self.name}: input_shape={shown(input_shape)}; allowed: a list of shapes")
        parts = [self.split(shape) for shape in cast("Sequence[Sequence[int]]", input_shape)]
        batches, counts = {batch for batch, _ in parts}, {len(item) for _, item in parts}
        if len(batches) > 1 or len(counts) > 1:
            raise ConvMathError(
                f"{self.name}: input_shape={shown(input_shape)}; allowed: shapes with the same N and number of axes"
            )
        return batches.pop(), tuple(item for _, item in parts)

    def output_shape(self, input_shape: InputShape) -> Shape:
        """(C, *spatial) or (N, C, *spatial) of the output for inputs of these shapes."""
        batch, items = self.split_all(input_shape)
        return (*batch, *self._checked_output(self.output_of(items)))

    @abstractmethod
    def output_of(self, items: tuple[Shape, ...]) -> Shape:
        """Output (C, *spatial) for checked inputs (C, *spatial)."""

    @abstractmethod
    def came_from(self, cells: Integers, items: tuple[Shape, ...]) -> tuple[Integers, Integers]:
        """(m,) which of the output cells (n, 1 + spatial axes), and (m, 2 + spatial axes) the input cells it sums."""

    def _item_output(self, item: Shape) -> Shape:
        return self.output_of((item,))

    @np.errstate(all="ignore")
    def forward(self, x: Any, weight: ArrayLike | None = None, bias: ArrayLike | None = None) -> Floats:
        """The output for the arrays x."""
        if not self.SEVERAL:
            return super().forward(x, weight, bias)
        for field, value in (("weight", weight), ("bias", bias)):
            self._parameter(field, value, None)
        if not isinstance(x, tuple | list):
            raise ConvMathError(f"{self.name}: x is a {type(x).__name__}; allowed: a list of arrays")
        arrays = [reals(self.name, "x", array) for array in cast("Sequence[ArrayLike]", x)]
        shapes = [array.shape for array in arrays]
        batch, _ = self.split_all(shapes)
        few_enough(self.name, "cells of output", math.prod(self.output_shape(shapes)))
        return self._merged([floats(array) for array in arrays], len(batch))

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        return self._merged([x], 1)

    def _merged(self, arrays: list[Floats], batched: int) -> Floats:
        """The output for checked arrays; batched: 1 where they have a batch axis. A faster way may stand in for it."""
        items, batch = tuple(array.shape[batched:] for array in arrays), arrays[0].shape[:batched]
        output = self.output_of(items)
        which, read = self.came_from(all_cells(output), items)
        total = np.full((math.prod(output), *batch), self.JOIN.identity, np.result_type(*arrays))
        for number, array in enumerate(arrays):
            mine = read[:, 0] == number
            self.JOIN.at(total, which[mine], np.moveaxis(array[(..., *read[mine, 1:].T)], -1, 0))
        return np.moveaxis(total, 0, -1).reshape(*batch, *output)

    def trajectory(self, input_shape: InputShape, order: Order = "position") -> MergeTrajectory:
        """order="position": a step per output position (and n) with all channels; "filter": channel by channel."""
        choice(self.name, "order", order, ("position", "filter"))
        batch, items = self.split_all(input_shape)
        shapes = tuple((*batch, *item) for item in items)
        output = self._checked_output(self.output_of(items))
        return MergeTrajectory(shapes if self.SEVERAL else shapes[0], (*batch, *output), bool(batch), order, self)


@dataclass(frozen=True)
class MergeTrajectory(Trajectory):
    """The steps of a merge; where there are several arrays, a row of `Taps.input` begins with the number of one."""

    op: Merge

    @property
    def reduce(self) -> Reduce:
        """A sum, or a product."""
        return "sum" if self.op.JOIN is np.add else self.op.JOIN.__name__

    def combined(self, x: NDArray[np.float64], coefficient: NDArray[np.float64]) -> float:
        """What becomes of cells that meet, where it is no sum."""
        return float(self.op.JOIN.reduce(x))

    @property
    def items(self) -> tuple[Shape, ...]:
        """(C, *spatial) of every array."""
        return self.op.split_all(self.input_shape)[1]

    def taps(self, t: int) -> Taps:
        """The cells that are brought together at step t."""
        n, only, place = self.position(t)
        count = self.filters if only is None else 1
        items = self.items
        few_enough(self.op.name, "cells in one step", count * len(items))
        channels = self._filters_of(only)
        cells = rows_of(channels.shape, channels, *place)
        which, read = self.op.came_from(cells, items)
        written = cells[which]
        if self.batched:
            written, read = np.insert(written, 0, n, axis=1), np.insert(read, 1, n, axis=1)
        if not self.op.SEVERAL:
            read = read[:, 1:]
        count = len(which)
        return Taps(written, read, np.zeros((count, 0), np.int64), np.ones(count), np.zeros(count, bool))

    def completed_at(self) -> Integers:
        """The step after which each output cell is final: int64 of the output's shape; -1 for those of no cell."""
        steps, output = super().completed_at(), self.output_shape[self.batched :]
        which, _ = self.op.came_from(all_cells(output), self.items)
        return np.where(np.isin(np.arange(math.prod(output)), which).reshape(output), steps, -1)

    def values_of(self, x: ArrayLike) -> Callable[[Integers], NDArray[np.float64]]:
        """What rows of `Taps.input` read in the arrays x; ConvMathError where one has another shape."""
        if not self.op.SEVERAL:
            return super().values_of(x)
        given = cast("Sequence[ArrayLike]", entries(x) or ())
        checked = [reals("replay", "x", array) for array in given]
        shapes = tuple(array.shape for array in checked)
        if shapes != self.input_shape:
            raise ConvMathError(f"replay: x has shapes {shown(shapes)}; allowed: {shown(self.input_shape)}")
        arrays = [floats(array).astype(np.float64) for array in checked]

        def read(rows: Integers) -> NDArray[np.float64]:
            values = np.zeros(len(rows))
            for number, array in enumerate(arrays):
                mine = rows[:, 0] == number
                values[mine] = array[tuple(rows[mine, 1:].T)]
            return values

        return read


@dataclass(frozen=True)
class Add(Merge):
    """The sum of arrays of one shape, cell by cell: what closes a residual branch.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, equation 1.
    """

    def geometry(self, axes: int) -> Window:
        """One cell."""
        return Window.still(axes)

    def output_of(self, items: tuple[Shape, ...]) -> Shape:
        """The one shape."""
        if others := [item for item in items if item != items[0]]:
            raise ConvMathError(f"{self.name}: inputs of {items[0]} and {others[0]}; allowed: one shape")
        return items[0]

    def came_from(self, cells: Integers, items: tuple[Shape, ...]) -> tuple[Integers, Integers]:
        """The same cell of every array."""
        which = np.repeat(np.arange(len(cells), dtype=np.int64), len(items))
        return which, np.column_stack([np.tile(np.arange(len(items)), len(cells)), cells[which]])

    def _merged(self, arrays: list[Floats], batched: int) -> Floats:
        total = arrays[0].copy()
        for array in arrays[1:]:
            total = total + array
        return total


@dataclass(frozen=True)
class Mul(Merge):
    """The product of arrays, cell by cell. An axis of size 1 counts for all places along it: so a number for each
    channel, (C, 1, 1), makes that channel stronger or fainter.

    Source: Hu, Shen, Sun, "Squeeze-and-Excitation Networks", arXiv 1709.01507, equation 4.
    """

    JOIN: ClassVar[np.ufunc] = np.multiply

    def geometry(self, axes: int) -> Window:
        """One cell."""
        return Window.still(axes)

    def output_of(self, items: tuple[Shape, ...]) -> Shape:
        """The larger size along each axis."""
        output = tuple(map(max, zip(*items, strict=True)))
        if any(size not in (1, most) for item in items for size, most in zip(item, output, strict=True)):
            told = " and ".join(map(str, items))
            raise ConvMathError(f"{self.name}: inputs of {told}; allowed: along each axis one size, or 1")
        return output

    def came_from(self, cells: Integers, items: tuple[Shape, ...]) -> tuple[Integers, Integers]:
        """The same cell of every array, or the one that counts for it."""
        which = np.repeat(np.arange(len(cells), dtype=np.int64), len(items))
        last = np.tile(np.array(items, np.int64) - 1, (len(cells), 1))
        return which, np.column_stack([np.tile(np.arange(len(items)), len(cells)), np.minimum(cells[which], last)])

    def _merged(self, arrays: list[Floats], batched: int) -> Floats:
        total = arrays[0]
        for array in arrays[1:]:
            total = total * array
        return total.copy()


@dataclass(frozen=True)
class Concat(Merge):
    """torch.cat: arrays one behind the other along an axis; all other axes have the same size.

    dim: the axis, counted as those of a batch, also where the input has none: 1 is C, 2 the first spatial axis;
    negative numbers count from the last. Source: torch.cat's documentation.
    """

    dim: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "dim", integer(self.name, "dim", self.dim, least=-4, most=4))

    def geometry(self, axes: int) -> Window | None:
        """One cell, where the axis is the channels."""
        return Window.still(axes) if self.dim in (1, -axes - 1) else None

    def _axis(self, item: Shape) -> int:
        return axis_of(self.name, self.dim, len(item), "inputs")

    def output_of(self, items: tuple[Shape, ...]) -> Shape:
        """The shape with the sum of the sizes along the axis."""
        axis = self._axis(items[0])
        before, after = items[0][:axis], items[0][axis + 1 :]
        if others := [item for item in items if (item[:axis], item[axis + 1 :]) != (before, after)]:
            raise ConvMathError(
                f"{self.name}: inputs of {items[0]} and {others[0]}; allowed: equal but along dim={self.dim}"
            )
        return (*before, sum(item[axis] for item in items), *after)

    def came_from(self, cells: Integers, items: tuple[Shape, ...]) -> tuple[Integers, Integers]:
        """The array in whose part of the axis a cell lies."""
        axis = self._axis(items[0])
        starts = np.array([0, *itertools.accumulate(item[axis] for item in items[:-1])], np.int64)
        number = np.searchsorted(starts, cells[:, axis], side="right") - 1
        read = cells.copy()
        read[:, axis] -= starts[number]
        return np.arange(len(cells), dtype=np.int64), np.column_stack([number, read])

    def _merged(self, arrays: list[Floats], batched: int) -> Floats:
        axis = self._axis(arrays[0].shape[batched:])
        return np.concatenate(arrays, axis + batched)
