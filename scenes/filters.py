"""The cells of filters: where their weights stand, and how they turn when a kernel is flipped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math.conv import Weighted
from . import palette
from .form import FEWEST_PIXELS
from .parts import Bank
from .plan import Plan
from .sight import depth_of
from .story import ALWAYS, Cells, Role, cells_at
from .values import in_lightness

TURN, TURNED, LAID = 0.15, 0.85, 0.92
"""Parts of the step in which a kernel is flipped: its cells set out, have come to their places, are those of a filter
again."""
MAX_TRAVELLERS = 4096
"""Above, the first step's copies of the window would be a cloud that nobody can read."""
MOST_MORE = 256
"""How many times more there may be, of which the others are not drawn."""
COVERED = 0.02
"""How much longer the cells that stood there are seen: those that set out begin as their covers."""


def met_at_once(plan: Plan, number: int) -> int:
    """How many weights of a stage's filters are met in one step."""
    filters, *dims = plan.banks[number].shape
    return math.prod(dims) * (1 if plan.scene.time.order == "filter" else filters)


def swelling(plan: Plan, number: int) -> float | None:
    """How much larger copies of what is read become at a stage's filters; None where there are none: they would be too
    many, or too small to be seen."""
    if number not in plan.banks:
        return None
    item, met = plan.banks[number].placed.item, met_at_once(plan, number)
    if max(min(met, item.elision.cells), met / MOST_MORE) > MAX_TRAVELLERS:
        return None
    if plan.cell_pixels(number) >= FEWEST_PIXELS:
        return 1.0
    return None if item.pitch == 1.0 else item.pitch


def filter_cells(
    plan: Plan, number: int, bank: Bank, name: str, place: NDArray[np.int64], weight: NDArray[np.int64]
) -> Cells:
    """The cells of a stage's filters: at ``place`` (n, 4) in the bank the weights of these indices (n, 4)."""
    color, values = _look(plan, number, bank, place, weight)
    pitch = bank.placed.item.pitch
    numbers = () if values is None else plan.numbers(values, color, bank.in_front(place), width=pitch, stages=(number,))
    return cells_at(bank.at(place), name, "filter", bank.shape, weight, color, scale=pitch, numbers=numbers)


def bias_cells(
    plan: Plan, number: int, f: NDArray[np.int64], name: str, role: Role, position: NDArray[np.float64], **times: Any
) -> Cells:
    """The biases of a stage's filters ``f`` (n,), each in the hue of what its filter writes, to which it is added."""
    values, pitch = plan.biases(number), plan.banks[number].placed.item.pitch
    hue = plan.tensors[number + 1].colors[f * depth_of(plan.sight(number).output)]
    kernel, front = plan.told_kernel(number), np.ones(len(f), np.bool_)
    assert kernel is not None
    color = in_lightness(hue, values[f], np.append(kernel, values))
    numbers = plan.numbers(values[f], color, front, width=pitch, stages=(number,))
    shape, index = (len(values), 1, 1), np.stack([f, 0 * f, 0 * f], axis=1)
    return cells_at(position, name, role, shape, index, color, scale=pitch, numbers=numbers, **times)


def lone_bias(plan: Plan, number: int) -> Cells:
    """The bias that a stage adds to the sums of channels, in the hue of what that makes; the weights before it have the
    same scale."""
    value, kernel = plan.biases(number), plan.told_kernel(number - 1)
    assert kernel is not None
    color = in_lightness(plan.tensors[number + 1].colors, value, np.append(kernel, value))
    numbers = plan.numbers(value, color, np.ones(1, np.bool_), stages=(number,))
    shape, index = (1, 1, 1), np.zeros((1, 3), np.int64)
    place = plan.lone_biases[number].base
    return cells_at(place, f"biases-{number + 1}", "filter", shape, index, color, numbers=numbers)


def flipping_cells(plan: Plan, number: int) -> Iterator[Cells]:
    """A kernel as it is given, its cells as each turns to the opposite place, and the kernel that is then at work."""
    bank, first, name = plan.banks[number], plan.time.flips[number].first_step, f"filters-{number + 1}"
    index = bank.drawn()
    before = _opposite(plan, number, index)
    sets_out, there, laid = first + TURN, first + TURNED, first + LAID
    yield replace(filter_cells(plan, number, bank, f"{name}-given", index, before), end=sets_out + COVERED)
    yield _turning(plan, number, bank, index, (sets_out, there, first + 1.0))
    since = np.full(len(index), laid, np.float32)
    yield replace(filter_cells(plan, number, bank, name, index, index), start=since, arrive=since)


def _turning(
    plan: Plan, number: int, bank: Bank, weight: NDArray[np.int64], times: tuple[float, float, float]
) -> Cells:
    """Copies of the weights as they turn about their kernel's middle: upright, on an arc through a quarter of a turn.

    ``times`` are the steps at which they set out, have come there, and are gone. What stands opposite to something left
    out stays where it is.
    """
    sets_out, there, end = times
    opposite = _opposite(plan, number, weight)
    before = np.where(bank.shows(opposite)[:, None], opposite, weight)
    origin, position = bank.at(before), bank.at(weight)
    (color, values), (becomes, _) = (_look(plan, number, bank, place, weight) for place in (before, weight))
    numbers, middle = (), (sets_out + there) / 2.0
    if values is not None:
        numbers = (
            *plan.numbers(values, color, bank.in_front(before), ALWAYS, middle, stages=(number,)),
            *plan.numbers(values, color, bank.in_front(weight), middle, stages=(number,)),
        )
    _, height, width = bank.placed.item.dims
    off = (origin - position) / 2.0
    bow = np.stack([off[:, 2] * width / height, np.zeros(len(off)), -off[:, 0] * height / width], axis=1)
    return cells_at(
        position,
        f"flipping-{number + 1}",
        "traveller",
        bank.shape,
        weight,
        color,
        origin=origin,
        start=sets_out,
        arrive=end,
        anchor=origin,
        via=position,
        bow=bow,
        becomes=becomes,
        rest=(there, end),
        end=end,
        numbers=numbers,
    )


def _opposite(plan: Plan, number: int, weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places (n, 4) that a flip along all spatial axes changes with these; of three, one goes with the channels."""
    op = plan.sight(number).op
    assert isinstance(op, Weighted)
    depth, (*_, rows, columns) = depth_of((1, *op.each("kernel_size"))), plan.banks[number].shape
    f, c, h, w = weight.T
    return np.stack([f, c + depth - 1 - 2 * (c % depth), rows - 1 - h, columns - 1 - w], axis=1)


def _look(
    plan: Plan, number: int, bank: Bank, place: NDArray[np.int64], weight: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """What weights wear at a place, (n, 3), and, where values are shown, theirs, (n,)."""
    filters, f = np.unique(place[:, 0], return_inverse=True)
    slices, c = np.unique(place[:, 1], return_inverse=True)
    read = plan.colors_read(number)
    which, known = plan.filters_among(number)
    kernel = plan.told_kernel(number)
    shades = slices if kernel is None else np.zeros_like(slices)  # equal weights look alike in whatever slice
    hues, chosen = (plan.families(number), plan.after(number)), which[filters]
    color = palette.filter_colors(known, bank.shape[1], bank.groups, chosen, shades, read, *hues)[f, c]
    if kernel is None:
        return color, None
    values = kernel[tuple(weight.T)]
    return in_lightness(color, values, kernel), values
