"""Kernels by name: what they answer to, and that a scene file gets just them."""

import re

import numpy as np
import pytest

from convmotion.conv_math import Conv2d
from convmotion.scenes import SceneError, compose, parse_scene
from convmotion.scenes.kernels import FIXED, GROWING, NAMES, has_size, kernel, weight_of
from convmotion.scenes.layout import CAPITAL
from convmotion.scenes.lines import INSET
from convmotion.scenes.numerals import LEGIBLE
from convmotion.scenes.values import values_of

SCENE = """
[input]
shape = [2, 7, 7]
values = "ramp"
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 3
"""


def answer(name, picture):
    """The named 3x3 kernel over a picture, by conv_math."""
    return Conv2d(1, 1, 3, bias=False).forward(picture[None], kernel(name, (3, 3))[None, None])[0]


RIGHT = np.tile(np.arange(6.0), (6, 1))
"""One brighter from column to column."""
FLAT = np.full((6, 6), 0.5)


@pytest.mark.parametrize(("name", "slope"), [("sobel", 8.0), ("prewitt", 6.0)])
def test_gradients_are_positive_where_it_grows_brighter_to_the_right_and_downwards(name, slope):
    assert (answer(f"{name}-x", RIGHT) == slope).all() and (answer(f"{name}-y", RIGHT) == 0).all()
    assert (answer(f"{name}-y", RIGHT.T) == slope).all() and (answer(f"{name}-x", RIGHT.T) == 0).all()
    assert (answer(f"{name}-x", RIGHT[:, ::-1]) == -slope).all()


def test_the_laplacian_is_the_second_derivative():
    assert (answer("laplacian", RIGHT**2) == 2).all() and (answer("laplacian", RIGHT) == 0).all()


def test_what_is_even_stays_or_vanishes():
    for name in ("gaussian", "identity", "sharpen", "emboss"):
        assert answer(name, FLAT) == pytest.approx(FLAT[1:-1, 1:-1])
    for name in ("sobel-x", "sobel-y", "prewitt-x", "prewitt-y", "laplacian"):
        assert not answer(name, FLAT).any()


def test_sharpening_is_the_picture_less_its_laplacian():
    picture = np.random.default_rng(0).random((6, 6))
    assert answer("sharpen", picture) == pytest.approx(answer("identity", picture) - answer("laplacian", picture))


def test_embossing_lights_what_rises_to_the_lower_right():
    rising, falling = answer("emboss", RIGHT + RIGHT.T), answer("emboss", -RIGHT - RIGHT.T)
    middle = (RIGHT + RIGHT.T)[1:-1, 1:-1]
    assert (rising > middle).all() and (falling < -middle).all()


@pytest.mark.parametrize("size", [1, 3, 5, 63])
def test_a_gaussian_has_the_binomials_variance(size):
    row = kernel("gaussian", (size, 1))[:, 0]
    offset = np.arange(size) - size // 2
    assert row.sum() == pytest.approx(1) and row @ offset == pytest.approx(0)
    assert row @ offset**2 == pytest.approx((size - 1) / 4)
    square = kernel("gaussian", (size, size))
    assert square == pytest.approx(np.outer(row, row))


def test_the_identity_leaves_a_picture_as_it_is_at_any_odd_size():
    made = kernel("identity", (5, 3))
    assert made[2, 1] == 1 and made.sum() == 1 and made.shape == (5, 3)


def test_names_have_their_sizes():
    for name in NAMES:
        assert has_size(name, (3, 3)) and not has_size(name, (4, 4)) and not has_size(name, (3, 3, 3))
    assert all(not has_size(name, (5, 5)) for name in FIXED)
    assert all(has_size(name, (5, 7)) and not has_size(name, (3, 65)) for name in GROWING)


def test_several_channels_answer_as_one_does():
    one, three = (weight_of("sobel-x", (2, channels, 3, 3)) for channels in (1, 3))
    grey = np.broadcast_to(RIGHT, (3, 6, 6))
    assert three.shape == (2, 3, 3, 3)
    assert Conv2d(3, 2, 3, bias=False).forward(grey, three) == pytest.approx(
        Conv2d(1, 2, 3, bias=False).forward(grey[:1], one)
    )


