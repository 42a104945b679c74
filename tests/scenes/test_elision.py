"""Big tensors: what is left out is named, what is drawn are the first and the last, and all of it stands in order."""

import itertools
import math
import re
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convmotion.scenes import Storyboard, compose, explain, find_scene, parse_scene, scene_from_lines
from convmotion.scenes.contents import Contents
from convmotion.scenes.counts import count_cells
from convmotion.scenes.elision import GAP, LEAST_GAP, LIMIT, Axis
from convmotion.scenes.motion import ENTERS
from convmotion.scenes.pose import pose

from .test_layout import (
    assert_apart,
    assert_capitals_are_high,
    assert_no_two_words_overlap,
    assert_no_word_is_over_a_tensor,
    assert_nothing_is_cropped,
    in_one_picture,
)

SIZES = [(854, 480), (480, 480), (640, 480), (480, 854)]
LAYERS = {
    "channels": ("nn.Conv2d(64, 128, 3)", (64, 28, 28)),
    "planes": ("nn.Conv2d(3, 4, 5, padding=2)", (3, 224, 224)),
    "all axes": ("nn.Conv2d(64, 64, 3, stride=2, padding=1)", (64, 112, 112)),
    "batch": ("nn.Conv2d(3, 8, 3)", (40, 3, 24, 24)),
    "groups": ("nn.Conv2d(128, 256, 3, groups=2)", (128, 28, 28)),
    "depthwise": ("nn.Conv2d(64, 64, 3, groups=64)", (64, 30, 30)),
    "shuffle": ("nn.ChannelShuffle(4)", (64, 28, 28)),
    "deep": (
        "nn.Conv2d(1, 32, 3)\nnn.Conv2d(32, 128, 3)\nnn.Conv2d(128, 512, 3)\nnn.Flatten()\nnn.Linear(346112, 10)",
        (1, 32, 32),
    ),
}
NOUNS = {
    "en": {
        "lanes": "more groups",
        "channels": "more channels",
        "rows": "more rows",
        "columns": "(more )?columns",
    },
    "zh": {"lanes": "组", "channels": "个通道", "rows": "行", "columns": "列"},
}
BLOCKS = {"en": ("more pictures", "more filters"), "zh": ("张图像", "个卷积核")}

every_layer = pytest.mark.parametrize("name", LAYERS)


def contents_of(name: str, all_cells: bool = False) -> Contents:
    return Contents(scene_from_lines(*LAYERS[name]), all_cells)


@cache
def board_of(name: str) -> Storyboard:
    return compose(in_one_picture(scene_from_lines(*LAYERS[name])), SIZES[0])


@pytest.fixture(
    scope="module",
    params=list(itertools.product(LAYERS, SIZES, ["en", "zh"])),
    ids=lambda it: f"{it[0]}-{it[1][0]}x{it[1][1]}-{it[2]}",
)
def picture(request: pytest.FixtureRequest) -> tuple[str, str, Storyboard]:
    """The name of a layer, the language of its picture, and that: tests take turns with it, for it is big."""
    name, size, language = request.param
    return name, language, compose(in_one_picture(scene_from_lines(*LAYERS[name])), size, 30.0, language)


def drawn_cells(board: Storyboard) -> int:
    once = [cells for cells in board.cells if not cells.name.startswith("review")]
    return sum(len(cells) for cells in once if cells.role not in ("traveller", "gap"))


axes = st.builds(
    Axis.of, st.integers(1, 400), st.tuples(st.integers(1, 30), st.integers(1, 10)), st.integers(GAP, 2 * GAP)
)
shortened = axes.filter(lambda axis: axis.hidden > 0)


@given(axes)
def test_the_first_and_the_last_indices_are_drawn_and_the_others_counted(axis):
    drawn = axis.indices()
    assert drawn.tolist() == [*range(axis.first), *range(axis.length - axis.last, axis.length)]
    assert len(drawn) == axis.drawn and axis.drawn + axis.hidden == axis.length
    assert axis.shows(np.arange(axis.length)).nonzero()[0].tolist() == drawn.tolist()
    assert axis.hidden == 0 or axis.hidden > axis.gap
    assert axis.indices(2, 1).tolist() == [-2, -1, *drawn, axis.length]


