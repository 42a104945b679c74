"""A picture as input: which pixels become which values, and what its cells wear."""

from pathlib import Path

import numpy as np
import pytest

from convmotion.scenes import SceneError, compose, explain, parse_scene, photo_of, with_photo
from convmotion.scenes.layout import View
from convmotion.scenes.palette import THEMES, faint, hue_of, linear_of, luminance, srgb_codes
from convmotion.scenes.photo import GREY, area_mean, worn
from convmotion.scenes.values import values_of

SCENE = """
[input]
shape = [3, 4, 6]
values = { image = "photo.png" }
[[stage]]
op = "Conv2d"
out_channels = 3
kernel_size = 2
[look]
show = ["lines"]
"""


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(text=SCENE):
    return parse_scene(text, "folder/scene.toml")


def codes(cells):
    """What they wear as sRGB codes 0..1."""
    return srgb_codes(cells.color.astype(float)) / 255.0


def named(board, name):
    return next(c for c in board.cells if c.name == name)


def test_the_file_lies_beside_the_scene():
    photo = photo_of(scene())
    assert photo is not None and photo.path == Path("folder/photo.png")
    assert photo_of(parse_scene(SCENE.replace('{ image = "photo.png" }', '"ramp"'), "x")) is None


def test_pixels_of_the_right_number_become_values_as_they_are():
    pixels = noise(4, 6)
    values = with_photo(scene(), pixels).input.values
    assert values.shape == (3, 4, 6) and values == pytest.approx(pixels.transpose(2, 0, 1) / 255)


def test_more_pixels_are_averaged_over_each_cell():
    pixels = noise(12, 30)[:, 6:24]  # 3 x 3 pixels to a cell
    values = with_photo(scene(), pixels).input.values
    by_hand = pixels.reshape(4, 3, 6, 3, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 255
    assert values == pytest.approx(by_hand)


def test_pixels_are_shared_by_the_cells_that_they_lie_on():
    row = area_mean(np.array([[[0.0], [3.0], [9.0]]]), 1, 2)
    assert row[0, :, 0] == pytest.approx([(0 + 0.5 * 3) / 1.5, (0.5 * 3 + 9) / 1.5])


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 7), (64, 64), (7, 100), (99, 6)])
def test_an_even_picture_stays_even_and_a_mean_stays_the_same(height, width):
    even = np.full((height, width, 3), 77, np.uint8)
    assert with_photo(scene(), even).input.values == pytest.approx(77 / 255)
    pixels = noise(height, width) / 255
    assert area_mean(pixels, 4, 6).mean(axis=(0, 1)) == pytest.approx(pixels.mean(axis=(0, 1)))


