"""Kernels by name: what they answer to, and that a scene file gets just them."""

import numpy as np
import pytest

from convmotion.conv_math import Conv2d
from convmotion.scenes import SceneError, compose, parse_scene
from convmotion.scenes.kernels import FIXED, GROWING, NAMES, has_size, kernel, weight_of
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
    assert "weight is 'sobel-x'; allowed: random, or nested lists" in str(refused.value)
