"""Nothing is cropped, nothing covers anything, every word can be read: worked out from the storyboard alone."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convmotion.scenes import Storyboard, compose, find_scene, parse_scene
from convmotion.scenes.layout import DIRECTION, View, text_width
from convmotion.scenes.story import Caption, Cells

SIZES = [(854, 480), (480, 480), (640, 480), (480, 854)]
SMALL = ["standard", "grouped", "depthwise", "pointwise", "depthwise-separable", "channel-shuffle"]
SCENES = [*SMALL, "deep-stack"]
CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
ADVANCE = {
    letter: width
    for width, letters in {
        0.32: "'", 0.37: " ijl", 0.38: "!,.:;·", 0.39: "J", 0.40: "`", 0.42: "()", 0.45: "-−", 0.46: "[]", 0.48: "I",
        0.49: "f", 0.51: "t", 0.53: "/\\", 0.54: "{}", 0.58: '"r', 0.61: "?", 0.63: "_", 0.66: "z", 0.67: "s",
        0.68: "c", 0.72: "vy", 0.73: "F", 0.74: "Lx", 0.75: "k“”", 0.77: "S", 0.78: "*ET|", 0.79: "ae", 0.80: "Y",
        0.81: "$+0123456789<=>Z^~×", 0.82: "X", 0.84: "V", 0.85: "Po", 0.87: "Kbdghnpqu", 0.88: "R", 0.89: "C",
        0.90: "A", 0.91: "#B", 1.02: "G", 1.03: "&DU", 1.04: "H", 1.07: "N", 1.10: "OQw", 1.11: "…", 1.17: "%",
        1.26: "@", 1.27: "M", 1.31: "Wm", 1.66: "→",
    }.items()
    for letter in letters
}  # fmt: skip
"""Widths of the letters in heights of a capital, measured in Blender with the fonts that the captions are set in."""
CHINESE = 1.75
"""A Chinese character is a square of this width in the same measure."""
LATIN_ASCENT, CHINESE_ASCENT = 1.08, 1.48
"""How far a line of text reaches above its baseline, in capitals; measured too."""
DESCENTS = ((0.35, "gjpqyQ@$|"), (0.22, "()[]{}_,;，"), (0.02, ""))
"""How far it reaches below with one of these letters; Chinese characters reach below too."""
CHINESE_DESCENT = 0.19
TOLERANCE = 1e-3

every_picture = pytest.mark.parametrize(
    ("name", "size", "language"),
    list(itertools.product(SCENES, SIZES, ["en", "zh"])),
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
Rectangle = tuple[np.ndarray, np.ndarray]
"""The lower left and the upper right corner, in units from the picture's centre."""


@cache
def board_of(name: str, size: tuple[int, int], language: str) -> Storyboard:
    return compose(find_scene(name), size, 30.0, language)


def project(board: Storyboard, points: np.ndarray) -> np.ndarray:
    """World points ``(..., 3)`` in units from the picture's centre, by the storyboard's camera."""
    forward = np.array(board.camera.direction) / np.linalg.norm(board.camera.direction)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return (points - np.array(board.camera.target)) @ np.stack([right, np.cross(right, forward)], axis=-1)


def around(board: Storyboard, positions: np.ndarray) -> Rectangle:
    """What cubes at these positions take up."""
    flat = project(board, (positions[:, None] + CORNERS).reshape(-1, 3))
    return flat.min(axis=0), flat.max(axis=0)


def measured_width(text: str) -> float:
    return sum(ADVANCE.get(letter, CHINESE) for letter in text)


def rectangle_of(caption: Caption) -> Rectangle:
    body = caption.body.replace("{step}", str(caption.steps))
    width = measured_width(body) * caption.size
    chinese = any(ord(letter) > 0x2E7F for letter in body)
    ascent = CHINESE_ASCENT if chinese else LATIN_ASCENT
    descent = max(
        chinese * CHINESE_DESCENT, next(depth for depth, tails in DESCENTS if not tails or set(tails) & set(body))
    )
    left = caption.at[0] - {"left": 0.0, "center": width / 2, "right": width}[caption.align]
    low = caption.at[1] - descent * caption.size
    return np.array([left, low]), np.array([left + width, caption.at[1] + ascent * caption.size])


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return bool((one[0] < other[1] - TOLERANCE).all() and (other[0] < one[1] - TOLERANCE).all())


def silhouette(board: Storyboard, positions: np.ndarray) -> np.ndarray:
    """The corners of a block in the picture, ``(8, 2)``."""
    middle, half = (positions.max(axis=0) + positions.min(axis=0)) / 2, np.ptp(positions, axis=0) / 2 + 0.5
    return project(board, middle + CORNERS * 2 * half)


