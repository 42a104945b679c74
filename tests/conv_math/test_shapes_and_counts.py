"""Shapes, parameters and multiply-accumulates of every class, in numbers that one can check by hand."""

import dataclasses
import inspect
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import some

from convmotion import conv_math
from convmotion.conv_math import (
    GELU,
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    Add,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvMathError,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DeformConv2d,
    Flatten,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool2d,
    Mul,
    Narrow,
    Operation,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    ReceptiveField,
    ReLU,
    ReLU6,
    Sequential,
    Shape,
    Sigmoid,
    SiLU,
    Softmax,
    Stage,
    Tanh,
    Unfold,
    Upsample,
    Window,
    ZeroInsert,
)

WEIGHTED: list[tuple[Operation, Shape, Shape, Shape | None, int, int]] = [
    # operation, input, output, weight, weights + biases, multiply-accumulates
    (Conv1d(4, 6, 3), (4, 12), (6, 10), (6, 4, 3), 72 + 6, 60 * 12),
    (Conv1d(4, 6, 3, 2, 1, 2, 2), (4, 12), (6, 5), (6, 2, 3), 36 + 6, 30 * 6),
    (Conv2d(8, 8, 3), (8, 7, 7), (8, 5, 5), (8, 8, 3, 3), 576 + 8, 14_400),
    (Conv2d(8, 8, 3, groups=2), (8, 7, 7), (8, 5, 5), (8, 4, 3, 3), 288 + 8, 7_200),
    (Conv2d(8, 8, 3, groups=8, bias=False), (8, 7, 7), (8, 5, 5), (8, 1, 3, 3), 72, 1_800),
    (Conv2d(8, 8, 1, bias=False), (8, 5, 5), (8, 5, 5), (8, 8, 1, 1), 64, 1_600),
    (Conv2d(3, 4, 3, bias=False), (4, 3, 6, 6), (4, 4, 4, 4), (4, 3, 3, 3), 108, 6_912),
    (Conv2d(3, 10, 5), (3, 32, 32), (10, 28, 28), (10, 3, 5, 5), 750 + 10, 588_000),
    (Conv2d(1, 1, 3, padding=1), (1, 5, 5), (1, 5, 5), (1, 1, 3, 3), 10, 225),
    (Conv2d(1, 1, 4, padding="same"), (1, 5, 5), (1, 5, 5), (1, 1, 4, 4), 17, 400),
    (Conv2d(1, 1, 4, padding="valid"), (1, 5, 5), (1, 2, 2), (1, 1, 4, 4), 17, 64),
    (Conv2d(3, 64, 7, 2, 3, bias=False), (3, 224, 224), (64, 112, 112), (64, 3, 7, 7), 9_408, 118_013_952),
    (Conv3d(1, 1, 3, bias=False), (1, 5, 5, 5), (1, 3, 3, 3), (1, 1, 3, 3, 3), 27, 729),
    (Conv3d(2, 4, (1, 2, 3), groups=2), (5, 2, 2, 3, 4), (5, 4, 2, 2, 2), (4, 1, 1, 2, 3), 24 + 4, 160 * 6),
    (ConvTranspose1d(4, 6, 3, stride=2), (4, 5), (6, 11), (4, 6, 3), 72 + 6, 20 * 18),
    (ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), (4, 3, 3), (6, 6, 6), (4, 3, 3, 3), 108 + 6, 36 * 27),
    (ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, False), (2, 4, 3, 3), (2, 6, 6, 6), (4, 3, 3, 3), 108, 2 * 36 * 27),
    (ConvTranspose2d(1, 1, 3, bias=False), (1, 2, 2), (1, 4, 4), (1, 1, 3, 3), 9, 36),
    (ConvTranspose3d(1, 2, 2), (1, 2, 2, 2), (2, 3, 3, 3), (1, 2, 2, 2, 2), 16 + 2, 8 * 16),
    (DeformConv2d(1, 1, 3), (1, 7, 7), (1, 5, 5), (1, 1, 3, 3), 10, 225),
    (DeformConv2d(4, 2, 3, 2, 1, groups=2, bias=False), (4, 7, 7), (2, 4, 4), (2, 2, 3, 3), 36, 32 * 18),
    (Linear(400, 120), (400,), (120,), (120, 400), 48_120, 48_000),
    (Linear(16, 10, bias=False), (3, 16), (3, 10), (10, 16), 160, 480),
    (BatchNorm2d(8), (8, 7, 7), (8, 7, 7), (8,), 16, 0),
    (BatchNorm2d(8, affine=False), (2, 8, 7, 7), (2, 8, 7, 7), None, 0, 0),
]

