"""The cone that is shown is that of conv_math: ancestors, counts of uses, receptive fields, the rule for rates."""

import re
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmotion.conv_math import Conv2d, ancestors, hdc_distances, receptive_field, usage_counts
from convmotion.scenes import SceneError, compose, explain, find_scene, parse_scene
from convmotion.scenes.ancestry import Hybrid, hybrid_of, traced_cells
from convmotion.scenes.captions import Words
from convmotion.scenes.contents import Contents
from convmotion.scenes.form import MARK, PLAIN_FACE, VEIL
from convmotion.scenes.palette import luminance
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.tracing import hybrid_lines

CONV = '[[stage]]\nop = "Conv2d"\nout_channels = {}\nkernel_size = {}\n'
CHAINS = {
    "stacked": "[input]\nshape = [1, 9, 9]\n" + CONV.format(1, 3) * 3,
    "padded": "[input]\nshape = [2, 6, 6]\n" + (CONV.format(2, 3) + "padding = 1\n") * 2,
    "grouped": "[input]\nshape = [4, 7, 7]\n" + CONV.format(4, 3) + "groups = 2\n" + CONV.format(2, 2) + "groups = 2\n",
    "shuffled": "[input]\nshape = [4, 5, 5]\n"
    + CONV.format(4, 3)
    + 'groups = 2\n[[stage]]\nop = "ChannelShuffle"\ngroups = 2\n'
    + CONV.format(4, 1)
    + "groups = 2\n",
    "pooled": "[input]\nshape = [1, 8, 8]\n" + CONV.format(2, 3) + '[[stage]]\nop = "MaxPool2d"\nkernel_size = 2\n',
    "scattered": '[input]\nshape = [1, 3, 3]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 2\nkernel_size = 3\n',
    "strided": "[input]\nshape = [1, 11, 9]\n" + CONV.format(1, 3) + "stride = 2\n" + CONV.format(1, 2),
    "batch": "[input]\nshape = [2, 1, 5, 5]\n" + CONV.format(1, 3) + CONV.format(1, 2),
    "one axis": '[input]\nshape = [2, 12]\n[[stage]]\nop = "Conv1d"\nout_channels = 2\nkernel_size = 3\n',
    "three axes": '[input]\nshape = [1, 5, 5, 5]\n[[stage]]\nop = "Conv3d"\nout_channels = 2\nkernel_size = 3\n',
}
SCENES = ["receptive-field", "dilated-1-2-4", "gridding-2-2-2", "gridding-1-2-3"]


BRANCHES = """
[input]
shape = [2, 6, 6]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
padding = 1
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
padding = 1
[[stage]]
op = "Add"
from = [2, "input"]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 2
"""


def asked(text, show="usage", seconds=40):
    return parse_scene(f'{text}[time]\nseconds = {seconds}\n[look]\nshow = ["lines", "ghosts", "{show}"]\n', "test")


def board_of(name, show="usage"):
    scene = asked(CHAINS[name], show) if name in CHAINS else find_scene(name)
    return scene, compose(scene, fps=15)


def chain_of(scene):
    """The chain, its input without a batch and the middle cell of the first channel of what comes out."""
    op = scene.stages[0].op
    item = op.split(scene.input.shape)[1]
    chain = [stage.op for stage in scene.stages]
    return chain, item, traced_cells(scene.operations.shapes(item)[-1])[0]


def marks(board, tensor, step=None):
    """The marks on a tensor, the uppermost of each cell: index -> (colour, how many lie over each other)."""
    found = {}
    for cells in sorted((c for c in board.cells if c.name.startswith(f"marks-{tensor}-")), key=lambda c: c.scale):
        shown = np.ones(len(cells), bool) if step is None else cells.visible(step)
        for index, color in zip(cells.index[shown].tolist(), cells.color[shown], strict=True):
            place = tuple(index[-3:])
            found[place] = (color, found[place][1] + 1 if place in found else 1)
    return found


def tensors(scene):
    return ["input", *(f"output-{number + 1}" for number in range(len(scene.stages)))]


def drawn(mask):
    """Cells of an array (C, *spatial) as channel, row, column of cubes."""
    c, *spatial = mask.shape
    *deep, rows, columns = (*(1,) * (2 - len(spatial)), *spatial)
    return {tuple(i) for i in np.argwhere(mask.reshape(c * int(np.prod(deep)), rows, columns)).tolist()}


