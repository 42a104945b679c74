"""Stages one after another, branches that leave and meet again, and the axes that one stage tells the next."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, helper
from oracle import ORDERS, Array, cells_of, eighths, run_onnx_on, some

from convmotion import conv_math
from convmotion.conv_math import (
    Add,
    AvgPool2d,
    ChannelShuffle,
    Concat,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvMathError,
    DeformConv2d,
    Flatten,
    Linear,
    MaxPool2d,
    MaxUnpool2d,
    Operation,
    Order,
    Pad,
    PixelShuffle,
    ReLU,
    Sequential,
    Softmax,
    Stage,
    Unfold,
    Upsample,
    ZeroInsert,
    replay,
)

BLOCK = Sequential(
    Conv2d(4, 6, 3, stride=(1, 2), padding=1, groups=2), ChannelShuffle(3), Conv2d(6, 2, (2, 1), bias=False)
)
SHAPE = (2, 4, 5, 6)


def replayed(
    chain: Sequential, x: Array, order: Order, weights: list[Any], biases: list[Any], data: Any = None
) -> Array:
    """The last value of the chain, if each stage's taps are performed on what the replay of its sources gave."""
    trajectory = chain.trajectory(x.shape, order, data=data)
    values = [x]
    for steps, sources, weight, bias in zip(trajectory.stages, chain.inputs, weights, biases, strict=True):
        read = [values[0 if source == "input" else source + 1] for source in sources]  # type: ignore[operator]
        result = replay(steps, read if isinstance(steps.input_shape[0], tuple) else read[0], weight)  # type: ignore[arg-type]
        values.append(result if bias is None else result + bias.reshape(-1, *[1] * (result.ndim - steps.batched - 1)))
    return values[-1]


