"""The panel without a window: it says what scene files say, Build touches nothing else, and nothing is left over."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from convmotion.blender_addon import child, ui, ui_build, ui_panels, ui_preferences, ui_render, ui_settings, ui_words
from convmotion.blender_addon.ui_settings import (
    SHOWN,
    StageSettings,
    catalog_items,
    catalog_table,
    complete,
    fill,
    judge,
    table_of,
)
from convmotion.render import cli, extension
from convmotion.scenes import SceneError, load_catalog, load_scene, parse_scene
from convmotion.scenes.catalog import FOLDER
from convmotion.scenes.scenefile import OPERATIONS, parameters_of

pytestmark = pytest.mark.blender

SMALL = """
title = "Small"
[input]
shape = [2, 3, 3]
[[stage]]
op = "Conv2d"
out_channels = 2
kernel_size = 2
[time]
seconds = 1
"""
KINDS = (
    "objects",
    "meshes",
    "node_groups",
    "materials",
    "actions",
    "worlds",
    "collections",
    "curves",
    "cameras",
    "lights",
)


@pytest.fixture
def scene():
    """A new file with the usual cube, camera and light, and the panel; then all of the panel is gone again."""
    bpy.ops.wm.read_factory_settings()
    extension.register()
    yield bpy.context.scene
    extension.unregister()


@pytest.fixture
def settings(scene):
    fill(scene.convmotion, tomllib.loads(SMALL))
    scene.convmotion.width, scene.convmotion.height = 96, 64
    return scene.convmotion


def data():
    return {kind: sorted(d.name for d in getattr(bpy.data, kind)) for kind in KINDS}


def refusal(operator):
    """Why an operator cannot be called."""
    with pytest.raises(RuntimeError) as caught:
        operator()
    return str(caught.value)


# Registering


def residue():
    """All names that registering adds to anywhere."""
    kinds = {name for name in dir(bpy.types) if "convmotion" in name.lower()}
    handlers = [getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)]
    ours = [h for found in handlers if isinstance(found, list) for h in found if "convmotion" in repr(h)]
    subclasses = {c.__name__ for c in bpy.types.PropertyGroup.__subclasses__() if c.is_registered}
    return kinds, ours, subclasses, hasattr(bpy.types.Scene, "convmotion"), dir(bpy.ops.convmotion)


def test_registering_twice_leaves_nothing_behind():
    bpy.ops.wm.read_factory_settings()
    before, path = residue(), list(sys.path)
    for _ in range(2):
        extension.register()
        assert residue()[3] and len(residue()[0]) > len(before[0])
        bpy.context.scene.convmotion.live = True
        extension.unregister()
        assert residue() == before and sys.path == path
    assert not bpy.app.timers.is_registered(ui_build._build_pending)


# Settings


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.toml"))])
def test_the_panel_says_of_every_scene_of_the_catalog_what_its_file_says(scene, name):
    source = str(FOLDER / f"{name}.toml")
    fill(scene.convmotion, catalog_table(name), source)

    def known(one):
        return replace(one, source="", look=replace(one.look, show=frozenset(one.look.show)))

    assert known(parse_scene(scene.convmotion.toml, source)) == known(load_catalog()[name])
    assert not judge(scene.convmotion).error


def test_every_parameter_that_changes_the_picture_has_a_property():
    follows = {"in_channels", "in_features", "num_features"}
    nothing_drawn = {"return_indices", "inplace", "eps", "momentum", "affine", "track_running_stats"}
    names = {name for cls in OPERATIONS.values() for name in parameters_of(cls)}
    stays_text = {"recompute_scale_factor", "negative_slope", "min_val", "max_val"}
    assert names - set(ui_settings.SHOWN) == follows | nothing_drawn | stays_text
    assert set(ui_settings.SHOWN) <= names and set(ui_settings.SHOWN) <= set(StageSettings.__annotations__)


def test_a_panel_shows_only_what_its_operation_has():
    assert ui_settings.parameters(OPERATIONS["ChannelShuffle"]) == ["groups"]
    assert "output_padding" in ui_settings.parameters(OPERATIONS["ConvTranspose2d"])
    assert "output_padding" not in ui_settings.parameters(OPERATIONS["Conv2d"])


def test_properties_take_no_value_outside_of_their_range(settings):
    stage = settings.stages[0]
    stage.out_channels, stage.stride, stage.padding = 0, (0, -1, 2), (-1, -1, -1)
    assert stage.out_channels == 1 and tuple(stage.stride) == (1, 1, 2) and tuple(stage.padding) == (0, 0, 0)
    settings.seconds, settings.width, settings.dims = 0.0, 1, 9
    assert (settings.seconds, settings.width, settings.dims) == (1.0, 64, 5)


def test_an_axis_of_its_own_and_words_for_padding_reach_the_file(settings):
    stage = settings.stages[0]
    stage.kernel_size, stage.padding_name = (1, 3, 1), "same"
    row = table_of(settings)["stage"][0]
    assert row["kernel_size"] == [1, 3] and row["padding"] == "same"
    stage.op = "MaxPool2d"  # whose padding is a number, and whose stride follows from the window
    row = table_of(settings)["stage"][0]
    assert "padding" not in row and "stride" not in row
    stage.use_stride, stage.stride = True, (2, 2, 2)
    assert table_of(settings)["stage"][0]["stride"] == 2


def test_more_keys_count_above_the_properties(settings):
    settings.stages[0].more = "kernel_size = 3, bias = [1, 2]"
    row = table_of(settings)["stage"][0]
    assert row["kernel_size"] == 3 and row["bias"] == [1, 2]
    settings.stages[0].more = "bias = "
    assert judge(settings).error.startswith("stage 1: more is not TOML")


@pytest.mark.parametrize(
    "table", [{}, {"input": {"shape": [0]}}, {"input": {"shape": [1, 2, 2]}, "stage": [{"op": "No"}]}]
)
def test_a_table_that_is_no_scene_changes_nothing(settings, table):
    before = table_of(settings)
    with pytest.raises(SceneError):
        fill(settings, table)
    assert table_of(settings) == before


def test_the_numbers_are_those_of_the_command_line(scene):
    fill(scene.convmotion, catalog_table("grouped"))
    lines = judge(scene.convmotion).lines
    assert "nn.Conv2d(8, 8, kernel_size=3, groups=2, bias=False)" in lines and "8 × 7 × 7 → 8 × 5 × 5" in lines
    assert "(7 − 3 + 2·0) / 1 + 1 = 5" in lines
    assert {"Parameters: 288", "MACs: 7,200", "Steps: 25", "Frames: 360"} <= set(lines)
    assert judge(scene.convmotion).short == ("8 × 7 × 7 → 8 × 5 × 5", "Parameters: 288")


# Refusals


def test_what_is_wrong_is_said_and_build_is_greyed_with_that_reason(scene):
    assert not bpy.ops.convmotion.build.poll() and not bpy.ops.convmotion.render.poll()
    assert "Choose a convolution" in refusal(bpy.ops.convmotion.build)
    fill(scene.convmotion, catalog_table("grouped"))
    scene.convmotion.stages[0].groups = 3
    reason = "groups=3 must divide in_channels=8"
    assert reason in judge(scene.convmotion).error and "scene:" not in judge(scene.convmotion).error
    for operator in (bpy.ops.convmotion.build, bpy.ops.convmotion.render, bpy.ops.convmotion.save):
        assert reason in refusal(operator)
    scene.convmotion.stages[0].groups = 2
    assert bpy.ops.convmotion.build.poll()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("//a.gif", "not saved yet"),
        ("/nowhere/a.gif", "there is no folder /nowhere"),
        ("/tmp/a.exr", "allowed: a name that ends in .mp4"),
        ("", "allowed: a name that ends in .mp4"),
    ],
)
def test_an_output_that_cannot_be_is_refused_with_the_reason(settings, output, words):
    settings.output = output
    assert words in refusal(bpy.ops.convmotion.render)


def test_render_is_allowed_before_the_blend_is_saved_as_it_then_asks_for_a_place(settings, tmp_path):
    assert settings.output == "//convolution.mp4" and bpy.ops.convmotion.render.poll()
    assert ui_render.has_no_place(settings)
    settings.stages[0].groups = 3
    assert "groups=3" in refusal(bpy.ops.convmotion.render)
    settings.stages[0].groups = 1
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    assert not ui_render.has_no_place(settings)
    assert ui_render.output_of(settings) == tmp_path / "convolution.mp4"


def test_render_as_tells_what_is_wrong_with_the_place(settings):
    assert "there is no folder /nowhere" in refusal(lambda: bpy.ops.convmotion.render_as(filepath="/nowhere/a.gif"))


def test_a_scene_file_that_is_wrong_is_refused_in_one_line(settings, tmp_path):
    before = table_of(settings)
    (tmp_path / "newer.toml").write_text(SMALL + "[future]\nkey = 1\n")
    (tmp_path / "broken.toml").write_text("= 1")
    for name, words in (("newer", "unknown key 'future'"), ("broken", "is not TOML"), ("absent", "cannot be read")):
        said = refusal(lambda name=name: bpy.ops.convmotion.open(filepath=str(tmp_path / f"{name}.toml")))
        assert words in said and "Traceback" not in said
    assert table_of(settings) == before


# Files


def test_what_is_saved_is_opened_again(settings, tmp_path):
    path = tmp_path / "mine.toml"
    bpy.ops.convmotion.save(filepath=str(path))
    before = table_of(settings)
    assert load_scene(path).shapes[-1] == (2, 2, 2)
    fill(settings, catalog_table("pointwise"))
    bpy.ops.convmotion.open(filepath=str(path))
    assert table_of(settings) == before


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_what_cannot_be_saved_whole_leaves_the_old_file(settings, tmp_path):
    """A limit on file sizes stands for the full disk."""
    import resource

    path = tmp_path / "mine.toml"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
    try:
        said = refusal(lambda: bpy.ops.convmotion.save(filepath=str(path)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "mine.toml cannot be written: File too large" in said
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_a_preset_brings_all_settings_back(settings, tmp_path, monkeypatch):
    def folder(kind, path="", create=False):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        return str(tmp_path / path)

    monkeypatch.setattr(bpy.utils, "user_resource", folder)
    before = settings.toml
    bpy.ops.convmotion.add_preset(name="mine")
    (preset,) = tmp_path.rglob("mine.py")
    fill(settings, catalog_table("lenet"))
    bpy.ops.script.execute_preset(filepath=str(preset), menu_idname="CONVMOTION_MT_presets")
    assert settings.toml == before


def test_a_preset_that_is_wrong_is_told_in_a_line_and_changes_nothing(settings, capsys):
    before = settings.toml
    for text, words in (("= 1", "Invalid"), ("[input]\nshape = [0]", "preset: input.shape is [0]")):
        settings.toml = text
        said = capsys.readouterr().out
        assert words in said and said.count("\n") == 1 and settings.toml == before


@pytest.mark.parametrize("name", ["lenet", "edge-detection"])
def test_files_beside_a_scene_are_found_from_anywhere(settings, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    fill(settings, catalog_table(name))
    told, opened = judge(settings), table_of(settings)
    assert not told.error and complete(told.scene).input.pixels.any()
    fill(settings, tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8")), str(FOLDER / f"{name}.toml"))
    assert table_of(settings) == opened
    assert name == "edge-detection" or str(FOLDER / "lenet.npz") in settings.toml


# Building


def test_build_touches_nothing_else_and_remove_takes_all_of_it_away(scene, settings):
    before, camera, world = data(), scene.camera, scene.world
    for _ in range(2):
        assert bpy.ops.convmotion.build() == {"FINISHED"}
        after = data()
        assert all(set(before[kind]) <= set(after[kind]) for kind in KINDS)
        assert sum(name.partition(".")[0] == "convmotion" for name in after["collections"]) == 1
        assert scene.frame_end == 30 and scene.camera != camera and scene.world != world
    first = after
    bpy.ops.convmotion.build()
    assert data() == first, "building anew leaves something behind"
    bpy.ops.convmotion.remove()
    assert data() == before and scene.camera == camera and scene.world == world


def test_build_and_remove_are_undone_and_done_again(scene, settings):
    bpy.ops.ed.undo_push(message="before")
    before = data()
    bpy.ops.convmotion.build()
    bpy.ops.ed.undo_push(message="built")
    after = data()
    bpy.ops.ed.undo()
    assert ui_build.built(bpy.context.scene) is None and data() == before
    bpy.ops.ed.redo()
    assert ui_build.built(bpy.context.scene) is not None and data() == after
    bpy.ops.convmotion.build()
    assert data() == after


def test_camera_and_light_are_ones_own_if_wanted(scene, settings):
    camera, world = scene.camera, scene.world
    settings.use_camera = settings.use_light = False
    bpy.ops.convmotion.build()
    assert scene.camera == camera and scene.world == world
    assert all(o.hide_render for o in ui_build.built(scene).all_objects if o.type == "LIGHT")
    settings.use_camera = settings.use_light = True
    bpy.ops.convmotion.build()
    assert scene.camera != camera and scene.world != world


def test_another_theme_reaches_the_windows_and_ghosts_too(scene, settings):
    def glow():
        return tuple(bpy.data.materials["convmotion window"].diffuse_color)

    bpy.ops.convmotion.build()
    light = glow()
    settings.theme = "dark"
    bpy.ops.convmotion.build()
    assert glow() != light


def test_two_scenes_of_a_file_each_have_their_own_colours(scene, settings):
    bpy.ops.convmotion.build()
    other = bpy.data.scenes.new("other")
    fill(other.convmotion, tomllib.loads(SMALL))
    other.convmotion.theme = "dark"
    with bpy.context.temp_override(scene=other):
        bpy.ops.convmotion.build()

    def window(one):
        (found,) = {s.material for o in ui_build.built(one).all_objects if "window" in o.name for s in o.material_slots}
        return tuple(found.diffuse_color)

    assert window(scene) != window(other)


def test_viewports_get_meshes_with_colours_and_renders_get_instances(scene, settings):
    bpy.ops.convmotion.build()
    switches = [n for tree in bpy.data.node_groups for n in tree.nodes if n.name == "solid"]
    assert switches and all(
        s.inputs["Switch"].links[0].from_node.bl_idname == "GeometryNodeIsViewport" for s in switches
    )


def test_a_saved_file_brings_its_settings_back(scene, settings, tmp_path):
    bpy.ops.convmotion.build()
    built = table_of(settings)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    scene = bpy.context.scene
    assert table_of(scene.convmotion) == built
    before = data()
    fill(scene.convmotion, catalog_table("pointwise"))
    assert ui_build.read_back(scene) == "" and table_of(scene.convmotion) == built
    bpy.ops.convmotion.build()
    assert data() == before


def test_a_saved_file_animates_without_the_extension(scene, settings, tmp_path):
    bpy.ops.convmotion.build()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    code = """