WEIGHTLESS: list[tuple[Operation, Any, Shape]] = [
    (MaxPool1d(3, 2, 1), (2, 7), (2, 4)),
    (MaxPool2d(2), (4, 6, 6), (4, 3, 3)),
    (MaxPool2d(2, ceil_mode=True), (4, 5, 6), (4, 3, 3)),
    (MaxPool3d(2, 1, dilation=2), (3, 2, 4, 4, 4), (3, 2, 2, 2, 2)),
    (AvgPool1d(3), (2, 8), (2, 2)),
    (AvgPool2d((3, 2), (1, 2), (1, 0)), (4, 6, 6), (4, 6, 3)),
    (AvgPool3d(2), (2, 4, 4, 4), (2, 2, 2, 2)),
    (AdaptiveAvgPool1d(3), (2, 7), (2, 3)),
    (AdaptiveAvgPool2d((None, 2)), (4, 7, 7), (4, 7, 2)),
    (AdaptiveAvgPool3d(1), (2, 4, 4, 4), (2, 1, 1, 1)),
    (AdaptiveMaxPool1d(9), (2, 7), (2, 9)),
    (AdaptiveMaxPool2d(3), (4, 7, 7), (4, 3, 3)),
    (AdaptiveMaxPool3d((1, 2, 3)), (5, 2, 4, 4, 4), (5, 2, 1, 2, 3)),
    (MaxUnpool2d(2), (1, 2, 2), (1, 4, 4)),
    (MaxUnpool2d(3, 2, 1, (6, 5)), (1, 3, 3), (1, 6, 5)),
    (Upsample(scale_factor=2), (1, 3, 3), (1, 6, 6)),
    (Upsample((4, 9), mode="bilinear"), (2, 1, 3, 3), (2, 1, 4, 9)),
    (Pad(((1, 0), (2, -1))), (1, 3, 3), (1, 4, 4)),
    (Pad(1, "reflect"), (2, 1, 3, 3), (2, 1, 5, 5)),
    (ZeroInsert((2, 3)), (1, 3, 3), (1, 5, 7)),
    (ChannelShuffle(2), (8, 5, 5), (8, 5, 5)),
    (PixelShuffle(2), (12, 4, 4), (3, 8, 8)),
    (PixelUnshuffle(2), (3, 8, 8), (12, 4, 4)),
    (Flatten(), (16, 5, 5), (400,)),
    (Flatten(2), (2, 16, 5, 5), (2, 16, 25)),
    (Unfold(3, padding=1, stride=2), (2, 5, 5), (18, 9)),
    (ReLU(), (4, 3, 3), (4, 3, 3)),
    (ReLU6(), (4, 3, 3), (4, 3, 3)),
    (LeakyReLU(0.2), (4, 3, 3), (4, 3, 3)),
    (Sigmoid(), (2, 4, 3, 3), (2, 4, 3, 3)),
    (Tanh(), (10,), (10,)),
    (GELU(), (3, 10), (3, 10)),
    (Hardsigmoid(), (4, 3, 3), (4, 3, 3)),
    (Hardswish(), (4, 3, 3), (4, 3, 3)),
    (Hardtanh(0.0, 2.0), (4, 3, 3), (4, 3, 3)),
    (SiLU(), (4, 3, 3), (4, 3, 3)),
    (Narrow(1, 2, 2), (2, 4, 3, 3), (2, 2, 3, 3)),
    (Narrow(-1, 0, 1), (4, 3, 3), (4, 3, 1)),
    (Mul(), [(4, 3, 3), (4, 1, 1)], (4, 3, 3)),
    (Softmax(), (3, 10), (3, 10)),
    (Add(), [(4, 3, 3), (4, 3, 3)], (4, 3, 3)),
    (Concat(), [(2, 4, 3, 3), (2, 2, 3, 3)], (2, 6, 3, 3)),
    (Concat(-1), [(4, 3, 3), (4, 3, 2)], (4, 3, 5)),
]

OPERATIONS = [row[0] for row in (*WEIGHTED, *WEIGHTLESS)]


