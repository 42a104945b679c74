"""Pools, their indices, and unpooling: values, winners and taps, along one, two and three axes."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import helper
from oracle import ORDERS, Array, agrees, cells_of, each, one_or_each, run_onnx_on, some

from convmotion.conv_math import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    ConvMathError,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool2d,
    Operation,
    replay,
)

MAX_POOLS = {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d}
AVG_POOLS = {1: AvgPool1d, 2: AvgPool2d, 3: AvgPool3d}
ADAPTIVE_MAX_POOLS = {1: AdaptiveMaxPool1d, 2: AdaptiveMaxPool2d, 3: AdaptiveMaxPool3d}
ADAPTIVE_AVG_POOLS = {1: AdaptiveAvgPool1d, 2: AdaptiveAvgPool2d, 3: AdaptiveAvgPool3d}

every_axes = pytest.mark.parametrize("axes", [1, 2, 3])
Windows = list[list[list[int]]]
"""For each axis, for each position along it, the places that a window meets; some may be outside of the input."""


def drawn_pool(draw: st.DrawFn, axes: int, dilated: bool = False) -> tuple[dict[str, Any], dict[str, Any], Array]:
    """The arguments of a pool, the same as the attributes of its ONNX node, and an input that it fits."""
    ceil_mode = draw(st.booleans())
    kernel = one_or_each(draw, axes, 1, 5 - axes if axes > 1 else 5)
    kernels = each(kernel, axes)
    stride = draw(st.none() | st.just(one_or_each(draw, axes, 1, 3)))
    halves = st.tuples(*(st.integers(0, k // 2) for k in kernels))
    padding = draw(st.integers(0, min(kernels) // 2) | halves)
    dilation = one_or_each(draw, axes, 1, 3) if dilated else 1
    attributes = {
        "kernel_shape": kernels,
        "strides": kernels if stride is None else each(stride, axes),
        "pads": each(padding, axes) * 2,
        "dilations": each(dilation, axes),
        "ceil_mode": int(ceil_mode),
    }
    spatial = []
    for k, s, p, d in zip(*(attributes[n] for n in ("kernel_shape", "strides", "pads", "dilations")), strict=False):
        least = max(1, (k - 1) * d + 1 - 2 * p - (s - 1) * ceil_mode)
        least = k if axes == 3 and not dilated else least  # AvgPool3d wants the input itself to hold a window
        spatial.append(draw(st.integers(least, least + (5, 3, 2)[axes - 1])))
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    if dilated:
        arguments |= {"dilation": dilation, "return_indices": draw(st.booleans())}
    return arguments, attributes, cells_of(draw, draw(st.integers(1, 2)), *spatial)


def sliding(attributes: dict[str, Any], spatial: Sequence[int]) -> Windows:
    """Windows one stride apart as far as they fit; with ceil_mode, until one reaches the end or begins behind it."""
    windows = []
    for axis, size in enumerate(spatial):
        kernel, stride, padding, dilation = (
            attributes[name][axis] for name in ("kernel_shape", "strides", "pads", "dilations")
        )
        extent, end = (kernel - 1) * dilation + 1, size + padding
        starts = [-padding]
        while starts[-1] + extent < end:
            after = starts[-1] + stride
            if after >= size if attributes["ceil_mode"] else after + extent > end:
                break
            starts.append(after)
        windows.append([[start + k * dilation for k in range(kernel)] for start in starts])
    return windows


def covering(spatial: Sequence[int], wanted: Sequence[int]) -> Windows:
    """The windows of an adaptive pool."""
    return [
        [list(range(math.floor(i * size / count), math.ceil((i + 1) * size / count))) for i in range(count)]
        for size, count in zip(spatial, wanted, strict=True)
    ]


def kept(windows: Windows, margins: Sequence[int], spatial: Sequence[int]) -> Windows:
    """The places of the windows that are on the input or at most so far outside of it."""
    return [
        [[at for at in window if -margin <= at < size + margin] for window in axis]
        for axis, margin, size in zip(windows, margins, spatial, strict=True)
    ]


def pooled(x: Array, windows: Windows, reduce: Callable[[Array, Array], Any]) -> Array:
    """`reduce` of each window's values (..., cells) and of their flat indices (cells,), window by window."""
    axes = len(windows)
    lead, spatial = x.shape[:-axes], x.shape[-axes:]
    flat = np.arange(math.prod(spatial)).reshape(spatial)
    result = np.empty((*lead, *map(len, windows)))
    for place in np.ndindex(*map(len, windows)):
        cells = np.ix_(*(np.array(axis[at], int) for axis, at in zip(windows, place, strict=True)))
        result[(..., *place)] = reduce(x[(..., *cells)].reshape(*lead, -1), flat[cells].ravel())
    return result


