"""Tensors of many small cells are rendered as the faces that can be seen: the same picture, with few objects."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from convmotion.blender_addon.hull import BAND, SIDES, neighbours
from convmotion.render import blender
from convmotion.scenes import compose, parse_scene, with_photo
from convmotion.scenes.changes import Changes
from convmotion.scenes.pose import pose
from convmotion.scenes.story import MASS

pytestmark = pytest.mark.blender

SIZE = (240, 136)
SCENE = """
[input]
shape = [3, 48, 48]
values = { image = "photo.png" }
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 5
stride = 2
padding = 2
[look]
show = ["ghosts", "values"]
"""


def board_of(text=SCENE):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    board = compose(with_photo(parse_scene(text, "scene"), pixels), SIZE, 10.0)
    return replace(board, lines=(), captions=())


def test_two_cells_touch_that_are_a_unit_apart_and_others_do_not():
    position = (
        np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, -1), (2.5, 0, 0), (0, 2, 0), (1, 0, 1)], np.float32) + 0.3
    )
    found = neighbours(position)
    for number, place in enumerate(position):
        for side, offset in enumerate(SIDES):
            near = np.flatnonzero(np.abs(position - place - offset).max(axis=1) < 0.01)
            assert found[number, side] == (near[0] if len(near) else len(position))


def test_only_many_small_cells_of_a_tensor_are():
    board = board_of()
    assert board.small and {c.name for c in board.cells if board.massed(c)} == {"input"}
    (cells,) = (c for c in board.cells if c.name == "input")
    assert len(cells) > MASS and not board.massed(replace(cells, scale=2.0))
    assert not board.massed(replace(cells, name="fewer", position=cells.position[: MASS - 1]))
    large = compose(parse_scene(SCENE.replace('{ image = "photo.png" }', '"ramp"'), "scene"), (3840, 2160), 10.0)
    assert not large.small and not any(map(large.massed, large.cells))


@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_a_picture_of_faces_is_that_of_all_cubes(quality, tmp_path, monkeypatch):
    """Before, while and after the window lights cells and the result appears row by row."""
    board = board_of(SCENE.replace('"ghosts", ', ""))
    monkeypatch.setattr("convmotion.scenes.story.MASS", 500)
    layer = "plain" if quality == "draft" else "notes"
    names = {c.name for c in board.cells if board.massed(c)}
    assert names == {"input", "output-1"} and len({c.name for c in board.cells}) > 3
    frames = (1, board.frames // 3, board.frames // 2, board.frames // 2 + 1, board.frames)
    made = {}
    for least in (500, 10**9):
        monkeypatch.setattr("convmotion.scenes.story.MASS", least)
        take = blender.Studio(board, quality, "cycles", "cpu", 1).camera(layer, tmp_path / "part.png")
        made[least] = [take(frame, (0, 0, *SIZE)).astype(int) for frame in frames]
        bands = -(-48 // BAND)
        assert sum(obj.name.startswith("input ") for obj in bpy.data.objects) == (2 * bands if least == 500 else 0)
    for one, other in zip(*made.values(), strict=True):
        assert one.std() > 5 or layer == "notes"
        assert (np.abs(one - other).max(axis=2) > 12).mean() < 0.002, "but for edges, on which samples fall elsewhere"
    assert (made[500][1] != made[500][2]).any()


def test_faces_are_lit_as_their_cells_are(tmp_path):
    board = board_of()
    take = blender.Studio(board, "draft", "cycles", "cpu", 1).camera("plain", tmp_path / "part.png")
    (cells,) = (cells for cells in board.cells if cells.name == "input")
    for frame in (board.frames // 2, board.frames):
        take(frame, (0, 0, 16, 16))
        meshes = {obj.data for obj in bpy.data.objects if obj.name.startswith("input ")}
        front = cells.index[:, 0] == 0
        wanted = pose(board, cells, frame).lit[front].sum()
        lit = [
            face.value
            for mesh in meshes
            for face, polygon in zip(mesh.attributes["lit"].data, mesh.polygons, strict=True)
            if polygon.normal.y < -0.9
        ]
        assert sum(lit) == pytest.approx(wanted, abs=1e-3)
        assert (wanted > 1.0) == (frame < board.frames)


def test_of_small_cells_of_padding_a_square_each_is_rendered(tmp_path, monkeypatch):
    board = board_of()
    monkeypatch.setattr("convmotion.scenes.story.MASS", 500)
    blender.Studio(board, "draft", "cycles", "cpu", 1).camera("plain", tmp_path / "part.png")(1, (0, 0, 16, 16))
    meshes = {obj.data for obj in bpy.data.objects if obj.name.startswith("ghosts-input ")}
    (ghosts,) = (cells for cells in board.cells if cells.name == "ghosts-input")
    assert sum(len(mesh.polygons) for mesh in meshes) == len(ghosts)


def test_what_is_rendered_of_a_frame_counts_no_cell_of_a_mass(monkeypatch):
    board = board_of()
    call = Changes(board, "plain", 0).call
    monkeypatch.setattr("convmotion.scenes.story.MASS", 10**9)
    assert Changes(board, "plain", 0).call - call == 3 * 48 * 48
