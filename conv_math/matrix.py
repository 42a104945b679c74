"""Operations as matrices: what im2col and the transpose of a convolution are explained with."""

# pyright: reportUnnecessaryIsInstance=false
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ConvMathError, expected, few_enough, floats, numbers, reals
from .operation import Operation
from .shapes import Floats, InputShape, Integers, Shape, ravel_all
from .slide import Slide, columns
from .window import Reach

DENSE_CELLS = 2**22
"""A matrix of more cells is given as a list of those that are not zero: beyond it a dense one takes over 32 MB."""


@dataclass(frozen=True, eq=False)
class SparseMatrix:
    """A matrix as coordinates: value[i] stands at (row[i], column[i]), entries of the same place add up.

    As scipy.sparse.coo_array((value, (row, column)), shape) takes them. row, column: int64; value: float64.
    """

    shape: tuple[int, int]
    row: Integers
    column: Integers
    value: NDArray[np.float64]

    @property
    def T(self) -> SparseMatrix:
        """The transpose."""
        rows, columns = self.shape
        return SparseMatrix((columns, rows), self.column, self.row, self.value)

    @np.errstate(all="ignore")
    def __matmul__(self, x: ArrayLike) -> NDArray[np.float64]:
        """The product with a vector (columns,)."""
        vector = expected("SparseMatrix", "x", x, self.shape[1:]).astype(np.float64)
        product = np.zeros(self.shape[0])
        np.add.at(product, self.row, self.value * vector[self.column])
        return product

    @np.errstate(all="ignore")
    def dense(self) -> NDArray[np.float64]:
        """As an array."""
        few_enough("SparseMatrix", "cells", math.prod(self.shape))
        array = np.zeros(self.shape)
        np.add.at(array, (self.row, self.column), self.value)
        return array


@np.errstate(all="ignore")
def conv_matrix(
    op: Operation, input_shape: Shape, weight: ArrayLike | None = None
) -> NDArray[np.float64] | SparseMatrix:
    """C with y = C x, where x and y are input and output as vectors, row-major, without bias: (outputs, inputs).

    For any operation whose taps are summed. The product with the transpose of a convolution's C is the transposed
    convolution with the same weight and hyperparameters. A dense array, or a `SparseMatrix` above 2**22 cells.
    Source: Dumoulin, Visin, arXiv 1603.07285, section 4.1.
    """
    name = "conv_matrix"
    if not isinstance(op, Operation):
        raise ConvMathError(f"{name}: {type(op).__name__}; allowed: an operation")
    trajectory = op.trajectory(input_shape)
    if trajectory.reduce != "sum" or isinstance(trajectory.input_shape[0], tuple):
        raise ConvMathError(f"{name}: {op.name}; allowed: an operation of one input whose taps are summed")
    axes = 0 if op.weight_shape is None else len(op.weight_shape)
    factors = numbers(name, "weight", 1.0 if weight is None else weight).astype(np.float64)
    if factors.shape != (op.weight_shape or ()):
        raise ConvMathError(f"{name}: weight has shape {factors.shape}; allowed: {op.weight_shape} ({axes} axes)")
    inputs: Any = trajectory.input_shape
    few_enough(name, "cells of input or output", max(math.prod(inputs), math.prod(trajectory.output_shape)))
    rows: list[Integers] = []
    cells: list[Integers] = []
    values: list[NDArray[np.float64]] = []
    for t in range(trajectory.steps):
        taps = trajectory.taps(t)
        met = (taps.input >= 0).all(axis=1)
        rows.append(ravel_all(taps.output[met], trajectory.output_shape))
        cells.append(ravel_all(taps.input[met], inputs))
        values.append((taps.coefficient * factors[tuple(taps.weight.T)])[met])
    shape = (math.prod(trajectory.output_shape), math.prod(inputs))
    sparse = SparseMatrix(shape, np.concatenate(rows), np.concatenate(cells), np.concatenate(values))
    return sparse.dense() if math.prod(shape) <= DENSE_CELLS else sparse


