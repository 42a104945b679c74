"""A convolution that is seen as its filters times its windows: columns, rows, product and map, held against loops."""

import itertools

import numpy as np
import pytest

from convmotion.scenes import SceneError, compose, explain, find_scene, parse_scene
from convmotion.scenes.contents import Contents
from convmotion.scenes.palette import THEMES
from convmotion.scenes.plan import Plan
from convmotion.scenes.pose import pose
from convmotion.scenes.screen import Screen
from convmotion.scenes.values import values_of

CONV = '[[stage]]\nop = "Conv{}d"\nout_channels = {}\nkernel_size = {}\n'
SEEN = 'view = "im2col"\n'
OTHERS = {
    "padded": "[input]\nshape = [2, 3, 4]\n" + CONV.format(2, 3, 3) + "padding = 1\n" + SEEN,
    "reflecting": "[input]\nshape = [1, 4, 3]\n"
    + CONV.format(2, 1, 3)
    + "padding = 1\npadding_mode = 'reflect'\n"
    + SEEN,
    "as many windows as channels": "[input]\nshape = [4, 3, 3]\n" + CONV.format(2, 2, 2) + SEEN,
    "far apart": "[input]\nshape = [1, 6, 7]\n" + CONV.format(2, 2, [2, 3]) + "stride = 2\ndilation = [2, 1]\n" + SEEN,
    "same": "[input]\nshape = [1, 3, 3]\n" + CONV.format(2, 1, 2) + "padding = 'same'\n" + SEEN,
    "batch": "[input]\nshape = [2, 1, 3, 4]\n" + CONV.format(2, 2, 2) + SEEN,
    "one axis": "[input]\nshape = [2, 6]\n" + CONV.format(1, 2, 3) + SEEN,
    "three axes": "[input]\nshape = [1, 3, 3, 4]\n" + CONV.format(3, 1, 2) + SEEN,
    "filter by filter": "[time]\norder = 'filter'\n[input]\nshape = [2, 1, 3, 3]\n" + CONV.format(2, 2, 2) + SEEN,
}
NAMES = ["im2col", *OTHERS]


def scene_of(name, show='"lines", "ghosts", "formula", "table"'):
    if name == "im2col":
        return find_scene(name)
    time = "" if "[time]" in OTHERS[name] else "[time]\nseconds = 30\n"
    return parse_scene(f"{OTHERS[name]}{time}[look]\nshow = [{show}]\n", "test")


def cells_of(board, name):
    return next(cells for cells in board.cells if cells.name == name)


def windows(scene):
    """For each window, row-major, the cells (C, *spatial) that it reads, -1s for zeros, channel slowest: by loops."""
    op, item = scene.stages[0].op, scene.shapes[0][-1 - scene.stages[0].op.AXES :]
    window = op.window
    found = []
    for place in itertools.product(*map(range, op.output_item(item)[1:])):
        column = []
        for channel, *within in itertools.product(range(item[0]), *map(range, window.kernel_size)):
            cell = [channel]
            for axis, size in enumerate(item[1:]):
                at = place[axis] * window.stride[axis] - window.padding[axis][0] + within[axis] * window.dilation[axis]
                if op.padding_mode == "reflect":
                    at = -at if at < 0 else 2 * (size - 1) - at if at >= size else at
                cell.append(at if 0 <= at < size else -1)
            column.append([-1] * len(cell) if -1 in cell else cell)
        found.append(column)
    return np.array(found)


def pictures(array, axes):
    return array.reshape(-1, *array.shape[-1 - axes :])


@pytest.mark.parametrize("name", NAMES)
def test_columns_product_and_map_have_the_values_of_the_convolution(name):
    scene = scene_of(name)
    (x, y), (weight,), _ = values_of(scene)
    plan = Plan(Contents(scene), (854, 480), 30.0, "en", THEMES["light"])
    columns, product, output = plan.known_values()[0][1:]
    cells, axes = windows(scene), scene.stages[0].op.AXES
    for picture, made in zip(pictures(x, axes), columns.reshape(-1, *columns.shape[-2:]), strict=True):
        read = picture[tuple(np.moveaxis(cells, 2, 0))]
        assert np.array_equal(made.T, np.where((cells < 0).any(axis=2), 0.0, read))
    rows = weight.reshape(len(weight), -1)
    expected = rows @ columns.reshape(-1, *columns.shape[-2:])
    assert np.allclose(product.reshape(expected.shape), expected)
    assert np.allclose(output.reshape(y.shape), y) and np.allclose(product.reshape(y.shape), y)