def covers(board: Storyboard, rectangle: Rectangle, block: np.ndarray) -> bool:
    """Whether they overlap: two convex shapes do unless one of their sides has all of the other beyond it."""
    corners = np.array(list(itertools.product(*zip(*rectangle, strict=True))))
    edges = project(board, np.eye(3)) - project(board, np.zeros(3))
    for axis in (*np.eye(2), *(np.array([-y, x]) / np.hypot(x, y) for x, y in edges)):
        one, other = corners @ axis, block @ axis
        if one.max() <= other.min() + TOLERANCE or other.max() <= one.min() + TOLERANCE:
            return False
    return True


def blocks_of(cells: Cells) -> list[np.ndarray]:
    """The positions of each block: channels that stand behind each other, with or without a gap, belong together."""
    blocks: list[list[np.ndarray]] = []
    order = np.lexsort(cells.index.T[::-1])
    leads, firsts = np.unique(cells.index[order, :-2], axis=0, return_index=True)
    planes = [cells.position[order][part] for part in np.split(np.arange(len(cells)), firsts[1:])]
    before = None
    for lead, plane in zip(leads, planes, strict=True):
        behind = before is not None and (lead[:-1] == before[0][:-1]).all()
        step = plane[0] - before[1][0] if behind else np.zeros(3)
        if step[1] > 0 and np.allclose(step[[0, 2]], 0, atol=1e-4):
            blocks[-1].append(plane)
        else:
            blocks.append([plane])
        before = lead, plane
    return [np.concatenate(block) for block in blocks]


def standing(board: Storyboard) -> list[Cells]:
    return [cells for cells in board.cells if cells.role not in ("traveller", "gap")]


def assert_inside(board: Storyboard, rectangle: Rectangle, what: str) -> None:
    half = np.array([board.camera.width, board.camera.height]) / 2
    margin = 0.02 * 2 * half.min()
    assert (rectangle[0] >= margin - half).all() and (rectangle[1] <= half - margin).all(), what


def assert_apart(board: Storyboard) -> None:
    """No two blocks overlap in the picture; ghosts are part of the block that they stand around."""
    found: list[tuple[str, Rectangle]] = []
    for cells in standing(board):
        found += [(cells.name, around(board, block)) for block in blocks_of(cells)]
    for (name, one), (other_name, other) in itertools.combinations(found, 2):
        ghosts = {name, other_name} == {name, f"ghosts-{name}"} or {name, other_name} == {
            other_name,
            f"ghosts-{other_name}",
        }
        if not ghosts or name == other_name:
            assert not overlap(one, other), (name, other_name)


@every_picture
def test_every_cube_is_inside_the_picture_with_a_margin(name, size, language):
    board = board_of(name, size, language)
    for cells in board.cells:
        if cells.role != "traveller":
            assert_inside(board, around(board, cells.position), cells.name)


@every_picture
def test_every_word_is_inside_the_picture_with_a_margin(name, size, language):
    board = board_of(name, size, language)
    for caption in board.captions:
        assert_inside(board, rectangle_of(caption), f"{caption.name}: {caption.body}")


@every_picture
def test_no_word_stands_over_a_cube(name, size, language):
    board = board_of(name, size, language)
    blocks = [(cells.name, silhouette(board, block)) for cells in standing(board) for block in blocks_of(cells)]
    for caption in board.captions:
        for where, block in blocks:
            assert not covers(board, rectangle_of(caption), block), f"{caption.name}: {caption.body} over {where}"


@every_picture
def test_no_two_words_that_are_shown_together_overlap(name, size, language):
    board = board_of(name, size, language)
    for one, other in itertools.combinations(board.captions, 2):
        if one.first <= other.last and other.first <= one.last:
            assert not overlap(rectangle_of(one), rectangle_of(other)), (
                f"{one.name} {one.body!r}, {other.name} {other.body!r}"
            )


@every_picture
def test_no_two_blocks_cover_each_other(name, size, language):
    assert_apart(board_of(name, size, language))


@every_picture
def test_capitals_are_at_least_twelve_pixels_high(name, size, language):
    board = board_of(name, size, language)
    pixels = size[0] / board.camera.width
    small = {c.name: round(c.size * pixels, 2) for c in board.captions if c.size * pixels < 12 - 1e-6}
    assert not small


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", SCENES)
def test_no_text_is_wider_than_it_is_taken_to_be(name, language):
    bodies = {c.body.replace("{step}", str(c.steps)) for c in board_of(name, SIZES[0], language).captions}
    wider = {text: round(measured_width(text) / text_width(text), 2) for text in bodies}
    assert not {text: ratio for text, ratio in wider.items() if ratio > 1.0}


