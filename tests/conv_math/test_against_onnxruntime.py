"""Shapes, values and taps equal ONNX Runtime's, whatever the hyperparameters.

All values are multiples of 1/8 up to 1, so float32 holds every product and sum exactly: a wrong tap is off by 1/64 or
more, and the tolerance only leaves room for kernels of ONNX Runtime that compute in another way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from convmotion.conv_math import ChannelShuffle, Conv2d, replay
from convmotion.conv_math.conv import Conv

TOLERANCE = 1e-4
ORDERS = ("position", "filter")

many = settings(max_examples=300, deadline=None, derandomize=True, database=None)
some = settings(max_examples=75, deadline=None, derandomize=True, database=None)


class Conv1d(Conv):
    """The mechanism along one axis."""

    spatial_axes: ClassVar[int] = 1


class Conv3d(Conv):
    """The mechanism along three axes."""

    spatial_axes: ClassVar[int] = 3


KINDS = {1: Conv1d, 2: Conv2d, 3: Conv3d}


def run_onnx(nodes: list[Any], **inputs: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes for the value 'y'."""
    given_values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in inputs.items()
    ]
    wanted = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "one-layer", given_values, wanted)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["y"], inputs)[0])


@dataclass(frozen=True)
class Layer:
    """A drawn layer: its arguments as a user gives them, written out per axis, and its data."""

    arguments: dict[str, Any]
    per_axis: dict[str, tuple[int, ...]]
    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None

    @property
    def op(self) -> Conv:
        return KINDS[len(self.per_axis["kernel_size"])](**self.arguments)

    @property
    def batched(self) -> bool:
        return self.x.ndim == self.weight.ndim

    def expected(self) -> np.ndarray:
        """ONNX Runtime's output, without a batch axis where the input has none."""
        inputs = {"x": self.x if self.batched else self.x[np.newaxis], "w": self.weight}
        if self.bias is not None:
            inputs["b"] = self.bias
        node = helper.make_node(
            "Conv",
            list(inputs),
            ["y"],
            kernel_shape=self.per_axis["kernel_size"],
            strides=self.per_axis["stride"],
            dilations=self.per_axis["dilation"],
            pads=self.per_axis["padding"] * 2,
            group=self.arguments["groups"],
        )
        output = run_onnx([node], **inputs)
        return output if self.batched else output[0]


def eighths(draw: Callable[..., Any], *shape: int) -> np.ndarray:
    """Random multiples of 1/8 from -1 to 1."""
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32) / 8


@st.composite
def layers(draw: st.DrawFn, axes: int = 2) -> Layer:
    """Layers with every hyperparameter random, different along each axis or one integer for all of them."""
    groups, fan_in, filters_per_group = (draw(st.integers(1, 3)) for _ in range(3))
    arguments: dict[str, Any] = {"groups": groups}
    per_axis: dict[str, tuple[int, ...]] = {}
    for name, least, most in (("kernel_size", 1, 3), ("stride", 1, 3), ("dilation", 1, 3), ("padding", 0, 2)):
        size = st.integers(least, most)
        given_value = draw(st.one_of(st.tuples(*[size] * axes), size))
        arguments[name] = given_value
        per_axis[name] = given_value if isinstance(given_value, tuple) else (given_value,) * axes
    spatial = []
    for kernel, dilation, padding in zip(*(per_axis[n] for n in ("kernel_size", "dilation", "padding")), strict=True):
        fits = max(1, (kernel - 1) * dilation + 1 - 2 * padding)
        spatial.append(draw(st.integers(fits, fits + (4 if axes < 3 else 2))))
    arguments |= {
        "in_channels": groups * fan_in,
        "out_channels": groups * filters_per_group,
        "bias": draw(st.booleans()),
    }
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    return Layer(
        arguments,
        per_axis,
        x=eighths(draw, *batch, groups * fan_in, *spatial),
        weight=eighths(draw, groups * filters_per_group, fan_in, *per_axis["kernel_size"]),
        bias=eighths(draw, groups * filters_per_group) if arguments["bias"] else None,
    )


def agrees(layer: Layer) -> None:
    """Shape, forward and the replay of both orders equal ONNX Runtime's."""
    op, expected = layer.op, layer.expected()
    assert op.weight_shape == layer.weight.shape
    assert op.output_shape(layer.x.shape) == expected.shape
    forward = op.forward(layer.x, layer.weight, layer.bias)
    assert forward.shape == expected.shape
    assert forward.dtype == np.float32
    np.testing.assert_allclose(forward, expected, rtol=TOLERANCE, atol=TOLERANCE)
    bias = np.zeros(op.out_channels) if layer.bias is None else layer.bias
    for order in ORDERS:
        replayed = replay(op.trajectory(layer.x.shape, order), layer.x, layer.weight)
        replayed += bias.reshape(-1, *[1] * op.spatial_axes)
        np.testing.assert_allclose(replayed, expected, rtol=TOLERANCE, atol=TOLERANCE)