@given(shortened, st.integers(1, GAP))
@example(Axis.of(40, (24, 8), 7), 7)
def test_places_along_an_axis_grow_with_the_index_and_are_whole_where_it_is_drawn(axis, reach):
    places = axis.at(np.linspace(-3, axis.length + 2, 40 * axis.length), reach)
    assert (np.diff(places) >= 0).all()
    assert axis.at(axis.indices(2, 2)).tolist() == [
        *range(-2, axis.first),
        *range(axis.first + axis.gap, axis.span + 2),
    ]
    assert (np.diff(axis.at(np.arange(-2, axis.length + 3))) > 0).all()


@given(shortened, st.integers(1, 500))
def test_a_window_as_long_as_all_that_is_drawn_stands_at_the_beginning(axis, beyond):
    assert axis.at(-2, axis.span + beyond) == -2


@given(shortened, st.integers(1, GAP))
def test_a_window_covers_just_what_it_touches_of_the_drawn_cells_also_on_its_way_through_the_gap(axis, reach):
    drawn = axis.indices(3, 3)
    for first in range(-2, axis.length - reach + 3):
        start = float(axis.at(first, reach))
        touched = drawn[(drawn >= first) & (drawn < first + reach)]
        places = axis.at(drawn)
        covered = drawn[(places > start - 1e-6) & (places < start + reach - 1 + 1e-6)]
        assert covered.tolist() == touched.tolist(), first


@given(axes)
def test_what_is_left_out_shares_one_slot(axis):
    axis = Axis.of(axis.length, (axis.first, max(axis.last, 1)))
    slots = axis.slots(np.arange(axis.length))
    assert slots[axis.indices()].tolist() == [s for s in range(axis.span) if not axis.hidden or s != axis.first]
    assert (slots[~axis.shows(np.arange(axis.length))] == axis.first).all()
    assert slots[axis.representatives].tolist() == list(range(axis.span))


@every_layer
def test_drawn_and_named_cells_together_are_all(name):
    contents = contents_of(name)
    views = [view for row in contents.views.values() for view in row]
    for thing in (*contents.tensors, *contents.banks.values(), *views):
        left_out = dict(thing.left_out())
        names = ("lanes", "blocks", "channels", "rows", "columns")
        for axis_name, axis in zip(names, thing.axes, strict=True):
            assert axis.drawn + left_out.get(axis_name, 0) == axis.length
        assert thing.true_cells <= LIMIT or left_out
    for shape, tensor in zip(contents.shapes, contents.tensors, strict=True):
        assert tensor.true_cells == math.prod(shape)


def test_every_count_that_is_left_out_is_written_in_the_picture(picture):
    name, language, board = picture
    contents = contents_of(name)
    words = [caption.body for caption in board.captions if caption.name.startswith("elision-")]
    told = " ".join(words)
    for things, blocks in ((contents.tensors, BLOCKS[language][0]), (contents.banks.values(), BLOCKS[language][1])):
        for thing in things:
            for axis, count in thing.left_out():
                noun = NOUNS[language].get(axis, blocks)
                assert re.search(rf"(^|[ :、]){count:,} {noun}", told), (count, noun, told)
    assert bool(words) == any(True for t in (*contents.tensors, *contents.banks.values()) for _ in t.left_out())


@pytest.mark.parametrize(("stride", "notes"), [(2, 1), ((2, 1), 2)])
def test_as_many_rows_as_columns_are_told_on_one_line(stride, notes):
    board = compose(scene_from_lines(f"nn.MaxPool2d(2, stride={stride})", (3, 200, 200)))
    told = [caption.body for caption in board.captions if caption.name.startswith("elision-output-1")]
    assert len(told) == notes and (" rows, " in told[0]) == (notes == 1)


@every_layer
def test_the_cells_of_the_storyboard_are_those_counted_with_their_true_indices(name):
    contents, board = contents_of(name), board_of(name)
    assert drawn_cells(board) == contents.cells == count_cells(scene_from_lines(*LAYERS[name]))
    assert board.steps == sum(contents.steps)
    for cells in board.cells:
        if cells.role in ("input", "output", "filter"):
            assert (cells.index >= 0).all() and (cells.index < cells.shape).all()
            assert len(np.unique(cells.index, axis=0)) == len(cells)
            for axis, length in enumerate(cells.shape):
                assert {0, length - 1} <= set(cells.index[:, axis].tolist())


