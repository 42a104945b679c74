"""Scenes that branch: rows side by side, additions, concatenations, and sums over channels."""

import re

import numpy as np
import pytest

from convmotion.scenes import SceneError, compose, find_scene, parse_scene
from convmotion.scenes.contents import Contents
from convmotion.scenes.lines import BENT_RADIUS
from convmotion.scenes.numerals import told
from convmotion.scenes.pacing import LAND
from convmotion.scenes.palette import THEMES
from convmotion.scenes.plan import Plan
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.story import ALWAYS
from convmotion.scenes.values import MOST_MOVED, offset_of, values_of

HEAD = "[input]\nshape = [2, 5, 5]\n"
CONV = "[[stage]]\nop = 'Conv2d'\nout_channels = 2\nkernel_size = 3\npadding = 1\n"
RESIDUAL = HEAD + CONV + CONV + "[[stage]]\nop = 'Add'\nfrom = [2, 'input']\n"
SIDE = HEAD + CONV + "[[stage]]\nfrom = 'input'\nop = 'MaxPool2d'\nkernel_size = 2\n"
JOINED = HEAD + CONV + CONV + "[[stage]]\nop = 'Concat'\nfrom = [1, 2, 'input']\n"
PARTIAL = HEAD + "[[stage]]\nop = 'Conv2d'\nout_channels = 1\nkernel_size = 3\nview = 'partial'\nbias = [0.5]\n"
VALUES = "[look]\nshow = ['values']\n"


def scene(text):
    return parse_scene(text, "scene.toml")


def plan_of(text):
    return Plan(Contents(scene(text + VALUES)), (854, 480), 12.0, "en", THEMES["light"])


def cells(board, name):
    return next(c for c in board.cells if c.name == name)


def test_an_addition_brings_the_cells_of_one_after_those_of_the_other_to_the_same_place():
    board = compose(scene(RESIDUAL))
    output, added, joining = (cells(board, f"output-3{part}") for part in ("", "-added-1", "-joining-2"))
    assert np.array_equal(output.position, added.position) and np.array_equal(output.position, joining.position)
    assert np.array_equal(joining.start, added.arrive) and np.array_equal(joining.arrive, output.start)
    assert np.array_equal(added.origin, cells(board, "output-2").position)
    assert np.array_equal(joining.origin, cells(board, "input").position)
    assert np.array_equal(joining.color, cells(board, "input").color)
    assert joining.scale < added.scale < 1.0
    both = cells(board, "output-2").color + joining.color
    assert np.allclose(2.0 * output.color, both, atol=1e-6), "what becomes of both wears the mean of their colours"


@pytest.mark.parametrize(("op", "sign"), [("Add", "+"), ("Mul", "·"), ("Concat", "")])
def test_signs_stand_before_what_is_joined_cell_by_cell_and_what_becomes_of_it(op, sign):
    board = compose(scene(RESIDUAL.replace("Add", op) + "[look]\ncamera = 'dolly'\n"))
    first_lines = {c.name.removeprefix("label-"): c.body for c in board.captions if re.match("label-.*-1$", c.name)}
    begins = {name.removesuffix("-1"): body.split()[0] for name, body in first_lines.items()}
    assert begins["output-2"] == "output"
    assert (begins["skip-0-3"], begins["output-3"]) == ((sign, "=") if sign else ("input", "output"))


def test_its_values_are_the_sum():
    tensors, *_ = values_of(scene(RESIDUAL))
    assert np.allclose(tensors[3], tensors[2] + tensors[0])


def test_a_concatenation_takes_each_cell_from_where_it_is():
    board = compose(scene(JOINED))
    output = cells(board, "output-3")
    assert output.shape == (6, 5, 5) and not [c for c in board.cells if c.name.startswith("output-3-added")]
    sources = [cells(board, name).position for name in ("output-1", "output-2", "input")]
    assert np.array_equal(output.origin, np.concatenate(sources))