@pytest.mark.parametrize("name", NAMES)
def test_each_window_becomes_a_column_in_a_step_of_its_own_and_zeros_stay_empty(name):
    scene, board = scene_of(name), compose(scene_of(name))
    contents, cells = Contents(scene), windows(scene)
    read, columns = cells_of(board, "input"), cells_of(board, "output-1")
    zeros = next((c for c in board.cells if c.name == "zeros-output-1"), None)
    shape = scene.input.shape if len(scene.input.shape) > scene.stages[0].op.AXES + 1 else (1, *scene.input.shape)
    position = read.position.reshape(*shape, 3)
    seen = set()
    for index, origin, start in zip(columns.index.tolist(), columns.origin, columns.start.tolist(), strict=True):
        n, (row, column) = (index[0] if len(index) == 4 else 0), index[-2:]
        assert np.allclose(origin, position[(n, *cells[column, row])])
        assert start == n * len(cells) + column
        seen.add((n, row, column))
    nowhere = {
        (n, row, column) for n in range(shape[0]) for column, row in np.argwhere((cells < 0).any(axis=2)).tolist()
    }
    told = [] if zeros is None else zeros.index.tolist()
    assert {(i[0] if len(i) == 4 else 0, *i[-2:]) for i in told} == nowhere
    assert len(seen) + len(nowhere) == shape[0] * cells[..., 0].size and contents.steps[0] == shape[0] * len(cells)


@pytest.mark.parametrize("name", ["im2col", "padded", "far apart", "same", "batch", "one axis", "filter by filter"])
def test_the_window_stands_on_the_cells_that_become_a_column(name):
    scene, board = scene_of(name), compose(scene_of(name))
    read, cells = cells_of(board, "input"), windows(scene)
    batched = len(scene.input.shape) > scene.stages[0].op.AXES + 1
    for step in range(Contents(scene).steps[0]):
        lit = pose(board, read, board.settled[step] - 1e-3).lit > 0.99
        n, column = divmod(step, len(cells))
        expected = {tuple(([n] if batched else []) + cell) for cell in cells[column].tolist() if -1 not in cell}
        shown = {tuple(i) for i in read.index[lit].tolist()}
        if scene.stages[0].op.AXES == 1:  # of one axis the cells are columns
            shown = {(c, w) for c, _, w in shown}
        assert shown == expected, step


@pytest.mark.parametrize("name", NAMES)
def test_a_kernels_cells_travel_into_its_row_and_keep_their_colours(name):
    scene, board = scene_of(name), compose(scene_of(name))
    kernel, rows = cells_of(board, "kernel-2"), cells_of(board, "filters-2")
    filters, *window = scene.stages[0].op.weight_shape
    assert rows.shape == (filters, 1, 1, np.prod(window)) and len(rows) == len(kernel)
    assert np.array_equal(rows.color, kernel.color) and np.array_equal(rows.origin, kernel.position)
    columns = cells_of(board, "output-1")
    assert (columns.start.min() < rows.start).all() and rows.arrive.tolist() == [1.0] * len(rows)
    heights = [np.unique(rows.position[rows.index[:, 0] == f][:, 2]).size for f in range(filters)]
    assert heights == [1] * filters, "a row lies level"


def test_with_values_each_weight_stands_in_its_kernel_and_in_its_row():
    scene = scene_of("as many windows as channels", '"values"')
    board, (weight,) = compose(scene, (1920, 1080)), values_of(scene)[1]
    rows, kernel = cells_of(board, "filters-2"), cells_of(board, "kernel-2")
    (numbers,), (beside,) = rows.numbers, kernel.numbers
    assert numbers.value.tolist() == weight.reshape(-1).tolist()
    assert beside.value.tolist() == weight[:, 0].reshape(-1).tolist() and not kernel.index[beside.cell, 1].any()
    assert np.array_equal(rows.color, cells_of(compose(scene_of("as many windows as channels")), "filters-2").color)