@pytest.mark.parametrize(("high", "wide"), [(0, 40), (16, 0)])
def test_the_middle_is_taken_where_proportions_differ(high, wide):
    middle = noise(8, 12)
    pixels = np.pad(middle, ((high // 2,) * 2, (wide // 2,) * 2, (0, 0)))
    assert (with_photo(scene(), pixels).input.values == with_photo(scene(), middle).input.values).all()


def test_one_channel_is_grey():
    pixels = noise(4, 6)
    values = with_photo(scene(SCENE.replace("[3,", "[1,")), pixels).input.values
    assert sum(GREY) == pytest.approx(1) and values == pytest.approx((pixels @ np.array(GREY))[None] / 255)


def test_every_picture_of_a_batch_is_the_same():
    values = with_photo(scene(SCENE.replace("[3, 4, 6]", "[2, 3, 4, 6]")), noise(4, 6)).input.values
    assert values.shape == (2, 3, 4, 6) and (values[0] == values[1]).all()


@pytest.mark.parametrize(("height", "width"), [(3, 6), (4, 5), (100, 5)])
def test_a_picture_of_too_few_pixels_is_refused(height, width):
    with pytest.raises(SceneError) as refused:
        with_photo(scene(), noise(height, width))
    assert f"photo.png is {width} x {height} pixels; allowed: at least 6 x 4" in str(refused.value)


def test_what_is_computed_is_computed_from_the_picture():
    pictured = with_photo(scene(), noise(4, 6))
    (given, made), (weight,), _ = values_of(pictured)
    assert (given == pictured.input.values).all()
    assert made == pytest.approx(pictured.stages[0].op.forward(given, weight))


def test_cells_behind_each_other_wear_the_colour_of_their_pixel():
    pixels = noise(4, 6)
    for text in (SCENE, SCENE.replace('"lines"', '"values"')):
        cells = named(compose(with_photo(scene(text), pixels)), "input")
        _, row, column = cells.index.T
        assert len(cells) == 72 and codes(cells) == pytest.approx(pixels[row, column] / 255)


def test_cells_that_stand_apart_wear_their_channel():
    pixels = noise(4, 6)
    cells = named(compose(with_photo(scene(SCENE.replace("[look]", "groups = 3\n[look]")), pixels)), "input")
    channel, row, column = cells.index.T
    strong = pixels[row, column, channel]
    bright = luminance(cells.color)
    for number, hue in enumerate(hue_of(np.eye(3))):
        mine = channel == number
        assert hue_of(cells.color[mine]) == pytest.approx(hue, abs=0.5)
        assert (np.diff(bright[mine][np.argsort(strong[mine])]) >= 0.0).all(), "the stronger, the lighter"
        assert np.ptp(bright[mine]) > 0.2


def test_filters_of_a_colour_wear_it():
    board = compose(with_photo(scene(SCENE.replace("[look]", "groups = 3\n[look]")), noise(4, 6)))
    for name in ("filters-1", "output-1"):
        cells = named(board, name)
        lanes = np.unique(np.round(hue_of(cells.color)))
        assert lanes == pytest.approx(np.sort(hue_of(np.eye(3))), abs=1.0), name


def test_grey_cells_are_grey():
    pixels = noise(4, 6)
    cells = named(compose(with_photo(scene(SCENE.replace("[3,", "[1,")), pixels)), "input")
    _, row, column = cells.index.T
    grey = (pixels @ np.array(GREY))[row, column, None] / 255
    assert codes(cells) == pytest.approx(np.broadcast_to(grey, (24, 3)), abs=0.6 / 255)


def test_copies_on_their_way_wear_what_they_are_copies_of():
    pixels = noise(4, 6)
    board = compose(with_photo(scene(), pixels))
    cells = named(board, "travellers-1")
    _, row, column = cells.index.T
    assert codes(cells) == pytest.approx(pixels[row, column] / 255)


def test_a_moved_picture_stays_itself():
    text = SCENE[: SCENE.index("[[stage]]")] + '[[stage]]\nop = "ChannelShuffle"\ngroups = 1\n'
    pixels = noise(4, 6)
    board = compose(with_photo(scene(text), pixels))
    for name in ("input", "reshape-1", "transpose-1", "output-1"):
        cells = named(board, name)
        row, column = cells.index.T[-2:]
        assert codes(cells) == pytest.approx(pixels[row, column] / 255), name


POOLED = """
[[stage]]
op = "{op}"
{parameter}
[[stage]]
op = "PixelShuffle"
upscale_factor = 1
[[stage]]
op = "Conv2d"
out_channels = 3
kernel_size = 1
[look]
show = ["{show}"]
"""


@pytest.mark.parametrize("show", ["lines", "values"])
@pytest.mark.parametrize(
    ("op", "parameter"),
    [("AvgPool2d", "kernel_size = 2"), ("MaxPool2d", "kernel_size = 2"), ("Upsample", "scale_factor = 2")],
)
def test_a_picture_stays_one_until_filters_have_read_it(op, parameter, show):
    text = SCENE[: SCENE.index("[[stage]]")] + POOLED.format(op=op, parameter=parameter, show=show)
    pictured = with_photo(scene(text), noise(4, 6))
    (_, pooled, moved, _), *_ = values_of(pictured)
    board = compose(pictured)
    shown = {"output-1": pooled, "output-2": moved}
    if op != "Upsample":  # there are too many of its cells for a first step in slow motion
        shown["travellers-3"] = moved
    for name, values in shown.items():
        cells = named(board, name)
        expected = worn(values, apart=True)[tuple(cells.index.T)]  # pools read the channels apart
        assert cells.color == pytest.approx(expected, abs=1e-6), name
    last = named(board, "output-3")
    several = {tuple(color) for color in last.color[last.index[:, 0] == 0]}
    assert (len(several) > 1) is (show == "values"), "the filters' hues, and their lightness"


def test_what_is_copied_around_a_picture_wears_what_it_copies():
    text = SCENE.replace("kernel_size = 2", 'kernel_size = 3\npadding = 1\npadding_mode = "reflect"')
    pixels = noise(4, 6)
    cells = named(compose(with_photo(scene(text.replace('"lines"', '"ghosts", "values"')), pixels)), "copies-input")
    row, column = cells.index.T[-2:]
    real = linear_of(pixels[row, column] / 255)
    assert cells.color == pytest.approx(faint(real, THEMES["light"]), abs=1e-6)


def test_the_picture_decides_what_is_seen():
    one, same, other = (compose(with_photo(scene(), noise(4, 6, seed))) for seed in (0, 0, 1))
    assert one.content_hash == same.content_hash != other.content_hash


def test_a_picture_that_nobody_has_read_is_told_but_not_drawn():
    assert explain(scene())["stages"][0]["output"] == [3, 3, 5]
    for draw in (compose, values_of):
        with pytest.raises(SceneError, match=r"folder/scene\.toml: input\.values: folder/photo\.png has not been read"):
            draw(scene())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[3, 4, 6]", "[2, 4, 6]", ["input.shape is [2, 4, 6]", "3 (colours)", "1 (grey)"]),
        ('{ image = "photo.png" }', "{ image = 3 }", ["input.values.image is 3", "file"]),
        ('{ image = "photo.png" }', '{ image = "" }', ["input.values.image is ''"]),
        ('{ image = "photo.png" }', '{ image = "a\\u0000b" }', ["input.values.image is 'a\\x00b'"]),
        ('{ image = "photo.png" }', "{ }", ["input.values is {}", 'image = "photo.png"']),
        ('{ image = "photo.png" }', '{ picture = "photo.png" }', ["unknown key 'picture'", "image"]),
        ('{ image = "photo.png" }', '"photo.png"', ["input.values is 'photo.png'", 'image = "photo.png"']),
    ],
)
def test_a_wrong_picture_is_refused(old, new, words):
    with pytest.raises(SceneError) as refused:
        parse_scene(SCENE.replace(old, new), "file.toml")
    assert all(word in str(refused.value) for word in words), refused.value


APART = SCENE.replace('show = ["lines"]', "apart = true")


def test_a_result_that_stands_apart_or_is_a_picture_shows_every_channel():
    shaded = SCENE.replace('"lines"', '"lines", "values"')
    apart, pictured, hues = (compose(with_photo(scene(text), noise(4, 6))) for text in (APART, shaded, SCENE))
    numbers = compose(scene(shaded.replace('{ image = "photo.png" }', '"random"')))
    for tested, hidden in ((apart, False), (pictured, False), (hues, True), (numbers, True)):
        cells = named(tested, "output-1")
        spots = View.along(tested.camera.direction).project(cells.position)
        first, others = (spots[chosen] for chosen in (cells.index[:, 0] == 0, cells.index[:, 0] > 0))
        nearest = np.abs(first[:, None] - others).max(axis=2).min()
        assert (nearest < 0.9) == hidden


@pytest.mark.parametrize("value", ["1", "'yes'", "[]"])
def test_apart_is_a_switch(value):
    with pytest.raises(SceneError, match=r"look\.apart is .*; allowed: true, false"):
        scene(APART.replace("true", value))


def test_the_channels_of_a_picture_are_called_by_their_colours_where_they_stand_apart():
    def marks(text, name):
        board = compose(with_photo(scene(text), noise(4, 6)))
        return [c.body for c in board.captions if c.name.startswith(f"mark-{name}-")]

    depthwise, numbers = SCENE.replace("kernel_size", "groups = 3\nkernel_size"), ["1", "2", "3"]
    assert (marks(depthwise, "input"), marks(depthwise, "output-1")) == (["R", "G", "B"], numbers)
    pooled = SCENE.replace('op = "Conv2d"\nout_channels = 3', 'op = "MaxPool2d"')
    assert marks(pooled, "input") == marks(pooled, "output-1") == ["R", "G", "B"]
    board = compose(parse_scene(depthwise.replace('{ image = "photo.png" }', '"random"'), "numbers"))
    assert [c.body for c in board.captions if c.name.startswith("mark-input-")] == numbers
    assert not marks(SCENE, "input"), "channels behind each other have no marks"
    board = compose(with_photo(scene(SCENE), noise(4, 6)))
    (label,) = (c.body for c in board.captions if c.name == "label-input-1")
    assert label.startswith("input (R, G, B)")


EDGE = """
[input]
shape = [1, 9, 9]
values = { image = "photo.png" }
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 3
weight = "sobel-x"
[time]
seconds = 14
[look]
show = ["values", "ghosts"]
"""
SQUARE = np.full((9, 9, 3), 102, np.uint8)
SQUARE[4:7, 5:8] = 255


def told_in(text=EDGE, pixels=SQUARE):
    """Which steps are told in slow motion, from their first words on, and what is said last of each."""
    board = compose(with_photo(scene(text), pixels))
    phases = [c for c in board.captions if c.name.startswith("phase-1-")]
    begun = [c.first for c in phases if c.name.startswith("phase-1-1")]
    return board, [int(board.step.at(frame)[0]) for frame in begun], [c.body for c in phases if "writes" in c.body]


def test_where_a_picture_begins_with_a_plain_corner_the_step_that_finds_most_is_told_too():
    board, steps, written = told_in(EDGE)
    _, output = values_of(with_photo(scene(EDGE), SQUARE))[0]
    assert steps == [0, int(np.abs(output).argmax())] and steps[1] > 0
    assert written == ["… writes 0", f"… writes {round(float(np.abs(output).max()), 2)}"]
    first, most = named(board, "travellers-1"), named(board, "travellers-1-2")
    assert {tuple(i) for i in first.index} == {(0, r, c) for r in range(3) for c in range(3)}
    row, column = divmod(steps[1], 7)
    assert {tuple(i) for i in most.index} == {(0, row + r, column + c) for r in range(3) for c in range(3)}
    assert (most.start.min(), most.end) == pytest.approx((steps[1] + 0.2, steps[1] + 0.8))


def test_its_window_stands_on_no_padding():
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[4, 4], pixels[4, 8] = 102, 255
    weight = "[[[[0, 0, 0], [0, 1, 0], [0, 0, 0]]]]\npadding = 1"
    _, steps, written = told_in(EDGE.replace('"sobel-x"', weight), pixels)
    assert steps == [0, 4 * 9 + 4] and written == ["… writes 0", "… writes 0.4"]


def test_all_of_it_is_drawn():
    shape, (row, column) = (300, 400), (150, 200)
    pixels = np.zeros((*shape, 3), np.uint8)
    pixels[row, column], pixels[3, 5] = 255, 102
    board, steps, _ = told_in(EDGE.replace("[1, 9, 9]", "[3, 300, 400]"), pixels)
    drawn = {tuple(place) for place in named(board, "input").index[:, 1:].tolist()}
    assert (row, column) not in drawn and len(steps) == 2
    assert {(r + i, c + j) for s in steps for r, c in [divmod(s, 398)] for i in range(3) for j in range(3)} <= drawn


@pytest.mark.parametrize(
    ("old", "new"),
    [("seconds = 14", "seconds = 9"), ('"values"', '"lines"'), ('op = "Conv2d"', 'op = "MaxPool2d"')],
)
def test_it_is_told_where_there_is_time_and_there_are_numbers_and_filters(old, new):
    text = EDGE.replace(old, new)
    if "Pool" in new:
        text = text.replace("out_channels = 1\n", "").replace('weight = "sobel-x"\n', "")
    assert len(told_in(text)[1]) == 1


def test_of_numbers_that_are_no_picture_the_first_step_alone_is_told():
    numbers = (SQUARE[None, ..., 0] / 255).tolist()
    board = compose(scene(EDGE.replace('{ image = "photo.png" }', str(numbers))))
    assert len([c for c in board.captions if c.body == "… writes 0"]) == 1
    assert not any(c.name == "travellers-1-2" for c in board.cells)


def test_a_corner_that_finds_something_is_enough():
    pixels = SQUARE.copy()
    pixels[:, :2] = 153
    assert told_in(pixels=pixels)[2] == ["… writes −0.8"] and len(told_in()[2]) == 2
