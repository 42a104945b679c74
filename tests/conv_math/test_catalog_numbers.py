"""Every number of the catalog: the shapes along each chain, weights and biases, receptive fields, captions."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import pytest

from convmotion.conv_math import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    ChannelShuffle,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose2d,
    DeformConv2d,
    Flatten,
    Linear,
    MaxPool2d,
    MaxUnpool2d,
    Operation,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Sequential,
    Shape,
    Softmax,
    Stage,
    Unfold,
    Upsample,
    ZeroInsert,
    ancestors,
    conv_matrix,
    depthwise_separable,
    flattened,
    hdc_distances,
    im2col,
    mobilenet_block,
    receptive_field,
    replay,
    resnext_block,
    shufflenet_unit,
    spatially_separable,
    usage_counts,
)


def conv(*arguments: int, **more: Any) -> Conv2d:
    return Conv2d(*arguments, bias=False, **more)


def aside(op: Operation) -> Stage:
    """A stage that reads the chain's input: shown side by side with what is before it."""
    return Stage(op, ("input",))


@dataclass(frozen=True)
class Row:
    """A row of the catalog. shapes: the input's and each stage's output; weights: without biases, of each stage."""

    chain: Sequential
    shapes: str
    weights: list[int]
    biased: list[int] | None = None
    field: int | None = None

    @property
    def input_shape(self) -> Shape:
        return self.shapes_of_all[0]

    @property
    def shapes_of_all(self) -> list[Shape]:
        return [tuple(map(int, shape.split("x"))) for shape in self.shapes.split(" -> ")]


def row(*stages: Operation | Stage | Sequential, shapes: str, weights: list[int], **more: Any) -> Row:
    return Row(Sequential(*stages), shapes, weights, **more)


def causal(dilation: int) -> Sequential:
    return Sequential(Pad(((dilation, 0),)), Conv1d(1, 1, 2, dilation=dilation, bias=False))


def dilated(*rates: int) -> Sequential:
    return Sequential(*(conv(1, 1, 3, dilation=rate) for rate in rates))


THE_ARTICLE_ON_BLENDER = {
    "standard": row(conv(8, 8, 3), shapes="8x7x7 -> 8x5x5", weights=[576]),
    "grouped": row(conv(8, 8, 3, groups=2), shapes="8x7x7 -> 8x5x5", weights=[288]),
    "depthwise": row(conv(8, 8, 3, groups=8), shapes="8x7x7 -> 8x5x5", weights=[72]),
    "pointwise": row(conv(8, 8, 1), shapes="8x5x5 -> 8x5x5", weights=[64]),
    "depthwise-separable": row(depthwise_separable(8, 8), shapes="8x7x7 -> 8x5x5 -> 8x5x5", weights=[72, 64]),
    "channel-shuffle": row(ChannelShuffle(2), shapes="8x5x5 -> 8x5x5", weights=[0]),
    "grouped-pointwise": row(conv(8, 8, 1, groups=2), shapes="8x5x5 -> 8x5x5", weights=[32]),
    "shufflenet-unit": row(
        shufflenet_unit(8), shapes="8x7x7 -> 8x7x7 -> 8x7x7 -> 8x7x7 -> 8x7x7", weights=[32, 0, 72, 32]
    ),
    "batch": row(conv(3, 4, 3), shapes="4x3x6x6 -> 4x4x4x4", weights=[108]),
}

