"""An operation's matrix as cubes: weights in the colours of the kernel beside it, zeros as empty cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..conv_math.shapes import all_cells, ravel_all
from . import palette
from .numerals import HEIGHT_ALONE, ROOM_IN_COLUMN
from .parts import Bank
from .plan import Plan
from .story import Cells, Numbers, cells_at
from .swerve import swerve

LATER = 0.25
"""The part of a step after which a kernel sets out to become a row: the first window has passed by then."""


def matrix_cells(plan: Plan, number: int) -> Iterator[Cells]:
    """A stage's kernel and its matrix, or its filters as rows: each weight wears its colour wherever it stands, and
    with values has its number there.

    A kernel's cells travel into its row while the first window becomes a column.
    """
    key, bank = plan.keys[number], plan.banks[number]
    colors = palette.weight_colors(int(np.prod(key.shape)))
    index, rows = bank.drawn(), plan.stages[number].matrix is None
    which = ravel_all(index, bank.shape) if rows else weights_of(plan, number)
    real = np.flatnonzero(which >= 0)
    cells = key.drawn()
    numbers = _numbers(plan, number, kernel_values(plan, number), colors, key.in_front(cells))
    yield cells_at(key.at(cells), f"kernel-{number + 1}", "filter", key.shape, cells, colors, numbers=numbers)
    weight = None if plan.values is None else plan.values[1][number]
    tint, own = colors[which[real]], None if weight is None else weight.reshape(-1)[real]
    numbers = _numbers(plan, number, own, tint, np.ones(len(real), bool))
    name, at, lit_by = f"filters-{number + 1}", bank.at(index), f"column-{number + 1}"
    if rows:
        start, origin = float(plan.time.acts[number - 1].first_step), key.at(cells)[which]
        times = {"origin": origin, "start": start + LATER, "arrive": start + 1.0, "bow": swerve(plan, origin, at)}
        yield cells_at(at, name, "filter", bank.shape, index, tint, numbers=numbers, **times)
        return
    yield cells_at(at[real], name, "filter", bank.shape, index[real], tint, lit_by=lit_by, numbers=numbers)
    zeros = np.flatnonzero(which < 0)
    nothing = None if own is None else np.zeros(len(zeros))
    behind = np.broadcast_to(np.array(plan.theme.floor), (len(zeros), 3))  # one looks through them, at the backdrop
    numbers, color = _numbers(plan, number, nothing, behind, np.ones(len(zeros), bool)), plan.theme.ghost
    yield cells_at(at[zeros], f"zeros-{name}", "ghost", bank.shape, index[zeros], color, lit_by=lit_by, numbers=numbers)


def _numbers(
    plan: Plan,
    number: int,
    values: NDArray[np.float64] | None,
    color: NDArray[np.float64],
    front: NDArray[np.bool_],
) -> tuple[Numbers, ...]:
    """What is written on a stage's weights (n,), if values are shown."""
    if values is None:
        return ()
    return plan.numbers(values, color, front, stages=(number,), most=HEIGHT_ALONE, room=ROOM_IN_COLUMN)


def kernel_values(plan: Plan, number: int) -> NDArray[np.float64] | None:
    """The weights of the kernel beside a stage's product, row-major, if values are shown."""
    stage = plan.stages[number]
    if plan.values is None or (given := plan.given[1][stage.number - 1]) is None:
        return None
    values = given.reshape(-1)
    if stage.matrix is not None:  # a transposed convolution's stand in another order
        cells = plan.window_of_matrix(number).drawn_weights(all_cells(given.shape))
        values = values[np.argsort(ravel_all(cells, plan.keys[number].shape))]
    return values


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
