"""The picture shows what the storyboard says: pixels where a cell's front face projects to wear that cell's colour."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest

from convmotion.render import blender, doctor
from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.layout import View
from convmotion.scenes.palette import linear_of, luminance
from convmotion.scenes.screen import Screen, caption_box

pytestmark = pytest.mark.blender

SIZE = (320, 180)
needs_gl = pytest.mark.skipif(
    any(library.optional for library in doctor.missing_libraries()), reason="the GL libraries are not installed"
)
ENGINES = [
    pytest.param("cycles", "draft", id="cycles-draft"),
    pytest.param("cycles", "standard", id="cycles-standard"),
    pytest.param("workbench", "draft", id="workbench", marks=[pytest.mark.gl, needs_gl]),
    pytest.param("eevee", "draft", id="eevee", marks=[pytest.mark.gl, needs_gl]),
]


def render(board, frame, folder, quality="draft", engine="cycles"):
    take = blender.Studio(board, quality, engine, "cpu").camera("all", folder / "picture.png")
    return take(frame, (0, 0, *board.size))


def pixel_of(board, points, frame=1):
    """Columns and rows of the pixels that world points project to."""
    view, (target, width) = View.along(board.camera.direction), board.camera.at(frame)
    flat = view.project(points) - view.project(np.array(target))
    scale = board.size[0] / width
    column = (board.size[0] / 2 + flat[:, 0] * scale).astype(int)
    row = (board.size[1] / 2 - flat[:, 1] * scale).astype(int)
    return row, column


def hue(rgb):
    return colorsys.rgb_to_hsv(*(np.asarray(rgb, float) / 255.0))


def named(board, name):
    return next(c for c in board.cells if c.name == name)


def front(cells):
    """The cells of channel (or slice) 0, whose fronts nothing of their own tensor hides."""
    return cells.index[:, -3] == 0


def wears(picture, board, cells, chosen, frame=1):
    """How far (degrees) the hue of each chosen cell's front is from its colour, and how saturated it is."""
    row, column = pixel_of(board, cells.position[chosen] + np.array([0.0, -0.5, 0.0]), frame)
    seen = [hue(picture[r, c, :3]) for r, c in zip(row, column, strict=True)]
    own = [hue(255 * np.clip(c, 0, 1) ** (1 / 2.2)) for c in cells.color[chosen]]
    away = [abs((s[0] - o[0] + 0.5) % 1.0 - 0.5) * 360 for s, o in zip(seen, own, strict=True)]
    return np.array(away), np.array([s[1] for s in seen])


@pytest.mark.parametrize(("engine", "quality"), ENGINES)
def test_every_cell_in_front_wears_its_colour(engine, quality, tmp_path):
    board = compose(find_scene("grouped"), SIZE, 12.0)
    picture = render(board, board.frames, tmp_path, quality, engine)
    assert picture.shape[:2] == (180, 320)
    for name in ("input", "filters-1", "output-1"):
        cells = named(board, name)
        away, saturation = wears(picture, board, cells, front(cells))
        assert np.median(away) < 12 and (away < 25).mean() > 0.95, name
        assert (saturation > 0.2).all(), name


@pytest.mark.parametrize(("engine", "quality"), ENGINES)
def test_what_is_transparent_has_nothing_behind_it(engine, quality, tmp_path):
    board = compose(find_scene("grouped"), SIZE, 12.0, transparent=True)
    picture = render(board, board.frames, tmp_path, quality, engine)
    assert picture.shape == (180, 320, 4) and 0.5 < (picture[..., 3] == 0).mean() < 0.9
    assert not picture[-1, :, 3].any() and not picture[:, 0, 3].any()
    for name in ("input", "filters-1", "output-1"):
        cells = named(board, name)
        row, column = pixel_of(board, cells.position[front(cells)] + np.array([0.0, -0.5, 0.0]))
        assert (picture[row, column, 3] == 255).all(), name


@pytest.mark.parametrize(("engine", "quality"), ENGINES)
def test_the_backdrop_is_the_same_whatever_the_engine(engine, quality, tmp_path):
    board = compose(find_scene("grouped"), SIZE, 12.0)
    picture = render(board, board.frames, tmp_path, quality, engine)
    expected = render(board, board.frames, tmp_path)
    assert np.median(np.abs(picture[-4:].astype(int)[..., :3] - expected[-4:, :, :3])) <= 4


JOURNEY = """
[input]
shape = [4, 5, 5]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 2
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
[look]
camera = "dolly"
"""


