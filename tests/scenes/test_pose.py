"""NumPy and Blender agree on where everything is: the built scene shows what scenes.pose says."""

import bpy
import numpy as np
import pytest
from small_scenes import BATCHED_FILTERWISE, CHAIN, DILATED

from convmotion.blender_addon.build import NUMBERS, ON_ITS_WAY, build
from convmotion.blender_addon.looks import set_solid
from convmotion.scenes import compose, find_scene, parse_scene, photo_of, with_photo
from convmotion.scenes.form import CUBE
from convmotion.scenes.numerals import GLYPHS, shorts
from convmotion.scenes.pose import lines_at, pose, progress

pytestmark = pytest.mark.blender

VALUED = """
[input]
shape = [2, 4, 4]
[[stage]]
op = "Conv2d"
out_channels = 4
kernel_size = 3
padding = 1
padding_mode = "reflect"
groups = 2
bias = true
[[stage]]
op = "ChannelShuffle"
groups = 2
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
padding = 1
[look]
show = ["ghosts", "values"]
"""
GATHERED = """
[input]
shape = [4, 2, 3]
[[stage]]
op = "ConvTranspose2d"
out_channels = 4
kernel_size = [2, 3]
stride = 2
groups = 2
view = "gather"
[look]
show = ["lines", "values"]
"""
COUNTED = """
[input]
shape = [1, 7, 7]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 3
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 3
dilation = 2
[look]
show = ["usage"]
"""
UNEQUAL = """
[input]
shape = [2, 5, 5]
[[stage]]
op = "AdaptiveAvgPool2d"
output_size = 3
"""
PICTURED = """
[input]
shape = [3, 40, 40]
values = { image = "photo.png" }
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 5
"""
DEFORMED = """
[input]
shape = [4, 6, 6]
[[stage]]
op = "DeformConv2d"
out_channels = 4
kernel_size = 3
groups = 2
"""
OWN = {"dilated": DILATED, "batched": BATCHED_FILTERWISE, "chain": CHAIN, "valued": VALUED, "gathered": GATHERED}
OWN |= {"pictured": PICTURED, "deformed": DEFORMED}
SCENES = ["standard", *OWN]
OWN["unequal"] = UNEQUAL
CLOSE = 1e-3


