"""The numbers of a stage's step in slow motion, told in words: what the first filter multiplies, adds and writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..conv_math.pool import AdaptiveAvgPool, AvgPool
from .captions import Words
from .layout import text_width
from .numerals import MINUS, told
from .plan import Plan
from .sight import mixed


@dataclass(frozen=True)
class Sum:
    """One output cell: what is made of ``cells`` (k,), which the window reads. Padding is a cell of 0; cells that are
    mixed before they are multiplied count as one.

    Where there are filters, the first one multiplies them by its ``weights`` (k,), each in one of its ``channels``
    (k,), and adds a bias, if it has one; where it ``scatters``, these are all products of one cell, for many outputs.
    ``whole`` tells whether the window reads no more cells.
    """

    cells: NDArray[np.float64]
    result: float
    whole: bool
    weights: NDArray[np.float64] | None = None
    channels: NDArray[np.int64] | None = None
    bias: float | None = None
    seen: bool = False
    """Whether the bias is a cell of its own, which joins the sum."""
    scatters: bool = False
    shares: NDArray[np.float64] | None = None
    """Where there are no filters, by what each of the ``cells`` is multiplied; None if all are by the same."""
    divisor: float | None = None
    """By what their sum is divided where ``result`` is their mean."""
    alone: bool = True
    """Whether all ``cells`` are of one channel."""


def sum_of(plan: Plan, number: int, step: int) -> Sum | None:
    """What happens in a step of a Slide, in its first filter; None where values are not shown, and where its window
    stands on padding alone, which a pool does not read."""
    if plan.values is None:
        return None
    tensors, kernels, biases = plan.values
    sight, kernel, bias = plan.sight(number), kernels[number], biases[number]
    taps = sight.taps(step)
    if not len(taps):
        return None
    nothing = (taps.input < 0).any(axis=1)
    own = (taps.output == taps.output[0]).all(axis=1) & (taps.ghost | ~nothing)  # ReLU compares with a 0 of its own
    if sight.scatters:
        first = len(sight.batch)
        own = (taps.input == taps.input[0]).all(axis=1) & (taps.output[:, first] == taps.output[0, first])
    index = taps.input[own]
    cells = tensors[number][tuple(sight.drawn(index.clip(0), sight.item).T)]
    cells = np.where(nothing[own], 0.0, cells)
    written = sight.trajectory.taps(step).output[:1]
    result = float(tensors[number + 1][tuple(sight.drawn(written, sight.output)[0])]) if len(written) else 0.0
    whole = len(cells) == sight.reads_at_once
    if kernel is None:
        shares, alone = taps.coefficient[own], sight.op.fan_in(sight.item) == 1
        if sight.op.reduce != "sum" or not len(shares):
            return Sum(cells, result, whole, alone=alone)
        if np.ptp(shares):
            return Sum(cells, result, whole, shares=shares, alone=alone)
        divisor = 1.0 / float(shares[0]) if isinstance(sight.op, AvgPool | AdaptiveAvgPool) else None
        return Sum(cells, result, whole, divisor=divisor, alone=alone)
    which, first = mixed(taps.output[own], taps.weight[own])
    weight, cells = taps.weight[own][first], np.bincount(which, taps.coefficient[own] * cells).astype(float)
    whole = len(cells) == sight.reads_at_once
    weights = kernel[tuple(sight.drawn_weights(weight).T)]
    added = None if bias is None or not getattr(sight.op, "bias", False) else float(bias[0])
    seen = plan.contents.adds_bias(number)
    return Sum(cells, result, whole or sight.scatters, weights, weight[:, 1], added, seen, sight.scatters)


def merged(plan: Plan, number: int, cell: int = 0) -> tuple[list[float], float | None, float] | None:
    """What a flat cell of a merge is made of, the bias, and what it is; None of one cell, or where no value is told."""
    if plan.values is None:
        return None
    tensors, _, biases = plan.values
    reads = plan.stages[number].reads
    found = [(which[cell], flat[cell]) for which, flat in plan.merged(number) if which[cell] >= 0]
    terms = [float(tensors[reads[which]].reshape(-1)[flat]) for which, flat in found]
    bias = biases[number] if getattr(plan.stages[number].op, "bias", False) else None
    result = float(tensors[number + 1].reshape(-1)[cell])
    return (terms, None if bias is None else float(bias[0]), result) if len(terms) > 1 else None


Phases = tuple[str, str, str, str]
MOST_PARTS = 64
"""Shares of a mixture that are told rounded are told as parts of so many at most."""


def narrated(words: Words, one: Sum, phases: Phases, room: float, who: str, by: str) -> tuple[str, ...]:
    """The phases of the step with its numbers, each no wider than ``room`` (capitals) if an ellipsis makes it so.

    Where the bias is ``seen``, there is one more before the last: it is added. The sum of a single product is none.
    ``who`` has these numbers where others have theirs in the same step: a filter or a channel. If there are no others,
    it is done ``by`` that.
    """
    land, does, spread, write = phases
    if who and one.weights is None and one.alone:
        land = words("in", who, land)
    cells = one.cells[:1] if one.scatters else one.cells
    read = _listed(land + words.colon, list(map(told, cells.tolist())), room) if one.whole else land
    writes = words.of(who, words("write_value", told(one.result)))
    if one.weights is None:
        does = words.of(who, does)
        if one.shares is None:
            made = _mean(words, does, one, room)
            return read, made, made, writes
        return read, does, _mix(words.of(who, words("sum_values", "")), one, one.shares, room), writes
    factors = _factors(one.cells, one.weights)
    if one.scatters:
        return read, _listed(words("multiply_values", who or by, ""), factors, room), spread, write
    return (read, *_multiplied_and_added(words, one, factors, room, who, by), writes)


def mixture(words: Words, one: Sum, room: float, who: str = "") -> str:
    """What cells are mixed, by what shares, and to what; ``who`` mixes them."""
    count, who = len(one.cells), who and who + words.colon
    if count == 1:
        return who + words("mixed_one", told(one.result))
    lead = who + words("mixed", count, "")
    return _mix(lead, one, np.full(count, 1.0 / count) if one.shares is None else one.shares, room)


def _mix(lead: str, one: Sum, shares: NDArray[np.float64], room: float) -> str:
    """A sum of shares, as it is or, where they are all parts of a whole of few, over that: ``(9·8 + 3·6) / 16``."""
    parts = next((n for n in range(1, MOST_PARTS + 1) if np.allclose(shares * n, np.round(shares * n), atol=1e-9)), 0)
    exact = parts == 0 or all(map(_exactly, shares))
    factors, over = (shares, "") if exact else (np.round(shares * parts), f") / {parts}")
    equals = over + _equals(one.result, *factors, *one.cells)
    return shortened(lead + "(" * bool(over), _joined(_factors(factors, one.cells), " + "), " + …", equals, room)


def _mean(words: Words, does: str, one: Sum, room: float) -> str:
    """What is made of cells without weights: the result alone or, of a mean of several cells, how it is worked out."""
    if one.divisor is None or len(one.cells) == 1:
        worked_out = not np.isclose(one.cells, one.result).any() and not _exactly(one.result)
        return does + (" ≈ " if worked_out else words.colon) + told(one.result)
    rest = f") / {told(one.divisor)}" + _equals(one.result, *one.cells, one.divisor)
    return shortened(f"{does}{words.colon}(", _added(one.cells.tolist()), " + …", rest, room)


def _multiplied_and_added(
    words: Words, one: Sum, factors: list[str], room: float, who: str, by: str
) -> tuple[str, ...]:
    """What is multiplied and what is added, and then the bias, where that is seen.

    Where there are several channels, the products are those of the first one, with their sum, and what is added are the
    sums of the channels.
    """
    assert one.weights is not None and one.channels is not None
    products = one.cells * one.weights
    sums = np.bincount(one.channels, products).astype(np.float64)
    several = 1 < len(sums) < len(products)
    terms = (sums if several else products).tolist()
    if several:
        mine = one.channels == 0
        equals = _equals(terms[0], *one.cells[mine], *one.weights[mine])
        lead = words("multiply_channel", who or by, "")
        multiply = shortened(lead, _joined(factors[: mine.sum()], " + "), " + …", equals, room)
    else:
        multiply = _listed(words("multiply_values", who or by, ""), factors, room)
    lead = words.of(who, words("sum_channels" if several else "sum_values", ""))
    if not one.seen or one.bias is None:
        return multiply, added(words, lead, terms, one.bias, one.result, room)
    total = sum(terms)
    joined = added(words, words.of(who, words("bias_values", "")), [total, one.bias], None, one.result, room)
    return multiply, added(words, lead, terms, None, total, room) if len(terms) > 1 else joined, joined


def added(words: Words, lead: str, terms: list[float], bias: float | None, result: float, room: float) -> str:
    """A sum in words, after the ``lead``: ``3 − 5 + bias 1 = −1``."""
    biases = [] if bias is None else [bias]
    rest = "".join(f" + {words('bias', _bracketed(b))}" for b in biases) + _equals(result, *terms, *biases)
    return shortened(lead, _added(terms), " + …", rest, room)


def multiplied(lead: str, factors: list[float], result: float, room: float) -> str:
    """A product in words, after the ``lead``: ``3·(−5) = −15``."""
    parts = _joined([_bracketed(factor) for factor in factors], "·")
    return shortened(lead, parts, "·…", _equals(result, *factors), room)


def _added(terms: Sequence[float]) -> list[str]:
    """What is added, all but the first with its sign: ``3``, `` − 5``."""
    return [told(terms[0]), *(f" {MINUS if term < 0 else '+'} {told(abs(term))}" for term in terms[1:])]


def _equals(result: float, *numbers: float) -> str:
    """What is worked out from these numbers: about that, if any of them is told rounded."""
    return f" {'=' if all(map(_exactly, (result, *numbers))) else '≈'} {told(result)}"


def _exactly(value: float) -> bool:
    """Whether nothing is lost when it is told."""
    return math.isclose(float(told(value).replace(MINUS, "-")), value, rel_tol=1e-12, abs_tol=1e-9)


def _factors(left: NDArray[np.float64], right: NDArray[np.float64]) -> list[str]:
    """Products in words: ``3·(−5)``."""
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return [f"{_bracketed(one)}·{_bracketed(other)}" for one, other in pairs]


def _bracketed(value: float) -> str:
    text = told(value)
    return f"({text})" if text.startswith(MINUS) else text


def _listed(lead: str, texts: Sequence[str], room: float) -> str:
    return shortened(lead, _joined(texts, ", "), ", …", "", room)


def _joined(texts: Sequence[str], by: str) -> list[str]:
    """The texts, all but the first with what joins it to the one before."""
    return [*texts[:1], *(by + text for text in texts[1:])]


def shortened(lead: str, parts: Sequence[str], more: str, rest: str, room: float) -> str:
    """The lead, as many of the parts as there is room for, at least one, and the rest; ``more`` stands for others."""

    def of(shown: int) -> str:
        return lead + "".join(parts[:shown]) + (more if shown < len(parts) else "") + rest

    most = min(len(parts), int(room))  # no part is narrower than a capital is high
    return of(next((shown for shown in range(most, 1, -1) if text_width(of(shown)) <= room), 1))