def test_a_stage_that_reads_something_earlier_begins_a_row_of_its_own():
    contents = Contents(scene(SIDE))
    assert [stage.again for stage in contents.stages] == [False, True, False]
    assert [stage.reads for stage in contents.stages] == [(0,), (0,), (2,)]
    board = compose(scene(SIDE))
    again = cells(board, "output-2")
    assert np.array_equal(again.color, cells(board, "input").color)
    labels = [c.body for c in board.captions if c.name.startswith("label-output-2")]
    assert labels[0].startswith("same input")
    assert {c.body for c in board.captions if c.name.startswith("step-name")} == {
        "stage 1 / 2 · step",
        "stage 2 / 2 · step",
    }
    low = {name: cells(board, name).position[:, 2].min() for name in ("input", "output-1", "output-2", "output-3")}
    assert max(low["output-2"], low["output-3"]) < min(low["input"], low["output-1"])


@pytest.mark.parametrize("source", ["input", 1])
def test_what_is_brought_back_takes_no_time_and_is_there_as_soon_as_what_it_repeats(source):
    text = HEAD + CONV + CONV + CONV.replace("[[stage]]", f"[[stage]]\nfrom = {source!r}")
    plan, board = plan_of(text), compose(scene(text))
    assert plan.contents.steps == [25, 25, 0, 25] and board.steps == 75
    again, (since,) = cells(board, "output-3"), {ALWAYS if source == "input" else 25.0}
    assert (again.start == since).all() and (again.arrive == since).all()
    assert np.array_equal(again.origin, again.position)
    standing = {tuple(np.round(outline.center, 3)) for outline in board.outlines}
    assert len(standing) == (3 if source == "input" else 4), "where results will be, and nowhere else"
    said = [c for c in board.captions if c.name.startswith(("cost", "step-", "story"))]
    assert {c.name.split("-")[1] for c in said if c.name.startswith("cost")} - {"result"} == {"1", "2", "4"}
    assert not any(" 0 MACs" in c.body or c.body.endswith("/ 1") for c in said)


@pytest.mark.parametrize(("padding", "shared"), [(0, True), (1, False)])
def test_rows_begin_with_one_input_where_there_is_nothing_around_it(padding, shared):
    """Where it stands it is seen once, and lit by the window of the row whose turn it is."""
    conv = "[[stage]]\nfrom = 'input'\nop = 'Conv2d'\nout_channels = 1\nkernel_size = 3\n"
    text = f"[input]\nshape = [1, 5, 5]\n{conv}{conv}dilation = 2\npadding = {padding}\n"
    board = compose(scene(text + "[look]\nshow = ['ghosts', 'values']\n"))
    before, again = cells(board, "input"), cells(board, "output-2")
    assert np.array_equal(before.position, again.position) is shared and before.lit_by != again.lit_by
    for step in range(board.steps + 1):
        seen = [(c.start <= step).all() and (c.end is None or step < c.end) for c in (before, again)]
        assert sum(seen) == 1 + (not shared), step
    assert (again.end, before.end) == (None, float(again.start[0]) if shared else None)
    words = {c.body for c in board.captions if c.name.startswith("label-output-2")}
    assert words == (set() if shared else {"same input  1 × 5 × 5"})


def test_shapes_that_the_first_row_tells_are_said_again_only_where_that_costs_no_room():
    other = CONV.replace("[[stage]]", "[[stage]]\nfrom = 'input'").replace("kernel_size = 3", "kernel_size = 1")
    board = compose(scene(HEAD + CONV + other))
    said = {}
    for caption in board.captions:
        if caption.name.startswith("label-"):
            said.setdefault(caption.name.rsplit("-", 1)[0], []).append(caption.body)
    told = {name: " ".join(" ".join(lines).split()) for name, lines in said.items()}
    assert told["label-input"] == "input 2 × 5 × 5" and told["label-output-2"] == "same input 2 × 5 × 5"
    assert told["label-filters-1"] == "2 filters 2 × 3 × 3" and told["label-filters-3"] == "2 filters 2 × 1 × 1"
    assert told["label-output-3"] == "output 2 × 7 × 7"
    crowded = [c.body for c in compose(find_scene("padding-modes")).captions if c.name.startswith("label-output-2")]
    assert crowded == ["same input"]


@pytest.mark.parametrize(("language", "names"), [("en", ["a: output", "b: output"]), ("zh", ["甲·输出", "乙·输出"])])
@pytest.mark.parametrize("table", [True, False])
def test_a_name_of_a_row_is_not_read_as_what_its_output_consists_of(language, names, table):
    rows = HEAD + CONV + "name = { en = 'a', zh = '甲' }\n"
    rows += CONV.replace("[[stage]]", "[[stage]]\nfrom = 'input'") + "name = { en = 'b', zh = '乙' }\n"
    board = compose(scene(rows + ("" if table else "[look]\nshow = []\n")), language=language)
    said = [c.body for c in board.captions if c.name in ("label-output-1-1", "label-output-3-1")]
    assert said == [f"{name}  2 × 5 × 5" for name in names]


