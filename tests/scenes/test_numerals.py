"""On every front that can be read stands the number that conv_math computes, in at most four characters."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.form import CUBE, PRINT, WINDOW_BAR, WINDOW_MARGIN
from convmotion.scenes.layout import DIRECTION, View
from convmotion.scenes.numerals import (
    GLYPHS,
    HEIGHT,
    LEGIBLE,
    MINUS,
    NARROWEST,
    ROOM,
    digit_height,
    narrowed,
    numbers_on,
    short,
    shorts,
    width,
)
from convmotion.scenes.palette import INKS, THEMES, ink_on
from convmotion.scenes.pose import pose
from convmotion.scenes.values import values_of

GROUPED = """
[input]
shape = [4, 4, 5]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 3
padding = 1
groups = 2
bias = true
[[stage]]
op = "Conv2d"
out_channels = 3
kernel_size = 2
padding = [0, 1]
[look]
show = ["ghosts", "values"]
"""
BATCHED = """
[input]
shape = [2, 2, 3, 3]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 2
[time]
order = "filter"
[look]
show = ["values"]
"""
MOVED = """
[input]
shape = [4, 2, 2]
[[stage]]
op = "ChannelShuffle"
groups = 2
[look]
show = ["values"]
"""
DEEP = """
[input]
shape = [2, 3, 3, 4]
[[stage]]
op = "Conv3d"
out_channels = 2
kernel_size = 2
padding = [1, 0, 1]
[look]
show = ["ghosts", "values"]
"""
OWN = {"grouped": GROUPED, "batched": BATCHED, "moved": MOVED, "deep": DEEP}
SCENES = ["single-channel", *OWN]
SIZE = (1920, 1080)


def scene_of(name):
    return parse_scene(OWN[name], name) if name in OWN else find_scene(name)


@cache
def board_of(name, size=SIZE):
    return compose(scene_of(name), size, 24.0)


WRITTEN = {
    -0.0: "0",
    7: "7",
    -12: "−12",
    9999: "9999",
    -999: "−999",
    0.5: "0.5",
    -0.7: "−0.7",
    2.25: "2.25",
    -2.25: "−2.3",
    0.125: "0.13",
    1234.5: "1235",
    25_000: "3e4",
    1 / 3: "0.33",
    -1 / 3: "−0.3",
    0.1 + 0.2: "0.3",
    2.999: "3.00",
    12.34: "12.3",
    99.96: "100",
    -12.34: "−12",
    0.001: "0.00",
    -0.001: "0.0",
    -1e-17: "0",
    10_000: "1e4",
    -1234: "−1e3",
    98_765: "1e5",
    -4e9: "−4e9",
    3e10: "3e10",
}


@pytest.mark.parametrize("value", WRITTEN)
def test_a_number_is_written_in_few_characters(value):
    assert short(value) == WRITTEN[value]


def read(text):
    return float(text.replace("−", "-"))


@given(st.floats(-9.4e9, 9.4e9))
def test_a_number_has_four_characters_at_most_and_is_no_further_from_the_truth_than_they_force_it_to_be(value):
    text = short(value)
    assert 1 <= len(text) <= 4 and set(text) <= set(GLYPHS)
    if "e" in text:
        assert abs(value) >= 999.5 and abs(read(text) - value) <= 0.51 * 10 ** int(text.split("e")[1])
    else:
        decimals = len(text.partition(".")[2])
        assert abs(read(text) - value) <= 0.5000001 * 10.0**-decimals
        more = f"{value:.{decimals + 1}f}"
        assert len(more) > 4 or decimals == 2 or abs(read(text) - value) < 1e-8, "another decimal would have fitted"


@given(st.integers(-999, 9999))
def test_whole_numbers_are_written_as_they_are(value):
    assert read(short(float(value))) == value and "." not in short(float(value))


@given(st.lists(st.sampled_from([0.0, -0.5, 3.0, 1e12]), max_size=8))
def test_many_are_written_as_each_is(values):
    assert shorts(np.array(values, float)) == [short(v) for v in values]


def test_digits_are_of_one_height_or_as_high_as_the_widest_number_lets_them_be():
    assert digit_height(["7", "3"]) == HEIGHT
    assert digit_height(["29"]) == digit_height(["−7"]) == HEIGHT
    assert narrowed(["29"], HEIGHT) < 1.0 == narrowed(["−7"], HEIGHT)
    for texts in (["1", "−1.5"], ["0.33"], ["−1e10"]):
        narrow = narrowed(texts, digit_height(texts))
        assert max(map(width, texts)) * digit_height(texts) * narrow.min() == pytest.approx(ROOM)
        assert digit_height(texts) < HEIGHT and narrow.min() == pytest.approx(NARROWEST)


def test_small_digits_are_fewer_and_larger_where_the_number_is_rounded_anyway():
    values, where = np.array([35.358, -5.269, 99.96, 7.0, 12.5, 0.333]), (np.ones((6, 3)), np.ones(6, bool))
    (large,), (small,) = (numbers_on(values, *where, scale) for scale in (30.0, 20.0))
    assert shorts(large.value) == ["35.4", "−5.3", "100", "7", "12.5", "0.33"]
    assert shorts(small.value) == ["35", "−5.3", "100", "7", "12.5", "0.33"], "12.5 is no rounded one"
    (large,), (small,) = (numbers_on(values[:4], *(each[:4] for each in where), scale) for scale in (30.0, 20.0))
    assert small.size > 1.1 * large.size


def test_only_numbers_for_which_there_is_no_room_are_narrowed():
    """One long number does not make all others thin."""
    (numbers,) = numbers_on(np.array([0.0, -26.0, 14.0]), np.ones((3, 3)), np.ones(3, bool), 20.0)
    room = [width(text) * numbers.size * n for text, n in zip(("0", "−26", "14"), numbers.narrow, strict=True)]
    assert numbers.narrow[0] == 1.0 > numbers.narrow[2] > numbers.narrow[1] and max(room) == pytest.approx(ROOM)


def test_a_window_that_stands_above_a_row_leaves_its_digits_free():
    view, edge = View.along(DIRECTION), 0.5 + WINDOW_MARGIN + WINDOW_BAR / 2
    bar, top = np.array([0.0, -edge, -edge]), np.array([0.0, -(CUBE / 2 + PRINT), -1.0 + HEIGHT / 2])
    apart = bar - top
    apart[0] -= apart @ view.right / view.right[0]  # the point of the bar that is seen straight above
    assert apart @ view.up > 0.05


def luminance(color):
    return np.asarray(color) @ (0.2126, 0.7152, 0.0722)


def contrast(one, other):
    low, high = np.sort([luminance(one), luminance(other)], axis=0)
    return (high + 0.05) / (low + 0.05)


@given(st.tuples(*[st.floats(0.0, 1.0)] * 3))
def test_on_every_colour_the_ink_can_be_read_and_the_other_one_no_better(color):
    (ink,) = ink_on(np.array([color]))
    assert contrast(ink, color) >= 4.5
    assert contrast(ink, color) == pytest.approx(max(contrast(other, color) for other in INKS))


@pytest.mark.parametrize("name", SCENES)
def test_on_every_front_stands_the_value_that_conv_math_computes(name):
    board = board_of(name)
    tensors, weights, _ = values_of(scene_of(name))
    whole = {"input": tensors[0]}
    whole |= {f"output-{n}": tensor for n, tensor in enumerate(tensors[1:], start=1)}
    whole |= {f"filters-{n}": weight for n, weight in enumerate(weights, start=1)}
    checked = 0
    for cells in board.cells:
        if cells.name in whole:
            (numbers,) = cells.numbers
            values = whole[cells.name].reshape(cells.shape)
            expected = [values[tuple(i)] for i in cells.index[numbers.cell]]
            assert numbers.value.tolist() == expected
            assert np.allclose(
                numbers.color, ink_on(THEMES[board.theme].face * cells.color[numbers.cell].astype(float))
            )
            checked += len(numbers)
    assert checked >= 8


@pytest.mark.parametrize("name", SCENES)
def test_a_cell_has_a_number_exactly_if_no_cell_of_its_tensor_stands_before_it(name):
    for cells in board_of(name).cells:
        if cells.role not in ("traveller", "ghost"):
            away = np.linalg.norm(cells.position[:, None] - (cells.position - (0, 1, 0)), axis=2)
            (numbers,) = cells.numbers
            assert numbers.cell.tolist() == np.flatnonzero(away.min(axis=0) > 0.5).tolist(), cells.name


@pytest.mark.parametrize(("name", "tensors", "fronts"), [("grouped", 2, 2 * 22 + 2 * 8), ("deep", 1, 2 * 6)])
def test_padding_carries_zeros_beside_the_fronts_of_its_tensor(name, tensors, fronts):
    ghosts = [c for c in board_of(name).cells if c.role == "ghost"]
    assert len(ghosts) == tensors
    for cells in ghosts:
        (numbers,) = cells.numbers
        assert not numbers.value.any()
    assert sum(len(c.numbers[0]) for c in ghosts) == fronts


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_that_copies_carries_the_numbers_of_its_sources(mode):
    text = GROUPED.replace("kernel_size = 3", f"kernel_size = 3\npadding_mode = '{mode}'")
    scene = parse_scene(text, mode)
    values = values_of(scene)[0][0]
    board = compose(scene, SIZE, 24.0)
    ghosts, copies = (next(c for c in board.cells if c.role == role) for role in ("ghost", "copy"))
    (numbers,) = copies.numbers
    assert ghosts.numbers == () and len(numbers) == 2 * 22
    assert numbers.value.tolist() == [values[tuple(i)] for i in copies.index[numbers.cell]]
    assert pose(board, copies, 1).written[0].all()
    (of_cells,) = next(c for c in board.cells if c.name == "input").numbers
    assert numbers.size * copies.scale == pytest.approx(of_cells.size), "as high as on cells"


def test_padding_of_what_keeps_the_largest_carries_nothing():
    text = "[input]\nshape = [1, 4, 4]\n[[stage]]\nop = '{}'\nkernel_size = 3\npadding = 1\n"
    text += "[look]\nshow = ['ghosts', 'values']\n"
    for op, written in (("MaxPool2d", 0), ("AvgPool2d", 1)):
        ghosts = next(c for c in compose(parse_scene(text.format(op), op), SIZE).cells if c.role == "ghost")
        assert len(ghosts.numbers) == written


def test_moved_cells_take_their_numbers_along():
    board = board_of("moved")
    values = values_of(scene_of("moved"))[0][0]
    arrangements = [c for c in board.cells if c.name != "input"]
    assert len(arrangements) == 3
    for before, cells in zip(board.cells, arrangements, strict=False):
        value_at = {tuple(np.round(p, 3)): v for p, v in zip(before.position, held_by(before, values), strict=True)}
        (numbers,) = cells.numbers
        came = [value_at[tuple(np.round(o, 3))] for o in cells.origin[numbers.cell]]
        assert numbers.value.tolist() == came


def held_by(cells, values):
    """The value in every cell of an arrangement of MOVED, by the shuffle's definition."""
    order = {"input": [0, 1, 2, 3], "reshape-1": [0, 1, 2, 3]}.get(cells.name, [0, 2, 1, 3])
    return [values[order[c]][h, w] for c, h, w in cells.index]


