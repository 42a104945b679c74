"""Blocks of known networks: their shapes and weights, and what ONNX Runtime computes for the same convolutions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, helper
from oracle import TOLERANCE, eighths, run_onnx, some

from convmotion.conv_math import (
    Add,
    ChannelShuffle,
    Conv2d,
    ConvMathError,
    Sequential,
    Shape,
    depthwise_separable,
    flattened,
    mobilenet_block,
    resnext_block,
    shufflenet_unit,
    spatially_separable,
)

Arrays = dict[str, np.ndarray]

BLOCKS: dict[str, tuple[Callable[[bool], Sequential], list[Shape], list[int], list[int]]] = {
    "depthwise_separable": (
        lambda bias: depthwise_separable(8, 8, bias=bias),
        [(8, 7, 7), (8, 5, 5), (8, 5, 5)],
        [72, 64],
        [80, 72],
    ),
    "channel_multiplier": (
        lambda bias: depthwise_separable(3, 16, (3, 5), (1, 2), (1, 0), (1, 2), channel_multiplier=4, bias=bias),
        [(3, 7, 13), (12, 7, 3), (16, 7, 3)],
        [180, 192],
        [192, 208],
    ),
    "spatially_separable": (
        lambda bias: spatially_separable(bias=bias),
        [(1, 7, 7), (1, 5, 7), (1, 5, 5)],
        [3, 3],
        [4, 4],
    ),
    "spatially_separable of several channels": (
        lambda bias: spatially_separable(3, 2, (5, 2), bias=bias),
        [(3, 7, 7), (2, 3, 7), (2, 3, 6)],
        [30, 4],
        [32, 6],
    ),
    "flattened": (
        lambda bias: flattened(8, bias=bias),
        [(8, 7, 7), (1, 7, 7), (1, 5, 7), (1, 5, 5)],
        [8, 3, 3],
        [9, 4, 4],
    ),
    "flattened to several channels": (
        lambda bias: flattened(3, 4, (2, 5), bias=bias),
        [(3, 7, 7), (4, 7, 7), (4, 6, 7), (4, 6, 3)],
        [12, 8, 20],
        [16, 12, 24],
    ),
    "shufflenet_unit": (
        lambda bias: shufflenet_unit(8, bias=bias),
        [(8, 7, 7)] * 5,
        [32, 0, 72, 32],
        [40, 0, 80, 40],
    ),
    "shufflenet_unit with its addition": (
        lambda bias: shufflenet_unit(6, 3, 5, residual=True, bias=bias),
        [(6, 7, 7)] * 6,
        [12, 0, 150, 12, 0],
        [18, 0, 156, 18, 0],
    ),
    "mobilenet_block": (
        lambda bias: mobilenet_block(8, bias=bias),
        [(8, 7, 7), (48, 7, 7), (48, 7, 7), (8, 7, 7), (8, 7, 7)],
        [384, 432, 384, 0],
        [432, 480, 392, 0],
    ),
    "mobilenet_block of stride 2": (
        lambda bias: mobilenet_block(4, 6, expansion=2, kernel_size=5, stride=2, bias=bias),
        [(4, 7, 7), (8, 7, 7), (8, 4, 4), (6, 4, 4)],
        [32, 200, 48],
        [40, 208, 54],
    ),
    "resnext_block": (
        lambda bias: resnext_block(8, bias=bias),
        [(8, 7, 7)] * 5,
        [64, 144, 64, 0],
        [72, 152, 72, 0],
    ),
    "resnext_block of another width": (
        lambda bias: resnext_block(4, 6, cardinality=3, kernel_size=5, bias=bias),
        [(4, 7, 7), (6, 7, 7), (6, 7, 7), (4, 7, 7), (4, 7, 7)],
        [24, 300, 24, 0],
        [30, 306, 28, 0],
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_shapes_and_parameters(name: str) -> None:
    block, shapes, weights, with_biases = BLOCKS[name]
    for chain, parameters in ((block(False), weights), (block(True), with_biases)):
        assert chain.shapes(shapes[0]) == shapes
        assert [op.num_parameters for op in chain.ops] == parameters
        batched = [(2, *shape) for shape in shapes]
        assert chain.shapes(batched[0]) == batched


def conv(output: str, x: str, number: int, **attributes: Any) -> NodeProto:
    """The value x under the weight w0, w1, ... and the bias b0, b1, ... of that number."""
    return helper.make_node("Conv", [x, f"w{number}", f"b{number}"], [output], **attributes)


def same(kernel_size: int) -> dict[str, list[int]]:
    return {"pads": [kernel_size // 2] * 4}


class Drawn:
    """An input and a block's weights and biases; without biases ONNX Runtime gets zeros."""

    def __init__(self, draw: st.DrawFn, chain: Sequential, shape: Shape) -> None:
        self.chain = chain
        self.x = eighths(draw, *shape)
        self.weights = [None if op.weight_shape is None else eighths(draw, *op.weight_shape) for op in chain.ops]
        self.biases = [None if op.bias_shape is None else eighths(draw, *op.bias_shape) for op in chain.ops]

    @property
    def arrays(self) -> Arrays:
        """x with a batch axis, and w0, b0, w1, b1, ... of the stages that have weights."""
        given: Arrays = {"x": self.x if self.x.ndim == 4 else self.x[np.newaxis]}
        weighted = [pair for pair in zip(self.weights, self.biases, strict=True) if pair[0] is not None]
        for number, (weight, bias) in enumerate(weighted):
            given[f"w{number}"] = weight
            given[f"b{number}"] = np.zeros(len(weight), np.float32) if bias is None else bias
        return given

    def agrees(self, expected: np.ndarray) -> None:
        """Float32 rounds in the last convolutions of a block; the error grows with the sums."""
        result = self.chain.forward(self.x, self.weights, self.biases)
        expected = expected.reshape(expected.shape if self.x.ndim == 4 else expected.shape[1:])
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=TOLERANCE, atol=TOLERANCE * max(1, abs(expected).max()))