@pytest.mark.parametrize("show", ["cone", "usage"])
@pytest.mark.parametrize("name", [*CHAINS, *SCENES])
def test_in_the_end_exactly_the_ancestors_are_marked(name, show):
    scene, board = board_of(name, show)
    chain, item, cell = chain_of(scene)
    for tensor, mask in zip(tensors(scene), ancestors(chain, cell, item), strict=True):
        assert set(marks(board, tensor, board.steps)) == drawn(mask), tensor


@pytest.mark.parametrize("name", [*CHAINS, *SCENES[2:]])
def test_the_deeper_a_mark_the_more_often_its_cell_is_used(name):
    scene, board = board_of(name)
    chain, item, cell = chain_of(scene)
    shades = {}
    for number, tensor in enumerate(tensors(scene)[:-1]):
        counts = usage_counts(chain[number:], cell, scene.operations.shapes(item)[number])
        found = marks(board, tensor, board.steps)
        flat = counts.reshape(-1, *(1,) * (3 - counts.ndim), *counts.shape[1:]) if counts.ndim < 4 else counts[0]
        for place, (color, _) in found.items():
            shades.setdefault(int(flat[place]), set()).add(tuple(np.round(color.astype(float), 5)))
    assert all(len(colors) == 1 for colors in shades.values())
    lightness = [sum(next(iter(shades[count]))) for count in sorted(shades)]
    assert lightness == sorted(lightness, reverse=True) and len(set(lightness)) == len(lightness)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["gridding-2-2-2", "gridding-1-2-3"])
def test_counts_can_be_read_on_marks_which_no_light_falls_on(name, theme):
    counted = 0
    for cells in compose(find_scene(name), fps=15, theme=theme).cells:
        for numbers in cells.numbers if cells.name.startswith("marks-") else ():
            ground, ink = (luminance(c) + 0.05 for c in (PLAIN_FACE * cells.color[numbers.cell], numbers.color))
            assert np.maximum(ground / ink, ink / ground).min() >= 4.5, cells.name
            counted += len(numbers)
    assert counted > 100


def test_a_cell_that_several_windows_meet_gets_a_mark_from_each_and_every_one_is_deeper():
    scene, board = board_of("gridding-1-2-3")
    for trace in Contents(scene).traces:
        meets = np.zeros(trace.counts.shape, int)
        np.add.at(meets, tuple(trace.hits.T), 1)
        found = marks(board, tensors(scene)[trace.number], board.steps)
        assert {place: many for place, (_, many) in found.items()} == {
            tuple(place): int(meets[tuple(place)]) for place in np.argwhere(meets).tolist()
        }
    center = [c for c in board.cells if c.name.startswith("marks-input-")]
    light = [c.color[(c.index == (0, 6, 6)).all(axis=1)].sum() for c in sorted(center, key=lambda c: c.scale)]
    assert len(light) == 9 and all(after < before for before, after in pairwise(light))


@pytest.mark.parametrize("name", ["stacked", "gridding-2-2-2", "padded"])
def test_at_every_step_the_window_stands_on_the_cells_that_are_marked_from_the_cell_in_the_small_box(name):
    scene, board = board_of(name)
    windows = {mover.name: mover for mover in board.movers}
    step = board.steps - sum(trace.steps for trace in Contents(scene).traces)
    for trace in Contents(scene).traces:
        stage = trace.number + 1
        window, head = windows[f"back-{stage}"], windows[f"traced-{stage}"]
        for own in range(trace.steps):
            frame = board.settled[step + own] - 1e-3
            center, size = window.boxes[0]
            low, high = (window.track.at(frame) + center + np.array(size) * side / 2 for side in (-1, 1))
            moved = 0
            for cells in (c for c in board.cells if c.name.startswith(f"marks-{tensors(scene)[trace.number]}-")):
                mine = np.floor(cells.start) == step + own
                moved += int(mine.sum())
                assert ((cells.position[mine] > low) & (cells.position[mine] < high)).all()
                assert np.allclose(cells.origin[mine], head.track.at(frame), atol=1e-4)
            assert moved == (trace.step == own).sum() > 0
        step += trace.steps


