"""A window as it is drawn does what the operation's own steps say: compared tap by tap."""

import math

import numpy as np
import pytest

from convmotion.conv_math import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AvgPool2d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    MaxPool2d,
    MaxPool3d,
    ReLU,
    Softmax,
    Upsample,
    replay,
)
from convmotion.scenes.sight import Sight, bank_shape, depth_of, drawn_item, groups_of

CASES = {
    "conv": (Conv2d(2, 4, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), (2, 7, 9)),
    "conv, batch": (Conv2d(1, 2, 2), (3, 1, 4, 3)),
    "conv 1d": (Conv1d(4, 6, 3, stride=2, padding=1), (4, 11)),
    "conv 3d": (Conv3d(2, 3, (2, 3, 2), stride=(2, 1, 1), padding=(1, 0, 1)), (2, 5, 4, 3)),
    "same": (Conv2d(1, 1, 4, padding="same"), (1, 5, 6)),
    "reflect": (Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 4, 5)),
    "replicate": (Conv1d(2, 1, 5, padding=2, padding_mode="replicate"), (2, 6)),
    "circular": (Conv3d(1, 1, 3, padding=1, padding_mode="circular"), (1, 3, 4, 3)),
    "transposed": (ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 3, 4)),
    "transposed 1d": (ConvTranspose1d(3, 2, 4, stride=3, dilation=2), (3, 5)),
    "transposed 3d": (ConvTranspose3d(1, 2, 2, stride=2), (1, 2, 3, 2)),
    "max": (MaxPool2d(3, stride=2, padding=1), (2, 6, 7)),
    "max, dilated": (MaxPool2d(2, stride=1, dilation=2), (2, 5, 5)),
    "max 3d": (MaxPool3d(2), (2, 4, 4, 5)),
    "mean": (AvgPool2d(2, padding=1, count_include_pad=False), (3, 5, 4)),
    "adaptive": (AdaptiveAvgPool2d((3, 2)), (2, 8, 5)),
    "adaptive max": (AdaptiveMaxPool1d(3), (2, 8)),
    "nearest": (Upsample(scale_factor=2), (2, 3, 4)),
    "bilinear": (Upsample(scale_factor=2, mode="bilinear"), (1, 3, 4)),
    "relu": (ReLU(), (2, 3, 4)),
    "norm": (BatchNorm2d(3), (3, 4, 2)),
    "softmax": (Softmax(), (4, 2, 3)),
}
REGULAR = [name for name in CASES if name not in ("adaptive", "adaptive max", "bilinear")]
ORDERS = ("position", "filter")
case = pytest.mark.parametrize("name", CASES)


def sight(name, order="position"):
    return Sight(*CASES[name], order)


def cubes(rows, item, batched):
    """What `Sight.drawn` says, by way of numbering all cells."""
    inner = np.arange(math.prod(item)).reshape(item)
    flat = inner[tuple(rows[:, batched:].T)]
    return np.column_stack([rows[:, :batched], *np.unravel_index(flat, drawn_item(item))])


def written(it):
    """For each cell of the output, as cubes with a picture's number first, the steps that write it."""
    steps = {}
    for t in range(it.trajectory.steps):
        rows = it.drawn(it.trajectory.taps(t).output, it.output)
        for row in rows if it.batch else np.insert(rows, 0, 0, axis=1):
            steps.setdefault(tuple(row.tolist()), []).append(t)
    return steps


@pytest.mark.parametrize(
    ("item", "drawn"), [((7,), (7, 1, 1)), ((4, 9), (4, 1, 9)), ((2, 5, 6), (2, 5, 6)), ((2, 3, 5, 6), (6, 5, 6))]
)
def test_cubes_have_three_axes_whatever_the_array_has(item, drawn):
    assert drawn_item(item) == drawn
    assert depth_of(item) == (item[1] if len(item) == 4 else 1)


@case
def test_cells_of_input_and_output_keep_their_order_as_cubes(name):
    it = sight(name)
    batched = len(it.batch)
    for t in range(0, it.trajectory.steps, 3):
        taps = it.trajectory.taps(t)
        assert np.array_equal(it.drawn(taps.output, it.output), cubes(taps.output, it.output, batched))
        read = taps.input[(taps.input >= 0).all(axis=1)]
        assert np.array_equal(it.drawn(read, it.item), cubes(read, it.item, batched))


@pytest.mark.parametrize("order", ORDERS)
@case
def test_a_cell_is_begun_and_done_with_the_first_and_the_last_step_that_writes_it(name, order):
    it = sight(name, order)
    steps = written(it)
    assert len(steps) == math.prod(it.batch) * math.prod(drawn_item(it.output)) or name.startswith("transposed")
    cells = np.array(sorted(steps)).T
    assert it.begun(*cells).tolist() == [min(steps[cell]) for cell in sorted(steps)]
    assert it.done(*cells).tolist() == [max(steps[cell]) for cell in sorted(steps)]


@pytest.mark.parametrize("name", REGULAR)
def test_the_window_stands_on_the_cells_that_the_taps_meet(name):
    it = sight(name)
    for t in range(it.trajectory.steps):
        _, _, position = it.place(t)
        for spans, rows, item in ((it.reads, "input", it.item), (it.writes, "output", it.output)):
            taps = it.trajectory.taps(t)
            met = ~taps.ghost & (getattr(taps, rows) >= 0).all(axis=1)
            found = it.drawn(getattr(taps, rows)[met], item)[:, len(it.batch) :]
            sizes = drawn_item(item)
            deep = depth_of(item)
            expected = []
            for span, at, size in zip(spans, position, (deep, *sizes[1:]), strict=True):
                if span is not None:
                    cells = span.first[at] + np.arange(span.taps) * span.distance
                    expected.append(cells[(cells >= 0) & (cells < size)])
            seen = [found[:, 0] % deep, found[:, 1], found[:, 2]][3 - len(expected) :]
            for cells, axis in zip(expected, seen, strict=True):
                assert np.array_equal(np.unique(axis), cells), (t, rows)


