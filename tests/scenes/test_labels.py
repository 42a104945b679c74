"""Labels say what a thing is at any moment, and tell rows apart where there is room for little."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from convmotion.scenes import catalog_names, compose, find_scene, photo_of, with_photo
from convmotion.scenes.captions import Words

SIZES = [(854, 480), (480, 480), (480, 854)]
FLIPPED = {"en": "flipped", "zh": "已翻转"}
MODES = {"en": ["zeros", "reflect", "replicate", "circular"], "zh": ["零", "反射", "复制", "循环"]}


def labels(board, thing):
    return [caption for caption in board.captions if re.fullmatch(rf"label-{thing}-\d+(-given|-again)?", caption.name)]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
def test_every_row_of_padding_modes_carries_its_name(size, language):
    board = compose(find_scene("padding-modes"), size, language=language)
    outputs = [labels(board, f"output-{number}") for number in (1, 3, 5, 7)]
    for said, mode in zip(outputs, MODES[language], strict=True):
        assert mode in re.split("  |: |·", " ".join(caption.body for caption in said))
        assert all((caption.first, caption.last) == (1, board.frames) for caption in said)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["transposed", "transposed-stride-2", "transposed-upsample"])
def test_filters_are_called_flipped_once_they_are(name, size, language):
    board = compose(find_scene(name), size, language=language)
    turning = next(cells for cells in board.cells if cells.name.startswith("flipping-"))
    said = labels(board, f"filters-{turning.name.removeprefix('flipping-')}")
    before, after = ([c for c in said if (FLIPPED[language] in c.body) is flipped] for flipped in (False, True))
    step = float(board.step.at(after[0].first)[0])
    assert turning.end is not None and turning.end <= step < turning.end + 0.5 and after[-1].last == board.frames
    assert all(one.last < other.first for one, other in pairwise(after)), "products have a name of their own"
    shown = {c.name.removesuffix("-given") for c in before if c.first == 1 and c.last == after[0].first - 1}
    assert after[0].name in shown, "and nothing else until then"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["single-channel", "standard", "bias"])
def test_while_products_stand_in_the_place_of_weights_they_are_called_so(name, language):
    board = compose(find_scene(name), language=language)
    (products,) = (c for c in board.captions if c.name == "products-filters-1")
    assert products.body == Words(language)("products")
    travellers = next(cells for cells in board.cells if cells.name == "travellers-1")
    begin, end = (float(board.step.at(frame)[0]) for frame in (products.first, products.last))
    assert travellers.rest[0] < begin < end <= travellers.rest[1], "copies stand before the weights"
    assert all(begin >= numbers.first for numbers in travellers.numbers), "they have the numbers of products"
    before, after = (c for c in labels(board, "filters-1") if c.at == products.at)
    assert (before.body, before.last, after.first) == (after.body, products.first - 1, products.last + 1)


@pytest.mark.parametrize(("name", "seconds"), [("causal", 10.0), ("conv-matrix", 20.0)])
def test_of_products_nothing_is_said_in_less_time_than_a_word_needs_or_of_some_of_the_weights(name, seconds):
    scene = find_scene(name)
    board = compose(replace(scene, time=replace(scene.time, seconds=seconds)))
    assert any(cells.name.startswith("travellers-") for cells in board.cells)
    assert not any(caption.name.startswith("products-") for caption in board.captions)


def test_of_one_row_it_is_the_shape_that_is_said_where_there_is_room_for_little():
    board = compose(find_scene("transposed-upsample"), (480, 480))
    (label,) = labels(board, "output-3")
    assert label.body == "1×6×6"


@pytest.mark.parametrize("name", catalog_names())
def test_no_words_of_a_chinese_film_are_english(name):
    """Calls are PyTorch's, kernels have the names by which files ask for them, floor, ceil and max are a formula's."""
    scene = find_scene(name)
    if photo_of(scene) is not None:
        scene = with_photo(scene, np.full((96, 96, 3), 128, np.uint8))
    for caption in compose(scene, language="zh").captions:
        if not caption.name.startswith(("call-", "mark-filters-", "mark-output-")):
            words = re.findall("[A-Za-z]{2,}", re.sub(r"\b(floor|ceil|max)\(|{step}", "(", caption.body))
            assert not words or re.search("[一-鿿]", caption.body), caption


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("depthwise", {key: list("12345678") for key in ("input", "output-1")}),
        (
            "channel-shuffle",
            {
                "input": ["front 1 2 3 4 | 5 6 7 8"],
                "reshape-1": ["1, 2, 3, 4", "5, 6, 7, 8"],
                "transpose-1": ["1, 5", "2, 6", "3, 7", "4, 8"],
                "output-1": ["front 1 5 2 6 | 3 7 4 8"],
            },
        ),
        ("depthwise-separable", {key: list("12345678") for key in ("input", "output-1")}),
        ("mobilenet-block", {"output-1": [str(number) for number in range(1, 17)]}),
    ],
)
def test_channels_are_numbered_where_each_can_be_followed_and_there_is_room(name, told):
    board, marks = compose(find_scene(name)), {}
    for caption in board.captions:
        if caption.name.startswith("mark-") and "filters" not in caption.name:
            marks.setdefault(caption.name.removeprefix("mark-").rsplit("-", 1)[0], []).append(caption.body)
    assert marks == told


def test_what_was_shuffled_has_the_numbers_that_it_had_before_until_it_is_read_in_groups():
    board, when = compose(find_scene("grouped-shuffled")), {}
    for caption in board.captions:
        if caption.name.startswith("mark-output-2-"):
            when[caption.body] = caption.first, caption.last
    assert list(when) == ["1, 5, 2, 6", "3, 7, 4, 8", "group 1", "group 2"]
    shuffled, read = (next(c for c in board.captions if c.name == f"call-{stage}") for stage in (2, 3))
    assert when["1, 5, 2, 6"] == when["3, 7, 4, 8"] and when["group 1"] == when["group 2"]
    assert when["1, 5, 2, 6"][0] <= shuffled.first < when["1, 5, 2, 6"][1] == when["group 1"][0] - 1
    assert when["group 1"][0] == read.first < when["group 1"][1]


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("lenet", (480, 480), ["input", "6 filters", "C1"]),
        (
            "deep-stack",
            (480, 480),
            ["1×32×32", "1×3×3", "32×30×30"],
        ),  # what is left out stands in the table's place
        ("gridding-2-2-2", (640, 480), ["1×13×13", "1×3×3", "1×9×9"]),  # for names cells would be much smaller
    ],
)
def test_where_not_both_fit_a_label_says_the_name_as_the_table_has_the_shape(name, size, told):
    scene = find_scene(name)
    if photo_of(scene):
        scene = with_photo(scene, np.full((*scene.input.shape[-2:], 3), 128, np.uint8))
    board = compose(scene, size)
    things = ("input", "filters-1", "output-1")
    assert [next(caption.body for caption in labels(board, thing)) for thing in things] == told
