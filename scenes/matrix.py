"""An operation's matrix as cubes: weights in the colours of the kernel beside it, zeros as empty cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import palette
from .parts import MOUTH, Bank
from .plan import Plan
from .sight import Sight
from .story import ALWAYS, Cells
from .values import in_lightness


def matrix_cells(plan: Plan, number: int) -> Iterator[Cells]:
    """A stage's kernel and its matrix: equal weights wear equal colours."""
    key, bank = plan.keys[number], plan.banks[number]
    colors = palette.weight_colors(int(np.prod(key.shape)))
    which = weights_of(plan, number)
    real = np.flatnonzero(which >= 0)
    yield _cells(f"kernel-{number + 1}", key, key.drawn(), colors)
    index = bank.drawn()
    tint, numbers = colors[which[real]], ()
    if plan.values is not None and (weight := plan.values[1][number]) is not None:
        own = weight.reshape(-1)[real]
        tint = in_lightness(tint, own, weight)
        numbers = plan.numbers(own, tint, np.ones(len(own), bool))
    lit_by = f"column-{number + 1}"
    yield replace(_cells(f"filters-{number + 1}", bank, index[real], tint, lit_by), numbers=numbers)
    zeros = np.flatnonzero(which < 0)
    ghost = np.broadcast_to(np.array(plan.theme.ghost), (len(zeros), 3))
    yield _cells(f"zeros-filters-{number + 1}", bank, index[zeros], ghost, lit_by, "ghost")


def weights_of(plan: Plan, number: int) -> NDArray[np.int64]:
    """For each cell of a stage's matrix, row-major, the cell of the kernel that is drawn, row-major; -1 for zeros.

    Where padding repeats cells several weights meet the same one: it is the last of them.
    """
    product = plan.stages[number].matrix
    assert product is not None
    sight = Sight(product.op, product.item, "position")  # pyright: ignore[reportArgumentType]
    shape, which = plan.keys[number].shape, np.full(product.weight_shape, -1)
    for step in range(sight.trajectory.steps):
        taps = sight.trajectory.taps(step)
        met = (taps.input >= 0).all(axis=1)
        row = np.ravel_multi_index(tuple(taps.input[met].T), product.item)
        column = np.ravel_multi_index(tuple(taps.output[met].T), sight.output)
        which[row, column] = np.ravel_multi_index(tuple(sight.drawn_weights(taps.weight[met]).T), shape)
    return which.reshape(-1)


def _cells(
    name: str,
    bank: Bank,
    index: NDArray[np.int64],
    color: NDArray[np.float64],
    lit_by: str | None = None,
    role: str = "filter",
) -> Cells:
    position = np.ascontiguousarray(bank.at(index), np.float32)
    always = np.full(len(index), ALWAYS, np.float32)
    tint = np.ascontiguousarray(color, np.float32)
    return Cells(name, role, bank.shape, index, position, tint, position, always, always, position, lit_by)  # pyright: ignore[reportArgumentType]


def column_mouths(bank: Bank, column: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where the results of columns come out, just in front of their middles: ``(n, 3)``."""
    _, height, _ = bank.placed.item.dims
    middle = np.array([0.0, -MOUTH, -(height - 1) / 2.0])
    return bank.placed.base[0] + middle + column[:, None] * np.array([1.0, 0.0, 0.0])