@pytest.mark.parametrize("name", NAMES)
def test_in_the_end_the_product_is_folded_into_the_map(name):
    scene, board = scene_of(name), compose(scene_of(name))
    product, output = cells_of(board, "output-2"), cells_of(board, "output-3")
    came = {tuple(place): i for i, place in enumerate(np.round(product.position, 3).tolist())}
    order = [came[tuple(place)] for place in np.round(output.origin, 3).tolist()]
    assert order == list(range(len(product))) and np.array_equal(output.color, product.color[order])
    assert len(output) == np.prod(scene.shapes[1])
    if name == "im2col":
        assert output.shape == (1, 2, 2) and product.shape == (1, 1, 4)


def test_the_first_step_multiplies_a_column_by_the_row_in_order():
    board = compose(find_scene("im2col"))
    travellers, rows = cells_of(board, "travellers-2"), cells_of(board, "filters-2")
    assert travellers.index[:, -2:].tolist() == [[row, 0] for row in range(9)]
    assert np.array_equal(travellers.via, rows.position)


ITEMS = ("output-1", "filters-2", "output-2")


@pytest.mark.parametrize("name", NAMES)
def test_words_and_counts_are_those_of_the_convolution(name):
    scene, board = scene_of(name), compose(scene_of(name))
    bodies, told = {c.name: c.body for c in board.captions}, explain(scene)
    op, (_, after) = scene.stages[0].op, scene.shapes
    filters, weights, positions = op.out_channels, int(np.prod(op.weight_shape[1:])), int(np.prod(after[-op.AXES :]))
    assert bodies["formula-2-1"] == f"({filters} × {weights}) · ({weights} × {positions}) = {filters} × {positions}"
    batch = f"{scene.input.shape[0]} × " if len(after) > op.AXES + 1 else ""
    lines = {item: [bodies[name] for name in bodies if name.startswith(f"label-{item}-")] for item in ITEMS}
    labels = [" ".join(" ".join(lines[item]).split()) for item in ITEMS]
    assert labels == [
        f"columns {batch}{weights} × {positions}",
        f"{'kernel as a row' if filters == 1 else 'kernels as rows'} {filters} × {weights}",
        f"product {batch}{filters} × {positions}",
    ]
    assert told["parameters"] == filters * weights
    for act in (1, 2, 3):
        cost = bodies[f"cost-{act}"].replace("multiply-accumulates", "MACs")
        assert cost == f"{told['parameters']} parameters · {told['macs']:,} MACs"
    assert told["steps"] == board.steps
    assert told["cells"] == sum(len(c) for c in board.cells if c.role not in ("traveller", "copy"))


SAME = "the same cells in another shape, each in its colour"
TOLD = {
    ("padded", "im2col"): "each kernel becomes a row, each window a column, with zeros where it stands on padding",
    ("reflecting", "im2col"): "the kernel becomes a row, each window a column, on padding of the cells that it repeats",
    ("padded", "matrix"): f"{SAME}; weights on padding are not in the matrix",
    ("reflecting", "matrix"): f"{SAME}; where padding repeats a cell, its weights add up",
    ("far apart", "im2col"): "each kernel becomes a row, each window a column",
    ("far apart", "matrix"): SAME,
}


def told_first(board):
    """What the first stage is about, its lines as one."""
    lines = [c for c in board.captions if c.name.startswith("story-1-1")]
    between = " " if board.language == "en" else ""
    return between.join(c.body for c in sorted(lines, key=lambda c: -c.at[1]))


