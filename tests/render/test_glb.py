"""A .glb has the film's cells where, as large and in the colours that the storyboard has them: read by Blender."""

import json
import struct
from dataclasses import replace

import bpy
import numpy as np
import pytest

from convmotion.render import glb
from convmotion.render.cli import main
from convmotion.render.errors import RequestError
from convmotion.scenes import compose, find_scene, parse_scene
from convmotion.scenes.form import WINDOW_MARGIN
from convmotion.scenes.palette import THEMES, lit
from convmotion.scenes.pose import pose

SMALL = """
[input]
shape = [2, 3, 4]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 2
padding = 1
stride = 2
[time]
seconds = 3
"""
FPS = 10.0


def board_of(text=SMALL):
    return compose(parse_scene(text, "small.toml"), (160, 90), FPS)


def opened(board, path, frames=None):
    """The file's objects by name, in Blender."""
    glb.write(board, frames or range(1, board.frames + 1), path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = round(board.fps), 1.0
    bpy.ops.import_scene.gltf(filepath=str(path))
    return {obj.name: obj for obj in bpy.data.objects}


def looks_of(frame, objects, first=1, later=0.0):
    """Where each object is at a frame of the film, (3,), how large, (3,), and its colour; of those that have a size.

    The importer has second 0 at frame 0. ``later``: by a part of a frame.
    """
    bpy.context.scene.frame_set(frame - first, subframe=later)
    seen = {}
    for name, obj in objects.items():
        place, _, size = obj.matrix_world.decompose()
        if obj.type == "MESH" and min(size) > 1e-4:
            paint = obj.material_slots[0].material.node_tree.nodes["Principled BSDF"].inputs["Base Color"]
            seen[name] = np.array(place), np.array(size), np.array(paint.default_value[:3])
    return seen


def told(board, frame):
    """The same of the storyboard's cells."""
    seen = {}
    for cells in board.cells:
        at = pose(board, cells, frame)
        for row in np.flatnonzero(at.shown):
            name = f"{cells.name} {row} {cells.index[row]}"
            color = cells.color[row].astype(float)
            if cells.role == "ghost":
                color = np.array(THEMES[board.theme].ghost)
            if at.ripe >= 0.5:
                name, color = f"{name} ripe", cells.becomes[row]
            elif at.lit[row] >= 0.5:
                name, color = f"{name} lit", lit(color[None], THEMES[board.theme])[0].clip(0.0, 1.0)
            seen[name] = at.place[row], np.full(3, at.size[row]), color
    return seen


def same(one, other):
    assert set(one) == set(other)
    for name, (place, size, color) in one.items():
        assert np.allclose(place, other[name][0], atol=3e-3), name
        assert np.allclose(size, other[name][1], atol=3e-3), name
        assert np.allclose(color, other[name][2], atol=1e-4), name


MOVES = """
[input]
shape = [4, 2, 2]
[[stage]]
op = "PixelShuffle"
upscale_factor = 2
[time]
seconds = 2
"""


@pytest.mark.blender
@pytest.mark.parametrize("text", [SMALL, MOVES])
def test_at_any_time_every_cell_is_where_the_film_has_it_as_large_and_in_its_colour(tmp_path, text):
    board = board_of(text)
    objects = opened(board, tmp_path / "a.glb")
    cells = tuple(cells.name for cells in board.cells)
    counts = set()
    for frame in range(1, board.frames + 1, 2):
        found = {name: look for name, look in looks_of(frame, objects).items() if name.startswith(cells)}
        same(told(board, frame), found)
        counts.add((len(found), sum(name.endswith("lit") for name in found)))
        between = {name for name in looks_of(frame, objects, later=0.5) if name.startswith(cells)}
        assert between == set(found), "what comes, goes or changes its colour does so at once"
    assert len(counts) > 3


@pytest.mark.blender
def test_a_window_is_where_the_film_has_it_and_gone_before_and_after(tmp_path):
    board = board_of()
    objects = opened(board, tmp_path / "a.glb")
    windows = [mover for mover in board.movers if mover.boxes]
    assert windows
    for frame in range(1, board.frames + 1, 3):
        found = {name: look for name, look in looks_of(frame, objects).items() if "window" in name}
        assert len(found) == sum(len(m.boxes) for m in windows if m.first <= frame <= m.last)
        for mover in windows:
            if mover.first <= frame <= mover.last:
                for number, (center, _) in enumerate(mover.boxes_at(frame)):
                    place, size, color = found[f"{mover.name} {number}"]
                    assert np.allclose(place, mover.track.at(frame) + center, atol=3e-3)
                    assert np.allclose(color, THEMES["light"].window, atol=1e-4) and np.allclose(size, 1.0)
    corners = [vertex.co for vertex in objects[f"{windows[0].name} 0"].data.vertices]
    extent = np.ptp(np.array(corners), axis=0)
    assert np.allclose(extent, np.array(windows[0].boxes[0][1]) + 2 * WINDOW_MARGIN + windows[0].bar, atol=1e-3)


@pytest.mark.blender
def test_windows_of_unequal_size_change_theirs(tmp_path):
    text = SMALL[: SMALL.index("op =")] + 'op = "AdaptiveAvgPool2d"\noutput_size = [2, 3]\n[time]\nseconds = 3\n'
    text = text.replace("[2, 3, 4]", "[1, 4, 5]")
    board = board_of(text)
    mover = next(m for m in board.movers if m.taps is not None)
    objects = opened(board, tmp_path / "a.glb")
    sizes = set()
    for frame in range(mover.first, mover.last + 1, 2):
        center, size = mover.boxes_at(frame)[0]
        place, scale, _ = looks_of(frame, objects)[f"{mover.name} 0"]
        assert np.allclose(place, mover.track.at(frame) + center, atol=3e-3)
        whole = np.array(mover.boxes[0][1]) + 2 * WINDOW_MARGIN
        assert np.allclose(scale * whole, size + 2 * WINDOW_MARGIN, atol=5e-3)
        sizes.add(tuple(np.round(size, 2)))
    assert len(sizes) > 1


@pytest.mark.blender
def test_some_frames_alone_begin_at_once(tmp_path):
    board = board_of()
    frames = range(8, 15)
    objects = opened(board, tmp_path / "a.glb", frames)
    cells = tuple(cells.name for cells in board.cells)
    for frame in frames:
        found = {name: look for name, look in looks_of(frame, objects, 8).items() if name.startswith(cells)}
        same(told(board, frame), found)


def test_the_file_is_a_container_of_two_chunks_and_small(tmp_path):
    board = compose(find_scene("single-channel"), fps=FPS)
    glb.write(board, range(1, board.frames + 1), tmp_path / "a.glb")
    data = (tmp_path / "a.glb").read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data)) and len(data) < 100_000
    size, kind = struct.unpack_from("<I4s", data, 12)
    told_of = json.loads(data[20 : 20 + size])
    assert kind == b"JSON" and size % 4 == 0
    numbers, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and numbers == told_of["buffers"][0]["byteLength"] and 28 + size + numbers == len(data)
    assert told_of["nodes"][told_of["scenes"][0]["nodes"][0]]["name"] == board.title
    times = [told_of["accessors"][s["input"]] for s in told_of["animations"][0]["samplers"]]
    assert max(time["max"][0] for time in times) == pytest.approx((board.frames - 1) / FPS)


def test_above_a_limit_it_is_refused_in_a_line_before_anything_is_rendered(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["render", "many-filters", "-o", "a.glb", "-o", "a.gif"]) == 2
    assert capsys.readouterr().err == "convmotion: a.glb: 12,412 cells; allowed in a .glb: at most 5,000\n"
    assert list(tmp_path.iterdir()) == []
    board = board_of()
    monkeypatch.setattr(glb, "MOST_CELLS", sum(map(len, board.cells)))
    glb.check(board, tmp_path / "a.glb")
    more = replace(board, cells=(*board.cells, board.cells[0]))
    with pytest.raises(RequestError, match=r"allowed in a \.glb"):
        glb.check(more, tmp_path / "a.glb")


def test_it_needs_no_blender(tmp_path, monkeypatch):
    from convmotion.render import doctor, film

    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.setattr(doctor, "require_libraries", None)
    monkeypatch.setattr(film, "_work", None, raising=False)
    assert main(["render", "small.toml", "-o", "a.glb", "--frames", "2:4", "--fps", "5"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"small.toml", "a.glb"}