THE_COURSE = {
    "single-channel": row(conv(1, 1, 3), shapes="1x5x5 -> 1x3x3", weights=[9]),
    "padding": row(conv(1, 1, 3, padding=1), shapes="1x5x5 -> 1x5x5", weights=[9]),
    "stride-2": row(conv(1, 1, 3, stride=2), shapes="1x7x7 -> 1x3x3", weights=[9]),
    "multi-channel": row(conv(3, 1, 3), shapes="3x5x5 -> 1x3x3", weights=[27], biased=[28]),
    "many-filters": row(conv(3, 10, 5), shapes="3x32x32 -> 10x28x28", weights=[750], biased=[760]),
    "stacked": row(
        conv(1, 4, 3),
        conv(4, 4, 3),
        conv(4, 2, 3),
        shapes="1x9x9 -> 4x7x7 -> 4x5x5 -> 2x3x3",
        weights=[36, 144, 72],
    ),
    "deep-stack": row(
        conv(1, 32, 3),
        conv(32, 128, 3),
        conv(128, 512, 3),
        Flatten(),
        Linear(346_112, 10, bias=False),
        shapes="1x32x32 -> 32x30x30 -> 128x28x28 -> 512x26x26 -> 346112 -> 10",
        weights=[288, 36_864, 589_824, 0, 3_461_120],
        biased=[320, 36_992, 590_336, 0, 3_461_130],
    ),
    "max-pool": row(MaxPool2d(2, 2), shapes="4x6x6 -> 4x3x3", weights=[0]),
    "avg-pool": row(AvgPool2d(2, 2), shapes="4x6x6 -> 4x3x3", weights=[0]),
    "max-pool-big": row(MaxPool2d(2, 2), shapes="64x224x224 -> 64x112x112", weights=[0]),
    "pool-overlap": row(MaxPool2d(3, 2, 1), shapes="2x6x6 -> 2x3x3", weights=[0]),
    "lenet": row(
        conv(1, 6, 5),
        MaxPool2d(2),
        conv(6, 16, 5),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 120, bias=False),
        Linear(120, 84, bias=False),
        Linear(84, 10, bias=False),
        Softmax(),
        shapes="1x32x32 -> 6x28x28 -> 6x14x14 -> 16x10x10 -> 16x5x5 -> 400 -> 120 -> 84 -> 10 -> 10",
        weights=[150, 0, 2_400, 0, 0, 48_000, 10_080, 840, 0],
        biased=[156, 0, 2_416, 0, 0, 48_120, 10_164, 850, 0],
    ),
    "fully-connected": row(Flatten(), Linear(16, 16, bias=False), shapes="1x4x4 -> 16 -> 16", weights=[0, 256]),
    "conv3d": row(Conv3d(1, 1, 3, bias=False), shapes="1x5x5x5 -> 1x3x3x3", weights=[27]),
    "dilated": row(conv(1, 1, 3, dilation=2), shapes="1x7x7 -> 1x3x3", weights=[9], field=5),
    "spatially-separable": row(
        spatially_separable(), aside(conv(1, 1, 3)), shapes="1x7x7 -> 1x5x7 -> 1x5x5 -> 1x5x5", weights=[3, 3, 9]
    ),
    "flattened": row(
        flattened(8),
        aside(conv(8, 1, 3)),
        shapes="8x7x7 -> 1x7x7 -> 1x5x7 -> 1x5x5 -> 1x5x5",
        weights=[8, 3, 3, 72],
    ),
    "grouped-shuffled": row(
        conv(8, 8, 3, groups=2),
        ChannelShuffle(2),
        conv(8, 8, 3, groups=2),
        shapes="8x7x7 -> 8x5x5 -> 8x5x5 -> 8x3x3",
        weights=[288, 0, 288],
    ),
    "bias": row(conv(2, 3, 1), shapes="2x4x4 -> 3x4x4", weights=[6], biased=[9]),
    "receptive-field": row(dilated(1, 1, 1), shapes="1x9x9 -> 1x7x7 -> 1x5x5 -> 1x3x3", weights=[9, 9, 9], field=7),
    "im2col": row(conv(1, 1, 3), shapes="1x4x4 -> 1x2x2", weights=[9]),
}

THE_ARTICLE_ON_KINDS = {
    "depthwise-multiplier": row(conv(3, 12, 3, groups=3), shapes="3x7x7 -> 12x5x5", weights=[108]),
    "dilated-1-2-4": row(
        dilated(1, 2, 4), shapes="1x17x17 -> 1x15x15 -> 1x11x11 -> 1x3x3", weights=[9, 9, 9], field=15
    ),
}

