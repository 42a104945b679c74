"""A convolution that is seen as its matrix: the matrix is conv_math's, and so is what comes out."""

import re
from dataclasses import replace

import numpy as np
import pytest

from convmotion.conv_math import ancestors, conv_matrix
from convmotion.scenes import SceneError, compose, explain, find_scene, palette, parse_scene
from convmotion.scenes.contents import Contents
from convmotion.scenes.lines import INSET
from convmotion.scenes.numerals import MINUS
from convmotion.scenes.plan import Plan
from convmotion.scenes.pose import lines_at, pose
from convmotion.scenes.scenefile import Look
from convmotion.scenes.screen import Screen, caption_box
from convmotion.scenes.values import values_of

SCENES = ["conv-matrix", "transposed-matrix"]
SEEN = '\nkernel_size = 3\nview = "matrix"\n'
OTHERS = {
    "channels": '[input]\nshape = [2, 4, 3]\n[[stage]]\nop = "Conv2d"\nout_channels = 3' + SEEN,
    "groups": '[input]\nshape = [4, 4, 4]\n[[stage]]\nop = "Conv2d"\nout_channels = 4\ngroups = 2\npadding = 1' + SEEN,
    "one axis": '[input]\nshape = [2, 6]\n[[stage]]\nop = "Conv1d"\nout_channels = 2\ndilation = 2' + SEEN,
    "three axes": '[input]\nshape = [1, 3, 3, 4]\n[[stage]]\nop = "Conv3d"\nout_channels = 1' + SEEN,
    "transposed": '[input]\nshape = [2, 2, 2]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 2\nstride = 2' + SEEN,
    "apart": '[input]\nshape = [4, 4, 5]\n[[stage]]\nop = "ConvTranspose2d"\nout_channels = 2\ngroups = 2\ndilation = 2'
    + SEEN,
    "batch": '[input]\nshape = [2, 1, 3, 4]\n[[stage]]\nop = "Conv2d"\nout_channels = 1' + SEEN,
    "first of two": '[input]\nshape = [1, 4, 4]\n[[stage]]\nop = "Conv2d"\nout_channels = 1'
    + SEEN
    + '[[stage]]\nop = "Conv2d"\nout_channels = 2\nkernel_size = 2\n',
}


def scene_of(name, show='"lines", "ghosts", "formula", "table"'):
    if name in SCENES:
        return find_scene(name)
    return parse_scene(f"{OTHERS[name]}[time]\nseconds = 20\n[look]\nshow = [{show}]\n", "test")


def without_values(scene):
    return replace(scene, look=replace(scene.look, show=tuple(s for s in scene.look.show if s != "values")))


def plan_of(scene):
    return Plan(Contents(scene), (854, 480), 30.0, "en", palette.THEMES["light"])


def cells_of(board, name):
    return next(cells for cells in board.cells if cells.name == name)


def item_of(scene):
    return scene.stages[0].op.split(scene.input.shape)[1]


def matrix_of(scene, weight):
    return np.asarray(conv_matrix(scene.stages[0].op, item_of(scene), weight)).T


@pytest.mark.parametrize("name", [*SCENES, *OTHERS])
def test_the_product_has_the_values_of_the_convolution(name):
    scene = scene_of(name)
    (before, after, *_), (weight, *_), _ = values_of(scene)
    values = plan_of(scene).known_values()
    row, product, output = values[0][1:4]
    kernel = values[1][1]
    assert kernel.shape[2:] == matrix_of(scene, weight).shape
    assert np.allclose(kernel[0, 0], matrix_of(scene, weight))
    assert np.allclose(row.reshape(-1, kernel.shape[2]) @ kernel[0, 0], product.reshape(-1, kernel.shape[3]))
    expected = scene.stages[0].op.forward(before, weight)
    assert np.allclose(product.reshape(expected.shape), expected)
    assert np.allclose(output.reshape(expected.shape), after)