def test_a_scene_gets_the_kernels_that_it_names():
    names = ["sobel-x", "gaussian", "identity", "sobel-x"]
    _, (weight,), _ = values_of(parse_scene(f"{SCENE}weight = {names}\n", "x"))
    assert weight is not None
    for made, name in zip(weight, names, strict=True):
        assert (made == kernel(name, (3, 3)) / 2).all()
    _, (weight,), _ = values_of(parse_scene(f'{SCENE}groups = 2\nweight = "emboss"\n', "x"))
    assert weight is not None and weight.shape == (4, 1, 3, 3) and (weight == kernel("emboss", (3, 3))).all()


def test_filters_with_names_are_marked_by_them():
    board = compose(parse_scene(f'{SCENE}weight = ["sobel-x", "gaussian", "identity", "sobel-y"]\n', "x"))
    marks = [c.body for c in board.captions if c.name.startswith("mark-filters-1")]
    assert marks == ["sobel-x", "gaussian", "identity", "sobel-y"]
    board = compose(parse_scene(SCENE.replace("= 4", "= 1") + 'weight = "laplacian"\n', "x"))
    assert [c.body for c in board.captions if c.name.startswith("mark-")] == ["laplacian"]


BIG = """
[input]
shape = [3, 64, 64]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
weight = ["sobel-x", "laplacian"]
[look]
show = ["lines", "values", "table"]
"""
"""Cells of a few pixels: no number of a kernel as small as these could be read."""
FEW_STEPS = BIG.replace("kernel_size = 3", "kernel_size = 3\nstride = 30")


def bank_of(board):
    return next(cells for cells in board.cells if cells.name == "filters-1")


@pytest.mark.parametrize("size", [(854, 480), (1280, 720), (480, 854), (320, 180)])
def test_the_numbers_of_a_named_kernel_can_be_read_beside_a_picture_of_many_cells(size):
    board = compose(parse_scene(BIG, "x"), size)
    bank, pixels = bank_of(board), size[0] / board.camera.width
    assert bank.scale > 2.0
    for numbers in bank.numbers:
        assert numbers.size * bank.scale * pixels >= max(LEGIBLE, 0.8 * CAPITAL["label"] * min(size) / 480.0)
    told = np.zeros((2, 3, 3))
    for numbers in bank.numbers:
        f, c, h, w = bank.index[numbers.cell].T
        assert (c == 0).all()
        told[f, h, w] = numbers.value
    assert told == pytest.approx(np.array([FIXED["sobel-x"], FIXED["laplacian"]], float)), "as they stand in books"
    assert [c.body for c in board.captions if c.name.startswith("mark-")] == ["sobel-x ÷ 3", "laplacian ÷ 3"]


def test_larger_kernels_stand_without_gaps_and_lines_lead_to_their_corners():
    board = compose(parse_scene(FEW_STEPS.replace("= 2", "= 1").replace('"sobel-x", ', ""), "x"))
    bank = bank_of(board)
    at = {tuple(index): place for index, place in zip(bank.index.tolist(), bank.position, strict=True)}
    for axis, step in enumerate([(0, 0, 0, 1), (0, 1, 0, 0), (0, 0, 1, 0)]):
        assert abs(at[step] - at[0, 0, 0, 0])[axis] == pytest.approx(bank.scale, rel=1e-5)
    half = bank.scale * (0.5 - INSET)
    low, high = bank.position.min(axis=0) - half, bank.position.max(axis=0) + half
    corners = [(x, low[1] - bank.scale * INSET, z) for x in (low[0], high[0]) for z in (low[2], high[2])]
    ends = [line.end for lines in board.lines for line in lines.lines if line.end_on is None]
    assert np.allclose(sorted(corners), sorted(ends), atol=1e-3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('weight = ["sobel-x", "laplacian"]', 'weight = "random"'),
        ('"values", ', ""),
        ("[3, 64, 64]", "[3, 7, 7]"),
    ],
)
def test_only_kernels_with_a_name_whose_numbers_could_not_be_read_are_larger(old, new):
    assert bank_of(compose(parse_scene(BIG.replace(old, new), "x"), (854, 480))).scale == 1.0


def test_cells_travel_to_the_fronts_of_larger_kernels():
    board = compose(parse_scene(FEW_STEPS.replace("64, 64", "40, 40"), "x"))
    bank, flying = bank_of(board), next(cells for cells in board.cells if cells.role == "traveller")
    assert bank.scale > 1.0 and flying.via is not None
    front = flying.via[flying.index[:, 0] == 0, 1] - 0.5
    assert front == pytest.approx(np.full(len(front), bank.position[:, 1].min() - bank.scale / 2.0), abs=1e-3)