class Choices:
    """Arguments that are drawn in every test."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.bias = self.draw(st.booleans())

    def integer(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def pair(self, least: int, most: int) -> tuple[int, int]:
        return self.integer(least, most), self.integer(least, most)

    def odd(self) -> int:
        return self.draw(st.sampled_from([1, 3, 5]))

    def shape(self, channels: int, least: int = 1) -> Shape:
        return (*self.draw(st.sampled_from([(), (1,), (2,)])), channels, *self.pair(least, least + 4))

    def of(self, chain: Sequential, shape: Shape) -> Drawn:
        return Drawn(self.draw, chain, shape)


@some
@given(st.data())
def test_depthwise_separable_is_a_grouped_and_a_pointwise_convolution(data: st.DataObject) -> None:
    choose = Choices(data)
    channels, out, multiplier = (choose.integer(1, 3) for _ in range(3))
    kernel, stride, padding, dilation = choose.pair(1, 3), choose.pair(1, 2), choose.pair(0, 2), choose.pair(1, 2)
    block = depthwise_separable(channels, out, kernel, stride, padding, dilation, multiplier, choose.bias)
    drawn = choose.of(block, choose.shape(channels, least=5))
    window: dict[str, Any] = {"strides": stride, "pads": [*padding, *padding], "dilations": dilation}
    nodes = [conv("h", "x", 0, group=channels, **window), conv("y", "h", 1)]
    drawn.agrees(run_onnx(nodes, **drawn.arrays))


def at_once(drawn: Drawn, factors: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One convolution with a kernel that is the product of the block's."""
    weights = {"w0": factors.astype(np.float32), "b0": bias.astype(np.float32)}
    return run_onnx([conv("y", "x", 0)], **{"x": drawn.arrays["x"], **weights})


@some
@given(st.data())
def test_spatially_separable_is_one_convolution_with_the_outer_product(data: st.DataObject) -> None:
    choose = Choices(data)
    channels, filters = choose.pair(1, 3)
    block = spatially_separable(channels, filters, choose.pair(1, 4), choose.bias)
    drawn = choose.of(block, choose.shape(channels, least=4))
    column, line = drawn.arrays["w0"], drawn.arrays["w1"]
    along = line.sum(axis=(1, 2, 3))
    drawn.agrees(at_once(drawn, column * line, drawn.arrays["b0"] * along + drawn.arrays["b1"]))