@pytest.mark.parametrize("name", [*SCENES, *OTHERS])
def test_equal_weights_wear_equal_colours_and_zeros_are_empty_cells(name):
    scene, board = scene_of(name), compose(scene_of(name))
    shape = scene.stages[0].op.weight_shape
    matrix = matrix_of(scene, np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape))
    drawn, zeros = cells_of(board, "filters-2"), cells_of(board, "zeros-filters-2")
    assert (drawn.shape, zeros.role) == ((1, 1, *matrix.shape), "ghost")
    assert {tuple(i) for i in drawn.index[:, 2:].tolist()} == {tuple(i) for i in np.argwhere(matrix).tolist()}
    assert len(drawn) + len(zeros) == matrix.size
    weights = matrix[tuple(drawn.index[:, 2:].T)]
    for colors in (lambda w: drawn.color[weights == w], lambda w: np.unique(drawn.color[weights == w], axis=0)):
        assert all(np.ptp(colors(w), axis=0).max() == 0 for w in np.unique(weights))
    distinct = len(np.unique(drawn.color, axis=0))
    assert distinct == len(np.unique(weights))


NUMBERED = ["channels", "groups", "one axis", "transposed"]


@pytest.mark.parametrize("name", [*SCENES, *NUMBERED])
def test_with_values_each_weight_has_its_number_and_its_colour_in_the_kernel_and_wherever_it_stands(name):
    scene = scene_of(name, '"values"')
    _, weights, _ = values_of(scene)
    board = compose(scene, (1920, 1080) if name in SCENES else (7680, 4320))
    kernel, drawn, zeros = (cells_of(board, part) for part in ("kernel-2", "filters-2", "zeros-filters-2"))
    matrix = matrix_of(scene, weights[0])
    (numbers,), (beside,), (nothing,) = drawn.numbers, kernel.numbers, zeros.numbers
    assert len(numbers) == len(drawn)
    assert (numbers.value == matrix[tuple(drawn.index[numbers.cell][:, 2:].T)]).all()
    assert len(nothing) == len(zeros) and not nothing.value.any()
    plain = compose(without_values(scene), board.size)
    assert np.array_equal(drawn.color, cells_of(plain, "filters-2").color)
    front = [i for i in range(len(kernel)) if kernel.index[i, 1] == 0]
    assert beside.cell.tolist() == front
    worn = {color.tobytes(): number for color, number in zip(kernel.color[front], beside.value.tolist(), strict=True)}
    own = [worn.get(color.tobytes(), value) for color, value in zip(drawn.color, numbers.value.tolist(), strict=True)]
    assert own == numbers.value.tolist() and len(worn) == len(front)


@pytest.mark.parametrize("name", [*SCENES, "im2col"])
def test_with_values_cells_keep_the_shades_of_their_places_until_the_product(name):
    scene, board = find_scene(name), compose(find_scene(name))
    plain, values = compose(without_values(scene)), plan_of(scene).known_values()[0]
    for cells, whole in (("input", values[0]), ("output-1", values[1])):
        drawn = cells_of(board, cells)
        (numbers,) = drawn.numbers
        assert np.array_equal(drawn.color, cells_of(plain, cells).color)
        assert np.array_equal(numbers.value, whole[tuple(drawn.index.T)])
    for number, cells in ((2, "output-2"), (3, "output-3")):
        (numbers,) = cells_of(board, cells).numbers
        assert np.array_equal(numbers.value, values[number].reshape(-1))


def test_no_bar_of_a_columns_window_stands_behind_the_digits_of_zeros():
    scene = find_scene("conv-matrix")
    depths = [
        next(m for m in compose(s).movers if m.name == "column-2").boxes[0][1][1]
        for s in (scene, without_values(scene))
    ]
    assert depths == [0.0, 1.0]


def test_the_kernel_beside_the_matrix_shows_which_weight_wears_which_colour():
    board = compose(find_scene("conv-matrix"))
    kernel, drawn = cells_of(board, "kernel-2"), cells_of(board, "filters-2")
    matrix = matrix_of(find_scene("conv-matrix"), np.arange(9.0).reshape(1, 1, 3, 3))
    for (_, _, row, column), color in zip(drawn.index.tolist(), drawn.color, strict=True):
        assert (kernel.color[int(matrix[row, column])] == color).all()
    assert len(kernel) == 9