def test_the_slices_of_a_named_kernel_that_are_seen_apart_are_marked_by_it():
    scene = SCENE.replace("= 4", "= 1") + 'weight = "sobel-x"\nview = "partial"\n[look]\nshow = ["values"]\n'
    board = compose(parse_scene(scene, "x"))
    assert [c.body for c in board.captions if c.name.startswith("mark-filters-1")] == ["sobel-x ÷ 2"] * 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('weight = "sobel"', ["weight is 'sobel'", "sobel-x", "gaussian", "identity"]),
        ('weight = ["sobel-x", "rnd", "sobel-x", "sobel-x"]', ["weight is 'rnd'", "sobel-y"]),
        ('weight = ["sobel-x", 3, "sobel-x", "sobel-x"]', ["weight is 3", "sobel-y"]),
        ('weight = ["sobel-x", "sobel-y"]', ["weight is ['sobel-x', 'sobel-y']", "a list of 4"]),
        ('weight = ["random", "random", "random", "random"]', ["weight is 'random'", "sobel-y"]),
        ("weight = []", ["weight is []", "sobel-x", "4 x 2 x 3 x 3"]),
        ("weight = 3", ["weight is 3", "random", "sobel-x"]),
    ],
)
def test_a_wrong_name_is_refused(line, words):
    with pytest.raises(SceneError) as refused:
        parse_scene(f"{SCENE}{line}\n", "file.toml")
    assert all(word in str(refused.value) for word in ["file.toml: stage 1: ", "allowed: ", *words]), refused.value


@pytest.mark.parametrize(
    ("size", "name", "allowed"),
    [
        ("5", "sobel-x", "3 x 3"),
        ("4", "gaussian", "odd sizes"),
        ("[3, 2]", "identity", "odd"),
        ("1", "emboss", "3 x 3"),
    ],
)
def test_a_wrong_size_is_refused(size, name, allowed):
    with pytest.raises(SceneError) as refused:
        parse_scene(SCENE.replace("kernel_size = 3", f'kernel_size = {size}\nweight = "{name}"'), "file.toml")
    assert f"weight is '{name}'" in str(refused.value) and allowed in str(refused.value), refused.value


def test_kernels_are_for_convolutions_of_pictures():
    text = SCENE.replace("[2, 7, 7]", "[2, 7, 7]").replace("Conv2d", "ConvTranspose2d") + 'weight = "sobel-x"\n'
    with pytest.raises(SceneError) as refused:
        parse_scene(text, "file.toml")
    assert re.search("weight is 'sobel-x'; allowed: random, .* or nested lists", str(refused.value))


def valued(shape, filters, kernel, more=""):
    stage = f"[[stage]]\nop = 'Conv2d'\nout_channels = {filters}\nkernel_size = {kernel}\n{more}\n"
    return f"[input]\nshape = {shape}\n{stage}[look]\nshow = ['values', 'lines']\n"


@pytest.mark.parametrize("size", [(854, 480), (480, 480), (640, 480), (480, 854)])
def test_every_weight_of_a_filter_is_seen_and_told_where_there_is_room_to_open_it(size):
    """Its channels stand side by side; what flies to them, and the products there, are told, too."""
    told = "weight = [[[[1]], [[4]]], [[[2]], [[5]]]]"
    opened = compose(parse_scene(valued([2, 4, 4], 2, 1, told), "opened"), size)
    cells = {each.name: each for each in opened.cells}
    filters, (numbers,) = cells["filters-1"], cells["filters-1"].numbers
    assert numbers.value.tolist() == [1.0, 4.0, 2.0, 5.0]
    assert [len(each) for each in cells["travellers-1"].numbers] == [2, 4], "of what is read only channel 1 is in front"
    for one, other in filters.position.reshape(2, 2, 3):
        assert other[0] - one[0] == pytest.approx(1.25) and (one == other)[1:].all()
    mouths = cells["output-1"].origin[:, 0]
    assert set(mouths.tolist()) == set((filters.position[1::2, 0] + 0.5).tolist()), (
        "results come out beside the last one"
    )
    crowded = compose(parse_scene(valued([8, 7, 7], 8, 3), "crowded"), size)
    closed = next(each for each in crowded.cells if each.name == "filters-1")
    assert len(closed.numbers[0]) == 8 * 9
