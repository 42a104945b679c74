"""Stages one after another, and what the last one sees of the first."""

import numpy as np
import pytest

from convmotion.conv_math import (
    ChannelShuffle,
    Conv2d,
    ConvMathError,
    Order,
    ReceptiveField,
    Sequential,
    receptive_field,
    replay,
)

BLOCK = Sequential(
    Conv2d(4, 6, 3, stride=(1, 2), padding=1, groups=2), ChannelShuffle(3), Conv2d(6, 2, (2, 1), bias=False)
)
SHAPE = (2, 4, 5, 6)


def test_shapes_has_one_more_than_there_are_stages() -> None:
    assert BLOCK.shapes(list(SHAPE)) == [(2, 4, 5, 6), (2, 6, 5, 3), (2, 6, 5, 3), (2, 2, 4, 3)]
    assert BLOCK.output_shape(SHAPE) == (2, 2, 4, 3)


def test_counts_are_the_sums_over_the_stages() -> None:
    assert BLOCK.num_parameters == (6 * 2 * 9 + 6) + 0 + 2 * 6 * 2
    assert BLOCK.macs(SHAPE) == 2 * 6 * 15 * 18 + 0 + 2 * 2 * 12 * 12


@pytest.mark.parametrize("order", ["position", "filter"])
def test_forward_is_the_stages_forward_and_their_replay(order: Order) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=SHAPE)
    weights = [rng.normal(size=(6, 2, 3, 3)), None, rng.normal(size=(2, 6, 2, 1))]
    biases = [rng.normal(size=6), None, None]
    by_hand, replayed = x, x
    trajectory = BLOCK.trajectory(SHAPE, order)
    for op, stage, weight, bias in zip(BLOCK.ops, trajectory.stages, weights, biases, strict=True):
        by_hand = op.forward(by_hand, weight, bias)
        replayed = replay(stage, replayed, weight) + (0 if bias is None else bias[:, np.newaxis, np.newaxis])
    output = BLOCK.forward(x, weights, biases)
    np.testing.assert_array_equal(output, by_hand)
    np.testing.assert_allclose(output, replayed, atol=1e-12)
    assert not np.allclose(output, BLOCK.forward(x, weights))


def test_without_weights_forward_takes_only_x() -> None:
    x = np.arange(6.0).reshape(6, 1, 1)
    assert Sequential(ChannelShuffle(2), ChannelShuffle(3)).forward(x).tolist() == x.tolist()


@pytest.mark.parametrize("order", ["position", "filter"])
def test_the_steps_are_the_stages_steps_one_after_another(order: Order) -> None:
    trajectory = BLOCK.trajectory(SHAPE, order)
    expected = [(stage, step) for stage, tr in enumerate(trajectory.stages) for step in range(len(tr))]
    assert len(trajectory) == trajectory.steps == len(expected)
    assert trajectory.starts == tuple(expected.index((stage, 0)) for stage in range(3))
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
    stages = BLOCK.trajectory(SHAPE, "filter").stages
    assert [(tr.input_shape, tr.output_shape, tr.order) for tr in stages] == [
        ((2, 4, 5, 6), (2, 6, 5, 3), "filter"),
        ((2, 6, 5, 3), (2, 6, 5, 3), "filter"),
        ((2, 6, 5, 3), (2, 2, 4, 3), "filter"),
    ]


def test_nested_sequentials_lie_flat() -> None:
    first, second, third = BLOCK.ops
    assert Sequential(Sequential(first, Sequential(second)), third) == BLOCK
    assert repr(Sequential(ChannelShuffle(2), ChannelShuffle(3))) == (
        "Sequential(ChannelShuffle(groups=2), ChannelShuffle(groups=3))"
    )


def test_three_stacked_3x3_see_7x7() -> None:
    assert receptive_field([Conv2d(1, 1, 3)] * 3) == (ReceptiveField(7, 1, 0),) * 2


@pytest.mark.parametrize(("rates", "size"), [((1,), 3), ((1, 2), 7), ((1, 2, 4), 15)])
def test_growing_dilation_doubles_the_view(rates: tuple[int, ...], size: int) -> None:
    assert receptive_field([Conv2d(1, 1, 3, dilation=rate) for rate in rates])[0].size == size


def test_each_axis_has_its_own_receptive_field() -> None:
    stages = [
        Conv2d(1, 4, (3, 5), stride=(2, 1), padding=(1, 2)),
        ChannelShuffle(2),
        Sequential(Conv2d(4, 1, (3, 1), stride=(2, 3), padding=(1, 0), dilation=(2, 1))),
    ]
    assert receptive_field(stages) == (ReceptiveField(11, 4, -3), ReceptiveField(5, 3, -2))


def test_the_receptive_field_is_what_changes_the_output() -> None:
    """Change one input cell at a time: exactly the cells in the field must move the output cell."""
    stages = Sequential(
        Conv2d(1, 1, 3, stride=2, padding=1), Conv2d(1, 1, 3, stride=(1, 2), padding=(2, 1)), Conv2d(1, 1, 2)
    )
    size = 14
    weights = [np.ones(op.weight_shape) for op in stages.ops if isinstance(op, Conv2d)]
    rows, columns = receptive_field(stages.ops)
    place = (1, 1)
    moved = np.zeros((size, size), bool)
    for cell in np.ndindex(size, size):
        x = np.zeros((1, size, size))
        x[(0, *cell)] = 1
        moved[cell] = stages.forward(x, weights)[(0, *place)] != 0
    expected = np.zeros((size, size), bool)
    first, second = (field.start + at * field.stride for field, at in zip((rows, columns), place, strict=True))
    expected[max(first, 0) : first + rows.size, max(second, 0) : second + columns.size] = True
    np.testing.assert_array_equal(moved, expected)


def test_no_stages_have_no_receptive_field() -> None:
    with pytest.raises(ConvMathError, match="no stages"):
        receptive_field([])
