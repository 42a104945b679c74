"""The built scene says what conv_math says: read from F-curves, attributes and evaluated geometry."""

import colorsys
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache

import bpy
import networks
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from small_scenes import BATCHED_FILTERWISE, CHAIN, DILATED

from convmotion.blender_addon import numerals
from convmotion.blender_addon.build import NUMBERS, ON_ITS_WAY, build
from convmotion.blender_addon.compat import fcurves_of
from convmotion.blender_addon.looks import CUTTER, set_layer, set_solid
from convmotion.blender_addon.nodes import Tree, add_modifier
from convmotion.blender_addon.still import freeze
from convmotion.blender_addon.words import HALO, digits
from convmotion.conv_math import SlideTrajectory
from convmotion.render.network import network_from
from convmotion.scenes import compose, find_scene, parse_scene, with_photo
from convmotion.scenes.form import CUBE, FEWEST_PIXELS, GHOST_PIXELS, OPENED, PRINT, TAP_BAR, WINDOW_BAR, WINDOW_MARGIN
from convmotion.scenes.numerals import GLYPHS, ROOM, shorts, width
from convmotion.scenes.overview import overview_of
from convmotion.scenes.pose import pose
from convmotion.scenes.screen import Screen, caption_box, said
from convmotion.scenes.story import ALWAYS

pytestmark = pytest.mark.blender

SCENES = ["standard", "grouped", "depthwise", "pointwise", "depthwise-separable", "single-channel"]
FRACTIONS = """
[input]
shape = [3, 5, 5]
values = "ramp"
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 3
bias = [0.3333, -1.25]
[look]
show = ["values"]
"""
OWN = {"dilated": DILATED, "batched": BATCHED_FILTERWISE, "chain": CHAIN, "fractions": FRACTIONS}


@cache
def scene_of(name):
    return parse_scene(OWN[name], name) if name in OWN else find_scene(name)


@cache
def board_of(name):
    return compose(scene_of(name), (320, 180), 30.0)


def built(name):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    board = board_of(name)
    return board, build(board)


def instances_of(name):
    """The instances that an object shows now."""
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        if instance.is_instance and instance.parent.name == name:
            yield instance


def visible_positions(name):
    """World positions of a tensor's cubes that are seen now, at rest or on their way, ``(n, 3)``."""
    parts = (name, name + ON_ITS_WAY)
    return np.array([tuple(i.matrix_world.translation) for part in parts for i in instances_of(part)]).reshape(-1, 3)


def lit_positions(obj):
    """Positions of the cubes whose attribute ``lit`` is 1 (cubes must be realized), ``(n, 3)``."""
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    corners = len(bpy.data.objects["cell"].data.vertices)
    co = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", co)
    lit = np.empty(len(mesh.vertices), np.float32)
    mesh.attributes["lit"].data.foreach_get("value", lit)
    centers = co.reshape(-1, corners, 3).mean(axis=1)
    return centers[lit.reshape(-1, corners)[:, 0] > 0.99]


def cells_at(cells, positions):
    """The indices of the cells that stand at these positions, each within a hundredth; as a list of tuples."""
    if not len(positions):
        return []
    distance = np.linalg.norm(cells.position[:, None] - positions[None], axis=2)
    assert (distance.min(axis=0) < 0.01).all(), "something stands where no cell is"
    return [tuple(row) for row in cells.index[distance.argmin(axis=0)].tolist()]


def cells_named(board, name):
    return next(c for c in board.cells if c.name == name)


def stages(board, name):
    """(number, trajectory, first step, cells read, cells written) of each convolution of the scene."""
    scene = scene_of(name)
    first = 0
    for number, (stage, shape) in enumerate(zip(scene.stages, scene.shapes, strict=False), start=1):
        trajectory = stage.op.trajectory(shape, scene.time.order)
        if isinstance(trajectory, SlideTrajectory):
            before = "input" if number == 1 else f"output-{number - 1}"
            yield number, trajectory, first, cells_named(board, before), cells_named(board, f"output-{number}")
            first += len(trajectory)
        else:
            first += sum(np.prod(v[:-2], dtype=int) for v in stage.op.view_shapes(shape).values())