@pytest.mark.parametrize("name", ["single-channel", "grouped", "batched"])
def test_travellers_carry_the_inputs_values_to_the_weights_and_leave_as_products(name):
    board, scene = board_of(name), scene_of(name)
    tensors, weights, _ = values_of(scene)
    taps = scene.stages[0].op.trajectory(scene.input.shape, scene.time.order).taps(0)
    read = np.where(taps.ghost, 0.0, tensors[0][tuple(taps.input.clip(0).T)])
    factor = weights[0][tuple(taps.weight.T)]
    travellers = next(c for c in board.cells if c.name == "travellers-1")
    carried, products = travellers.numbers
    front = np.flatnonzero(taps.weight[:, 1] == 0)
    (on_filters,) = next(c for c in board.cells if c.name == "filters-1").numbers
    shown = front if len(on_filters) < weights[0].size else np.arange(len(factor))  # of filters that are opened, all
    assert carried.cell.tolist() == front.tolist() and products.cell.tolist() == shown.tolist()
    assert carried.value.tolist() == read[front].tolist()
    assert products.value.tolist() == (read * factor)[shown].tolist()
    assert carried.last == products.first == sum(travellers.ripens) / 2.0
    for step, seen in ((0.3, [True, False]), (0.5, [False, True]), (0.9, [False, False])):
        frame = next(f for f in range(1, board.frames) if board.step.at(f)[0] >= step)
        assert [written.all() for written in pose(board, travellers, frame).written] == seen
        assert [written.any() for written in pose(board, travellers, frame).written] == seen