def test_the_sums_of_the_channels_are_added_up_to_what_the_convolution_gives():
    plan = plan_of(PARTIAL)
    tensors, *_ = values_of(scene(PARTIAL + VALUES))
    (_, partial, output), *_ = plan.values
    assert np.allclose(output, tensors[1]) and np.allclose(partial.sum(axis=0, keepdims=True) + 0.5, tensors[1])
    assert [len(act.beats) for act in plan.time.acts] == [9, 9]
    labels = [c.body for c in compose(scene(PARTIAL)).captions if c.name.startswith("label")]
    assert any("partial sums" in body for body in labels) and any("1 filter" in body for body in labels)


def test_a_stage_may_say_what_its_output_is_called():
    named = CONV + "name = { en = 'first', zh = '第一层' }\n"
    for language, name in (("en", "first"), ("zh", "第一层")):
        board = compose(scene(HEAD + named + CONV), language=language)
        assert next(c.body for c in board.captions if c.name == "label-output-1-1").startswith(name)


@pytest.mark.parametrize("value", ["0", "3", "-1", "'stage'", "true", "1.0", "[1]", "[]"])
def test_what_cannot_be_read_is_refused(value):
    with pytest.raises(SceneError, match=r"stage 2: from is .*; allowed: .*input") as refused:
        scene(HEAD + CONV + f"[[stage]]\nfrom = {value}\nop = 'ReLU'\n")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["'input'", "1", "['input']", "[1, 2]", "[1, 'output']", "[]"])
def test_a_merge_needs_several_tensors_that_are_there(value):
    with pytest.raises(SceneError, match=r"stage 2: from is .*; allowed: a list"):
        scene(HEAD + CONV + f"[[stage]]\nfrom = {value}\nop = 'Add'\n")


def test_a_merge_without_sources_is_refused():
    with pytest.raises(SceneError, match=r"stage 2: from is nothing; allowed: a list"):
        scene(HEAD + CONV + "[[stage]]\nop = 'Add'\n")


def test_shapes_that_cannot_be_added_are_refused():
    wide = CONV.replace("out_channels = 2", "out_channels = 3")
    with pytest.raises(SceneError, match=r"stage 2: .*Add"):
        scene(HEAD + wide + "[[stage]]\nop = 'Add'\nfrom = [1, 'input']\n")
    for view in ("gather", "partial"):
        with pytest.raises(SceneError, match=r"unknown key 'view'|view is"):
            scene(HEAD + CONV + f"view = '{view}'\n")


POOL, UNPOOL = (f"[[stage]]\nop = '{op}'\nkernel_size = 2\n" for op in ("MaxPool2d", "MaxUnpool2d"))


def test_an_unpooling_puts_cells_back_where_the_pool_found_them():
    text = "[input]\nshape = [2, 4, 4]\n" + POOL + UNPOOL
    board, (x, _, output) = compose(scene(text)), values_of(scene(text))[0]
    before, after = cells(board, "input"), cells(board, "output-2")
    assert len(after) == 8 and len(cells(board, "zeros-output-2")) == 24
    for index, color in zip(after.index, after.color, strict=True):
        assert output[tuple(index)] == x[tuple(index)] != 0
        (same,) = np.flatnonzero((before.index == index).all(axis=1))
        assert np.array_equal(color, before.color[same])


FRAMES = "kept-", "returned-", "added-"


def framed(board, frame, name):
    """The cells of this name around whose fronts are frames."""
    groups = [lines_at(board, lines, frame) for lines in board.lines if lines.name.startswith(FRAMES)]
    corners = np.concatenate([np.zeros((0, 2, 3)), *groups]).reshape(-1, 4, 2, 3)
    assert np.array_equal(corners[:, :, 1], np.roll(corners[:, :, 0], -1, axis=1)), "round about"
    middle = corners[:, :, 0].mean(axis=1) - (0.0, -0.5, 0.0)
    found = np.abs(middle[:, None] - cells(board, name).position).max(axis=2).min(axis=0, initial=1.0) < 1e-4
    return {tuple(index) for index in cells(board, name).index[found].tolist()}


