"""An operation's matrix as cubes: weights in the colours of the kernel beside it, zeros as empty cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..conv_math.shapes import ravel_all
from . import palette
from .parts import Bank
from .plan import Plan
from .story import Cells, cells_at
from .swerve import swerve
from .values import in_lightness

LATER = 0.25
"""The part of a step after which a kernel sets out to become a row: the first window has passed by then."""


def matrix_cells(plan: Plan, number: int) -> Iterator[Cells]:
    """A stage's kernel and its matrix, or its filters as rows: equal weights wear equal colours.

    A kernel's cells travel into its row while the first window becomes a column.
    """
    key, bank = plan.keys[number], plan.banks[number]
    colors = palette.weight_colors(int(np.prod(key.shape)))
    index, rows = bank.drawn(), plan.stages[number].matrix is None
    which = ravel_all(index, bank.shape) if rows else weights_of(plan, number)
    real = np.flatnonzero(which >= 0)
    yield cells_at(key.at(key.drawn()), f"kernel-{number + 1}", "filter", key.shape, key.drawn(), colors)
    tint, numbers = colors[which[real]], ()
    if plan.values is not None and (weight := plan.values[1][number]) is not None:
        own = weight.reshape(-1)[real]
        tint = in_lightness(tint, own, weight)
        numbers = plan.numbers(own, tint, np.ones(len(own), bool))
    name, at, lit_by = f"filters-{number + 1}", bank.at(index), f"column-{number + 1}"
    if rows:
        start, front = float(plan.time.acts[number - 1].first_step), key.at(key.drawn())[which]
        times = {"origin": front, "start": start + LATER, "arrive": start + 1.0, "bow": swerve(plan, front, at)}
        yield cells_at(at, name, "filter", bank.shape, index, tint, numbers=numbers, **times)
        return
    yield cells_at(at[real], name, "filter", bank.shape, index[real], tint, lit_by=lit_by, numbers=numbers)
    zeros = np.flatnonzero(which < 0)
    yield cells_at(at[zeros], f"zeros-{name}", "ghost", bank.shape, index[zeros], plan.theme.ghost, lit_by=lit_by)


def weights_of(plan: Plan, number: int) -> NDArray[np.int64]:
    """For each cell of a stage's matrix, row-major, the cell of the kernel that is drawn, row-major; -1 for zeros.

    Where padding repeats cells several weights meet the same one: it is the last of them.
    """
    product, sight = plan.stages[number].matrix, plan.window_of_matrix(number)
    assert product is not None
    shape, which = plan.keys[number].shape, np.full(product.weight_shape, -1)
    for step in range(sight.trajectory.steps):
        taps = sight.trajectory.taps(step)
        met = (taps.input >= 0).all(axis=1)
        row = np.ravel_multi_index(tuple(taps.input[met].T), product.item)
        column = np.ravel_multi_index(tuple(taps.output[met].T), sight.output)
        which[row, column] = np.ravel_multi_index(tuple(sight.drawn_weights(taps.weight[met]).T), shape)
    return which.reshape(-1)


def column_mouths(bank: Bank, column: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where the results of columns come out, on their far sides: ``(n, 3)``."""
    depth, height, _ = bank.placed.item.dims
    side = np.array([0.5, depth - 1.0, -(height - 1) / 2.0])
    return bank.placed.base[0] + side + column[:, None] * np.array([1.0, 0.0, 0.0])