@pytest.mark.parametrize("size", [SIZE, SIZE[::-1]])
@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_a_camera_that_has_travelled_sees_the_next_stage(quality, size, tmp_path):
    board = compose(parse_scene(JOURNEY, "journey"), size, 12.0)
    frame = int(board.camera.travel.frames[3])  # before it travels on, to the result
    picture = render(board, frame, tmp_path, quality)
    for name in ("output-1", "filters-2", "output-2"):
        cells = named(board, name)
        away, saturation = wears(picture, board, cells, front(cells), frame)
        assert np.median(away) < 12 and (saturation > 0.2).all(), name


@pytest.mark.parametrize("transparent", [False, True])
def test_what_leaves_a_tall_picture_passes_behind_its_heading_and_footer(transparent, tmp_path):
    board = compose(parse_scene(JOURNEY, "journey"), SIZE[::-1], 12.0, transparent=transparent)
    take = blender.Studio(board, "draft", "cycles", "cpu").camera("plain", tmp_path / "picture.png")
    start, end = board.camera.travel.frames[1:3].astype(int)
    low, high = ((0.5 - edge / board.camera.height) * board.size[1] for edge in board.camera.band)
    told = [c for c in board.captions if not c.in_world]
    for frame in (1, (start + end) // 2, end):
        picture, screen = take(frame, (0, 0, *board.size)), Screen(board, frame)
        hidden = np.zeros(picture.shape[:2], bool)
        hidden[: int(high) - 1] = hidden[int(low) + 2 :] = True
        for left, top, right, bottom in (caption_box(c, screen).round().astype(int) for c in told):
            hidden[max(0, top - 2) : bottom + 3, max(0, left - 2) : right + 3] = False
        assert hidden.sum() > 3000
        assert np.ptp(picture[hidden], axis=0).max() <= 1, "nothing but the backdrop"
        assert not transparent or not picture[hidden].any()


def test_only_what_is_written_can_be_seen(tmp_path):
    board = compose(find_scene("pointwise"), SIZE, 12.0)
    step = 11
    picture = render(board, int(board.settled[step]), tmp_path)
    cells = named(board, "output-1")
    first = front(cells)
    _, saturation = wears(picture, board, cells, first)
    written = cells.index[first][:, 1] * 5 + cells.index[first][:, 2] <= step
    assert (saturation[written] > 0.2).all(), "the cells of the first twelve steps are there"
    rows_below = cells.index[first][:, 1] >= 4
    assert (saturation[rows_below] < 0.1).all(), "and of the last row none"


def test_the_window_is_brighter_than_its_surroundings(tmp_path):
    board = compose(find_scene("standard"), SIZE, 12.0)
    picture = render(board, int(board.settled[12]), tmp_path)
    cells = named(board, "input")
    row, column = pixel_of(board, cells.position + np.array([0.0, -0.5, 0.0]))
    light = picture[row, column, :3].astype(float).sum(axis=1)
    c, h, w = cells.index.T
    inside = (c == 0) & (h >= 2) & (h < 5) & (w >= 2) & (w < 5)
    outside = (c == 0) & ((h < 1) | (h > 5) | (w < 1) | (w > 5))
    assert light[inside].min() > light[outside].max()


def faces(board, cells, which):
    """Rows and columns (n, 49) of pixels on the middles of cells' fronts."""
    spread = np.linspace(-0.24, 0.24, 7)
    spots = np.array([(x, -0.48, z) for x in spread for z in spread])
    row, column = pixel_of(board, (cells.position[which][:, None] + spots).reshape(-1, 3))
    return row.reshape(-1, 49), column.reshape(-1, 49)


@pytest.mark.parametrize(("engine", "quality"), ENGINES)
def test_on_every_front_there_is_ink_and_without_numbers_there_is_none(engine, quality, tmp_path):
    board = compose(find_scene("single-channel"), (427, 240), 12.0)
    plain = replace(board, cells=tuple(replace(c, numbers=()) for c in board.cells), lines=())
    written, bare = (render(b, board.frames, tmp_path, quality, engine).astype(int) for b in (board, plain))
    inks = {True: 0, False: 0}
    for name in ("input", "filters-1", "output-1"):
        cells = named(board, name)
        (numbers,) = cells.numbers
        row, column = faces(board, cells, numbers.cell)
        with_ink, without = (p[row, column, :3].sum(axis=2) for p in (written, bare))
        white = numbers.color[:, 0] > 0.5
        strongest = np.where(white, (with_ink - without).max(axis=1), (without - with_ink).max(axis=1))
        assert (strongest > 80).all(), name
        mostly = abs(with_ink - without) < 60
        assert (mostly.mean(axis=1) > 0.3).all(), "a number is no blot"
        inks = {kind: inks[kind] + (white == kind).sum() for kind in inks}
    assert all(inks.values())


VEILING = [engine for engine in ENGINES if engine.id != "workbench"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("engine", "quality"), VEILING)
def test_behind_a_number_on_padding_little_is_seen_of_cells(engine, quality, theme, tmp_path):
    board = compose(find_scene("padding"), (640, 360), 12.0, theme=theme)
    bare = replace(board, cells=tuple(replace(c, numbers=()) for c in board.cells))
    ghosts = named(board, "ghosts-input")
    top = (ghosts.index[:, 1] == -1) & (ghosts.index[:, 2] >= 1) & (ghosts.index[:, 2] < 5)
    spots = np.array([(x, -0.44, -0.38) for x in (-0.2, 0.2)])
    row, column = pixel_of(board, (ghosts.position[top][:, None] + spots).reshape(-1, 3))
    backdrop = 255 * linear_of(render(board, 1, tmp_path)[2, 2, :3] / 255.0)
    veiled, open_ = (
        abs(255 * linear_of(render(b, 1, tmp_path, quality, engine)[row, column, :3] / 255.0) - backdrop).max(axis=1)
        for b in (board, bare)
    )
    assert len(open_) == 8 and np.median(open_) > 20, "the tops of the first row stand there"
    assert np.median(veiled / open_) < 0.4


def test_cells_in_their_light_look_the_same_with_and_without_numbers(tmp_path):
    board = compose(find_scene("single-channel"), SIZE, 12.0)
    plain = replace(board, cells=tuple(replace(c, numbers=()) for c in board.cells))
    pictures = []
    for each in (board, plain):
        studio = blender.Studio(each, "standard", "cycles", "cpu", 1)
        pictures += [studio.camera(layer, tmp_path / "part.png")(50, (0, 0, *SIZE)) for layer in ("cells", "notes")]
    cells, notes, plain_cells, plain_notes = pictures
    assert np.array_equal(cells, plain_cells)
    assert not np.array_equal(notes, plain_notes)


def test_a_dark_theme_is_dark_and_a_light_one_light(tmp_path):
    for theme, low, high in (("light", 200, 256), ("dark", 0, 90)):
        board = compose(find_scene("pointwise"), SIZE, 12.0, theme=theme)
        picture = render(board, 1, tmp_path)
        corners = picture[[2, 2, -3, -3], [2, -3, 2, -3], :3]
        assert (corners >= low).all() and (corners < high).all(), theme


def test_frames_of_equal_state_are_equal_pictures(tmp_path):
    """What spares rendering holds: the title hold is one picture, and its key says so."""
    board = compose(find_scene("pointwise"), SIZE, 12.0)
    assert board.state_key(2) == board.state_key(5) != board.state_key(int(board.settled[0]))
    take = blender.Studio(board, "draft", "cycles", "cpu").camera("all", tmp_path / "picture.png")
    pictures = [take(frame, (0, 0, *SIZE)) for frame in (2, 5)]
    assert (pictures[0] == pictures[1]).all()


SHADES = """
[input]
shape = [1, 4, 5]
values = [[[-9, -8, -7, -6, -5], [-4, -3, -2, -1, 0], [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]]
[[stage]]
op = "ReLU"
[look]
show = ["values"]
"""


@pytest.mark.parametrize(("quality", "theme", "least"), [("draft", "light", 4.4), ("standard", "dark", 3.9)])
def test_numbers_stand_out_from_the_cells_as_they_are_seen(quality, theme, least, tmp_path):
    board = compose(parse_scene(SHADES, "shades"), SIZE, theme=theme)
    cells = named(board, "input")
    (numbers,) = cells.numbers
    row, column = pixel_of(board, cells.position[numbers.cell] + np.array([0.0, -0.47, 0.37]))
    picture = render(board, 1, tmp_path, quality)[row, column, :3]
    ground, ink = luminance(linear_of(picture / 255.0)), luminance(numbers.color.astype(float))
    low, high = np.sort([ground, ink], axis=0) + 0.05
    assert (high / low).min() >= least
    assert 0 < np.count_nonzero(ink > 0.5) < len(ink) == 20
