"""ReLU and Softmax in any number of axes, and upsampling in all modes: values, and what the taps read."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper
from oracle import ORDERS, Array, agrees, cells_of, each, one_or_each, run_onnx_on, some

from convmotion.conv_math import (
    GELU,
    ConvMathError,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
    Upsample,
)

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
EXACT = (0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4.0)
"""Factors with which floor(i/factor) is the same in any precision."""

few = settings(some, max_examples=75)
any_axes = pytest.mark.parametrize("axes", [0, 1, 2, 3])
spatial_axes = pytest.mark.parametrize("axes", [1, 2, 3])


def drawn_input(draw: st.DrawFn, axes: int) -> Array:
    sizes = [draw(st.integers(1, (3, 5, 3, 2)[axes])) for _ in range(axes)]
    return cells_of(draw, draw(st.integers(1, 3 if axes < 3 else 2)), *sizes)


@any_axes
@few
@given(data=st.data())
def test_relu_agrees_with_onnxruntime(axes: int, data: st.DataObject) -> None:
    x = drawn_input(data.draw, axes)
    x.flat[data.draw(st.integers(0, x.size - 1))] = data.draw(st.sampled_from([0, np.nan, -np.inf, np.inf]))
    op = ReLU(inplace=data.draw(st.booleans()), spatial_axes=axes)
    before = x.copy()
    agrees(op, x, run_onnx_on(x, axes, [helper.make_node("Relu", ["x"], ["y"])]))
    np.testing.assert_array_equal(x, before)


ACTIVATIONS = {
    "ReLU6": (ReLU6(), "Clip", {}),
    "LeakyReLU": (LeakyReLU(), "LeakyRelu", {}),
    "LeakyReLU 1.5": (LeakyReLU(1.5), "LeakyRelu", {"alpha": 1.5}),
    "Sigmoid": (Sigmoid(), "Sigmoid", {}),
    "Tanh": (Tanh(), "Tanh", {}),
    "Hardsigmoid": (Hardsigmoid(), "HardSigmoid", {"alpha": 1 / 6}),
    "Hardswish": (Hardswish(), "HardSwish", {}),
    "GELU": (GELU(), "Gelu", {}),
    "GELU tanh": (GELU("tanh"), "Gelu", {"approximate": "tanh"}),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@few
@given(data=st.data())
def test_an_activation_agrees_with_onnxruntime(name: str, data: st.DataObject) -> None:
    op, node, arguments = ACTIVATIONS[name]
    x = drawn_input(data.draw, 2) * np.float32(data.draw(st.sampled_from([1, 12, 200])))
    bounds = {"a": np.array(0, np.float32), "b": np.array(6, np.float32)} if name == "ReLU6" else {}
    agrees(op, x, run_onnx_on(x, 2, [helper.make_node(node, ["x", *bounds], ["y"], **arguments)], **bounds))


@few
@given(data=st.data())
def test_a_silu_agrees_with_onnxruntime(data: st.DataObject) -> None:
    x = drawn_input(data.draw, 2) * np.float32(data.draw(st.sampled_from([1, 12, 200])))
    nodes = [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Mul", ["x", "s"], ["y"])]
    agrees(SiLU(), x, run_onnx_on(x, 2, nodes))


@few
@given(data=st.data())
def test_a_hardtanh_agrees_with_onnxruntime(data: st.DataObject) -> None:
    low = data.draw(st.sampled_from([-2.0, -1.0, 0.25]))
    high = low + data.draw(st.sampled_from([0.5, 2.0]))
    x = drawn_input(data.draw, 2) * np.float32(4)
    bounds = {"a": np.array(low, np.float32), "b": np.array(high, np.float32)}
    agrees(Hardtanh(low, high), x, run_onnx_on(x, 2, [helper.make_node("Clip", ["x", *bounds], ["y"])], **bounds))


def test_arguments_of_activations_are_checked() -> None:
    with pytest.raises(ConvMathError, match=r"^Hardtanh: min_val=2; allowed: below max_val=1$"):
        Hardtanh(2.0)
    with pytest.raises(ConvMathError, match=r"^GELU: approximate='erf'; allowed: 'none' or 'tanh'$"):
        GELU("erf")


def test_an_activation_is_one_tap_and_says_what_it_works_out() -> None:
    steps = LeakyReLU(0.5).trajectory((2, 3, 2), "filter")
    assert (steps.reduce, len(steps), len(steps.taps(7))) == ("activation", 12, 1)
    assert steps.combined(np.array([-3.0]), np.ones(1)) == -1.5
    assert [op.formula for op in (ReLU6(), LeakyReLU(0.5))] == ["min(max(x, 0), 6)", "max(x, 0) + 0.5·min(x, 0)"]
    for wrong in ("steep", float("nan"), None):
        with pytest.raises(ConvMathError, match=r"^LeakyReLU: negative_slope=.*; allowed: a number$"):
            LeakyReLU(wrong)  # type: ignore[arg-type]


def test_a_relu_has_two_taps_the_cell_and_a_zero() -> None:
    steps = ReLU().trajectory((2, 3, 2, 2), "filter")
    assert (steps.reduce, len(steps), steps.origin(14)) == ("max", 24, (1, 0))
    taps = steps.taps(14)
    assert taps.output.tolist() == [[1, 0, 1, 0]] * 2
    assert taps.input.tolist() == [[1, 0, 1, 0], [-1] * 4]
    assert taps.coefficient.tolist() == [1, 1]
    assert not taps.ghost.any()
    assert len(ReLU().trajectory((2, 3, 2, 2)).taps(0)) == 6


@any_axes
@few
@given(data=st.data())
def test_softmax_agrees_with_onnxruntime_along_every_axis(axes: int, data: st.DataObject) -> None:
    x = drawn_input(data.draw, axes) * np.float32(data.draw(st.sampled_from([1, 8, 10_000])))
    dim = data.draw(st.none() | st.integers(1, axes + 1) | st.integers(-axes - 1, -1))
    along = 1 if dim is None else dim
    if x.shape[-1] > 1 and along in (-1, axes + 1):
        x[..., 0] = data.draw(st.sampled_from([0, -np.inf]))
    op = Softmax(dim, spatial_axes=axes)
    agrees(op, x, run_onnx_on(x, axes, [helper.make_node("Softmax", ["x"], ["y"], axis=along)]))

    axis = along - 1 - (axes + 1) if along > 0 else along
    for order in ORDERS:
        steps = op.trajectory(x.shape, order)
        assert steps.reduce == "softmax"
        taps = steps.taps(data.draw(st.integers(0, len(steps) - 1)))
        assert (taps.coefficient == (taps.input == taps.output).all(axis=1)).all()
        assert not taps.ghost.any()
        for cell in np.unique(taps.output, axis=0):
            read = [[*cell] for _ in range(x.shape[axis])]
            for at, row in enumerate(read):
                row[axis] = at
            assert taps.input[(taps.output == cell).all(axis=1)].tolist() == read


def test_without_spatial_axes_being_told_they_follow_from_the_input() -> None:
    for shape, axis in (((3,), 0), ((2, 3), 1), ((3, 2, 2), 0), ((2, 3, 2, 2), 1), ((2, 3, 2, 2, 2), 1)):
        np.testing.assert_allclose(Softmax().forward(np.ones(shape)).sum(axis=axis), 1)
        assert ReLU().trajectory(shape).batched == bool(axis)


@pytest.mark.parametrize(
    ("dim", "shape", "allowed"), [(0, (3,), 1), (2, (1, 3), 1), (-4, (3, 4, 4), 3), (4, (3, 4, 4), 3)]
)
def test_softmax_refuses_an_axis_that_is_not_there(dim: int, shape: tuple[int, ...], allowed: int) -> None:
    message = (
        f"Softmax: dim={dim} for an input of {allowed + 1} axes, N first; "
        f"allowed: None, {-allowed} to -1, 1 to {allowed}"
    )
    for method in (Softmax(dim).output_shape, Softmax(dim).trajectory):
        with pytest.raises(ConvMathError, match=f"^{message}$"):
            method(shape)


def drawn_upsample(
    draw: st.DrawFn, axes: int, nearest: bool, factors: st.SearchStrategy[float]
) -> tuple[Upsample, Array]:
    """An upsampling with all its arguments random, and an input of which it leaves something."""
    arguments: dict[str, Any] = {"mode": "nearest" if nearest else LINEAR[axes]}
    x, most = drawn_input(draw, axes), (9, 6, 3)[axes - 1]
    if draw(st.booleans()):
        arguments["size"] = one_or_each(draw, axes, 1, most)
        arguments["recompute_scale_factor"] = draw(st.sampled_from([None, False]))
    else:
        given_value = draw(factors | st.tuples(*[factors] * axes))
        arguments["scale_factor"] = given_value
        arguments["recompute_scale_factor"] = draw(st.sampled_from([None, False, True]))
        several = given_value if isinstance(given_value, tuple) else (given_value,) * axes
        assume(all(1 <= size * factor < most + 1 for size, factor in zip(x.shape[-axes:], several, strict=True)))
    if not nearest:
        arguments["align_corners"] = draw(st.sampled_from([None, False, True]))
    told = nearest and not isinstance(arguments.get("size", arguments.get("scale_factor")), tuple)
    return Upsample(**arguments, spatial_axes=axes if told or draw(st.booleans()) else None), x


def factors_of(op: Upsample, axes: int) -> tuple[float, ...]:
    return op.scale_factor if isinstance(op.scale_factor, tuple) else (op.scale_factor,) * axes  # type: ignore[return-value]


def counts_of(op: Upsample, x: Array, axes: int) -> tuple[int, ...]:
    """The output's spatial sizes."""
    if op.size is not None:
        return each(op.size, axes)  # type: ignore[arg-type]
    return tuple(int(size * factor) for size, factor in zip(x.shape[-axes:], factors_of(op, axes), strict=True))