@pytest.mark.parametrize("name", SCENES)
def test_every_mark_but_the_first_comes_from_a_cell_that_is_marked(name):
    scene, board = board_of(name)
    names = tensors(scene)
    for tensor, after in pairwise(names):
        whence = [c.position for c in board.cells if c.name.startswith(f"marks-{after}-")]
        known = {tuple(place) for place in np.round(np.concatenate(whence), 3).tolist()}
        came = [c.origin for c in board.cells if c.name.startswith(f"marks-{tensor}-")]
        assert {tuple(place) for place in np.round(np.concatenate(came), 3).tolist()} <= known


@pytest.mark.parametrize("name", ["stacked", "pooled", "batch"])
def test_all_other_cells_fade_and_nothing_does_before_the_last_step(name):
    scene, board = board_of(name, "cone")
    before = board.steps - sum(trace.steps for trace in Contents(scene).traces)
    last = int(np.floor(board.settled[before - 1]))
    for tensor in tensors(scene):
        cells, veil = (next(c for c in board.cells if c.name == wanted) for wanted in (tensor, f"veil-{tensor}"))
        assert len(cells) == len(veil) and (cells.position == veil.position).all()
        assert not pose(board, veil, last).shown.any() and pose(board, veil, board.frames).shown.all()
        assert pose(board, veil, board.frames).ripe == 1.0
        assert np.ptp(veil.becomes, axis=1).max() < np.ptp(veil.color, axis=1).min() + 0.02
    assert 1.0 < VEIL < MARK
    assert not any(c.visible(board.step.at(last)[0]).any() for c in board.cells if c.name.startswith("marks-"))


@pytest.mark.parametrize("name", SCENES)
def test_in_the_end_lines_lead_along_the_edges_of_the_cone(name):
    scene, board = board_of(name)
    chain, item, cell = chain_of(scene)
    masks = ancestors(chain, cell, item)
    for number, tensor in enumerate(tensors(scene)[:-1]):
        lines = next(lines for lines in board.lines if lines.name == f"edges-{number + 1}-{number}")
        ends = lines_at(board, lines, board.frames)
        assert ends.shape == (4, 2, 3)
        for side, (mask, name_of) in enumerate(zip(masks[number : number + 2], tensors(scene)[number:], strict=False)):
            place = next(c for c in board.cells if c.name == name_of).position.astype(float)
            own = place[mask.reshape(-1)]
            assert np.allclose(ends[:, side].min(axis=0), own.min(axis=0) - 0.5, atol=1e-4), tensor
            assert np.allclose(ends[:, side, [0, 2]].max(axis=0), own.max(axis=0)[[0, 2]] + 0.5, atol=1e-4), tensor


def told(board, name):
    return [c.body for c in board.captions if c.name.startswith(name)]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", SCENES[:2])
def test_the_receptive_field_is_told_at_every_layer(name, language):
    scene = find_scene(name)
    board = compose(scene, language=language)
    chain, item, cell = chain_of(scene)
    masks = ancestors(chain, cell, item)
    for number in range(len(chain)):
        field = [axis.size for axis in receptive_field(chain[number:])]
        words = " ".join(reversed(told(board, f"trace-told-{number + 1}-")))
        cells = str(masks[number].sum())
        whole = masks[number].sum() == np.prod(field)
        numbers = [*map(str, field), cells] if whole else [cells, *map(str, field)]
        bare = re.sub(r"(output|输出) \d", "", words)  # a name's number is none of these
        assert re.findall(r"\d+", bare)[-3:] == numbers
        assert not whole or " = " in words
    growth = [receptive_field(chain[: number + 1])[0].size for number in range(len(chain))]
    words = " ".join(reversed(told(board, "trace-result-")))
    assert re.findall(r"\d+", words)[-3:] == list(map(str, growth))
    assert growth == {"receptive-field": [3, 5, 7], "dilated-1-2-4": [3, 7, 15]}[name]