def largest(values: Array, flat: Array) -> Array:
    return values.max(axis=-1, initial=-np.inf)


def winner(values: Array, flat: Array) -> Any:
    """The first of the largest."""
    return flat[values.argmax(axis=-1)]


def mean(values: Array, flat: Array) -> Array:
    return values.astype(np.float64).mean(axis=-1)


def reads(op: Operation, x: Array, windows: Windows, share: Callable[[int], float]) -> None:
    """A step reads its window's cells, row-major, channel by channel; places outside of the input are ghosts."""
    axes = len(windows)
    channels, spatial = x.shape[-axes - 1], x.shape[-axes:]
    for order in ORDERS:
        steps = op.trajectory(x.shape, order)
        assert steps.reduce == ("max" if "Max" in op.name else "sum")
        for t in {0, len(steps) // 2, len(steps) - 1}:
            n, only, place = steps.position(t)
            batch = [n] * (x.ndim - axes - 1)
            cells = list(itertools.product(*(axis[at] for axis, at in zip(windows, place, strict=True))))
            outside = [not all(0 <= at < size for at, size in zip(cell, spatial, strict=True)) for cell in cells]
            met = [(c, cell, out) for c in range(channels) for cell, out in zip(cells, outside, strict=True)]
            met = [row for row in met if only in (None, row[0])]
            taps = steps.taps(t)
            assert taps.output.tolist() == [[*batch, c, *place] for c, _, _ in met]
            assert taps.input.tolist() == [[-1] * x.ndim if out else [*batch, c, *cell] for c, cell, out in met]
            assert taps.ghost.tolist() == [out for _, _, out in met]
            assert taps.weight.shape == (len(met), 0)
            np.testing.assert_allclose(taps.coefficient, share(len(cells)))


@every_axes
@some
@given(data=st.data())
def test_max_pools_agree_with_onnxruntime(axes: int, data: st.DataObject) -> None:
    arguments, attributes, x = drawn_pool(data.draw, axes, dilated=True)
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], **attributes)
    values, indices = (run_onnx_on(x, axes, [node], wanted) for wanted in ("y", "i"))
    indices = indices % math.prod(x.shape[-axes:])  # ONNX Runtime counts on through channels and pictures
    assume(values.min() >= -1)  # where a window stands on padding alone it gives the smallest float32
    op = MAX_POOLS[axes](**arguments)
    agrees(op, x, values)
    assert op.indices(x).dtype == np.int64
    np.testing.assert_array_equal(op.indices(x), indices)
    spatial = x.shape[-axes:]
    reads(op, x, kept(sliding(attributes, spatial), (0,) * axes, spatial), lambda cells: 1)


@every_axes
@some
@given(data=st.data())
def test_avg_pools_agree_with_onnxruntime(axes: int, data: st.DataObject) -> None:
    arguments, attributes, x = drawn_pool(data.draw, axes)
    include = data.draw(st.booleans())
    node = helper.make_node("AveragePool", ["x"], ["y"], count_include_pad=int(include), **attributes)
    op = AVG_POOLS[axes](**arguments, count_include_pad=include)
    agrees(op, x, run_onnx_on(x, axes, [node]))
    spatial = x.shape[-axes:]
    margins = attributes["pads"][:axes] if include else (0,) * axes
    reads(op, x, kept(sliding(attributes, spatial), margins, spatial), lambda cells: 1 / cells)


