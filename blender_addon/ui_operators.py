"""What the panel's buttons do; thin over plain functions."""

import secrets
import tomllib
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..scenes import SceneError, load_scene
from ..scenes.tomltext import toml_of
from . import ui_build, ui_render
from .ui_settings import catalog_items, catalog_table, fill, judge, table_of
from .ui_words import language, translated

TICK = 0.2
"""Seconds between two looks at a render."""
_timers: list[Any] = []
"""What wakes the operator that watches a render."""


class CONVMOTION_OT_choose(bpy.types.Operator):
    """Take a convolution from the catalog"""

    bl_idname = "convmotion.choose"
    bl_label = "Choose a convolution"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "name"

    name: bpy.props.EnumProperty(  # pyright: ignore
        name="Convolution", items=lambda self, context: catalog_items(language())
    )

    def execute(self, context: Any) -> set[str]:
        fill(context.scene.convmotion, catalog_table(self.name))
        return {"FINISHED"}


class CONVMOTION_OT_open(bpy.types.Operator, ImportHelper):
    """Read the settings from a scene file"""

    bl_idname = "convmotion.open"
    bl_label = "Open Scene File"
    bl_options = {"REGISTER", "UNDO"}
    filename_ext = ".toml"
    filter_glob: bpy.props.StringProperty(default="*.toml", options={"HIDDEN"})  # pyright: ignore

    def execute(self, context: Any) -> set[str]:
        try:
            scene = load_scene(self.filepath)
            fill(context.scene.convmotion, tomllib.loads(Path(self.filepath).read_text("utf-8-sig")), scene.source)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class CONVMOTION_OT_save(bpy.types.Operator, ExportHelper):
    """Write the settings into a scene file"""

    bl_idname = "convmotion.save"
    bl_label = "Save Scene File"
    filename_ext = ".toml"
    filter_glob: bpy.props.StringProperty(default="*.toml", options={"HIDDEN"})  # pyright: ignore

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _allowed(cls, judge(context.scene.convmotion).error)

    def execute(self, context: Any) -> set[str]:
        try:
            _write_whole(Path(self.filepath).resolve(), toml_of(table_of(context.scene.convmotion)))
        except OSError as error:
            wrong = translated("{path} cannot be written: {reason}; allowed: another place")
            self.report({"ERROR"}, wrong.format(path=self.filepath, reason=error.strerror))
            return {"CANCELLED"}
        return {"FINISHED"}


class CONVMOTION_OT_add_stage(bpy.types.Operator):
    """Add an operation behind the last one"""

    bl_idname = "convmotion.add_stage"
    bl_label = "Add Stage"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        settings = context.scene.convmotion
        stage = settings.stages.add()
        stage.out_channels, stage.kernel_size = 4, (3, 3, 3)
        settings.active = len(settings.stages) - 1
        return {"FINISHED"}


class CONVMOTION_OT_remove_stage(bpy.types.Operator):
    """Remove this operation"""

    bl_idname = "convmotion.remove_stage"
    bl_label = "Remove Stage"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return len(context.scene.convmotion.stages) > 1

    def execute(self, context: Any) -> set[str]:
        settings = context.scene.convmotion
        settings.stages.remove(min(settings.active, len(settings.stages) - 1))
        settings.active = max(0, min(settings.active, len(settings.stages) - 1))
        return {"FINISHED"}