THE_ARTICLE_ON_ADVANCED_LAYERS = {
    "rgb-to-16": row(conv(3, 16, 3), shapes="3x7x7 -> 16x5x5", weights=[432]),
    "separable-rgb": row(depthwise_separable(3, 16), shapes="3x7x7 -> 3x5x5 -> 16x5x5", weights=[27, 48]),
    "transposed-upsample": row(
        ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False),
        shapes="1x3x3 -> 1x6x6",
        weights=[9],
    ),
    "upsample-nearest": row(
        Upsample(scale_factor=2), conv(1, 1, 3, padding=1), shapes="1x3x3 -> 1x6x6 -> 1x6x6", weights=[0, 9]
    ),
    "dilated-vs-standard": row(
        conv(1, 1, 3), aside(conv(1, 1, 3, dilation=2)), shapes="1x7x7 -> 1x5x5 -> 1x3x3", weights=[9, 9], field=5
    ),
    "grouped-4-to-8": row(conv(4, 8, 3, groups=2), shapes="4x7x7 -> 8x5x5", weights=[144]),
}

THE_ARTICLE_ON_TRANSPOSED_AND_DILATED = {
    "transposed": row(ConvTranspose2d(1, 1, 3, bias=False), shapes="1x2x2 -> 1x4x4", weights=[9]),
    "transposed-stride-2": row(
        ConvTranspose2d(1, 1, 3, stride=2, padding=1, bias=False), shapes="1x3x3 -> 1x5x5", weights=[9]
    ),
    "transposed-scatter": row(
        ConvTranspose2d(1, 1, 3, stride=2, padding=1, bias=False), shapes="1x3x3 -> 1x5x5", weights=[9]
    ),
    "conv-matrix": row(conv(1, 1, 3), shapes="1x4x4 -> 1x2x2", weights=[9]),
    "transposed-matrix": row(ConvTranspose2d(1, 1, 3, bias=False), shapes="1x2x2 -> 1x4x4", weights=[9]),
    "gridding-2-2-2": row(dilated(2, 2, 2), shapes="1x13x13 -> 1x9x9 -> 1x5x5 -> 1x1x1", weights=[9, 9, 9], field=13),
    "gridding-1-2-3": row(dilated(1, 2, 3), shapes="1x13x13 -> 1x11x11 -> 1x7x7 -> 1x1x1", weights=[9, 9, 9], field=13),
}

BEYOND_THE_ARTICLES = {
    "conv1d": row(Conv1d(4, 6, 3, bias=False), shapes="4x12 -> 6x10", weights=[72]),
    "causal": row(
        *map(causal, (1, 2, 4, 8)),
        shapes="1x16 -> 1x17 -> 1x16 -> 1x18 -> 1x16 -> 1x20 -> 1x16 -> 1x24 -> 1x16",
        weights=[0, 2] * 4,
        field=16,
    ),
    "padding-modes": row(
        *(aside(conv(1, 1, 3, padding=1, padding_mode=m)) for m in ("zeros", "reflect", "replicate", "circular")),
        shapes="1x4x4 -> 1x4x4 -> 1x4x4 -> 1x4x4 -> 1x4x4",
        weights=[9] * 4,
    ),
    "same-padding": row(conv(1, 1, 4, padding="same"), shapes="1x5x5 -> 1x5x5", weights=[16]),
    "pixel-shuffle": row(PixelShuffle(2), shapes="12x4x4 -> 3x8x8", weights=[0]),
    "pixel-unshuffle": row(PixelUnshuffle(2), shapes="3x8x8 -> 12x4x4", weights=[0]),
    "max-unpool": row(MaxPool2d(2), MaxUnpool2d(2), shapes="1x4x4 -> 1x2x2 -> 1x4x4", weights=[0, 0]),
    "adaptive-avg-pool": row(AdaptiveAvgPool2d(3), shapes="4x7x7 -> 4x3x3", weights=[0]),
    "global-avg-pool": row(AdaptiveAvgPool2d(1), shapes="4x7x7 -> 4x1x1", weights=[0]),
    "upsample-bilinear": row(Upsample(scale_factor=2, mode="bilinear"), shapes="1x3x3 -> 1x6x6", weights=[0]),
    "deformable": row(DeformConv2d(1, 1, 3, bias=False), shapes="1x7x7 -> 1x5x5", weights=[9]),
    "mobilenet-block": row(
        mobilenet_block(8), shapes="8x7x7 -> 48x7x7 -> 48x7x7 -> 8x7x7 -> 8x7x7", weights=[384, 432, 384, 0]
    ),
    "resnext-block": row(
        resnext_block(8), shapes="8x7x7 -> 8x7x7 -> 8x7x7 -> 8x7x7 -> 8x7x7", weights=[64, 144, 64, 0]
    ),
    "edge-detection": row(conv(3, 2, 3), shapes="3x64x64 -> 2x62x62", weights=[54]),
}