def im2col(op: Slide, x: ArrayLike) -> Floats:
    """The windows of x as columns: (C*kernel cells, positions), or (N, ...) with a batch; the channel is slowest.

    With groups=1, weight.reshape(out_channels, -1) @ im2col(op, x) is the output of a convolution, one row a filter.
    op: a convolution or a pool; outside of the input stand zeros, or what padding_mode says. For a padding of zeros
    it is what `Unfold` gives. Source: torch.nn.Unfold's documentation.
    """
    name = "im2col"
    window = op.geometry(op.AXES) if isinstance(op, Slide) and op.AXES else None
    if not isinstance(op, Slide) or window is None:
        raise ConvMathError(f"{name}: {getattr(op, 'name', type(op).__name__)}; allowed: an operation with a window")
    data = reals(name, "x", x)
    batch, item = op.split(data.shape)
    positions = op.output_item(item)[1:]
    few_enough(name, "cells of windows", math.prod((*batch, item[0], *window.kernel_size, *positions)))
    mode = getattr(op, "padding_mode", "zeros")
    reaches = [  # all of the window, also what a pool leaves out
        window.reach(axis, np.arange(count), None, None).padded_in(size, mode)
        for axis, (size, count) in enumerate(zip(item[1:], positions, strict=True))
    ]
    windows = columns(floats(data).reshape(-1, *item), reaches)
    return windows.reshape(*batch, -1, windows.shape[-1])


@dataclass(frozen=True)
class MatrixProduct(Slide):
    """An operation as what its matrix does: a row (1, 1, inputs) times `matrix` is a row (1, 1, outputs).

    op, item: the operation, without bias, and the (C, *spatial) that it reads; both arrays are flattened row-major.
    Output cell j meets the input cells at which column j of the matrix has a weight. Source: Dumoulin, Visin,
    arXiv 1603.07285, section 4.1, where it stands transposed.
    """

    op: Operation
    item: Shape

    AXES: ClassVar[int] = 2

    @property
    def weight_shape(self) -> tuple[int, int]:
        """(inputs, outputs)."""
        return math.prod(self.item), math.prod(self.op.output_item(self.item))

    @property
    def num_parameters(self) -> int:
        """Those of the operation: the matrix repeats them."""
        return self.op.num_parameters

    def macs(self, input_shape: InputShape) -> int:
        """Those of the operation, for each row: zeros of the matrix are not multiplied."""
        batch, _ = self.split(input_shape)
        return math.prod(batch) * self.op.macs(self.item)

    def matrix(self, weight: ArrayLike) -> NDArray[np.float64]:
        """The operation's weight, in torch's layout, where it stands: (inputs, outputs)."""
        made = conv_matrix(self.op, self.item, weight)
        return (made.dense() if isinstance(made, SparseMatrix) else made).T

    @cached_property
    def weighted(self) -> NDArray[np.bool_]:
        """Where a weight stands, (inputs, outputs): elsewhere the matrix is 0, whatever the weights."""
        return self.matrix(np.ones(self.op.weight_shape or ())) != 0

    def _item_output(self, item: Shape) -> Shape:
        inputs, outputs = self.weight_shape
        if item != (1, 1, inputs):
            raise ConvMathError(f"{self.name}: input_shape={item}; allowed: {(1, 1, inputs)}")
        return 1, 1, outputs

    def reach(self, axis: int, places: Integers, item: Shape) -> Reach:
        """Along the row the cells that have a weight in the column; `kernel` is the weight's flat index."""
        if axis == 0:
            return Reach(np.zeros((len(places), 1), np.int64), np.zeros((len(places), 1), np.int64))
        inputs, outputs = self.weight_shape
        cells = np.broadcast_to(np.arange(inputs), (len(places), inputs))
        return Reach(cells, cells * outputs + places[:, np.newaxis], exists=self.weighted.T[places])

    def weight_columns(
        self, filters: Integers, channels: Integers, within: Integers, kernel: Sequence[Integers]
    ) -> Sequence[Integers]:
        """Row and column of the matrix."""
        return np.divmod(kernel[1], self.weight_shape[1])

    def _compute(self, x: Floats, weight: Floats | None) -> Floats:
        assert weight is not None
        return x @ weight