PADDED = """
[input]
shape = {shape}
[[stage]]
op = "Conv{axes}d"
out_channels = 2
kernel_size = 3
padding = {padding}
padding_mode = "{mode}"
[look]
show = ["ghosts", "values"]
"""


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(("shape", "padding"), [([2, 4], 1), ([1, 4, 4], 1), ([2, 1, 4, 4], 1), ([1, 3, 3, 3], 2)])
def test_what_stands_on_padding_travels_with_its_value_from_its_place_to_its_weight(mode, shape, padding):
    axes = min(len(shape) - 1, 3) if padding == 2 else min(len(shape) - 1, 2)
    scene = parse_scene(PADDED.format(shape=shape, axes=axes, padding=padding, mode=mode), mode)
    board = compose(scene, SIZE)
    op, cells = scene.stages[0].op, {c.name: c for c in board.cells}
    taps, padded = op.trajectory(scene.input.shape).taps(0), np.pad
    travellers, filters = cells["travellers-1"], cells["filters-1"]
    assert len(travellers) == len(taps) == op.out_channels * op.fan_in() * 3**axes
    how = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    sides = [(0, 0)] * (len(shape) - axes) + [(padding, padding)] * axes
    x = padded(values_of(scene)[0][0], sides, mode=how)
    window = x[(0,) * (len(shape) - axes - 1) + (slice(None), *[slice(3)] * axes)]
    met = window[tuple(taps.weight[:, 1:].T)]
    carried = travellers.numbers[0]
    assert carried.value.tolist() == met[carried.cell].tolist()
    steps = taps.weight[:, 2:].astype(float) - padding  # from the input's first cell, along depth, rows, columns
    steps = np.column_stack([*[np.zeros(len(steps))] * (3 - axes), steps])
    home = cells["input"].position[0]
    inside = (taps.weight[:, 1] == 0).nonzero()[0]
    expected = home + steps[:, [2, 0, 1]] * (1.0, 1.0, -1.0)
    assert np.allclose(travellers.origin[inside], expected[inside], atol=1e-4)
    met_weights = {tuple(place) for place in np.round(filters.position, 3).tolist()}
    assert {tuple(place) for place in np.round(travellers.via, 3).tolist()} == met_weights