@pytest.mark.parametrize("name", [*SCENES, "causal"])
def test_words_count_the_cells_that_have_been_found_and_none_that_are_still_to_come(name):
    _, board = board_of(name)
    done = [board.step.at(frame)[0] for frame in range(board.frames + 1)]
    found = [c for c in board.captions if c.name.startswith("trace-told-") and c.name.endswith("-1")]
    arrived = {}
    for marks in board.cells:
        if step := re.search(r"-from-(\d+)-", marks.name):
            arrived[step[1]] = max(arrived.get(step[1], 0.0), float(marks.arrive.max()))
    assert len(found) == len(arrived) > 1
    for caption in found:
        last = arrived[caption.name.split("-")[2]]
        assert done[caption.first - 1] < last - 1e-6 <= done[caption.first], "as soon as they are, and no sooner"
    ends = [c.first for c in (*found[1:], *(c for c in board.captions if c.name == "trace-result-1"))]
    assert [c.last + 1 for c in found] == ends, "until the next ones are found"
    asked = [c for c in board.captions if c.name == "trace-asked-1"]
    assert len(asked) == 1 and asked[0].body.endswith("?") and asked[0].last + 1 == found[0].first


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("name", "used"), [("gridding-2-2-2", 49), ("gridding-1-2-3", 169)])
def test_the_words_count_the_cells_that_are_used(name, used, language):
    scene = find_scene(name)
    board = compose(scene, language=language)
    counts = usage_counts(scene.operations, (0, 0), (1, 13, 13))
    line = next(body for body in told(board, "trace-result-") if "169" in body)
    numbers = sorted(map(int, re.findall(r"\d+", line)))
    assert numbers == sorted([used, 169, int(counts.max())]) and (counts > 0).sum() == used
    assert {"en": "darker: more often", "zh": "越深越常用"}[language] in line, "digits may be too small to be drawn"


def test_the_rule_for_rates_is_told_with_its_numbers():
    board = compose(find_scene("gridding-1-2-3"))
    lines = [body.replace("−", "-").replace("·", "*") for body in told(board, "trace-result-")]
    assert hdc_distances([1, 2, 3]) == (1, 2, 3)
    (rule,) = (line for line in lines if line.startswith("M = "))
    terms, meaning = re.fullmatch(r"M = max\((.+)\), (.+)", rule).groups()
    (line,) = (line for line in lines if line.startswith("M2 = "))
    _, formula, result = line.split(" = ")
    numbers = [eval(re.sub(r"2(?=[r(])", "2*", term), {"N": 3, "r": 2}) for term in terms.split(", ")]
    assert formula == f"max({', '.join(map(str, numbers))})" and meaning == "N: next layer's M"
    assert result == "2 ≤ kernel 3: no hole in the input" and max(numbers) == hdc_distances([1, 2, 3])[1] == 2
    terms = [body for body in lines if body.startswith("M: ")]
    assert terms == ["M: max distance of used cells; M3 = dilation r3 = 3"], "no letter without its meaning"
    for line in hybrid_lines(Hybrid((1, 5, 9), 3, hdc_distances([1, 5, 9], 3)), Words("zh")):
        assert "M2" not in line or line.endswith("> 核 3：留下空洞")
    even = told(compose(find_scene("gridding-2-2-2")), "trace-result-")
    assert any("factor 2" in body for body in even) and not any(body.startswith("M") for body in even)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=4), st.integers(2, 4))
def test_holes_are_told_where_there_are_holes_whatever_the_rule_says(rates, kernel):
    chain = [Conv2d(1, 1, (kernel, 1), dilation=(rate, 1)) for rate in rates]
    counts = usage_counts(chain, (0, 0), (1, (kernel - 1) * sum(rates) + 1, 1))
    line = hybrid_lines(Hybrid(tuple(rates), kernel, hdc_distances(rates, kernel)), Words("en"))[-1]
    assert line.endswith("no hole in the input" if counts.all() else "holes remain")


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        (CONV.format(1, 3) + "dilation = 2\n" + CONV.format(1, 3), (2, 1)),
        (CONV.format(1, 3) * 2, None),
        (CONV.format(1, 3) + "dilation = 2\n", None),
        (CONV.format(1, 3) + "dilation = 2\n" + CONV.format(1, 2), None),
        (CONV.format(1, 3) + "dilation = 2\nstride = 2\n" + CONV.format(1, 3), None),
    ],
)
def test_the_rule_is_for_dilated_convolutions_of_one_kernel_and_stride_1(text, rates):
    scene = parse_scene("[input]\nshape = [1, 15, 15]\n" + text, "test")
    hybrid = hybrid_of([stage.op for stage in scene.stages])
    assert (hybrid and hybrid.rates) == rates