@some
@given(st.data())
def test_flattened_is_one_convolution_with_the_outer_product(data: st.DataObject) -> None:
    choose = Choices(data)
    channels, filters = choose.pair(1, 3)
    drawn = choose.of(flattened(channels, filters, choose.pair(1, 4), choose.bias), choose.shape(channels, least=4))
    lateral, column, line = (drawn.arrays[f"w{number}"] for number in range(3))
    down, along = column.sum(axis=(1, 2, 3)), line.sum(axis=(1, 2, 3))
    biases = [drawn.arrays[f"b{number}"] for number in range(3)]
    drawn.agrees(at_once(drawn, lateral * column * line, (biases[0] * down + biases[1]) * along + biases[2]))


@some
@given(st.data())
def test_shufflenet_unit_is_what_its_figure_shows(data: st.DataObject) -> None:
    choose = Choices(data)
    groups, per_group, size = choose.integer(1, 3), choose.integer(1, 3), choose.odd()
    channels, residual = groups * per_group, data.draw(st.booleans())
    block = shufflenet_unit(channels, groups, size, residual, choose.bias)
    drawn = choose.of(block, choose.shape(channels))
    arrays = drawn.arrays
    n, _, height, width = arrays["x"].shape
    shapes = {
        "split": np.array([n, groups, per_group, height, width]),
        "joined": np.array([n, channels, height, width]),
    }
    nodes = [
        conv("a", "x", 0, group=groups),
        helper.make_node("Reshape", ["a", "split"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["c", "joined"], ["d"]),
        conv("e", "d", 1, group=channels, **same(size)),
        conv("f", "e", 2, group=groups),
        helper.make_node("Add", ["f", "x"], ["y"]),
    ]
    drawn.agrees(run_onnx(nodes if residual else nodes[:-1], "y" if residual else "f", **arrays, **shapes))


@some
@given(st.data())
def test_mobilenet_block_adds_its_input_where_the_shapes_allow_it(data: st.DataObject) -> None:
    choose = Choices(data)
    channels, expansion, stride, size = choose.integer(1, 3), choose.integer(1, 3), choose.integer(1, 2), choose.odd()
    out = data.draw(st.sampled_from([None, 1, 2, 3]))
    block = mobilenet_block(channels, out, expansion, size, stride, choose.bias)
    adds = stride == 1 and out in (None, channels)
    assert [type(op) for op in block.ops] == [Conv2d] * 3 + [Add] * adds
    drawn = choose.of(block, choose.shape(channels))
    nodes = [
        conv("a", "x", 0),
        conv("b", "a", 1, group=channels * expansion, strides=[stride] * 2, **same(size)),
        conv("c", "b", 2),
    ]
    nodes += [helper.make_node("Add", ["c", "x"], ["y"])] if adds else []
    drawn.agrees(run_onnx(nodes, "y" if adds else "c", **drawn.arrays))


@some
@given(st.data())
def test_resnext_block_is_the_sum_of_separate_paths_and_its_input(data: st.DataObject) -> None:
    """Figure 3 a of the paper: each path has its own three convolutions; the last bias is added once."""
    choose = Choices(data)
    channels, cardinality, per_path, size = (*choose.pair(1, 4), choose.integer(1, 2), choose.odd())
    width = cardinality * per_path
    block = resnext_block(channels, width, cardinality, size, choose.bias)
    drawn = choose.of(block, choose.shape(channels))
    whole = drawn.arrays
    given_arrays, nodes = {"x": whole["x"], "once": whole["b2"].reshape(1, -1, 1, 1)}, []
    for path in range(cardinality):
        mine = slice(path * per_path, (path + 1) * per_path)
        slices = [whole["w0"][mine], whole["w1"][mine], whole["w2"][:, mine]]
        biases = [whole["b0"][mine], whole["b1"][mine], np.zeros(channels, np.float32)]
        for stage, (weight, bias) in enumerate(zip(slices, biases, strict=True)):
            number, read = 3 * path + stage, f"h{3 * path + stage - 1}" if stage else "x"
            given_arrays |= {f"w{number}": weight, f"b{number}": bias}
            nodes.append(conv(f"h{number}", read, number, **(same(size) if stage == 1 else {})))
    ends = [f"h{3 * path + 2}" for path in range(cardinality)]
    nodes.append(helper.make_node("Sum", [*ends, "x", "once"], ["y"]))
    drawn.agrees(run_onnx(nodes, **given_arrays))


def test_four_paths_are_the_default() -> None:
    assert resnext_block(8) == resnext_block(8, 8, 4, 3, False)
    assert [op.groups for op in resnext_block(8).ops if isinstance(op, Conv2d)] == [1, 4, 1]


def test_sobel_in_two_steps_is_sobel_at_once() -> None:
    """A ramp of 2 per column and 3 per row has these derivatives, eightfold."""
    ramp = np.fromfunction(lambda _, row, column: 3.0 * row + 2.0 * column, (1, 7, 7))
    smooth, differ = np.array([1.0, 2, 1]), np.array([-1.0, 0, 1])
    for column, line, slope in ((smooth, differ, 2), (differ, smooth, 3)):
        stepwise = spatially_separable().forward(ramp, [column.reshape(1, 1, 3, 1), line.reshape(1, 1, 1, 3)])
        whole = Conv2d(1, 1, 3, bias=False).forward(ramp, np.outer(column, line)[np.newaxis, np.newaxis])
        assert stepwise.tolist() == whole.tolist() == np.full((1, 5, 5), 8.0 * slope).tolist()


def test_a_unit_without_the_addition_is_the_default() -> None:
    assert [type(op) for op in shufflenet_unit(8).ops] == [Conv2d, ChannelShuffle, Conv2d, Conv2d]
    assert shufflenet_unit(8, residual=True).inputs[-1] == (3, "input")


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: depthwise_separable(0, 1), "depthwise_separable: in_channels=0; allowed: an integer >= 1"),
    (lambda: depthwise_separable(3, 1, channel_multiplier=0), "depthwise_separable: channel_multiplier=0; allowed:"),
    (lambda: depthwise_separable(3, 1, 0), "Conv2d: kernel_size=0; allowed: an integer >= 1"),
    (lambda: depthwise_separable(3, 0), "Conv2d: out_channels=0; allowed: an integer >= 1"),
    (lambda: spatially_separable(1, 0), "spatially_separable: out_channels=0; allowed: an integer >= 1"),
    (lambda: spatially_separable(1, 1, (3, 3, 3)), "spatially_separable: kernel_size=(3, 3, 3); allowed: an integer"),
    (lambda: flattened(0), "Conv2d: in_channels=0; allowed: an integer >= 1"),
    (lambda: flattened(1, 1.5), "flattened: out_channels=1.5; allowed: an integer >= 1"),  # type: ignore[arg-type]
    (lambda: flattened(1, 1, 0), "flattened: kernel_size=0; allowed: an integer >= 1 or 2 of them"),
    (lambda: shufflenet_unit(8, 3), "Conv2d: groups=3 must divide in_channels=8"),
    (lambda: shufflenet_unit(8, 2, 4), "shufflenet_unit: kernel_size=4; allowed: an odd integer"),
    (lambda: shufflenet_unit(8, residual=1), "shufflenet_unit: residual=1; allowed: True or False"),  # type: ignore[arg-type]
    (lambda: mobilenet_block(8, kernel_size=2), "mobilenet_block: kernel_size=2; allowed: an odd integer"),
    (lambda: mobilenet_block(8, expansion=0), "mobilenet_block: expansion=0; allowed: an integer >= 1"),
    (lambda: mobilenet_block(8, stride=0), "mobilenet_block: stride=0; allowed: an integer >= 1"),
    (lambda: mobilenet_block(8, 0), "mobilenet_block: out_channels=0; allowed: an integer >= 1"),
    (lambda: resnext_block(8, 0), "resnext_block: width=0; allowed: an integer >= 1"),
    (lambda: resnext_block(8, kernel_size=-1), "resnext_block: kernel_size=-1; allowed: an integer >= 1"),
    (lambda: resnext_block(8, bias=1), "Conv2d: bias=1; allowed: True or False"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("attempt", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_named(attempt: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        attempt()
    assert str(caught.value).startswith(message)
