"""The catalog says what its table says, number by number, through conv_math."""

import math
import re
from collections import Counter
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest

from convmotion.conv_math import Conv2d, receptive_field, usage_counts
from convmotion.scenes import (
    Scene,
    SceneError,
    catalog_names,
    compose,
    explain,
    find_scene,
    load_catalog,
    photo_of,
    with_photo,
)
from convmotion.scenes.explain import explain_text
from convmotion.scenes.kernels import NAMES
from convmotion.scenes.palette import THEMES
from convmotion.scenes.story import _digest
from convmotion.scenes.values import values_of


@dataclass(frozen=True)
class Row:
    shapes: list[list[int]]
    kernels: list[list[int] | None]
    parameters: list[int]
    macs: list[int]
    steps: list[int]
    field: list[int]
    cells: int


ROWS = {
    "standard": Row([[8, 7, 7], [8, 5, 5]], [[8, 8, 3, 3]], [576], [14_400], [25], [3, 3], 392 + 576 + 200),
    "grouped": Row([[8, 7, 7], [8, 5, 5]], [[8, 4, 3, 3]], [288], [7_200], [25], [3, 3], 392 + 288 + 200),
    "depthwise": Row([[8, 7, 7], [8, 5, 5]], [[8, 1, 3, 3]], [72], [1_800], [25], [3, 3], 392 + 72 + 200),
    "pointwise": Row([[8, 5, 5], [8, 5, 5]], [[8, 8, 1, 1]], [64], [1_600], [25], [1, 1], 200 + 64 + 200),
    "depthwise-separable": Row(
        [[8, 7, 7], [8, 5, 5], [8, 5, 5]],
        [[8, 1, 3, 3], [8, 8, 1, 1]],
        [72, 64],
        [1_800, 1_600],
        [25, 25],
        [3, 3],
        392 + 72 + 200 + 64 + 200,
    ),
    # Eight channels, one after another, in each of the three arrangements; reshape and transpose are drawn as well.
    "channel-shuffle": Row([[8, 5, 5], [8, 5, 5]], [None], [0], [0], [3 * 8], [1, 1], 4 * 200),
    "single-channel": Row([[1, 5, 5], [1, 3, 3]], [[1, 1, 3, 3]], [9], [81], [9], [3, 3], 25 + 9 + 9),
}
CORE = list(ROWS)[:6]


def test_the_six_scenes_at_the_core_come_first_and_in_their_order():
    assert catalog_names()[:6] == CORE
    assert catalog_names() == list(load_catalog())
    places = [scene.place for scene in load_catalog().values()]
    assert places == sorted(places) and len(set(places)) == len(places)


@pytest.mark.parametrize("name", ROWS)
def test_the_numbers_of_a_scene_are_those_of_the_table(name):
    row, told = ROWS[name], explain(find_scene(name))
    assert [told["stages"][0]["input"], *(s["output"] for s in told["stages"])] == row.shapes
    assert [s["input"] for s in told["stages"]] == row.shapes[:-1]
    assert [s["kernel"] for s in told["stages"]] == row.kernels
    assert [s["parameters"] for s in told["stages"]] == row.parameters
    assert [s["macs"] for s in told["stages"]] == row.macs
    assert told["parameters"] == sum(row.parameters) and told["macs"] == sum(row.macs)
    assert told["receptive_field"] == row.field
    assert told["steps"] == sum(row.steps)
    assert told["cells"] == row.cells