@pytest.mark.parametrize("name", SCENES)
def test_the_way_back_is_counted_among_the_steps_and_its_words_stand_alone(name):
    scene, board = board_of(name)
    assert explain(scene)["steps"] == board.steps
    names = [thing.name for things in (board.cells, board.movers, board.lines, board.captions) for thing in things]
    assert len(set(names)) == len(names)
    for frame in range(1, board.frames + 1):
        seen = [c for c in board.captions if c.first <= frame <= c.last]
        assert len({c.at for c in seen}) == len(seen)
        result = any(c.name.startswith("trace-result-") for c in seen)
        assert sum("{step}" in c.body for c in seen) == (not result), "on the result nothing is left to count"
    assert result


def test_no_scene_has_a_cone_that_does_not_ask_for_one():
    board = compose(parse_scene(CHAINS["stacked"], "test"))
    assert not [c for c in board.cells if c.name.startswith(("marks", "veil"))]
    assert not [m for m in board.movers if m.name.startswith(("back", "traced"))]
    assert board.steps == 49 + 25 + 9


def test_what_is_used_too_often_to_be_counted_is_refused_in_one_line():
    text = "[input]\nshape = [64, 1, 1]\n" + CONV.format(64, 1) * 10
    with pytest.raises(SceneError, match=r"^test: look\.show: a cell is used .* times; allowed: at most") as refused:
        compose(asked(text, seconds=400))
    assert "\n" not in str(refused.value)


def test_where_branches_meet_the_cone_leads_through_all_of_them():
    scene = asked(BRANCHES)
    board, shapes = compose(scene), scene.shapes
    cell, _ = traced_cells(shapes[-1])
    counts = usage_counts(scene.operations, cell, shapes[0])
    found = marks(board, "input", board.steps)
    assert set(found) == drawn(counts > 0)
    shades = {}
    for place, (color, _) in found.items():
        shades.setdefault(int(counts[place]), set()).add(tuple(np.round(color.astype(float), 5)))
    assert all(len(colors) == 1 for colors in shades.values()) and len(shades) > 3
    light = np.log([next(iter(shades[count]))[0] for count in sorted(shades)])
    uses = np.log(sorted(shades))
    assert np.allclose(np.polyval(np.polyfit(uses, light, 1), uses), light, atol=1e-3), "equal factors are equal steps"
    names = [thing.name for things in (board.cells, board.movers, board.lines, board.captions) for thing in things]
    assert len(set(names)) == len(names)


def test_what_stands_beside_the_traced_output_has_no_part_in_its_cone():
    beside = asked("[input]\nshape = [1, 7, 7]\n" + CONV.format(1, 3) * 2 + 'from = "input"\n', "cone")
    board = compose(beside)
    marked = {c.name.split("-")[1] + c.name.split("-")[2] for c in board.cells if c.name.startswith("marks-output")}
    assert marked and "output1" not in marked


def test_of_a_causal_convolution_the_last_cell_is_traced_as_it_sees_the_most():
    board = compose(find_scene("causal"), fps=15)
    found = marks(board, "input", board.steps)
    assert {index[-1] for index in found} == set(range(16))
    assert any(c.body == "the last output cell sees 16 cells of input" for c in board.captions)


@pytest.mark.parametrize(("shape", "cell"), [([1, 9, 9], "the middle output cell"), ([1, 7, 7], "the output cell")])
def test_it_is_told_which_cell_is_traced(shape, cell):
    text = CHAINS["stacked"].replace("shape = [1, 9, 9]", f"shape = {shape}")
    words = told(compose(asked(text, "cone"), fps=15), "trace-told-1-")
    assert words == [f"{cell} sees 7×7 = 49 cells of input"]


def counted(board, frame):
    """The numbers that are read on marks at a frame: a tensor's name -> cell -> what is written there, on top first."""
    found = {}
    for cells in (cells for cells in board.cells if cells.name.startswith("marks-")):
        state = pose(board, cells, frame)
        for numbers, written in zip(cells.numbers, state.written, strict=True):
            name = cells.name.removeprefix("marks-").partition("-from")[0].removesuffix("-own")
            for cell, value in zip(numbers.cell[written].tolist(), numbers.value[written].tolist(), strict=True):
                index = tuple(cells.index[cell].tolist())
                assert index not in found.setdefault(name, {}), "two numbers on a cell"
                found[name][index] = value
    return found


