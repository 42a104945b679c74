"""What a step is, which order the steps have, and what they cost."""

import tracemalloc
from itertools import product

import numpy as np
import pytest

from convmotion.conv_math import ChannelShuffle, Conv2d, Order

GROUPED = Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)


def test_a_step_is_a_position_with_all_filters_row_major() -> None:
    trajectory = GROUPED.trajectory((2, 4, 5, 4))
    assert trajectory.positions == (3, 3)
    assert len(trajectory) == trajectory.steps == 2 * 3 * 3
    for t, (n, row, column) in enumerate(product(range(2), range(3), range(3))):
        taps = trajectory.taps(t)
        assert trajectory.position(t) == (n, None, (row, column))
        assert trajectory.origin(t) == (2 * row - 1, column)
        assert {tuple(cell) for cell in taps.output.tolist()} == {(n, f, row, column) for f in range(6)}
        assert taps.weight.tolist() == [list(cell) for cell in np.ndindex(6, 2, 3, 2)]


def test_filter_by_filter_the_position_runs_fastest_and_the_batch_slowest() -> None:
    trajectory = GROUPED.trajectory((2, 4, 5, 4), order="filter")
    assert trajectory.positions == (3, 3)
    assert len(trajectory) == 2 * 6 * 3 * 3
    for t, (n, f, row, column) in enumerate(product(range(2), range(6), range(3), range(3))):
        taps = trajectory.taps(t)
        assert trajectory.position(t) == (n, f, (row, column))
        assert trajectory.origin(t) == (2 * row - 1, column)
        assert np.unique(taps.output, axis=0).tolist() == [[n, f, row, column]]
        assert taps.weight.tolist() == [[f, *cell] for cell in np.ndindex(2, 3, 2)]


def test_a_filter_reads_the_channels_of_its_own_group() -> None:
    taps = GROUPED.trajectory((4, 5, 4)).taps(4)
    read = {(f, c) for f, c in zip(taps.weight[:, 0].tolist(), taps.input[:, 0].tolist(), strict=True)}
    assert read == {(f, c) for f in range(3) for c in (0, 1)} | {(f, c) for f in (3, 4, 5) for c in (2, 3)}


def test_the_window_in_the_corner_stands_on_five_ghosts() -> None:
    taps = Conv2d(1, 1, 3, padding=1).trajectory((1, 5, 5)).taps(0)
    assert taps.ghost.tolist() == [True, True, True, True, False, False, True, False, False]
    assert taps.input.tolist() == [[-1] * 3] * 4 + [[0, 0, 0], [0, 0, 1], [-1] * 3, [0, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("order", ["position", "filter"])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_the_arrays_have_the_promised_types_and_widths(order: Order, batch: tuple[int, ...]) -> None:
    for op, weight_axes in ((Conv2d(2, 2, 3, padding=1), 4), (ChannelShuffle(2), 0)):
        trajectory = op.trajectory((*batch, 2, 3, 3), order)
        assert trajectory.reduce == "sum"
        taps = trajectory.taps(len(trajectory) - 1)
        count = len(taps)
        assert taps.output.shape == taps.input.shape == (count, 3 + len(batch))
        assert taps.weight.shape == (count, weight_axes)
        assert taps.coefficient.shape == taps.ghost.shape == (count,)
        assert taps.output.dtype == taps.input.dtype == taps.weight.dtype == np.int64
        assert (taps.coefficient.dtype, taps.ghost.dtype) == (np.float64, np.bool_)


@pytest.mark.parametrize("op", [Conv2d(2, 2, 3), ChannelShuffle(2)], ids=repr)
@pytest.mark.parametrize("order", ["position", "filter"])
def test_steps_that_do_not_exist_are_refused(op: Conv2d | ChannelShuffle, order: Order) -> None:
    trajectory = op.trajectory((2, 5, 5), order)
    count = len(trajectory)
    for t in (-1, count):
        for method in (trajectory.taps, trajectory.position):
            with pytest.raises(IndexError, match=rf"step {t} does not exist; allowed: 0 <= t < {count}"):
                method(t)
    assert len(trajectory.taps(np.int64(count - 1))) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["position", "filter"])
def test_trajectories_are_lazy(order: Order) -> None:
    """10^12 steps, of which one is looked at: memory must not know."""
    tracemalloc.start()
    try:
        slide = Conv2d(1, 1, 3).trajectory((1, 10**6, 10**6), order)
        move = ChannelShuffle(2).trajectory((2, 10**6, 10**6), order)
        assert len(slide) == (10**6 - 2) ** 2
        assert slide.position(10**11)[2] == divmod(10**11, 10**6 - 2)
        assert slide.taps(10**11).input[0].tolist() == [0, *divmod(10**11, 10**6 - 2)]
        assert move.taps(10**11).input[0].tolist() == [0, 10**5, 0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_completed_at_in_both_orders() -> None:
    op = Conv2d(1, 2, 2)
    assert op.trajectory((1, 3, 3)).completed_at().tolist() == [[[0, 1], [2, 3]]] * 2
    assert op.trajectory((1, 3, 3), "filter").completed_at().tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    shuffled = ChannelShuffle(2).trajectory((2, 2, 1, 2), "filter").completed_at()
    assert shuffled.tolist() == [[[[0, 1]], [[2, 3]]], [[[4, 5]], [[6, 7]]]]


def test_trajectories_of_equal_shapes_but_other_windows_differ() -> None:
    small, wide = (Conv2d(1, 1, 3, padding=rate, dilation=rate).trajectory((1, 5, 5)) for rate in (1, 2))
    assert (small.input_shape, small.output_shape) == (wide.input_shape, wide.output_shape)
    assert small != wide
    assert ChannelShuffle(2).trajectory((4, 5, 5)) != ChannelShuffle(4).trajectory((4, 5, 5))