def resized(op: Upsample, axes: int, x: Array) -> Array:
    """What ONNX Runtime's Resize makes of x."""
    if op.size is not None or op.recompute_scale_factor:
        pictures, channels = x.shape[:2] if x.ndim == axes + 2 else (1, x.shape[0])
        names, wanted = ["x", "", "", "to"], np.array([pictures, channels, *counts_of(op, x, axes)])
    else:
        names, wanted = ["x", "", "to"], np.array([1, 1, *factors_of(op, axes)], np.float32)
    if op.mode == "nearest":
        how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    else:
        places = "align_corners" if op.align_corners else "half_pixel"
        how = {"mode": "linear", "coordinate_transformation_mode": places}
    return run_onnx_on(x, axes, [helper.make_node("Resize", names, ["y"], **how)], to=wanted)


def shares(op: Upsample, x: Array, axis: int, axes: int) -> Array:
    """By torch's formula how much of each input cell is in each output cell along an axis: (outputs, inputs)."""
    size, count = x.shape[axis - axes], counts_of(op, x, axes)[axis]
    scale = size / count if op.size is not None or op.recompute_scale_factor else 1 / factors_of(op, axes)[axis]
    matrix = np.zeros((count, size))
    for i in range(count):
        if op.mode == "nearest":
            place = np.float32(i) * np.float32(scale)
            if axes == 2 and count in (size, 2 * size):
                place = i * size / count
            matrix[i, min(math.floor(place), size - 1)] = 1
            continue
        place = max((i + 0.5) * scale - 0.5, 0)
        if op.align_corners:
            place = i * (size - 1) / (count - 1) if count > 1 else 0
        low = math.floor(place)
        matrix[i, min(low, size - 1)] += 1 - (place - low)
        matrix[i, min(low + 1, size - 1)] += place - low
    return matrix