PARTS = (
    THE_ARTICLE_ON_BLENDER,
    THE_COURSE,
    THE_ARTICLE_ON_KINDS,
    THE_ARTICLE_ON_ADVANCED_LAYERS,
    THE_ARTICLE_ON_TRANSPOSED_AND_DILATED,
    BEYOND_THE_ARTICLES,
)
ROWS = {name: row for part in PARTS for name, row in part.items()}
NAMES = """
    standard grouped depthwise pointwise depthwise-separable channel-shuffle grouped-pointwise shufflenet-unit batch
    single-channel padding stride-2 multi-channel many-filters stacked deep-stack max-pool avg-pool max-pool-big
    pool-overlap lenet fully-connected conv3d dilated spatially-separable flattened grouped-shuffled bias
    receptive-field im2col
    depthwise-multiplier dilated-1-2-4
    rgb-to-16 separable-rgb transposed-upsample upsample-nearest dilated-vs-standard grouped-4-to-8
    transposed transposed-stride-2 transposed-scatter conv-matrix transposed-matrix gridding-2-2-2 gridding-1-2-3
    conv1d causal padding-modes same-padding pixel-shuffle pixel-unshuffle max-unpool adaptive-avg-pool global-avg-pool
    upsample-bilinear deformable mobilenet-block resnext-block edge-detection
"""


def biased(chain: Sequential) -> Sequential:
    """The same with a bias wherever there can be one."""
    ops = [replace(op, bias=True) if hasattr(op, "bias") else op for op in chain.ops]  # type: ignore[type-var]
    return Sequential(*map(Stage, ops, chain.inputs))


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).normal(size=shape)


def test_no_row_is_missing() -> None:
    assert list(ROWS) == NAMES.split()


@pytest.mark.parametrize("name", ROWS)
def test_the_shapes_along_the_chain(name: str) -> None:
    assert ROWS[name].chain.shapes(ROWS[name].input_shape) == ROWS[name].shapes_of_all


@pytest.mark.parametrize("name", ROWS)
def test_the_weights_of_every_stage(name: str) -> None:
    row = ROWS[name]
    assert [op.num_parameters for op in row.chain.ops] == row.weights
    assert [prod(op.weight_shape) if op.weight_shape else 0 for op in row.chain.ops] == row.weights
    assert row.chain.num_parameters == sum(row.weights)