@pytest.mark.parametrize("name", ["transposed", "transposed-stride-2"])
def test_zeros_that_were_put_there_travel_like_all_others(name):
    board = compose(find_scene(name), SIZE)
    travellers = next(c for c in board.cells if c.role == "traveller" and c.name.startswith("travellers-"))
    carried, products = travellers.numbers
    assert len(travellers) == len(carried) == len(products) == 9
    assert np.count_nonzero(carried.value) == 1


def test_of_what_is_scattered_every_product_is_shown_and_those_beside_the_output_fly_there():
    board = compose(find_scene("transposed-scatter"), SIZE)
    cells = {c.name: c for c in board.cells}
    travellers, output = cells["travellers-1"], cells["output-1"]
    assert len(travellers) == len(travellers.numbers[1]) == 9
    rows, columns = np.divmod(np.arange(9), 3)
    beside = output.position[0] + np.stack([columns - 1, np.zeros(9), 1 - rows], axis=1)
    assert np.allclose(sorted(travellers.position.tolist()), sorted(beside.tolist()), atol=1e-4)


@pytest.mark.parametrize("name", SCENES)
def test_a_number_is_seen_as_long_as_its_cell_also_on_its_way(name):
    board = board_of(name)
    changed = 0
    for cells in board.cells:
        if cells.role == "traveller":
            continue
        (numbers,) = cells.numbers
        seen = []
        for frame in range(1, board.frames + 1, 3):
            step = np.float32(board.step.at(frame)[0])
            (written,) = pose(board, cells, frame).written
            assert np.array_equal(written, cells.start[numbers.cell] < step)
            seen.append(written.sum())
        assert seen[-1] == len(numbers)
        changed += seen[0] != seen[-1]
    assert changed


