"""What follows from a chain is what happens when cells of its input are changed one by one."""

import pickle
from collections.abc import Callable, Sequence
from itertools import product
from math import comb, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from oracle import some

from convmotion.conv_math import (
    AdaptiveAvgPool2d,
    Add,
    AvgPool1d,
    AvgPool2d,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvMathError,
    ConvTranspose1d,
    ConvTranspose2d,
    DeformConv2d,
    Flatten,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MaxUnpool2d,
    Operation,
    Pad,
    PixelShuffle,
    ReceptiveField,
    ReLU,
    Sequential,
    Shape,
    Softmax,
    Stage,
    Unfold,
    Upsample,
    ZeroInsert,
    ancestors,
    hdc_distances,
    receptive_field,
    usage_counts,
)

CONVS = {1: Conv1d, 2: Conv2d}
TRANSPOSED = {1: ConvTranspose1d, 2: ConvTranspose2d}
MAX_POOLS = {1: MaxPool1d, 2: MaxPool2d}
AVG_POOLS = {1: AvgPool1d, 2: AvgPool2d}
MODES = ("zeros", "reflect", "replicate", "circular")


def dilated(*rates: int) -> Sequential:
    return Sequential(*(Conv2d(1, 1, 3, dilation=rate) for rate in rates))


def ones(op: Operation) -> np.ndarray | None:
    return None if op.weight_shape is None else np.ones(op.weight_shape)


def sources_of(chain: Sequential, stage: int) -> list[int]:
    """The places of what a stage reads in `Sequential.shapes`."""
    return [0 if source == "input" else int(source) + 1 for source in chain.inputs[stage]]


def responses(chain: Sequential, shape: Shape, cell: Shape) -> list[np.ndarray]:
    """What `cell` of the output becomes when one cell of the input, or of a stage's output, is 1 and all others are 0.

    One array per tensor of the chain. With weights of 1, and where all else is linear, these are numbers of paths.
    """
    shapes, stages = chain.shapes(shape), chain.stages(shape)
    result = []
    for at, tensor in enumerate(shapes):
        count = prod(tensor)
        values = [np.zeros((count, *other)) for other in shapes]
        values[at] = np.eye(count).reshape(count, *tensor)
        for stage in range(at, len(stages)):
            op = stages[stage][0]
            read = [values[source] for source in sources_of(chain, stage)]
            values[stage + 1] = op.forward(read if isinstance(op, Add | Concat) else read[0], ones(op))
        result.append(values[-1][(slice(None), *cell)].reshape(tensor))
    return result


def paths(chain: Sequential, shape: Shape, cell: Shape) -> list[np.ndarray]:
    """The number of paths of taps from each cell of each tensor of the chain to `cell` of the output."""
    counts = [np.zeros(tensor, np.int64) for tensor in chain.shapes(shape)]
    counts[-1][cell] = 1
    for stage, (op, read_shape) in reversed(list(enumerate(chain.stages(shape)))):
        sources = sources_of(chain, stage)
        trajectory: Any = op.trajectory(read_shape)
        for t in range(len(trajectory)):
            taps = trajectory.taps(t)
            for written, read in zip(taps.output.tolist(), taps.input.tolist(), strict=True):
                if read[0] >= 0:
                    source = sources[read.pop(0) if isinstance(op, Add | Concat) else 0]
                    counts[source][tuple(read)] += counts[stage + 1][tuple(written)]
    return counts