@pytest.mark.parametrize("name", [*SCENES, *OTHERS])
def test_at_every_step_the_column_of_the_output_cell_is_lit_and_what_meets_a_weight_in_it(name):
    scene, board = scene_of(name), compose(scene_of(name))
    op, item = scene.stages[0].op, item_of(scene)
    weighted = matrix_of(scene, np.ones(op.weight_shape)) != 0
    drawn, row, read = (cells_of(board, n) for n in ("filters-2", "output-1", "input"))
    first_step = Contents(scene).steps[0]
    for step in range(weighted.shape[1]):
        frame = board.settled[first_step + step] - 1e-3
        lit = pose(board, drawn, frame).lit
        assert (lit[drawn.index[:, 3] == step] > 0.99).all() and (lit[drawn.index[:, 3] != step] < 0.01).all(), step
        for cells in (row, read):
            seen, expected = pose(board, cells, frame).lit, np.zeros(len(cells))
            expected[: weighted.shape[0]] = weighted[:, step]
            assert np.allclose(seen, expected, atol=0.01), (cells.name, step)
    assert np.prod(item) == weighted.shape[0]


@pytest.mark.parametrize("name", SCENES)
def test_lines_lead_to_the_column_and_from_there_to_the_cell_that_is_written(name):
    scene, board = find_scene(name), compose(find_scene(name))
    drawn, made = cells_of(board, "filters-2"), cells_of(board, "output-2")
    lines = next(lines for lines in board.lines if lines.name.startswith("lines-2-"))
    for step in range(len(made)):
        ends = lines_at(board, lines, board.settled[1 + step] - 1e-3)
        column = drawn.position[drawn.index[:, 3] == step][:, 0]
        assert np.allclose(np.sort(ends[:-1, 1, 0]), column[0] + np.array([-1, -1, 1, 1]) * (0.5 - INSET), atol=0.01)
        assert np.allclose(ends[-1, 0, 0], column[0] + 0.5, atol=0.01)
        assert np.allclose(ends[-1, 1, [0, 2]], made.position[step][[0, 2]], atol=0.01)
    assert scene.shapes[-1][-1] ** 2 == len(made)


def test_only_what_meets_a_weight_sets_out_in_the_first_step():
    board = compose(find_scene("conv-matrix"))
    travellers = cells_of(board, "travellers-2")
    assert sorted(travellers.index[:, -1].tolist()) == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    drawn = cells_of(board, "filters-2")
    column = drawn.position[drawn.index[:, 3] == 0]
    assert sorted(map(tuple, travellers.via.tolist())) == sorted(map(tuple, column.tolist()))