@pytest.mark.parametrize(
    ("op", "input_shape", "output_shape", "weight_shape", "num_parameters", "macs"),
    WEIGHTED,
    ids=[repr(row[0]) for row in WEIGHTED],
)
def test_layers_with_weights(
    op: Operation, input_shape: Shape, output_shape: Shape, weight_shape: Shape | None, num_parameters: int, macs: int
) -> None:
    assert op.output_shape(input_shape) == output_shape
    assert op.weight_shape == weight_shape
    assert op.num_parameters == num_parameters
    assert op.macs(input_shape) == macs


@pytest.mark.parametrize(
    ("op", "input_shape", "output_shape"), WEIGHTLESS, ids=[f"{op!r} {shape}" for op, shape, _ in WEIGHTLESS]
)
def test_layers_without_weights(op: Operation, input_shape: Any, output_shape: Shape) -> None:
    assert op.output_shape(input_shape) == output_shape
    assert (op.weight_shape, op.bias_shape, op.num_parameters, op.macs(input_shape)) == (None, None, 0, 0)


def test_no_operation_is_missing_above() -> None:
    public = (getattr(conv_math, name) for name in conv_math.__all__)
    operations = {kind for kind in public if inspect.isclass(kind) and issubclass(kind, Operation)}
    assert {type(op) for op in OPERATIONS} == {kind for kind in operations if not inspect.isabstract(kind)}


@pytest.mark.parametrize("op", OPERATIONS, ids=repr)
def test_macs_and_steps_are_refused_where_the_shape_is_wrong(op: Operation) -> None:
    for attempt in (op.macs, op.output_shape, op.trajectory):
        with pytest.raises(ConvMathError, match=f"^{op.name}: "):
            attempt((1,) * 7)


def test_counts_of_a_chain_are_sums() -> None:
    unit = Sequential(
        Conv2d(8, 8, 1, groups=2, bias=False),
        ChannelShuffle(2),
        Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        Conv2d(8, 8, 1, groups=2, bias=False),
        Stage(Add(), (3, "input")),
    )
    assert (unit.num_parameters, unit.macs((8, 7, 7))) == (32 + 72 + 32, 49 * (32 + 72 + 32))
    deep = Sequential(Conv2d(1, 32, 3), Conv2d(32, 128, 3), Conv2d(128, 512, 3))
    assert deep.num_parameters == 320 + 36_992 + 590_336
    assert deep.macs((1, 32, 32)) == 32 * 900 * 9 + 128 * 784 * 32 * 9 + 512 * 676 * 128 * 9


@some
@given(st.data())
def test_macs_are_the_multiplies_of_all_steps(data: st.DataObject) -> None:
    """Those of a transposed convolution are all in its steps where nothing is cut off its output."""

    def drawn(least: int, most: int) -> int:
        return data.draw(st.integers(least, most))

    axes, groups, stride, dilation = drawn(1, 3), drawn(1, 2), drawn(1, 2), drawn(1, 2)
    channels, filters = groups * drawn(1, 2), groups * drawn(1, 2)
    kernel = tuple(drawn(1, 2) for _ in range(axes))
    shape = (*data.draw(st.sampled_from([(), (2,)])), channels, *[3] * axes)
    more: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": groups}
    conv = (Conv1d, Conv2d, Conv3d)[axes - 1](channels, filters, kernel, padding=drawn(0, 1), **more)
    transposed = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)[axes - 1](channels, filters, kernel, **more)
    cut = dataclasses.replace(transposed, padding=1)
    counts = [(conv, conv.macs), (transposed, transposed.macs), (transposed, transposed.landing), (cut, cut.landing)]
    for op, count in counts:
        trajectory = op.trajectory(shape, data.draw(st.sampled_from(["position", "filter"])))
        assert count(shape) == sum(len(trajectory.taps(t)) for t in range(len(trajectory)))


def test_products_cut_off_the_output_are_counted_all_the_same() -> None:
    op = ConvTranspose2d(1, 1, 3, padding=1)
    assert (op.macs((1, 3, 3)), op.landing((1, 3, 3))) == (81, 49)