@pytest.mark.parametrize("axes", [2, 3])
@some
@given(data=st.data())
def test_divisor_override_divides_the_sum_of_the_window(axes: int, data: st.DataObject) -> None:
    arguments, attributes, x = drawn_pool(data.draw, axes)
    divisor = data.draw(st.integers(-3, 9).filter(bool))
    spatial = x.shape[-axes:]
    windows = kept(sliding(attributes, spatial), (0,) * axes, spatial)
    op = AVG_POOLS[axes](**arguments, divisor_override=divisor, count_include_pad=data.draw(st.booleans()))
    agrees(op, x, pooled(x, windows, lambda values, flat: values.sum(axis=-1) / divisor))
    margins = attributes["pads"][:axes] if op.count_include_pad else (0,) * axes
    reads(op, x, kept(sliding(attributes, spatial), margins, spatial), lambda cells: 1 / divisor)


@every_axes
@some
@given(data=st.data())
def test_adaptive_pools_cover_the_input_with_windows(axes: int, data: st.DataObject) -> None:
    sizes = st.integers(1, (9, 5, 3)[axes - 1])
    spatial, wanted = data.draw(st.tuples(*[sizes] * axes)), st.none() | sizes
    x = cells_of(data.draw, data.draw(st.integers(1, 2)), *spatial)
    output_size = data.draw(wanted | st.tuples(*[wanted] * axes))
    several = output_size if isinstance(output_size, tuple) else (output_size,) * axes
    windows = covering(spatial, [size if n is None else n for n, size in zip(several, spatial, strict=True)])

    if data.draw(st.booleans()):
        average = ADAPTIVE_AVG_POOLS[axes](output_size)
        agrees(average, x, pooled(x, windows, mean))
        reads(average, x, windows, lambda cells: 1 / cells)
        return
    most = ADAPTIVE_MAX_POOLS[axes](output_size, return_indices=data.draw(st.booleans()))
    agrees(most, x, pooled(x, windows, largest))
    reads(most, x, windows, lambda cells: 1)
    assert most.indices(x).dtype == np.int64
    np.testing.assert_array_equal(most.indices(x), pooled(x, windows, winner))


@every_axes
@some
@given(data=st.data())
def test_minus_infinity_and_nan_are_values_like_others(axes: int, data: st.DataObject) -> None:
    arguments, attributes, x = drawn_pool(data.draw, axes, dilated=True)
    nan = data.draw(st.booleans())
    kinds = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).integers(0, 4, x.shape)
    x = np.select([kinds == 0, kinds == 1], [-np.inf, np.nan if nan else -np.inf], x)
    spatial = x.shape[-axes:]
    met = kept(sliding(attributes, spatial), (0,) * axes, spatial)
    assume(all(all(axis) for axis in met))
    wanted = [len(axis) for axis in met]
    covered = covering(spatial, wanted)
    if data.draw(st.booleans()):
        agrees(ADAPTIVE_AVG_POOLS[axes](wanted), x, pooled(x, covered, mean))
        return
    op, windows = data.draw(
        st.sampled_from([(MAX_POOLS[axes](**arguments), met), (ADAPTIVE_MAX_POOLS[axes](wanted), covered)])
    )
    agrees(op, x, pooled(x, windows, largest))
    if not nan:
        np.testing.assert_array_equal(op.indices(x), pooled(x, windows, winner))


def test_nan_is_larger_than_anything() -> None:
    x = [[[2, np.nan, np.inf, 1]]]
    assert MaxPool1d(2, 1).indices(x).tolist() == [[[1, 1, 2]]]
    assert AdaptiveMaxPool1d(2).indices(x).tolist() == [[[1, 2]]]


def test_of_several_nans_the_last_one_wins() -> None:
    x = [[[np.nan, 3, np.nan, 0]]]
    assert MaxPool1d(3, 1).indices(x).tolist() == [[[2, 2]]]
    assert AdaptiveMaxPool1d(1).indices(x).tolist() == [[[2]]]


def test_a_window_on_padding_alone_is_minus_infinity_and_has_no_winner() -> None:
    op, x = MaxPool1d(2, 1, padding=1, dilation=3), np.array([[[5.0, 6.0]], [[7.0, 8.0]]])
    expected = [[[-np.inf]], [[-np.inf]]]
    assert op.forward(x).tolist() == expected
    assert op.indices(x).tolist() == [[[-1]], [[-1]]]
    for order in ORDERS:
        assert replay(op.trajectory(x.shape, order), x).tolist() == expected
        assert len(op.trajectory(x.shape, order).taps(1)) == 0


