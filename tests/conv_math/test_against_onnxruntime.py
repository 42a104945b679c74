"""Operations with weights equal ONNX Runtime's, or their formula, whatever the hyperparameters: values and taps."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from oracle import ORDERS, TOLERANCE, Array, agrees, cells_of, each, eighths, one_or_each, run_onnx, run_onnx_on, some

from convmotion.conv_math import (
    AvgPool1d,
    AvgPool2d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DeformConv2d,
    Linear,
    MaxPool2d,
    Order,
    SparseMatrix,
    Taps,
    Trajectory,
    Unfold,
    conv_matrix,
    im2col,
)

CONV = {1: Conv1d, 2: Conv2d, 3: Conv3d}
TRANSPOSED = {1: ConvTranspose1d, 2: ConvTranspose2d, 3: ConvTranspose3d}
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""What NumPy's pad and ONNX's Pad call the padding modes."""
LIMITS = {
    1: {"kernel": 5, "step": 3, "padding": 3, "spare": 4},
    2: {"kernel": 3, "step": 3, "padding": 3, "spare": 2},
    3: {"kernel": 2, "step": 2, "padding": 1, "spare": 1},
}
"""By number of axes: the largest sizes, strides and dilations, and how much larger than necessary an input may be."""
PADDINGS = ("number", "same", "valid", "number")

Sizes = tuple[int, ...]
along_one_to_three_axes = pytest.mark.parametrize("axes", [1, 2, 3])
in_every_padding_mode = pytest.mark.parametrize("mode", MODES)
few = settings(some, max_examples=50)
orders = st.sampled_from(ORDERS)
channels_of_groups = st.sampled_from([(1, 1, 1), (1, 2, 1), (1, 2, 3), (2, 1, 2), (2, 2, 1), (2, 3, 2), (3, 1, 1)])
"""(groups, channels that a filter reads, filters of a group)"""


@dataclass(frozen=True)
class Layer:
    """A drawn operation, its geometry written out per axis, and its data."""

    op: Any
    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    before: Sizes
    after: Sizes
    x: Array
    weight: Array
    bias: Array | None

    @property
    def batched(self) -> int:
        """How many axes stand before the channels."""
        return self.x.ndim - self.weight.ndim + 1

    @property
    def spatial(self) -> Sizes:
        """The input's spatial sizes."""
        return self.x.shape[self.batched + 1 :]

    def run(self, kind: str, before: Sizes, after: Sizes, mode: str, **attributes: Any) -> Array:
        """What ONNX Runtime's Pad and then its node of this kind compute."""
        arrays = {"w": self.weight} | ({} if self.bias is None else {"b": self.bias})
        attributes |= {"strides": self.stride, "dilations": self.dilation, "group": self.op.groups}
        pad = helper.make_node("Pad", ["x", "pads"], ["padded"], mode=mode)
        node = helper.make_node(kind, ["padded", *arrays], ["y"], **attributes)
        pads = np.array([0, 0, *before, 0, 0, *after])
        return run_onnx_on(self.x, len(self.spatial), [pad, node], pads=pads, **arrays)

    def convolved(self) -> Array:
        """ONNX Runtime's convolution."""
        return self.run("Conv", self.before, self.after, MODES[self.op.padding_mode])

    def transposed(self, output_padding: Sizes) -> Array:
        """ONNX Runtime's transposed convolution.

        It takes an output_padding below the stride only; a zero after the input makes the output longer by a stride.
        """
        zeros, more = zip(*map(divmod, output_padding, self.stride), strict=True)
        pads = [*self.before, *self.after]
        return self.run("ConvTranspose", (0,) * len(zeros), zeros, "constant", pads=pads, output_padding=more)


def geometry(draw: st.DrawFn, axes: int, same: bool) -> tuple[dict[str, Any], list[Sizes]]:
    """Arguments of a window; and its kernel, stride, dilation and span written out."""
    arguments: dict[str, Any] = {
        "kernel_size": one_or_each(draw, axes, 1, LIMITS[axes]["kernel"]),
        "stride": 1 if same else one_or_each(draw, axes, 1, LIMITS[axes]["step"]),
        "dilation": one_or_each(draw, axes, 1, LIMITS[axes]["step"]),
    }
    kernel, stride, dilation = (each(argument, axes) for argument in arguments.values())
    return arguments, [kernel, stride, dilation, tuple((k - 1) * d for k, d in zip(kernel, dilation, strict=True))]