def follows_the_formula(op: Upsample, axes: int, x: Array, t: int) -> None:
    """Values and one step's taps are those of torch's formula."""
    every = [shares(op, x, axis, axes) for axis in range(axes)]
    expected = x.astype(np.float64)
    for axis, matrix in enumerate(every):
        expected = np.moveaxis(np.moveaxis(expected, axis - axes, -1) @ matrix.T, -1, axis - axes)
    agrees(op, x.astype(np.float64), expected, tolerance=1e-9)

    steps = op.trajectory(x.shape)
    n, _, place = steps.position(t % len(steps))
    taps = steps.taps(t % len(steps))
    share = np.ones(())
    for matrix, at in zip(every, place, strict=True):
        share = share[..., np.newaxis] * matrix[at]
    for channel in range(x.shape[-axes - 1]):
        mine = (taps.output == [*[n] * (x.ndim - axes - 1), channel, *place]).all(axis=1)
        mixed = np.zeros(x.shape)
        np.add.at(mixed, tuple(taps.input[mine].T), taps.coefficient[mine])
        wanted = np.zeros(x.shape)
        wanted[(*[n] * (x.ndim - axes - 1), channel)] = share
        np.testing.assert_allclose(mixed, wanted, atol=1e-12)
    assert (taps.coefficient > 0).all()
    assert not taps.ghost.any()
    assert len(np.unique(np.column_stack([taps.output, taps.input]), axis=0)) == len(taps)


