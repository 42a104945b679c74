"""What is added up cell by cell shows every sum on its way: worked out here with loops over arrays."""

import itertools
import re

import numpy as np
import pytest

from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.cells import MOST_SUMS
from convmotion.scenes.palette import THEMES, ink_on
from convmotion.scenes.pose import pose
from convmotion.scenes.values import values_of

SIZE = (1920, 1080)
SHOWN = '[look]\nshow = ["values"]\n[time]\nseconds = 40\n'
PARTIAL = '[[stage]]\nop = "Conv2d"\nout_channels = 1\nkernel_size = 2\nbias = true\nview = "partial"\n'
SUMS = {
    "three channels": "[input]\nshape = [3, 4, 5]\n" + PARTIAL,
    "a batch": "[input]\nshape = [2, 4, 3, 3]\n" + PARTIAL,
}
SCATTERS = {
    "overlapping": '[input]\nshape = [1, 3, 3]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 1\nkernel_size = 3\n',
    "two filters": '[input]\nshape = [2, 2, 3]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 2\nkernel_size = 3\n'
    "stride = 2\npadding = 1\nbias = true\n",
    "filter by filter": '[input]\nshape = [2, 2, 2]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 2\n'
    'kernel_size = 2\n[time]\norder = "filter"\n',
    "one axis": '[input]\nshape = [1, 4]\n[[stage]]\nop = "ConvTranspose1d"\nout_channels = 1\nkernel_size = 3\n',
}


def scene_of(name):
    if name == "multi-channel":
        return find_scene(name)
    text = (SUMS | SCATTERS)[name]
    shown = SHOWN.split("[time]")[0] if "[time]" in text else SHOWN
    return parse_scene(text + shown, name)


def cells_of(board, name):
    return next(cells for cells in board.cells if cells.name == name)


def layers(board, kind):
    return [cells for cells in board.cells if re.fullmatch(rf".*-{kind}-\d+", cells.name)]


def seen_at(board, cells, step):
    """Cells that rest at a step, with their size and what is written on them."""
    now = pose(board, cells, float(np.interp(step, board.step.values[:, 0], board.step.frames)))
    written = {}
    for numbers, seen in zip(cells.numbers, now.written, strict=True):
        written |= dict(zip(numbers.cell[seen].tolist(), numbers.value[seen].tolist(), strict=True))
    for i in np.flatnonzero(now.resting):
        yield tuple(cells.index[i].tolist()), float(now.size[i]), written.get(int(i))


def outermost(board, names, step):
    """The number on the largest cell that rests in each place at a step; it hides the others."""
    found = {}
    for cells in board.cells:
        if cells.name.startswith(names):
            for place, size, value in seen_at(board, cells, step):
                if place not in found or size > found[place][0]:
                    found[place] = size, value
    return {place: value for place, (_, value) in found.items()}


@pytest.mark.parametrize("name", ["multi-channel", *SUMS])
def test_the_sums_of_the_channels_are_added_one_after_another_and_each_sum_is_written(name):
    scene = scene_of(name)
    (x, _), (weight,), (bias,) = values_of(scene)
    board = compose(scene, SIZE)
    pictures = x.reshape(-1, *x.shape[-3:])
    channels, (rows, columns) = pictures.shape[1], weight.shape[2:]
    made, partial = cells_of(board, "output-2"), layers(board, "added")
    assert len(partial) == channels, "the bias comes last"
    assert np.ptp([len(cells) for cells in (*partial, made)]) == 0
    for turn, cells in enumerate((*partial, made)):
        (numbers,) = cells.numbers
        assert len(numbers) == len(cells)
        for (*picture, _, i, j), value in zip(cells.index[numbers.cell].tolist(), numbers.value, strict=True):
            window = pictures[picture[0] if picture else 0][:, i : i + rows, j : j + columns]
            sums = [(window[c] * weight[0, c]).sum() for c in range(channels)]
            expected = sum(sums[: turn + 1]) + (bias[0] if cells is made else 0.0)
            assert value == pytest.approx(expected), (turn, i, j)
        assert np.allclose(numbers.color, ink_on(THEMES[board.theme].face * cells.color[numbers.cell].astype(float)))
    source = cells_of(board, "output-1")
    joining = [cells_of(board, f"output-2-joining-{turn + 1}") for turn in range(1, channels)]
    for turn, cells in enumerate((partial[0], *joining)):
        mine = source.index[:, -3] == turn
        assert np.array_equal(cells.origin, source.position[mine]), "each sum comes from its own channel"
        assert np.allclose(cells.color, source.color[mine], atol=1e-6), "looks as it did there"
        for (*picture, _, i, j), value in zip(source.index[mine].tolist(), cells.numbers[0].value, strict=True):
            window = pictures[picture[0] if picture else 0][turn, i : i + rows, j : j + columns]
            assert value == pytest.approx((window * weight[0, turn]).sum()), "and has its own number"
    added, joins = cells_of(board, "biases-2"), cells_of(board, f"output-2-joining-{channels + 1}")
    assert added.numbers[0].value.tolist() == bias.tolist() and (joins.origin == added.position).all()
    assert (joins.numbers[0].value == bias).all() and np.allclose(joins.color, added.color)
    for cells, whole in zip((*joining, joins), (*partial[1:], made), strict=True):
        assert np.array_equal(cells.arrive, whole.start), "what has come makes the sum another one"
        assert cells.scale < partial[0].scale and (cells.position == whole.position).all()
        assert (whole.origin == whole.position).all()
    for before, cells in itertools.pairwise((*partial, made)):
        assert (before.arrive < cells.start).all() and before.scale < cells.scale
        assert np.array_equal(before.position, cells.position)


