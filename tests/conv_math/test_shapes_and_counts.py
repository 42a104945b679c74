"""Shapes, parameters and multiply-accumulates, in the numbers that the field's articles print."""

import dataclasses
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest

from convmotion.conv_math import ChannelShuffle, Conv2d, ReceptiveField, Sequential, Window

CATALOG = {
    "standard": (Conv2d(8, 8, 3, bias=False), (8, 7, 7), (8, 5, 5), 576, 14_400),
    "grouped": (Conv2d(8, 8, 3, groups=2, bias=False), (8, 7, 7), (8, 5, 5), 288, 7_200),
    "depthwise": (Conv2d(8, 8, 3, groups=8, bias=False), (8, 7, 7), (8, 5, 5), 72, 1_800),
    "pointwise": (Conv2d(8, 8, 1, bias=False), (8, 5, 5), (8, 5, 5), 64, 1_600),
    "grouped-pointwise": (Conv2d(8, 8, 1, groups=2, bias=False), (8, 5, 5), (8, 5, 5), 32, 800),
    "channel-shuffle": (ChannelShuffle(2), (8, 5, 5), (8, 5, 5), 0, 0),
    "batch": (Conv2d(3, 4, 3, bias=False), (4, 3, 6, 6), (4, 4, 4, 4), 108, 6_912),
    "padding": (Conv2d(1, 1, 3, padding=1, bias=False), (1, 5, 5), (1, 5, 5), 9, 225),
    "stride-2": (Conv2d(1, 1, 3, stride=2, bias=False), (1, 7, 7), (1, 3, 3), 9, 81),
    "dilated": (Conv2d(1, 1, 3, dilation=2, bias=False), (1, 7, 7), (1, 3, 3), 9, 81),
    "multi-channel": (Conv2d(3, 1, 3), (3, 5, 5), (1, 3, 3), 28, 243),
    "many-filters": (Conv2d(3, 10, 5), (3, 32, 32), (10, 28, 28), 760, 588_000),
    "bias": (Conv2d(2, 3, 1), (2, 4, 4), (3, 4, 4), 9, 96),
    "depthwise-multiplier": (Conv2d(3, 12, 3, groups=3, bias=False), (3, 7, 7), (12, 5, 5), 108, 2_700),
    "spatially-separable": (Conv2d(1, 1, (3, 1), bias=False), (1, 7, 7), (1, 5, 7), 3, 105),
    "same-padding": (Conv2d(1, 1, 4, padding="same", bias=False), (1, 5, 5), (1, 5, 5), 16, 400),
    "valid-padding": (Conv2d(1, 1, 4, padding="valid", bias=False), (1, 5, 5), (1, 2, 2), 16, 64),
    "deep-stack": (
        Sequential(Conv2d(1, 32, 3), Conv2d(32, 128, 3), Conv2d(128, 512, 3)),
        (1, 32, 32),
        (512, 26, 26),
        320 + 36_992 + 590_336,
        32 * 900 * 9 + 128 * 784 * 32 * 9 + 512 * 676 * 128 * 9,
    ),
    "shufflenet-unit": (
        Sequential(
            Conv2d(8, 8, 1, groups=2, bias=False),
            ChannelShuffle(2),
            Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
            Conv2d(8, 8, 1, groups=2, bias=False),
        ),
        (8, 7, 7),
        (8, 7, 7),
        32 + 72 + 32,
        6_664,
    ),
}


@pytest.mark.parametrize("name", CATALOG)
def test_the_catalogs_numbers(name: str) -> None:
    op, input_shape, output_shape, num_parameters, macs = CATALOG[name]
    assert op.output_shape(input_shape) == output_shape
    assert op.num_parameters == num_parameters
    assert op.macs(input_shape) == macs


def test_each_axis_has_its_own_hyperparameters() -> None:
    op = Conv2d(1, 1, (1, 3), stride=(1, 2), padding=(0, 1), dilation=(1, 2))
    assert op.output_shape((1, 4, 9)) == (1, 4, 4)
    assert op.window == Window((1, 3), (1, 2), (1, 2), ((0, 0), (1, 1)))
    assert op.window.extent == (1, 5)