@pytest.mark.parametrize("order", ["position", "filter"])
def test_frames_tell_of_the_places_that_a_pool_remembers_and_of_the_same_ones_in_what_is_unpooled(order):
    text = f"[input]\nshape = [2, 4, 6]\n{POOL}{UNPOOL}[time]\norder = '{order}'\n[look]\nshow = ['lines', 'values']\n"
    board, (x, pooled, output) = compose(scene(text)), values_of(scene(text))[0]
    places = {tuple(index) for index in cells(board, "output-2").index.tolist()}
    assert len(places) == pooled.size and all(x[place] == output[place] for place in places)
    assert framed(board, board.frames, "input") == framed(board, board.frames, "output-2") == places
    pools = [step for step in range(board.steps) if step < pooled.size // (1 if order == "filter" else 2)]
    counts = [len(framed(board, int(board.settled[step]) + 1, "input")) for step in pools[:-1]]
    assert counts == [(step + 1) * (1 if order == "filter" else 2) for step in pools[:-1]], "one after another"


@pytest.mark.parametrize("order", ["position", "filter"])
@pytest.mark.parametrize(("language", "words"), [("en", r"index (\d+)"), ("zh", r"索引 (\d+)")])
def test_of_every_step_of_a_pool_that_is_unpooled_it_is_told_which_index_it_remembers(order, language, words):
    text = f"[input]\nshape = [2, 4, 6]\n{POOL}{UNPOOL}[time]\norder = '{order}'\nseconds = 40\n{VALUES}"
    board, (x, pooled, _) = compose(scene(text), language=language), values_of(scene(text))[0]
    said = sorted((c.first, c.body) for c in board.captions if re.search(words, c.body))
    indices = [int(re.search(words, body)[1]) for _, body in said]
    channels = [step // 6 for step in range(12)] if order == "filter" else [0] * 6
    assert [x[c].flat[index] for c, index in zip(channels, indices, strict=True)] == [
        pooled[c].flat[step % 6] for step, c in enumerate(channels)
    ]
    assert all(
        index in {(2 * r + i) * 6 + 2 * c + j for i in (0, 1) for j in (0, 1)}
        for index, (r, c) in zip(indices, [divmod(step % 6, 3) for step in range(12)], strict=False)
    )


def test_the_cells_of_every_channel_that_make_a_cell_of_their_sum_are_framed_while_it_is_made():
    conv = "[[stage]]\nop = 'Conv2d'\nout_channels = 1\nkernel_size = 3\nview = 'partial'\n"
    board = compose(
        scene(f"[input]\nshape = [3, 5, 5]\n{conv}[time]\nseconds = 60\n[look]\nshow = ['lines', 'values']\n")
    )
    for cell in range(9):
        frame = int(board.settled[9 + cell]) - 1
        assert framed(board, frame, "output-1") == {(channel, *divmod(cell, 3)) for channel in range(3)}
    assert framed(board, board.frames, "output-1") == set()


@pytest.mark.parametrize("order", ["position", "filter"])
def test_while_it_is_told_what_a_pool_keeps_this_is_framed_and_in_no_other_step(order):
    text = f"[input]\nshape = [2, 4, 6]\n{POOL}[time]\norder = '{order}'\n[look]\nshow = ['lines', 'values']\n"
    board, (x, pooled) = compose(scene(text)), values_of(scene(text))[0]
    channels = range(1 if order == "filter" else 2)
    for frame in range(1, board.frames + 1):
        step = float(board.step.at(frame)[0])
        places = framed(board, frame, "input")
        assert bool(places) == (LAND < step < 1.0), step
        if places:
            assert [place[0] for place in sorted(places)] == [*channels]
            assert all(max(place[1:]) < 2 and x[place] == pooled[place[0], 0, 0] for place in places)
    assert not any("index" in c.body for c in board.captions)


@pytest.mark.parametrize("text", [HEAD + UNPOOL, HEAD + POOL + CONV.replace("padding = 1", "padding = 2") + UNPOOL])
def test_an_unpooling_without_its_pool_is_refused(text):
    with pytest.raises(SceneError, match=r"MaxUnpool2d takes the indices of a MaxPool2d before it"):
        scene(text)


GRID = "grid-1", "samples-1"
DEFORM = "[[stage]]\nop = 'DeformConv2d'\nout_channels = 2\nkernel_size = 3\npadding = 1\n"


def test_a_deformable_window_samples_and_lights_the_cells_where_the_offsets_have_moved_it():
    board = compose(scene(HEAD + DEFORM), (854, 480), 12.0)
    plan = Plan(Contents(scene(HEAD + DEFORM)), (854, 480), 12.0, "en", THEMES["light"])
    sight, tensor = plan.sight(0), plan.tensors[0]
    shown = {c.name: c for c in board.cells}
    for step in (0, 7, 24):
        taps = sight.trajectory.taps(step)
        shares = np.zeros(tensor.shape)
        read = (taps.weight[:, 0] == 0) & (taps.input >= 0).all(axis=1)
        np.add.at(shares, tuple(taps.input[read].T), taps.coefficient[read])
        lit = pose(board, shown["input"], float(board.settled[step]) - (step == 24)).lit
        assert np.allclose(lit, shares.clip(0.0, 1.0)[tuple(shown["input"].index.T)], atol=1e-4)
        for cell in range(9):
            tip = board.mover(f"tap-1-{cell + 1}").track.at(float(board.settled[step]))
            mine = (taps.weight[:, 0] == 0) & (taps.weight[:, 1] == 0)
            mine &= (taps.weight[:, 2:] == divmod(cell, 3)).all(axis=1)
            read = taps.input[mine]
            if np.isclose(taps.coefficient[mine].sum(), 1.0) and (read >= 0).all():  # all of it on the input
                middle = taps.coefficient[mine] @ tensor.at(read)
                assert np.allclose(tip, middle, atol=1e-4)


@pytest.mark.parametrize("kernel, inner", [((3, 3), 12), ((1, 3), 2), ((5, 4), 31)])
def test_a_bent_grid_joins_neighbours_of_a_deformable_window_where_it_samples(kernel, inner):
    given = scene(HEAD + DEFORM.replace("kernel_size = 3", f"kernel_size = {list(kernel)}"))
    board = compose(given, (854, 480), 12.0)
    lines = {lines.name: lines for lines in board.lines}
    grid, rings = lines["grid-1"], lines["samples-1"]
    assert grid.over_cells == rings.over_cells == 1.0 and grid.radius == BENT_RADIUS
    frame, front = round(board.settled[7]), board.cells[0].position[:, 1].min() - 0.5
    cells = range(kernel[0] * kernel[1])
    tips = np.array([board.mover(f"tap-1-{cell + 1}").track.at(frame) for cell in cells]).reshape(*kernel, 3)
    assert (lines_at(board, grid, frame)[..., 1] < front).all()
    found = {tuple(np.round(ends, 4).ravel()) for ends in lines_at(board, grid, frame)[..., [0, 2]]}
    pairs = [(tips[:, :-1], tips[:, 1:]), (tips[:-1], tips[1:])]
    wanted = [np.stack(pair, axis=2).reshape(-1, 2, 3)[..., [0, 2]] for pair in pairs]
    assert found == {tuple(np.round(ends, 4).ravel()) for ends in np.concatenate(wanted)} and len(found) == inner
    middles = lines_at(board, rings, frame).mean(axis=1).reshape(len(cells), -1, 3).mean(axis=1)
    assert np.allclose(middles[:, [0, 2]], tips.reshape(-1, 3)[:, [0, 2]]), "a ring around each"


def test_the_grid_of_a_deformable_window_stands_before_each_of_the_groups_that_it_reads():
    text = HEAD + DEFORM.replace("padding = 1", "padding = 1\ngroups = 2")
    board = compose(scene(text), (854, 480), 12.0)
    window, frame = board.mover("window-1"), round(board.settled[7])
    away = np.subtract(window.boxes[1][0], window.boxes[0][0])
    for lines, count in ((lines, len(lines.lines) // 2) for lines in board.lines if lines.name in GRID):
        ends = {tuple(np.round(pair, 4).ravel()) for pair in lines_at(board, lines, frame)}
        first = [pair for pair in lines_at(board, lines, frame) if tuple(np.round(pair + away, 4).ravel()) in ends]
        assert len(first) == count > 8 and len(window.boxes) == 2


def test_the_grid_of_a_deformable_window_comes_as_a_regular_one_and_is_bent_as_it_lands():
    board = compose(scene(HEAD + DEFORM), (854, 480), 12.0)
    window = board.mover("window-1")
    places = np.array([(column, 0.0, -row) for row in range(3) for column in range(3)])
    for frame, bent in zip(window.track.frames[:2], (False, True), strict=True):
        tips = np.array([board.mover(f"tap-1-{cell + 1}").track.at(frame) for cell in range(9)])
        assert np.allclose(tips, window.track.at(frame) + places) != bent


def test_of_a_deformable_window_a_sample_travels_to_each_weight_and_the_products_add_up():
    there = scene(HEAD + DEFORM + "bias = [3, -1]\n" + "[look]\nshow = ['values', 'lines']\n")
    board = compose(there, (854, 480), 12.0)
    tensors, (weight,), (bias,) = values_of(there)
    taps = there.stages[0].op.trajectory(there.input.shape, offset=offset_of(there, 0)).taps(0)
    parts = np.where(taps.ghost, 0.0, taps.coefficient * tensors[0][tuple(taps.input.clip(0).T)])
    samples = np.zeros(weight.shape)
    np.add.at(samples, tuple(taps.weight.T), parts)
    cells = {each.name: each for each in board.cells}
    travellers = cells["travellers-1"]
    carried, products = travellers.numbers
    assert len(travellers) == weight.size and len(carried) == len(weight) * 9
    assert np.allclose(np.sort(carried.value), np.sort(samples[:, 0].ravel()))
    assert np.allclose(np.sort(products.value), np.sort((samples * weight).ravel())), "of all channels, side by side"
    assert np.allclose((samples * weight).sum(axis=(1, 2, 3)) + bias, tensors[1][:, 0, 0])
    tips = [board.mover(f"tap-1-{cell + 1}").track.at(float(board.settled[0])) for cell in range(9)]
    starts = np.unique(np.round(travellers.origin[carried.cell], 3), axis=0)
    assert np.allclose(starts, np.unique(np.round(tips, 3), axis=0), atol=2e-3)
    (added,) = (c.body for c in board.captions if c.name == "phase-1-2")
    first = (samples * weight)[0, 0].sum()
    assert added.endswith(f"≈ {told(float(first))}")


@pytest.mark.parametrize("kernel", [(3, 3), (1, 3), (5, 2)])
def test_chance_bends_the_grid_of_a_deformable_window_at_every_position_anew_and_does_not_fold_it(kernel):
    given = scene(HEAD.replace("5, 5", "40, 40") + DEFORM.replace("kernel_size = 3", f"kernel_size = {list(kernel)}"))
    offset = offset_of(given, 0)
    offset = offset.reshape(*kernel, 2, *offset.shape[1:])
    within = abs(offset[..., 2:-2, 2:-2])
    assert 0.6 * MOST_MOVED < within.max() <= MOST_MOVED and within.mean() > 0.2 * MOST_MOVED
    for axis in (0, 1):
        grid = np.indices(offset.shape[3:])[axis] + np.indices(kernel)[axis][..., None, None]
        at = grid + offset[:, :, axis]
        assert at.min() == pytest.approx(0.0) and at.max() == pytest.approx(41.0), "padding: reached, not left"
        apart = 1.0 + np.diff(offset[:, :, axis], axis=axis)
        assert apart.size == 0 or apart.min() > 0.1, "neighbours change places"
    assert np.ptp(offset, axis=(-2, -1)).min() > 0.2


def test_offsets_are_those_that_the_values_are_made_with():
    x, weight = (values_of(scene(HEAD + DEFORM))[k][0] for k in (0, 1))
    zeros = "offset = " + str(np.zeros((18, 5, 5)).tolist()) + "\n"
    moved, still = (values_of(scene(HEAD + DEFORM + more))[0][1] for more in ("", zeros))
    op = scene(HEAD + DEFORM).stages[0].op
    assert np.allclose(still, op.forward(x, weight, offset=np.zeros((18, 5, 5)))) and not np.allclose(moved, still)
    for wrong in ("1", "'none'", "[1, 2]"):
        with pytest.raises(SceneError, match=r"stage 1: offset is .*; allowed: random, .* or nested lists"):
            scene(HEAD + DEFORM + f"offset = {wrong}\n")