def test_when_the_sum_of_a_channel_has_come_the_number_is_that_of_all_so_far():
    board, scene = compose(scene_of("three channels"), SIZE), scene_of("three channels")
    (x, _), (weight,), _ = values_of(scene)
    first = x[:, :2, :2] * weight[0]
    begin = float(cells_of(board, "output-2").start.min()) // 1
    for turn, share in enumerate((0.3, 0.55, 0.8)):
        now = outermost(board, "output-2", begin + share)
        assert now == {(0, 0, 0): pytest.approx(first[: turn + 1].sum())}


def test_a_residual_addition_writes_the_first_array_until_the_second_comes():
    text = '[input]\nshape = [2, 3, 3]\n[[stage]]\nop = "ReLU"\n[[stage]]\nop = "Add"\nfrom = [1, "input", 1]\n'
    scene = parse_scene(text + SHOWN, "residual")
    x, relu, total = values_of(scene)[0]
    board = compose(scene, SIZE)
    first, second = layers(board, "added")
    for cells, values in ((first, relu), (second, relu + x), (cells_of(board, "output-2"), total)):
        (numbers,) = cells.numbers
        assert len(numbers) == 9
        assert numbers.value.tolist() == [values[tuple(i)] for i in cells.index[numbers.cell].tolist()]
    assert np.allclose(total, 2 * relu + x)


def running(scene):
    """What stands in the output of a transposed convolution after each step; and how often each cell is added to."""
    op = scene.stages[0].op
    (x, _), (weight,), _ = values_of(scene)
    flat = x.ndim == 2
    x, weight = (a[:, None] if flat else a for a in (x, weight))
    weight = weight.reshape(*weight.shape[:2], -1, weight.shape[-1])
    output = op.output_shape(scene.input.shape)
    shape = (output[0], 1, output[1]) if flat else output
    stride, padding = (0, *op.each("stride"))[-2:], (0, *op.each("padding"))[-2:]
    turns = [[f] for f in range(shape[0])] if scene.time.order == "filter" else [range(shape[0])]
    total, left, after = np.zeros(shape), np.zeros(shape, int), []
    for filters, i, j in itertools.product(turns, *map(range, x.shape[1:])):
        hit = []
        for f, u, v in itertools.product(filters, *map(range, weight.shape[2:])):
            place = f, i * stride[0] - padding[0] + u, j * stride[1] - padding[1] + v
            if all(0 <= at < size for at, size in zip(place, shape, strict=True)):
                total[place] += (x[:, i, j] * weight[:, f, u, v]).sum()
                hit.append(place)
        for place in hit:
            left[place] += 1
        after.append((total.copy(), hit))
    return after, left


@pytest.mark.parametrize("name", SCATTERS)
def test_a_cell_that_is_scattered_to_writes_what_it_has_come_to_after_every_step(name):
    scene = scene_of(name)
    board = compose(scene, SIZE)
    after, left = running(scene)
    result = values_of(scene)[0][1].reshape(left.shape)
    assert len(after) == board.steps
    checked = 0
    for step, (total, hit) in enumerate(after):
        for place in hit:
            left[place] -= 1
        now = outermost(board, "output-1", step + 0.99 if step else 1.05)
        for place, value in now.items():
            if place[0] == 0:
                done = left[place] == 0
                assert value == pytest.approx(result[place] if done else total[place]), (step, place)
                checked += not done
        assert {place for place in now if place[0] == 0} >= {place for place in hit if place[0] == 0}
    assert checked >= 4


def test_every_sum_is_hidden_by_the_next_one():
    partial = layers(compose(scene_of("overlapping"), SIZE), "partial")
    assert len(partial) == 8
    fronts = [cells.scale / 2 for cells in (*partial, cells_of(compose(scene_of("overlapping"), SIZE), "output-1"))]
    assert min(np.diff(fronts)) > 0.011 and all(cells.numbers for cells in partial)
    assert [np.array_equal(cells.origin, cells.position) for cells in partial] == [False] + 7 * [True]
    places = [{tuple(i) for i in cells.index.tolist()} for cells in partial]
    assert all(later <= before for before, later in itertools.pairwise(places))


def test_more_sums_than_can_hide_each_other_have_no_numbers():
    for channels in (MOST_SUMS, MOST_SUMS + 1):
        scene = parse_scene(f"[input]\nshape = [{channels}, 3, 3]\n{PARTIAL}{SHOWN}", "many")
        partial = layers(compose(scene, (3840, 2160)), "added")
        assert len(partial) == channels
        assert all(bool(cells.numbers) == (channels <= MOST_SUMS) for cells in partial)


def test_without_values_what_is_not_finished_is_one_cell_without_a_number():
    text = SCATTERS["overlapping"]
    partial = layers(compose(parse_scene(text, "plain"), SIZE), "partial")
    assert len(partial) == 1 and not partial[0].numbers