@every_layer
def test_dots_stand_in_the_gaps_and_not_in_a_cell(name):
    board = board_of(name)
    dots = [cells for cells in board.cells if cells.role == "gap"]
    assert dots
    for gap in dots:
        (cells,) = (c for c in board.cells if f"gaps-{c.name}" == gap.name)
        near = np.abs(gap.position[:, None] - cells.position[None]).max(axis=2).min(axis=1)
        assert (near >= 0.99).all(), gap.name


@pytest.mark.parametrize("name", ["planes", "all axes"])
def test_the_window_lights_the_drawn_cells_that_it_touches(name):
    scene = scene_from_lines(*LAYERS[name])
    op, board = scene.stages[0].op, board_of(name)
    trajectory, written = op.trajectory(scene.input.shape), contents_of(name).tensors[1].rows
    read = next(c for c in board.cells if c.name == "input")
    window = board.mover("window-1")
    rows_lit, stops = 0, set(window.track.frames[1:][np.array(window.track.eases[1:]) != "linear"].tolist())
    for step in range(trajectory.positions[-1] - 1, board.steps, trajectory.positions[-1]):  # the ends of rows
        if board.settled[step] not in stops or not written.shows(step // trajectory.positions[-1]):
            continue
        taps = trajectory.taps(step)
        touched = {tuple(i) for i in taps.input[~taps.ghost].tolist()} & {tuple(i) for i in read.index.tolist()}
        offset = read.anchor - window.track.at(board.settled[step])
        spots = np.rint(offset / window.spacing)
        hit = (np.abs(spots * window.spacing - offset) < 1e-3) & (spots >= 0) & (spots < window.counts)
        assert {tuple(i) for i in read.index[hit.all(axis=1)].tolist()} == touched, step
        rows_lit += bool(touched)
    assert rows_lit > 2


def test_windows_and_heads_cross_a_gap_without_a_jump():
    board = board_of("planes")
    for name in ("window-1", "head-1"):
        track = board.mover(name).track
        assert (np.diff(track.frames) > 0).all()
        first = track.eases.index("linear")  # the first step stands alone
        end = next(f for f, ease in list(zip(track.frames, track.eases, strict=True))[first:] if ease != "linear")
        places = np.array([track.at(frame) for frame in np.arange(track.frames[first], end, 0.05)])
        assert 0 < np.abs(np.diff(places, axis=0)).max() < 2.0


@pytest.mark.parametrize("name", ["channels", "groups", "all axes"])
def test_no_bar_of_a_window_runs_through_a_gap_of_channels(name):
    """A box is around what is drawn before the gap, another one around what is behind it; both end with the cells."""
    board = board_of(name)
    window, read = board.mover("window-1"), next(c for c in board.cells if c.name == "input")
    lanes = len(window.boxes) // 2
    lane = read.index[:, 0] // (read.shape[0] // lanes)
    pairs = zip(window.boxes[:lanes], window.boxes[lanes:], strict=True)
    for number, ((front, before), (rear, behind)) in enumerate(pairs):
        depths = np.unique(read.position[lane == number, 1] - window.track.values[-1, 1])
        assert (front[0], front[2], before[0], before[2]) == (rear[0], rear[2], behind[0], behind[2])
        edges = [at[1] + side * size[1] / 2.0 for at, size in ((front, before), (rear, behind)) for side in (-1, 1)]
        assert edges[1] < edges[2] - GAP + 0.01
        within = [depths[(depths > low) & (depths < high)] for low, high in (edges[:2], edges[2:])]
        for (low, high), inside in zip((edges[:2], edges[2:]), within, strict=True):
            assert inside.min() == pytest.approx(low + 0.5) and inside.max() == pytest.approx(high - 0.5)
        assert sum(map(len, within)) == len(depths)


@pytest.mark.parametrize(
    ("name", "rows", "columns", "told"),
    [
        ("max-pool-big", (112, 8, 3), (112, 8, 3), {"output rows 9 to 109 pass: not drawn"}),
        ("planes", (224, 16, 6), (224, 16, 6), {"output rows 17 to 218 pass: not drawn"}),
    ],
)
def test_what_is_not_drawn_passes_quickly(name, rows, columns, told):
    """All rows that are left out at once, and within a row the columns as fast as the window crosses their gap."""
    board = board_of(name) if name in LAYERS else compose(find_scene(name))
    height, top, bottom = rows
    width, left, right = columns
    ends = board.settled[width - 1 :: width]
    assert len(ends) == height and ends[-bottom - 1] - ends[top - 1] < 0.07 * board.frames
    for row in (1, height - 1):
        settled = board.settled[row * width : (row + 1) * width]
        before, gap, after = (np.ptp(settled[part]) for part in (slice(left), slice(left, -right), slice(-right, None)))
        assert gap < (GAP + 1) / (left - 1) * before, "no more than it is longer"
        assert (left - 1) / (right - 1) == pytest.approx(before / after, rel=0.3)
    captions = [c for c in board.captions if c.name.startswith("pass")]
    assert {c.body for c in captions} == told
    assert ends[top - 1] < captions[0].first and captions[0].last <= ends[-bottom - 1]


@pytest.mark.parametrize("name", ["max-pool-big", "planes"])
def test_windows_and_heads_go_down_the_dots_while_rows_pass_that_are_not_drawn(name):
    board = board_of(name) if name in LAYERS else compose(find_scene(name))
    (told,) = (c for c in board.captions if c.name.startswith("pass"))
    frames = np.arange(told.first + ENTERS * (told.last + 1 - told.first), told.last - 0.1, 0.1)
    for mover, tensor in (("window-1", "input"), ("head-1", "output-1")):
        window, read = board.mover(mover), next(c for c in board.cells if c.name == tensor)
        (dots,) = (c.position for c in board.cells if c.name == f"gaps-{tensor}")
        dots = dots[(dots[:, 1] == dots[:, 1].min()) & (dots[:, 2] < dots[:, 2].max())]
        dots = dots[dots[:, 0] == dots[:, 0].min()]
        places = np.array([window.track.at(frame) for frame in frames])
        extent = (np.array(window.counts) - 1) * window.spacing
        assert np.allclose(places[:, 0] + extent[0] / 2, dots[:, 0].mean(), atol=1e-3), "the dots are in its middle"
        assert (np.diff(places[:, 2]) < 0.0).all() and np.ptp(np.diff(places[:, 2])) < 1e-6, "at an even pace"
        assert places[0, 2] > dots[:, 2].max() and places[-1, 2] + extent[2] < dots[:, 2].min()
        assert not (tensor == "input" and any((pose(board, read, frame).lit > 0.5).any() for frame in frames))


def test_lines_of_a_pool_join_the_first_and_the_last_channels_in_a_row_each_at_its_own_depth():
    board = compose(find_scene("max-pool-big"))
    read, made = (next(c for c in board.cells if c.name == name) for name in ("input", "output-1"))
    (lines,) = (group.lines for group in board.lines if group.name == "lines-1-1")
    depths = []
    for mover, cells, points in (
        ("window-1", read, [line.start for line in lines]),
        ("head-1", made, [line.end for line in lines]),
    ):
        at = board.mover(mover).track.at(board.settled[0])[1] + np.array(points)[:, 1] + 0.5
        known = dict(zip(np.round(cells.position[:, 1], 3).tolist(), cells.index[:, 0].tolist(), strict=True))
        depths.append([known[depth] for depth in np.round(at.astype(np.float32), 3).tolist()])
    assert depths[0] == depths[1] and set(depths[0]) == {0, 7, 62, 63}


def test_a_scene_without_gaps_keeps_one_pace_and_passes_nothing():
    board = compose(find_scene("many-filters"))
    assert not [c for c in board.captions if c.name.startswith("pass")]
    assert np.ptp(np.diff(board.settled[28:56])) < 1e-6


def test_elided_scenes_are_laid_out_as_others_are(picture):
    _, _, board = picture
    assert_apart(board)
    assert_nothing_is_cropped(board)
    assert_no_word_is_over_a_tensor(board)
    assert_no_two_words_overlap(board)
    assert_capitals_are_high(board, but=("title", "call"))  # long ones become smaller in scenes of any size


@pytest.mark.parametrize(
    ("lines", "shape"),
    [
        ("nn.MaxPool2d(2)", (64, 224, 224)),
        ("nn.Conv2d(3, 8, 7, stride=2, padding=3)", (3, 320, 200)),
        ("nn.Upsample(scale_factor=2)", (16, 90, 60)),
        ("nn.Conv1d(1, 1, 9, stride=3)", (1, 60_000)),
    ],
)
def test_rows_and_columns_of_all_tensors_of_a_scene_are_drawn_in_the_same_proportion(lines, shape):
    contents = Contents(scene_from_lines(lines, shape))
    axes = [axis for tensor in contents.tensors for axis in (tensor.rows, tensor.columns) if axis.length > 1]
    shares = {round(axis.span / axis.length, 2) for axis in axes}
    assert max(shares) < 0.5
    for axis in axes:
        assert abs(axis.span - min(shares) * axis.length) <= 1.0 + 0.01 * axis.length
        assert axis.first >= axis.last >= 1 and axis.first + axis.last > 2


@pytest.mark.parametrize(("lines", "parts"), [("nn.MaxPool2d(2)", (8, 4, 3)), ("nn.MaxPool2d(4)", (3, 3, 2))])
def test_of_what_a_pool_writes_just_what_it_makes_of_drawn_rows_is_drawn(lines, parts):
    """Only where the gap would be too short for its dots there is less."""
    read, made = (tensor.rows for tensor in Contents(scene_from_lines(lines, (64, 224, 224))).tensors)
    assert (read.first, read.gap, read.last) == (16, 7, 6) and (made.first, made.gap, made.last) == parts
    meets = read.shows(np.arange(read.length)).reshape(made.length, -1)
    assert (meets.any(axis=1) >= made.shows(np.arange(made.length))).all()
    assert made.gap == LEAST_GAP or np.array_equal(meets.any(axis=1), made.shows(np.arange(made.length)))


def test_what_would_be_too_short_to_show_a_gap_is_drawn_to_the_least_and_short_axes_whole():
    lines = "nn.Conv2d(3, 8, 3, stride=2, padding=1)\nnn.AdaptiveAvgPool2d(20)\nnn.AdaptiveAvgPool2d(4)"
    contents = Contents(scene_from_lines(lines, (3, 500, 500)))
    assert [tensor.rows.span for tensor in contents.tensors] == [29, 15, 6, 4]
    assert [tensor.rows.hidden > 0 for tensor in contents.tensors] == [True, True, True, False]


def test_a_long_matrix_does_not_shrink_the_picture_that_it_is_made_of():
    contents = Contents(scene_from_lines("nn.Unfold(3)", (2, 70, 70)))
    assert contents.tensors[1].columns.hidden and not contents.tensors[0].columns.hidden


def test_small_scenes_are_drawn_whole():
    for name in ("standard", "depthwise-separable", "channel-shuffle"):
        contents = Contents(find_scene(name))
        assert all(t.cells == t.true_cells for t in (*contents.tensors, *contents.banks.values()))
    just = Contents(scene_from_lines("nn.Conv2d(20, 10, 1)", (20, 25, 40)))
    assert just.tensors[0].cells == LIMIT
    assert Contents(scene_from_lines("nn.Conv2d(20, 10, 1)", (20, 25, 41))).tensors[0].cells < LIMIT


# The course's network


def test_the_deep_stack_has_the_numbers_of_the_course():
    told = explain(find_scene("deep-stack"))
    shapes = [[1, 32, 32], [32, 30, 30], [128, 28, 28], [512, 26, 26], [346_112], [10]]
    assert [told["stages"][0]["input"], *(stage["output"] for stage in told["stages"])] == shapes
    assert [stage["parameters"] for stage in told["stages"]] == [320, 36_992, 590_336, 0, 3_461_130]
    assert told["parameters"] == 4_088_778
    assert told["steps"] == 30 * 30 + 28 * 28 + 26 * 26 + 1
    assert told["cells"] == 1024 + 5 * (900 + 784 + 676) + 10 + 5 * 9 + 2 * 5 * 4 * 9


@pytest.mark.parametrize(("all_cells", "seconds"), [(False, 1.5), (True, 6.0)])
def test_the_deep_stack_is_composed_in_no_time(all_cells, seconds):
    begin = time.process_time()
    board = compose(find_scene("deep-stack"), all_cells=all_cells)
    assert time.process_time() - begin < seconds
    maps = [cells for cells in board.cells if cells.name in ("output-1", "output-2", "output-3")]
    assert sum(map(len, maps)) == (475_264 if all_cells else 5 * (900 + 784 + 676))
    assert drawn_cells(board) == count_cells(find_scene("deep-stack"), all_cells)


def test_with_all_cells_only_filters_are_elided():
    contents = contents_of("deep", all_cells=True)
    assert all(tensor.cells == tensor.true_cells for tensor in contents.tensors)
    assert all(bank.blocks.hidden for bank in contents.banks.values())
    board = compose(find_scene("deep-stack"), all_cells=True)
    told = {c.name.split("-", 1)[1].rsplit("-", 1)[0] for c in board.captions if c.name.startswith("elision-")}
    assert told == {"filters-1", "filters-2", "filters-3", "output-4"}  # the last one tells of its weights


def test_filters_keep_their_numbers():
    marks = [c.body for c in board_of("deep").captions if c.name.startswith("mark-filters-3")]
    assert marks == ["1", "2", "3", "4", "…", "512"]


def test_of_a_big_tensor_those_channels_are_drawn_whose_filters_are_and_so_of_what_is_pooled_of_it():
    pool = '[[stage]]\nop = "MaxPool2d"\nkernel_size = 2\n'
    conv = '[[stage]]\nop = "Conv2d"\nout_channels = 40\nkernel_size = 3\n'
    board = compose(parse_scene(f"[input]\nshape = [3, 64, 64]\n{conv}{pool}{conv}{pool}", "x"))
    drawn = {cells.name: set(cells.index[:, 0].tolist()) for cells in board.cells if cells.role != "traveller"}
    assert drawn["output-1"] == drawn["filters-1"] and len(drawn["filters-1"]) < 40
    assert drawn["output-2"] == drawn["output-1"] and drawn["output-3"] == drawn["filters-3"]


def test_a_linear_is_drawn_as_the_convolution_that_it_is():
    scene = scene_from_lines("nn.Conv2d(1, 4, 3)\nnn.Flatten()\nnn.Linear(36, 10)\nnn.Linear(10, 2)", (1, 5, 5))
    board = compose(replace(scene, look=replace(scene.look, show=("table",))))
    assert [c.shape for c in board.cells if c.name.startswith("output-")] == [(4, 3, 3), (10, 1, 1), (2, 1, 1)]
    assert [c.shape for c in board.cells if c.role == "filter"] == [(4, 1, 3, 3), (10, 4, 3, 3), (2, 10, 1, 1)]
    assert board.steps == 9 + 1 + 1
    calls = [c.body for c in board.captions if c.name.startswith("call-")]
    assert calls == ["nn.Conv2d(1, 4, kernel_size=3)", "nn.Flatten()", "nn.Linear(36, 10)", "nn.Linear(10, 2)"]
    window = board.mover("window-2")
    assert window.counts == (3, 4, 3)


def test_big_weights_of_a_linear_are_not_drawn_but_told():
    board = board_of("deep")
    assert not [c for c in board.cells if c.name == "filters-4"]
    assert [c.body for c in board.captions if c.name.startswith("elision-output-4")] == [
        "3,461,120 weights",
        "not drawn",
    ]
    led = [group for group in board.lines if group.name != "written-4"]
    lines = [line for group in led for line in group.lines if line.end_on == "head-4"]
    assert len(lines) == 10 + 2 and {line.start_on for line in lines} == {"window-4"}
    window, read = board.mover("window-4"), next(c for c in board.cells if c.name == "output-3")
    spots = (read.anchor - window.track.values[-1]) / window.spacing
    assert (spots >= -1e-3).all() and (spots <= np.array(window.counts) - 1 + 1e-3).all()


def test_of_a_long_vector_little_is_drawn_beside_tensors_that_are_small():
    contents = Contents(scene_from_lines("nn.Flatten()\nnn.Linear(32, 30)\nnn.ReLU()", (2, 4, 4)))
    assert [e.channels.drawn for e in contents.tensors] == [2, 10, 10]
    assert Contents(scene_from_lines("nn.Flatten()\nnn.Linear(32, 24)", (2, 4, 4))).tensors[1].channels.drawn == 24
    whole = Contents(scene_from_lines("nn.Flatten()\nnn.Linear(32, 30)", (2, 4, 4)), all_cells=True)
    assert whole.tensors[1].channels.drawn == 30


def test_values_keep_their_scale_where_cells_are_left_out():
    text = "[input]\nshape = [32, 28, 28]\n[[stage]]\nop = 'Conv2d'\nout_channels = 4\nkernel_size = 3\n"
    text += "[look]\nshow = ['values']\n"
    some = compose(parse_scene(text, "x")).cells[0]
    every = compose(parse_scene(text, "x"), all_cells=True).cells[0]
    kept = np.ravel_multi_index(tuple(some.index.T), some.shape)
    assert np.array_equal(every.color[kept], some.color)