@pytest.mark.parametrize("name", ["adaptive", "adaptive max", "bilinear"])
def test_windows_of_unequal_size_stand_on_what_they_read_and_are_as_large_as_that(name):
    it = sight(name)
    sizes = set()
    for t in range(it.trajectory.steps):
        _, _, position = it.place(t)
        found = it.drawn(it.trajectory.taps(t).input, it.item)
        for span, at, axis in zip(it.reads[1:], position[1:], found.T[-2:], strict=True):
            assert np.array_equal(np.unique(axis), span.first[at] + np.arange(span.touches(at)))
            sizes.add((id(span), span.touches(at)))
    assert len(sizes) > 2, "these windows do not differ"


@pytest.mark.parametrize(
    "name", [n for n, (op, _) in CASES.items() if bank_shape(op) is None and n != "relu" and n != "softmax"]
)
def test_what_is_not_multiplied_comes_from_the_middle_of_what_is_read(name):
    it = sight(name)
    for t in range(it.trajectory.steps):
        taps = it.trajectory.taps(t)
        for row in np.unique(taps.output, axis=0):
            mine = (taps.output == row).all(axis=1) & (taps.input >= 0).all(axis=1)
            read = it.drawn(taps.input[mine], it.item)
            share = taps.coefficient[mine] / taps.coefficient[mine].sum()
            cell = it.drawn(row[None], it.output)
            assert np.allclose(it.sources(*cell.T[-3:]), [share @ read]), (t, row)


@pytest.mark.parametrize("name", ["max", "max, dilated", "max 3d", "adaptive max"])
def test_the_winner_has_the_value_that_is_kept(name):
    it = sight(name)
    x = np.random.default_rng(0).permutation(math.prod(it.item)).reshape(it.item).astype(float)
    output = it.op.forward(x).reshape(drawn_item(it.output))
    cells = np.indices(output.shape).reshape(3, -1)
    found = it.winners(it.op.indices(x), np.zeros_like(cells[0]), *cells)
    assert np.array_equal(x.reshape(drawn_item(it.item))[tuple(found.astype(int).T)], output.ravel())


@pytest.mark.parametrize("name", ["reflect", "replicate", "circular"])
def test_padding_names_the_cell_that_it_copies(name):
    it = sight(name)
    deep, checked = depth_of(it.item), 0
    for t in range(it.trajectory.steps):
        _, _, position = it.place(t)
        taps = it.trajectory.taps(t)
        kernel = it.drawn_weights(taps.weight)[:, 1:]
        spans = [s for s in it.reads if s is not None]
        offsets = [k % (it.op.window.kernel_size[0] if deep > 1 else 1) for k in (kernel[:, 0],)] + [*kernel.T[1:]]
        place = [
            s.first[p] + k * s.distance
            for s, p, k in zip(spans, position[3 - len(spans) :], offsets[-len(spans) :], strict=True)
        ]
        place = [np.zeros(len(taps), np.int64)] * (3 - len(place)) + place
        channel = it.drawn(taps.input, it.item)[:, 0] // deep * deep
        copied = it.copied(channel, *place)
        ghost = taps.ghost
        assert np.array_equal(copied[ghost], it.drawn(taps.input, it.item)[ghost])
        checked += ghost.sum()
    assert checked > 10


def test_padding_with_zeros_copies_nothing():
    cells = np.array([0, 1]), np.array([0, 0]), np.array([-1, 2]), np.array([3, 9])
    assert (sight("conv").copied(*cells) == -1).all()


@pytest.mark.parametrize("name", [n for n, (op, _) in CASES.items() if bank_shape(op) is not None])
def test_every_weight_has_a_cube_of_its_own_in_its_filter(name):
    it = sight(name)
    op, shape = it.op, bank_shape(it.op)
    rows = np.indices(op.weight_shape).reshape(len(op.weight_shape), -1).T
    drawn = it.drawn_weights(rows)
    assert len(np.unique(drawn, axis=0)) == len(rows) == math.prod(shape)
    assert (drawn >= 0).all() and (drawn < np.array(shape)).all()
    for t in range(0, it.trajectory.steps, 5):
        taps = it.trajectory.taps(t)
        assert np.array_equal(it.drawn_weights(taps.weight)[:, 0], taps.output[:, len(it.batch)])


@pytest.mark.parametrize(("name", "groups"), [("conv", 2), ("max", 2), ("relu", 1), ("nearest", 2), ("softmax", 1)])
def test_channels_that_are_worked_on_alone_are_groups(name, groups):
    op, shape = CASES[name]
    assert groups_of(op, op.split(shape)[1]) == groups
    assert groups_of(MaxPool2d(2), (9, 4, 4)) == 1


def test_these_trajectories_give_what_the_operations_compute():
    """What all of this is compared with."""
    op, shape = CASES["conv 3d"]
    x, weight = np.random.default_rng(1).normal(size=shape), np.random.default_rng(2).normal(size=op.weight_shape)
    expected = op.forward(x, weight, np.zeros(op.out_channels))
    assert np.allclose(replay(op.trajectory(shape), x, weight), expected)
