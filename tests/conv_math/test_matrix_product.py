"""An operation as a product with its matrix: the same numbers, tap by tap, and nothing where the matrix is 0."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convmotion.conv_math import Conv1d, Conv2d, Conv3d, ConvMathError, ConvTranspose2d, Shape, im2col, replay
from convmotion.conv_math.matrix import MatrixProduct
from convmotion.conv_math.rearrange import Reshape, WindowColumns


@st.composite
def layers(draw: st.DrawFn) -> tuple[Any, Shape]:
    """An operation without bias and the (C, *spatial) that it reads."""
    axes, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    kernel, padding = draw(st.integers(1, 3)), draw(st.integers(0, 1))
    channels = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    options: dict[str, Any] = {"stride": draw(st.integers(1, 2)), "groups": groups, "bias": False}
    if axes == 2 and draw(st.booleans()):
        return ConvTranspose2d(*channels, kernel, **options), (channels[0], 2, 3)
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    kind = {1: Conv1d, 2: Conv2d, 3: Conv3d}[axes]
    op = kind(*channels, kernel, padding=padding, padding_mode=mode, **options)
    return op, (channels[0], *(draw(st.integers(3, 4)) for _ in range(axes)))


@settings(deadline=None, max_examples=40)
@given(layers(), st.integers(0, 2), st.integers(0, 99))
def test_a_row_times_the_matrix_is_the_operation_on_what_was_flattened(layer, batch: int, seed: int) -> None:
    op, item = layer
    random = np.random.default_rng(seed)
    pictures = (batch,) if batch else ()
    x, weight = random.normal(size=(*pictures, *item)), random.normal(size=op.weight_shape)
    product = MatrixProduct(op, item)
    inputs, _ = product.weight_shape
    row = Reshape((1, 1, inputs), spatial_axes=len(item) - 1).forward(x)
    assert row.shape == (*pictures, 1, 1, inputs)
    matrix, expected = product.matrix(weight), op.forward(x, weight)
    result = product.forward(row, matrix)
    np.testing.assert_allclose(
        Reshape(op.output_item(item), spatial_axes=2).forward(result), expected, atol=1e-10, rtol=1e-9
    )
    np.testing.assert_allclose(replay(product.trajectory(row.shape), row, matrix), result, atol=1e-10)
    assert product.num_parameters == op.num_parameters
    assert product.macs(row.shape) == op.macs(x.shape)


@settings(deadline=None, max_examples=40)
@given(layers())
def test_taps_are_where_a_weight_stands_and_nowhere_else(layer) -> None:
    op, item = layer
    product = MatrixProduct(op, item)
    trajectory = product.trajectory((1, 1, product.weight_shape[0]))
    met = np.zeros(product.weight_shape, bool)
    for t in range(len(trajectory)):
        taps = trajectory.taps(t)
        met[tuple(taps.weight.T)] = True
        assert (taps.weight[:, 1] == t).all() and (taps.weight[:, 0] == taps.input[:, 2]).all()
    expected = product.matrix(np.full(op.weight_shape, 0.7)) != 0
    np.testing.assert_array_equal(met, expected)


def test_of_a_3x3_on_4x4_36_of_64_cells_hold_a_weight() -> None:
    product = MatrixProduct(Conv2d(1, 1, 3, bias=False), (1, 4, 4))
    assert product.weighted.shape == (16, 4) and product.weighted.sum() == 36
    transposed = MatrixProduct(ConvTranspose2d(1, 1, 3, bias=False), (1, 2, 2))
    np.testing.assert_array_equal(transposed.weighted, product.weighted.T)


def test_what_is_no_row_of_its_inputs_is_refused() -> None:
    with pytest.raises(ConvMathError, match=r"MatrixProduct: input_shape=\(1, 1, 15\); allowed: \(1, 1, 16\)"):
        MatrixProduct(Conv2d(1, 1, 3), (1, 4, 4)).output_shape((1, 1, 15))
    with pytest.raises(ConvMathError, match=r"Reshape: shape=\(1, 1, 15\).*16 cells"):
        Reshape((1, 1, 15)).output_shape((1, 4, 4))


def test_reshape_keeps_the_order_of_cells() -> None:
    cells = np.arange(2 * 12.0).reshape(2, 3, 2, 2)
    reshape = Reshape((1, 4, 3))
    np.testing.assert_array_equal(reshape.forward(cells), cells.reshape(2, 1, 4, 3))
    np.testing.assert_array_equal(reshape.source((3, 2, 2)), np.arange(12).reshape(1, 4, 3))


@settings(deadline=None, max_examples=40)
@given(layers(), st.integers(0, 2), st.integers(0, 99))
def test_filters_as_rows_times_windows_as_columns_are_the_convolution(layer, batch: int, seed: int) -> None:
    op, item = layer
    if isinstance(op, ConvTranspose2d):
        return
    random = np.random.default_rng(seed)
    pictures = (batch,) if batch else ()
    x, weight = random.normal(size=(*pictures, *item)), random.normal(size=op.weight_shape)
    columns = WindowColumns(op, spatial_axes=len(item) - 1)
    made = columns.forward(x)
    positions = op.output_item(item)[1:]
    assert made.shape == (*pictures, 1, item[0] * np.prod(op.window.kernel_size), np.prod(positions))
    np.testing.assert_array_equal(made[..., 0, :, :], im2col(op, x))
    np.testing.assert_allclose(replay(columns.trajectory(x.shape), x), made)
    if op.groups == 1:
        product = weight.reshape(len(weight), -1) @ made[..., 0, :, :]
        np.testing.assert_allclose(product.reshape(op.output_shape(x.shape)), op.forward(x, weight), atol=1e-10)


def test_what_the_convolution_cannot_read_has_no_columns() -> None:
    with pytest.raises(ConvMathError, match=r"spans 3 cells, more than the padded input's 2"):
        WindowColumns(Conv2d(1, 1, 3), spatial_axes=2).output_shape((1, 2, 2))