@pytest.mark.parametrize("name", [*SCENES, *OTHERS])
def test_the_cells_of_the_output_stand_where_the_convolution_writes_them(name):
    scene = without_values(scene_of(name))
    board = compose(scene)
    product, output = cells_of(board, "output-2"), cells_of(board, "output-3")
    came = {tuple(place): i for i, place in enumerate(np.round(product.position, 3).tolist())}
    order = [came[tuple(place)] for place in np.round(output.origin, 3).tolist()]
    assert order == list(range(len(product)))
    assert (output.color == product.color[order]).all()
    op = scene.stages[0].op
    colors = palette.output_colors(op.out_channels, op.groups)
    per_picture = colors[np.arange(np.prod(op.output_item(item_of(scene)))) * len(colors) // output_cells(scene)]
    assert np.allclose(output.color[: output_cells(scene)], per_picture, atol=1e-6)


def output_cells(scene):
    return int(np.prod(scene.stages[0].op.output_item(item_of(scene))))


def test_a_wide_matrix_has_its_columns_above_their_results_where_that_makes_cells_larger():
    board = compose(find_scene("transposed-matrix"))
    matrix, product = cells_of(board, "filters-2"), cells_of(board, "output-2")
    seen = Screen(board, 1)
    columns = np.array([seen.pixels(matrix.position[matrix.index[:, 3] == i])[0] for i in range(16)])
    results = seen.pixels(product.position)
    assert np.allclose(columns[:, 0], results[:, 0], atol=1.0)
    assert (columns[:, 1] < results[:, 1] - 30.0).all()
    still = compose(find_scene("conv-matrix"))  # 16 rows would be higher than the picture: its product stands beside it
    matrix, product = cells_of(still, "filters-2"), cells_of(still, "output-2")
    assert matrix.position[:, 0].max() < product.position[:, 0].min()


@pytest.mark.parametrize("name", SCENES)
def test_in_every_step_the_words_are_those_of_the_convolution(name):
    scene, board = find_scene(name), compose(find_scene(name))
    bodies = {c.name: c.body for c in board.captions}
    matrix = matrix_of(scene, np.ones((1, 1, 3, 3)))
    inputs, outputs = matrix.shape
    counted = "9 parameters · 36 multiply-accumulates"
    assert [bodies[f"cost-{act}"] for act in (1, 2, 3)] == [counted, f"{counted}, zeros skipped", counted]
    assert bodies["formula-2-1"] == f"(1 × {inputs}) · ({inputs} × {outputs}) = 1 × {outputs}"
    labels = {
        name: " ".join(body for key, body in bodies.items() if re.fullmatch(rf"label-{name}-\d", key))
        for name in ("filters-2", "output-1", "output-2")
    }
    assert labels["filters-2"].endswith(f"{inputs} × {outputs}")
    assert labels["output-1"].endswith(f"1 × {inputs}") and labels["output-2"].endswith(f"1 × {outputs}")
    side = scene.shapes[1][-1]
    tables = [[bodies.get(f"table-{act}-{row}-3") for row in (1, 2, 3)] for act in (1, 2, 3)]
    assert tables == [[str(scene.input.shape[-1]), "3", str(side)]] * 3
    column = told_column(matrix)
    told = {c.name: c.body for c in compose(without_values(scene)).captions}
    assert told["phase-2-1"] == f"the row meets column {column + 1} of the matrix"
    weights = int((matrix[:, column] != 0).sum())
    assert re.findall(r"\d+", told["phase-2-2"])[:2] == [str(weights), str(inputs)]
    assert explain(scene)["parameters"] == 9 and explain(scene)["macs"] == 36
    assert explain(scene)["steps"] == board.steps == outputs + 2
    assert explain(scene)["cells"] == sum(len(c) for c in board.cells if c.role != "traveller")


def told_column(matrix):
    """The first column, or the fullest one where that has a single weight."""
    weights = (matrix != 0).sum(axis=0)
    return 0 if weights[0] > 1 else int(np.flatnonzero(weights == weights.max())[0])


@pytest.mark.parametrize("name", SCENES)
def test_one_column_is_told_in_numbers(name):
    scene, board = find_scene(name), compose(find_scene(name))
    (before, _), (weight,), _ = values_of(scene)
    matrix = matrix_of(scene, weight)
    column = told_column(matrix)
    pairs = [(x, w) for x, w in zip(before.reshape(-1), matrix[:, column], strict=True) if w]
    assert len(pairs) > 1
    texts = [
        " ".join(c.body for c in board.captions if c.name == f"phase-2-{i}").replace(MINUS, "-") for i in (2, 3, 4)
    ]
    assert texts[0].startswith(f"column {column + 1} multiplies: ")
    assert [eval(product.replace("·", "*")) for product in texts[0].split(": ")[1].split(", ")] == [
        x * w for x, w in pairs
    ]
    terms, total = texts[1].removeprefix("… adds: ").split(" = ")
    assert eval(terms) == float(total) == before.reshape(-1) @ matrix[:, column]
    assert texts[2] == f"… writes {total}"
    (written,) = cells_of(board, "output-2").numbers
    assert written.value[column] == float(total)
    lit = pose(board, cells_of(board, "filters-2"), next(c for c in board.captions if c.name == "phase-2-3").first).lit
    assert set(cells_of(board, "filters-2").index[lit > 0.99][:, 3].tolist()) == {column}


def test_the_transposed_one_takes_what_the_convolution_made_and_says_that_the_size_comes_back_and_not_the_values():
    scene, other = find_scene("transposed-matrix"), find_scene("conv-matrix")
    (read, made), (weight,), _ = values_of(other)
    (given, back), (its_weight,), _ = values_of(scene)
    assert np.array_equal(given, made) and np.array_equal(its_weight, weight)
    assert back.shape == read.shape and not (back == read).any()
    assert "the size comes back, not the values" in scene.note.en and "尺寸，不是数值" in scene.note.zh
    for text in (scene.note.en, scene.note.zh):
        told = re.findall(r"−?\d+", text)
        assert told == [f"{value:g}".replace("-", "−") for value in (*made.reshape(-1), *read[0, 0])]
    for language in ("en", "zh"):
        board = compose(scene, language=language)
        lines = sorted((c for c in board.captions if c.name.startswith("note-")), key=lambda c: c.name)
        assert (" " if language == "en" else "").join(c.body for c in lines) == scene.note.in_language(language)
        assert {c.last for c in lines} == {board.frames}
    weight = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    matrix = matrix_of(find_scene("conv-matrix"), weight)
    assert (matrix_of(scene, weight) == matrix.T).all()


def test_a_cone_leads_back_through_the_weights_of_the_matrix_and_not_through_its_zeros():
    scene = scene_of("first of two", '"lines", "cone"')
    board = compose(scene)
    masks = ancestors([stage.op for stage in scene.stages], (0, 0, 0), (1, 4, 4))
    marked = {tuple(i) for c in board.cells if c.name.startswith("marks-input-") for i in c.index.tolist()}
    assert marked == {tuple(i) for i in np.argwhere(masks[0]).tolist()}
    scene = parse_scene(OTHERS["channels"] + '[look]\nshow = ["cone"]\n', "test")
    marked = {tuple(i) for c in compose(scene).cells if c.name.startswith("marks-input-") for i in c.index.tolist()}
    assert marked == {tuple(i) for i in np.argwhere(ancestors([scene.stages[0].op], (0, 0, 0), (2, 4, 3))[0]).tolist()}


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('[input]\nshape = [1, 4, 4]\n[[stage]]\nop = "Conv2d"\nout_channels = 1\nbias = true' + SEEN, "bias = false"),
        ('[input]\nshape = [1, 28, 28]\n[[stage]]\nop = "Conv2d"\nout_channels = 1' + SEEN, "784 x 676 cells; allowed"),
        ('[input]\nshape = [1, 4, 4]\n[[stage]]\nop = "MaxPool2d"' + SEEN, "unknown key 'view'"),
        (OTHERS["batch"].replace("matrix", "gather"), "allowed: whole, partial, matrix"),
        (OTHERS["transposed"].replace("matrix", "whole"), "allowed: scatter, gather, matrix"),
        ('[input]\nshape = [1, 2, 2]\n[[stage]]\nop = "Conv2d"\nout_channels = 1' + SEEN, "spans 3 cells"),
    ],
)
def test_what_cannot_be_seen_as_a_matrix_is_refused_in_one_line(text, refused):
    with pytest.raises(SceneError, match=r"^test: stage 1") as error:
        parse_scene(text, "test")
    assert refused in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["conv-matrix", "transposed-matrix", "im2col"])