@pytest.mark.parametrize("name", SCENES)
def test_without_values_there_are_no_numbers(name):
    scene = scene_of(name)
    board = compose(replace(scene, look=replace(scene.look, show=("ghosts",))), SIZE)
    assert not any(cells.numbers for cells in board.cells)


def test_numbers_that_could_not_be_read_are_not_written():
    heights = {}
    for width_of_picture in (64, 96, 128, 160, 192, 427, 854):
        board = compose(find_scene("single-channel"), (width_of_picture, width_of_picture * 9 // 16), 24.0)
        scale = width_of_picture / board.camera.width
        heights[width_of_picture] = [n.size * scale for c in board.cells for n in c.numbers]
    written = [height for row in heights.values() for height in row]
    assert min(written) >= LEGIBLE and not heights[64] and len(heights[854]) == 5
    deep = compose(parse_scene("[input]\nshape = [1, 90, 90]\n[[stage]]\nop = 'ChannelShuffle'\ngroups = 1\n", "deep"))
    assert not any(cells.numbers for cells in deep.cells)


@pytest.mark.parametrize(("values", "least"), [([7.0], 5.0), ([-126.0], 4.3 / NARROWEST), ([-0.16], 5.5 / NARROWEST)])
def test_long_numbers_are_to_be_higher_so_as_to_be_read(values, least):
    """Narrowed digits need their pixels from left to right, and more of them where a point is to be seen, too."""
    values = np.array(values)
    texts = set(shorts(values))

    def written(height):
        scale = height / digit_height(texts)
        return numbers_on(values, np.ones((len(values), 3)), np.ones(len(values), bool), scale)

    assert not written(0.98 * least) and written(1.02 * least)


@pytest.mark.parametrize("name", ["dilated-vs-standard", "spatially-separable"])
def test_the_numbers_of_ways_that_are_compared_can_be_read(name):
    board = compose(find_scene(name), (854, 480))
    heights = [n.size * c.scale * 854 / board.camera.width for c in board.cells for n in c.numbers]
    assert min(heights) >= 9.7


@pytest.mark.parametrize(
    ("name", "things", "longest"),
    [("multi-channel", "input filters-1 output-1 output-2", 2), ("bias", "input filters-1 output-1", 3)],
)
def test_numbers_of_two_and_three_characters_are_as_high_as_words(name, things, longest):
    board, texts = compose(find_scene(name), (854, 480)), set()
    for cells in (cells for cells in board.cells if cells.numbers and cells.role in ("input", "filter", "output")):
        (numbers,) = cells.numbers
        high = numbers.size * cells.scale * 854 / board.camera.width
        assert high >= (12.0 if cells.name in things.split() else 9.5), cells.name
        texts.update(shorts(numbers.value))
    assert max(map(len, texts)) == longest and any(t.startswith(MINUS) for t in texts)


def test_what_is_no_number_is_not_written():
    values = np.array([1.0, np.nan, np.inf, -np.inf, 2.0])
    (numbers,) = numbers_on(values, np.full((5, 3), 0.5), np.ones(5, bool), 40.0)
    assert numbers.cell.tolist() == [0, 4]
    assert numbers_on(values[1:4], np.full((3, 3), 0.5), np.ones(3, bool), 40.0) == ()


def test_a_frames_state_knows_the_numbers_that_are_seen_then():
    board = board_of("single-channel")
    place, output = next((i, c) for i, c in enumerate(board.cells) if c.name == "output-1")
    (numbers,) = output.numbers
    value = numbers.value.copy()
    value[0] += 1
    other = replace(output, numbers=(replace(numbers, value=value),))
    changed = replace(board, cells=(*board.cells[:place], other, *board.cells[place + 1 :]))
    assert changed.state_key(1) == board.state_key(1), "nothing of the output is there yet"
    assert changed.state_key(board.frames) != board.state_key(board.frames)
    assert changed.content_hash != board.content_hash
    told = json.loads(board.to_json(), parse_constant=pytest.fail)["cells"][place]["numbers"]
    assert told[0]["value"] == numbers.value.tolist() and told[0]["cell"] == numbers.cell.tolist()
