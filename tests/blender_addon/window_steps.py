"""What a person would do in Blender's window, as a script for Blender: see tools/window_run.py, which starts it.

It asks for a picture by a file NAME.want, waits until that is gone, and writes what it has measured to told.json.
"""

import importlib
import json
import re
import shutil
import sys
import time
import traceback
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[-1])
PACKAGE = next(name for name in bpy.context.preferences.addons.keys() if name.endswith(".convmotion"))  # noqa: SIM118
ui_build, ui_render, ui_settings = (
    importlib.import_module(f"{PACKAGE}.blender_addon.{name}") for name in ("ui_build", "ui_render", "ui_settings")
)
told = {"blender": bpy.app.version_string}
bpy.context.preferences.use_preferences_save = False  # they are the user's
bpy.context.preferences.view.show_splash = False


def view():
    """Window, area and regions of the 3D View, for temp_override."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return window, area, regions


def operate(operator, **arguments):
    window, area, regions = view()
    with bpy.context.temp_override(window=window, area=area, region=regions["WINDOW"]):
        return operator("INVOKE_DEFAULT", True, **arguments)  # with a step for undo


def shot(name):
    """A picture of the window, taken from outside."""
    view()[1].tag_redraw()
    yield 1.0
    want = FOLDER / f"{name}.want"
    want.touch()
    while want.exists():
        yield 0.2


def key(kind, **modifiers):
    """Press it over the 3D View."""
    window, area, _ = view()
    x, y = area.x + area.width // 3, area.y + area.height // 2
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type=kind, value=value, x=x, y=y, **modifiers)


def scroll(kind):
    """Turn the wheel over the sidebar, to its end."""
    window, _, regions = view()
    side = regions["UI"]
    x, y = side.x + side.width // 2, side.y + side.height // 2
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    for _ in range(60):
        window.event_simulate(type=kind, value="PRESS", x=x, y=y)
        yield 0.02


def steps():
    scene = bpy.context.scene
    settings = scene.convmotion
    area, regions = view()[1:]
    area.spaces.active.show_region_ui = True
    yield 1.0
    for _ in range(20):
        regions["UI"].active_panel_category = "Convolution"
        yield 0.5
        if regions["UI"].active_panel_category == "Convolution":
            break
    yield from shot("1-tab")

    others = {obj.name for obj in bpy.data.objects}
    assert not bpy.ops.convmotion.build.poll(), "Build is allowed without a scene"
    bpy.ops.convmotion.choose(name="grouped")
    settings.stages[0].groups = 3
    error = ui_settings.judge(settings).error
    assert "groups=3 must divide" in error, error
    assert not bpy.ops.convmotion.build.poll(), "Build is allowed though groups=3"
    yield from shot("2-red")

    settings.stages[0].groups = 2
    yield from shot("3-numbers")
    yield from scroll("WHEELDOWNMOUSE")
    yield from shot("3-lower")
    yield from scroll("WHEELUPMOUSE")
    started = time.perf_counter(), time.thread_time()
    assert operate(bpy.ops.convmotion.build) == {"FINISHED"}
    told["build seconds"] = round(time.perf_counter() - started[0], 3)
    told["build seconds of this thread"] = round(time.thread_time() - started[1], 3)
    root = ui_build.built(scene)
    assert root is not None and scene.frame_end == 360 and others < {obj.name for obj in bpy.data.objects}
    yield from shot("4-built")

    times = []
    for frame in range(1, 361, 6):
        started = time.perf_counter()
        scene.frame_set(frame)
        times.append(time.perf_counter() - started)
    told["frame_set milliseconds"] = round(1000 * sorted(times)[len(times) // 2], 1)
    scene.frame_set(200)
    yield from shot("5-scrubbed")
    shown = []
    bpy.app.handlers.frame_change_post.append(lambda *_: shown.append(time.perf_counter()))
    operate(bpy.ops.screen.animation_play)
    yield 5.0
    operate(bpy.ops.screen.animation_play)
    bpy.app.handlers.frame_change_post.clear()
    told["played frames a second"] = round(len(shown) / 5.0, 1)

    settings.quality = "final"  # which takes its time
    assert settings.output.startswith("//") and not bpy.data.filepath
    operate(bpy.ops.convmotion.render)  # asks where, as the .blend has no place yet
    yield 2.0
    windows = [(window, area) for window in bpy.context.window_manager.windows for area in window.screen.areas]
    ((window, area),) = [(window, area) for window, area in windows if area.type == "FILE_BROWSER"]
    yield from shot("6-where")
    browser = area.spaces.active.params
    assert browser.filename == "convolution.mp4", browser.filename
    browser.directory, browser.filename = str(FOLDER).encode(), "made.gif"
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        bpy.ops.file.execute()
    yield 1.0
    assert settings.output == str(FOLDER / "made.gif") and ui_render.active(), settings.output
    while ui_render.active() and ui_render.active().done < 1:
        yield 0.2
    yield from shot("6-rendering")
    assert not bpy.ops.convmotion.render.poll(), "two renders at once"
    key("ESC")
    while ui_render.active():
        yield 0.2
    yield 1.0
    assert ui_render.current[0].cancelled and not (FOLDER / "made.gif").exists()
    yield from shot("7-cancelled")

    settings.quality, settings.width, settings.height, settings.fps = "draft", 160, 90, 10
    assert operate(bpy.ops.convmotion.render) == {"RUNNING_MODAL"}
    while ui_render.active():
        yield 0.2
    yield 1.0
    assert not ui_render.current[0].error, ui_render.current[0].error
    assert (FOLDER / "made.gif").read_bytes()[:4] == b"GIF8"
    yield from shot("8-done")

    settings.output = "/nowhere/made.gif"
    assert not bpy.ops.convmotion.render.poll()
    yield from shot("9-no-folder")
    settings.output = str(FOLDER / "made.gif")
    root = ui_build.built(bpy.context.scene)
    block, root[ui_build.BLOCK] = root[ui_build.BLOCK], '{"version": 99}'
    yield from shot("9-newer")
    root[ui_build.BLOCK] = block
    bpy.context.preferences.view.language = "zh_HANS"
    bpy.context.preferences.view.use_translate_interface = True
    yield from shot("10-chinese")
    bpy.context.preferences.view.language = "en_US"

    before = set(bpy.data.objects.keys())
    operate(bpy.ops.convmotion.remove)
    assert {obj.name for obj in bpy.data.objects} == others < before, "other objects were touched"
    key("Z", ctrl=True)
    yield 1.0
    assert ui_build.built(bpy.context.scene) is not None, "undo did not bring it back"
    operate(bpy.ops.convmotion.build)
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "made.blend"))


def leaving():
    """The extension is switched off, brought up to date and removed, each while a render runs; then it is as before."""
    package = Path(importlib.import_module(PACKAGE).__file__).parent
    users = Path(bpy.utils.extension_path_user(PACKAGE, create=True))
    zips = zipped(package, "same"), zipped(package, "later", version="99.0.0")
    try:
        yield from rendering()
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        yield from nothing_left("switching off")
        yield from shot("11-off")
        bpy.ops.preferences.addon_enable(module=PACKAGE)

        yield from rendering()
        old = sys.modules[PACKAGE]
        install(zips[1])
        assert sys.modules[PACKAGE] is not old, "the old code still runs"
        assert 'version = "99.0.0"' in (package / "blender_manifest.toml").read_text()
        assert not {"process", "file", "handler"} & {kind.split()[0] for kind in left()}, left()
        key("F20")
        yield 1.0
        assert bpy.ops.convmotion.build.poll() and not (yield from ticks())
        yield from shot("12-updated")

        yield from rendering()
        module = PACKAGE.rpartition(".")[0].rpartition(".")[2]
        index = [repo.module for repo in bpy.context.preferences.extensions.repos].index(module)
        bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="convmotion")
        yield from nothing_left("removing")
        assert not package.exists() and not [*users.glob("*")], [*users.glob("*")]
        yield from shot("13-removed")
    finally:
        install(zips[0])
        for path in zips:
            path.unlink()


def rendering():
    """A render that takes its time, of which the window has told."""
    module = importlib.import_module(f"{PACKAGE}.blender_addon.ui_render")
    settings = bpy.context.scene.convmotion
    settings.output, settings.quality = str(FOLDER / "left.gif"), "final"
    settings.width, settings.height = 1280, 720
    assert operate(bpy.ops.convmotion.render) == {"RUNNING_MODAL"}
    while not module.current[0].total:
        yield 0.2
    yield 1.0
    assert module.active() and {kind.split()[0] for kind in left()} >= {"class", "operator", "property", "file"}
    assert (yield from ticks()), "no timer watches the render"


def zipped(package, name, version=""):
    """The installed extension as a zip, of another version if one is given."""
    copy = FOLDER / name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = copy / "blender_manifest.toml"
    if version:
        manifest.write_text(re.sub(r'(?m)^version = ".*"', f'version = "{version}"', manifest.read_text()))
    shutil.make_archive(str(copy), "zip", copy)
    shutil.rmtree(copy)
    return Path(f"{copy}.zip")


def install(path):
    """Over what is there, as from the file browser."""
    repo = PACKAGE.rpartition(".")[0].rpartition(".")[2]
    bpy.ops.extensions.package_install_files(filepath=str(path), repo=repo, enable_on_install=True)


class Ticks(bpy.types.Operator):
    """Counts what event timers send to the window, whoever has made them."""

    bl_idname, bl_label = "wm.ticks", "Ticks"
    seen, ends = 0, True

    def invoke(self, context, event):
        Ticks.seen, Ticks.ends = 0, False
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        Ticks.seen += event.type == "TIMER"
        return {"FINISHED"} if Ticks.ends else {"PASS_THROUGH"}


def ticks():
    operate(bpy.ops.wm.ticks)
    yield 1.0
    Ticks.ends = True
    key("F20")
    yield 0.2
    return Ticks.seen


def left():
    """What the extension has in Blender, in the system and on disk."""
    found = [f"class {name}" for name in dir(bpy.types) if "convmotion" in name.lower()]
    found += [f"operator {name}" for name in dir(bpy.ops.convmotion)]
    found += ["property"] * hasattr(bpy.types.Scene, "convmotion")
    handlers = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    found += [f"handler {n}" for n, all_ in handlers.items() if isinstance(all_, list) and "convmotion" in repr(all_)]
    if (listed := Path("/proc/self/task")).exists():  # what only Linux tells: processes that this one has started
        pids = [pid for task in listed.iterdir() for pid in (task / "children").read_text().split()]
        stats = [Path(f"/proc/{pid}/stat") for pid in pids]
        found += [f"process {stat.read_text()[:60]}" for stat in stats if stat.exists()]
    return found + [f"file {path}" for path in Path(bpy.app.tempdir).glob("convmotion-*")]


def nothing_left(after):
    for _ in range(20):  # a busy machine takes its time to end the workers of a render that has ended
        if not left():
            break
        yield 0.5
    assert not left(), f"{after} leaves {left()}"
    key("F20")  # with the next event Blender frees the operator that watched; 4.3 crashes if another one runs before
    yield 1.0
    count = yield from ticks()
    assert not count, f"{after} leaves a timer"


def everything():
    yield from steps()
    yield from leaving()


def advance(running=everything()):  # noqa: B008
    try:
        return next(running)
    except StopIteration:
        told["passed"] = True
    except Exception:
        told["error"] = traceback.format_exc()
    (FOLDER / "told.json").write_text(json.dumps(told, indent=2))
    bpy.ops.wm.quit_blender()
    return None


bpy.utils.register_class(Ticks)
bpy.app.timers.register(advance, first_interval=1.0)