def paths_to(scene):
    """Of every tensor (channels, rows, columns) how many paths lead from its cells to the traced one, by brute force:
    a 1 in each cell in turn, through kernels of ones."""
    ops, shapes = scene.operations.ops, scene.shapes
    result = []
    for number, shape in enumerate(shapes):
        paths = np.zeros(shape)
        for cell in np.ndindex(*shape):
            x = np.zeros(shape)
            x[cell] = 1.0
            for op in ops[number:]:
                x = op.forward(x, np.ones(op.weight_shape))
            paths[cell] = x[traced_cells(shapes[-1])[0]]
        result.append(paths)
    return result


@pytest.mark.parametrize("name", ["gridding-2-2-2", "gridding-1-2-3", "strided"])
def test_in_the_end_every_cell_that_is_used_says_how_often(name):
    scene = find_scene(name) if name in SCENES else asked(CHAINS[name].replace("out_", "bias = false\nout_"))
    board = compose(scene, (854, 480))
    found = counted(board, board.frames)
    for tensor, paths in zip(tensors(scene), paths_to(scene), strict=True):
        expected = {tuple(cell): paths[tuple(cell)] for cell in np.argwhere(paths).tolist()}
        assert found[tensor] == {tuple(cell): uses for cell, uses in expected.items() if cell[0] == 0}, tensor


def test_while_the_windows_go_back_the_numbers_count_up():
    scene = find_scene("gridding-2-2-2")
    board = compose(scene, (854, 480))
    (*_, before), shape = paths_to(scene)[:2], scene.shapes[0]
    first = board.steps - before.astype(bool).sum()
    uses, seen = np.zeros(shape), 0
    for turn, (_, row, column) in enumerate(np.argwhere(before).tolist()):
        for kernel_row in range(3):
            for kernel_column in range(3):
                uses[0, row + 2 * kernel_row, column + 2 * kernel_column] += before[0, row, column]
        found = counted(board, board.settled[first + turn] - 1e-3)["input"]
        assert found == {tuple(cell): uses[tuple(cell)] for cell in np.argwhere(uses).tolist()}, turn
        seen += len(found)
    assert seen > 500


def test_counts_are_written_where_they_are_asked_for_and_can_be_read():
    scene = find_scene("gridding-2-2-2")
    assert not counted(compose(scene, (320, 180)), 720)
    assert not counted(compose(asked(CHAINS["stacked"], "cone"), (854, 480)), 40 * 30)


@pytest.mark.parametrize("name", ["gridding-2-2-2", "gridding-1-2-3"])
def test_counts_are_large_enough_to_be_read(name):
    board = compose(find_scene(name), (854, 480))
    sizes = [numbers.size for cells in board.cells for numbers in cells.numbers]
    assert sizes and min(sizes) * 854 / board.camera.width >= 9.0


def test_counts_take_the_place_of_values_and_weights_stay():
    scene = asked(CHAINS["stacked"], 'usage", "values')
    board = compose(scene, (1280, 720))
    first = next(cells.start.min() for cells in board.cells if cells.name.startswith("veil-"))
    named = {cells.name: cells for cells in board.cells}
    for frame in range(1, board.frames + 1, 7):
        began = board.step.at(frame)[0] > first
        assert pose(board, named["input"], frame).written[0].any() != began
        assert pose(board, named["filters-1"], frame).written[0].any()
    assert not pose(board, named["output-3"], board.frames).written[0].any()


WIDE = '[[stage]]\nop = "Conv2d"\nout_channels = 2\nkernel_size = {0}\npadding = {1}\n'


@pytest.mark.parametrize(
    ("shape", "stages", "why"),
    [
        ("[64, 1024, 1024]", WIDE.format(3, 1), "uses of 69,206,016 cells"),
        ("[2, 300, 300]", WIDE.format(101, 50) * 2, "10,201 windows"),
        ("[1, 200, 200]", WIDE.format(61, 30) * 2, "27,691,682 taps"),
        ("[30, 300, 300]", '[[stage]]\nop = "AdaptiveAvgPool2d"\noutput_size = 1\n', "2,700,000 taps"),
    ],
)
def test_what_nobody_could_follow_back_is_refused_at_once(shape, stages, why):
    scene = parse_scene(f'[input]\nshape = {shape}\n{stages}[look]\nshow = ["cone"]', "wide")
    begun = time.process_time()
    with pytest.raises(SceneError, match=f"wide: look.show: {why}"):
        compose(scene)
    assert time.process_time() - begun < 2.0
