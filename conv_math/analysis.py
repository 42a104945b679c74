"""What follows from a stack of operations without running it."""

# pyright: reportUnnecessaryIsInstance=false
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .deform import DeformConv2d
from .errors import ConvMathError, errors_of, few_enough, integer, is_integer, shown
from .merge import Merge
from .move import Move
from .operation import Operation
from .sequential import Sequential, Stage
from .shapes import Shape
from .slide import Slide
from .window import Window

Stages = Iterable[Operation | Stage | Sequential] | Sequential


@dataclass(frozen=True)
class ReceptiveField:
    """Along one spatial axis, in input cells: output cell i sees [start + i*stride, start + i*stride + size - 1]."""

    size: int
    stride: int
    start: int

    def through(self, extent: int, stride: int, before: int) -> ReceptiveField:
        """The field after one more window: of `extent` cells, with `before` cells of padding before the input."""
        return ReceptiveField(
            self.size + (extent - 1) * self.stride, self.stride * stride, self.start - before * self.stride
        )

    def joined(self, other: ReceptiveField) -> ReceptiveField:
        """The smallest field that covers both; ConvMathError where their strides differ."""
        if self.stride != other.stride:
            raise ConvMathError(f"branches of strides {self.stride} and {other.stride} meet; allowed: one stride")
        start = min(self.start, other.start)
        return ReceptiveField(max(self.start + self.size, other.start + other.size) - start, self.stride, start)


def receptive_field(stages: Stages) -> tuple[ReceptiveField, ...]:
    """The receptive field of the last stage's output cells in the first stage's input, one per spatial axis.

    size: sum over stages of (extent - 1) * (product of the strides before) + 1. `start` is negative where the field
    begins on padding. Where branches meet, the smallest field that covers theirs. ConvMathError for no stages, and for
    a stage that has no window that is the same everywhere. Source: Araujo, Norris, Sim, "Computing Receptive Fields of
    Convolutional Neural Networks", Distill 2019, equations 2 to 5.
    """
    chain = _chain("receptive_field", stages)
    axes = _axes(chain)
    fields = [(ReceptiveField(1, 1, 0),) * axes]
    for number, (window, sources) in enumerate(
        zip(_windows("receptive_field", chain, axes), chain.inputs, strict=True)
    ):
        seen, *others = (fields[0 if isinstance(source, str) else source + 1] for source in sources)
        with errors_of(f"receptive_field: stage {number}"):
            for other in others:
                seen = tuple(field.joined(more) for field, more in zip(seen, other, strict=True))
        along = zip(seen, window.extent, window.stride, window.padding, strict=True)
        fields.append(tuple(field.through(extent, stride, before) for field, extent, stride, (before, _) in along))
    return fields[-1]


def usage_counts(stages: Stages, output_cell: Sequence[int], input_shape: Sequence[int] | None = None) -> NDArray[Any]:
    """How often each cell of the input is used by one cell of the last stage's output: the number of paths of taps.

    output_cell: (C, *spatial), or only its position (*spatial), which means channel 0 and counts summed over the
    input's channels. input_shape: (C, *spatial) without batch; None: the smallest input that has such an output cell.
    Returned: int64 of the input's shape (*spatial, where only a position was given); Python integers in an array of
    objects where 64 bits are too few. A count of 0 within the receptive field is a hole: gridding. Padding is not
    counted. Source: Wang and others, "Understanding Convolution for Semantic Segmentation", arXiv 1702.08502,
    section 3.2, figure 2.
    """
    chain, cell, shape, summed = _asked("usage_counts", stages, output_cell, input_shape)
    with np.errstate(all="ignore"):
        counts = _trace("usage_counts", chain, cell, shape, "float")[0]
    if not counts.max() < 2**53:  # beyond it floats skip integers, or overflow
        counts = _trace("usage_counts", chain, cell, shape, "exact")[0]
    if summed:
        whole = counts if counts.dtype == object else counts.astype(np.int64).astype(object)
        counts = np.asarray(whole.sum(axis=0), object)
    return counts.astype(np.int64) if counts.max() < 2**63 else counts


def ancestors(
    stages: Stages, output_cell: Sequence[int], input_shape: Sequence[int] | None = None
) -> tuple[NDArray[np.bool_], ...]:
    """The cells that one cell of the last stage's output depends on, in the input and in each stage's output.

    Arguments as of `usage_counts`. Returned: a mask for each of `Sequential.shapes`, the input's first; the last one
    has the output cell alone. The cone that a receptive field is drawn as.
    """
    chain, cell, shape, summed = _asked("ancestors", stages, output_cell, input_shape)
    masks = _trace("ancestors", chain, cell, shape, "mask")
    return tuple((mask > 0).any(axis=0) if summed else mask > 0 for mask in masks)