def built(name):
    scene = parse_scene(OWN[name], name) if name in OWN else find_scene(name)
    if photo_of(scene):
        scene = with_photo(scene, np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    board = compose(scene, (320, 180), 60.0)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return board, build(board)


def telling_frames(board):
    """The title, all phases of the first step, of its products, too, the middle, an end, what a flip goes through, and
    the result."""
    steps = np.array([board.step.at(frame)[0] for frame in range(1, board.frames + 1)])
    wanted = (0.05, 0.3, 0.5, 0.7, 0.95, 1.2, int(0.4 * board.steps) + 0.2, 0.75 * board.steps + 0.6, board.steps - 0.4)
    ripe = [sum(c.ripens) / 2.0 for c in board.cells if c.becomes is not None]
    flips = [
        c.start[0] + part
        for c in board.cells
        if c.name.startswith("flipping")
        for part in (-0.05, 0.0, 0.2, 0.5, 0.75, 0.8)
    ]
    return [1, *(int(np.searchsorted(steps, step)) + 1 for step in (*wanted, *ripe, *flips)), board.frames]


def instanced(name):
    """(n, 3) places and (n,) sizes of the instances that an object shows now, in the order of its points."""
    graph = bpy.context.evaluated_depsgraph_get()
    of_it = (i for i in graph.object_instances if i.is_instance and i.parent.name == name)
    matrices = np.array([np.array(i.matrix_world) for i in of_it]).reshape(-1, 4, 4)
    axes = matrices[:, :3, :3]
    sizes = axes[:, 0, 0]
    assert np.allclose(axes, sizes[:, None, None] * np.eye(3), atol=1e-6), "neither turned nor stretched"
    return matrices[:, :3, 3], sizes


def realized(name, template):
    """(n,) ``lit`` and (n, 3) ``tint`` of the cells that an object shows now, as meshes of their own."""
    obj = bpy.data.objects[name]
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    corners = len(bpy.data.objects[template].data.vertices)
    lit, tint = np.zeros(len(mesh.vertices), np.float32), np.empty(4 * len(mesh.vertices), np.float32)
    if "lit" in mesh.attributes:
        mesh.attributes["lit"].data.foreach_get("value", lit)
    if len(mesh.vertices):
        mesh.attributes["tint"].data.foreach_get("color", tint)
    return lit.reshape(-1, corners)[:, 0], tint.reshape(-1, corners, 4)[:, 0, :3]


def parts_of(cells, state):
    """The objects of a tensor, the template of each, and which of the cells it should show."""
    if cells.name + ON_ITS_WAY not in bpy.data.objects:
        template = {"ghost": "ghost", "traveller": "moving"}.get(cells.role, "cell")
        return [(cells.name, template, state.shown)]
    rest, flight = state.shown & state.resting, state.shown & ~state.resting
    template = "ghost" if cells.role == "ghost" else "cell"
    way = "ghost" if cells.role == "ghost" else "moving"
    return [(cells.name, template, rest), (cells.name + ON_ITS_WAY, way, flight)]


def hidden_now(name):
    return bpy.data.objects[name].hide_render


@pytest.mark.parametrize("name", SCENES)
def test_every_cube_stands_in_blender_where_numpy_says_and_is_as_large(name):
    board, _ = built(name)
    counted = {"flying": 0, "resting": 0, "travelling": 0}
    for frame in telling_frames(board):
        bpy.context.scene.frame_set(frame)
        for cells in board.cells:
            state = pose(board, cells, frame)
            assert not (state.resting & ~state.shown).any()
            for part, _, which in parts_of(cells, state):
                places, sizes = instanced(part)
                assert len(places) == which.sum(), (part, frame)
                assert np.allclose(places, state.place[which], atol=CLOSE), (part, frame)
                assert np.allclose(sizes, state.size[which], atol=CLOSE), (part, frame)
                assert not (which.any() and hidden_now(part)), (part, frame)
            if cells.role == "traveller":
                counted["travelling"] += state.shown.sum()
            else:
                counted["flying"] += (state.shown & ~state.resting).sum()
                counted["resting"] += state.resting.sum()
    assert all(counted.values())


@pytest.mark.parametrize("name", SCENES)
def test_cells_glow_and_ripen_in_blender_as_numpy_says(name):
    board, collection = built(name)
    set_solid(collection, True)
    partly = ripening = 0
    for frame in telling_frames(board):
        bpy.context.scene.frame_set(frame)
        for cells in board.cells:
            state = pose(board, cells, frame)
            into = cells.color if cells.becomes is None else cells.becomes
            for part, template, which in parts_of(cells, state):
                if not which.any():
                    continue
                lit, tint = realized(part, template)
                assert np.allclose(lit, state.lit[which], atol=CLOSE), (part, frame)
                expected = cells.color[which] * (1.0 - state.ripe) + into[which] * state.ripe
                assert np.allclose(tint, expected, atol=CLOSE), (part, frame)
            partly += ((state.lit > 0.01) & (state.lit < 0.99) & state.shown).sum()
            ripening += 0.01 < state.ripe < 0.99
    assert partly and ripening


def printed(name):
    """(n, 3) places, (n,) heights of a digit and the characters of the glyphs that an object shows now."""
    matrices, characters = [], []
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        if instance.is_instance and instance.parent.name == name:
            matrices.append(np.array(instance.matrix_world))
            characters.append(GLYPHS[int(instance.object.name.removeprefix("glyph "))])
    matrices = np.array(matrices).reshape(-1, 4, 4)
    return matrices[:, :3, 3], matrices[:, 2, 2], "".join(characters)


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        (VALUED, ("input", "filter", "output", "ghost", "copy", "traveller")),
        (GATHERED, ("input", "filter", "output", "ghost", "traveller")),
        (COUNTED, ("copy",)),
    ],
)
def test_numbers_stand_in_blender_on_the_fronts_where_numpy_says(text, roles):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    board = compose(parse_scene(text, "numbers"), (1280, 720), 30.0)
    build(board)
    seen = dict.fromkeys(roles, 0)
    for frame in telling_frames(board):
        bpy.context.scene.frame_set(frame)
        for cells in board.cells:
            state = pose(board, cells, frame)
            for order, (numbers, written) in enumerate(zip(cells.numbers, state.written, strict=True), start=1):
                name = f"{cells.name}{NUMBERS}{order if order > 1 else ''}"
                texts = [text for text, on in zip(shorts(numbers.value), written, strict=True) if on]
                places, heights, characters = printed(name)
                assert characters == "".join(texts), (name, frame)
                assert not (texts and hidden_now(name)), (name, frame)
                if not texts:
                    continue
                cell = np.repeat(numbers.cell[written], [len(text) for text in texts])
                assert np.allclose(heights, numbers.size * state.size[cell], atol=CLOSE), (name, frame)
                offset = (places - state.place[cell]) / state.size[cell, None]
                assert np.allclose(offset[:, 1], -CUBE / 2, atol=0.02) and (offset[:, 1] < -CUBE / 2).all()
                assert np.allclose(offset[:, 2], 0.0, atol=CLOSE) and (abs(offset[:, 0]) < CUBE / 2).all()
                seen[cells.role] += len(texts)
    assert all(seen.values())


@pytest.mark.parametrize("name", ["standard", "chain", "unequal"])
def test_lines_end_in_blender_where_numpy_says(name):
    board, _ = built(name)
    seen = 0
    for frame in telling_frames(board):
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        for lines in board.lines:
            ends = lines_at(board, lines, frame)
            mesh = bpy.data.objects[lines.name].evaluated_get(graph).data
            if not len(ends) or hidden_now(lines.name):
                assert not len(ends), (lines.name, frame)
                continue
            corners = np.array([v.co for v in mesh.vertices]).reshape(len(ends), 2, 6, 3).mean(axis=2)
            assert np.allclose(corners, ends, atol=CLOSE), (lines.name, frame)
            seen += len(ends)
    assert seen


def test_a_cube_is_as_wide_as_its_form_says():
    built("standard")
    for template in ("cell", "moving"):
        corners = np.array([v.co for v in bpy.data.objects[template].data.vertices])
        assert np.ptp(corners, axis=0) == pytest.approx(CUBE, abs=1e-5)
    ghost = np.array([v.co for v in bpy.data.objects["ghost"].data.vertices])
    assert (np.ptp(ghost, axis=0) <= CUBE).all(), "what is padded covers no more of the picture"


def test_progress_is_level_outside_of_its_span_and_smooth_inside():
    values = [float(progress(v, 1.0, 3.0)) for v in (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)]
    assert values == pytest.approx([0, 0, 0.15625, 0.5, 0.84375, 1, 1])
    assert float(progress(2.0, 2.0, 2.0)) == 0.0
