"""Nonsense is refused by a ConvMathError of one short line, with little memory and no warning; all else works."""

import dataclasses
import inspect
import math
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from oracle import some

from convmotion import conv_math
from convmotion.conv_math import (
    Add,
    ChannelShuffle,
    Concat,
    Conv2d,
    ConvMathError,
    ConvTranspose2d,
    DeformConv2d,
    Flatten,
    MaxUnpool2d,
    Merge,
    Operation,
    Pad,
    ReLU,
    Sequential,
    Slide,
    SparseMatrix,
    Stage,
    Trajectory,
    ancestors,
    conv_matrix,
    hdc_distances,
    im2col,
    receptive_field,
    replay,
    usage_counts,
)
from convmotion.conv_math.errors import MOST, MOST_CELLS

pytestmark = pytest.mark.filterwarnings("error")

MEMORY = 8 * 2**20
"""Bytes that a call may take on the way: what is asked for here is small, or too large to be given."""
LINE = 400


class Unshowable:
    """Nothing can be done with it: it has no repr, no truth and no equal."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equal")


class Unreadable:
    """It promises to be an array."""

    def __array__(self, *args: Any, **more: Any) -> Any:
        raise RuntimeError("no array")


def of_itself() -> list[Any]:
    """A list that holds itself."""
    loop: list[Any] = [1]
    loop.append(loop)
    return loop


VALUES: dict[str, Any] = {
    "10**30": 10**30,
    "10**5000": 10**5000,
    "-10**5000": -(10**5000),
    "2**31": 2**31,
    "2**31-1": 2**31 - 1,
    "2**30": 2**30,
    "2**63": 2**63,
    "-1": -1,
    "-2**63": -(2**63),
    "0": 0,
    "1.0": 1.0,
    "2.5": 2.5,
    "1e300": 1e300,
    "5e-324": 5e-324,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "True": True,
    "False": False,
    "None": None,
    "complex": 2j,
    "str": "2",
    "empty str": "",
    "lines": "a\nb" * 100,
    "same": "same",
    "bytes": b"2",
    "tuple of none": (),
    "tuple of 4": (1, 1, 1, 1),
    "list of 1": [1],
    "pair": (1, 2),
    "pair with 0": (1, 0),
    "pair with -1": [-1, 1],
    "pair of floats": (1.0, 2.0),
    "pair with None": (1, None),
    "pair of huge": (10**30, 10**5000),
    "pair of pairs": ((1, 1), (1, 1)),
    "pairs of wrong length": [[1], [1, 2]],
    "nested": ((((1,),),),),
    "of itself": of_itself(),
    "long list": [1] * 10**4,
    "dict": {1: 2},
    "set": {1, 2},
    "range": range(10**9),
    "type": int,
    "operation": ReLU(),
    "int8": np.int8(-128),
    "int64": np.int64(2),
    "uint64": np.uint64(2**64 - 1),
    "float16": np.float16(2),
    "longdouble": np.longdouble("1e4000"),
    "np.bool_": np.bool_(True),
    "timedelta64": np.timedelta64(2, "s"),
    "str_": np.str_("zeros"),
    "array()": np.array(2),
    "array(2)": np.array([1, 2]),
    "array of objects": np.array([None, Unshowable()], object),
    "huge array": np.broadcast_to(np.int8(1), (2**20, 2**20)),
    "unshowable": Unshowable(),
    "list of unshowable": [Unshowable(), Unshowable()],
    "unreadable": Unreadable(),
}

SHAPES: dict[str, Any] = VALUES | {
    "sizes of 2": (2, 3),
    "sizes of 3": (2, 3, 3),
    "sizes of 4": (2, 2, 3, 3),
    "sizes of 5": (2, 2, 3, 3, 3),
    "sizes of 6": (2, 2, 2, 3, 3, 3),
    "sizes of 64": (1,) * 64,
    "size 0": (2, 0, 3),
    "no batch": (0, 2, 3, 3),
    "size -1": (2, 3, -1),
    "float size": (2, 3.0, 3),
    "bool size": (True, 3, 3),
    "str size": (2, "3", 3),
    "array size": (2, np.array(3), 3),
    "unshowable size": (2, Unshowable(), 3),
    "NumPy sizes": [np.int64(2), np.uint8(3), np.int16(3)],
    "huge planes": (2, 2**31 - 1, 2**31 - 1),
    "huge channels": (2**31 - 1, 3, 3),
    "all huge": (2**31 - 1,) * 5,
    "too huge": (2, 2**31, 3),
    "far too huge": (2, 10**5000, 3),
    "list of shapes": [(2, 3, 3), (2, 3, 3)],
    "list of unlike shapes": [(2, 3, 3), (2, 2, 3, 3), (1, 3)],
    "list of nonsense": [(2, 3, 3), None, Unshowable()],
}

ARRAYS: dict[str, Any] = VALUES | {
    "0 axes": np.zeros(()),
    "1 axis": np.ones(3),
    "no cells": np.zeros((2, 0, 3)),
    "3 axes": np.ones((2, 3, 3)),
    "4 axes": np.ones((1, 2, 3, 3), np.float16),
    "32 axes": np.ones((1,) * 32),
    "objects": np.full((2, 3, 3), None),
    "numbers as objects": np.ones((2, 3, 3), object),
    "complex array": np.ones((2, 3, 3), complex),
    "strings": np.full((2, 3, 3), "1"),
    "dates": np.zeros((2, 3, 3), "datetime64[s]"),
    "times": np.zeros((2, 3, 3), "timedelta64[s]"),
    "records": np.zeros((2, 3, 3), [(f"field {number}", float) for number in range(100)]),
    "ragged": [[[1.0, 2.0], [3.0]]],
    "list with None": [[[1.0, None]]],
    "list with a huge number": [[[1.0, 10**400]]],
    "huge": np.broadcast_to(np.int8(1), (2, 2**25, 2**25)),
    "huge of floats": np.broadcast_to(1.0, (2, 2**25, 2**25)),
    "longdoubles": np.full((2, 3, 3), np.longdouble("1e4000")),
    "masked": np.ma.masked_array(np.ones((2, 3, 3)), np.ones((2, 3, 3), bool)),
    "list of arrays": [np.ones((2, 3, 3)), np.ones((2, 3, 3))],
    "list of unlike arrays": [np.ones((2, 3, 3)), np.ones((2, 3))],
    "list of nonsense arrays": [np.ones((2, 3, 3)), None],
}

FILLS: dict[str, Callable[[Any], Any]] = {
    "float32": lambda shape: np.broadcast_to(np.float32(0.5), shape),
    "float64": lambda shape: np.full(shape, -0.25),
    "int8": lambda shape: np.ones(shape, np.int8),
    "bool": lambda shape: np.ones(shape, bool),
    "nan": lambda shape: np.full(shape, np.nan),
    "largest": lambda shape: np.full(shape, np.finfo(np.float64).max),
    "largest float32": lambda shape: np.full(shape, -np.finfo(np.float32).max, np.float32),
    "list": lambda shape: np.zeros(shape).tolist(),
}

PAIR, SWITCH = (1, 2), (True, False)
FIELDS: dict[str, Sequence[Any]] = {
    "affine": SWITCH,
    "approximate": ("none", "tanh"),
    "align_corners": (None, None, None, True),
    "bias": SWITCH,
    "ceil_mode": SWITCH,
    "channel_multiplier": PAIR,
    "channels": (2, 4),
    "cardinality": PAIR,
    "count_include_pad": SWITCH,
    "dilation": PAIR,
    "dim": (1, -1, 2),
    "divisor_override": (None, 3, -2),
    "downscale_factor": (1, 3),
    "end_dim": (-1, 2),
    "eps": (1e-5, 1),
    "expansion": PAIR,
    "groups": PAIR,
    "in_channels": (2,),
    "in_features": (2,),
    "inplace": SWITCH,
    "length": (1, 2),
    "max_val": (6.0, 0.5),
    "min_val": (-1.0, 0),
    "start": (0, 1),
    "negative_slope": (0.01, 0, -1.5),
    "kernel_size": (1, 2, 3),
    "momentum": (None, 0.1),
    "num_features": (2,),
    "out_channels": (2, 4),
    "out_features": (3,),
    "output_padding": (0, 0, 0, 1),
    "output_size": (None, 1, 2),
    "padding": (0, 1),
    "padding_mode": (*["zeros"] * 9, "reflect", "replicate", "circular"),
    "recompute_scale_factor": (None, False),
    "residual": SWITCH,
    "return_indices": SWITCH,
    "scale_factor": (2, 1.5, None),
    "size": (None, None, 4),
    "spatial_axes": (None, None, None, 1, 2, 3),
    "start_dim": (1, 2),
    "stride": PAIR,
    "track_running_stats": SWITCH,
    "mode": ("nearest", "nearest", "linear", "bilinear", "trilinear"),
    "upscale_factor": PAIR,
    "width": (None, 2),
}
"""Values that fit, for every name of an argument of an operation or a block."""
PER_AXIS = {"kernel_size", "stride", "padding", "output_padding", "dilation"}

PUBLIC = {name: getattr(conv_math, name) for name in conv_math.__all__}
OPERATIONS = [
    thing
    for thing in PUBLIC.values()
    if inspect.isclass(thing) and issubclass(thing, Operation) and not inspect.isabstract(thing)
]
BLOCKS = [
    thing
    for thing in PUBLIC.values()
    if inspect.isfunction(thing) and inspect.signature(thing).return_annotation == "Sequential"
]
ANALYSES = [ancestors, conv_matrix, hdc_distances, im2col, receptive_field, replay, usage_counts]
RECORDS = {"HdcDistances", "MoveTrajectory", "ReceptiveField", "SequentialTrajectory", "SlideTrajectory", "Stage"} | {
    *("ConvMathError", "Order", "Shape", "SparseMatrix", "Taps", "Trajectory", "View", "Window", "Sequential")
}
"""What is made by conv_math and not by its users, or does not check what it holds: `Sequential` checks a `Stage`."""

every_operation = pytest.mark.parametrize("kind", OPERATIONS)


def attempt(call: Callable[..., Any], *arguments: Any, memory: int = MEMORY, **more: Any) -> Any:
    """What the call returns, or None where it refuses by a ConvMathError of one line; all else comes out."""
    tracemalloc.start()
    try:
        result = call(*arguments, **more)
    except ConvMathError as error:
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) <= LINE
        result = None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < memory
    return result


class Choices:
    """What bytes of Hypothesis choose, 0 being what fits."""

    def __init__(self, given: bytes) -> None:
        self.given = iter(given)

    def of(self, things: Sequence[Any]) -> Any:
        return things[next(self.given, 0) % len(things)]

    def named(self, things: Mapping[str, Any]) -> Any:
        """One of these; reported by its name, as not all of them can be shown."""
        name = self.of(list(things))
        note(name)
        return things[name]

    def mixed(self, fitting: Any, nonsense: Mapping[str, Any]) -> Any:
        """What fits, or in one case of three nonsense."""
        return self.named(nonsense) if self.of((False, False, True)) else fitting

    def arguments(self, names: Sequence[str], axes: int | None = None) -> dict[str, Any]:
        """A value for each argument: all fit in half of the cases; else one is nonsense, or many are."""
        wrong = self.of([*[None] * (len(names) + 1), *names, "half"])
        values = {}
        for name in names:
            if wrong == name or (wrong == "half" and self.of((False, True))):
                values[name] = self.named(VALUES)
                continue
            values[name] = self.of(FIELDS[name])
            if name in PER_AXIS and axes and self.of((False, False, False, True)):
                values[name] = (values[name],) * axes
            note(f"{name}={values[name]}")
        return values


some_choices = st.binary(min_size=80, max_size=80).map(Choices)


def filled(choices: Choices, shape: Any) -> Any:
    """An array of this shape, if there is one; else nonsense."""
    if isinstance(shape, list) and shape and isinstance(shape[0], tuple):
        return [filled(choices, part) for part in shape]
    if not isinstance(shape, tuple):
        return choices.named(ARRAYS)
    try:
        few = math.prod(shape) < 10**5 and len(shape) <= 32
        return choices.named(FILLS)(shape) if few else np.broadcast_to(np.int8(1), shape)
    except Exception:  # of NumPy, of which no array has such a shape
        return choices.named(ARRAYS)


def shape_for(choices: Choices, op: Operation) -> Any:
    """A small input that fits the operation, as far as one can tell."""
    channels = [getattr(op, name, None) for name in ("in_channels", "in_features", "num_features")]
    axes = op.AXES if op.AXES is not None else getattr(op, "spatial_axes", None) or 2
    shape = (next((c for c in channels if c), 4), *(2, 2, 3)[3 - axes :])
    shape = (2, *shape) if choices.of((True, False)) else shape
    return [shape, shape] if isinstance(op, Merge) else shape


def follow(choices: Choices, trajectory: Any) -> None:
    """Its first step, its last one and steps that it has not."""
    attempt(len, trajectory)
    attempt(trajectory.completed_at) if isinstance(trajectory, Trajectory) else None
    for t in (0, trajectory.steps - 1, trajectory.steps, choices.named(VALUES)):
        taps = attempt(trajectory.taps, t)
        if isinstance(trajectory, Trajectory):
            attempt(trajectory.position, t)
        if hasattr(trajectory, "origin"):
            attempt(trajectory.origin, t)
        if taps is not None:
            assert len({*map(len, (taps.output, taps.input, taps.weight, taps.coefficient, taps.ghost))}) == 1


def extras(choices: Choices, op: Operation, method: Callable[..., Any], shape: Any) -> dict[str, Any]:
    """The further arguments of forward or trajectory."""
    more: dict[str, Any] = {}
    names = inspect.signature(method).parameters
    if "view" in names:
        more["view"] = choices.mixed("gather", VALUES)
    if "order" in names:
        more["order"] = choices.mixed("filter", VALUES)
    if "offset" in names and isinstance(op, DeformConv2d):
        more["offset"] = choices.mixed(filled(choices, attempt(op.offset_shape, shape)), ARRAYS)
    if "indices" in names:
        more["indices"] = choices.mixed(np.zeros(shape, int) if is_small(shape) else None, ARRAYS)
    for name in ("running_mean", "running_var"):
        if name in names:
            more[name] = choices.mixed(None, ARRAYS)
    return more


def is_small(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 100 for n in shape) and len(shape) < 6


@every_operation
@some
@given(some_choices)
def test_an_operation_refuses_nonsense(kind: type[Operation], choices: Choices) -> None:
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    op = attempt(kind, **choices.arguments(names, kind.AXES))
    if op is None:
        return
    shape = choices.mixed(shape_for(choices, op), SHAPES)
    attempt(op.output_shape, shape)
    attempt(op.macs, shape)
    assert repr(op) and op == op and hash(op) == hash(op) and op.num_parameters >= 0

    x = choices.mixed(filled(choices, shape), ARRAYS)
    weight, bias = (
        choices.mixed(None if wanted is None else filled(choices, wanted), ARRAYS)
        for wanted in (op.weight_shape, op.bias_shape)
    )
    trajectory = attempt(op.trajectory, shape, **extras(choices, op, op.trajectory, shape))
    if trajectory is not None:
        follow(choices, trajectory)
    more = extras(choices, op, op.forward, x.shape if isinstance(x, np.ndarray) else shape)
    result = attempt(op.forward, x, weight, bias, **more)
    assert result is None or result.dtype in (np.float32, np.float64)

    then = choices.of(("replay", "matrix", "field", "counts", "own"))
    if then == "replay" and trajectory is not None:
        attempt(replay, trajectory, x, weight)
    if then == "matrix":
        attempt(conv_matrix, op, shape, weight)
        attempt(im2col, op, x)
    if then == "field":
        attempt(receptive_field, [op])
    if then == "counts":
        cell = choices.mixed((0, 0), SHAPES)
        attempt(usage_counts, [op], cell, shape)
        attempt(ancestors, [op], cell)
    if then == "own":
        for method in ("offset_shape", "source", "view_shapes", "views"):
            if hasattr(op, method):
                attempt(getattr(op, method), shape)
        for method in ("indices", "flipped", "scale"):
            if hasattr(op, method):
                attempt(getattr(op, method), x)
        if hasattr(op, "as_convolution"):
            attempt(op.as_convolution)
        if hasattr(op, "shift"):
            attempt(op.shift, weight, bias, choices.named(ARRAYS), x)


CONV = Conv2d(2, 2, 3, padding=1)
STAGES: dict[str, Any] = VALUES | {
    "class": Conv2d,
    "stage of nonsense": Stage(None),  # type: ignore[arg-type]
    "stage of a chain": Stage(Sequential(CONV)),  # type: ignore[arg-type]
    "sources of nonsense": Stage(CONV, [Unshowable()]),  # type: ignore[list-item]
    "sources of arrays": Stage(Add(), (np.array([0, 1]), "input")),  # type: ignore[arg-type]
    "no sources": Stage(Add(), ()),
    "later sources": Stage(Add(), (0, 7)),
    "two sources for one input": Stage(CONV, ("input", "input")),
    "another number of axes": Pad([(1, 1)]),
}
FITTING_STAGES: dict[str, Any] = {
    "convolution": CONV,
    "transposed": ConvTranspose2d(2, 2, 2),
    "activation": ReLU(),
    "residual": Stage(Add(), (0, "input")),
    "concatenation": Stage(Concat(), (0, "input")),
    "flat": Flatten(),
    "deformable": DeformConv2d(2, 2, 1),
    "unpooling": MaxUnpool2d(1),
    "shuffle": ChannelShuffle(2),
    "chain": Sequential(CONV, Stage(Add(), (0, "input"))),
}


def stages_for(choices: Choices) -> list[Any]:
    """One to three stages, half of which fit."""
    return [choices.mixed(choices.named(FITTING_STAGES), STAGES) for _ in range(choices.of((1, 2, 3)))]


@some
@given(some_choices)
def test_a_chain_refuses_nonsense(choices: Choices) -> None:
    stages = stages_for(choices)
    if choices.of((True, False)):
        stages[:1] = [CONV]
    chain = attempt(Sequential, *stages)
    if chain is None:
        return
    shape = choices.mixed((2, 3, 3), SHAPES)
    for method in (chain.shapes, chain.output_shape, chain.macs, chain.stages):
        attempt(method, shape)
    assert repr(chain)
    zero = choices.mixed(dict.fromkeys(range(9), np.zeros((2, 3, 3), int)), ARRAYS)
    trajectory = attempt(chain.trajectory, shape, choices.mixed("position", VALUES), data=zero)
    if trajectory is not None:
        follow(choices, trajectory)
        attempt(trajectory.stage, choices.named(VALUES))
        attempt(replay, trajectory, np.zeros((2, 3, 3)))
    weights, biases = (
        choices.mixed([None if wanted is None else filled(choices, wanted) for wanted in shapes], ARRAYS)
        for shapes in ([op.weight_shape for op in chain.ops], [op.bias_shape for op in chain.ops])
    )
    attempt(chain.forward, choices.mixed(filled(choices, shape), ARRAYS), weights, biases, data=zero)


@pytest.mark.parametrize("block", BLOCKS)
@some
@given(some_choices)
def test_a_block_refuses_nonsense(block: Callable[..., Any], choices: Choices) -> None:
    chain = attempt(block, **choices.arguments(list(inspect.signature(block).parameters)))
    if chain is not None:
        attempt(chain.macs, choices.mixed((2, 3, 3), SHAPES))


@some
@given(some_choices)
def test_an_analysis_refuses_nonsense(choices: Choices) -> None:
    stages = choices.mixed(stages_for(choices), STAGES)
    attempt(receptive_field, stages)
    cell = choices.mixed((0, 1, 1), SHAPES)
    shape = choices.mixed((2, 3, 3), SHAPES)
    attempt(usage_counts, stages, cell, shape)
    attempt(ancestors, stages, cell, shape)
    attempt(hdc_distances, choices.mixed([1, 2, 5], SHAPES), choices.mixed(3, VALUES))


@some
@given(some_choices)
def test_a_matrix_and_a_replay_refuse_nonsense(choices: Choices) -> None:
    op = choices.mixed(CONV, STAGES)
    x, weight = (choices.mixed(np.ones(shape), ARRAYS) for shape in ((2, 3, 3), (2, 2, 3, 3)))
    attempt(im2col, op, x)
    attempt(conv_matrix, op, choices.mixed((2, 3, 3), SHAPES), weight)
    attempt(replay, choices.mixed(CONV.trajectory((2, 3, 3)), VALUES), x, weight)
    matrix = SparseMatrix((2, 3), np.array([0, 1]), np.array([2, 0]), np.array([1.0, 1e308]))
    for factor in (matrix, matrix.T):
        attempt(factor.__matmul__, choices.mixed(np.full(factor.shape[1], 1e308), ARRAYS))


def test_all_that_is_public_is_fed_with_nonsense() -> None:
    fed = {thing.__name__ for thing in (*OPERATIONS, *BLOCKS, *ANALYSES)}
    abstract = {name for name, thing in PUBLIC.items() if inspect.isclass(thing) and inspect.isabstract(thing)}
    assert fed | abstract | RECORDS == set(PUBLIC)
    assert get_args(conv_math.Order) == ("position", "filter")


HUGE = 2**30
AXES = (1, 2, 3)


def kind_of(name: str, axes: int) -> Any:
    return PUBLIC[f"{name}{axes}d"]


def run(op: Operation, *spatial: int, **more: Any) -> Any:
    """forward() of one channel of ones, with a weight of ones that takes no memory."""
    weight = None if op.weight_shape is None else np.broadcast_to(np.float32(1), op.weight_shape)
    return op.forward(np.ones((1, *spatial), np.float32), weight, **more)


@pytest.mark.parametrize("axes", AXES)
def test_windows_far_larger_than_the_input_take_little_memory(axes: int) -> None:
    one = (1,) * axes
    max_pool, avg_pool = (kind_of(name, axes) for name in ("MaxPool", "AvgPool"))
    conv = kind_of("Conv", axes)

    pooled = attempt(run, max_pool(2**20, 1, 2**19), *one)
    np.testing.assert_array_equal(pooled, np.ones((1, *(2,) * axes)))
    assert attempt(run, max_pool(MOST, 1, HUGE - 1), *one).shape == (1, *one)
    assert attempt(max_pool(MOST, 1, HUGE - 1).indices, np.ones((1, *one))).shape == (1, *one)
    if axes < 3:  # an average over 3 axes wants an input of the window's size
        inner = avg_pool(2**20, 1, 2**19, count_include_pad=False)
        np.testing.assert_allclose(attempt(run, inner, *one), np.ones((1, *(2,) * axes)))
        outer = attempt(run, avg_pool(2**20, 1, 2**19), *one)
        np.testing.assert_allclose(outer, np.full((1, *(2,) * axes), 0.5 ** (20 * axes)))

    far = attempt(run, conv(1, 1, 1, stride=10**9, padding=10**9), *one)
    assert far.shape == (1, *(3,) * axes) and far.sum() == 1
    wide = attempt(run, conv(1, 1, 3, dilation=HUGE, padding=HUGE), *one)
    np.testing.assert_array_equal(wide, np.ones((1, *one)))
    copies = attempt(run, conv(1, 1, 3, dilation=HUGE, padding=HUGE, padding_mode="replicate"), *one)
    np.testing.assert_array_equal(copies, np.full((1, *one), 3.0**axes))
    np.testing.assert_array_equal(attempt(run, conv(1, 1, 3, padding="same", dilation=HUGE), *one), np.ones((1, *one)))


def test_a_kernel_far_larger_than_the_input_takes_as_much_as_it_is_large_itself() -> None:
    conv = conv_math.Conv1d(1, 1, 2**20, padding=2**19)
    np.testing.assert_array_equal(attempt(run, conv, 1, memory=4 * MEMORY), [[1, 1]])


@pytest.mark.parametrize("axes", AXES)
def test_strides_far_larger_than_the_input_take_little_memory(axes: int) -> None:
    one, two = (1,) * axes, (2,) * axes
    transposed = kind_of("ConvTranspose", axes)
    np.testing.assert_array_equal(attempt(run, transposed(1, 1, 3, stride=10**9), *one), np.ones((1, *(3,) * axes)))
    between = attempt(run, transposed(1, 1, 3, stride=10**9, padding=5 * 10**8), *two)
    np.testing.assert_array_equal(between, np.zeros((1, *(3,) * axes)))
    wide = attempt(run, transposed(1, 1, 3, dilation=HUGE, padding=HUGE), *one)
    np.testing.assert_array_equal(wide, np.ones((1, *one)))
    zeros = attempt(run, conv_math.ZeroInsert(HUGE, spatial_axes=axes), *one)
    np.testing.assert_array_equal(zeros, np.ones((1, *one)))
    moved = attempt(run, Pad([(HUGE, -HUGE)] * axes), *one)
    np.testing.assert_array_equal(moved, np.zeros((1, *one)))


def too_large(axes: int) -> dict[str, tuple[Operation, tuple[int, ...]]]:
    """Operations and input sizes that have too large an output."""
    one, two = (1,) * axes, (2,) * axes
    cases: dict[str, tuple[Operation, tuple[int, ...]]] = {
        "padding": (kind_of("Conv", axes)(1, 1, 1, padding=HUGE - 1), one),
        "average": (kind_of("AdaptiveAvgPool", axes)(MOST), one),
        "largest": (kind_of("AdaptiveMaxPool", axes)(MOST), one),
        "size": (conv_math.Upsample(10**9 + 1, spatial_axes=axes), one),
        "factor": (conv_math.Upsample(scale_factor=MOST, spatial_axes=axes), one),
        "zeros": (conv_math.ZeroInsert(HUGE, spatial_axes=axes), two),
        "sides": (Pad(HUGE - 1, spatial_axes=axes), one),
        "stride": (kind_of("ConvTranspose", axes)(1, 1, 1, stride=10**9), two),
    }
    if axes > 1:
        cases["sides of 10**8"] = (Pad(10**8, spatial_axes=axes), one)
        cases["size of 10**9"] = (conv_math.Upsample(10**9, spatial_axes=axes), one)
    if axes == 2:
        cases["unpooling"] = (MaxUnpool2d(2, 10**9), two)
        cases["unfolding"] = (conv_math.Unfold(2**15, padding=2**14), one)
        cases["deformable"] = (DeformConv2d(1, 1, 1, padding=HUGE - 1), one)
        cases["shuffle"] = (conv_math.PixelUnshuffle(1), (2**15, 2**15))
    return cases


TOO_LARGE = [(axes, name) for axes in AXES for name in too_large(axes)]


@pytest.mark.parametrize(("axes", "name"), TOO_LARGE)
def test_too_large_an_output_is_refused(axes: int, name: str) -> None:
    op, spatial = too_large(axes)[name]
    assert math.prod(op.output_shape((1, *spatial))) > MOST_CELLS
    more: dict[str, Any] = {}
    if isinstance(op, MaxUnpool2d):
        more["indices"] = np.zeros((1, *spatial), int)
    if isinstance(op, DeformConv2d):
        more["offset"] = np.broadcast_to(np.int8(0), op.offset_shape((1, *spatial)))
    with pytest.raises(ConvMathError, match=f"allowed: at most {MOST_CELLS} at once"):
        run_at_once(op, spatial, more)
    if isinstance(op, Slide) and not more:
        trajectory = op.trajectory((1, *spatial))
        assert len(trajectory.taps(trajectory.steps // 2)) >= 0


def run_at_once(op: Operation, spatial: tuple[int, ...], more: dict[str, Any]) -> None:
    """forward(), of which a refusal takes little memory."""
    tracemalloc.start()
    try:
        weight = None if op.weight_shape is None else np.broadcast_to(np.float32(1), op.weight_shape)
        op.forward(np.broadcast_to(np.float32(1), (1, *spatial)), weight, **more)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY


VOLUME = (1, MOST, MOST, MOST)
LARGE_STEPS: dict[str, Callable[[], Any]] = {
    "convolution": lambda: conv_math.Conv3d(1, 1, HUGE, padding=HUGE - 1).trajectory((1, 2, 2, 2)).taps(0),
    "transposed": lambda: kind_of("ConvTranspose", 3)(1, 1, HUGE).trajectory((1, 1, 1, 1)).taps(0),
    "gathered": lambda: kind_of("ConvTranspose", 3)(1, 1, HUGE).trajectory((1, 1, 1, 1), view="gather").taps(0),
    "pool": lambda: conv_math.MaxPool3d(HUGE).trajectory(VOLUME).taps(0),
    "average with padding": lambda: conv_math.AvgPool2d(HUGE, 1, HUGE // 2).trajectory((1, 1, 1)).taps(0),
    "adaptive pool": lambda: conv_math.AdaptiveAvgPool3d(3).trajectory(VOLUME).taps(0),
    "linear": lambda: conv_math.Linear(2**15, 2**17).trajectory((2**15,)).taps(0),
    "linear filter": lambda: conv_math.Linear(MOST, 1).trajectory((MOST,), "filter").taps(0),
    "softmax": lambda: conv_math.Softmax(2).trajectory(VOLUME).taps(0),
    "softmax of channels": lambda: conv_math.Softmax(1).trajectory((2**14, 1, 1)).taps(0),
    "activation": lambda: ReLU().trajectory((MOST, 1, 1)).taps(0),
    "normalisation": lambda: conv_math.BatchNorm2d(MOST).trajectory((MOST, 1, 1)).taps(0),
    "shuffle": lambda: ChannelShuffle(1).trajectory((MOST, 1, 1)).taps(0),
    "sum": lambda: Add().trajectory([(MOST, 1, 1)] * 2).taps(0),
    "last steps": lambda: ReLU().trajectory(VOLUME).completed_at(),
    "last steps of spreading": lambda: (
        kind_of("ConvTranspose", 1)(1, 1, 1, 1, HUGE - 1).trajectory((1, MOST)).completed_at()
    ),
    "source": lambda: ChannelShuffle(1).source(VOLUME),
    "source of a cut": lambda: Pad(-HUGE + 1).source((1, MOST, MOST)),
    "views": lambda: ChannelShuffle(1).views(VOLUME),
    "matrix": lambda: conv_matrix(conv_math.Conv1d(1, 1, 1), (1, MOST), np.ones((1, 1, 1))),
    "columns": lambda: im2col(Conv2d(1, 1, 2**20, padding=2**19), np.ones((1, 1, 1))),
    "winners": lambda: conv_math.AdaptiveMaxPool2d(MOST).indices(np.ones((1, 1, 1))),
    "counts": lambda: usage_counts([conv_math.Conv1d(1, 1, HUGE)], (0,)),
    "cone": lambda: ancestors([conv_math.Conv1d(1, 1, HUGE)], (0,)),
}


@pytest.mark.parametrize("name", LARGE_STEPS)
def test_what_would_take_too_much_memory_is_refused(name: str) -> None:
    assert attempt(LARGE_STEPS[name]) is None


@pytest.mark.parametrize("move", [Pad(1), conv_math.ZeroInsert(2), ChannelShuffle(2), Flatten()])
def test_without_a_number_of_axes_an_input_of_5_is_a_batch_of_volumes(move: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 2, 2, 2))
    expected = dataclasses.replace(move, spatial_axes=3).forward(x)
    np.testing.assert_array_equal(move.forward(x), expected)
    np.testing.assert_array_equal(replay(move.trajectory(x.shape), x), expected)