import bpy, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
assert not hasattr(bpy.types.Scene, "convmotion")
def seen(frame):
    bpy.context.scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    shown = [o for o in bpy.data.objects if o.name.startswith("output") and not o.hide_viewport]
    return sum(len(o.evaluated_get(graph).to_mesh().vertices) for o in shown)
print("told", seen(1), seen(30))
"""
    line = [sys.executable, "-c", code, str(tmp_path / "a.blend")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    first, last = map(int, done.stdout.partition("told ")[2].split())
    assert (first, last) == (0, 8 * 8), "2 x 2 x 2 cells of 8 corners each"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"version": 99}', "newer version"),
        ('{"version": 1, "scene": {"input": {}}}', "cannot be read: scene: input.shape"),
        ('{"version": 1, "width": "wide", "scene": {}}', "cannot be read: width is 'wide'"),
        (3, "cannot be read"),
    ],
)
def test_settings_that_cannot_be_read_back_are_told_and_change_nothing(scene, settings, block, words):
    bpy.ops.convmotion.build()
    assert not ui_build.unreadable(scene)
    before = table_of(settings)
    ui_build.built(scene)[ui_build.BLOCK] = block
    assert words in ui_build.unreadable(scene) and words in ui_build.read_back(scene)
    assert words in refusal(bpy.ops.convmotion.read_back)
    assert table_of(settings) == before


def test_a_small_scene_follows_its_settings_if_it_is_to(scene, settings):
    bpy.ops.convmotion.build()
    settings.live = True
    settings.stages[0].out_channels = 3
    assert bpy.app.timers.is_registered(ui_build._build_pending)
    ui_build._build_pending()
    assert json.loads(ui_build.built(scene)[ui_build.BLOCK])["scene"]["stage"][0]["out_channels"] == 3
    settings.stages[0].groups = 3
    ui_build._build_pending()
    assert "groups" not in json.loads(ui_build.built(scene)[ui_build.BLOCK])["scene"]["stage"][0]
    ui_build.forget()
    assert not bpy.app.timers.is_registered(ui_build._build_pending)


# Stages


def test_stages_are_added_and_removed(settings):
    bpy.ops.convmotion.add_stage()
    assert [s.op for s in settings.stages] == ["Conv2d", "Conv2d"] and settings.active == 1
    assert judge(settings).error  # 3 x 3 is too large for 2 x 2
    bpy.ops.convmotion.remove_stage()
    assert len(settings.stages) == 1 and not bpy.ops.convmotion.remove_stage.poll()


# Rendering


def test_a_render_in_the_background_makes_the_file_and_tells_how_far_it_is(settings, tmp_path):
    settings.output, settings.quality, settings.fps = str(tmp_path / "a.gif"), "draft", 3
    rendering = ui_render.Rendering.start(settings)
    assert not rendering.so_far
    rendering.process.wait(300)
    assert not rendering.running() and not rendering.error and not Path(rendering.folder).name
    assert (tmp_path / "a.gif").read_bytes()[:4] == b"GIF8" and rendering.done == rendering.total > 0
    assert rendering.so_far == rendering.doing
    rendering.done -= 1
    assert rendering.so_far == f"{rendering.done} / {rendering.total}"


def test_render_waits_where_there_is_no_window_and_says_what_went_wrong(settings, tmp_path):
    settings.output, settings.quality, settings.fps = str(tmp_path / "a.png"), "draft", 2
    assert bpy.ops.convmotion.render() == {"FINISHED"}
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG" and not bpy.ops.convmotion.cancel.poll()
    settings.output = str(tmp_path / "b.mp4")
    settings.transparent = True
    assert ".mp4 has no transparency" in refusal(bpy.ops.convmotion.render)


def test_the_command_line_gets_the_settings_and_the_preferences(settings, tmp_path, monkeypatch):
    chosen = SimpleNamespace(cache=str(tmp_path / "kept"), cache_size=70, language="zh", workers=3)
    monkeypatch.setattr(ui_preferences, "preferences", lambda: chosen)
    monkeypatch.setattr(ui_render, "preferences", lambda: chosen)
    settings.transparent, settings.quality = True, "final"
    line = ui_render.arguments_of(settings, tmp_path / "scene.toml", tmp_path / "a.gif")
    told = vars(cli._parser().parse_args(line))
    wanted = {"size": (96, 64), "fps": 30.0, "quality": "final", "lang": "zh", "transparent": True, "workers": 3}
    wanted |= {"cache": tmp_path / "kept", "cache_size": 70_000_000, "output": [tmp_path / "a.gif"], "progress": True}
    assert {name: told[name] for name in wanted} == wanted and told["max_bytes"] is None


@pytest.mark.parametrize(("megabytes", "wanted"), [(0.0, None), (5.0, 5_000_000), (0.3, 300_000), (0.01, 10_000)])
def test_the_command_line_gets_the_limit_of_the_size(settings, tmp_path, megabytes, wanted):
    settings.megabytes = megabytes
    told = cli._parser().parse_args(ui_render.arguments_of(settings, tmp_path / "scene.toml", tmp_path / "a.gif"))
    assert told.max_bytes == wanted
    one = ui_render.arguments_of(settings, tmp_path / "scene.toml", tmp_path / "a.PNG")  # of one picture there is none
    assert "--max-bytes" not in one


def test_what_was_chosen_for_a_limit_is_told(settings, tmp_path):
    settings.output, settings.quality, settings.fps = str(tmp_path / "a.gif"), "draft", 10
    settings.width, settings.seconds, settings.megabytes = 160, 2.0, 0.01
    rendering = ended(ui_render.Rendering.start(settings))
    assert not rendering.error and (tmp_path / "a.gif").stat().st_size <= 10_000
    assert len(rendering.notes) == 1 and rendering.notes[0].startswith("a.gif: ") and "SSIM" in rendering.notes[0]


def test_a_render_that_is_cancelled_leaves_nothing(settings, tmp_path):
    settings.output, settings.seconds = str(tmp_path / "a.gif"), 60.0
    rendering = ui_render.Rendering.start(settings)
    folder = Path(rendering.folder)
    assert rendering.running() and folder.is_dir()
    rendering.end()
    assert rendering.cancelled and not rendering.error and not folder.exists() and not list(tmp_path.iterdir())


def test_what_fails_in_the_background_is_told_in_one_line(settings, tmp_path):
    settings.output = str(tmp_path / "a.gif")
    (tmp_path / "a.gif").mkdir()
    rendering = ended(ui_render.Rendering.start(settings))
    assert "a.gif" in rendering.error and "Traceback" not in rendering.error and not rendering.cancelled


def ended(rendering):
    """A render that has come to its end, with all that it has said."""
    rendering.process.wait(120)
    for thread in [t for t in threading.enumerate() if t.name.endswith("(_listen)")]:
        thread.join()
    assert not rendering.running() and not rendering.folder
    return rendering


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_a_full_disk_is_told_in_the_panel_and_leaves_the_old_output(settings, tmp_path, monkeypatch):
    def limited(*arguments):
        return ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *child.command(*arguments)]

    monkeypatch.setattr(ui_render, "command", limited)
    settings.output, settings.quality, settings.fps = str(tmp_path / "a.gif"), "draft", 3
    (tmp_path / "a.gif").write_text("old")
    told = ended(ui_render.Rendering.start(settings)).error
    assert "is the disk full?" in told and "Traceback" not in told and "\n" not in told
    assert (tmp_path / "a.gif").read_text() == "old" and len([*tmp_path.iterdir()]) == 1


def test_a_missing_ffmpeg_is_told_in_the_panel(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    settings.output, settings.quality, settings.fps = str(tmp_path / "a.gif"), "draft", 3
    told = ended(ui_render.Rendering.start(settings)).error
    assert "ffmpeg" in told and "Traceback" not in told and "\n" not in told and not [*tmp_path.iterdir()]


def test_the_background_ends_with_the_one_who_listens(settings, tmp_path):
    """As when Blender is killed: then nobody is left who could cancel."""
    arguments = ["render", "standard", "-o", str(tmp_path / "a.gif"), "--size", "96x64"]
    code = f"import sys; from convmotion.render import attended; sys.exit(attended.main(*{arguments!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(3.0)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60) == 143 and "convmotion: interrupted" in process.stderr.read().splitlines()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_the_background_tidies_up_where_nobody_reads_what_it_says(tmp_path):
    """As when Blender is killed, whose Python, unlike others, leaves the signal of a broken pipe as it was: deadly."""
    made, folder = tmp_path / "a.gif", tmp_path / "temporary"
    folder.mkdir()
    arguments = ["render", "standard", "-o", str(made), "--size", "96x64", "--progress", "--cache", str(tmp_path / "c")]
    code = "import signal, sys; signal.signal(signal.SIGPIPE, signal.SIG_DFL); "
    code += f"from convmotion.render import attended; sys.exit(attended.main(*{arguments!r}))"
    environment = {**os.environ, "TMPDIR": str(folder)}
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)
    while not [*folder.rglob("*.patch")]:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.stderr.close()
    process.stdin.close()
    assert process.wait(60) != -signal.SIGPIPE
    assert not [*folder.iterdir()] and not made.exists()


# Drawing


class Labels(list):
    """A layout that keeps what it is told to write."""

    def label(self, text="", **_):
        self.append(text)


def test_what_is_wrong_takes_as_much_room_as_the_numbers_so_that_fields_stay_under_the_mouse(scene, monkeypatch):
    system = SimpleNamespace(ui_scale=1.0)  # which is 0 where there is no window
    context = SimpleNamespace(preferences=SimpleNamespace(system=system))
    monkeypatch.setattr(ui_panels, "bpy", SimpleNamespace(context=context))
    fill(scene.convmotion, catalog_table("grouped"))
    fine, wrong = Labels(), Labels()
    ui_panels._draw_text(fine, *judge(scene.convmotion).short, width=300, least=2)
    scene.convmotion.stages[0].groups = 3
    ui_panels._draw_text(wrong, judge(scene.convmotion).error, width=300, least=2)
    assert len(fine) == len(wrong) == 2 and " ".join(wrong) == judge(scene.convmotion).error
    short = Labels()
    ui_panels._draw_text(short, "no", width=300, least=2)
    assert short == ["no", ""]


# Words


def test_the_catalogs_menu_has_a_heading_for_each_part_and_every_scene():
    items = catalog_items("zh")
    assert sum(item[0] == "" for item in items) == 6 and items[0][1] == "卷积的种类"
    assert [item[0] for item in items if item[0]] == list(load_catalog())


def test_every_label_and_tooltip_is_there_in_chinese():
    said = {cls.bl_label for cls in ui_panels.CLASSES if cls.__name__.startswith("CONVMOTION_PT")}
    for cls in ui.CLASSES:
        if issubclass(cls, bpy.types.Operator):
            said |= {cls.bl_label, cls.__doc__}
        for name, prop in getattr(cls, "__annotations__", {}).items():
            given = prop.keywords
            said |= {given["description"]} if "description" in given else set()
            said |= {given["name"]} if name not in SHOWN and not name.startswith("use_") and "name" in given else set()
    assert said <= set(ui_words.CHINESE), said - set(ui_words.CHINESE)
    assert all(text.strip() and not text.isascii() for text in ui_words.CHINESE.values())
    holes = {text: re.findall(r"{\w+}", text) for text in [*ui_words.CHINESE, *ui_words.CHINESE.values()]}
    assert all(sorted(holes[english]) == sorted(holes[chinese]) for english, chinese in ui_words.CHINESE.items())


def test_what_is_wrong_is_told_in_the_interfaces_language(settings, monkeypatch):
    monkeypatch.setattr(ui_words, "translated", ui_words.CHINESE.__getitem__)
    settings.output = "/nowhere/a.gif"
    assert ui_render.trouble(settings) == "输出：文件夹 /nowhere 不存在；允许：已存在的文件夹"


@pytest.mark.parametrize(
    ("dims", "axes", "names"),
    [(3, 2, "CHW"), (4, 2, "NCHW"), (4, 3, "CDHW"), (2, 1, "CL"), (3, None, "CHW"), (1, 2, "C"), (5, 3, "NCDHW")],
)
def test_the_numbers_of_a_shape_are_called_by_what_the_operation_reads(dims, axes, names):
    assert "".join(ui_panels.axis_names(dims, axes)).replace("W", "W") == names.replace(
        "CL", "CW" if axes == 1 else "CL"
    )