@pytest.mark.parametrize("name", ROWS)
def test_a_bias_costs_one_parameter_per_filter(name: str) -> None:
    row = ROWS[name]
    chain = biased(row.chain)
    filters = [shape[-1 - (op.AXES or 0)] for op, shape in zip(chain.ops, row.shapes_of_all[1:], strict=True)]
    expected = [count + f if count else 0 for count, f in zip(row.weights, filters, strict=True)]
    assert [op.num_parameters for op in chain.ops] == expected == (row.biased or expected)
    assert chain.shapes(row.input_shape) == row.shapes_of_all


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.field])
def test_the_receptive_field(name: str) -> None:
    """Side by side the wider one counts, which stands last."""
    assert {field.size for field in receptive_field(ROWS[name].chain)} == {ROWS[name].field}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_computed_has_these_shapes(name: str) -> None:
    row = ROWS[name]
    x = random(*row.input_shape)
    data = {"max-unpool": {1: np.zeros((1, 2, 2), int)}, "deformable": {0: np.zeros((18, 5, 5))}}.get(name)
    weights = [None if op.weight_shape is None else np.ones(op.weight_shape) for op in row.chain.ops]
    assert [values.shape for values in row.chain.forward_all(x, weights, data=data)] == row.shapes_of_all


@pytest.mark.parametrize(
    ("small", "few", "large", "many"),
    [
        (depthwise_separable(8, 8), 72 + 64, conv(8, 8, 3), 576),
        (depthwise_separable(256, 256, channel_multiplier=4), 9_216 + 262_144, conv(256, 256, 3), 589_824),
        (depthwise_separable(3, 16), 27 + 48, conv(3, 16, 3), 432),
        (spatially_separable(), 3 + 3, conv(1, 1, 3), 9),
        (flattened(8), 8 + 3 + 3, conv(8, 1, 3), 72),
        (conv(8, 8, 3, groups=2), 288, conv(8, 8, 3), 576),
        (conv(1, 16, 1), 16, Linear(16, 16, bias=False), 256),
    ],
    ids=["depthwise-separable", "depthwise-multiplier", "separable-rgb", "spatially", "flattened", "grouped", "full"],
)
def test_what_is_saved(small: Operation | Sequential, few: int, large: Operation, many: int) -> None:
    assert (small.num_parameters, large.num_parameters) == (few, many)
    if isinstance(large, Conv2d):
        shape = (large.in_channels, 7, 7)
        assert small.output_shape(shape) == large.output_shape(shape)


def test_the_caption_of_the_channel_multiplier() -> None:
    assert [op.num_parameters for op in depthwise_separable(256, 256, channel_multiplier=4).ops] == [9_216, 262_144]
    assert depthwise_separable(256, 256, channel_multiplier=4).num_parameters == 271_360


def test_the_totals_of_the_deep_stack_and_of_lenet() -> None:
    assert sum(prod(shape) for shape in ROWS["deep-stack"].shapes_of_all[1:4]) == 475_264
    assert biased(ROWS["lenet"].chain).num_parameters == 61_706


def test_the_same_filters_pass_over_each_picture_of_the_batch() -> None:
    op, x, weight = ROWS["batch"].chain.ops[0], random(4, 3, 6, 6), random(4, 3, 3, 3)
    np.testing.assert_allclose(op.forward(x, weight), [op.forward(one, weight) for one in x], atol=1e-12)


def test_the_three_views_of_the_shuffle() -> None:
    views = ChannelShuffle(2).view_shapes((8, 5, 5))
    assert views == {"reshape": (2, 4, 5, 5), "transpose": (4, 2, 5, 5), "flatten": (8, 5, 5)}


@pytest.mark.parametrize(("name", "filters"), [("standard", 8), ("grouped", 4), ("depthwise", 1)])
def test_a_channel_meets_the_filters_of_its_group(name: str, filters: int) -> None:
    """Depthwise, there is a window on each of the eight channels, and every one has its own filter."""
    taps = ROWS[name].chain.ops[0].trajectory((8, 7, 7)).taps(12)
    for channel in range(8):
        met = set(taps.output[taps.input[:, 0] == channel, 0].tolist())
        first = channel // filters * filters
        assert met == set(range(first, first + filters))