def data_of(draw: st.DrawFn, least: list[int], *weight: int, channels: int, filters: int) -> tuple[Array, ...]:
    """x, weight and bias, or None for it; the input is at least so large."""
    spare = LIMITS[len(least)]["spare"]
    spatial = [max(size, 1) + draw(st.integers(0, spare)) for size in least]
    return (
        cells_of(draw, channels, *spatial),
        eighths(draw, *weight),
        eighths(draw, filters) if draw(st.booleans()) else None,
    )


@st.composite
def convs(draw: st.DrawFn, axes: int, mode: str = "zeros", forms: Sequence[str] = PADDINGS) -> Layer:
    """Convolutions with every other hyperparameter random; forms: of padding."""
    form = draw(st.sampled_from(forms))
    arguments, (kernel, stride, dilation, span) = geometry(draw, axes, same=form == "same")
    padding = one_or_each(draw, axes, 0, LIMITS[axes]["padding"]) if form == "number" else form
    before = after = each(0 if form == "valid" else padding, axes)
    if form == "same":
        before, after = tuple(cells // 2 for cells in span), tuple(cells - cells // 2 for cells in span)
    beyond = {"reflect": 1, "circular": 0}.get(mode, -max(after))
    sides = zip(span, before, after, strict=True)
    least = [max(cells + 1 - b - a, a + beyond) for cells, b, a in sides]
    groups, fan_in, per_group = draw(channels_of_groups)
    channels, filters = groups * fan_in, groups * per_group
    x, weight, bias = data_of(draw, least, filters, fan_in, *kernel, channels=channels, filters=filters)
    arguments |= {"padding": padding, "groups": groups, "bias": bias is not None, "padding_mode": mode}
    return Layer(CONV[axes](channels, filters, **arguments), kernel, stride, dilation, before, after, x, weight, bias)


@st.composite
def transposed(draw: st.DrawFn, axes: int) -> Layer:
    """Transposed convolutions with every hyperparameter random."""
    arguments, (kernel, stride, dilation, span) = geometry(draw, axes, same=False)
    most = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    for_each = st.tuples(*(st.integers(0, size) for size in most))
    arguments["padding"] = one_or_each(draw, axes, 0, LIMITS[axes]["padding"])
    arguments["output_padding"] = draw(st.one_of(st.integers(0, min(most)), for_each))
    padding, more = (each(arguments[name], axes) for name in ("padding", "output_padding"))
    least = [1 - (cells + o - 2 * p) // s for cells, o, p, s in zip(span, more, padding, stride, strict=True)]
    groups, fan_in, per_group = draw(channels_of_groups)
    channels, filters = groups * fan_in, groups * per_group
    x, weight, bias = data_of(draw, least, channels, per_group, *kernel, channels=channels, filters=filters)
    op = TRANSPOSED[axes](channels, filters, groups=groups, bias=bias is not None, **arguments)
    return Layer(op, kernel, stride, dilation, padding, padding, x, weight, bias)


def every_tap(trajectory: Trajectory) -> tuple[Array, Taps]:
    """All taps of all steps, and for each the step."""
    taps = [trajectory.taps(t) for t in range(len(trajectory))]
    steps = np.repeat(np.arange(len(taps)), [len(step) for step in taps])
    return steps, Taps(*(np.concatenate([getattr(step, field.name) for step in taps]) for field in fields(Taps)))


def all_differ(*columns: Array) -> bool:
    """No row stands twice."""
    rows = np.column_stack(columns)
    return len(np.unique(rows, axis=0)) == len(rows)


def in_row_major_order(*columns: Array) -> bool:
    """The first column is the slowest."""
    keys = np.column_stack(columns).T[::-1]
    return (np.lexsort(keys) == np.arange(keys.shape[1])).all()


@in_every_padding_mode
@along_one_to_three_axes
@few
@given(data=st.data())
def test_convolutions_agree_with_onnxruntime(axes: int, mode: str, data: st.DataObject) -> None:
    layer = data.draw(convs(axes, mode))
    agrees(layer.op, layer.x, layer.convolved(), layer.weight, layer.bias)


@in_every_padding_mode
@along_one_to_three_axes
@few
@given(data=st.data())
def test_same_padding_keeps_the_size_and_puts_the_odd_cell_after_the_input(
    axes: int, mode: str, data: st.DataObject
) -> None:
    layer = data.draw(convs(axes, mode, ["same"]))
    y = layer.op.forward(layer.x, layer.weight, layer.bias)
    assert y.shape[layer.batched + 1 :] == layer.spatial
    np.testing.assert_allclose(y, layer.convolved(), rtol=TOLERANCE, atol=TOLERANCE)


@in_every_padding_mode
@along_one_to_three_axes
@few
@given(data=st.data(), order=orders)
def test_every_tap_of_a_convolution_stands_where_the_formula_puts_it(
    axes: int, mode: str, data: st.DataObject, order: Order
) -> None:
    """The tap of output (n, f, p) and weight (f, c, k) reads cell p*stride - padding + k*dilation of f's c-th channel.

    Where that is outside the input it is a ghost, and reads what numpy.pad has there; of zero padding, rows of -1s.
    """
    layer = data.draw(convs(axes, mode))
    op, batched = layer.op, layer.batched
    trajectory = op.trajectory(layer.x.shape, order)
    steps, taps = every_tap(trajectory)
    n, f, p = taps.output[:, :batched], taps.output[:, batched], taps.output[:, batched + 1 :]
    c, k = taps.weight[:, 1], taps.weight[:, 2:]
    np.testing.assert_array_equal(taps.weight[:, 0], f)
    np.testing.assert_array_equal([trajectory.origin(t) for t in steps], p * layer.stride - layer.before)
    at = p * layer.stride - layer.before + k * layer.dilation
    np.testing.assert_array_equal(taps.ghost, ((at < 0) | (at >= layer.spatial)).any(axis=1))

    how: dict[str, Any] = {"constant_values": -1} if mode == "zeros" else {}
    per_axis = zip(layer.spatial, layer.before, layer.after, strict=True)
    padded = [np.pad(np.arange(size), sides, MODES[mode], **how) for size, *sides in per_axis]
    cells = np.column_stack([line[along] for line, along in zip(padded, (at + layer.before).T, strict=True)])
    channel = f // (op.out_channels // op.groups) * layer.weight.shape[1] + c
    read = np.column_stack([n, channel, cells])
    np.testing.assert_array_equal(taps.input, np.where((cells < 0).any(axis=1, keepdims=True), -1, read))

    assert (taps.coefficient == 1).all()
    assert all_differ(taps.output, taps.weight)
    assert in_row_major_order(steps, taps.weight)
    assert len(taps) == op.macs(layer.x.shape) == prod(trajectory.output_shape) * prod(layer.weight.shape[1:])


@along_one_to_three_axes
@some
@given(data=st.data(), view=st.sampled_from(["scatter", "gather"]))
def test_transposed_convolutions_agree_with_onnxruntime(axes: int, data: st.DataObject, view: str) -> None:
    """In both views, and as the chain of zero insertion, padding and convolution that they are explained with."""
    layer = data.draw(transposed(axes))
    op = layer.op
    expected = layer.transposed(each(op.output_padding, axes))
    agrees(op, layer.x, expected, layer.weight, layer.bias, trajectory={"view": view})
    chain = op.as_convolution()
    assert chain.output_shape(layer.x.shape) == expected.shape
    through = chain.forward(layer.x, [None, None, op.flipped(layer.weight)], [None, None, layer.bias])
    np.testing.assert_allclose(through, expected, rtol=TOLERANCE, atol=TOLERANCE)


@along_one_to_three_axes
@some
@given(data=st.data(), order=orders)
def test_a_scattering_window_drops_what_falls_outside(axes: int, data: st.DataObject, order: Order) -> None:
    """Input (n, c, p) and weight (c, f, k) meet once, in p*stride - padding + k*dilation, if that is in the output."""
    layer = data.draw(transposed(axes))
    op, batched = layer.op, layer.batched
    trajectory = op.trajectory(layer.x.shape, order)
    steps, taps = every_tap(trajectory)
    n, c, p = taps.input[:, :batched], taps.input[:, batched], taps.input[:, batched + 1 :]
    k, per_group = taps.weight[:, 2:], layer.weight.shape[1]
    f = c // (op.in_channels // op.groups) * per_group + taps.weight[:, 1]
    np.testing.assert_array_equal(taps.weight[:, 0], c)
    np.testing.assert_array_equal(np.reshape([trajectory.origin(t) for t in steps], p.shape), p)
    at = p * layer.stride - layer.before + k * layer.dilation
    np.testing.assert_array_equal(taps.output, np.column_stack([n, f, at]))

    assert (taps.coefficient == 1).all()
    assert not taps.ghost.any()
    assert all_differ(taps.input, taps.weight)
    assert in_row_major_order(steps, f, c, k)
    sizes = trajectory.output_shape[batched + 1 :]
    along = zip(layer.spatial, layer.kernel, layer.stride, layer.dilation, layer.before, sizes, strict=True)
    inside = prod(
        sum(0 <= place * stride - side + k * dilation < size for place in range(cells) for k in range(kernel))
        for cells, kernel, stride, dilation, side, size in along
    )
    assert len(taps) == prod(layer.x.shape[: batched + 1]) * per_group * inside
    assert op.macs(layer.x.shape) == layer.x.size * prod(layer.weight.shape[1:])


@along_one_to_three_axes
@some
@given(data=st.data(), order=orders)
def test_a_gathering_window_meets_zeros_between_the_cells_and_ghosts_around_them(
    axes: int, data: st.DataObject, order: Order
) -> None:
    """Output (n, f, q) and weight (c, f, k) meet at q + padding - k*dilation of the input with its inserted zeros."""
    layer = data.draw(transposed(axes))
    op, batched = layer.op, layer.batched
    trajectory = op.trajectory(layer.x.shape, order, view="gather")
    steps, taps = every_tap(trajectory)
    n, f, q = taps.output[:, :batched], taps.output[:, batched], taps.output[:, batched + 1 :]
    c, k = taps.weight[:, 0], taps.weight[:, 2:]
    fan_in, per_group = op.in_channels // op.groups, layer.weight.shape[1]
    np.testing.assert_array_equal(c // fan_in * per_group + taps.weight[:, 1], f)
    at = q + np.array(layer.before) - k * layer.dilation
    outside = ((at < 0) | (at > (np.array(layer.spatial) - 1) * layer.stride)).any(axis=1)
    np.testing.assert_array_equal(taps.ghost, outside)
    zero = outside | (at % layer.stride != 0).any(axis=1)
    read = np.column_stack([n, c, at // layer.stride])
    np.testing.assert_array_equal(taps.input, np.where(zero[:, np.newaxis], -1, read))

    assert (taps.coefficient == 1).all()
    assert all_differ(taps.output, taps.weight)
    assert in_row_major_order(steps, f, c, k)
    assert len(taps) == prod(trajectory.output_shape) * fan_in * prod(layer.kernel)


@in_every_padding_mode
@along_one_to_three_axes
@few
@given(data=st.data())
def test_the_matrix_and_the_columns_of_a_convolution_give_it_as_a_product(
    axes: int, mode: str, data: st.DataObject
) -> None:
    layer = replace(data.draw(convs(axes, mode)), bias=None)
    op, expected = layer.op, layer.convolved()
    matrix = conv_matrix(op, layer.x.shape, layer.weight)
    assert matrix.shape == (expected.size, layer.x.size)
    np.testing.assert_allclose(matrix @ layer.x.ravel(), expected.ravel(), rtol=TOLERANCE, atol=TOLERANCE)

    columns = im2col(op, layer.x)
    assert columns.shape[:-1] == (*layer.x.shape[: layer.batched], op.in_channels * prod(layer.kernel))
    if op.groups == 1:
        product = layer.weight.reshape(op.out_channels, -1) @ columns
        np.testing.assert_allclose(product.reshape(expected.shape), expected, rtol=TOLERANCE, atol=TOLERANCE)


@along_one_to_three_axes
@some
@given(data=st.data())
def test_the_transposed_matrix_of_a_convolution_is_the_transposed_convolution(axes: int, data: st.DataObject) -> None:
    """With the same weight, and as much output_padding as the convolution's stride had left over."""
    layer = replace(data.draw(convs(axes, forms=("number", "valid"))), bias=None)
    op = layer.op
    shape = op.output_shape(layer.x.shape)
    matrix = conv_matrix(op, layer.x.shape, layer.weight)
    padded = zip(layer.spatial, layer.before, layer.kernel, layer.dilation, layer.stride, strict=True)
    left = tuple((size + 2 * side - (k - 1) * d - 1) % s for size, side, k, d, s in padded)
    y = eighths(data.draw, *shape)
    expected = replace(layer, x=y).transposed(left)
    assert expected.shape == layer.x.shape
    np.testing.assert_allclose(matrix.T @ y.ravel(), expected.ravel(), rtol=TOLERANCE, atol=TOLERANCE)

    sizes = {"stride": layer.stride, "padding": layer.before, "output_padding": left, "dilation": layer.dilation}
    back = TRANSPOSED[axes](op.out_channels, op.in_channels, layer.kernel, groups=op.groups, **sizes)
    np.testing.assert_array_equal(conv_matrix(back, shape, layer.weight), matrix.T)


def test_the_matrix_of_a_mean_holds_its_coefficients() -> None:
    assert conv_matrix(AvgPool1d(2), (1, 4)).tolist() == [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]


def test_a_large_matrix_is_a_list_of_its_numbers() -> None:
    op = Conv1d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
    matrix = conv_matrix(op, (1, 2100), np.array([[[1.0, 2.0, 4.0]]]))
    assert isinstance(matrix, SparseMatrix)
    assert (matrix.shape, matrix.T.shape) == ((2100, 2100), (2100, 2100))
    expected = np.eye(2100, k=-1) + 2.0 * np.eye(2100) + 4.0 * np.eye(2100, k=1)
    expected[0, 0] += 1.0  # the outermost cells are met twice
    expected[-1, -1] += 4.0
    np.testing.assert_array_equal(matrix.dense(), expected)
    np.testing.assert_array_equal(matrix.T.dense(), expected.T)
    x = np.arange(2100.0)
    np.testing.assert_array_equal(matrix @ x, expected @ x)
    np.testing.assert_array_equal(matrix.T @ x, expected.T @ x)


def unfolded(layer: Layer) -> Array:
    """The windows as columns: ONNX Runtime's convolution with a filter for every cell of the window, which picks it."""
    channels, cells = layer.op.in_channels, layer.op.in_channels * prod(layer.kernel)
    picks = np.eye(cells, dtype=np.float32).reshape(cells, channels, *layer.kernel)
    picked = replace(layer, op=Conv2d(channels, cells, layer.kernel), weight=picks, bias=None).convolved()
    return picked.reshape(*picked.shape[:-2], -1)


@some
@given(convs(2, forms=("number", "valid")))
def test_unfold_and_im2col_give_the_windows_as_columns(layer: Layer) -> None:
    expected = unfolded(layer)
    unfold = Unfold(layer.kernel, layer.dilation, layer.before, layer.stride)
    np.testing.assert_array_equal(unfold.forward(layer.x), expected)
    np.testing.assert_array_equal(im2col(layer.op, layer.x), expected)


@some
@given(data=st.data())
def test_the_windows_of_a_pool_are_columns_too(data: st.DataObject) -> None:
    """Also where a pool leaves out what is outside of the input: there stand zeros."""
    layer = data.draw(convs(2, forms=("valid",)))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in layer.kernel)
    expected = unfolded(replace(layer, before=padding, after=padding))
    np.testing.assert_array_equal(
        im2col(MaxPool2d(layer.kernel, layer.stride, padding, layer.dilation), layer.x), expected
    )
    if layer.dilation == (1, 1):
        for counted in (True, False):
            pool = AvgPool2d(layer.kernel, layer.stride, padding, count_include_pad=counted)
            np.testing.assert_array_equal(im2col(pool, layer.x), expected)


@some
@given(data=st.data())
def test_linear_agrees_with_onnxruntime(data: st.DataObject) -> None:
    inputs, outputs = (data.draw(st.integers(1, 8)) for _ in range(2))
    x, weight = cells_of(data.draw, inputs), eighths(data.draw, outputs, inputs)
    bias = eighths(data.draw, outputs) if data.draw(st.booleans()) else None
    arrays = {"x": x.reshape(-1, inputs), "w": weight} | ({} if bias is None else {"b": bias})
    expected = run_onnx([helper.make_node("Gemm", list(arrays), ["y"], transB=1)], **arrays)
    op = Linear(inputs, outputs, bias=bias is not None)
    agrees(op, x, expected.reshape(*x.shape[:-1], outputs), weight, bias)
    for order in ORDERS:
        assert op.macs(x.shape) == expected.size * inputs == len(every_tap(op.trajectory(x.shape, order))[1])


@some
@given(data=st.data())
def test_batch_norm_agrees_with_onnxruntime(data: st.DataObject) -> None:
    """With statistics or the defaults, 0 and 1; what is added after the replay is `shift`."""
    channels, *spatial = (data.draw(st.integers(1, most)) for most in (4, 3, 3))
    x = cells_of(data.draw, channels, *spatial)
    eps, affine = data.draw(st.sampled_from([1e-5, 1e-2, 0.5])), data.draw(st.booleans())
    weight, bias = (eighths(data.draw, channels) for _ in range(2)) if affine else (None, None)
    mean = eighths(data.draw, channels) if data.draw(st.booleans()) else None
    variance = abs(eighths(data.draw, channels)) + np.float32(1 / 8) if data.draw(st.booleans()) else None
    zeros, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    arrays = {"x": x.reshape(-1, channels, *spatial)}
    optional = {"w": (weight, ones), "b": (bias, zeros), "mean": (mean, zeros), "variance": (variance, ones)}
    arrays |= {name: default if array is None else array for name, (array, default) in optional.items()}
    node = helper.make_node("BatchNormalization", list(arrays), ["y"], epsilon=eps)
    op = BatchNorm2d(channels, eps=eps, affine=affine)
    agrees(
        op,
        x,
        run_onnx([node], **arrays).reshape(x.shape),
        weight,
        bias,
        forward={"running_mean": mean, "running_var": variance},
        trajectory={"running_var": variance},
        shift=op.shift(weight, bias, mean, variance),
    )


def mixed(x: Array, rows: Array, columns: Array) -> Array:
    """x (C, H, W) at places between its cells, each of which counts max(0, 1 - distance) along both axes.

    Source: Dai and others, "Deformable Convolutional Networks", arXiv 1703.06211, equations 3 and 4.
    """
    nearness = [
        np.maximum(0.0, 1.0 - abs(at[..., np.newaxis] - np.arange(size)))
        for at, size in zip((rows, columns), x.shape[1:], strict=True)
    ]
    return np.einsum("chw,...h,...w->c...", x, *nearness)


@dataclass(frozen=True)
class Deformed:
    """A drawn deformable convolution with its offsets; `at`: where the cells of its window stand, moved.

    at: (N, 2, out H, out W, rows, columns).
    """

    layer: Layer
    op: DeformConv2d
    offset: Array
    at: Array

    def expected(self) -> Array:
        """The products of each group's weights with what the window meets, by the formula."""
        layer, groups = self.layer, self.op.groups
        x = layer.x.reshape(-1, *layer.x.shape[-3:])
        met = np.array([mixed(picture, *at) for picture, at in zip(x, self.at, strict=True)])
        met = met.reshape(len(x), groups, -1, *met.shape[2:])
        weight = layer.weight.reshape(groups, -1, *layer.weight.shape[1:])
        y = np.einsum("ngchwij,gfcij->ngfhw", met, weight).reshape(len(x), -1, *met.shape[3:5])
        if layer.bias is not None:
            y += layer.bias[:, np.newaxis, np.newaxis]
        return y if layer.batched else y[0]


@st.composite
def deformed(draw: st.DrawFn) -> Deformed:
    """Deformable convolutions in float64; offsets are whole, eighths or any, and reach beyond the input."""
    drawn = draw(convs(2, forms=("number", "valid")))
    layer = replace(drawn, x=drawn.x.astype(np.float64))
    plain = layer.op
    names = ("in_channels", "out_channels", "kernel_size", "stride", "dilation", "groups", "bias")
    op = DeformConv2d(padding=layer.before, **{name: getattr(plain, name) for name in names})
    place = plain.output_shape(layer.x.shape)[-2:]
    batch = layer.x.shape[: layer.batched]
    whole = eighths(draw, *batch, 2 * prod(layer.kernel), *place).astype(np.float64) * 8
    offset = whole * draw(st.sampled_from([0.0, 1.0, 1 / 8, 1 / 3, 0.3]))

    axes = zip(place, layer.kernel, layer.stride, layer.dilation, layer.before, strict=True)
    plain_at = [np.arange(p)[:, np.newaxis] * s - side + np.arange(k) * d for p, k, s, d, side in axes]
    moved = offset.reshape(-1, *layer.kernel, 2, *place).transpose(0, 3, 4, 5, 1, 2)
    rows, columns = plain_at
    at = np.stack(np.broadcast_arrays(rows[:, np.newaxis, :, np.newaxis], columns[:, np.newaxis]))
    return Deformed(layer, op, offset, at + moved)


@some
@given(deformed())
def test_deformable_convolutions_agree_with_the_formula(drawn: Deformed) -> None:
    layer, offset = drawn.layer, {"offset": drawn.offset}
    expected = drawn.expected()
    agrees(drawn.op, layer.x, expected, layer.weight, layer.bias, forward=offset, trajectory=offset, tolerance=1e-9)


@some
@given(deformed(), orders)
def test_a_moved_cell_is_shared_by_the_cells_around_it(drawn: Deformed, order: Order) -> None:
    """A tap has the coefficient max(0, 1 - distance) along both axes; ghosts, outside the input, make the sum 1."""
    layer, op, batched = drawn.layer, drawn.op, drawn.layer.batched
    _, taps = every_tap(op.trajectory(layer.x.shape, order, offset=drawn.offset))
    n = taps.output[:, 0] if batched else np.zeros(len(taps), int)
    f, p, k = taps.output[:, batched], taps.output[:, batched + 1 :], taps.weight[:, 2:]
    np.testing.assert_array_equal(taps.weight[:, 0], f)
    np.testing.assert_array_equal(taps.ghost[:, np.newaxis] | np.zeros_like(taps.input, bool), taps.input == -1)

    real = ~taps.ghost
    channel = f // (op.out_channels // op.groups) * layer.weight.shape[1] + taps.weight[:, 1]
    read = np.column_stack([taps.output[:, :batched], channel])
    np.testing.assert_array_equal(taps.input[real, : batched + 1], read[real])
    at = drawn.at[n, :, p[:, 0], p[:, 1], k[:, 0], k[:, 1]]
    share = np.maximum(0.0, 1.0 - abs(at - taps.input[:, -2:])).prod(axis=1)
    np.testing.assert_allclose(taps.coefficient[real], share[real], atol=1e-9)
    assert (taps.coefficient > 0).all()
    assert all_differ(taps.output[real], taps.weight[real], taps.input[real])

    _, which = np.unique(np.column_stack([taps.output, taps.weight]), axis=0, return_inverse=True)
    shares = np.bincount(which.ravel(), taps.coefficient)
    np.testing.assert_allclose(shares, 1.0, atol=1e-9)
    assert len(shares) == op.macs(layer.x.shape)


@some
@given(deformed(), orders)
def test_without_offsets_the_taps_are_those_of_the_convolution(drawn: Deformed, order: Order) -> None:
    shape = drawn.layer.x.shape
    still, no_offset = drawn.op, np.zeros(drawn.op.offset_shape(shape))
    steps, taps = every_tap(still.trajectory(shape, order, offset=no_offset))
    plain_steps, plain = every_tap(drawn.layer.op.trajectory(shape, order))
    np.testing.assert_array_equal(steps, plain_steps)
    for field in fields(Taps):
        np.testing.assert_array_equal(getattr(taps, field.name), getattr(plain, field.name), err_msg=field.name)