@pytest.mark.parametrize("size", [(854, 480), (480, 480), (480, 854)])
def test_no_line_passes_the_kernel_that_a_product_is_explained_by(name, size):
    board = compose(replace(find_scene(name), look=Look(camera="still")), size, 12.0)
    screen, kernel = Screen(board), next(c for c in board.cells if c.name == "kernel-2")
    reach = screen.reach(kernel.position, 0.5)
    middle = screen.pixels(kernel.position)
    low, high = (middle - reach).min(axis=0), (middle + reach).max(axis=0)
    factor, product = (
        screen.pixels(next(c for c in board.cells if c.name == name).position) for name in ("filters-2", "output-2")
    )
    if size[0] < size[1]:
        beside = high[0] < factor[:, 0].min() and low[1] < factor[:, 1].max() < high[1]
        assert beside, "it stands beside the factor, whose line takes no more of the height for it"
    else:
        assert high[1] < product[:, 1].min(), "it stands above the product"
    times = [(lines, at - 1e-3) for lines in board.lines for at in board.settled]
    ends = screen.pixels(np.concatenate([lines_at(board, lines, at) for lines, at in times]))
    assert len(ends)
    points = ends[:, :1] + np.linspace(0.0, 1.0, 101)[:, None] * (ends[:, 1:] - ends[:, :1])
    assert not ((points > low) & (points < high)).all(axis=-1).any()
    for label in (c for c in board.captions if c.name.startswith("label-kernel-2") and size[0] >= size[1]):
        left, top, right, bottom = caption_box(label, screen)
        assert not ((points > (left, top)) & (points < (right, bottom))).all(axis=-1).any(), label.body