@pytest.mark.parametrize(("stages", "reached"), [((0, 1, 2), 8), ((0, 2), 4)], ids=["shuffled", "not shuffled"])
def test_only_the_shuffle_takes_information_across_groups(stages: tuple[int, ...], reached: int) -> None:
    chain = Sequential(*(ROWS["grouped-shuffled"].chain.ops[stage] for stage in stages))
    assert ancestors(chain, (0, 1, 1), (8, 7, 7))[0].any(axis=(1, 2)).sum() == reached


def test_the_cone_of_ancestors() -> None:
    masks = ancestors(ROWS["receptive-field"].chain, (0, 1, 1), (1, 9, 9))
    assert [int(mask.sum()) for mask in masks] == [7 * 7, 5 * 5, 3 * 3, 1]
    assert masks[0][0, 1:8, 1:8].all()


def test_the_fields_of_growing_dilation() -> None:
    chain = ROWS["dilated-1-2-4"].chain
    assert [receptive_field(chain.ops[:count])[0].size for count in (1, 2, 3)] == [3, 7, 15]


def test_dilated_nine_weights_span_five_cells() -> None:
    standard, wide = ROWS["dilated-vs-standard"].chain.ops
    assert [receptive_field([op])[0].size for op in (standard, wide)] == [3, 5]
    taps = wide.trajectory((1, 7, 7)).taps(0)
    assert taps.input[:, 1:].tolist() == [[row, column] for row in (0, 2, 4) for column in (0, 2, 4)]


def test_sobel_at_once_and_in_two_steps_is_the_same() -> None:
    x, column, line = random(1, 7, 7), np.array([1.0, 2, 1]), np.array([-1.0, 0, 1])
    weights = [column.reshape(1, 1, 3, 1), line.reshape(1, 1, 1, 3), np.outer(column, line).reshape(1, 1, 3, 3)]
    *_, stepwise, at_once = ROWS["spatially-separable"].chain.forward_all(x, weights)
    np.testing.assert_allclose(stepwise, at_once, atol=1e-12)
    assert abs(at_once).max() > 1


def test_im2col_makes_one_matrix_product() -> None:
    op, x, weight = conv(1, 1, 3), random(1, 4, 4), random(1, 1, 3, 3)
    columns = im2col(op, x)
    assert columns.shape == Unfold(3).output_shape((1, 4, 4)) == (9, 4)
    np.testing.assert_allclose(weight.reshape(1, 9) @ columns, op.forward(x, weight).reshape(1, 4), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("transposed", "1x2x2 -> 1x2x2 -> 1x6x6 -> 1x4x4"),
        ("transposed-stride-2", "1x3x3 -> 1x5x5 -> 1x7x7 -> 1x5x5"),
        ("transposed-upsample", "1x3x3 -> 1x5x5 -> 1x8x8 -> 1x6x6"),
    ],
)
def test_zeros_between_zeros_around_a_flipped_kernel(name: str, shapes: str) -> None:
    """s - 1 zeros are inserted, k - p - 1 padded, and output_padding more at the end."""
    op: Any = ROWS[name].chain.ops[0]
    side = op.kernel_size - op.padding - 1
    pad = Pad(((side, side + op.output_padding),) * 2)
    steps = row(ZeroInsert(op.stride), pad, conv(1, 1, 3), shapes=shapes, weights=[0, 0, 9])
    assert steps.chain.shapes(steps.input_shape) == steps.shapes_of_all

    x, weight = random(*steps.input_shape), random(1, 1, 3, 3)
    expected = op.forward(x, weight)
    np.testing.assert_allclose(steps.chain.forward(x, [None, None, weight[..., ::-1, ::-1]]), expected, atol=1e-12)
    assert op.as_convolution().shapes(x.shape) == steps.shapes_of_all
    np.testing.assert_array_equal(op.flipped(weight), weight[..., ::-1, ::-1])
    for view in ("scatter", "gather"):
        np.testing.assert_allclose(replay(op.trajectory(x.shape, view=view), x, weight), expected, atol=1e-12)