def test_each_axis_has_its_own_hyperparameters() -> None:
    op = Conv2d(1, 1, (1, 3), stride=(1, 2), padding=(0, 1), dilation=(1, 2))
    assert op.output_shape((1, 4, 9)) == (1, 4, 4)
    assert op.window == Window((1, 3), (1, 2), (1, 2), ((0, 0), (1, 1)))
    assert op.window.extent == (1, 5)
    transposed = ConvTranspose2d(1, 1, (1, 3), (1, 2), (0, 1), (0, 1), dilation=(1, 2))
    assert transposed.output_shape((1, 4, 4)) == (1, 4, 10)
    assert MaxPool2d((1, 3), (1, 2), (0, 1), (1, 2)).output_shape((1, 4, 9)) == (1, 4, 4)


def test_a_size_that_the_stride_does_not_divide_is_rounded_down() -> None:
    assert Conv2d(1, 1, 3, stride=2).output_shape((1, 8, 9)) == (1, 3, 4)
    assert MaxPool2d(3, 2).output_shape((1, 8, 9)) == (1, 3, 4)


def test_with_ceil_mode_it_is_rounded_up_if_the_window_begins_on_the_input() -> None:
    assert MaxPool2d(3, 2, ceil_mode=True).output_shape((1, 8, 9)) == (1, 4, 4)
    assert AvgPool2d(2, 3, 1, ceil_mode=True).output_shape((1, 5, 6)) == (1, 2, 3)


def test_absurd_sizes_do_not_overflow() -> None:
    most = 2**31 - 1
    op = Conv2d(1, most, 3)
    assert op.output_shape((1, most, most)) == (most, most - 2, most - 2)
    assert op.num_parameters == 10 * most
    assert op.macs((1, most, most)) == 9 * most * (most - 2) ** 2
    assert op.trajectory((1, most, most)).steps == (most - 2) ** 2
    assert op.trajectory((most, 1, most, most), "filter").steps == most**2 * (most - 2) ** 2
    assert ConvTranspose2d(1, most, 3).macs((1, most - 2, most - 2)) == 9 * most * (most - 2) ** 2
    assert Linear(most, most).num_parameters == most**2 + most


def test_hyperparameters_stay_as_given_and_lists_become_tuples() -> None:
    op = Conv2d(1, 1, [3, 2], stride=2, padding=[1, 0])
    assert (op.kernel_size, op.stride, op.padding, op.dilation) == ((3, 2), 2, (1, 0), 1)
    assert op.window == Window((3, 2), (2, 2), (1, 1), ((1, 1), (0, 0)))
    assert Conv2d(1, 1, 4, padding="same").padding == "same"
    assert Conv2d(1, 1, 4, padding="same").window.padding == ((1, 2), (1, 2))
    pool = MaxPool2d([3, 2])
    assert (pool.kernel_size, pool.stride, pool.window.stride) == ((3, 2), None, (3, 2))
    assert AdaptiveAvgPool2d([None, 2]).output_size == (None, 2)
    assert Pad([1, [2, 3]]).padding == ((1, 1), (2, 3))


def leaves(value: Any) -> list[Any]:
    """What nested tuples hold."""
    return [leaf for entry in value for leaf in leaves(entry)] if isinstance(value, tuple) else [value]


def test_numpy_integers_are_integers() -> None:
    kinds: tuple[Any, ...] = (np.int8, np.uint8, np.int32, np.int64)
    one, two, three, four = (kind(n) for n, kind in enumerate(kinds, start=1))
    op: Any = Conv2d(two, four, three, stride=(two, 1), dilation=one, groups=two)
    assert op == Conv2d(2, 4, 3, stride=(2, 1), groups=2)
    shape = op.output_shape((two, three + four, three))
    assert shape == (4, 3, 1)
    transposed: Any = ConvTranspose2d(two, four, three, two, one, one)
    others: list[Any] = [
        transposed,
        MaxPool2d(three, two, one),
        AdaptiveAvgPool2d((two, None)),
        Upsample((two, three)),
        Pad(((one, two), (three, four))),
        ZeroInsert(two),
        PixelShuffle(two),
        Flatten(two),
        Linear(two, three),
        BatchNorm2d(two),
        Concat(two),
        ChannelShuffle(two),
    ]
    for value in (op, *others):
        assert not any(isinstance(leaf, np.generic) for leaf in leaves(dataclasses.astuple(value)))
    assert {type(size) for size in (*shape, *transposed.output_shape((two, three, four)))} == {int}


