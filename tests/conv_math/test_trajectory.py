"""What a step is, which order the steps have, and what they cost."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest

from convmotion.conv_math import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    Add,
    AvgPool2d,
    AvgPool3d,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvMathError,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DeformConv2d,
    Flatten,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MaxUnpool2d,
    Operation,
    Order,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    ReLU,
    Sequential,
    Softmax,
    Unfold,
    Upsample,
    ZeroInsert,
)

GROUPED = Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)


@dataclass(frozen=True)
class Case:
    """An operation over an input with N = 2, and what its trajectory takes besides."""

    op: Operation
    shape: Any
    more: dict[str, Any] = field(default_factory=dict)

    def trajectory(self, order: Order) -> Any:
        return self.op.trajectory(self.shape, order, **self.more)

    def __repr__(self) -> str:
        return " ".join([self.op.name, *(str(value) for value in self.more.values() if isinstance(value, str))])


OFFSET = np.linspace(-1, 1, 2 * 8 * 9).reshape(2, 8, 3, 3)
CASES = [
    Case(Conv1d(2, 4, 2, groups=2), (2, 2, 5)),
    Case(GROUPED, (2, 4, 5, 4)),
    Case(Conv3d(1, 2, 2, padding=1), (2, 1, 2, 3, 2)),
    Case(ConvTranspose1d(2, 4, 3, stride=2, groups=2), (2, 2, 3)),
    Case(ConvTranspose2d(2, 3, 3, 2, 1), (2, 2, 2, 3)),
    Case(ConvTranspose2d(2, 3, 3, 2, 1), (2, 2, 2, 3), {"view": "gather"}),
    Case(ConvTranspose3d(1, 1, 2), (2, 1, 2, 1, 2), {"view": "gather"}),
    Case(DeformConv2d(1, 2, 2), (2, 1, 4, 4), {"offset": OFFSET}),
    Case(MaxPool1d(2, padding=1), (2, 3, 5)),
    Case(AvgPool2d(3, 2, 1), (2, 2, 5, 4)),
    Case(AvgPool3d(2), (2, 2, 2, 4, 2)),
    Case(AdaptiveAvgPool2d((2, 3)), (2, 2, 3, 4)),
    Case(AdaptiveMaxPool1d(2), (2, 2, 5)),
    Case(Linear(4, 3), (2, 4)),
    Case(BatchNorm2d(3), (2, 3, 2, 2), {"running_var": [1, 2, 3]}),
    Case(ReLU(), (2, 3, 2, 2)),
    Case(Softmax(), (2, 3, 2, 2)),
    Case(Softmax(2), (2, 3, 2, 2)),
    Case(Upsample(scale_factor=2, mode="bilinear"), (2, 2, 2, 3)),
    Case(ChannelShuffle(2), (2, 4, 2, 2)),
    Case(PixelShuffle(2), (2, 8, 2, 1)),
    Case(PixelUnshuffle(2), (2, 2, 2, 4)),
    Case(Pad(((1, 0), (0, 2))), (2, 2, 2, 2)),
    Case(ZeroInsert(2), (2, 2, 2, 3)),
    Case(Flatten(), (2, 2, 2, 2)),
    Case(Unfold(2), (2, 2, 3, 3)),
    Case(MaxUnpool2d(2), (2, 1, 2, 2), {"indices": np.arange(8).reshape(2, 1, 2, 2)}),
    Case(Add(), [(2, 3, 2, 2)] * 2),
    Case(Concat(), [(2, 3, 2, 2), (2, 1, 2, 2)]),
]
every = pytest.mark.parametrize("case", CASES, ids=repr)
in_both_orders = pytest.mark.parametrize("order", ["position", "filter"])


def is_scattered(case: Case) -> bool:
    return case.op.name.startswith("ConvTranspose") and not case.more


@every
@in_both_orders
def test_n_is_slowest_then_the_filter_and_the_position_fastest(case: Case, order: Order) -> None:
    """Positions are those of the output; a scattering window visits those of the input."""
    trajectory = case.trajectory(order)
    n, filters, *output = trajectory.output_shape
    visited = case.shape[2:] if is_scattered(case) else tuple(output)
    assert trajectory.positions == visited
    grid = product(range(n), range(filters) if order == "filter" else [None], product(*map(range, visited)))
    steps = list(grid)
    assert len(trajectory) == trajectory.steps == len(steps)
    assert [trajectory.position(t) for t in range(len(steps))] == steps


@every
@in_both_orders
def test_a_step_writes_the_cells_of_its_position(case: Case, order: Order) -> None:
    """All filters, or the one; a scattering window reads there instead, and writes around."""
    trajectory = case.trajectory(order)
    filters = range(trajectory.output_shape[1])
    for t in range(len(trajectory)):
        n, only, place = trajectory.position(t)
        taps = trajectory.taps(t)
        met = taps.input if is_scattered(case) else taps.output
        assert {tuple(cell[:1] + cell[2:]) for cell in met.tolist()} == {(n, *place)}
        assert set(taps.output[:, 0].tolist()) == {n}
        assert taps.output[:, 1].tolist() == sorted(taps.output[:, 1].tolist())
        assert set(taps.output[:, 1].tolist()) == (set(filters) if only is None else {only})


@every
def test_filter_by_filter_the_same_taps_come_in_another_order(case: Case) -> None:
    by_position, by_filter = (
        sorted(
            row
            for t in range(len(trajectory))
            for taps in [trajectory.taps(t)]
            for row in np.column_stack([*vars(taps).values()]).tolist()
        )
        for trajectory in (case.trajectory("position"), case.trajectory("filter"))
    )
    assert by_position == by_filter


@every
@in_both_orders
def test_the_arrays_have_the_promised_types_and_widths(case: Case, order: Order) -> None:
    trajectory = case.trajectory(order)
    several = isinstance(case.shape, list)
    assert trajectory.reduce in ("sum", "max", "softmax")
    taps = trajectory.taps(len(trajectory) - 1)
    count = len(taps)
    assert taps.output.shape == (count, len(trajectory.output_shape))
    assert taps.input.shape == (count, 1 + len(case.shape[0]) if several else len(case.shape))
    assert taps.weight.shape == (count, len(case.op.weight_shape or ()))
    assert taps.coefficient.shape == taps.ghost.shape == (count,)
    assert taps.output.dtype == taps.input.dtype == taps.weight.dtype == np.int64
    assert (taps.coefficient.dtype, taps.ghost.dtype) == (np.float64, np.bool_)


@every
@in_both_orders
def test_steps_that_do_not_exist_are_refused(case: Case, order: Order) -> None:
    trajectory = case.trajectory(order)
    count = len(trajectory)
    for t in (-1, count, 2**70, 0.0, None, "0", [0]):
        for method in (trajectory.taps, trajectory.position):
            for error in (IndexError, ConvMathError):
                with pytest.raises(error, match=r"^step .+ does not exist; allowed: 0 <= t < " + f"{count}$"):
                    method(t)
    assert len(trajectory.taps(np.int64(count - 1))) == len(trajectory.taps(count - 1)) > 0


def test_without_a_batch_axis_the_steps_are_those_of_one_picture() -> None:
    alone, batched = GROUPED.trajectory((4, 5, 4)), GROUPED.trajectory((1, 4, 5, 4))
    assert alone.positions == batched.positions == (3, 3)
    for t in range(9):
        assert alone.position(t) == batched.position(t) == (0, None, divmod(t, 3))
        np.testing.assert_array_equal(alone.taps(t).output, batched.taps(t).output[:, 1:])


def test_a_step_is_a_position_with_all_filters_row_major() -> None:
    trajectory = GROUPED.trajectory((2, 4, 5, 4))
    for t, (n, row, column) in enumerate(product(range(2), range(3), range(3))):
        taps = trajectory.taps(t)
        assert trajectory.origin(t) == (2 * row - 1, column)
        assert {tuple(cell) for cell in taps.output.tolist()} == {(n, f, row, column) for f in range(6)}
        assert taps.weight.tolist() == [list(cell) for cell in np.ndindex(6, 2, 3, 2)]


def test_filter_by_filter_a_step_runs_row_major_through_one_filter() -> None:
    trajectory = GROUPED.trajectory((2, 4, 5, 4), order="filter")
    for t, (n, f, row, column) in enumerate(product(range(2), range(6), range(3), range(3))):
        taps = trajectory.taps(t)
        assert trajectory.origin(t) == (2 * row - 1, column)
        assert np.unique(taps.output, axis=0).tolist() == [[n, f, row, column]]
        assert taps.weight.tolist() == [[f, *cell] for cell in np.ndindex(2, 3, 2)]


def test_a_filter_reads_the_channels_of_its_own_group() -> None:
    halves = {(f, c) for f in range(3) for c in (0, 1)} | {(f, c) for f in (3, 4, 5) for c in (2, 3)}
    transposed = ConvTranspose2d(4, 6, 3, groups=2)
    for trajectory in (
        GROUPED.trajectory((4, 5, 4)),
        transposed.trajectory((4, 3, 3)),
        transposed.trajectory((4, 3, 3), view="gather"),
    ):
        taps = trajectory.taps(4)
        met = {(f, c) for f, (c, *_) in zip(taps.output[:, 0].tolist(), taps.input.tolist(), strict=True) if c >= 0}
        assert met == halves


def test_a_scattering_window_adds_to_the_output_around_an_input_cell() -> None:
    """With stride 2 and padding 1 the window of cell (1, 0) covers rows 1 to 3 and columns -1 to 1 of the output."""
    op = ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    taps = op.trajectory((1, 2, 2)).taps(2)
    assert taps.input.tolist() == [[0, 1, 0]] * 4
    assert taps.output.tolist() == [[0, 1, 0], [0, 1, 1], [0, 2, 0], [0, 2, 1]]
    assert taps.weight.tolist() == [[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 1, 1], [0, 0, 1, 2]]
    assert not taps.ghost.any()


def test_a_gathering_window_reads_inserted_zeros_and_padding() -> None:
    """With stride 2 and padding 1 the window of output (0, 0) meets the input with its middle alone."""
    op = ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    taps = op.trajectory((1, 2, 2), view="gather").taps(0)
    rows = zip(taps.weight.tolist(), taps.input.tolist(), taps.ghost.tolist(), strict=True)
    read = {(row, column): (tuple(cell), ghost) for (_, _, row, column), cell, ghost in rows}
    assert read[1, 1] == ((0, 0, 0), False)
    assert read[0, 0] == read[0, 1] == read[1, 0] == ((-1, -1, -1), False)
    assert read[2, 2] == read[2, 1] == read[0, 2] == ((-1, -1, -1), True)


def test_the_window_in_the_corner_stands_on_five_ghosts() -> None:
    taps = Conv2d(1, 1, 3, padding=1).trajectory((1, 5, 5)).taps(0)
    assert taps.ghost.tolist() == [True, True, True, True, False, False, True, False, False]
    assert taps.input.tolist() == [[-1] * 3] * 4 + [[0, 0, 0], [0, 0, 1], [-1] * 3, [0, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    ("op", "first"),
    [
        (Conv2d(1, 1, 3, 2, 1), [-1, 1, 3, 5]),
        (ConvTranspose2d(1, 1, 3, 2), [0, 1, 2, 3, 4, 5, 6]),
        (MaxPool2d(3, 2, 1), [-1, 1, 3, 5]),
        (AvgPool2d(2), [0, 2, 4]),
        (ReLU(), [0, 1, 2, 3, 4, 5, 6]),
        (AdaptiveAvgPool2d(3), [0, 2, 4]),
        (AdaptiveAvgPool2d(4), [0, 1, 3, 5]),
        (Upsample(scale_factor=2), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]),
        (Upsample(scale_factor=2, mode="bilinear"), [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]),
    ],
    ids=repr,
)
def test_the_origin_is_the_first_cell_of_the_window(op: Operation, first: list[int]) -> None:
    trajectory: Any = op.trajectory((1, 7, 7))
    assert [trajectory.origin(t) for t in range(len(trajectory))] == list(product(first, first))


LARGEST_OF_RESNET_50 = [
    (Conv2d(512, 512, 3, padding=1, bias=False), (512, 7, 7), 512 * 49, 512 * 9),
    (Conv2d(2048, 512, 1, bias=False), (2048, 7, 7), 512 * 49, 2048),
    (Conv2d(512, 2048, 1, bias=False), (512, 7, 7), 2048 * 49, 512),
    (Conv2d(3, 64, 7, 2, 3, bias=False), (3, 224, 224), 64 * 112 * 112, 3 * 49),
    (Linear(2048, 1000), (2048,), 1000, 2048),
    (AdaptiveAvgPool2d(1), (2048, 7, 7), 2048, 49),
    (MaxPool2d(3, 2, 1), (64, 112, 112), 64 * 56 * 56, 9),
    (BatchNorm2d(2048), (2048, 7, 7), 2048 * 49, 1),
    (Add(), [(2048, 7, 7)] * 2, 2048 * 49, 2),
]


def peak_of(action: Callable[[], Any]) -> int:
    """The most bytes that are allocated at once; a first run has filled the caches."""
    action()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("op", "shape", "steps", "multiplies"), LARGEST_OF_RESNET_50, ids=repr)
def test_a_step_of_one_filter_of_a_large_layer_is_small(op: Operation, shape: Any, steps: int, multiplies: int) -> None:
    trajectory = op.trajectory(shape, order="filter")
    assert len(trajectory) == steps
    assert len(trajectory.taps(steps - 1)) == multiplies
    assert peak_of(lambda: trajectory.taps(steps - 1)) < min(1_000_000, 10_000 + 200 * multiplies)


M = 10**6
HUGE: list[tuple[Operation, Any, int]] = [
    # operation, input, steps with all filters at once
    (Conv2d(1, 1, 3), (1, M, M), (M - 2) ** 2),
    (Conv2d(M, M, 3, padding=1), (M, M, M), M**2),
    (Conv3d(1, 1, 1), (1, M, M, M), M**3),
    (ConvTranspose2d(1, 1, 3, 2), (1, M, M), M**2),
    (Linear(M, M), (M, M), M),
    (MaxPool2d(2), (M, M, M), M**2 // 4),
    (AvgPool2d(3, 1, 1), (M, M, M), M**2),
    (AdaptiveAvgPool2d(1000), (M, M, M), M),
    (BatchNorm2d(64), (64, M, M), M**2),
    (ReLU(), (M, M, M, M), M**3),
    (Softmax(), (M, M, M), M**2),
    (Upsample(scale_factor=2), (1, M, M), 4 * M**2),
    (ChannelShuffle(2), (M, M, M), M**2),
    (PixelShuffle(2), (4, M, M), 4 * M**2),
    (PixelUnshuffle(2), (1, M, M), M**2 // 4),
    (Pad(1), (1, M, M), (M + 2) ** 2),
    (ZeroInsert(2), (1, M, M), (2 * M - 1) ** 2),
    (Flatten(), (M, 10, 10), 1),
    (Unfold(3), (1, 1000, 1000), 998**2),
    (Add(), [(M, M, M)] * 3, M**2),
    (Concat(), [(M, M, M)] * 2, M**2),
]


@pytest.mark.parametrize(("op", "shape", "steps"), HUGE, ids=repr)
def test_making_a_trajectory_and_counting_its_steps_allocates_nothing(op: Operation, shape: Any, steps: int) -> None:
    def count() -> None:
        trajectory = op.trajectory(shape)
        assert trajectory.steps == len(trajectory) == steps
        assert trajectory.position(steps - 1)[2] == tuple(size - 1 for size in trajectory.positions)

    assert peak_of(count) < 10_000


def test_a_chain_of_huge_stages_allocates_nothing() -> None:
    chain = Sequential(Conv2d(1, 1, 3), *[ReLU(), Conv2d(1, 1, 3, padding=1)] * 10)

    def count() -> None:
        trajectory = chain.trajectory((1, M, M))
        assert len(trajectory) == 21 * (M - 2) ** 2
        assert trajectory.locate(len(trajectory) - 1) == (20, (M - 2) ** 2 - 1)

    assert peak_of(count) < 50_000


@in_both_orders
def test_trajectories_are_lazy(order: Order) -> None:
    """10^12 steps, of which one is looked at: memory must not know."""

    def look() -> None:
        slide = Conv2d(1, 1, 3).trajectory((1, M, M), order)
        move = ChannelShuffle(2).trajectory((2, M, M), order)
        scatter = ConvTranspose2d(1, 1, 3, stride=2).trajectory((1, M, M), order)
        assert slide.position(10**11)[2] == divmod(10**11, M - 2)
        assert slide.taps(10**11).input[0].tolist() == [0, *divmod(10**11, M - 2)]
        assert move.taps(10**11).input[0].tolist() == [0, 10**5, 0]
        assert scatter.taps(10**11).output[0].tolist() == [0, 2 * 10**5, 0]

    assert peak_of(look) < 20_000


def test_completed_at_in_both_orders() -> None:
    op = Conv2d(1, 2, 2)
    assert op.trajectory((1, 3, 3)).completed_at().tolist() == [[[0, 1], [2, 3]]] * 2
    assert op.trajectory((1, 3, 3), "filter").completed_at().tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    shuffled = ChannelShuffle(2).trajectory((2, 2, 1, 2), "filter").completed_at()
    assert shuffled.tolist() == [[[[0, 1]], [[2, 3]]], [[[4, 5]], [[6, 7]]]]


def test_a_scattered_cell_is_complete_after_the_last_window_over_it_and_never_where_none_is() -> None:
    overlapping, apart = ConvTranspose1d(1, 2, 3, stride=2), ConvTranspose1d(1, 1, 1, stride=3)
    assert overlapping.trajectory((1, 3)).completed_at().tolist() == [[0, 0, 1, 1, 2, 2, 2]] * 2
    by_filter = overlapping.trajectory((1, 3), "filter").completed_at()
    assert by_filter.tolist() == [[0, 0, 1, 1, 2, 2, 2], [3, 3, 4, 4, 5, 5, 5]]
    assert apart.trajectory((1, 3)).completed_at().tolist() == [[0, -1, -1, 1, -1, -1, 2]]


def test_trajectories_of_equal_shapes_but_other_windows_differ() -> None:
    small, wide = (Conv2d(1, 1, 3, padding=rate, dilation=rate).trajectory((1, 5, 5)) for rate in (1, 2))
    assert (small.input_shape, small.output_shape) == (wide.input_shape, wide.output_shape)
    assert small != wide
    assert ChannelShuffle(2).trajectory((4, 5, 5)) != ChannelShuffle(4).trajectory((4, 5, 5))
    transposed = ConvTranspose2d(1, 1, 3)
    assert transposed.trajectory((1, 3, 3)) != transposed.trajectory((1, 3, 3), view="gather")
    assert small != Conv2d(1, 1, 3, padding=1).trajectory((1, 5, 5), "filter")


@pytest.mark.parametrize(
    ("op", "name", "values"),
    [
        (DeformConv2d(1, 1, 1), "offset", [np.zeros((2, 2, 2)), np.ones((2, 2, 2))]),
        (MaxUnpool2d(2), "indices", [np.zeros((1, 2, 2), int), np.ones((1, 2, 2), int)]),
        (BatchNorm2d(1), "running_var", [[1], [4]]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_trajectories_with_other_data_differ(op: Operation, name: str, values: list[Any]) -> None:
    one, other = (op.trajectory((1, 2, 2), **{name: value}) for value in values)
    assert one != other