@pytest.mark.parametrize(("name", "view"), TOLD)
def test_padding_is_drawn_around_the_input_and_told(name, view):
    text = OTHERS[name].replace("im2col", view) + "[time]\nseconds = 30\n"
    scene = parse_scene(text, "test")
    board = compose(scene)
    assert told_first(board) == TOLD[name, view]
    ghosts = [c for c in board.cells if c.name == "ghosts-input"]
    shape, (pad, _) = scene.input.shape, scene.stages[0].op.window.padding[0]
    expected = shape[0] * ((shape[1] + 2 * pad) * (shape[2] + 2 * pad) - shape[1] * shape[2])
    assert sum(map(len, ghosts)) == expected
    assert explain(scene)["cells"] == sum(len(c) for c in board.cells if c.role not in ("traveller", "copy"))
    assert told_first(compose(scene, (480, 854))) == TOLD[name, view]
    plain = compose(parse_scene(text.replace("padding = 1\n", ""), "test"), language="zh")
    chinese, without = told_first(compose(scene, language="zh")), told_first(plain)
    assert without and chinese.startswith(without) and (len(chinese) > len(without)) == bool(pad)


def test_the_kernel_is_told_to_become_a_row_while_it_does():
    board = compose(find_scene("im2col"))
    cells = cells_of(board, "filters-2")
    begin, end = cells.start.min(), cells.arrive.max()
    told = [c for c in board.captions if "kernel becomes a row" in c.body]
    on_its_way = [f for f in range(1, board.frames + 1) if begin < board.step.at(f)[0] < end]
    assert on_its_way and all(any(c.first <= frame <= c.last for c in told) for frame in on_its_way)


def test_an_unfold_of_its_own_shows_its_window_too():
    text = '[input]\nshape = [1, 4, 4]\n[[stage]]\nop = "Unfold"\nkernel_size = 2\nstride = 2\npadding = 1\n'
    board = compose(parse_scene(text, "test"))
    read, columns = cells_of(board, "input"), cells_of(board, "output-1")
    assert columns.shape == (4, 1, 9)
    assert len(cells_of(board, "ghosts-input")) == 20
    counts = [int((pose(board, read, board.settled[step] - 1e-3).lit > 0.99).sum()) for step in range(9)]
    assert counts == [1, 2, 1, 2, 4, 2, 1, 2, 1]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (OTHERS["padded"] + "bias = true\n", "bias = false"),
        (OTHERS["as many windows as channels"] + "groups = 2\n", "groups is 2; allowed: groups = 1"),
        ("[input]\nshape = [8, 40, 40]\n" + CONV.format(2, 1, 3) + SEEN, "72 x 1,444 cells; allowed: at most 20,000"),
        ("[input]\nshape = [1, 4, 4]\n" + CONV.format(2, 1, 3).replace("Conv", "ConvTranspose") + SEEN, "gather"),
        ("[input]\nshape = [1, 2, 2]\n" + CONV.format(2, 1, 3) + SEEN, "spans 3 cells"),
    ],
)
def test_what_cannot_be_seen_so_is_refused_in_one_line(text, refused):
    with pytest.raises(SceneError, match=r"^test: stage 1") as error:
        parse_scene(text, "test")
    assert refused in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("size", [(854, 480), (640, 480), (480, 480)])
def test_rows_stand_left_of_the_columns_and_what_flies_there_and_to_the_rows_stays_apart(size):
    board = compose(find_scene("im2col"), size, 12.0)
    screen, cells = Screen(board), {each.name: each for each in board.cells}
    spots = {name: screen.pixels(cells[name].position) for name in ("filters-2", "output-1", "output-2", "kernel-2")}
    assert spots["filters-2"][:, 0].max() < spots["output-1"][:, 0].min()
    assert spots["output-1"][:, 0].max() < spots["output-2"][:, 0].min()
    flights = 0
    for frame in range(1, int(board.settled[0])):
        flying = []
        for name in ("filters-2", "output-1"):
            state = pose(board, cells[name], frame)
            flying.append(screen.pixels(state.place[state.shown & ~state.resting]))
        for one, other in [flying, (flying[1], spots["kernel-2"])]:
            if len(one) and len(other):
                away = np.linalg.norm(one[:, None] - other, axis=2).min()
                flights += 1
                assert away > screen.scale, frame
    assert flights > 10