def test_numbers_in_other_types_become_floats() -> None:
    """uint8 pictures must not overflow, and float32 must not double its memory."""
    op = Conv2d(1, 1, 2, bias=False)
    picture = np.full((1, 2, 2), 200, np.uint8)
    for weight in (np.full((1, 1, 2, 2), 100, np.uint8), [[[[100, 100], [100, 100]]]]):
        output = op.forward(picture, weight)
        assert output.dtype.kind == "f"
        assert output.tolist() == [[[80_000.0]]]
    assert op.forward(picture.astype(np.float32), np.ones((1, 1, 2, 2), np.float32)).dtype == np.float32
    assert op.forward(picture, np.ones((1, 1, 2, 2))).dtype == np.float64
    for weightless in (ChannelShuffle(1), AvgPool2d(2), MaxPool2d(1), Upsample(3, mode="bilinear"), ReLU()):
        assert weightless.forward(picture).dtype == np.float32
    assert Add().forward([picture, picture]).tolist() == [[[400.0] * 2] * 2]


def test_bias_is_optional_and_is_added_per_filter() -> None:
    x, weight = np.ones((1, 1, 2)), np.ones((2, 1, 1, 1))
    for op, kernel in ((Conv2d(1, 2, 1), weight), (ConvTranspose2d(1, 2, 1), weight.swapaxes(0, 1))):
        assert op.forward(x, kernel).tolist() == [[[1, 1]], [[1, 1]]]
        assert op.forward(x, kernel, [10, 20]).tolist() == [[[11, 11]], [[21, 21]]]


@pytest.mark.parametrize(
    ("op", "shape"),
    [(op, shape) for op, shape, *_ in (*WEIGHTED, *WEIGHTLESS) if op.macs(shape) < 10**6],
    ids=lambda value: repr(value) if isinstance(value, Operation) else "",
)
def test_forward_does_not_change_its_arguments(op: Operation, shape: Any) -> None:
    """Nor does the output share their memory."""
    x = [np.ones(one) for one in shape] if isinstance(shape, list) else np.ones(shape)
    parameters = [None if one is None else np.ones(one) for one in (op.weight_shape, op.bias_shape)]
    more: dict[str, Any] = {}
    if isinstance(op, DeformConv2d):
        more = {"offset": np.ones(op.offset_shape(shape))}
    if isinstance(op, MaxUnpool2d):
        more = {"indices": np.ones(shape, int)}
    output = op.forward(x, *parameters, **more)
    output[:] = 5
    arrays = [*(x if isinstance(x, list) else [x]), *parameters, *more.values()]
    assert all((array == 1).all() for array in arrays if array is not None)


def test_a_batch_needs_no_more_memory_than_one_picture_and_the_output() -> None:
    """The windows are laid out as columns, 25 times the picture, for one picture at a time."""
    op = Conv2d(16, 16, 5, padding=2, bias=False)
    x, weight = np.ones((8, 16, 64, 64)), np.ones(op.weight_shape)
    peaks = []
    for batch in (x[:1], x):
        op.forward(batch, weight)
        tracemalloc.start()
        try:
            op.forward(batch, weight)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    one, eight = peaks
    assert one < 2.1 * 25 * x[:1].nbytes
    assert eight < one + 2.1 * 8 * x[:1].nbytes + 25 * x[:1].nbytes


@pytest.mark.parametrize(
    "value",
    [
        *OPERATIONS,
        Sequential(Conv2d(1, 1, 3), Stage(Add(), (0, "input"))),
        Conv2d(1, 1, 3).window,
        Conv2d(1, 1, 3).trajectory((1, 5, 5)),
        ConvTranspose2d(1, 1, 3).trajectory((1, 5, 5)),
        MaxPool2d(2).trajectory((1, 4, 4)),
        ChannelShuffle(1).trajectory((1, 5, 5)),
        Add().trajectory([(1, 5, 5)] * 2),
        Sequential(Conv2d(1, 1, 3)).trajectory((1, 5, 5)),
        Stage(Add(), (0, "input")),
        ReceptiveField(1, 1, 0),
    ],
    ids=repr,
)
def test_descriptions_are_frozen_hashable_and_picklable(value: object) -> None:
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)


@pytest.mark.parametrize(
    "record", [Conv2d(1, 1, 1).trajectory((1, 1, 1)).taps(0), ChannelShuffle(1).views((1, 1, 1))[0]]
)
def test_taps_and_views_are_frozen(record: object) -> None:
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, None)