class Drawn:
    """Draws stages one after another for a chain over `axes` spatial axes."""

    def __init__(self, draw: st.DrawFn, axes: int) -> None:
        self.draw, self.axes = draw, axes
        self.channels = self.integer(1, 2)
        self.stages: list[Operation | Stage] = []

    def integer(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def each(self, least: int, most: int) -> tuple[int, ...]:
        return tuple(self.integer(least, most) for _ in range(self.axes))

    def conv(self, **more: Any) -> Operation:
        groups = self.draw(st.sampled_from([1, self.channels]))
        filters = groups * self.integer(1, 2) if self.channels < 4 else groups
        arguments: dict[str, Any] = {
            "kernel_size": self.each(1, 3),
            "stride": self.each(1, 2),
            "padding": self.each(0, 2),
            "dilation": self.each(1, 2),
        }
        op = CONVS[self.axes](self.channels, filters, **{**arguments, **more}, groups=groups, bias=False)
        self.channels = filters
        return op

    def pool(self) -> Operation:
        kernel = self.each(1, 3)
        padding = tuple(self.integer(0, size // 2) for size in kernel)
        if self.draw(st.booleans()):
            return MAX_POOLS[self.axes](kernel, self.each(1, 2), padding, self.each(1, 2))
        return AVG_POOLS[self.axes](kernel, self.each(1, 2), padding)

    def relu(self) -> Operation:
        return ReLU(spatial_axes=self.axes)

    def pad(self, least: int = 0) -> Operation:
        return Pad(tuple((self.integer(least, 2), self.integer(least, 2)) for _ in range(self.axes)))

    def keeping(self, source: int | str) -> list[Operation | Stage]:
        """A padding that is not the same on both sides, and a convolution that makes up for it."""
        kernel, dilation = self.each(1, 3), self.each(1, 2)
        around = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        before = [self.integer(0, total) for total in around]
        pad = Pad(tuple((b, total - b) for b, total in zip(before, around, strict=True)))
        conv = CONVS[self.axes](self.channels, self.channels, kernel, dilation=dilation, bias=False)
        return [Stage(pad, (source,)), conv]

    def conv_in_any_padding(self) -> Operation:
        return self.conv(stride=1, padding=1, padding_mode=self.draw(st.sampled_from(MODES)))

    def transposed(self) -> Operation:
        stride = self.each(1, 2)
        more = tuple(self.integer(0, s - 1) for s in stride)
        channels = (self.channels, self.channels)
        groups = self.draw(st.sampled_from([1, self.channels]))
        return TRANSPOSED[self.axes](*channels, self.each(1, 3), stride, self.each(0, 1), more, groups, bias=False)

    def doubled(self) -> list[Operation | Stage]:
        """What was before and a sum of it, as twice the channels."""
        base = len(self.stages)
        source = base - 1 if base else "input"
        channels, self.channels = self.channels, 2 * self.channels
        return [Stage(CONVS[self.axes](channels, channels, 1, bias=False), (source,)), Stage(Concat(), (source, base))]

    def branches(self) -> list[Operation | Stage]:
        """One or two ways around, which an addition brings together again."""
        base = len(self.stages)
        source = base - 1 if base else "input"
        if self.draw(st.booleans()):
            return [*self.keeping(source), Stage(Add(), (base + 1, source))]
        return [*self.keeping(source), *self.keeping(source), Stage(Add(), (base + 1, base + 3))]

    def chain(self, kinds: Sequence[Callable[[], Any]], most: int) -> Sequential:
        for _ in range(self.integer(1, most)):
            stages = self.draw(st.sampled_from(kinds))()
            self.stages += stages if isinstance(stages, list) else [stages]
        return Sequential(*self.stages)

    def input_and_cell(self, chain: Sequential, channels: int, most: int) -> tuple[Shape, Shape]:
        """An input shape that every stage takes, and a cell of the output."""
        shape = (channels, *self.each(2, most))
        try:
            output = chain.output_shape(shape)
        except ConvMathError:
            reject()
        return shape, tuple(self.integer(0, size - 1) for size in output)


def has_cell(chain: Sequential, shape: Shape, cell: Shape) -> bool:
    """Whether the output for such an input has a cell at this position."""
    try:
        return all(at < size for at, size in zip(cell, chain.output_shape(shape)[1:], strict=True))
    except ConvMathError:
        return False


@some
@given(st.data())
def test_a_receptive_field_is_where_changes_reach_the_output(data: st.DataObject) -> None:
    """Rows (and columns) of the input are 1 in turn; the output cell is one whose field lies on the input."""
    axes = data.draw(st.sampled_from([1, 2]))
    drawn = Drawn(data.draw, axes)
    channels = drawn.channels
    chain = drawn.chain([drawn.conv, drawn.pool, drawn.pad, drawn.branches, drawn.relu], most=4)
    fields = receptive_field(chain)
    assert len(fields) == axes
    cell = [max(0, -(field.start // field.stride)) + drawn.integer(0, 1) for field in fields]
    first = [field.start + at * field.stride for field, at in zip(fields, cell, strict=True)]
    ends = [start + field.size for field, start in zip(fields, first, strict=True)]
    shape = tuple(end + drawn.integer(0, 3) for end in ends)
    output = chain.output_shape((channels, *shape))
    assert all(at < size for at, size in zip(cell, output[1:], strict=True))

    for axis, size in enumerate(shape):
        x = np.zeros((size, channels, *shape))
        for n in range(size):
            x[n].swapaxes(0, 1 + axis)[n] = 1
        values = chain.forward(x, [ones(op) for op in chain.ops])
        reached = np.flatnonzero(values[(slice(None), slice(None), *cell)].any(axis=1))
        assert (reached[0], reached[-1] + 1) == (first[axis], ends[axis])


@some
@given(st.data())
def test_usage_counts_are_what_ones_give_through_weights_of_ones(data: st.DataObject) -> None:
    """Sums of ones count paths, from every cell of every tensor of the chain."""
    axes = data.draw(st.sampled_from([1, 2]))
    drawn = Drawn(data.draw, axes)
    channels = drawn.channels
    kinds = [
        drawn.conv,
        drawn.conv_in_any_padding,
        drawn.transposed,
        drawn.branches,
        lambda: drawn.pad(-1),
        lambda: ZeroInsert(drawn.each(1, 2)),
        lambda: ChannelShuffle(drawn.channels),
        lambda: Upsample(scale_factor=2, spatial_axes=axes),
        drawn.relu,
    ]
    chain = drawn.chain(kinds if axes == 1 else [*kinds, lambda: AvgPool2d(3, 2, 1, divisor_override=1)], most=3)
    shape, cell = drawn.input_and_cell(chain, channels, most=6)
    expected = responses(chain, shape, cell)
    counts = usage_counts(chain, cell, shape)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, expected[0])
    for mask, response in zip(ancestors(chain, cell, shape), expected, strict=True):
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, response != 0)


@some
@given(st.data())
def test_usage_counts_are_the_numbers_of_paths_of_taps(data: st.DataObject) -> None:
    """The taps of all trajectories are followed back, one by one, whatever their coefficients."""
    drawn = Drawn(data.draw, 2)
    channels = drawn.channels
    kinds = [
        drawn.conv,
        drawn.pool,
        drawn.doubled,
        drawn.branches,
        lambda: MaxPool2d(drawn.each(1, 2), ceil_mode=True),
        lambda: AdaptiveAvgPool2d(drawn.each(1, 3)),
        lambda: Upsample(size=drawn.each(1, 5), mode="bilinear"),
        lambda: BatchNorm2d(drawn.channels),
        lambda: Softmax(data.draw(st.sampled_from([None, 1, 2, -1]))),
        ReLU,
    ]
    chain = drawn.chain(kinds, most=3)
    shape, _ = drawn.input_and_cell(chain, channels, most=5)
    output = chain.output_shape(shape)
    if output[0] % 4 == 0 and data.draw(st.booleans()):
        chain = Sequential(chain, PixelShuffle(2))
    ends = [Sequential(chain, Unfold(1)), Sequential(chain, Flatten(), Linear(prod(output), 2)), chain]
    chain = data.draw(st.sampled_from(ends))
    cell = tuple(drawn.integer(0, size - 1) for size in chain.output_shape(shape))
    expected = paths(chain, shape, cell)
    np.testing.assert_array_equal(usage_counts(chain, cell, shape), expected[0])
    for mask, counts in zip(ancestors(chain, cell, shape), expected, strict=True):
        np.testing.assert_array_equal(mask, counts > 0)


@some
@given(st.data())
def test_without_an_input_shape_it_is_the_smallest_that_has_the_cell(data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from([1, 2]))
    drawn = Drawn(data.draw, axes)
    conv = drawn.conv()
    kinds = [drawn.conv, drawn.pool, drawn.pad, lambda: drawn.pad(-1), drawn.branches]
    chain = Sequential(conv, drawn.chain(kinds, most=3))
    cell = drawn.each(0, 2)
    counts = usage_counts(chain, (0, *cell))
    assert counts.shape[0] == conv.in_channels  # type: ignore[attr-defined]
    np.testing.assert_array_equal(counts, usage_counts(chain, (0, *cell), counts.shape))
    for mask, same in zip(ancestors(chain, (0, *cell)), ancestors(chain, (0, *cell), counts.shape), strict=True):
        np.testing.assert_array_equal(mask, same)
    for axis in range(1, axes + 1):
        if counts.shape[axis] > 1:
            smaller = tuple(size - (number == axis) for number, size in enumerate(counts.shape))
            assert not has_cell(chain, smaller, cell)


@pytest.mark.parametrize(
    ("chain", "cell", "shape"),
    [
        ([Conv2d(1, 1, 3, padding=1, padding_mode="reflect")], (0, 0, 0), (1, 2, 2)),
        ([Conv2d(1, 1, 3, padding=2, padding_mode="circular")], (0, 0, 0), (1, 2, 2)),
        ([Pad(2, padding_mode="reflect")], (0, 0, 0), (1, 3, 3)),
        ([MaxPool2d(2, ceil_mode=True)], (0, 1, 1), (1, 3, 3)),
        ([ChannelShuffle(2)], (0, 0, 0), (2, 1, 1)),
        ([AvgPool2d(2)], (1, 0, 0), (2, 2, 2)),
        ([Stage(Concat(), ("input", "input")), Conv2d(4, 1, 1)], (0, 0, 0), (2, 1, 1)),
        ([Conv2d(1, 1, 1, 2), Stage(Conv2d(1, 1, 2, 2), ("input",)), Stage(Add(), (0, 1))], (0, 1, 1), (1, 4, 4)),
    ],
    ids=["reflect", "circular", "pad", "ceil_mode", "shuffle", "second channel", "concat", "branches"],
)
def test_the_smallest_input_is_one_that_every_stage_takes(chain: list[Any], cell: Shape, shape: Shape) -> None:
    assert has_cell(Sequential(*chain), shape, cell[1:])
    assert usage_counts(chain, cell).shape == shape


@some
@given(st.data())
def test_a_position_alone_is_channel_0_and_sums_over_the_inputs_channels(data: st.DataObject) -> None:
    drawn = Drawn(data.draw, data.draw(st.sampled_from([1, 2])))
    channels = drawn.channels
    chain = drawn.chain([drawn.conv, drawn.branches, drawn.pad], most=3)
    shape, (_, *position) = drawn.input_and_cell(chain, channels, most=6)
    counts = usage_counts(chain, (0, *position), shape)
    np.testing.assert_array_equal(usage_counts(chain, position, shape), counts.sum(axis=0))
    every = ancestors(chain, (0, *position), shape)
    for flat, mask in zip(ancestors(chain, tuple(position), shape), every, strict=True):
        np.testing.assert_array_equal(flat, mask.any(axis=0))


def test_a_position_alone_is_not_another_channel() -> None:
    """Channel 0 is the input's middle, channel 1 a sum of three."""
    chain = [Pad(((-1, -1),)), Stage(Conv1d(1, 1, 3), ("input",)), Stage(Concat(), (0, 1))]
    assert usage_counts(chain, (0,), (1, 3)).tolist() == [0, 1, 0]
    assert usage_counts(chain, (1, 0), (1, 3)).tolist() == [[1, 1, 1]]


def test_the_receptive_fields_of_known_networks() -> None:
    """Sizes, strides and padding as in the table of Araujo, Norris, Sim, Distill 2019; ResNet-50 as torchvision's."""
    pool = MaxPool2d(3, 2)
    alexnet = [Conv2d(3, 64, 11, 4), pool, Conv2d(64, 192, 5, padding=2), pool]
    alexnet += [Conv2d(n, m, 3, padding=1) for n, m in ((192, 384), (384, 384), (384, 256))] + [pool]
    assert receptive_field(alexnet) == (ReceptiveField(195, 32, -64),) * 2

    vgg: list[Operation] = []
    for convs in (2, 2, 3, 3, 3):
        vgg += [Conv2d(1, 1, 3, padding=1)] * convs + [MaxPool2d(2)]
    assert receptive_field(vgg) == (ReceptiveField(212, 32, -90),) * 2

    resnet = Sequential(Conv2d(1, 1, 7, 2, 3), MaxPool2d(3, 2, 1))
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride, base = 2 if stage and not block else 1, len(resnet.ops)
            ways = [Conv2d(1, 1, 1), Conv2d(1, 1, 3, stride, 1), Conv2d(1, 1, 1)]
            around = Stage(Conv2d(1, 1, 1, stride), (base - 1,))
            resnet = Sequential(resnet, *ways, around, Stage(Add(), (base + 2, base + 3)))
    assert receptive_field(resnet) == (ReceptiveField(427, 32, -213),) * 2


@pytest.mark.parametrize(
    ("stages", "sizes"),
    [
        ([Conv2d(1, 1, 3)] * 3, (7, 7)),
        ([Conv2d(1, 1, 3, dilation=1)], (3, 3)),
        ([Conv2d(1, 1, 3, dilation=rate) for rate in (1, 2)], (7, 7)),
        ([Conv2d(1, 1, 3, dilation=rate) for rate in (1, 2, 4)], (15, 15)),
        ([Conv1d(1, 1, 2, dilation=rate) for rate in (1, 2, 4, 8)], (16,)),
        ([Conv2d(1, 1, 3, dilation=rate) for rate in (2, 2, 2)], (13, 13)),
        ([Conv2d(1, 1, 3, dilation=rate) for rate in (1, 2, 3)], (13, 13)),
        ([Conv3d(1, 1, (1, 2, 3))], (1, 2, 3)),
        ([ReLU(), BatchNorm2d(1), Softmax()], (1, 1)),
        ([Linear(4, 2), ReLU()], ()),
    ],
)
def test_known_fields(stages: list[Operation], sizes: tuple[int, ...]) -> None:
    assert tuple(field.size for field in receptive_field(stages)) == sizes
    assert receptive_field(tuple(stages)) == receptive_field(Sequential(*stages)) == receptive_field(iter(stages))


def test_a_cut_moves_the_field_to_the_inside() -> None:
    assert receptive_field([Pad(((-2, -1),)), Conv1d(1, 1, 3, stride=2)]) == (ReceptiveField(3, 2, 2),)


def test_a_field_covers_what_both_branches_see() -> None:
    left, right = Pad(((2, 0),)), Pad(((0, 2),))
    chain = [left, Conv1d(1, 1, 3), Stage(right, ("input",)), Conv1d(1, 1, 3), Stage(Add(), (1, 3))]
    assert receptive_field(chain) == (ReceptiveField(5, 1, -2),)
    assert usage_counts(chain, (2,), (1, 5)).tolist() == [1, 1, 2, 1, 1]


@pytest.mark.parametrize(
    ("rates", "distances", "passes", "used"),
    [
        ((2, 2, 2), (2, 2, 2), True, 7),
        ((1, 2, 3), (1, 2, 3), True, 13),
        ((1, 2, 5), (1, 2, 5), True, 17),
        ((1, 2, 9), (3, 5, 9), False, 21),
        ((1,), (1,), True, 3),
        ((4,), (4,), False, 3),
    ],
)
def test_the_rule_of_hybrid_dilation_and_the_holes(
    rates: tuple[int, ...], distances: tuple[int, ...], passes: bool, used: int
) -> None:
    """used: cells of the field along an axis that are not holes. (2, 2, 2) passes and has holes."""
    assert hdc_distances(rates) == distances
    assert hdc_distances(rates).within_kernel == passes
    counts = usage_counts(dilated(*rates), (0, 0))
    assert counts.shape == (2 * sum(rates) + 1,) * 2
    assert np.count_nonzero(counts) == used**2
    assert counts.sum() == 9 ** len(rates)


def test_equal_rates_leave_a_checkerboard_and_growing_ones_no_hole() -> None:
    grid, full = (usage_counts(dilated(*rates), (0, 0)) for rates in ((2, 2, 2), (1, 2, 3)))
    assert grid.shape == full.shape == (13, 13)
    line = [1, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1]  # (1 + x^2 + x^4)^3
    np.testing.assert_array_equal(grid, np.outer(line, line))
    assert full.min() == 1


@some
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 6))
def test_hdc_distances_follow_the_papers_formula(rates: list[int], kernel: int) -> None:
    def largest(i: int) -> int:
        if i == len(rates):
            return rates[-1]
        rate, after = rates[i - 1], largest(i + 1)
        return max(after - 2 * rate, after - 2 * (after - rate), rate)

    result = hdc_distances(rates, kernel)
    assert result == tuple(largest(i) for i in range(1, len(rates) + 1))
    assert result.within_kernel == (largest(min(2, len(rates))) <= kernel)
    assert pickle.loads(pickle.dumps(result)).within_kernel == result.within_kernel


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("layers", [1, 2, 17, 34, 40, 41])
def test_counts_stay_exact_however_large(layers: int, axes: int) -> None:
    """Three channels throughout, kernels of 2: binomial coefficients along each axis, 3^(layers - 1) ways between."""
    chain = [CONVS[axes](3, 3, 2)] * layers
    along = [comb(layers, at) for at in range(layers + 1)]
    expected = [3 ** (layers - 1) * prod(factors) for factors in product(along, repeat=axes)]
    for counts, times in ((usage_counts(chain, (0,) * axes), 3), (usage_counts(chain, (1,) + (0,) * axes)[2], 1)):
        assert counts.tolist() == np.array([times * n for n in expected], object).reshape(counts.shape).tolist()
        fits = times * max(expected) < 2**63
        assert counts.dtype == (np.int64 if fits else object)
        assert all(type(count) is int for count in counts.ravel().tolist())


@pytest.mark.parametrize(
    ("power", "dtype"), [(52, np.int64), (53, np.int64), (62, np.int64), (63, object), (64, object)]
)
def test_integers_of_64_bits_end_at_2_to_the_63(power: int, dtype: type) -> None:
    counts = usage_counts([Conv1d(2, 2, 1)] * (power + 1), (0, 0))
    assert (counts.dtype, counts.tolist()) == (dtype, [[2**power]] * 2)
    summed = usage_counts([Conv1d(2, 2, 1)] * power, (0,))
    assert (summed.dtype, summed.tolist()) == (dtype, [2**power])


def test_a_sum_over_channels_is_exact_where_each_channel_fits_in_a_float() -> None:
    assert usage_counts([Conv1d(3, 3, 1)] * 34, (0,)).tolist() == [3**34]


def test_counts_beyond_the_largest_float_are_exact_too() -> None:
    question: Any = [Conv1d(1000, 1000, 1)] * 110, (0, 0), (1000, 2)
    assert usage_counts(*question).tolist() == [[10**327, 0]] * 1000
    assert ancestors(*question)[0].tolist() == [[True, False]] * 1000


def test_masks_are_of_the_shapes_of_the_chain() -> None:
    chain = Sequential(Conv2d(2, 4, 3), ChannelShuffle(2), Flatten(), Linear(36, 5))
    masks = ancestors(chain, (3,), (2, 5, 5))
    assert [mask.shape for mask in masks] == chain.shapes((2, 5, 5))
    assert np.flatnonzero(masks[-1]).tolist() == [3]
    assert all(mask.all() for mask in masks[:-1])


def test_numpy_integers_name_a_cell() -> None:
    cell = (np.int64(0), np.int32(1), np.uint8(1))
    assert usage_counts(dilated(1), cell, (1, 5, 5)).tolist() == usage_counts(dilated(1), (0, 1, 1), (1, 5, 5)).tolist()


CONV = Conv2d(2, 2, 3)
UNPOOL, DEFORM = MaxUnpool2d(2), DeformConv2d(1, 1, 3)
STRIDES = [Conv2d(1, 1, 1, 2), Stage(AvgPool2d(1), ("input",)), Stage(Concat(), (0, 1))]

WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: receptive_field([]), "Sequential: no stages; allowed: one operation or more"),
    (lambda: receptive_field(CONV), "stages=Conv2d("),  # type: ignore[arg-type]
    (lambda: receptive_field(3), "stages=3; allowed: a list of operations"),  # type: ignore[arg-type]
    (lambda: receptive_field([CONV, 3]), "Sequential: stage 1 is 3; allowed: an operation"),  # type: ignore[list-item]
    (lambda: receptive_field(STRIDES), "stage 2: branches of strides 2 and 1 meet; allowed: one stride"),
    (lambda: usage_counts([CONV], 3), "usage_counts: output_cell=3; allowed: a tuple of integers"),  # type: ignore[arg-type]
    (lambda: usage_counts([CONV], (0, 1.0)), "usage_counts: output_cell=(0, 1.0); allowed: a tuple of integers"),  # type: ignore[arg-type]
    (lambda: usage_counts([CONV], (0, True)), "usage_counts: output_cell=(0, True); allowed: a tuple of integers"),
    (lambda: usage_counts([CONV], (0,)), "output_cell=(0,); allowed: 2 integers >= 0, after one for the channel"),
    (lambda: usage_counts([CONV], (0, -1)), "output_cell=(0, -1); allowed: 2 integers >= 0"),
    (lambda: usage_counts([CONV], (0, 0, 0, 0)), "output_cell=(0, 0, 0, 0); allowed: 2 integers >= 0"),
    (lambda: usage_counts([CONV], (2, 0, 0)), "output_cell=(2, 0, 0); allowed: a cell of the output (2, 1, 1)"),
    (lambda: usage_counts([CONV], (3, 0), (2, 5, 5)), "output_cell=(3, 0); allowed: a cell of the output (2, 3, 3)"),
    (lambda: usage_counts([CONV], (0, -1), (2, 5, 5)), "output_cell=(0, -1); allowed: a cell of the output (2, 3, 3)"),
    (lambda: usage_counts([CONV], (0, 0), (1, 2, 5, 5)), "input_shape=(1, 2, 5, 5) has a batch axis; allowed: (C, *"),
    (lambda: usage_counts([CONV], (0, 0), (3, 5, 5)), "stage 0: Conv2d: the input has 3 channels; allowed: in_chan"),
    (lambda: usage_counts([CONV], (0, 0), (2, 10**6, 10**6)), "cells; allowed: at most 134217728 at once"),
    (lambda: usage_counts([Flatten()], (0, 0)), "input_shape=None, and no input was found that has (0, 0)"),
    (lambda: usage_counts([DEFORM], (0, 0), (1, 5, 5)), "stage 0: DeformConv2d; allowed: operations whose taps do not"),
    (lambda: usage_counts([UNPOOL], (0, 0), (1, 5, 5)), "stage 0: MaxUnpool2d: indices=None; allowed: integers of the"),
    (lambda: ancestors([CONV], (9, 9), (2, 5, 5)), "ancestors: output_cell=(9, 9); allowed: a cell of the output"),
    (lambda: ancestors([], (0, 0)), "Sequential: no stages; allowed: one operation or more"),
    (lambda: hdc_distances([]), "hdc_distances: rates=[]; allowed: a list of integers >= 1"),
    (lambda: hdc_distances(3), "hdc_distances: rates=3; allowed: a list of integers >= 1"),  # type: ignore[arg-type]
    (lambda: hdc_distances([1, 0]), "hdc_distances: rates=0; allowed: an integer >= 1"),
    (lambda: hdc_distances([1, 2.0]), "hdc_distances: rates=2.0; allowed: an integer >= 1"),  # type: ignore[list-item]
    (lambda: hdc_distances([1, 2], 0), "hdc_distances: kernel=0; allowed: an integer >= 1"),
]


@pytest.mark.parametrize(("attempt", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_named(attempt: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        attempt()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "op",
    [
        ConvTranspose2d(1, 1, 3),
        AdaptiveAvgPool2d(1),
        Flatten(),
        PixelShuffle(2),
        Unfold(3),
        Upsample(scale_factor=2),
        ZeroInsert(2),
        MaxUnpool2d(2),
        Softmax(2),
        Concat(2),
    ],
    ids=lambda op: op.name,
)
def test_windows_that_are_not_the_same_everywhere_have_no_receptive_field(op: Operation) -> None:
    allowed = "allowed: operations with the same window at all positions"
    with pytest.raises(ConvMathError, match=f"^receptive_field: stage 1: {op.name}; {allowed}$"):
        receptive_field([Conv2d(1, 4, 3), op])