def test_of_equal_cells_the_first_one_wins() -> None:
    x = [[[1, 2, 2], [2, 0, 2], [0, 2, 2]]]
    assert MaxPool2d(2, 1).indices(x).tolist() == [[[1, 1], [3, 5]]]
    assert MaxPool2d(3, 2, padding=1).indices(x).tolist() == [[[1, 1], [3, 5]]]
    assert AdaptiveMaxPool2d(1).indices([x, x]).tolist() == [[[[1]]], [[[1]]]]


def test_ceil_mode_adds_a_window_only_if_it_begins_on_the_input_or_before() -> None:
    assert MaxPool1d(2, 2).output_shape((1, 5)) == (1, 2)
    assert MaxPool1d(2, 2, ceil_mode=True).output_shape((1, 5)) == (1, 3)
    assert MaxPool1d(2, 2, padding=1, ceil_mode=True).output_shape((1, 5)) == (1, 3)
    assert AvgPool1d(2, 3, padding=1, ceil_mode=True).output_shape((1, 4)) == (1, 2)
    assert AvgPool1d(3, 2, ceil_mode=True).output_shape((1, 2)) == (1, 1)


def test_the_origin_of_a_window_may_be_on_padding() -> None:
    for steps in (MaxPool2d((3, 2), 2, 1, (1, 2)).trajectory((1, 5, 6)), AvgPool2d((3, 2), 2, 1).trajectory((1, 5, 6))):
        assert steps.origin(0) == (-1, -1)
        assert steps.origin(len(steps) - 1) == tuple(2 * (count - 1) - 1 for count in steps.positions)


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
def test_a_window_that_does_not_fit_is_refused(kind: type[MaxPool2d] | type[AvgPool2d]) -> None:
    message = (
        r"kernel_size=\(2, 4\) spans 4 cells, more than the padded input's 1 \+ 2\*1 = 3 columns; allowed: at most 3"
    )
    with pytest.raises(ConvMathError, match=f"{kind.__name__}: {message}"):
        kind((2, 4), padding=1).output_shape((1, 1, 1))


def test_avg_pool_3d_wants_the_input_without_padding_to_hold_a_window() -> None:
    """As torch, which in one and two axes does not."""
    assert AvgPool2d(2, padding=1).output_shape((1, 1, 2)) == (1, 1, 2)
    with pytest.raises(ConvMathError) as caught:
        AvgPool3d(2, padding=1).output_shape((1, 2, 1, 2))
    assert str(caught.value) == (
        "AvgPool3d: kernel_size=2 on an input of (2, 1, 2) cells; allowed: at most the input's size without padding"
    )


@some
@given(data=st.data())
def test_max_unpool_agrees_with_onnxruntime(data: st.DataObject) -> None:
    kernel = one_or_each(data.draw, 2, 1, 3)
    stride = data.draw(st.none() | st.just(one_or_each(data.draw, 2, 1, 3)))
    kernels = each(kernel, 2)
    strides = kernels if stride is None else each(stride, 2)
    padding = data.draw(st.integers(0, min(kernels) - 1) | st.tuples(*(st.integers(0, k - 1) for k in kernels)))
    paddings = each(padding, 2)
    least = [max(1, math.ceil((2 * p - k + 1) / s) + 1) for k, s, p in zip(kernels, strides, paddings, strict=True)]
    sizes = [data.draw(st.integers(size, size + 2)) for size in least]
    x = cells_of(data.draw, data.draw(st.integers(1, 2)), *sizes)
    along = zip(sizes, strides, paddings, kernels, strict=True)
    output = [(size - 1) * s - 2 * p + k for size, s, p, k in along]
    output_size = None
    if data.draw(st.booleans()):
        output_size = tuple(data.draw(st.integers(n, n + s - 1)) for n, s in zip(output, strides, strict=True))
        output = list(output_size)
    plane = math.prod(output)
    indices = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).integers(0, plane, x.shape)

    planes = np.arange(math.prod(x.shape[:-2])).reshape(*x.shape[:-2], 1, 1)
    counted_on = (indices + planes * plane).reshape(-1, *x.shape[-3:])
    node = helper.make_node(
        "MaxUnpool", ["x", "i", "s"], ["y"], kernel_shape=kernels, strides=strides, pads=paddings * 2
    )
    expected = run_onnx_on(x, 2, [node], i=counted_on, s=np.array([len(counted_on), x.shape[-3], *output]))
    op, more = MaxUnpool2d(kernel, stride, padding, output_size), {"indices": indices}
    agrees(op, x, expected, forward=more, trajectory=more)


