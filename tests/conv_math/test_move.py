"""Cells that travel: where they come from, which stand on padding, and the arrangements that teach it."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, helper
from oracle import ORDERS, Array, agrees, each, one_or_each, run_onnx_on, some

from convmotion.conv_math import (
    ChannelShuffle,
    ConvMathError,
    Flatten,
    Move,
    Narrow,
    Order,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Shape,
    Unfold,
    ZeroInsert,
    replay,
)
from convmotion.conv_math.shapes import Integers

ONNX_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def numbered(draw: st.DrawFn, *item: int) -> Array:
    """Cells 1, 2, 3, ... as (C, *spatial), or with one picture or two of it, so that each says where it comes from."""
    shape = (*draw(st.sampled_from([(), (1,), (2,)])), *item)
    return np.arange(1, math.prod(shape) + 1, dtype=np.float32).reshape(shape)


def moves(op: Move, x: Array, expected: Array, padding: Array | None = None) -> None:
    """Values, `source`, taps, ghosts and the last view are what is expected of numbered cells; 0 comes from nowhere."""
    agrees(op, x, expected)
    source = op.source(x.shape)
    assert source.dtype == np.int64
    np.testing.assert_array_equal(source, expected - 1)

    ghosts = np.zeros(expected.shape, bool) if padding is None else padding
    for order in ORDERS:
        steps = op.trajectory(x.shape, order)
        assert steps.reduce == "sum"
        for t in {0, len(steps) // 2, len(steps) - 1}:
            taps = steps.taps(t)
            cells = tuple(taps.output.T)
            nowhere = expected[cells] == 0
            assert (taps.input[nowhere] == -1).all()
            np.testing.assert_array_equal(x[tuple(taps.input[~nowhere].T)], expected[cells][~nowhere])
            np.testing.assert_array_equal(taps.ghost, ghosts[cells])
            assert (taps.weight.shape, taps.coefficient.tolist()) == ((len(taps), 0), [1] * len(taps))

    first = expected[0] if steps.batched else expected
    *_, last = op.views(x.shape)
    assert last.shape == last.source.shape == op.view_shapes(x.shape)[last.name]
    assert last.source.dtype == np.int64
    np.testing.assert_array_equal(last.source.ravel(), first.ravel() - 1)
    assert {view.name: view.shape for view in op.views(x.shape)} == op.view_shapes(x.shape)


@some
@given(data=st.data())
def test_narrow_agrees_with_onnxruntime_along_every_axis(data: st.DataObject) -> None:
    item = [data.draw(st.integers(1, 4)) for _ in range(3)]
    axis = data.draw(st.integers(0, 2))
    start = data.draw(st.integers(0, item[axis] - 1))
    length = data.draw(st.integers(1, item[axis] - start))
    x = numbered(data.draw, *item)
    dim = data.draw(st.sampled_from([axis + 1, axis - 3]))
    more = {"a": np.array([start]), "b": np.array([start + length]), "c": np.array([axis - 3])}
    moves(Narrow(dim, start, length), x, run_onnx_on(x, 2, [helper.make_node("Slice", ["x", *more], ["y"])], **more))


def test_narrow_says_what_it_does_not_find() -> None:
    with pytest.raises(ConvMathError, match=r"^Narrow: start=3, length=2 along an axis of 4; allowed: .* <= 4$"):
        Narrow(1, 3, 2).output_shape((4, 6, 6))
    with pytest.raises(
        ConvMathError, match=r"^Narrow: dim=-4 for an input of 4 axes, N first; allowed: -3 to -1, 1 to 3"
    ):
        Narrow(-4, 0, 1).output_shape((4, 6, 6))


@some
@given(data=st.data())
def test_pad_agrees_with_onnxruntime_in_every_mode(data: st.DataObject) -> None:
    axes, mode = data.draw(st.integers(1, 3)), data.draw(st.sampled_from(list(ONNX_MODES)))
    side = st.integers(-2 if mode == "zeros" else 0, 3 if axes < 3 else 2)
    padding = data.draw(side | st.tuples(*[side] * axes) | st.tuples(*[st.tuples(side, side)] * axes))
    sides = [pair if isinstance(pair, tuple) else (pair, pair) for pair in each(padding, axes)]
    least = {"zeros": lambda pair: 1 - sum(min(n, 0) for n in pair), "reflect": lambda pair: max(pair) + 1}
    sizes = [max(1, least.get(mode, max)(pair)) for pair in sides]
    x = numbered(data.draw, data.draw(st.integers(1, 2)), *(data.draw(st.integers(n, n + 2)) for n in sizes))
    told = data.draw(st.booleans()) or not isinstance(padding, tuple)
    op = Pad(padding, mode, spatial_axes=axes if told else None)

    pads = np.array([0, 0, *(before for before, _ in sides), 0, 0, *(after for _, after in sides)])

    def padded(x: Array, mode: str, value: float) -> Array:
        node = helper.make_node("Pad", ["x", "p", "v"], ["y"], mode=mode)
        return run_onnx_on(x, axes, [node], p=pads, v=np.array(value, np.float32))

    outside = padded(np.zeros_like(x), "constant", 1).astype(bool)
    moves(op, x, padded(x, ONNX_MODES[mode], 0), outside)


@some
@given(data=st.data())
def test_zero_insert_sets_cells_a_stride_apart(data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 3))
    stride = one_or_each(data.draw, axes, 1, 3 if axes < 3 else 2)
    x = numbered(data.draw, data.draw(st.integers(1, 2)), *(data.draw(st.integers(1, 5 - axes)) for _ in range(axes)))
    told = data.draw(st.booleans()) or not isinstance(stride, tuple)
    lead, strides = x.shape[:-axes], each(stride, axes)
    expected = np.zeros((*lead, *((n - 1) * s + 1 for n, s in zip(x.shape[-axes:], strides, strict=True))), np.float32)
    for cell in np.ndindex(x.shape):
        expected[(*cell[:-axes], *(at * s for at, s in zip(cell[-axes:], strides, strict=True)))] = x[cell]
    moves(ZeroInsert(stride, spatial_axes=axes if told else None), x, expected)


def node(kind: str, *more: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, ["x", *more], ["y"], **attributes)


@some
@given(data=st.data())
def test_pixel_shuffle_agrees_with_onnxruntime(data: st.DataObject) -> None:
    factor, *item = (data.draw(st.integers(1, 3)) for _ in range(4))
    x = numbered(data.draw, item[0] * factor**2, *item[1:])
    expected = run_onnx_on(x, 2, [node("DepthToSpace", blocksize=factor, mode="CRD")])
    moves(PixelShuffle(factor), x, expected)
    np.testing.assert_array_equal(PixelUnshuffle(factor).forward(expected), x)


@some
@given(data=st.data())
def test_pixel_unshuffle_agrees_with_onnxruntime(data: st.DataObject) -> None:
    factor, *item = (data.draw(st.integers(1, 3)) for _ in range(4))
    x = numbered(data.draw, item[0], item[1] * factor, item[2] * factor)
    place_slowest = run_onnx_on(x, 2, [node("SpaceToDepth", blocksize=factor)])
    apart = place_slowest.reshape(*x.shape[:-3], factor**2, *item)
    moves(PixelUnshuffle(factor), x, apart.swapaxes(-4, -3).reshape(place_slowest.shape))


@some
@given(data=st.data())
def test_channel_shuffle_agrees_with_onnxruntime(data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 3))
    groups, per_group = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    spatial = [data.draw(st.integers(1, 3 if axes < 3 else 2)) for _ in range(axes)]
    x = numbered(data.draw, groups * per_group, *spatial)
    nodes = [
        helper.make_node("Reshape", ["x", "split"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, *range(3, 3 + axes)]),
        helper.make_node("Reshape", ["b", "joined"], ["y"]),
    ]
    split, joined = np.array([-1, groups, per_group, *spatial]), np.array([-1, groups * per_group, *spatial])
    expected = run_onnx_on(x, axes, nodes, split=split, joined=joined)
    moves(ChannelShuffle(groups, spatial_axes=axes), x, expected)


@some
@given(data=st.data())
def test_flatten_makes_one_axis_of_those_from_start_dim_to_end_dim(data: st.DataObject) -> None:
    axes = data.draw(st.integers(0, 3))
    x = numbered(data.draw, *(data.draw(st.integers(1, 3)) for _ in range(axes + 1)))
    first = data.draw(st.integers(1, axes + 1))
    last = data.draw(st.integers(first, axes + 1))
    start, end = (data.draw(st.sampled_from([dim, dim - axes - 2])) for dim in (first, last))
    shape = x.shape if x.ndim == axes + 2 else (1, *x.shape)
    joined = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    expected = run_onnx_on(x, axes, [node("Reshape", "to")], to=np.array(joined))
    moves(Flatten(start, end, spatial_axes=axes), x, expected)


@some
@given(data=st.data())
def test_unfold_lays_windows_out_as_columns(data: st.DataObject) -> None:
    kernel, dilation, stride = (one_or_each(data.draw, 2, 1, most) for most in (2, 2, 3))
    padding = one_or_each(data.draw, 2, 0, 2)
    (rows, columns), (down, right), (top, left) = each(kernel, 2), each(dilation, 2), each(padding, 2)
    extents = ((rows - 1) * down + 1, (columns - 1) * right + 1)
    least = [max(1, extent - 2 * before) for extent, before in zip(extents, (top, left), strict=True)]
    x = numbered(data.draw, data.draw(st.integers(1, 2)), *(data.draw(st.integers(n, n + 1)) for n in least))
    *lead, height, width = x.shape
    starts = [
        (y, x)
        for y in range(-top, height + top - extents[0] + 1, each(stride, 2)[0])
        for x in range(-left, width + left - extents[1] + 1, each(stride, 2)[1])
    ]
    expected = np.zeros((*lead, rows * columns, len(starts)), np.float32)
    outside = np.ones(expected.shape, bool)
    for window, (y, z) in enumerate(starts):
        for cell, (i, j) in enumerate(np.ndindex(rows, columns)):
            at = (y + i * down, z + j * right)
            if 0 <= at[0] < height and 0 <= at[1] < width:
                expected[..., cell, window] = x[(..., *at)]
                outside[..., cell, window] = False
    shape = (*lead[:-1], lead[-1] * rows * columns, len(starts))
    moves(Unfold(kernel, dilation, padding, stride), x, expected.reshape(shape), outside.reshape(shape))


class ShiftDown(Move):
    """Every row moves one down, so that the first comes from nowhere and the last is lost."""

    AXES: ClassVar[int] = 2

    def _item_output(self, item: Shape) -> Shape:
        return item

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        came = cells - np.array([0, 1, 0])
        came[came[:, 1] < 0] = -1
        return came


@pytest.mark.parametrize("order", ["position", "filter"])
@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 2, 3, 2)])
def test_a_new_move_only_says_where_cells_come_from(order: Order, shape: tuple[int, ...]) -> None:
    op = ShiftDown()
    x = np.random.default_rng(0).normal(size=shape)
    expected = np.zeros(shape)
    expected[..., 1:, :] = x[..., :-1, :]
    np.testing.assert_array_equal(op.forward(x), expected)
    np.testing.assert_array_equal(replay(op.trajectory(shape, order), x), expected)
    assert (op.source(shape)[..., 0, :] == -1).all()
    (view,) = op.views(shape)
    assert (view.name, view.shape) == ("output", shape[-3:])
    np.testing.assert_array_equal(view.source, op.source(shape[-3:]))


@pytest.mark.parametrize("order", ["position", "filter"])
def test_what_comes_from_nowhere_is_a_row_of_minus_ones_and_no_ghost(order: Order) -> None:
    taps = ShiftDown().trajectory((2, 1, 3, 2), order).taps(6)
    assert taps.output.tolist() == [[1, 0, 0, 0]]
    assert taps.input.tolist() == [[-1] * 4]
    assert not taps.ghost.any()


def test_copied_padding_is_a_ghost_that_names_its_cell() -> None:
    taps = Pad(((2, 1),), "reflect").trajectory((1, 3)).taps(0)
    assert (taps.input.tolist(), taps.ghost.tolist()) == ([[0, 2]], [True])
    taps = Pad(((2, 1),)).trajectory((1, 3)).taps(0)
    assert (taps.input.tolist(), taps.ghost.tolist()) == ([[-1, -1]], [True])


def test_the_shuffle_deals_channels_like_two_hands_of_cards() -> None:
    x = np.arange(8.0).reshape(8, 1, 1)
    assert ChannelShuffle(2).forward(x).ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert ChannelShuffle(4).forward(x).ravel().tolist() == [0, 2, 4, 6, 1, 3, 5, 7]


@pytest.mark.parametrize("shape", [(6, 2, 3), (2, 6, 2, 3)])
def test_the_three_views_of_the_shuffle_lead_to_its_output(shape: tuple[int, ...]) -> None:
    op = ChannelShuffle(3)
    reshape, transpose, flatten = op.views(shape)
    assert [view.name for view in (reshape, transpose, flatten)] == ["reshape", "transpose", "flatten"]
    assert [view.shape for view in (reshape, transpose, flatten)] == [(3, 2, 2, 3), (2, 3, 2, 3), (6, 2, 3)]
    for view in (reshape, transpose, flatten):
        assert (view.source.shape, view.source.dtype) == (view.shape, np.int64)
    assert reshape.source.ravel().tolist() == list(range(36))
    np.testing.assert_array_equal(transpose.source, reshape.source.transpose(1, 0, 2, 3))
    np.testing.assert_array_equal(flatten.source.ravel(), transpose.source.ravel())
    np.testing.assert_array_equal(flatten.source, op.source((6, 2, 3)))


def test_a_step_is_a_position_with_all_channels_or_one_channel() -> None:
    by_position = ChannelShuffle(2).trajectory((2, 4, 1, 3))
    assert (len(by_position), by_position.positions, by_position.position(4)) == (6, (1, 3), (1, None, (0, 1)))
    taps = by_position.taps(4)
    assert taps.output.tolist() == [[1, c, 0, 1] for c in range(4)]
    assert taps.input.tolist() == [[1, c, 0, 1] for c in (0, 2, 1, 3)]
    by_channel = ChannelShuffle(2).trajectory((2, 4, 1, 3), order="filter")
    assert (len(by_channel), by_channel.position(16)) == (24, (1, 1, (0, 1)))
    assert by_channel.taps(16).output.tolist() == [[1, 1, 0, 1]]
    assert by_channel.taps(16).input.tolist() == [[1, 2, 0, 1]]


def test_a_move_costs_nothing_and_changes_nothing() -> None:
    op, x = ChannelShuffle(2), np.ones((2, 3, 3))
    assert (op.weight_shape, op.num_parameters, op.macs((2, 3, 3))) == (None, 0, 0)
    for move in (op, Pad(0), ZeroInsert(1, spatial_axes=2), Flatten(1, 1), PixelShuffle(1), PixelUnshuffle(1)):
        move.forward(x)[:] = 5
    assert (x == 1).all()


WRONG: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: Pad((1, (1, -1)), "reflect"),
        "Pad: padding=(1, (1, -1)); allowed: an integer >= 0, or one or a pair of them per spatial axis",
    ),
    (
        lambda: Pad(((1, 2, 3),)),
        "Pad: padding=((1, 2, 3),); allowed: an integer, or one or a pair of them per spatial axis",
    ),
    (
        lambda: Pad((1, 1), spatial_axes=3),
        "Pad: padding=(1, 1) is for 2 spatial axes; allowed: spatial_axes=3 of them",
    ),
    (lambda: Pad(1, "same"), "Pad: padding_mode='same'; allowed: 'zeros' or 'reflect' or 'replicate' or 'circular'"),
    (
        lambda: Pad(((-1, -2), (0, 0))).source((1, 3, 3)),
        "Pad: padding=((-1, -2), (0, 0)) leaves 0 of (3, 3) cells; allowed: >= 1",
    ),
    (
        lambda: Pad(((0, 0), (3, 1)), "reflect").output_shape((1, 5, 3)),
        "Pad: padding=3 with padding_mode='reflect' on 3 columns; allowed: <= 2",
    ),
    (
        lambda: Pad(((1, 4), (0, 0)), "circular").output_shape((1, 3, 5)),
        "Pad: padding=4 with padding_mode='circular' on 3 rows; allowed: <= 3",
    ),
    (lambda: ZeroInsert(0), "ZeroInsert: stride=0; allowed: an integer >= 1"),
    (
        lambda: PixelShuffle(2).output_shape((6, 1, 1)),
        "PixelShuffle: upscale_factor=2: 2*2 must divide the input's 6 channels",
    ),
    (
        lambda: PixelUnshuffle(2).output_shape((1, 4, 3)),
        "PixelUnshuffle: downscale_factor=2 must divide the input's 4 x 3 cells",
    ),
    (lambda: ChannelShuffle(3).views((4, 1, 1)), "ChannelShuffle: groups=3 must divide the input's 4 channels"),
    (
        lambda: Flatten(0).output_shape((2, 3, 3)),
        "Flatten: start_dim=0, end_dim=-1 for an input of 4 axes, N first; allowed: 1 <= start_dim <= end_dim <= 3",
    ),
    (
        lambda: Flatten(3, 2).output_shape((2, 3, 3)),
        "Flatten: start_dim=3, end_dim=2 for an input of 4 axes, N first; allowed: 1 <= start_dim <= end_dim <= 3",
    ),
    (
        lambda: Unfold((2, 4)).output_shape((1, 3, 3)),
        "Unfold: kernel_size=(2, 4) (dilation=1) spans (2, 4) cells; allowed: at most the padded input's (3, 3)",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_does_not_fit_is_named(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        wrong()
    assert str(caught.value) == message


@pytest.mark.parametrize("op", [ChannelShuffle(2), Pad(1), ZeroInsert(2)], ids=repr)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_of_three_spatial_axes_is_moved_picture_by_picture(op: Any, batch: int) -> None:
    """An item of such a batch has four axes, which by itself would be read as a batch of two spatial axes."""
    x = np.arange(batch * 4 * 2 * 3 * 2, dtype=np.float64).reshape(batch, 4, 2, 3, 2) + 1
    alone = replace(op, spatial_axes=3)
    expected = np.stack([replay(alone.trajectory(picture.shape), picture) for picture in x])
    np.testing.assert_array_equal(op.forward(x), expected)
    assert op.views(x.shape)[-1].shape == expected.shape[1:]