class HdcDistances(tuple[int, ...]):
    """The M_i of the rule, first layer first; `within_kernel` says whether M_2 <= kernel, which is what it asks for."""

    within_kernel: bool


def hdc_distances(rates: Sequence[int], kernel: int = 3) -> HdcDistances:
    """The largest distances between two cells that are used, by the rule of hybrid dilated convolution.

    M_n = r_n; M_i = max(M_(i+1) - 2*r_i, M_(i+1) - 2*(M_(i+1) - r_i), r_i). The design asks for M_2 <= kernel. It is
    necessary only: rates (2, 2, 2) pass and leave holes, since they have a common divisor; `usage_counts` tells.
    rates: the dilation rates, one or more. Source: Wang and others, arXiv 1702.08502, equation 2.
    """
    name = "hdc_distances"
    if not isinstance(rates, tuple | list) or not rates:
        raise ConvMathError(f"{name}: rates={shown(rates)}; allowed: a list of integers >= 1")
    checked = [integer(name, "rates", rate) for rate in rates]
    size = integer(name, "kernel", kernel)
    distances = [checked[-1]]
    for rate in reversed(checked[:-1]):
        after = distances[-1]
        distances.append(max(after - 2 * rate, after - 2 * (after - rate), rate))
    distances.reverse()
    result = HdcDistances(distances)
    result.within_kernel = distances[min(1, len(distances) - 1)] <= size
    return result


def _chain(owner: str, stages: Stages) -> Sequential:
    if isinstance(stages, Sequential):
        return stages
    try:
        given = iter(stages)
    except TypeError:
        raise ConvMathError(f"{owner}: stages={shown(stages)}; allowed: a list of operations") from None
    known: list[Operation | Stage | Sequential] = []
    for stage in given:
        known.append(stage)
        if not isinstance(stage, Operation | Stage | Sequential):
            break  # Sequential says so, before all of a range(10**9) is read
    return Sequential(*known)


def _axes(chain: Sequential) -> int:
    """How many spatial axes the first stages have, as far as one tells; 2 otherwise."""
    told = (op.AXES if op.AXES is not None else getattr(op, "spatial_axes", None) for op in chain.ops)
    return next((axes for axes in told if axes is not None), 2)


def _windows(owner: str, chain: Sequential, axes: int) -> list[Window]:
    """Each stage's window; ConvMathError where there is none that is the same everywhere."""
    windows: list[Window] = []
    for number, op in enumerate(chain.ops):
        window = op.with_axes(axes).geometry(axes)
        if window is None or {len(window.kernel_size), len(window.padding)} != {axes}:
            raise ConvMathError(
                f"{owner}: stage {number}: {op.name}; allowed: operations with the same window at all positions"
            )
        windows.append(window)
    return windows


def _asked(
    owner: str, stages: Stages, output_cell: Sequence[int], input_shape: Sequence[int] | None
) -> tuple[Sequential, Shape, Shape, bool]:
    """The chain, the checked output cell with its channel, the input's shape, and whether no channel was given."""
    chain = _chain(owner, stages)
    axes = _axes(chain)
    if not isinstance(output_cell, tuple | list) or not all(is_integer(i) for i in output_cell):
        raise ConvMathError(f"{owner}: output_cell={shown(output_cell)}; allowed: a tuple of integers")
    cell = tuple(int(i) for i in output_cell)
    if input_shape is None:
        if len(cell) not in (axes, axes + 1) or min(cell, default=0) < 0:
            raise ConvMathError(
                f"{owner}: output_cell={shown(cell)}; allowed: {axes} integers >= 0, after one for the channel or not"
            )
        input_shape = _smallest_input(owner, chain, cell, axes)
    shape = chain.shapes(input_shape)
    count = len(shape[-1])
    summed = len(cell) == count - 1
    cell = (0, *cell) if summed else cell
    if len(chain.stages(input_shape)[0][0].split(input_shape)[0]):
        raise ConvMathError(f"{owner}: input_shape={shown(input_shape)} has a batch axis; allowed: (C, *spatial)")
    if len(cell) != count or not all(0 <= i < size for i, size in zip(cell, shape[-1], strict=True)):
        raise ConvMathError(f"{owner}: output_cell={shown(output_cell)}; allowed: a cell of the output {shape[-1]}")
    few_enough(owner, "cells", max(map(math.prod, shape)))
    return chain, cell, shape[0], summed