@spatial_axes
@pytest.mark.parametrize("nearest", [True, False])
@few
@given(data=st.data())
def test_upsampling_agrees_with_onnxruntime(axes: int, nearest: bool, data: st.DataObject) -> None:
    op, x = drawn_upsample(data.draw, axes, nearest, st.sampled_from(EXACT))
    agrees(op, x, resized(op, axes, x))
    assert op.reduces_to_copies == nearest


@spatial_axes
@pytest.mark.parametrize("nearest", [True, False])
@few
@given(data=st.data())
def test_upsampling_follows_the_formula_with_any_factor(axes: int, nearest: bool, data: st.DataObject) -> None:
    op, x = drawn_upsample(data.draw, axes, nearest, st.floats(0.3, 4.5))
    follows_the_formula(op, axes, x, data.draw(st.integers(0, 999)))


def test_nearest_places_are_computed_in_float32() -> None:
    """Exactly, cell 41 of 82 looks at 1, and cells 41 and 82 of 123 at 1 and 2; torch rounds 2/82 down."""
    for size, count, early in ((2, 82, {41}), (3, 123, {41, 82})):
        expected = [i * size // count - (i in early) for i in range(count)]
        assert Upsample(count, spatial_axes=1).forward([list(range(size))])[0].tolist() == expected


def test_over_two_axes_a_size_that_stays_or_doubles_is_not_scaled() -> None:
    """As in torch, where the other axes and the other numbers of axes are."""
    x = np.arange(3.0)
    assert Upsample(scale_factor=1.2, spatial_axes=1).forward([x]).tolist() == [[0, 0, 1]]
    assert Upsample(scale_factor=(1, 1.2)).forward([[x]]).tolist() == [[[0, 1, 2]]]
    assert Upsample(scale_factor=(1, 2.2)).forward([[x]]).tolist() == [[[0, 0, 1, 1, 2, 2]]]
    assert Upsample(scale_factor=(1, 1, 1.2)).forward([[[x]]]).tolist() == [[[[0, 0, 1]]]]
    assert Upsample(scale_factor=1.2, recompute_scale_factor=True, spatial_axes=1).forward([x]).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "size=None, scale_factor=None; allowed: one of both"),
        ({"size": 2, "scale_factor": 2}, "size=2, scale_factor=2; allowed: one of both"),
        ({"size": 2, "mode": "cubic"}, "mode='cubic'; allowed: 'nearest' or 'linear' or 'bilinear' or 'trilinear'"),
        ({"size": 2, "align_corners": False}, "align_corners=False with mode='nearest'; allowed: None"),
        (
            {"size": 2, "recompute_scale_factor": True},
            "recompute_scale_factor=True with a size; allowed: with a scale_factor",
        ),
        ({"size": (2, 2), "mode": "linear"}, "size=(2, 2); allowed: one number, or 1, one per spatial axis"),
        ({"scale_factor": (1,) * 4}, "scale_factor=(1, 1, 1, 1); allowed: one number, or 1 to 3, one per spatial axis"),
        ({"size": 2, "mode": "linear", "spatial_axes": 2}, "spatial_axes=2 with mode='linear'; allowed: 1"),
        ({"scale_factor": 0}, "scale_factor=0; allowed: a number > 0"),
        ({"scale_factor": (1, float("nan"))}, "scale_factor=nan; allowed: a number > 0"),
    ],
)
def test_wrong_arguments_of_upsample_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        Upsample(**arguments)
    assert str(caught.value) == f"Upsample: {message}"


def test_an_upsampling_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConvMathError, match=r"^Upsample: scale_factor=0.4 leaves 0 of \(3, 2\) cells; allowed: >= 1$"):
        Upsample(scale_factor=0.4).trajectory((1, 3, 2))