# Input and outputs of every stage, and the parameters of those that have any.
NUMBERS = {
    "grouped-pointwise": ("8x5x5 8x5x5", [32]),
    "shufflenet-unit": ("8x7x7 8x7x7 8x7x7 8x7x7 8x7x7", [32, 72, 32]),
    "batch": ("4x3x6x6 4x4x4x4", [108]),
    "padding": ("1x5x5 1x5x5", [9]),
    "stride-2": ("1x7x7 1x3x3", [9]),
    "multi-channel": ("3x5x5 1x3x3", [28]),
    "many-filters": ("3x32x32 10x28x28", [760]),
    "stacked": ("1x9x9 4x7x7 4x5x5 2x3x3", [36, 144, 72]),
    "deep-stack": (
        "1x32x32 32x30x30 128x28x28 512x26x26 346112 10",
        [320, 36_992, 590_336, 3_461_130],
    ),
    "max-pool": ("4x6x6 4x3x3", []),
    "avg-pool": ("4x6x6 4x3x3", []),
    "max-pool-big": ("64x224x224 64x112x112", []),
    "pool-overlap": ("2x6x6 2x3x3", []),
    "lenet": (
        "1x32x32 6x28x28 6x14x14 16x10x10 16x5x5 400 120 84 10 10",
        [156, 2_416, 48_120, 10_164, 850],
    ),
    "fully-connected": ("1x4x4 16 16", [256]),
    "conv3d": ("1x5x5x5 1x3x3x3", [27]),
    "dilated": ("1x7x7 1x3x3", [9]),
    "spatially-separable": ("1x7x7 1x5x7 1x5x5 1x5x5", [3, 3, 9]),
    "flattened": ("8x7x7 1x7x7 1x5x7 1x5x5", [8, 3, 3]),
    "grouped-shuffled": ("8x7x7 8x5x5 8x5x5 8x3x3", [288, 288]),
    "bias": ("2x4x4 3x4x4", [9]),
    "receptive-field": ("1x9x9 1x7x7 1x5x5 1x3x3", [9, 9, 9]),
    "im2col": ("1x4x4 1x2x2", [9]),
    "depthwise-multiplier": ("3x7x7 12x5x5", [108]),
    "dilated-1-2-4": ("1x17x17 1x15x15 1x11x11 1x3x3", [9, 9, 9]),
    "rgb-to-16": ("3x7x7 16x5x5", [432]),
    "separable-rgb": ("3x7x7 3x5x5 16x5x5", [27, 48]),
    "transposed-upsample": ("1x3x3 1x6x6", [9]),
    "upsample-nearest": ("1x3x3 1x6x6 1x6x6", [9]),
    "dilated-vs-standard": ("1x7x7 1x5x5 1x3x3", [9, 9]),
    "grouped-4-to-8": ("4x7x7 8x5x5", [144]),
    "transposed": ("1x2x2 1x4x4", [9]),
    "transposed-stride-2": ("1x3x3 1x5x5", [9]),
    "transposed-scatter": ("1x3x3 1x5x5", [9]),
    "conv-matrix": ("1x4x4 1x2x2", [9]),
    "transposed-matrix": ("1x2x2 1x4x4", [9]),
    "gridding-2-2-2": ("1x13x13 1x9x9 1x5x5 1x1x1", [9, 9, 9]),
    "gridding-1-2-3": ("1x13x13 1x11x11 1x7x7 1x1x1", [9, 9, 9]),
    "conv1d": ("4x12 6x10", [72]),
    "causal": ("1x16 1x17 1x16 1x18 1x16 1x20 1x16 1x24 1x16", [2, 2, 2, 2]),
    "padding-modes": ("1x4x4 1x4x4 1x4x4 1x4x4 1x4x4", [9, 9, 9, 9]),
    "same-padding": ("1x5x5 1x5x5", [16]),
    "pixel-shuffle": ("12x4x4 3x8x8", []),
    "pixel-unshuffle": ("3x8x8 12x4x4", []),
    "max-unpool": ("1x4x4 1x2x2 1x4x4", []),
    "adaptive-avg-pool": ("4x7x7 4x3x3", []),
    "global-avg-pool": ("4x7x7 4x1x1", []),
    "upsample-bilinear": ("1x3x3 1x6x6", []),
    "deformable": ("1x7x7 1x5x5", [9]),
    "mobilenet-block": ("8x7x7 16x7x7 16x7x7 8x7x7 8x7x7", [128, 144, 128]),
    "resnext-block": ("8x7x7 8x7x7 8x7x7 8x7x7 8x7x7", [64, 144, 64]),
    "edge-detection": ("3x64x64 2x62x62", [54]),
}
FIELDS = {
    "receptive-field": [7, 7],
    "dilated-1-2-4": [15, 15],
    "gridding-2-2-2": [13, 13],
    "gridding-1-2-3": [13, 13],
    "causal": [16],
    "deep-stack": None,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_shapes_and_parameters_are_those_of_the_table(name):
    shapes, parameters = NUMBERS[name]
    told = explain(find_scene(name))
    found = [told["stages"][0]["input"], *(s["output"] for s in told["stages"])]
    assert ["x".join(map(str, shape)) for shape in found] == shapes.split()
    assert [s["parameters"] for s in told["stages"] if s["parameters"]] == parameters
    if FIELDS.get(name):
        assert told["receptive_field"] == FIELDS[name]


def values_of_outputs(name):
    scene = find_scene(name)
    tensors, *_ = values_of(scene)
    return scene, tensors


def test_both_ways_of_a_separable_convolution_end_equal():
    _, (_, _, apart, whole) = values_of_outputs("spatially-separable")
    assert np.allclose(apart, whole) and np.ptp(whole) > 0


def test_the_views_of_a_transposed_convolution_end_equal():
    _, (_, scattered) = values_of_outputs("transposed-scatter")
    _, (_, gathered) = values_of_outputs("transposed-stride-2")
    assert np.array_equal(scattered, gathered) and np.ptp(gathered) > 0


def test_padding_modes_differ_at_the_edges_and_agree_within():
    _, (_, *outputs) = values_of_outputs("padding-modes")
    assert all(np.array_equal(outputs[0][:, 1:-1, 1:-1], other[:, 1:-1, 1:-1]) for other in outputs[1:])
    assert len({tuple(output.ravel()) for output in outputs}) == 4


def test_every_scene_is_in_a_table():
    missing = set(catalog_names()) - ROWS.keys() - NUMBERS.keys()
    assert not missing


def test_depthwise_separable_takes_136_parameters_instead_of_576():
    assert explain(find_scene("depthwise-separable"))["parameters"] == 136
    assert explain(find_scene("standard"))["parameters"] == 576


def test_single_channel_has_a_number_on_every_cell():
    board = compose(find_scene("single-channel"))
    written = {c.name: sum(map(len, c.numbers)) / len(c) for c in board.cells}
    assert written == {"input": 1, "filters-1": 1, "output-1": 1, "travellers-1": 2}


@pytest.mark.parametrize("name", ROWS)
def test_the_storyboard_has_the_steps_frames_and_cells_that_were_explained(name):
    told, board = explain(find_scene(name)), compose(find_scene(name))
    assert (board.steps, board.frames) == (told["steps"], told["frames"])
    assert sum(len(cells) for cells in board.cells if cells.role != "traveller") == told["cells"]
    counters = Counter()
    for caption in board.captions:
        if "{step}" in caption.body:
            counters[caption.name.split("-")[1]] += caption.steps
    assert [*counters.values()] == ROWS[name].steps, "of each stage, in all its views"


@pytest.mark.parametrize("name", catalog_names())
def test_every_scene_has_a_title_and_a_line_about_it_in_both_languages(name):
    scene = find_scene(name)
    for text in (scene.title, scene.description):
        assert re.search(r"[a-z]", text.en) and not re.search(r"[\u4e00-\u9fff]", text.en)
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
    assert bool(re.search(r"[\u4e00-\u9fff]", scene.note.zh)) == bool(scene.note.en)
    assert explain(scene)["title"] == scene.title.en
    assert explain(scene, language="zh")["title"] == scene.title.zh


def numbers_of(text):
    return {int(number.replace(",", "")) for number in re.findall(r"[0-9][0-9,]*(?<!,)", text)}


OTHER = {"mobilenet-block": {6}, "fully-connected": {3, 3 * 3}, "upsample-bilinear": {2 * 2}}
"""Numbers of what a scene is compared with, or made of, and in names."""


def facts(scene):
    """The numbers that are true of a scene: sizes, parameters, what windows span, and what others would take."""
    shapes, told = scene.shapes, explain(scene)
    known = {0, 1, 2, len(scene.stages), told["parameters"]}
    for shape in shapes:
        known |= {*shape, math.prod(shape), math.prod(shape[-2:])}
    sides = [1, 1]  # of the window of all of it
    for stage, row in zip(scene.stages, told["stages"], strict=True):
        op, window = stage.op, getattr(stage.op, "window", None)
        known |= {v for f in fields(op) if isinstance(v := getattr(op, f.name), int)}
        known |= {row["parameters"], row["parameters"] - (row["output"][0] if stage.bias is not None else 0)}
        if window:
            spans = zip(window.kernel_size, window.dilation, strict=True)
            known |= {*window.kernel_size, math.prod(window.kernel_size), *((k - 1) * d + 1 for k, d in spans)}
            sides = [max(pair) for pair in zip(sides, window.kernel_size, strict=False)]
        if op.weight_shape:
            filters, *slices = op.weight_shape
            known |= {filters, math.prod(slices), filters * row["input"][0] * math.prod(slices[1:])}
        known |= {count // getattr(op, "groups", 1) for count in (row["output"][0], row["input"][0])}
    known.add(shapes[0][0] * shapes[-1][0] * math.prod(sides))  # what one standard convolution for all of it takes
    convolutions = [stage.op for stage in scene.stages if isinstance(stage.op, Conv2d)]
    for count in range(1, len(convolutions) + 1):
        sees = [axis.size for axis in receptive_field(convolutions[:count])]
        known |= {*sees, math.prod(sees), 2 * count + 1}
    if "usage" in scene.look.show:
        known.add(int(np.count_nonzero(usage_counts(convolutions, (0, 0)))))
    return known | {len(convolutions)}


@pytest.mark.parametrize("name", catalog_names())
def test_what_is_said_of_a_scene_is_there_in_both_languages_and_its_numbers_are_true(name):
    about, scene = find_scene(name).about, find_scene(name)
    assert len(about.en) > 80 and about.en.endswith(".") and not re.search(r"[\u4e00-\u9fff]", about.en)
    assert len(about.zh) > 40 and about.zh.endswith("。") and re.search(r"[\u4e00-\u9fff]", about.zh)
    assert numbers_of(about.en) == numbers_of(about.zh)
    assert numbers_of(about.en) <= (known := facts(scene) | OTHER.get(name, set())), numbers_of(about.en) - known


def seen(name):
    """A scene with something in the place of its picture."""
    scene = find_scene(name)
    return scene if photo_of(scene) is None else with_photo(scene, np.full((96, 96, 3), 128, np.uint8))


@pytest.fixture(scope="module", params=catalog_names())
def usual(request):
    """A scene, and its storyboard in English and in light colours: tests take turns with it."""
    scene = seen(request.param)
    return scene, compose(scene, language="en", theme="light")


def test_every_picture_speaks_the_language_that_was_asked_for(usual):
    """But for what names things (titles, marks, filters, stories, last words), calls and formulas, no language's."""
    scene, english = usual
    chinese = compose(scene, language="zh")
    assert not [c.body for c in english.captions if re.search(r"[\u4e00-\u9fff]", c.body)]
    words = [
        c for c in chinese.captions if not c.name.startswith(("title", "story", "note", "call", "formula", "mark"))
    ]
    names = "|".join(("{step}", r"max\(", *NAMES))
    assert not [c.body for c in words if re.search(r"[A-Za-z]{2,}", re.sub(names, "", c.body))]
    assert any(re.search(r"[\u4e00-\u9fff]", c.body) for c in words)


def test_every_scene_is_the_same_in_both_themes_but_for_its_colours(usual):
    scene, light = usual
    dark = compose(scene, theme="dark")
    shades = {theme: {colors.text: "strong", colors.faint_text: "faint"} for theme, colors in THEMES.items()}
    for one, other in zip(light.captions, dark.captions, strict=True):
        assert replace(one, color=other.color) == other
        assert shades["light"][one.color] == shades["dark"][other.color]
    for one, other in zip(light.cells, dark.cells, strict=True):
        assert (one.position == other.position).all() and (one.start == other.start).all()
        changes = one.role in ("ghost", "gap") or one.name.startswith("copies-")  # what the backdrop shines through
        assert (one.color == other.color).all() != changes, one.name
    assert light.state(1)[0] != dark.state(1)[0] and light.outlines == dark.outlines
    assert _digest(light.camera) == _digest(dark.camera)


def test_titles_are_told_apart():
    for language in ("en", "zh"):
        titles = [scene.title.in_language(language) for scene in load_catalog().values()]
        assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", catalog_names())
def test_a_scene_is_found_by_its_name_and_by_its_path(name):
    scene = find_scene(name)
    assert isinstance(scene, Scene)
    assert Path(scene.source).name == f"{name}.toml"
    assert find_scene(scene.source).stages == scene.stages


def test_a_scene_that_is_not_there_is_refused_with_the_names_of_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SceneError, match=r"standrad.*standard, grouped, depthwise") as refused:
        find_scene("standrad")
    assert "\n" not in str(refused.value)
    with pytest.raises(SceneError, match=r"missing\.toml"):
        find_scene("missing.toml")
    for name in ("../catalog/standard", "", "."):
        with pytest.raises(SceneError):
            find_scene(name)


def test_frames_follow_the_rate():
    scene = find_scene("standard")
    assert [explain(scene, fps)["frames"] for fps in (30.0, 24.0, 12.5)] == [360, 288, 150]


@pytest.mark.parametrize("name", ROWS)
def test_the_text_for_a_person_has_the_same_numbers(name):
    told, text = explain(find_scene(name)), explain_text(find_scene(name))
    for number in (told["parameters"], told["macs"], told["steps"], told["frames"], told["cells"]):
        assert f"{number:,}" in text
    for stage in told["stages"]:
        assert " × ".join(map(str, stage["output"])) in text and f"nn.{stage['op']}(" in text
    assert text.splitlines()[0] == told["title"]


def test_edge_detection_shows_what_sobels_two_filters_see():
    scene = find_scene("edge-detection")
    told, photo = explain(scene), photo_of(scene)
    assert [told["stages"][0][key] for key in ("input", "kernel", "output")] == [[3, 64, 64], [2, 3, 3, 3], [2, 62, 62]]
    assert (told["parameters"], told["macs"]) == (54, 62 * 62 * 54)
    assert (told["steps"], told["cells"]) == (62 * 62, 12_288 + 54 + 2 * 62 * 62)
    assert photo is not None and photo.path.is_file() and photo.path.stat().st_size < 20_000
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (_, made), *_ = values_of(with_photo(scene, pixels))
    grey = pixels.mean(axis=2) / 255
    across = grey[:, 2:] - grey[:, :-2]
    down = grey[2:] - grey[:-2]
    assert made[0] == pytest.approx(across[:-2] + 2 * across[1:-1] + across[2:])
    assert made[1] == pytest.approx(down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:])
