"""Cells that travel: where they come from, and the arrangements that teach it."""

from typing import ClassVar

import numpy as np
import pytest

from convmotion.conv_math import ChannelShuffle, Move, Order, Shape, replay
from convmotion.conv_math.operation import Integers


class ShiftDown(Move):
    """Every row moves one down, so that the first comes from nowhere and the last is lost."""

    spatial_axes: ClassVar[int] = 2

    def _item_output(self, item: Shape) -> Shape:
        return item

    def came_from(self, cells: Integers, item: Shape) -> Integers:
        came = cells - np.array([0, 1, 0])
        came[came[:, 1] < 0] = -1
        return came


def test_the_shuffle_deals_channels_like_two_hands_of_cards() -> None:
    x = np.arange(8.0).reshape(8, 1, 1)
    assert ChannelShuffle(2).forward(x).ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert ChannelShuffle(4).forward(x).ravel().tolist() == [0, 2, 4, 6, 1, 3, 5, 7]


def test_source_is_the_flat_index_of_the_cell_that_arrives() -> None:
    op = ChannelShuffle(3)
    source = op.source((2, 6, 2, 3))
    assert (source.shape, source.dtype) == ((2, 6, 2, 3), np.int64)
    x = np.random.default_rng(0).normal(size=(2, 6, 2, 3))
    np.testing.assert_array_equal(x.ravel()[source], op.forward(x))


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


def test_a_move_costs_nothing() -> None:
    op = ChannelShuffle(2)
    assert (op.weight_shape, op.num_parameters, op.macs((2, 3, 3))) == (None, 0, 0)