def test_stride_1_needs_a_pad_of_2_and_no_zeros_between() -> None:
    assert ROWS["transposed"].chain.ops[0].as_convolution().ops[:2] == (ZeroInsert((1, 1)), Pad(((2, 2), (2, 2))))  # type: ignore[attr-defined]


def test_the_matrix_and_its_transpose() -> None:
    x, weight = random(1, 4, 4), random(1, 1, 3, 3)
    matrix = np.asarray(conv_matrix(conv(1, 1, 3), (1, 4, 4), weight)).T
    assert matrix.shape == (16, 4)
    y = x.reshape(1, 16) @ matrix
    np.testing.assert_allclose(y, conv(1, 1, 3).forward(x, weight).reshape(1, 4), atol=1e-12)

    back = y @ matrix.T
    assert back.shape == (1, 16)
    transposed = ROWS["transposed-matrix"].chain.forward(y.reshape(1, 2, 2), [weight])
    np.testing.assert_allclose(back, transposed.reshape(1, 16), atol=1e-12)
    assert not np.allclose(back, x.reshape(1, 16)), "the size comes back, the values do not"


@pytest.mark.parametrize(("name", "used"), [("gridding-2-2-2", 49), ("gridding-1-2-3", 169)])
def test_gridding_in_a_field_of_13_by_13(name: str, used: int) -> None:
    counts = usage_counts(ROWS[name].chain, (0, 0))
    assert counts.shape == (13, 13)
    assert np.count_nonzero(counts) == used
    assert counts.sum() == 9**3


def test_the_captions_of_gridding() -> None:
    """M_3 = 3; M_2 = max(3 - 4, 3 - 2*(3 - 2), 2); M_1 = max(2 - 2, 2 - 2*(2 - 1), 1)."""
    assert hdc_distances((1, 2, 3)) == (1, 2, 3)
    assert hdc_distances((2, 2, 2)) == (2, 2, 2)


def test_causal_looks_only_back() -> None:
    chain = ROWS["causal"].chain
    (field,) = receptive_field(chain)
    assert (field.size, field.start, field.stride) == (16, -15, 1)
    for cell in (0, 9, 15):
        assert np.flatnonzero(usage_counts(chain, (cell,), (1, 16))).tolist() == list(range(cell + 1))


