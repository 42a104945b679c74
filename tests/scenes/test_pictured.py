"""Pictures of true size: rows and columns are drawn whole, what is left out are channels, and kernels are enlarged."""

from dataclasses import replace

import numpy as np
import pytest

from convmotion.scenes import compose, parse_scene, with_photo
from convmotion.scenes.contents import Contents
from convmotion.scenes.elision import LIMIT, LIMIT_WHOLE, MOST_PLANE, elide
from convmotion.scenes.pose import pose

from .test_layout import (
    assert_apart,
    assert_no_two_words_overlap,
    assert_no_word_is_over_a_tensor,
    assert_nothing_is_cropped,
)

SCENE = """
[input]
shape = [3, {side}, {side}]
values = {{ image = "photo.png" }}
[[stage]]
op = "Conv2d"
out_channels = {filters}
kernel_size = 7
stride = 2
padding = 3
{more}
[look]
show = ["lines", "ghosts", "values", "formula", "table"]
"""


def pictured(side=96, filters=32, more=""):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return with_photo(parse_scene(SCENE.format(side=side, filters=filters, more=more), "scene"), pixels)


def cells_of(board, name):
    return next(cells for cells in board.cells if cells.name == name)


@pytest.mark.parametrize(
    "sizes", [(1, 1, 3, 224, 224), (64, 1, 1, 112, 112), (1, 1, 64, 224, 224), (1, 8, 3, 200, 120)]
)
def test_of_a_picture_every_row_and_column_is_drawn_and_only_so_many_channels_that_it_can_be(sizes):
    whole, usual = elide(sizes, pictured=True), elide(sizes)
    assert whole.rows.hidden == whole.columns.hidden == 0 < usual.rows.hidden
    assert LIMIT < whole.cells <= LIMIT_WHOLE
    left = dict(whole.left_out())
    assert whole.sizes == sizes and (sizes[:3] == (1, 1, 3)) == (not left)


def test_a_picture_that_is_too_large_is_shortened_as_before():
    sizes = 1, 1, 3, 400, 300
    assert MOST_PLANE < 400 * 300 and elide(sizes, pictured=True) == elide(sizes)


def test_what_is_no_picture_is_shortened_as_before():
    contents = Contents(replace(pictured(), input=replace(pictured().input, pictured=False)))
    assert contents.tensors[0].rows.hidden and not Contents(pictured()).tensors[0].rows.hidden


def test_every_pixel_of_a_picture_is_a_cell_in_its_colour():
    scene = pictured()
    cells = cells_of(compose(scene), "input")
    assert len(cells) == 3 * 96 * 96
    front = cells.color[cells.index[:, 0] == 0]
    assert len(np.unique(front, axis=0)) > 0.99 * 96 * 96


@pytest.mark.parametrize("language", ["en", "zh"])
def test_results_of_a_picture_stand_side_by_side_with_their_numbers_and_how_many_are_left_out(language):
    board = compose(pictured(), language=language)
    cells = cells_of(board, "output-1")
    assert np.unique(cells.index[:, 0]).tolist() == [0, 1, 2, 3, 30, 31]
    assert len(cells) == 6 * 48 * 48
    marks = [c.body for c in board.captions if c.name.startswith("mark-output-1")]
    assert marks == ["1", "2", "3", "4", "…", "31", "32"]
    told = [c.body for c in board.captions if c.name.startswith("elision-output-1")]
    assert told == [{"en": "26 more channels", "zh": "另有 26 个通道"}[language]]


def test_a_picture_and_filters_in_groups_show_as_many_groups():
    contents = Contents(pictured(224, 96, "groups = 3"))
    lanes = {(tensor.lanes.length, tensor.lanes.drawn) for tensor in (*contents.tensors, *contents.banks.values())}
    assert lanes == {(3, 3), (96, 6)}


@pytest.mark.parametrize("size", [(854, 480), (480, 480), (480, 854)])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_kernels_beside_a_picture_are_enlarged_which_is_said(size, language):
    board = compose(pictured(224), size, language=language)
    filters = cells_of(board, "filters-1")
    assert 2.0 < filters.scale * size[0] / board.camera.width * 480 / min(size) < 12.0
    assert 4.0 < filters.scale <= 0.33 * 224 / 7
    words = {"en": "{} times larger", "zh": "放大 {} 倍"}[language].format(round(filters.scale))
    told = " ".join(c.body for c in board.captions if c.name.startswith(("elision-", "legend")))
    assert words in told
    for assertion in (assert_apart, assert_nothing_is_cropped, assert_no_word_is_over_a_tensor):
        assertion(board)
    assert_no_two_words_overlap(board)


def test_kernels_beside_a_small_picture_are_as_large_as_its_cells():
    assert cells_of(compose(pictured(24, 4)), "filters-1").scale == 1.0


def test_what_the_first_window_reads_grows_on_its_way_to_the_enlarged_kernels_and_lies_on_them():
    board = compose(pictured(224))
    copies, filters = cells_of(board, "travellers-1"), cells_of(board, "filters-1")
    spots = {tuple(place) for place in np.round(filters.position, 3).tolist()}
    assert {tuple(place) for place in np.round(copies.via, 3).tolist()} == spots
    assert copies.swells == filters.scale > 4.0
    steps = [copies.start[0] + 0.01, (copies.rest[0] + copies.rest[1]) / 2.0, copies.arrive[0] - 0.01]
    frames = np.arange(1, board.frames + 1)
    reached = [float(board.step.at(frame)[0]) for frame in frames]
    sizes = [float(pose(board, copies, np.interp(step, reached, frames)).size.max()) for step in steps]
    assert sizes[0] < 1.6 and sizes[1] > 0.95 * filters.scale and sizes[2] < 2.0