@every_picture
def test_every_tensor_and_bank_of_filters_has_its_label(name, size, language):
    board = board_of(name, size, language)
    labels = {
        caption.name.split("-", 1)[1].rsplit("-", 1)[0]
        for caption in board.captions
        if caption.name.startswith("label-")
    }
    assert labels == {c.name for c in standing(board) if c.role != "ghost"}


@every_picture
def test_the_floor_lies_below_every_cube(name, size, language):
    board = board_of(name, size, language)
    lowest = min(cells.position[:, 2].min() - 0.5 for cells in standing(board))
    assert board.floor <= lowest + TOLERANCE


@every_picture
def test_one_reads_from_the_left_to_the_right_and_in_tall_pictures_downwards(name, size, language):
    board = board_of(name, size, language)
    outputs = [c.name for c in board.cells if c.name.startswith("output-")]
    order = ["input"]
    for number in range(1, len(outputs) + 1):
        order += [
            c
            for c in (f"filters-{number}", f"reshape-{number}", f"transpose-{number}")
            if any(c == x.name for x in board.cells)
        ]
        order.append(f"output-{number}")
    rectangles = [around(board, next(c for c in board.cells if c.name == item).position) for item in order]
    for before, after in itertools.pairwise(rectangles):
        if size[0] < size[1]:
            next_column = name == "deep-stack" and before[1][0] <= after[0][0]
            assert before[0][1] >= after[1][1] or next_column
        else:
            assert before[1][0] <= after[0][0]


@pytest.mark.parametrize(("name", "size"), list(itertools.product(SMALL, SIZES)))
def test_channel_zero_is_in_front_rows_run_down_and_columns_run_right(name, size):
    board = board_of(name, size, "en")
    for cells in standing(board):
        at = {tuple(i): p for i, p in zip(cells.index.tolist(), cells.position, strict=True)}
        for index, position in at.items():
            for axis, step in ((-2, [0, 0, -1]), (-1, [1, 0, 0])):
                following = [*index]
                following[axis] += 1
                if tuple(following) in at:
                    assert np.allclose(at[tuple(following)] - position, step, atol=1e-4)
        behind = 0
        for (*lead, channel, row, column), position in at.items():
            following = at.get((*lead, channel + 1, row, column))
            if following is not None and np.allclose((following - position)[[0, 2]], 0, atol=1e-4):
                assert following[1] - position[1] == pytest.approx(1.0, abs=1e-4)
                behind += 1
        assert behind or name in ("depthwise", "depthwise-separable", "channel-shuffle")


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_is_filled(size):
    """The tensors of the standard convolution span nearly all of the free length."""
    board = board_of("standard", size, "en")
    boxes = [around(board, cells.position) for cells in standing(board)]
    span = np.max([b[1] for b in boxes], axis=0) - np.min([b[0] for b in boxes], axis=0)
    assert max(span / (board.camera.width, board.camera.height)) > 0.55


SCENE = """
[input]
shape = [{channels}, {side}, {side}]
[[stage]]
op = "Conv2d"
out_channels = {filters}
kernel_size = {kernel}
padding = {padding}
groups = {groups}
"""


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([1, 2, 3]),
    st.integers(1, 6),
    st.integers(1, 16),
    st.integers(3, 12),
    st.integers(0, 2),
    st.sampled_from(SIZES),
)
@example(1, 1, 64, 56, 1, (854, 480))
@example(1, 64, 1, 5, 1, (480, 854))
@example(8, 1, 8, 5, 1, (480, 480))
def test_other_layers_fit_too(groups, per_group, filters, side, padding, size):
    text = SCENE.format(
        channels=groups * per_group,
        side=side,
        filters=groups * filters,
        kernel=min(3, side),
        padding=padding,
        groups=groups,
    )
    board = compose(parse_scene(text, "test"), size)
    for cells in standing(board):
        assert_inside(board, around(board, cells.position), cells.name)
    assert_apart(board)


@settings(deadline=None)
@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_point_on_the_wall_projects_to_where_it_was_asked_to(x, y):
    view = View.along(DIRECTION)
    assert np.allclose(view.project(view.on_wall(x, y)), [x, y], atol=1e-9)


def test_the_view_is_a_right_handed_basis_with_the_up_axis_up():
    view = View.along((0.3, 1.0, -0.4))
    basis = np.stack([view.right, view.up, -view.forward])
    assert np.allclose(basis @ basis.T, np.eye(3)) and np.linalg.det(basis) == pytest.approx(1.0)
    assert view.right[2] == pytest.approx(0.0) and view.up[2] > 0
    assert np.allclose(view.project(np.array([0.0, 0.0, 1.0])), [0.0, view.up[2]])