@many
@given(layers())
def test_conv2d_agrees_with_onnxruntime(layer: Layer) -> None:
    agrees(layer)


@pytest.mark.parametrize("axes", [1, 3])
def test_the_slide_mechanism_agrees_along_any_number_of_axes(axes: int) -> None:
    some(given(layers(axes))(agrees))()


@many
@given(layers())
def test_macs_are_the_taps_and_ghosts_are_the_taps_outside_the_input(layer: Layer) -> None:
    """A tap reads the cell origin + kernel cell*dilation of its n; where there is none it is a ghost of -1s."""
    op, spatial = layer.op, np.array(layer.x.shape[-2:])
    for order in ORDERS:
        trajectory = op.trajectory(layer.x.shape, order)
        count = 0
        for t in range(len(trajectory)):
            taps = trajectory.taps(t)
            count += len(taps)
            at = np.array(trajectory.origin(t)) + taps.weight[:, 2:] * np.array(layer.per_axis["dilation"])
            outside = ((at < 0) | (at >= spatial)).any(axis=1)
            np.testing.assert_array_equal(taps.ghost, outside)
            np.testing.assert_array_equal(taps.input[~outside][:, -2:], at[~outside])
            assert (taps.input[outside] == -1).all()
            if layer.batched:
                assert (taps.input[~outside][:, 0] == trajectory.position(t)[0]).all()
            assert (taps.coefficient == 1).all()
        assert count == op.macs(layer.x.shape)


@some
@given(layers())
def test_completed_at_is_the_last_step_that_writes_a_cell(layer: Layer) -> None:
    for order in ORDERS:
        trajectory = layer.op.trajectory(layer.x.shape, order)
        last = np.full(trajectory.output_shape, -1)
        for t in range(len(trajectory)):
            last[tuple(trajectory.taps(t).output.T)] = t
        completed = trajectory.completed_at()
        assert completed.dtype == np.int64
        np.testing.assert_array_equal(completed, last)


@many
@given(st.data())
def test_same_padding_keeps_the_size_and_puts_the_odd_cell_after_the_input(data: st.DataObject) -> None:
    kernel, dilation = (data.draw(st.tuples(st.integers(1, 5), st.integers(1, 3))) for _ in range(2))
    x = eighths(data.draw, 1, data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6)))
    weight = eighths(data.draw, 1, 1, *kernel)
    around = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    before = [total // 2 for total in around]
    after = [(total + 1) // 2 for total in around]
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[*before, *after], dilations=dilation)
    op = Conv2d(1, 1, kernel, padding="same", dilation=dilation, bias=False)
    expected = run_onnx([node], x=x[np.newaxis], w=weight)[0]
    assert op.output_shape(x.shape) == x.shape == expected.shape
    np.testing.assert_allclose(op.forward(x, weight), expected, atol=TOLERANCE)
    np.testing.assert_allclose(replay(op.trajectory(x.shape), x, weight), expected, atol=TOLERANCE)


@many
@given(st.data())
def test_channel_shuffle_agrees_with_onnxruntime(data: st.DataObject) -> None:
    groups, per_group, height, width = (data.draw(st.integers(1, most)) for most in (4, 4, 3, 3))
    batch = data.draw(st.sampled_from([(), (1,), (2,)]))
    x = eighths(data.draw, *batch, groups * per_group, height, width)
    n = x.shape[0] if batch else 1
    shapes = {"split": (n, groups, per_group, height, width), "joined": (n, groups * per_group, height, width)}
    nodes = [
        helper.make_node("Constant", [], [name], value=helper.make_tensor(name, TensorProto.INT64, [len(shape)], shape))
        for name, shape in shapes.items()
    ]
    nodes.append(helper.make_node("Reshape", ["x", "split"], ["a"]))
    nodes.append(helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]))
    nodes.append(helper.make_node("Reshape", ["b", "joined"], ["y"]))
    expected = run_onnx(nodes, x=x).reshape(x.shape)

    op = ChannelShuffle(groups)
    assert op.output_shape(x.shape) == x.shape
    np.testing.assert_array_equal(op.forward(x), expected)
    for order in ORDERS:
        np.testing.assert_array_equal(replay(op.trajectory(x.shape, order), x), expected)