class CONVMOTION_OT_build(bpy.types.Operator):
    """Build the animation in a collection of its own, in place of the one before"""

    bl_idname = "convmotion.build"
    bl_label = "Build"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _allowed(cls, judge(context.scene.convmotion).error)

    def invoke(self, context: Any, event: Any) -> set[str]:
        first = ui_build.built(context.scene) is None
        result = self.execute(context)
        space = context.space_data
        if result == {"FINISHED"} and first and space is not None and space.type == "VIEW_3D":
            space.shading.color_type = "VERTEX"
            space.overlay.show_relationship_lines = False  # from every word to the camera
            if context.scene.convmotion.use_camera:
                space.region_3d.view_perspective = "CAMERA"
        return result

    def execute(self, context: Any) -> set[str]:
        try:
            ui_build.rebuild(context.scene)
        except SceneError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class _OfWhatWasBuilt:
    """An operator that there is something for once something was built."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        return ui_build.built(context.scene) is not None


class CONVMOTION_OT_remove(_OfWhatWasBuilt, bpy.types.Operator):
    """Remove what was built, and nothing else"""

    bl_idname = "convmotion.remove"
    bl_label = "Remove"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        ui_build.remove(context.scene)
        return {"FINISHED"}


class CONVMOTION_OT_read_back(_OfWhatWasBuilt, bpy.types.Operator):
    """Show the settings that the animation was built from"""

    bl_idname = "convmotion.read_back"
    bl_label = "Settings of What Was Built"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        error = ui_build.read_back(context.scene)
        if error:
            self.report({"ERROR"}, error)
            return {"CANCELLED"}
        return {"FINISHED"}


class CONVMOTION_OT_render(bpy.types.Operator):
    """Render the animation in the background; Esc cancels"""

    bl_idname = "convmotion.render"
    bl_label = "Render"

    @classmethod
    def poll(cls, context: Any) -> bool:
        settings = context.scene.convmotion
        if ui_render.active():
            return _allowed(cls, translated("The animation is being rendered"))
        asks = ui_render.has_no_place(settings)
        return _allowed(cls, judge(settings).error if asks else ui_render.trouble(settings))

    def invoke(self, context: Any, event: Any) -> set[str]:
        if ui_render.has_no_place(context.scene.convmotion):
            return bpy.ops.convmotion.render_as("INVOKE_DEFAULT")
        return self.execute(context)

    def execute(self, context: Any) -> set[str]:
        try:
            rendering = ui_render.Rendering.start(context.scene.convmotion)
        except (SceneError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        ui_render.current[:] = [rendering]
        if bpy.app.background:  # without a window nobody could watch
            rendering.process.wait()
            return self._end(context, rendering)
        manager = context.window_manager
        _timers.append(manager.event_timer_add(TICK, window=context.window))
        manager.progress_begin(0, 1)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        rendering = ui_render.current[0] if ui_render.current else None
        if rendering is None:
            stop_watching()
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS" and not rendering.cancelled:
            rendering.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        redraw(context)
        if rendering.running():
            share = rendering.done / rendering.total if rendering.total else 0.0
            context.window_manager.progress_update(share)
            context.workspace.status_text_set(f"{translated('Rendering')} {rendering.so_far}  (Esc)")
            return {"PASS_THROUGH"}
        stop_watching()
        return self._end(context, rendering)

    def cancel(self, context: Any) -> None:
        """Blender closes, or opens another file."""
        ui_render.forget()
        stop_watching()

    def _end(self, context: Any, rendering: ui_render.Rendering) -> set[str]:
        rendering.running()
        if rendering.error:
            self.report({"ERROR"}, rendering.error)
        elif not rendering.cancelled:
            self.report({"INFO"}, f"{translated('Done')}: {rendering.output}")
            return {"FINISHED"}
        return {"CANCELLED"}


class CONVMOTION_OT_render_as(bpy.types.Operator, ExportHelper):
    """Say where the animation is to be written, and render it"""

    bl_idname = "convmotion.render_as"
    bl_label = "Render As"
    check_extension = None
    filename_ext = ".mp4"
    filter_glob: bpy.props.StringProperty(  # pyright: ignore
        default=";".join(f"*{ending}" for ending in ui_render.ENDINGS), options={"HIDDEN"}
    )

    def invoke(self, context: Any, event: Any) -> set[str]:
        self.filepath = context.scene.convmotion.output.removeprefix("//")
        return super().invoke(context, event)

    def execute(self, context: Any) -> set[str]:
        settings = context.scene.convmotion
        settings.output = self.filepath
        if reason := ui_render.trouble(settings):
            self.report({"ERROR"}, reason)
            return {"CANCELLED"}
        bpy.ops.convmotion.render("INVOKE_DEFAULT")
        return {"FINISHED"}


class CONVMOTION_OT_cancel(bpy.types.Operator):
    """Stop rendering; frames that are done are kept for the next time"""

    bl_idname = "convmotion.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return ui_render.active() is not None

    def execute(self, context: Any) -> set[str]:
        rendering = ui_render.active()
        if rendering is not None and not rendering.cancelled:
            rendering.cancel()
        return {"FINISHED"}


def stop_watching() -> None:
    """Take away the timer of a render, and what the windows say of it."""
    manager = bpy.context.window_manager
    while _timers:
        manager.event_timer_remove(_timers.pop())
        manager.progress_end()
    for workspace in bpy.data.workspaces:
        workspace.status_text_set(None)


def redraw(context: Any) -> None:
    """Let the sidebars be drawn anew."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _write_whole(path: Path, text: str) -> None:
    """Write a file, or leave the old one as it was: a full disk is noticed only half-way. OSError if it cannot be."""
    partial = path.with_name(f".{secrets.token_hex(4)}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _allowed(cls: Any, reason: str) -> bool:
    """For a poll: whether there is no reason against it; Blender tells the reason."""
    if reason:
        cls.poll_message_set(reason.replace("%", "%%"))
    return not reason


CLASSES = (
    CONVMOTION_OT_choose,
    CONVMOTION_OT_open,
    CONVMOTION_OT_save,
    CONVMOTION_OT_add_stage,
    CONVMOTION_OT_remove_stage,
    CONVMOTION_OT_build,
    CONVMOTION_OT_remove,
    CONVMOTION_OT_read_back,
    CONVMOTION_OT_render,
    CONVMOTION_OT_render_as,
    CONVMOTION_OT_cancel,
)
