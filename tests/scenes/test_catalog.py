"""The catalog says what its table says, number by number, through conv_math."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from convmotion.scenes import Scene, SceneError, catalog_names, compose, explain, find_scene, load_catalog
from convmotion.scenes.explain import explain_text


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
}


def test_the_six_scenes_at_the_core_come_first_and_in_their_order():
    assert catalog_names()[:6] == list(ROWS)
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


def test_depthwise_separable_takes_136_parameters_instead_of_576():
    assert explain(find_scene("depthwise-separable"))["parameters"] == 136
    assert explain(find_scene("standard"))["parameters"] == 576


@pytest.mark.parametrize("name", ROWS)
def test_the_storyboard_has_the_steps_frames_and_cells_that_were_explained(name):
    told, board = explain(find_scene(name)), compose(find_scene(name))
    assert (board.steps, board.frames) == (told["steps"], told["frames"])
    assert sum(len(cells) for cells in board.cells if cells.role != "traveller") == told["cells"]
    counters = [caption.steps for caption in board.captions if "{step}" in caption.body]
    assert counters == ROWS[name].steps


@pytest.mark.parametrize("name", catalog_names())
def test_every_scene_has_a_title_and_a_line_about_it_in_both_languages(name):
    scene = find_scene(name)
    for text in (scene.title, scene.description):
        assert re.search(r"[a-z]", text.en) and not re.search(r"[\u4e00-\u9fff]", text.en)
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
    assert bool(re.search(r"[\u4e00-\u9fff]", scene.note.zh)) == bool(scene.note.en)
    assert explain(scene)["title"] == scene.title.en
    assert explain(scene, language="zh")["title"] == scene.title.zh


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
