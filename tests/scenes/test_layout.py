"""Nothing is cropped, nothing covers anything, every word can be read: worked out from the storyboard alone."""

import itertools
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convmotion.scenes import (
    Scene,
    Storyboard,
    catalog_names,
    compose,
    find_scene,
    layout,
    parse_scene,
    photo_of,
    travel,
    with_photo,
)
from convmotion.scenes.contents import Contents
from convmotion.scenes.form import COVER, NEWBORN, SUN_DIRECTION, WINDOW_BAR, WINDOW_MARGIN
from convmotion.scenes.layout import DIRECTION, View, text_width
from convmotion.scenes.palette import THEMES
from convmotion.scenes.plan import Plan
from convmotion.scenes.screen import Screen, caption_box
from convmotion.scenes.story import ALWAYS, Caption, Cells

SIZES = [(854, 480), (480, 480), (640, 480), (480, 854)]
SMALL = ["standard", "grouped", "depthwise", "pointwise", "depthwise-separable", "channel-shuffle"]
STACKED = ["causal"]
SCENES = catalog_names()
CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
MARGIN = 0.02
"""Of the picture's shorter side: nothing comes nearer to its edge."""
CAPITALS = 12.0
"""Pixels that a capital is high at least where the shorter side has 480."""
HEADING, FOOTER = ("title", "call", "table"), ("formula", "cost", "step", "note", "phase")
ADVANCE = {
    letter: width
    for width, letters in {
        0.32: "'", 0.37: " ijl", 0.38: "!,.:;·", 0.39: "J", 0.40: "`", 0.42: "()", 0.45: "-−", 0.46: "[]", 0.48: "I",
        0.49: "f", 0.51: "t", 0.53: "/\\", 0.54: "{}", 0.58: '"r', 0.61: "?°", 0.63: "_", 0.66: "z", 0.67: "s",
        0.68: "c", 0.72: "vy", 0.73: "F", 0.74: "Lx", 0.75: "k“”", 0.77: "S", 0.78: "*ET|", 0.79: "ae", 0.80: "Y",
        0.81: "$+0123456789<=>Z^~×÷", 0.82: "X", 0.84: "VΣ≈≤", 0.85: "Po", 0.87: "Kbdghnpqu", 0.88: "R", 0.89: "C",
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
    return compose(in_one_picture(scene_of(name)), size, 30.0, language)


def scene_of(name: str) -> Scene:
    """A scene of the catalog; in the place of a photograph is an even grey."""
    scene = find_scene(name)
    if photo_of(scene):
        scene = with_photo(scene, np.full((*scene.input.shape[-2:], 3), 128, np.uint8))
    return scene


def in_one_picture(scene: Scene) -> Scene:
    """The scene as it is where its camera does not travel; test_travel is about where it does."""
    return replace(scene, look=replace(scene.look, camera="still"))


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
    body = caption.body.replace("{step}", f"{caption.steps:,}")
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


def blocks_of(cells: Cells) -> list[np.ndarray]:
    """The positions of each block: channels that stand behind each other, with or without a gap, belong together, and
    so do those of an opened filter, beside each other."""
    blocks: list[list[np.ndarray]] = []
    order = np.lexsort(cells.index.T[::-1])
    leads, firsts = np.unique(cells.index[order, :-2], axis=0, return_index=True)
    planes = [cells.position[order][part] for part in np.split(np.arange(len(cells)), firsts[1:])]
    before = None
    for lead, plane in zip(leads, planes, strict=True):
        behind = before is not None and (lead[:-1] == before[0][:-1]).all()
        step = plane[0] - before[1][0] if behind else np.zeros(3)
        if step.max() > 0 and np.count_nonzero(abs(step) > 1e-4) == 1 and abs(step[2]) < 1e-4:
            blocks[-1].append(plane)
        else:
            blocks.append([plane])
        before = lead, plane
    return [np.concatenate(block) for block in blocks]


def standing(board: Storyboard) -> list[Cells]:
    """Cells that have a place, without the input once more where it stands."""
    again = shared_with_the_input(board)
    return [cells for cells in board.cells if cells.role not in ("traveller", "gap") and cells.name not in again]


def shared_with_the_input(board: Storyboard) -> set[str]:
    """The names of tensors that take the input's place, of which they are the same."""
    first = next(cells for cells in board.cells if cells.name == "input")
    others = (cells for cells in board.cells if cells.name.startswith("output-"))
    return {cells.name for cells in others if np.array_equal(cells.position, first.position)}


def planes_of(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper corners, (n, 3) each, of the planes in which cells stand, or of cells that are alone."""
    index = cells.index[:, :-2] if cells.role not in ("traveller", "gap") else np.arange(len(cells))[:, None]
    planes = np.unique(index, axis=0, return_inverse=True)[1].ravel()
    low = np.full((planes.max() + 1, 3), np.inf)
    high = -low
    np.minimum.at(low, planes, cells.position)
    np.maximum.at(high, planes, cells.position)
    half = max(1.0, cells.scale) / 2.0  # smaller ones are kept as much room as others
    return low - half, high + half


def corners_of(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Boxes' corners, ``(n, 8, 3)``."""
    return ((low + high) / 2)[:, None] + CORNERS * (high - low)[:, None]


def windows_of(board: Storyboard) -> list[tuple[str, np.ndarray, tuple[int, int]]]:
    """Every window's name, its corners at the keys of its track, ``(keys, 8, 3)``, and its first and last frame.

    Between two keys it goes straight.
    """
    found = []
    for mover in board.movers:
        keys = [
            (place, mover.boxes_at(frame)) for frame, place in zip(mover.track.frames, mover.track.values, strict=True)
        ]
        for number in range(len(mover.boxes)):
            corners = [
                place + center + CORNERS * (size + 2 * WINDOW_MARGIN + WINDOW_BAR)
                for place, boxes in keys
                for center, size in boxes[number : number + 1]
            ]
            found.append((mover.name, np.array(corners), (mover.first, mover.last)))
    return found


def solids_of(board: Storyboard) -> list[tuple[str, np.ndarray]]:
    """All that is ever to be seen but words: names and corners, ``(n, 8, 3)``, at the ends of every straight way."""
    found = [(name, corners) for name, corners, _ in windows_of(board)]
    for cells in board.cells:
        found.append((cells.name, corners_of(*planes_of(cells))))
        for stop in (cells.origin, cells.via):
            if stop is not None:
                found.append((f"{cells.name} on its way", stop[:, None] + CORNERS * COVER))
        if cells.bow is not None:
            end = cells.position if cells.via is None else cells.via
            for u in (0.25, 0.5, 0.75):
                aside = cells.origin + (end - cells.origin) * u + cells.bow * 4.0 * u * (1.0 - u)
                found.append((f"{cells.name} aside", aside[:, None] + CORNERS * NEWBORN))
    return found


def words_of(board: Storyboard, frame: int = 1) -> np.ndarray:
    """What every caption covers at most, in pixels: left, top, right, bottom, ``(captions, 4)``."""
    screen = Screen(board, frame)
    return np.array([caption_box(caption, screen) for caption in board.captions])


def crossed(words: np.ndarray, shapes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which words overlap which shapes, ``(words, shapes)``.

    ``shapes`` (m, 8, 2) are boxes seen askew, whose ``edges`` have three directions. Two convex shapes overlap unless
    one of their sides has all of the other beyond it.
    """
    corners = words[:, [[0, 1], [2, 1], [0, 3], [2, 3]]]
    result = np.ones((len(words), len(shapes)), bool)
    for axis in (*np.eye(2), *(np.array([-y, x]) / np.hypot(x, y) for x, y in edges)):
        one, other = corners @ axis, shapes @ axis
        result &= one.min(axis=1)[:, None] < other.max(axis=1) - TOLERANCE
        result &= other.min(axis=1) < one.max(axis=1)[:, None] - TOLERANCE
    return result


def edges_of(screen: Screen, shade: np.ndarray | None = None) -> np.ndarray:
    """How the three axes of space, or their shadows, lie in the picture."""
    axes = np.eye(3) if shade is None else np.eye(3) + np.eye(3)[:, 2:] * shade
    return screen.pixels(axes) - screen.pixels(np.zeros(3))


def assert_inside(board: Storyboard, corners: np.ndarray, what: str, share: float) -> None:
    """``corners`` (..., 2) are pixels."""
    margin, size = share * min(board.size), np.array(board.size)
    room = min((corners - margin).min(), (size - margin - corners).min())
    assert room >= 0, f"{what}: {-room:.1f} pixels too near"


def assert_nothing_is_cropped(board: Storyboard, margin: float = MARGIN, frame: int = 1) -> None:
    """As the camera stands at a frame. Words keep MARGIN in any case."""
    screen = Screen(board, frame)
    for name, corners in solids_of(board):
        assert_inside(board, screen.pixels(corners), name, margin)
    for caption, box in zip(board.captions, words_of(board, frame), strict=True):
        assert_inside(board, box.reshape(2, 2), f"{caption.name}: {caption.body}", MARGIN)


def assert_no_word_is_over_a_tensor(board: Storyboard, frame: int = 1) -> None:
    """Nor over what lies along its edges: ghosts, gaps, and a window that has come."""
    screen, words = Screen(board, frame), words_of(board, frame)
    things = [(c.name, corners_of(*planes_of(c)), (1, board.frames)) for c in board.cells if c.role != "traveller"]
    things += [(name, corners[1:], seen) for name, corners, seen in windows_of(board)]
    for where, corners, (first, last) in things:
        for number in np.flatnonzero(crossed(words, screen.pixels(corners), edges_of(screen)).any(axis=1)):
            caption = board.captions[number]
            assert caption.last < first or last < caption.first, f"{caption.name}: {caption.body} over {where}"


def rests_of(board: Storyboard) -> list[tuple[str, np.ndarray, float, tuple[float, float]]]:
    """Where cells on their way stand still for a moment: names, places, sizes, and from which step to which.

    Copies before they set out, on their weights and as one product; output cells before they leave their filter.
    """
    found = []
    for cells in board.cells:
        begins, ends = float(cells.start.min()), float(cells.start.max())
        if cells.via is not None:
            found.append((f"{cells.name} at first", cells.origin, COVER, (begins, ends)))
            found.append((f"{cells.name} on their weights", cells.via, COVER, cells.rest))
            arrived = float(cells.arrive.max())
            found.append((f"{cells.name} as one", cells.position, NEWBORN, (arrived, cells.end or arrived)))
        elif cells.role == "output" and ends != ALWAYS:
            flies = (cells.origin != cells.position).any(axis=1)
            found.append((f"{cells.name} at first", cells.origin[flies], NEWBORN, (begins, ends)))
    return [(name, np.unique(places, axis=0), *rest) for name, places, *rest in found if len(places)]


def assert_no_copy_rests_on_a_word(board: Storyboard) -> None:
    """It may only pass behind one."""
    steps = np.array([board.step.at(frame)[0] for frame in range(1, board.frames + 1)])
    for name, places, size, (begins, ends) in rests_of(board):
        first, last = np.searchsorted(steps, begins) + 1, np.searchsorted(steps, ends, side="right") + 1
        screen = Screen(board, int(min(first, board.frames)))
        words = np.array([caption_box(caption, screen) for caption in board.captions])
        shapes = screen.pixels(places[:, None] + CORNERS * size)
        for number in np.flatnonzero(crossed(words, shapes, edges_of(screen)).any(axis=1)):
            caption = board.captions[number]
            assert caption.last < first or last < caption.first, f"{name}: on {caption.name}: {caption.body}"


def assert_capitals_are_high(board: Storyboard, but: tuple[str, ...] = ()) -> None:
    scale = Screen(board).scale * 480.0 / min(board.size)
    heights = {caption.name: round(caption.size * scale, 2) for caption in board.captions}
    assert not {name: height for name, height in heights.items() if height < CAPITALS and not name.startswith(but)}


def assert_no_two_words_overlap(board: Storyboard, frame: int = 1) -> None:
    words = words_of(board, frame)
    frames = np.array([[caption.first, caption.last + 1] for caption in board.captions])
    low, high = np.c_[words[:, :2], frames[:, :1]], np.c_[words[:, 2:], frames[:, 1:]]
    both = (low[:, None] < high - TOLERANCE).all(axis=2) & (low < high[:, None] - TOLERANCE).all(axis=2)
    pairs = [(board.captions[i], board.captions[j]) for i, j in np.argwhere(np.triu(both, 1))]
    assert not pairs, [f"{one.name}: {one.body}, {other.name}: {other.body}" for one, other in pairs]


def thing_of(cells: Cells) -> str:
    """The tensor or bank of filters to which cells belong: ghosts and cells that are not whole stand among its own."""
    return re.sub(r"^(ghosts|zeros|copies|veil|marks)-|-((partial|added)-\d+|given|own|from-\d+-\d+)$", "", cells.name)


def assert_apart(board: Storyboard) -> None:
    """No two blocks overlap in the picture; ghosts are part of the block that they stand around."""
    found: list[tuple[Cells, Rectangle, np.ndarray]] = []
    for cells in standing(board):
        found += [(cells, around(board, block), block) for block in blocks_of(cells)]
    for (cells, one, mine), (others, other, its) in itertools.combinations(found, 2):
        if (cells is others or thing_of(cells) != thing_of(others)) and overlap(one, other):
            assert any(lies_beyond(board, axis, *pair) for axis in range(3) for pair in ((mine, its), (its, mine))), (
                cells.name,
                others.name,
            )


def lies_beyond(board: Storyboard, axis: int, one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a line along an axis of space has all of one block above it, and of the other below."""
    x, y = project(board, np.eye(3)[axis]) - project(board, np.zeros(3))
    above, below = (project(board, (block[:, None] + CORNERS).reshape(-1, 3)) @ (-y, x) for block in (one, other))
    return bool(above.min() >= below.max() - TOLERANCE)


@every_picture
def test_nothing_ever_comes_near_the_edge(name, size, language):
    assert_nothing_is_cropped(board_of(name, size, language))


@every_picture
def test_no_word_stands_over_a_tensor(name, size, language):
    assert_no_word_is_over_a_tensor(board_of(name, size, language))


@every_picture
def test_no_copy_rests_on_a_word(name, size, language):
    assert_no_copy_rests_on_a_word(board_of(name, size, language))


@every_picture
def test_no_two_words_that_are_shown_together_overlap(name, size, language):
    assert_no_two_words_overlap(board_of(name, size, language))


@every_picture
def test_what_flies_never_passes_heading_and_footer(name, size, language):
    """All straight ways begin and end in the band between them."""
    board = board_of(name, size, language)
    screen = Screen(board)
    words = dict(zip((caption.name for caption in board.captions), words_of(board), strict=True))
    top = max(box[3] for word, box in words.items() if word.startswith(HEADING))
    bottom = min(box[1] for word, box in words.items() if word.startswith(FOOTER))
    for what, corners in solids_of(board):
        rows = screen.pixels(corners)[..., 1]
        assert top <= rows.min() and rows.max() <= bottom, what


@every_picture
def test_faint_words_stand_where_no_shadow_falls(name, size, language):
    """There they would be too faint: see test_palette on contrast."""
    board = board_of(name, size, language)
    screen, drift = Screen(board), np.array(SUN_DIRECTION) / -SUN_DIRECTION[2]
    faint = np.array([caption.color == THEMES[board.theme].faint_text for caption in board.captions])
    assert faint.any()
    for cells in standing(board):
        if cells.role != "ghost":
            corners = corners_of(*planes_of(cells))
            shadows = screen.pixels(corners + drift * (corners[..., 2:] - board.floor))
            over = crossed(words_of(board)[faint], shadows, edges_of(screen, drift))
            assert not over.any(), cells.name


@every_picture
def test_no_two_blocks_cover_each_other(name, size, language):
    assert_apart(board_of(name, size, language))


@every_picture
def test_capitals_are_at_least_twelve_pixels_high(name, size, language):
    assert_capitals_are_high(board_of(name, size, language))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", SCENES)
def test_no_text_is_larger_than_it_is_taken_to_be(name, language):
    board = board_of(name, SIZES[0], language)
    half = np.array([board.camera.width, board.camera.height]) / 2
    for caption, (left, top, right, bottom) in zip(board.captions, words_of(board), strict=True):
        low, high = rectangle_of(caption)
        measured = np.array([[low[0], high[1]], [high[0], low[1]]]) * (1, -1) + half
        (its_left, its_top), (its_right, its_bottom) = measured * Screen(board).scale
        assert left <= its_left + TOLERANCE and its_right <= right + TOLERANCE, caption.body
        assert top <= its_top + TOLERANCE and its_bottom <= bottom + TOLERANCE, caption.body


@given(st.text(st.sampled_from([*ADVANCE, "卷", "，"]), min_size=1, max_size=40))
def test_no_letter_is_wider_than_it_is_taken_to_be(text):
    assert measured_width(text) <= text_width(text) + TOLERANCE


@pytest.mark.parametrize("size", SIZES)
def test_a_point_is_seen_where_the_camera_has_it(size):
    board = board_of("standard", size, "en")
    points = np.random.default_rng(0).uniform(-9, 9, (20, 3))
    flat = project(board, points) / (board.camera.width, board.camera.height) * (1, -1) + 0.5
    assert np.allclose(Screen(board).pixels(points), flat * size)


@every_picture
def test_every_tensor_and_bank_of_filters_has_its_label(name, size, language):
    board = board_of(name, size, language)
    named = [caption.name for caption in board.captions if caption.name.startswith("label-")]
    labels = {each.split("-", 1)[1].rsplit("-", 1)[0] for each in named}
    labels = {re.sub(r"^(filters-\d+)-\d+$", r"\1", each) for each in labels}  # those that are flipped have two
    things = {thing_of(cells) for cells in standing(board)}
    listed = any(re.fullmatch(r"elision-\d+-\d+", caption.name) for caption in board.captions)
    assert labels <= things
    if things - labels and not (listed and not labels):  # or what is left out of each is told above them all
        rows = {thing_of(cells): around(board, cells.position) for cells in standing(board)}
        across = 0 if size[0] < size[1] else 1  # in tall pictures rows run down
        for thing in things - labels:  # it has the name of its row
            low, high = (corner[across] for corner in rows[thing])
            assert any(rows[other][0][across] < high and low < rows[other][1][across] for other in labels), thing


@pytest.mark.parametrize(("name", "size"), [("deep-stack", (640, 480)), ("lenet", (480, 480)), ("lenet", (854, 480))])
def test_words_do_not_crush_the_cells(name, size):
    """In pixels: less would hardly be seen."""
    assert min(Screen(board_of(name, size, language)).scale for language in ("en", "zh")) > 1.5


@every_picture
def test_the_floor_lies_below_every_cube(name, size, language):
    board = board_of(name, size, language)
    lowest = min(cells.position[:, 2].min() - 0.5 for cells in standing(board))
    assert board.floor <= lowest + TOLERANCE


@every_picture
def test_one_reads_from_the_left_to_the_right_and_in_tall_pictures_downwards(name, size, language):
    board = board_of(name, size, language)
    outputs = {thing_of(cells) for cells in standing(board) if cells.role == "output"}
    outputs = [name for name in outputs if name.startswith("output-")]
    order = ["input"]
    shared = shared_with_the_input(board)
    for number in range(1, len(outputs) + len(shared) + 1):
        if f"output-{number}" in shared:
            continue
        order += [
            c
            for c in (f"filters-{number}", f"reshape-{number}", f"transpose-{number}")
            if any(c == x.name for x in board.cells) and name not in STACKED
        ]
        order.append(f"output-{number}")
        names = {cells.name for cells in board.cells}
        if size[0] >= size[1] and f"kernel-{number}" in names and f"zeros-filters-{number}" not in names:
            order[-3:] = order[-2], order[-3], order[-1]  # filters as rows stand left of the columns
    blocks = [next(c for c in board.cells if c.name == item).position for item in order]
    for block, following in itertools.pairwise(blocks):
        before, after = around(board, block), around(board, following)
        to_the_right, below = before[1][0] <= after[0][0], before[0][1] >= after[1][1]
        assert lies_beyond(board, 0, block, following) if name in STACKED else to_the_right or below
        lines = name == "channel-shuffle" and size[0] == size[1]  # its numbers take room
        if name in SMALL and not lines:  # big ones may take several lines or columns
            assert below if size[0] < size[1] else to_the_right


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
    st.sampled_from(["en", "zh"]),
)
@example(1, 1, 64, 56, 1, (854, 480), "en")
@example(1, 64, 1, 5, 1, (480, 854), "zh")
@example(8, 1, 8, 5, 1, (480, 480), "en")
def test_other_layers_fit_too(groups, per_group, filters, side, padding, size, language):
    text = SCENE.format(
        channels=groups * per_group,
        side=side,
        filters=groups * filters,
        kernel=min(3, side),
        padding=padding,
        groups=groups,
    )
    board = compose(parse_scene(text, "test"), size, language=language)
    assert_apart(board)
    assert_nothing_is_cropped(board, margin=0.0)  # windows of few and large cells come from near the edge
    assert_no_word_is_over_a_tensor(board)
    assert_no_two_words_overlap(board)


COLUMNS = """
[input]
shape = [2, 32, 28, 28]
[[stage]]
op = "Conv2d"
out_channels = 16
kernel_size = 5
stride = 2
groups = 4
[[stage]]
op = "ChannelShuffle"
groups = 4
"""


@pytest.mark.parametrize("name", ["max-pool", "depthwise", "grouped-shuffled"])
def test_marks_stand_beside_blocks_only_where_cells_are_larger_then(name, monkeypatch):
    def frame() -> layout.Frame:
        return Plan(Contents(scene_of(name)), SIZES[0], 30.0, "en", THEMES["light"]).frame

    first = frame()
    for module in (layout, travel):
        monkeypatch.setattr(module, "with_marks_beside", lambda items: [])
    above = frame()
    assert not any(placed.item.beside for placed in above.placed)
    larger = 1.05 if any(placed.item.beside for placed in first.placed) else 1.0
    assert larger == (1.0 if name == "depthwise" else 1.05)
    assert first.least_cell >= larger * above.least_cell


def test_labels_are_no_wider_than_the_columns_of_a_tall_picture():
    board = compose(parse_scene(COLUMNS + '[look]\ncamera = "still"\n', "test"), (480, 854), language="zh")
    assert_nothing_is_cropped(board)
    assert_no_word_is_over_a_tensor(board)
    assert_no_two_words_overlap(board)


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


def test_a_window_that_ends_beyond_the_input_stands_on_the_floor():
    stage = '[[stage]]\nop = "MaxPool2d"\nkernel_size = 3\nstride = 2\nceil_mode = true\n'
    board = compose(parse_scene(f"[input]\nshape = [1, 6, 7]\n{stage}", "x"))
    (window,) = (mover for mover in board.movers if mover.boxes)
    lowest = min(
        mid[2] + window.track.at(frame)[2] - side[2] / 2
        for frame in range(window.first, window.last + 1)
        for mid, side in window.boxes_at(frame)
    )
    cells = next(cells for cells in board.cells if cells.name == "input")
    assert board.floor <= lowest < cells.position[:, 2].min() - 1.0
