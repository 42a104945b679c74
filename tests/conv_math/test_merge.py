"""Arrays that become one: sums, and one behind the other along any axis."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from oracle import ORDERS, Array, agrees, eighths, many, run_onnx

from convmotion.conv_math import Add, Concat, ConvMathError, Mul, Order, replay


def drawn_arrays(draw: st.DrawFn, axes: int, free: int | None = None) -> list[Array]:
    """1 to 4 arrays (C, *spatial), all with a batch or none: of one shape, but for the size of the axis `free`."""
    item = [draw(st.integers(1, 3)) for _ in range(axes + 1)]
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    arrays = []
    for _ in range(draw(st.integers(1, 4))):
        if free is not None:
            item[free] = draw(st.integers(1, 3))
        arrays.append(eighths(draw, *batch, *item))
    return arrays


def merged(kind: str, arrays: list[Array], **attributes: Any) -> Array:
    """What ONNX Runtime makes of the arrays."""
    inputs = {f"x{number}": array for number, array in enumerate(arrays)}
    return run_onnx([helper.make_node(kind, list(inputs), ["y"], **attributes)], **inputs)


@many
@given(data=st.data())
def test_add_agrees_with_onnxruntime(data: st.DataObject) -> None:
    axes = data.draw(st.integers(0, 3))
    arrays = drawn_arrays(data.draw, axes)
    agrees(Add(spatial_axes=axes), arrays, merged("Sum", arrays))


@many
@given(data=st.data())
def test_mul_agrees_with_onnxruntime_also_where_an_axis_of_one_counts_for_all(data: st.DataObject) -> None:
    axes = data.draw(st.integers(0, 3))
    arrays = drawn_arrays(data.draw, axes)[:2]
    if len(arrays) == 2:
        batched = arrays[0].ndim - axes - 1
        alone = [data.draw(st.booleans()) for _ in range(axes + 1)]
        arrays[1] = arrays[1][(slice(None),) * batched + tuple(slice(0, 1) if a else slice(None) for a in alone)]
        expected = merged("Mul", arrays)
    else:
        expected = arrays[0]
    agrees(Mul(spatial_axes=axes), arrays, expected)


def test_mul_says_what_meets_no_cell() -> None:
    assert Mul().output_shape([(4, 1, 1), (4, 6, 6)]) == (4, 6, 6)
    assert Mul().trajectory([(4, 6, 6)] * 2).reduce == "multiply"
    with pytest.raises(ConvMathError, match=r"^Mul: inputs of \(2, 6, 6\) and \(4, 6, 6\); allowed: along each axis"):
        Mul().output_shape([(2, 6, 6), (4, 6, 6)])


@many
@given(data=st.data())
def test_concat_agrees_with_onnxruntime_along_every_axis(data: st.DataObject) -> None:
    axes = data.draw(st.integers(0, 3))
    dim = data.draw(st.integers(1, axes + 1) | st.integers(-axes - 1, -1))
    free = dim - 1 if dim > 0 else dim
    arrays = drawn_arrays(data.draw, axes, free)
    from_the_end = free - axes - 1 if free >= 0 else free
    agrees(Concat(dim, spatial_axes=axes), arrays, merged("Concat", arrays, axis=from_the_end))


@many
@given(data=st.data())
def test_the_first_column_of_what_a_tap_reads_is_the_number_of_the_array(data: st.DataObject) -> None:
    """Each tap writes the cell that it reads, but for where its array begins along the axis."""
    axes = data.draw(st.integers(0, 3))
    axis = data.draw(st.none() | st.integers(0, axes))
    arrays = drawn_arrays(data.draw, axes, axis)
    op = Add(spatial_axes=axes) if axis is None else Concat(axis + 1, spatial_axes=axes)
    batched = arrays[0].ndim - axes - 1
    expected = set()
    before = 0
    for number, array in enumerate(arrays):
        for cell in np.ndindex(array.shape):
            written = list(cell)
            if axis is not None:
                written[batched + axis] += before
            expected.add((*written, number, *cell))
        before += 0 if axis is None else array.shape[batched + axis]
    for order in ORDERS:
        steps = op.trajectory([array.shape for array in arrays], order)
        assert steps.reduce == "sum"
        rows = []
        for t in range(len(steps)):
            taps = steps.taps(t)
            n, channel, place = steps.position(t)
            assert (taps.output[:, batched + 1 :] == place).all()
            assert not batched or (taps.output[:, 0] == n).all()
            assert channel is None or (taps.output[:, batched] == channel).all()
            assert (taps.weight.shape, taps.coefficient.tolist()) == ((len(taps), 0), [1] * len(taps))
            assert not taps.ghost.any()
            rows += np.column_stack([taps.output, taps.input]).tolist()
        assert len(rows) == len(expected)
        assert set(map(tuple, rows)) == expected


def test_the_number_of_axes_follows_from_the_first_array() -> None:
    assert Add().output_shape([(3,), (3,)]) == (3,)
    assert Add().output_shape([(2, 3), (2, 3)]) == (2, 3)
    assert Concat().output_shape([(2, 3), (2, 1)]) == (2, 4)
    assert Concat().output_shape([(2, 4, 4), (3, 4, 4)]) == (5, 4, 4)
    assert Concat().output_shape([(1, 2, 4, 4), (1, 3, 4, 4)]) == (1, 5, 4, 4)
    assert Concat().output_shape(((2, 4, 4, 4, 4), (2, 3, 4, 4, 4))) == (2, 7, 4, 4, 4)
    assert Concat(spatial_axes=1).output_shape([(2, 3, 4), (2, 1, 4)]) == (2, 4, 4)


@pytest.mark.parametrize("order", ["position", "filter"])
def test_a_step_is_a_position_with_all_channels_or_one_channel(order: Order) -> None:
    steps = Concat().trajectory([(2, 1, 1, 2), (2, 2, 1, 2)], order)
    if order == "position":
        assert (len(steps), steps.position(3)) == (4, (1, None, (0, 1)))
        assert steps.taps(3).output.tolist() == [[1, c, 0, 1] for c in range(3)]
        assert steps.taps(3).input.tolist() == [[0, 1, 0, 0, 1], [1, 1, 0, 0, 1], [1, 1, 1, 0, 1]]
    else:
        assert (len(steps), steps.position(9)) == (12, (1, 1, (0, 1)))
        assert steps.taps(9).output.tolist() == [[1, 1, 0, 1]]
        assert steps.taps(9).input.tolist() == [[1, 1, 0, 0, 1]]


def test_the_arrays_keep_their_precision_and_are_not_changed() -> None:
    x = [np.ones((1, 2, 2), np.float32), np.full((1, 2, 2), 2.0)]
    total = Add().forward(x)
    assert (total.dtype, total.tolist()) == (np.float64, [[[3, 3], [3, 3]]])
    alone = Add().forward(x[:1])
    alone[:] = 5
    assert (x[0] == 1).all()
    assert Concat().forward([[[[1]]], np.full((1, 1, 1), 2, np.uint8)]).tolist() == [[[1]], [[2]]]


PAIR = [(1, 2, 2), (2, 2, 2)]
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: Add().output_shape(PAIR), "Add: inputs of (1, 2, 2) and (2, 2, 2); allowed: one shape"),
    (lambda: Add().trajectory(PAIR), "Add: inputs of (1, 2, 2) and (2, 2, 2); allowed: one shape"),
    (
        lambda: Concat(2).output_shape(PAIR),
        "Concat: inputs of (1, 2, 2) and (2, 2, 2); allowed: equal but along dim=2",
    ),
    (
        lambda: Concat(0).output_shape(PAIR),
        "Concat: dim=0 for inputs of 4 axes, N first; allowed: -3 to -1, 1 to 3",
    ),
    (
        lambda: Concat(-4).forward([np.ones((1, 2, 2))]),
        "Concat: dim=-4 for inputs of 4 axes, N first; allowed: -3 to -1, 1 to 3",
    ),
    (lambda: Concat(5), "Concat: dim=5; allowed: an integer >= -4 and <= 4"),
    (lambda: Add().output_shape([]), "Add: input_shape=[]; allowed: a list of shapes"),
    (
        lambda: Add().output_shape([(1, 2, 2), (1, 1, 2, 2)]),
        "Add: input_shape=[(1, 2, 2), (1, 1, 2, 2)]; allowed: shapes with the same N and number of axes",
    ),
    (
        lambda: Concat().output_shape([(1, 1, 2, 2), (2, 1, 2, 2)]),
        "Concat: input_shape=[(1, 1, 2, 2), (2, 1, 2, 2)]; allowed: shapes with the same N and number of axes",
    ),
    (
        lambda: Add().output_shape([(2, 3), (2, 3, 4, 4)]),
        "Add: input_shape=[(2, 3), (2, 3, 4, 4)]; allowed: shapes with the same N and number of axes",
    ),
    (lambda: Add().forward(np.ones((2, 1, 2, 2))), "Add: x is a ndarray; allowed: a list of arrays"),
    (lambda: Add().forward([[[[1]]]], np.ones(1)), "Add: a weight was given; allowed: None"),
    (lambda: Add().trajectory([(1, 2, 2)], "rows"), "Add: order='rows'; allowed: 'position' or 'filter'"),  # type: ignore[arg-type]
    (
        lambda: replay(Add().trajectory([(1, 2, 2)]), [np.ones((2, 2, 2))]),
        "replay: x has shapes ((2, 2, 2),); allowed: ((1, 2, 2),)",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_does_not_fit_together_is_named(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConvMathError) as caught:
        wrong()
    assert str(caught.value) == message