def some_steps(trajectory):
    last = len(trajectory) - 1
    return sorted({0, 1, 2, last // 3, last // 2, last - 1})


@pytest.mark.parametrize("name", [*SCENES, *OWN])
def test_window_touches_exactly_the_cells_that_the_taps_read(name):
    board, collection = built(name)
    set_solid(collection, True)
    checked = 0
    for _, trajectory, first, read, _ in stages(board, name):
        for t in some_steps(trajectory):
            bpy.context.scene.frame_set(int(board.settled[first + t]))
            taps = trajectory.taps(t)
            expected = {tuple(row) for row in taps.input[~taps.ghost].tolist()}
            lit = cells_at(read, lit_positions(bpy.data.objects[read.name]))
            assert set(lit) == expected, f"step {t}"
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize("name", [*SCENES, *OWN])
def test_exactly_the_cells_written_so_far_are_visible(name):
    board, _ = built(name)
    for _, trajectory, first, _, written in stages(board, name):
        done = set()
        steps = some_steps(trajectory)
        for t in range(len(trajectory)):
            done |= {tuple(row) for row in trajectory.taps(t).output.tolist()}
            if t not in steps:
                continue
            bpy.context.scene.frame_set(int(board.settled[first + t]))
            seen = cells_at(written, visible_positions(written.name))
            assert len(seen) == len(done)
            assert set(seen) == done, f"step {t}"


@pytest.mark.parametrize("name", ["standard", "dilated", "chain"])
def test_window_object_stands_on_its_key_at_every_settled_frame(name):
    board, _ = built(name)
    for number, trajectory, first, read, _ in stages(board, name):
        curves = [c for c in fcurves_of(bpy.data.objects[f"window-{number}"]) if c.data_path == "location"]
        assert sorted(c.array_index for c in curves) == [0, 1, 2]
        home = read.position[0]
        for t in range(len(trajectory)):
            row, column = trajectory.origin(t)
            frame = board.settled[first + t]
            stands = [c.evaluate(frame) for c in sorted(curves, key=lambda c: c.array_index)]
            assert np.allclose(stands - home, [column, 0, -row], atol=0.001), f"step {t}"


@pytest.mark.parametrize("name", ["standard", "batched", "channel-shuffle"])
def test_fcurves_equal_the_storyboards_tracks_at_every_frame(name):
    board, _ = built(name)
    for mover in board.movers:
        curves = [c for c in fcurves_of(bpy.data.objects[mover.name]) if c.data_path == "location"]
        for frame in range(1, board.frames + 1):
            expected = mover.track.at(frame)
            assert np.allclose([c.evaluate(frame) for c in curves], expected, atol=1e-4), (mover.name, frame)
    (step,) = fcurves_of(bpy.data.node_groups["convmotion step"])
    for frame in np.linspace(1, board.frames, 97):
        assert step.evaluate(frame) == pytest.approx(board.step.at(frame)[0], abs=1e-4)


def seen_at(board, point):
    """The pixel of a point in the world, by Blender's own arithmetic."""
    scene = bpy.context.scene
    x, y, _ = world_to_camera_view(scene, scene.camera, Vector(point))
    return np.array([x, 1.0 - y]) * board.size


def assert_the_camera_sees_what_the_screen_says(board, frames):
    corners = np.concatenate([cells.position[[0, -1]] for cells in board.cells])
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        screen = Screen(board, frame)
        for point, pixel in zip(corners, screen.pixels(corners), strict=True):
            assert np.allclose(seen_at(board, point), pixel, rtol=1e-3, atol=0.05), frame
        for caption in [c for c in board.captions if said(board, c, frame) is not None]:
            origin = bpy.data.objects[caption.name].matrix_world
            left, top, _, bottom = caption_box(replace(caption, body="H", align="left"), screen)
            capital = origin @ Vector((0.0, caption.size, 0.0))
            assert seen_at(board, origin.translation)[0] == pytest.approx(left, rel=1e-3, abs=0.1), caption.name
            assert top - 0.1 <= seen_at(board, capital)[1] < seen_at(board, origin.translation)[1] < bottom


@pytest.mark.parametrize("size", [(320, 180), (180, 320)])
def test_a_travelling_camera_sees_in_blender_what_the_screen_says(size):
    scene = with_photo(find_scene("lenet"), np.full((32, 32, 3), 128, np.uint8))
    board = compose(scene, size, 10.0)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    build(board)
    start, end = board.camera.travel.frames[5:7]
    frames = (1, int(start), int((start + end) / 2), int(end), board.frames)
    assert_the_camera_sees_what_the_screen_says(board, frames)


@pytest.mark.parametrize("size", [(320, 180), (180, 320)])
@pytest.mark.parametrize("camera", ["perspective", "turntable"])
def test_other_cameras_see_in_blender_what_the_screen_says(camera, size):
    scene = find_scene("grouped")
    board = compose(replace(scene, look=replace(scene.look, camera=camera)), size, 10.0)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    build(board)
    assert (bpy.context.scene.camera.data.type == "PERSP") == (camera == "perspective")
    frames = (1, board.frames // 3, board.frames // 2, (4 * board.frames) // 5, board.frames)
    assert_the_camera_sees_what_the_screen_says(board, frames)


def test_channel_shuffle_ends_where_the_math_says():
    """The k-th visible plane of the result wears the colour of the channel that forward() puts there."""
    board, _ = built("channel-shuffle")
    scene = scene_of("channel-shuffle")
    bpy.context.scene.frame_set(board.frames)
    result = cells_named(board, "output-1")
    source = cells_named(board, "input")
    channels = scene.input.shape[0]
    x = np.broadcast_to(np.arange(channels, dtype=float)[:, None, None], scene.input.shape)
    moved = scene.stages[0].op.forward(x)[:, 0, 0].astype(int)
    wears = {int(i[0]): tuple(c) for i, c in zip(result.index, result.color, strict=True)}
    wore = {int(i[0]): tuple(c) for i, c in zip(source.index, source.color, strict=True)}
    assert [wears[k] for k in range(channels)] == [wore[k] for k in moved]
    seen = cells_at(result, visible_positions("output-1"))
    assert len(seen) == len(set(seen)) == len(result)


def test_an_output_cell_wears_the_hue_of_its_filter():
    for name in ("standard", "grouped", "depthwise"):
        board = board_of(name)
        filters, output = cells_named(board, "filters-1"), cells_named(board, "output-1")
        for f in range(8):
            made = hue(output.color[output.index[:, 0] == f][0])
            assert all(abs((made - hue(c) + 0.5) % 1 - 0.5) < 0.03 for c in filters.color[filters.index[:, 0] == f])


def hue(color):
    return colorsys.rgb_to_hsv(*(np.asarray(color, float) ** (1 / 2.2)))[0]


def test_moved_cells_come_from_where_their_source_stands():
    board, _ = built("channel-shuffle")
    before = cells_named(board, "input")
    for view in ("reshape-1", "transpose-1", "output-1"):
        cells = cells_named(board, view)
        origin = {tuple(np.round(p, 3)) for p in cells.origin}
        assert origin == {tuple(np.round(p, 3)) for p in before.position}
        colors = {tuple(np.round(p, 3)): tuple(c) for p, c in zip(before.position, before.color, strict=True)}
        assert all(colors[tuple(np.round(o, 3))] == tuple(c) for o, c in zip(cells.origin, cells.color, strict=True)), (
            "a cell changed its colour on the way"
        )
        before = cells


def test_depthwise_shows_a_window_on_every_channel_and_none_hides_another():
    board, _ = built("depthwise")
    window = board.mover("window-1")
    assert len(window.boxes) == 8
    from convmotion.scenes.layout import View

    view = View.along(board.camera.direction)
    cells = cells_named(board, "input")
    corner = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    faces = []
    for channel in range(8):
        flat = view.project((cells.position[cells.index[:, 0] == channel][:, None] + corner).reshape(-1, 3))
        faces.append((flat.min(axis=0), flat.max(axis=0)))
    for i, (low, high) in enumerate(faces):
        for other_low, other_high in faces[:i]:
            assert (low > other_high).any() or (other_low > high).any()


def test_what_a_dilated_window_reads_has_thin_bars_around_it():
    board, _ = built("dilated")
    window = board.mover("window-1")
    assert (len(window.boxes), len(window.parts)) == (2, 4)
    bars = np.array([v.co for v in bpy.data.objects["window-1"].data.vertices]).reshape(-1, 8, 3)
    assert len(bars) == 12 * (2 + 4)
    thick = np.ptp(bars, axis=1).min(axis=1)
    thin = window.bar * TAP_BAR / WINDOW_BAR
    assert np.unique(thick.round(3)) == pytest.approx([thin, window.bar], abs=2e-3)
    for boxes, bar in ((window.boxes, window.bar), (window.parts, thin)):
        for center, size in boxes:
            reach = np.array(size) / 2 + WINDOW_MARGIN
            ends = abs(bars[abs(thick - bar) < 2e-3].mean(axis=1) - center)
            on = ((abs(ends - reach) < 0.01).sum(axis=1) == 2) & ((ends < 0.01).sum(axis=1) == 1)
            assert np.count_nonzero(on) == 12


def test_grouped_halves_slide_together_in_two_families():
    board, _ = built("grouped")
    window = board.mover("window-1")
    assert len(window.boxes) == 2
    cells = cells_named(board, "input")
    first, second = (cells.color[(cells.index[:, 0] < 4) == half] for half in (True, False))
    assert (first[:, 2] > first[:, 0]).all() and (second[:, 0] > second[:, 2]).all(), "blue and orange"


@pytest.mark.parametrize("name", ["standard", "chain", "channel-shuffle"])
def test_what_has_nothing_to_show_is_hidden_and_nothing_else(name):
    """Blender does not evaluate what is hidden."""
    board, _ = built(name)
    hidden = {}
    for cells in board.cells:
        flies = cells.name + ON_ITS_WAY in bpy.data.objects
        assert flies == (cells.role != "traveller" and (cells.start != ALWAYS).any())
        for name in [cells.name, *([cells.name + ON_ITS_WAY] if flies else [])]:
            curves = {c.data_path: c for c in fcurves_of(bpy.data.objects[name])}
            hidden[name] = 0
            for frame in range(1, board.frames + 1):
                off = {path: bool(curve.evaluate(frame)) for path, curve in curves.items()}
                assert off in ({}, dict.fromkeys(("hide_viewport", "hide_render"), any(off.values())))
                seen = cells.visible(board.step.at(frame)[0])
                if name != cells.name:
                    seen &= cells.arrive > board.step.at(frame)[0]
                assert not (seen.any() and any(off.values())), (name, frame)
                hidden[name] += any(off.values())
    later = [name for name in hidden if name.endswith(ON_ITS_WAY) or name.startswith(("output", "travellers"))]
    assert later and all(hidden[name] >= 10 for name in later)
    assert not hidden["input"]


def objects_of(board):
    """The names of all objects that show cells."""
    names = [name for c in board.cells for name in (c.name, c.name + ON_ITS_WAY)]
    return [name for name in names if name in bpy.data.objects]


def uses(tree, group):
    inner = [node.node_tree for node in tree.nodes if node.bl_idname == "GeometryNodeGroup"]
    return tree == group or any(uses(other, group) for other in inner)


def test_what_never_changes_does_not_depend_on_the_step():
    board, _ = built("standard")
    step = bpy.data.node_groups["convmotion step"]
    trees = {name: bpy.data.objects[name].modifiers[0].node_group for name in objects_of(board)}
    assert not uses(trees.pop("filters-1"), step)
    assert trees and all(uses(tree, step) for tree in trees.values())


PARTS = ("step", "shape", "rest", "flight", "detour", "light")


def test_a_tensor_more_needs_few_nodes_more():
    built("chain")
    shared = [g for g in bpy.data.node_groups if g.name.startswith("convmotion ")]
    assert {g.name for g in shared} >= {f"convmotion {part}" for part in PARTS}
    own = [bpy.data.objects[name].modifiers[0].node_group for name in objects_of(board_of("chain"))]
    assert all(len(tree.nodes) < 20 for tree in own)


def counts(shape):
    text = f'[input]\nshape = {shape}\n[[stage]]\nop = "Conv2d"\nout_channels = 4\nkernel_size = 3\n'
    bpy.ops.wm.read_factory_settings(use_empty=True)
    board = compose(parse_scene(text, "sized"), (320, 180), 30.0)
    build(board)
    names = {c.name for c in board.cells}
    widths = {"FLOAT": 1, "FLOAT_VECTOR": 3, "FLOAT_COLOR": 4}
    attributes = [a for mesh in bpy.data.meshes if mesh.name in names for a in mesh.attributes]
    values = sum(widths.get(a.data_type, 1) * len(a.data) for a in attributes)
    owners = [*bpy.data.objects, *bpy.data.node_groups]
    keys = sum(len(c.keyframe_points) for owner in owners for c in fcurves_of(owner))
    return sum(len(c) for c in board.cells), board.steps, values, keys


def test_size_grows_with_cells_plus_steps_and_not_with_their_product():
    cells, steps, values, keys = counts([4, 8, 8])
    more_cells, more_steps, more_values, more_keys = counts([4, 16, 16])
    assert more_steps > 4 * steps and more_cells > 2 * cells
    assert values / cells < 40 and more_values / more_cells < 40
    fixed = 100  # captions that come and go
    assert keys <= 16 * steps + fixed and more_keys <= 16 * more_steps + fixed


OPEN_FRESH = """
import json, os, sys, tempfile
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp()
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=False)
told = {}
for frame in json.loads(sys.argv[2]):
    bpy.context.scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    cubes = (i for i in graph.object_instances if i.is_instance and i.object.name in ("cell", "moving"))
    cells = [list(i.matrix_world.translation) for i in cubes]
    told[frame] = cells, list(bpy.data.objects["window-1"].evaluated_get(graph).matrix_world.translation)
assert not any(name.split(".")[0] == "convmotion" for name in sys.modules)
assert not bpy.data.texts
animated = [o for o in [*bpy.data.objects, *bpy.data.node_groups] if o.animation_data]
assert animated and not any(len(o.animation_data.drivers) for o in animated)
print("TOLD" + json.dumps(told))
"""


def test_saved_blend_animates_in_a_fresh_blender_without_this_code(tmp_path):
    board, _ = built("grouped")
    frames = [1, *(int(board.settled[t]) for t in (0, 7, 15)), board.frames]
    path = tmp_path / "grouped.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    fresh = subprocess.run(
        [sys.executable, "-I", "-c", OPEN_FRESH, str(path), json.dumps(frames)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "TOLD" in fresh.stdout, fresh.stderr[-2000:]
    told = json.loads(fresh.stdout.split("TOLD")[1].splitlines()[0])
    for frame in frames:
        cells, window = told[str(frame)]
        step = board.step.at(frame)[0]
        expected = np.concatenate([c.position[c.visible(step)] for c in board.cells])
        assert len(cells) == len(expected)
        distance = np.linalg.norm(np.array(cells)[:, None] - expected[None], axis=2)
        assert (distance.min(axis=0) < 0.01).all() and (distance.min(axis=1) < 0.01).all(), frame
        assert np.allclose(window, board.mover("window-1").track.at(frame), atol=0.002)


def test_counter_shows_the_number_of_the_step():
    """The counter has as many points as a still text of the same words; numbers with the same outlines are rare."""
    board, _ = built("standard")
    shown = {}
    frames = {
        1: board.settled[0],
        2: board.settled[1] - 1,
        9: board.settled[8],
        10: board.settled[9] - 1,
        25: board.frames,
    }
    for number, frame in frames.items():
        bpy.context.scene.frame_set(int(frame))
        shown[number] = outline_points()
    tree = bpy.data.objects["step-1"].modifiers[0].node_group
    node = next(n for n in tree.nodes if n.bl_idname == "FunctionNodeReplaceString")
    for number, points in shown.items():
        node.inputs["String"].default_value = f"{number} / 25"
        assert points == outline_points(), f"step {number}"


def test_a_counter_of_more_than_a_thousand_has_separators(empty_blender):
    tree = Tree("counter")
    value = tree.node("ShaderNodeValue")
    body = digits(tree, value.outputs[0], 2_345_678)
    curves = tree.node("GeometryNodeStringToCurves", {"String": body})
    obj = bpy.data.objects.new("counter", bpy.data.meshes.new("counter"))
    bpy.context.scene.collection.objects.link(obj)
    filled = tree.node("GeometryNodeFillCurve", {0: curves.outputs[0]}).outputs[0]
    add_modifier(obj, tree.finish(tree.node("GeometryNodeRealizeInstances", {0: filled}).outputs[0]))

    def outlines():
        mesh = bpy.context.evaluated_depsgraph_get().objects["counter"].data
        return np.array([vertex.co[:] for vertex in mesh.vertices])

    for number in (1, 999, 1000, 1001, 20_005, 999_999, 1_000_000, 2_345_678):
        value.outputs[0].default_value = number
        shown = outlines()
        link = curves.inputs["String"].links[0]
        made = link.from_socket
        tree.group.links.remove(link)
        curves.inputs["String"].default_value = f"{number:,}"
        assert np.array_equal(shown, outlines()), number
        curves.inputs["String"].default_value = f"{number}"
        assert (len(shown) == len(outlines())) == (number < 1000), number
        tree.group.links.new(made, curves.inputs["String"])


def test_a_frozen_counter_fills_the_same_outlines():
    board, collection = built("standard")
    told, frames = {}, [int(board.settled[0]), int(board.settled[9]) - 1, board.frames]
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        told[frame] = outline_box("step-1")
    count = freeze(board, collection)
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        count(frame)
        assert np.allclose(outline_box("step-1.001"), told[frame], atol=2e-3), frame
    assert len({tuple(box.ravel()) for box in told.values()}) == 3
    for name in ("step-1", "phase-1-2"):
        shown, twin = (obj for obj in bpy.data.objects if obj.name.startswith(name))
        assert shown.data == twin.data and twin.location.z > 0 > shown.location.z
        assert list(map(str, fcurves_of(shown))) == list(map(str, fcurves_of(twin)))
    assert fcurves_of(twin)  # hidden as long as the text is, or it would be built into what moves


def outline_box(name):
    """The lower left and upper right corners of a text in the world: (2, 3)."""
    points = []
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:  # is gone with the next one
        obj = instance.parent if instance.is_instance else instance.object
        if obj.name == name and instance.object.type == "MESH":
            points += [tuple(instance.matrix_world @ vertex.co) for vertex in instance.object.data.vertices]
    return np.array([np.min(points, axis=0), np.max(points, axis=0)])


def outline_points():
    return sum(len(i.object.data.vertices) for i in instances_of("step-1"))


WRITTEN = """
[input]
shape = [1, 3, 4]
values = [[[0, 7, 12, -3], [-12, 0.5, -0.7, 0.333], [1234, 98765, -4e9, 10.25]]]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 2
[look]
show = ["values"]
"""


def test_a_number_is_one_mesh_for_each_glyph_upright_centred_and_within_its_front(empty_blender):
    board = compose(parse_scene(WRITTEN, "written"), (640, 360), 30.0)
    build(board)
    assert not [o for o in bpy.data.objects if o.type == "FONT" and NUMBERS in o.name]
    cells = cells_named(board, "input")
    (numbers,) = cells.numbers
    corners = {}
    for instance in instances_of(f"input{NUMBERS}"):
        place = np.array(instance.matrix_world.translation)
        cell = int(np.linalg.norm(cells.position - place, axis=1).argmin())
        outline = [tuple(instance.matrix_world @ vertex.co) for vertex in instance.object.data.vertices]
        corners.setdefault(cell, []).append(np.array(outline) - cells.position[cell])
    assert sorted(corners) == numbers.cell.tolist() == list(range(12))
    for cell, text in enumerate(shorts(numbers.value)):
        assert len(corners[cell]) == len(text)
        x, y, z = np.concatenate(corners[cell]).T
        height = np.ptp(z)
        assert np.allclose(y, y[0]) and -0.5 < y[0] < -CUBE / 2, "flat, just before the front"
        assert height == pytest.approx(numbers.size, rel=0.06), text
        assert abs(z.max() + z.min()) < 0.1 * height, "centred"
        assert abs(x.max() + x.min()) < 0.25 * height, f"{text} is centred, but for what a 1 or a minus leaves free"
        wide = width(text) * numbers.size * numbers.narrow[cell]
        assert 0.75 * wide < np.ptp(x) <= wide <= ROOM + 1e-6
    assert numbers.narrow.min() < 1.0


def test_numbers_that_come_with_the_last_step_stand_on_the_result(empty_blender):
    text = WRITTEN + '[[stage]]\nop = "Add"\nfrom = [1, 1]\n'  # of one channel: in one step
    board = compose(parse_scene(text, "written"), (640, 360), 30.0)
    build(board)
    result = cells_named(board, "output-2")
    assert (result.arrive == board.steps).all() and sum(map(len, result.numbers)) > 0
    bpy.context.scene.frame_set(next(f for f in range(1, board.frames) if board.step.at(f)[0] == board.steps))
    assert not bpy.data.objects[f"output-2{NUMBERS}"].hide_render
    written = sum(len(text) for numbers in result.numbers for text in shorts(numbers.value))
    assert len(list(instances_of(f"output-2{NUMBERS}"))) == written


@pytest.mark.parametrize("part", [0.3, 0.7, 1.0])
def test_a_number_flies_with_its_cell(empty_blender, part):
    board = compose(parse_scene(WRITTEN, "written"), (640, 360), 30.0)
    build(board)
    output = cells_named(board, "output-1")
    (numbers,) = output.numbers
    (first,) = np.flatnonzero(numbers.cell == output.arrive.argmin())
    cell = numbers.cell[first]
    step = output.start[cell] + part * (output.arrive[cell] - output.start[cell])
    frame = next(f for f in range(1, board.frames) if board.step.at(f)[0] >= step)
    now = pose(board, output, frame)
    bpy.context.scene.frame_set(frame)
    seen = [np.array(instance.matrix_world) for instance in instances_of(f"output-1{NUMBERS}")]
    assert now.written[0][first] and len(seen) == len("".join(shorts(numbers.value[now.written[0]])))
    nearest = min(seen, key=lambda matrix: np.linalg.norm(matrix[:3, 3] - now.place[cell]))
    at, scale = nearest[:3, 3], np.linalg.norm(nearest[:3, 2])
    assert scale == pytest.approx(numbers.size * now.size[cell], rel=1e-4)
    assert at[[1, 2]] == pytest.approx(now.place[cell][[1, 2]] - [(CUBE / 2 + PRINT) * now.size[cell], 0.0], abs=1e-4)
    assert (np.linalg.norm(now.place[cell] - output.position[cell]) > 0.1) == (part < 1.0)


def test_glyphs_are_no_wider_than_the_storyboard_believes(empty_blender):
    from convmotion.blender_addon.materials import glow_material
    from convmotion.blender_addon.words import load_face

    made = numerals.glyphs(load_face(), glow_material("ink", None, "INSTANCER"))
    assert len(made) == len(GLYPHS)
    for glyph, character in zip(made, GLYPHS, strict=True):
        assert 0.9 * width(character) < glyph.advance <= width(character), character


def test_numbers_need_a_point_for_a_character_and_no_keys(empty_blender):
    text = '[input]\nshape = [{0}, {1}, {1}]\n[[stage]]\nop = "Conv2d"\nout_channels = 2\nkernel_size = 3\n'
    text += "[look]\nshow = ['values']\n"
    keys, meshes = [], []
    for channels, side in ((1, 5), (3, 9)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        board = compose(parse_scene(text.format(channels, side), "sized"), (1280, 720), 30.0)
        build(board)
        for cells in board.cells:
            for order, numbers in enumerate(cells.numbers, start=1):
                mesh = bpy.data.objects[f"{cells.name}{NUMBERS}{order if order > 1 else ''}"].data
                assert len(mesh.vertices) == sum(map(len, shorts(numbers.value)))
        keys.append(sum(len(c.keyframe_points) for o in bpy.data.objects if NUMBERS in o.name for c in fcurves_of(o)))
        meshes.append(sum(mesh.name.startswith("glyph") for mesh in bpy.data.meshes))
    assert keys[0] == keys[1] <= 30, "they are only hidden where there is nothing to show"
    assert meshes == [len(GLYPHS)] * 2


def test_numbers_cast_no_shadow_and_belong_to_the_notes(empty_blender):
    collection = build(compose(find_scene("single-channel"), (320, 180), 30.0))
    written = [obj for obj in bpy.data.objects if NUMBERS in obj.name]
    assert len(written) == 5
    assert not any(obj.visible_shadow or obj.visible_diffuse or obj.visible_glossy for obj in written)
    for layer, hidden in (("all", False), ("plain", False), ("cells", True), ("notes", False)):
        set_layer(collection, layer)
        assert all(folder.hide_render == hidden for obj in written for folder in obj.users_collection), layer


def test_captions_are_text_objects_with_the_storyboards_words(empty_blender):
    board = compose(find_scene("grouped"), (320, 180), 30.0, language="zh")
    build(board)
    for caption in board.captions:
        if "{step}" not in caption.body:
            assert bpy.data.objects[caption.name].data.body == caption.body
    assert bpy.data.objects["title"].data.body == "分组卷积"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["standard", "depthwise-separable", "channel-shuffle", "single-channel", "fractions"])
def test_words_are_no_larger_than_the_layout_believes(name, language, empty_blender):
    board = compose(scene_of(name), (320, 180), 30.0, language=language)
    build(board)
    screen = Screen(board)
    for caption in board.captions:
        if "{step}" in caption.body or not caption.body.strip():
            continue
        obj = bpy.data.objects[caption.name]
        ink = screen.plane(np.array([vertex.co[:2] for vertex in obj.to_mesh().vertices]) + caption.at)
        obj.to_mesh_clear()
        upper_left, lower_right = caption_box(caption, screen).reshape(2, 2)
        wide = lower_right[0] - upper_left[0]
        slack = np.array([0.01 * wide, 0.02 * caption.size * screen.scale])
        assert (upper_left - slack <= ink.min(axis=0)).all(), caption.body
        assert (ink.max(axis=0) <= lower_right + slack).all(), caption.body
        assert len(caption.body) < 4 or np.ptp(ink[:, 0]) > 0.75 * wide, caption.body


def test_capitals_are_as_high_as_the_storyboard_says(empty_blender):
    board = compose(scene_of("standard"), (320, 180), 30.0)
    build(board)
    mesh = bpy.data.objects["title"].to_mesh()  # "Standard convolution" has no descender: S, d, t and l stand highest
    heights = [vertex.co.y for vertex in mesh.vertices]
    title = next(c for c in board.captions if c.name == "title")
    assert max(heights) == pytest.approx(title.size, rel=0.12)


@pytest.mark.parametrize(("width", "gaps"), [(854, True), (64, False)])
def test_cells_of_a_few_pixels_leave_no_gap_between_them(empty_blender, width, gaps):
    board = compose(find_scene("grouped"), (width, width * 9 // 16), 30.0)
    assert (width / board.camera.width >= FEWEST_PIXELS) is gaps
    build(board, empty_blender)
    corners = np.array([v.co for v in bpy.data.objects["cell"].data.vertices])
    assert np.ptp(corners, axis=0) == pytest.approx(CUBE if gaps else 1.0, abs=1e-5)


BIG = """
[input]
shape = [1, 64, 64]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 3
weight = "sobel-x"
[look]
show = ["values"]
"""


@pytest.mark.parametrize("frozen", [False, True])
def test_larger_kernels_are_as_large_as_they_are_apart_and_have_gaps(empty_blender, frozen):
    """Also where a worker sets one mesh in the place of all that is fixed: the digits stand before the fronts."""
    board = compose(parse_scene(BIG, "big"), (320, 180), 30.0)
    (bank,) = (cells for cells in board.cells if cells.name == "filters-1")
    collection = build(board, empty_blender)
    assert bank.scale > 2.0 and len(bpy.data.objects["cell"].data.polygons) == 6, "the picture's cells have no gaps"
    if frozen:
        freeze(board, collection)
        corners = np.array([v.co for v in bpy.data.objects[CUTTER].data.vertices]).reshape(len(bank), -1, 3)
        low, high = corners.min(axis=1), corners.max(axis=1)
    else:
        boxes = [np.array([i.matrix_world @ Vector(c) for c in i.object.bound_box]) for i in instances_of("filters-1")]
        low, high = (np.array([edge(box, axis=0) for box in boxes]) for edge in (np.min, np.max))
    order = np.lexsort(((low + high) / 2.0).round(2).T), np.lexsort(bank.position.round(2).T)
    assert ((low + high) / 2.0)[order[0]] == pytest.approx(bank.position[order[1]], abs=1e-3)
    assert high - low == pytest.approx(np.full((len(bank), 3), CUBE * bank.scale), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "values", "size", "flat"),
    [
        ("padding", False, (854, 480), False),
        ("padding", True, (854, 480), True),
        ("padding", True, (160, 90), False),  # no digit could be read
        ("padding-modes", False, (854, 480), True),
        ("padding-modes", True, (160, 90), True),
    ],
)
def test_of_padding_that_is_small_or_has_numbers_only_the_fronts_are_drawn(empty_blender, name, values, size, flat):
    scene = find_scene(name)
    if not values:
        shown = tuple(key for key in scene.look.show if key != "values")
        scene = replace(scene, look=replace(scene.look, show=shown))
    board = compose(scene, size, 30.0)
    small = size[0] / board.camera.width < GHOST_PIXELS * min(size) / 480.0
    numbered = any(cells.numbers for cells in board.cells if cells.role == "ghost")
    assert flat is (small or numbered) and small is (name == "padding-modes")
    build(board, empty_blender)
    corners = np.array([v.co for v in bpy.data.objects["ghost"].data.vertices])
    assert np.ptp(corners, axis=0) == pytest.approx((0.915, 0.035 if flat else 0.915, 0.915), abs=1e-5)


def test_a_window_among_small_cells_has_thicker_bars():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    board = compose(find_scene("many-filters"), (320, 180))
    build(board)
    bars = np.array([v.co for v in bpy.data.objects["window-1"].data.vertices]).reshape(-1, 8, 3)
    assert np.ptp(bars, axis=1).min() == pytest.approx(board.mover("window-1").bar, rel=1e-3)
    assert board.mover("window-1").bar > 1.5 * WINDOW_BAR


VOLUME = """
[input]
shape = [1, 4, 3, 3]
values = "ramp"
[[stage]]
op = "Conv3d"
out_channels = 1
kernel_size = 2
padding = [1, 0, 0]
[time]
seconds = 8
[look]
show = ["values", "ghosts"]
"""


def test_cells_before_a_window_are_as_small_as_the_storyboard_says():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    board = compose(parse_scene(VOLUME, "volume"), (854, 480))
    build(board)
    sizes = set()
    for frame in range(1, board.frames + 1, 3):
        bpy.context.scene.frame_set(frame)
        for name in ("input", "ghosts-input", "output-1"):
            cells = cells_named(board, name)
            state = pose(board, cells, frame)
            found = [(*i.matrix_world.translation, i.matrix_world.median_scale) for i in instances_of(name)]
            there = state.resting if name == "output-1" else state.shown
            for place, size in zip(state.place[there], state.size[there], strict=True):
                nearest = min(found, key=lambda each, place=place: np.abs(np.array(each[:3]) - place).max())
                assert nearest == pytest.approx((*place, size), abs=1e-3), (name, frame)
            if name == "output-1":
                continue
            sizes |= set(np.round(state.size, 2).tolist())
            for numbers in cells.numbers:
                printed = [i.matrix_world.to_scale().z for i in instances_of(f"{name}{NUMBERS}")]
                assert min(printed) == pytest.approx(numbers.size * state.size[numbers.cell].min(), rel=1e-3), frame
    assert len(sizes) > 4 and min(sizes) == pytest.approx(OPENED)


def test_words_among_things_have_a_halo_behind_them(empty_blender):
    board = compose(find_scene("grouped"), (320, 180))
    build(board, empty_blender)
    for caption in board.captions:
        halo = bpy.data.objects.get(f"{caption.name}{HALO}")
        assert (halo is not None) is (caption.name.startswith(("mark-", "label-", "products-"))), caption.name
        if halo is not None:
            text = bpy.data.objects[caption.name]
            assert halo.location.z < text.location.z and halo.location.xy == text.location.xy
            inner, outer = (np.array([v.co[:2] for v in obj.to_mesh().vertices]) for obj in (text, halo))
            grown = np.stack([inner.min(axis=0) - outer.min(axis=0), outer.max(axis=0) - inner.max(axis=0)])
            most = 2.0 * caption.halo + 0.6 * caption.size
            assert (grown > 0.5 * caption.halo).all() and (grown < most).all(), caption.body
            assert len(outer) == 4, "all between its letters is hidden, too"


@pytest.mark.parametrize("name", ["grouped", "depthwise-separable"])
def test_halos_are_for_renders_as_in_a_solid_view_they_would_look_like_bold_letters(name, empty_blender):
    board = compose(find_scene(name), (320, 180), 10.0)
    build(board, empty_blender)
    halos = {obj.name.removesuffix(HALO): obj for obj in bpy.data.objects if obj.name.endswith(HALO)}
    assert halos
    for name, halo in halos.items():
        text = {curve.data_path: curve for curve in fcurves_of(bpy.data.objects[name])}
        (renders,) = [curve for curve in fcurves_of(halo)] or [None]
        assert halo.hide_viewport and (renders is None) is (not text), "nothing shows it again"
        for frame in range(1, board.frames + 1) if renders else ():
            hidden = {path: curve.evaluate(frame) for path, curve in text.items()}
            assert renders.data_path == "hide_render" and renders.evaluate(frame) == hidden["hide_render"]
            assert hidden["hide_viewport"] == hidden["hide_render"]


def test_on_nothing_words_among_things_are_cut_out_and_have_no_colour_around_them(empty_blender):
    build(compose(find_scene("grouped"), (320, 180), transparent=True), empty_blender)
    around = [obj for obj in bpy.data.objects if obj.name.endswith(HALO)]
    assert {obj.name.partition("-")[0] for obj in around} == {"label", "mark", "products"}
    for obj in around:
        output = obj.active_material.node_tree.nodes["Material Output"].inputs["Surface"]
        assert output.links[0].from_node.bl_idname == "ShaderNodeHoldout"


UNEQUAL = """
[input]
shape = [3, 5, 7]
[[stage]]
op = "AdaptiveAvgPool2d"
output_size = [3, 4]
"""


def test_the_box_of_a_window_that_differs_in_size_has_the_size_of_what_it_reads():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = parse_scene(UNEQUAL, "unequal")
    board = compose(scene, (320, 180))
    set_solid(build(board), True)
    trajectory = scene.operations.ops[0].trajectory((3, 5, 7))
    read = cells_named(board, "input")
    sizes = set()
    for t in range(len(trajectory) - 1):
        bpy.context.scene.frame_set(int(board.settled[t]))
        rows = trajectory.taps(t).input
        assert set(cells_at(read, lit_positions(bpy.data.objects["input"]))) == {tuple(row) for row in rows.tolist()}
        window = bpy.data.objects["window-1"].evaluated_get(bpy.context.evaluated_depsgraph_get())
        corners = np.array([tuple(window.matrix_world @ vertex.co) for vertex in window.data.vertices])
        mine = [read.position[(read.index == row).all(axis=1)][0] for row in rows]
        around = 0.5 + WINDOW_MARGIN + WINDOW_BAR / 2
        assert np.allclose(corners.min(axis=0), np.min(mine, axis=0) - around, atol=1e-3), f"step {t}"
        assert np.allclose(corners.max(axis=0), np.max(mine, axis=0) + around, atol=1e-3), f"step {t}"
        sizes.add(tuple(np.round(np.ptp(corners, axis=0), 3)))
    assert len(sizes) > 2


def test_the_blocks_of_an_overview_are_boxes_of_their_sides():
    net = networks.Builder((3, 12, 40))
    model = net.model(net.pool(net.conv("x", "first", 20, 3, p=1), "pool", 4, 4))
    board = compose(overview_of(network_from(model.SerializeToString(), "net.onnx")), (160, 90), 5.0)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    collection = build(board)
    corners = np.array([corner for corner in bpy.data.objects["box"].bound_box])
    found = [np.array([instance.matrix_world @ Vector(c) for c in corners]) for instance in instances_of("blocks")]
    (cells,) = board.cells
    assert len(found) == len(cells) == 3
    for seen, place, extent in zip(found, cells.position, cells.extent, strict=True):
        np.testing.assert_allclose((seen.max(axis=0) + seen.min(axis=0)) / 2.0, place, atol=1e-4)
        np.testing.assert_allclose(seen.max(axis=0) - seen.min(axis=0), extent, rtol=1e-4)
        assert seen[:, 2].min() == pytest.approx(board.floor, abs=1e-4)
    freeze(board, collection)
    mesh = bpy.data.objects[CUTTER].data
    points = np.array([vertex.co for vertex in mesh.vertices]).reshape(3, -1, 3)
    np.testing.assert_allclose(points.max(axis=1) - points.min(axis=1), cells.extent, rtol=1e-4)
