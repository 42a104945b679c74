"""What a person would do in Blender's window, as a script for Blender: see tools/window_run.py, which starts it.

It asks for a picture by a file NAME.want, waits until that is gone, and writes what it has measured to told.json.
"""

import importlib
import json
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

    settings.output, settings.quality = str(FOLDER / "made.gif"), "final"  # which takes its time
    assert operate(bpy.ops.convmotion.render) == {"RUNNING_MODAL"}
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


def advance(running=steps()):  # noqa: B008
    try:
        return next(running)
    except StopIteration:
        told["passed"] = True
    except Exception:
        told["error"] = traceback.format_exc()
    (FOLDER / "told.json").write_text(json.dumps(told, indent=2))
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(advance, first_interval=1.0)
