"""Shapes and indices: the types, their check, and the arithmetic of row-major order."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import MOST, ConvMathError, NoSuchStepError, entries, is_integer, shown

Order = Literal["position", "filter"]
Reduce = str
"""How taps become an output cell's value: "sum", "max", or a name of an operation's own (see `Trajectory`)."""
Shape = tuple[int, ...]
InputShape = Sequence[int] | Sequence[Sequence[int]]
Integers = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

AXIS_NAMES = ("D", "H", "W")
AXIS_CELLS = ("planes", "rows", "columns")
MOST_AXES = 32


def checked_shape(owner: str, shape: object) -> Shape:
    """A shape in Python ints; ConvMathError unless it is a tuple or list of integers >= 1."""
    given = entries(shape)
    if given is None or len(given) > MOST_AXES or not all(map(is_integer, given)):
        raise ConvMathError(f"{owner}: input_shape={shown(shape)}; allowed: a tuple of integers")
    sizes = tuple(int(size) for size in given if is_integer(size))
    for size in sizes:
        if not 1 <= size <= MOST:
            allowed = "sizes >= 1" if size < 1 else f"sizes <= {MOST}"
            raise ConvMathError(
                f"{owner}: input_shape={shown(sizes)} has an axis of size {shown(size)}; allowed: {allowed}"
            )
    return sizes


def step_index(t: int, steps: int) -> int:
    """t as a Python int; NoSuchStepError unless 0 <= t < steps: a negative step would hide a mistake in the caller."""
    if is_integer(t) and 0 <= t < steps:
        return int(t)
    raise NoSuchStepError(f"step {shown(t)} does not exist; allowed: 0 <= t < {steps}")


def length(steps: int) -> int:
    """What len() returns for so many steps; ConvMathError where Python has no such number for it."""
    if steps > sys.maxsize:
        raise ConvMathError(f"len: {steps} steps; allowed: at most {sys.maxsize}, and any number in `steps`")
    return steps


def unravel(flat: int, shape: Shape) -> Shape:
    """np.unravel_index in Python ints, so that no size overflows."""
    place: list[int] = []
    for size in reversed(shape):
        flat, remainder = divmod(flat, size)
        place.append(remainder)
    return tuple(reversed(place))


def unravel_all(flat: Integers, shape: Shape) -> list[Integers]:
    """`unravel` for an array of flat indices: an array for each axis."""
    axes: list[Integers] = []
    for size in reversed(shape):
        flat, along = np.divmod(flat, size)
        axes.insert(0, along)
    return axes


def ravel_all(cells: Integers, shape: Shape) -> Integers:
    """The flat row-major index of each row of cells (n, axes)."""
    flat = np.zeros(len(cells), np.int64)
    for axis, size in enumerate(shape):
        flat = flat * size + cells[:, axis]
    return flat


def all_cells(shape: Shape) -> Integers:
    """The indices of all cells of an array of this shape, row-major: (cells, axes) int64."""
    return np.indices(shape, np.int64).reshape(len(shape), -1).T.copy()


def rows_of(shape: Shape, *columns: Any) -> Integers:
    """Rows with these columns, each broadcast to `shape`: (cells of the shape, columns) int64."""
    rows = np.empty((*shape, len(columns)), np.int64)
    for number, values in enumerate(columns):
        rows[..., number] = values
    return rows.reshape(math.prod(shape), len(columns))