def test_a_size_that_the_stride_does_not_divide_is_rounded_down() -> None:
    assert Conv2d(1, 1, 3, stride=2).output_shape((1, 8, 9)) == (1, 3, 4)


def test_absurd_sizes_do_not_overflow() -> None:
    op = Conv2d(1, 1, 3)
    assert op.output_shape((1, 10**12, 10**12)) == (1, 10**12 - 2, 10**12 - 2)
    assert op.macs((1, 10**12, 10**12)) == 9 * (10**12 - 2) ** 2
    assert op.trajectory((1, 10**12, 10**12)).steps == (10**12 - 2) ** 2


def test_hyperparameters_stay_as_given_and_lists_become_tuples() -> None:
    op = Conv2d(1, 1, [3, 2], stride=2, padding=[1, 0])
    assert (op.kernel_size, op.stride, op.padding, op.dilation) == ((3, 2), 2, (1, 0), 1)
    assert op.window == Window((3, 2), (2, 2), (1, 1), ((1, 1), (0, 0)))
    assert Conv2d(1, 1, 4, padding="same").padding == "same"
    assert Conv2d(1, 1, 4, padding="same").window.padding == ((1, 2), (1, 2))


def test_numpy_integers_are_integers() -> None:
    kinds: tuple[Any, ...] = (np.int8, np.uint8, np.int32, np.int64)
    one, two, three, four = (kind(n) for n, kind in enumerate(kinds, start=1))
    op: Any = Conv2d(two, four, three, stride=(two, 1), dilation=one, groups=two)
    assert op == Conv2d(2, 4, 3, stride=(2, 1), groups=2)
    assert {type(value) for value in (op.in_channels, op.kernel_size, *op.stride, op.dilation, op.groups)} == {int}
    shape = op.output_shape((two, three + four, three))
    assert shape == (4, 3, 1)
    assert {type(size) for size in shape} == {int}
    assert type(ChannelShuffle(two).groups) is int


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
    assert ChannelShuffle(1).forward(picture).dtype == np.float32


def test_bias_is_optional_and_is_added_per_filter() -> None:
    op = Conv2d(1, 2, 1)
    x, weight = np.ones((1, 1, 2)), np.ones((2, 1, 1, 1))
    assert op.forward(x, weight).tolist() == [[[1, 1]], [[1, 1]]]
    assert op.forward(x, weight, [10, 20]).tolist() == [[[11, 11]], [[21, 21]]]


def test_forward_does_not_change_its_arguments() -> None:
    arrays = [np.ones((1, 3, 3)), np.ones((1, 1, 1, 1)), np.ones(1)]
    Conv2d(1, 1, 1).forward(*arrays)
    ChannelShuffle(1).forward(arrays[0])[:] = 5
    assert all((array == 1).all() for array in arrays)


def test_forward_needs_no_copy_of_the_input_per_kernel_cell() -> None:
    op = Conv2d(16, 16, 5, padding=2, bias=False)
    x, weight = np.ones((16, 64, 64)), np.ones(op.weight_shape)
    op.forward(x, weight)
    tracemalloc.start()
    try:
        op.forward(x, weight)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * x.nbytes, "windows laid out as columns would take 25 times the input"


@pytest.mark.parametrize(
    "value",
    [
        Conv2d(1, 1, 3),
        ChannelShuffle(2),
        Sequential(Conv2d(1, 1, 3)),
        Conv2d(1, 1, 3).window,
        Conv2d(1, 1, 3).trajectory((1, 5, 5)),
        ChannelShuffle(1).trajectory((1, 5, 5)),
        Sequential(Conv2d(1, 1, 3)).trajectory((1, 5, 5)),
        ReceptiveField(1, 1, 0),
    ],
    ids=lambda value: type(value).__name__,
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