def _smallest_input(owner: str, chain: Sequential, cell: Shape, axes: int) -> Shape:
    """The smallest input of which the chain's output has this cell: found by trying, as a larger one has it too."""
    position = cell[len(cell) - axes :]
    wanted = cell[0] if len(cell) > axes else 0

    def has_cell(shape: Shape, channel: int) -> bool:
        try:
            output = chain.output_shape(shape)
        except ConvMathError:
            return False
        return len(output) == axes + 1 and all(i < size for i, size in zip((channel, *position), output, strict=True))

    tries = [(channels, channel) for channel in (wanted, 0) for channels in _channels_tried(chain, channel)]
    for channels, channel in tries:  # channel 0, as whoever asked for one that is not there is told the output's shape
        powers = (2**power for power in range(32))
        sizes = next((size for size in powers if has_cell((channels, *[size] * axes), channel)), None)
        if sizes is not None:
            shape = [channels, *[sizes] * axes]
            for axis in range(1, axes + 1):
                low, high = 0, sizes  # the one is too small, the other is not
                while high - low > 1:
                    shape[axis] = (low + high) // 2
                    low, high = (low, shape[axis]) if has_cell(tuple(shape), channel) else (shape[axis], high)
                shape[axis] = high
            return tuple(shape)
    raise ConvMathError(f"{owner}: input_shape=None, and no input was found that has {shown(cell)}; allowed: a shape")


def _channels_tried(chain: Sequential, channel: int) -> list[int]:
    """Numbers of input channels of which one fits: those that operations ask for, and what divides them."""
    fields = ("in_channels", "num_features", "in_features", "groups")
    asked = {getattr(op, field, 1) for op in chain.ops for field in fields} | {channel + 1}
    return sorted({n // d for n in asked for d in range(1, min(n, 64) + 1) if n % d == 0} | {1})


def _trace(
    owner: str, chain: Sequential, cell: Shape, input_shape: Shape, what: Literal["float", "exact", "mask"]
) -> list[Any]:
    """For the input and each stage's output how many paths lead from its cells to the output cell; masks: 0 or 1."""
    shapes = chain.shapes(input_shape)
    counts: list[Any] = [np.zeros(shape, object if what == "exact" else np.float64) for shape in shapes]
    counts[-1][cell] = 1
    for number, (op, _) in reversed(list(enumerate(chain.stages(input_shape)))):
        values = [0 if isinstance(source, str) else source + 1 for source in chain.inputs[number]]
        with errors_of(f"{owner}: stage {number}"):
            for value, used in zip(values, _used(op, counts[number + 1], [shapes[v] for v in values]), strict=True):
                counts[value] = counts[value] + used
                if what == "mask":
                    counts[value] = np.minimum(counts[value], 1)
    return counts


def _used(op: Operation, counts: NDArray[Any], items: list[Shape]) -> list[NDArray[Any]]:
    """How often the cells of each input are used, if the output's are used so often."""
    if isinstance(op, Slide) and not isinstance(op, DeformConv2d):
        return [_used_by_slide(op, counts, items[0])]
    if isinstance(op, Move):
        source = op.source(items[0])
        used = np.zeros(math.prod(items[0]), counts.dtype)
        np.add.at(used, source[source >= 0], counts[source >= 0])
        return [used.reshape(items[0])]
    if isinstance(op, Merge):
        cells = np.argwhere(counts > 0)
        which, read = op.came_from(cells, tuple(items))
        every = [np.zeros(item, counts.dtype) for item in items]
        for number, used in enumerate(every):
            mine = read[:, 0] == number
            np.add.at(used, tuple(read[mine, 1:].T), counts[tuple(cells[which[mine]].T)])
        return every
    raise ConvMathError(f"{op.name}; allowed: operations whose taps do not depend on a second array")


def _used_by_slide(op: Slide, counts: NDArray[Any], item: Shape) -> NDArray[Any]:
    """Axis by axis, as windows are products of their axes; then filters give to the channels of their group."""
    for axis, reach in enumerate(op.reaches(item), start=1):
        few_enough(op.name, "pairs of cells", counts.shape[axis] * item[axis])
        pairs = np.zeros((counts.shape[axis], item[axis]), counts.dtype)
        place, column = np.nonzero(reach.read >= 0)
        np.add.at(pairs, (place, reach.read[place, column]), 1)
        counts = np.moveaxis(np.tensordot(counts, pairs, (axis, 0)), -1, axis)
    fan_in = op.fan_in(item)
    groups = item[0] // fan_in
    per_group: NDArray[Any] = counts.reshape(groups, -1, *counts.shape[1:]).sum(axis=1)
    return np.repeat(per_group, fan_in, axis=0)
