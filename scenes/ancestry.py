"""The way back from one output cell to all the cells that it depends on, stage by stage, by plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv_math import ConvMathError, HdcDistances, Merge, Operation, Shape, hdc_distances, receptive_field
from ..conv_math.conv import Conv
from ..conv_math.shapes import ravel_all
from ..conv_math.transposed import ConvTranspose

MOST_USES = 2**53
"""Beyond it numbers of uses are not told: floats skip integers there."""
MOST_PLACES, MOST_BACK = 5_000, 2**21
"""More windows, and more cells or taps, are not followed back through a stage: nobody could, and it takes seconds."""
MOST_COUNTED = 2**23
"""Cells of all tensors whose uses are counted."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The way back through one stage: from the cells of its output that the traced cell uses to those of its input.

    A stage that reads several tensors has a trace to each of them.

    A step takes one position of the output, row-major: its window is put back where it stood. What the window meets
    there are the hits of that step: a cell that several windows meet is hit several times.
    """

    number: int
    """Of the stage, from 0."""
    tensor: int
    """Of the tensor that it reads: 0 is the input, then one for the output of each stage."""
    places: NDArray[np.int64]
    """The positions of the output, ``(steps, spatial axes)``."""
    heads: NDArray[np.int64]
    """At each position the first cell that is used, (C, *spatial): ``(steps, axes)``."""
    hits: NDArray[np.int64]
    """The input cells that are hit, (C, *spatial), in the order of the steps: ``(hits, axes)``."""
    step: NDArray[np.int64]
    """With which step: ``(hits,)``."""
    turn: NDArray[np.int64]
    """How often the cell was hit before: ``(hits,)``."""
    uses: NDArray[np.float64]
    """How often the traced cell uses this cell, as far as is known after this hit, ``(hits,)``: paths of taps."""
    counts: NDArray[np.float64]
    """How often it uses each cell of the input when all of that is done, in the input's shape (C, *spatial)."""

    @property
    def steps(self) -> int:
        return len(self.places)

    @property
    def rows(self) -> tuple[int, int]:
        """Steps in a row and in a plane of positions; all of them where the positions are no grid."""
        sizes = [len(np.unique(along)) for along in self.places.T] or [1]
        if math.prod(sizes) != self.steps:
            return self.steps, self.steps
        return sizes[-1], math.prod(sizes[-2:])

    @property
    def box(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first and the last cell, (C, *spatial), of the smallest box around all that is used."""
        used = np.argwhere(self.counts > 0)
        return used.min(axis=0), used.max(axis=0)


def traces_of(ops: Sequence[Operation], reads: Sequence[Sequence[int]], items: Sequence[Shape]) -> list[Trace]:
    """The way back from a cell of the first output channel: the last stage's trace first.

    It is the middle one, or the last one where that sees more: of a causal convolution.

    reads: the tensors that each operation reads, 0 the input and 1 the first one's output. items: (C, *spatial) of
    every tensor. Stages of which the cell uses nothing are left out. ConvMathError where there are too many
    cells, windows, taps or uses to follow.
    """
    if (cells := sum(map(math.prod, items))) > MOST_COUNTED:
        raise ConvMathError(f"uses of {cells:,} cells would have to be counted; allowed: at most {MOST_COUNTED:,}")
    middle, last = traced_cells(items[-1])
    ways = [_traces_from(cell, ops, reads, items) for cell in dict.fromkeys((middle, last))]
    return max(ways, key=lambda traces: max((np.count_nonzero(t.counts) for t in traces if t.tensor == 0), default=0))


def _traces_from(
    cell: Shape, ops: Sequence[Operation], reads: Sequence[Sequence[int]], items: Sequence[Shape]
) -> list[Trace]:
    counts = [np.zeros(item) for item in items]
    hit = [np.zeros(item, np.int64) for item in items]
    counts[-1][cell] = 1.0
    result: list[Trace] = []
    for number in reversed(range(len(ops))):
        if not counts[number + 1].any():
            continue
        for which, tensor in enumerate(reads[number]):
            shapes = tuple(items[source] for source in reads[number])
            trace = _trace(ops[number], number, shapes, which, tensor, counts, hit[tensor])
            counts[tensor] = trace.counts
            np.add.at(hit[tensor], tuple(trace.hits.T), 1)
            result.append(trace)
            if trace.counts.max() > MOST_USES:
                raise ConvMathError(f"a cell is used {trace.counts.max():.2g} times; allowed: at most {MOST_USES:,}")
    return result


def traced_cells(item: Shape) -> tuple[Shape, Shape]:
    """The output cells (C, *spatial) of which one's ancestors are shown: in the first channel the middle, the last."""
    channels, *spatial = item
    if not spatial:
        return ((channels - 1) // 2,), (channels - 1,)
    return (0, *((size - 1) // 2 for size in spatial)), (0, *(size - 1 for size in spatial))


def _trace(
    op: Operation,
    number: int,
    items: tuple[Shape, ...],
    which: int,
    tensor: int,
    counts: list[NDArray[np.float64]],
    hit_before: NDArray[np.int64],
) -> Trace:
    """Through one stage to one of its inputs: ``items`` are their shapes, ``counts`` what is known of every tensor."""
    several, item = op.SEVERAL, items[which]
    after = counts[number + 1].reshape(op.output_of(items) if isinstance(op, Merge) else op.output_item(item))
    if isinstance(op, ConvTranspose):
        trajectory: Any = op.trajectory(item, view="gather")
    else:
        trajectory = op.trajectory(items if several else item)
    count = np.count_nonzero(after)
    if count > MOST_BACK:
        raise ConvMathError(f"{count:,} cells lead back through {op.name}; allowed: at most {MOST_BACK:,}")
    used = np.argwhere(after > 0)
    steps, first = np.unique(ravel_all(used[:, 1:], after.shape[1:]), return_index=True)
    places = used[first, 1:]
    if len(places) > MOST_PLACES:
        raise ConvMathError(f"{len(places):,} windows lead back through {op.name}; allowed: at most {MOST_PLACES:,}")
    met = len(places) * len(trajectory.taps(0))
    if met > MOST_BACK:
        raise ConvMathError(f"{met:,} taps lead back through {op.name}; allowed: at most {MOST_BACK:,}")
    hits, amounts = [], []
    for step in steps:
        taps = trajectory.taps(int(step))
        read = taps.input[:, 1:] if several else taps.input
        amount = after[tuple(taps.output.T)]
        met = (amount > 0) & (read >= 0).all(axis=1) & (taps.input[:, 0] == which if several else True)
        cells, at = np.unique(ravel_all(read[met], item), return_inverse=True)
        hits.append(cells)
        amounts.append(np.bincount(at, amount[met], len(cells)))
    hit, amount = np.concatenate(hits), np.concatenate(amounts)
    turn, uses = _running(hit, amount)
    before = counts[tensor].reshape(-1)
    return Trace(
        number,
        tensor,
        places,
        used[first],
        np.stack(np.unravel_index(hit, item), axis=1),
        np.repeat(np.arange(len(places)), list(map(len, hits))),
        turn + hit_before.reshape(-1)[hit],
        uses + before[hit],
        (before + np.bincount(hit, amount, math.prod(item))).reshape(item),
    )


def _running(hit: NDArray[np.int64], amount: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each hit how many of the same cell came before it, and the sum of their amounts, its own included."""
    order = np.argsort(hit, kind="stable")
    total = np.cumsum(amount[order])
    first = np.searchsorted(hit[order], hit[order])
    turn, uses = np.empty(len(hit), np.int64), np.empty(len(hit))
    turn[order] = np.arange(len(hit)) - first
    uses[order] = total - (total - amount[order])[first]
    return turn, uses


def fields_of(ops: Sequence[Operation]) -> list[Shape] | None:
    """The receptive field of the last output's cells in each stage's input, along each axis; None where there is none.

    The field in a stage's input is that of all stages from there on.
    """
    try:
        return [tuple(axis.size for axis in receptive_field(ops[number:])) for number in range(len(ops))] or None
    except ConvMathError:
        return None


def growth_of(ops: Sequence[Operation]) -> list[Shape] | None:
    """The receptive field in the scene's input of each stage's output cells, along each axis; None as above."""
    try:
        return [tuple(axis.size for axis in receptive_field(ops[: number + 1])) for number in range(len(ops))] or None
    except ConvMathError:
        return None


@dataclass(frozen=True)
class Hybrid:
    """A chain of dilated convolutions of one square kernel and stride 1: the rates and the rule's distances."""

    rates: tuple[int, ...]
    kernel: int
    distances: HdcDistances

    @property
    def divisor(self) -> int:
        """The rates' greatest common divisor: above 1 only every so-manieth cell is used, whatever the distances."""
        return math.gcd(*self.rates)

    @property
    def whole(self) -> bool:
        """Whether every cell of the receptive field is used, of which the rule is but a sign."""
        used = {0}
        for rate in self.rates:
            used = {place + rate * tap for place in used for tap in range(self.kernel)}
        return len(used) == (self.kernel - 1) * sum(self.rates) + 1


def hybrid_of(ops: Sequence[Operation]) -> Hybrid | None:
    """What the rule of hybrid dilated convolution says of a chain; None where it says nothing.

    Source: Wang and others, "Understanding Convolution for Semantic Segmentation", WACV 2018, equation 2.
    """
    rates: list[int] = []
    kernels: set[int] = set()
    for op in ops:
        if not isinstance(op, Conv) or set(op.each("stride")) != {1} or len(set(op.each("dilation"))) != 1:
            return None
        rates.append(op.each("dilation")[0])
        kernels |= set(op.each("kernel_size"))
    if len(rates) < 2 or max(rates) == 1 or len(kernels) != 1 or kernels == {1}:
        return None
    kernel = kernels.pop()
    return Hybrid(tuple(rates), kernel, hdc_distances(rates, kernel))