class Drawn:
    """Stages drawn one after another, each with its ONNX node, over values of the same height and width."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.channels = [draw(st.integers(1, 2))]
        self.stages: list[Operation | Stage] = []
        self.nodes: list[NodeProto] = []
        self.weights: list[Array | None] = []
        self.biases: list[Array | None] = []
        self.arrays: dict[str, Array] = {}

    def of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def add_stage(self) -> None:
        number = len(self.stages)
        value = self.draw(st.integers(0, number))
        getattr(self, self.of("conv", "relu", "mean", "add", "concat"))(value)

    def append(self, op: Operation, values: list[int], channels: int, kind: str, *more: str, **attributes: Any) -> None:
        """values: what is read, 0 for the input and n + 1 for the output of stage n."""
        number = len(self.stages)
        sources = tuple("input" if value == 0 else value - 1 for value in values)
        ways = [Stage(op, sources), Stage(op, list(sources))] + [op, Stage(op)] * (values == [number])
        self.stages.append(self.of(*ways))
        names = [f"v{value}" if value else "x" for value in values]
        self.nodes.append(helper.make_node(kind, [*names, *more], [f"v{number + 1}"], **attributes))
        self.channels.append(channels)
        for each in (self.weights, self.biases):
            each.extend([None] * (number + 1 - len(each)))

    def conv(self, value: int) -> None:
        channels, filters, size = self.channels[value], self.draw(st.integers(1, 2)), self.of(1, 3)
        name, bias = f"w{len(self.stages)}", f"b{len(self.stages)}"
        self.arrays[name] = eighths(self.draw, filters, channels, size, size)
        self.arrays[bias] = eighths(self.draw, filters)
        self.weights.append(self.arrays[name])
        self.biases.append(self.arrays[bias])
        op = Conv2d(channels, filters, size, padding=size // 2)
        self.append(op, [value], filters, "Conv", name, bias, pads=[size // 2] * 4)

    def relu(self, value: int) -> None:
        self.append(ReLU(), [value], self.channels[value], "Relu")

    def mean(self, value: int) -> None:
        more = {"kernel_shape": (3, 3), "pads": [1] * 4, "count_include_pad": 1}
        self.append(AvgPool2d(3, 1, 1), [value], self.channels[value], "AveragePool", **more)

    def add(self, value: int) -> None:
        alike = [other for other, channels in enumerate(self.channels) if channels == self.channels[value]]
        values = [value, *self.draw(st.lists(st.sampled_from(alike), max_size=2))]
        self.append(Add(), values, self.channels[value], "Sum")

    def concat(self, value: int) -> None:
        values = [value, *self.draw(st.lists(st.integers(0, len(self.stages)), max_size=1))]
        self.append(Concat(), values, sum(self.channels[value] for value in values), "Concat", axis=1)


@some
@given(data=st.data())
def test_chains_with_branches_agree_with_onnxruntime(data: st.DataObject) -> None:
    drawn = Drawn(data.draw)
    for _ in range(data.draw(st.integers(1, 4))):
        drawn.add_stage()
    nested = data.draw(st.integers(0, len(drawn.stages)))
    stages = [Sequential(*drawn.stages[:nested]), *drawn.stages[nested:]] if nested else drawn.stages
    chain = Sequential(*stages)
    assert chain == Sequential(*drawn.stages)
    x = cells_of(data.draw, drawn.channels[0], data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))

    last = f"v{len(drawn.stages)}"
    expected = run_onnx_on(x, 2, drawn.nodes, last, **drawn.arrays)
    every = chain.forward_all(x, drawn.weights, drawn.biases)
    assert [array.shape for array in every] == chain.shapes(x.shape)
    assert [array.shape[-3] for array in every] == drawn.channels
    assert chain.output_shape(x.shape) == expected.shape
    assert every[-1].dtype == np.float32
    np.testing.assert_allclose(every[-1], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(chain.forward(x, drawn.weights, drawn.biases), every[-1])
    for order in ORDERS:
        result = replayed(chain, x, order, drawn.weights, drawn.biases)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)

    positions = math.prod(x.shape) // drawn.channels[0]
    assert chain.num_parameters == sum(array.size for array in drawn.arrays.values())
    assert chain.macs(x.shape) == positions * sum(w.size for w in drawn.weights if w is not None)
    assert eval(repr(chain), dict(vars(conv_math))) == chain


def test_shapes_has_one_more_than_there_are_stages() -> None:
    assert BLOCK.shapes(list(SHAPE)) == [(2, 4, 5, 6), (2, 6, 5, 3), (2, 6, 5, 3), (2, 2, 4, 3)]
    assert BLOCK.output_shape(SHAPE) == (2, 2, 4, 3)


def test_counts_are_the_sums_over_the_stages() -> None:
    assert BLOCK.num_parameters == (6 * 2 * 9 + 6) + 0 + 2 * 6 * 2
    assert BLOCK.macs(SHAPE) == 2 * 6 * 15 * 18 + 0 + 2 * 2 * 12 * 12


@pytest.mark.parametrize("order", ORDERS)
def test_forward_is_the_stages_forward_and_their_replay(order: Order) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=SHAPE)
    weights = [rng.normal(size=(6, 2, 3, 3)), None, rng.normal(size=(2, 6, 2, 1))]
    biases = [rng.normal(size=6), None, None]
    by_hand = x
    for op, weight, bias in zip(BLOCK.ops, weights, biases, strict=True):
        by_hand = op.forward(by_hand, weight, bias)
    output = BLOCK.forward(x, weights, biases)
    np.testing.assert_array_equal(output, by_hand)
    np.testing.assert_allclose(output, replayed(BLOCK, x, order, weights, biases), atol=1e-12)
    assert not np.allclose(output, BLOCK.forward(x, weights))


def test_without_weights_forward_takes_only_x() -> None:
    x = np.arange(6.0).reshape(6, 1, 1)
    assert Sequential(ChannelShuffle(2), ChannelShuffle(3)).forward(x).tolist() == x.tolist()


@pytest.mark.parametrize("order", ORDERS)
def test_the_steps_are_the_stages_steps_one_after_another(order: Order) -> None:
    chain = Sequential(BLOCK, Stage(Concat(), (2, 2)))
    trajectory = chain.trajectory(SHAPE, order)
    expected = [(stage, step) for stage, tr in enumerate(trajectory.stages) for step in range(len(tr))]
    assert len(trajectory) == trajectory.steps == len(expected)
    assert trajectory.starts == tuple(expected.index((stage, 0)) for stage in range(4))
    for t, (stage, step) in enumerate(expected):
        assert trajectory.stage(t) == stage
        assert trajectory.locate(t) == (stage, step)
        ours, theirs = trajectory.taps(t), trajectory.stages[stage].taps(step)
        np.testing.assert_array_equal(ours.output, theirs.output)
        np.testing.assert_array_equal(ours.input, theirs.input)
    for t in (-1, len(expected)):
        for method in (trajectory.taps, trajectory.stage, trajectory.locate):
            with pytest.raises(IndexError):
                method(t)


def test_stages_have_the_shapes_of_the_chain() -> None:
    stages = Sequential(BLOCK, Stage(Concat(), (2, 2))).trajectory(SHAPE, "filter").stages
    assert [(tr.input_shape, tr.output_shape, tr.order) for tr in stages] == [
        ((2, 4, 5, 6), (2, 6, 5, 3), "filter"),
        ((2, 6, 5, 3), (2, 6, 5, 3), "filter"),
        ((2, 6, 5, 3), (2, 2, 4, 3), "filter"),
        (((2, 2, 4, 3), (2, 2, 4, 3)), (2, 4, 4, 3), "filter"),
    ]


def test_nested_sequentials_lie_flat() -> None:
    first, second, third = BLOCK.ops
    assert Sequential(Sequential(first, Sequential(second)), third) == BLOCK
    assert BLOCK.inputs == (("input",), (0,), (1,))


def test_a_nested_input_is_the_output_of_the_stage_before() -> None:
    """Stages of a nested chain are counted on from those before it; later ones are counted flat."""
    residual = Sequential(ReLU(), Stage(Add(), (0, "input")))
    alone = Sequential(residual)
    assert (alone.inputs, alone) == ((("input",), (0, "input")), residual)
    twice = Sequential(Pad(1), residual, residual, Stage(Concat(), [4, 0, "input"]))
    assert twice.inputs == (("input",), (0,), (1, 0), (2,), (3, 2), (4, 0, "input"))
    assert Sequential(residual, residual).forward([[[-1.0, 2.0]]]).tolist() == [[[-1.0, 8.0]]]
    deeper = Sequential(Pad(1), Sequential(ReLU(), residual))
    assert deeper.inputs == (("input",), (0,), (1,), (2, 1))


def test_a_residual_and_a_concat_of_two_branches() -> None:
    x = np.array([[[-1.0, 2.0], [3.0, -4.0]]])
    assert Sequential(ReLU(), Stage(Add(), (0, "input"))).forward(x).tolist() == [[[-1, 4], [6, -4]]]
    branches = Sequential(ReLU(), Stage(Upsample(2), ("input",)), Stage(Concat(), (1, 0)))
    np.testing.assert_array_equal(branches.forward(x), np.concatenate([x, x.clip(0)]))
    start = Sequential(Stage(Concat(), ("input", "input")), ReLU())
    np.testing.assert_array_equal(start.forward(x), np.concatenate([x, x]).clip(0))
    trajectory = Sequential(ReLU(), Stage(Add(), (0, "input"))).trajectory(x.shape)
    taps = trajectory.taps(trajectory.starts[1] + 1)
    assert taps.input.tolist() == [[0, 0, 0, 1], [1, 0, 0, 1]]


def test_the_repr_makes_the_same_chain() -> None:
    assert repr(Sequential(Linear(2, 2), Stage(Linear(2, 2), ("input",)), Stage(Linear(2, 2), [1]))) == (
        "Sequential(Linear(in_features=2, out_features=2, bias=True), "
        "Stage(Linear(in_features=2, out_features=2, bias=True), ('input',)), "
        "Linear(in_features=2, out_features=2, bias=True))"
    )


CONVS: dict[int, Any] = {1: Conv1d, 2: Conv2d, 3: Conv3d}
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
FREE: dict[str, Callable[[int], Operation]] = {
    "ReLU": lambda axes: ReLU(),
    "Softmax of channels": lambda axes: Softmax(),
    "Softmax of the first axis": lambda axes: Softmax(2),
    "Softmax of the last axis": lambda axes: Softmax(-1),
    "Upsample": lambda axes: Upsample(scale_factor=2),
    "linear Upsample": lambda axes: Upsample(scale_factor=1.5, mode=MODES[axes]),
    "Pad": lambda axes: Pad(1, "replicate"),
    "ZeroInsert": lambda axes: ZeroInsert(2),
    "ChannelShuffle": lambda axes: ChannelShuffle(2),
    "Flatten": lambda axes: Flatten(),
    "Flatten of the end": lambda axes: Flatten(2),
    "Concat": lambda axes: Stage(Concat(), (0, 0)),  # type: ignore[dict-item, return-value]
    "Concat of the last axis": lambda axes: Stage(Concat(-1), (0, 0)),  # type: ignore[dict-item, return-value]
    "Add": lambda axes: Stage(Add(), (0, 0, 0)),  # type: ignore[dict-item, return-value]
}


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("twice", [False, True])
def test_an_operation_takes_over_the_axes_of_the_stage_before(axes: int, name: str, twice: bool) -> None:
    """So it means the same with a batch and without, which the shape alone does not tell."""
    chain = Sequential(CONVS[axes](2, 4, 1), FREE[name](axes), *([ReLU()] if twice else []))
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(2, 2, *(3, 2, 4)[:axes])), [rng.normal(size=(4, 2, *[1] * axes)), None]
    weights += [None] * twice
    with_batch = chain.forward(x, weights)
    assert with_batch.shape == chain.output_shape(x.shape)
    op, _ = chain.stages(x.shape)[1]
    assert op.spatial_axes == axes  # type: ignore[attr-defined]
    for picture, expected in zip(x, with_batch, strict=True):
        np.testing.assert_array_equal(chain.forward(picture, weights), expected)
        for order in ORDERS:
            result = replayed(chain, picture, order, weights, [None] * len(weights))
            np.testing.assert_allclose(result, expected, atol=1e-12)
    assert [tr.batched for tr in chain.trajectory(x.shape).stages] == [True] * len(weights)
    assert [tr.batched for tr in chain.trajectory(x[0].shape).stages] == [False] * len(weights)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_first_operation_takes_the_axes_of_the_first_that_tells(axes: int) -> None:
    item = (2, *(3, 2, 4)[:axes])
    for first in (ReLU(), Pad(1), Stage(Add(), ("input", "input")), Softmax(2)):
        chain = Sequential(first, ChannelShuffle(2), CONVS[axes](2, 1, 1))
        for shape in (item, (5, *item)):
            assert [tr.batched for tr in chain.trajectory(shape).stages] == [shape != item] * 3
            assert len(chain.output_shape(shape)) == len(shape)
    assert Sequential(Softmax(), Pad((0,) * axes)).trajectory(item).stages[0].batched is False


def test_flatten_and_unfold_change_the_number_of_axes() -> None:
    network = Sequential(Conv2d(1, 2, 3), ReLU(), Flatten(), Linear(18, 4), ReLU(), Softmax())
    assert network.shapes((1, 5, 5))[2:] == [(2, 3, 3), (18,), (4,), (4,), (4,)]
    assert network.shapes((6, 1, 5, 5))[2:] == [(6, 2, 3, 3), (6, 18), (6, 4), (6, 4), (6, 4)]
    assert Sequential(Flatten(), Linear(50, 1)).shapes((2, 5, 5)) == [(2, 5, 5), (50,), (1,)]
    assert Sequential(Flatten(), Linear(25, 1)).shapes((2, 1, 5, 5)) == [(2, 1, 5, 5), (2, 25), (2, 1)]
    lines = Sequential(ReLU(), Flatten(2), Conv1d(2, 1, 1))
    assert lines.shapes((2, 3, 4)) == [(2, 3, 4), (2, 3, 4), (2, 12), (1, 12)]
    apart = Sequential(PixelShuffle(1), Flatten(), Stage(Softmax(-1), (0,)), Stage(Add(), (1,)))
    assert apart.shapes((2, 3, 4)) == [(2, 3, 4), (2, 3, 4), (24,), (2, 3, 4), (24,)]
    np.testing.assert_allclose(apart.forward_all(np.ones((2, 3, 4)))[3], 1 / 4)
    columns = Sequential(Unfold(2), Softmax(2))
    x = np.random.default_rng(0).normal(size=(3, 1, 3, 3))
    np.testing.assert_array_equal(columns.forward(x)[1], columns.forward(x[1]))
    np.testing.assert_allclose(columns.forward(x[1]).sum(axis=1), 1)


def test_what_needs_a_spatial_axis_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConvMathError, match=r"^Sequential: stage 1: Pad: input_shape=\(18,\) has 1 axes; allowed: "):
        Sequential(Flatten(), Pad(1)).output_shape((2, 3, 3))


@pytest.mark.parametrize("batch", [(), (2,)])
def test_second_arrays_go_to_the_stage_of_their_number(batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*batch, 1, 4, 4))
    pool, unpool, deform = MaxPool2d(2), MaxUnpool2d(2), DeformConv2d(1, 1, 3, bias=False)
    chain = Sequential(pool, Sequential(unpool, deform), Stage(unpool, (0,)), Stage(deform, ("input",)))
    indices, weight = pool.indices(x), rng.normal(size=(1, 1, 3, 3))
    moved, other = rng.normal(size=(2, *deform.offset_shape(x.shape)))
    data = {1: indices, 2: moved, 3: indices[..., ::-1], 4: other}
    weights = [None, None, weight, None, weight]
    every = chain.forward_all(x, weights, data=data)
    pooled = pool.forward(x)
    by_hand = [x, pooled, unpool.forward(pooled, indices=indices)]
    by_hand.append(deform.forward(by_hand[2], weight, offset=moved))
    by_hand.append(unpool.forward(pooled, indices=indices[..., ::-1]))
    by_hand.append(deform.forward(x, weight, offset=other))
    for ours, theirs in zip(every, by_hand, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for order in ORDERS:
        result = replayed(chain, x, order, weights, [None] * 5, data)
        np.testing.assert_allclose(result, every[-1], atol=1e-12)
        trajectory = chain.trajectory(x.shape, order, data=data)
        np.testing.assert_array_equal(replay(trajectory.stages[3], pooled), by_hand[4])


CONV = Conv2d(2, 2, 1, bias=False)
EARLIER = "allowed: 'input' and numbers of earlier stages"
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: Sequential(CONV, Stage(CONV, (1,))), f"stage 1: inputs=(1,); {EARLIER}"),
    (lambda: Sequential(Stage(CONV, (0,))), f"stage 0: inputs=(0,); {EARLIER}"),
    (lambda: Sequential(CONV, Stage(Add(), (0, -1))), f"stage 1: inputs=(0, -1); {EARLIER}"),
    (lambda: Sequential(CONV, Stage(Add(), (0, False))), f"stage 1: inputs=(0, False); {EARLIER}"),
    (lambda: Sequential(CONV, Stage(Add(), ("output",))), f"stage 1: inputs=('output',); {EARLIER}"),  # type: ignore[arg-type]
    (lambda: Sequential(CONV, Stage(Add(), ())), f"stage 1: inputs=(); {EARLIER}"),
    (lambda: Sequential(CONV, Stage(Add(), "input")), f"stage 1: inputs='input'; {EARLIER}"),  # type: ignore[arg-type]
    (lambda: Sequential(CONV, Stage(CONV, 0)), f"stage 1: inputs=0; {EARLIER}"),  # type: ignore[arg-type]
    (lambda: Sequential(Sequential(CONV, CONV), Stage(CONV, (2,))), f"stage 2: inputs=(2,); {EARLIER}"),
    (lambda: Sequential(), "no stages; allowed: one operation or more"),
    (lambda: Sequential(CONV, "ReLU"), "stage 1 is 'ReLU'; allowed: an operation"),  # type: ignore[arg-type]
    (
        lambda: Sequential(CONV, Stage(CONV, (0, "input"))).output_shape((2, 3, 3)),
        "stage 1: Conv2d: 2 inputs; allowed: 1",
    ),
    (
        lambda: Sequential(Conv2d(2, 1, 1), Stage(Add(), (0, "input"))).trajectory((2, 3, 3)),
        "stage 1: Add: inputs of (1, 3, 3) and (2, 3, 3); allowed: one shape",
    ),
    (
        lambda: Sequential(CONV, ChannelShuffle(2), Conv2d(3, 1, 1)).output_shape((2, 5, 5)),
        "stage 2: Conv2d: the input has 2 channels; allowed: in_channels=3",
    ),
    (
        lambda: Sequential(ChannelShuffle(2), CONV).forward(np.ones((2, 3, 3))),
        "stage 1: Conv2d: weight=None; allowed: an array of shape (2, 2, 1, 1)",
    ),
    (
        lambda: Sequential(CONV, CONV).forward(np.ones((2, 3, 3)), [None]),
        "weights has 1 entries; allowed: 2, one per stage",
    ),
    (
        lambda: Sequential(CONV).forward(np.ones((2, 3, 3)), [np.ones((2, 2, 1, 1))], [None] * 2),
        "biases has 2 entries; allowed: 1, one per stage",
    ),
    (
        lambda: Sequential(CONV).forward(np.ones((2, 3, 3)), np.ones((1, 2, 2, 1, 1))),  # type: ignore[arg-type]
        "weights is a ndarray; allowed: a list, one per stage",
    ),
    (
        lambda: Sequential(MaxPool2d(2), MaxUnpool2d(2)).trajectory((1, 2, 2), data={0: [[[0]]]}),
        "stage 1: MaxUnpool2d: indices=None; allowed: integers of the input's shape",
    ),
    (
        lambda: Sequential(MaxPool2d(2), MaxUnpool2d(2)).forward(np.ones((1, 2, 2))),
        "stage 1: MaxUnpool2d: indices=None; allowed: integers of the input's shape",
    ),
    (
        lambda: Sequential(CONV).trajectory((2, 5, 5), "rows"),  # type: ignore[arg-type]
        "stage 0: Conv2d: order='rows'; allowed: 'position' or 'filter'",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_the_stage_that_is_wrong_is_named(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        wrong()
    assert str(caught.value) == f"Sequential: {message}"