@some
@given(data=st.data())
def test_unpooling_puts_the_winners_back(data: st.DataObject) -> None:
    arguments, attributes, x = drawn_pool(data.draw, 2)
    arguments["ceil_mode"], attributes["ceil_mode"] = False, 0
    windows = sliding(attributes, x.shape[-2:])
    try:
        pool = MaxPool2d(**arguments)
        values, indices = pool.forward(x), pool.indices(x)
    except ConvMathError:
        assert any(axis[0][-1] >= n + p for axis, n, p in zip(windows, x.shape[-2:], attributes["pads"], strict=False))
        return
    del arguments["ceil_mode"]
    expected = np.zeros_like(x)
    for place in np.ndindex(indices.shape):
        expected[place[:-2]].flat[indices[place]] = values[place]
    agrees(
        MaxUnpool2d(**arguments, output_size=x.shape[-2:]),
        values,
        expected,
        forward={"indices": indices},
        trajectory={"indices": indices},
    )


def test_a_smaller_output_size_may_cut_off_less_than_a_stride() -> None:
    """Of the 4 x 4 cells that are usual; ONNX Runtime takes no smaller ones."""
    x, indices = np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[[4, 2], [6, 8]]])
    op, more = MaxUnpool2d(2, output_size=3), {"indices": indices}
    agrees(op, x, np.array([[[0.0, 0.0, 2.0], [0.0, 1.0, 0.0], [3.0, 0.0, 4.0]]]), forward=more, trajectory=more)


def test_of_two_cells_for_one_place_the_later_one_stays() -> None:
    indices = np.array([[[3, 0], [3, 0]]])
    assert MaxUnpool2d(1, 1).forward([[[1, 2], [3, 4]]], indices=indices).tolist() == [[[4, 0], [0, 3]]]


@pytest.mark.parametrize(
    ("op", "indices", "message"),
    [
        (MaxUnpool2d(2), None, "indices=None; allowed: integers of the input's shape"),
        (MaxUnpool2d(2), [[[0.0]]], r"indices has shape \(1, 1, 1\) and dtype float64; allowed: integers, \(1, 1, 1\)"),
        (MaxUnpool2d(2), [[0]], r"indices has shape \(1, 1\) and dtype int64; allowed: integers, \(1, 1, 1\)"),
        (MaxUnpool2d(2), [[[4]]], "indices has 4; allowed: 0 to 3"),
        (MaxUnpool2d(2), [[[-1]]], "indices has -1; allowed: 0 to 3"),
        (
            MaxUnpool2d(2, output_size=(2, 4)),
            [[[0]]],
            r"output_size=\(2, 4\); allowed: less than stride=\(2, 2\) away from \(2, 2\)",
        ),
        (
            MaxUnpool2d(3, 2, output_size=1),
            [[[0]]],
            r"output_size=1; allowed: less than stride=\(2, 2\) away from \(3, 3\)",
        ),
        (MaxUnpool2d(2, padding=(0, 1)), [[[0]]], r"padding=\(0, 1\) leaves 0 columns; allowed: \(input - 1\)\*stride"),
    ],
)
def test_wrong_indices_and_sizes_are_named(op: MaxUnpool2d, indices: Any, message: str) -> None:
    for wrong in (
        lambda: op.forward(np.ones((1, 1, 1)), indices=indices),
        lambda: op.trajectory((1, 1, 1), indices=indices),
    ):
        with pytest.raises(ConvMathError, match=f"MaxUnpool2d: {message}"):
            wrong()