@pytest.mark.parametrize(
    ("mode", "sources"),
    [
        ("zeros", [None, 0, 1, 2, 3, None]),
        ("reflect", [1, 0, 1, 2, 3, 2]),
        ("replicate", [0, 0, 1, 2, 3, 3]),
        ("circular", [3, 0, 1, 2, 3, 0]),
    ],
)
def test_each_ghost_names_its_source(mode: str, sources: list[int | None]) -> None:
    (op,) = (op for op in ROWS["padding-modes"].chain.ops if isinstance(op, Conv2d) and op.padding_mode == mode)
    trajectory = op.trajectory((1, 4, 4))
    ghosts = 0
    for t in range(16):
        taps = trajectory.taps(t)
        for cell, ghost, (_, _, *kernel) in zip(taps.input, taps.ghost, taps.weight.tolist(), strict=True):
            at = [t // 4 + kernel[0], t % 4 + kernel[1]]  # on the padded input
            row, column = sources[at[0]], sources[at[1]]
            assert ghost == (not {0, 5}.isdisjoint(at))
            assert cell.tolist() == ([-1, -1, -1] if row is None or column is None else [0, row, column])
            ghosts += ghost
    assert ghosts == 16 * 9 - 10 * 10


def test_an_even_kernel_is_padded_more_on_one_side() -> None:
    window = ROWS["same-padding"].chain.ops[0].geometry(2)
    assert window is not None and window.padding == ((1, 2), (1, 2))


def test_pixel_shuffle_and_unshuffle_undo_each_other() -> None:
    x = random(12, 4, 4)
    np.testing.assert_array_equal(PixelUnshuffle(2).forward(PixelShuffle(2).forward(x)), x)


def test_unpooling_takes_the_winners_back() -> None:
    x = np.random.default_rng(0).permutation(16).reshape(1, 4, 4) + 1
    back = ROWS["max-unpool"].chain.forward(x, data={1: MaxPool2d(2).indices(x)})
    assert np.count_nonzero(back) == 4
    assert (back[back != 0] == x[back != 0]).all()
    assert {*back[back != 0].tolist()} == {x[0, r : r + 2, c : c + 2].max() for r in (0, 2) for c in (0, 2)}


def test_a_pool_keeps_the_winner_or_takes_a_quarter_of_each() -> None:
    largest, mean = (ROWS[name].chain.ops[0].trajectory((4, 6, 6)) for name in ("max-pool", "avg-pool"))
    assert (largest.reduce, mean.reduce) == ("max", "sum")
    assert set(mean.taps(0).coefficient.tolist()) == {1 / 4}
    assert len(mean.taps(0)) == 4 * 4


@pytest.mark.parametrize(
    ("name", "windows"),
    [("adaptive-avg-pool", [range(0, 3), range(2, 5), range(4, 7)]), ("global-avg-pool", [range(0, 7)])],
)
def test_the_windows_of_adaptive_pools(name: str, windows: list[range]) -> None:
    trajectory = ROWS[name].chain.ops[0].trajectory((4, 7, 7))
    assert len(trajectory) == len(windows) ** 2
    for t in range(len(trajectory)):
        rows, columns = (windows[i] for i in divmod(t, len(windows)))
        taps = trajectory.taps(t)
        met = taps.input[taps.output[:, 0] == 0, 1:].tolist()
        assert met == [[r, c] for r in rows for c in columns]
        np.testing.assert_allclose(taps.coefficient, 1 / (len(rows) * len(columns)))


def test_bilinear_cells_mix_four_within_two_at_the_edges_and_one_in_the_corners() -> None:
    trajectory = ROWS["upsample-bilinear"].chain.ops[0].trajectory((1, 3, 3))
    mixed = np.array([len(trajectory.taps(t)) for t in range(36)]).reshape(6, 6)
    along = np.array([1, 2, 2, 2, 2, 1])
    assert mixed.tolist() == np.outer(along, along).tolist()
    assert all(trajectory.taps(t).coefficient.sum() == 1 for t in range(36))


def test_two_offsets_for_each_of_nine_weights_at_25_places() -> None:
    op, x, weight = DeformConv2d(1, 1, 3, bias=False), random(1, 7, 7), random(1, 1, 3, 3)
    assert op.offset_shape((1, 7, 7)) == (18, 5, 5)
    at_rest = op.forward(x, weight, offset=np.zeros((18, 5, 5)))
    np.testing.assert_allclose(at_rest, conv(1, 1, 3).forward(x, weight), atol=1e-12)


def test_the_residual_blocks_add_their_input() -> None:
    x = random(8, 7, 7)
    for name in ("mobilenet-block", "resnext-block"):
        chain = ROWS[name].chain
        weights = [None if op.weight_shape is None else np.zeros(op.weight_shape) for op in chain.ops]
        np.testing.assert_array_equal(chain.forward(x, weights), x)
    assert [getattr(op, "groups", None) for op in ROWS["resnext-block"].chain.ops] == [1, 4, 1, None]
    assert [getattr(op, "groups", None) for op in ROWS["mobilenet-block"].chain.ops] == [1, 48, 1, None]


def test_sobel_x_sees_upright_edges_and_sobel_y_level_ones() -> None:
    across = np.outer([1, 2, 1], [-1, 0, 1])
    weight = np.array([[across] * 3, [across.T] * 3])
    picture = np.zeros((3, 64, 64))
    picture[:, :, 32:] = 1
    for flip, seen in ((False, 0), (True, 1)):
        edges = ROWS["edge-detection"].chain.forward(picture.swapaxes(1, 2) if flip else picture, [weight])
        assert abs(edges[seen]).max() == 3 * 4
        assert not edges[1 - seen].any()
