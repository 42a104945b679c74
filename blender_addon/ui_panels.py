"""The tab "Convolution" in the 3D View's sidebar."""

import textwrap
from pathlib import Path
from typing import Any

import bpy
from bl_operators.presets import AddPresetBase

from ..scenes import SceneError
from ..scenes.scenefile import OPERATIONS
from . import ui_build, ui_render
from .ui_settings import AXES, axes_of, is_optional, judge, more_of, named_padding, parameters
from .ui_words import CONTEXT, interface_language, translated

PIXELS_PER_LETTER = 7.0
PRESETS = "convmotion"


class CONVMOTION_MT_presets(bpy.types.Menu):
    bl_label = "Convolution Presets"
    preset_subdir = PRESETS
    preset_operator = "script.execute_preset"
    draw = bpy.types.Menu.draw_preset


class CONVMOTION_OT_add_preset(AddPresetBase, bpy.types.Operator):
    """Keep these settings, or with the minus forget them"""

    bl_idname = "convmotion.add_preset"
    bl_label = "Add Convolution Preset"
    preset_menu = "CONVMOTION_MT_presets"
    preset_defines = ["settings = bpy.context.scene.convmotion"]
    preset_values = ["settings.toml"]
    preset_subdir = PRESETS


class CONVMOTION_UL_stages(bpy.types.UIList):
    def draw_item(self, context: Any, layout: Any, data: Any, item: Any, icon: Any, owner: Any, name: Any) -> None:
        layout.label(text=f"{list(data.stages).index(item) + 1}  {item.op}", translate=False)


class _Tab:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Convolution"
    bl_translation_context = CONTEXT


class CONVMOTION_PT_scene(_Tab, bpy.types.Panel):
    bl_label = "Convolution"

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.convmotion
        layout.operator_menu_enum("convmotion.choose", "name", text=_title(settings), icon="PRESET")
        row = layout.row(align=True)
        row.operator("convmotion.open", text=translated("Open Scene File"), icon="FILE_FOLDER")
        row.operator("convmotion.save", text="", icon="FILE_TICK")
        row = layout.row(align=True)
        row.menu("CONVMOTION_MT_presets", text=CONVMOTION_MT_presets.bl_label)
        row.operator("convmotion.add_preset", text="", icon="ADD")
        row.operator("convmotion.add_preset", text="", icon="REMOVE").remove_active = True
        built = ui_build.built(context.scene) is not None
        if not settings.stages and built:
            layout.operator("convmotion.read_back", text=translated("Settings of What Was Built"))
        verdict, width = judge(settings), context.region.width
        error = verdict.error
        if unreadable := ui_build.unreadable(context.scene):
            box = layout.box().column(align=True)
            box.alert = True
            _draw_text(box, unreadable, width=width, icon="ERROR")
        box = layout.box().column(align=True)
        box.alert = bool(error and settings.stages)
        icon = "INFO" if not settings.stages else "ERROR" if error else "CHECKMARK"
        _draw_text(box, *(verdict.short or [error]), width=width, icon=icon, least=2)
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator("convmotion.build", text=translated("Build Anew" if built else "Build"), icon="MESH_CUBE")
        row.operator("convmotion.render", text=translated("Render"), icon="RENDER_ANIMATION")
        row.operator("convmotion.remove", text="", icon="TRASH")
        row = layout.row(align=True)
        row.prop(settings, "use_camera", toggle=True, icon="CAMERA_DATA")
        row.prop(settings, "use_light", toggle=True, icon="LIGHT_SUN")
        row.prop(settings, "live", text="", icon="FILE_REFRESH")
        _draw_rendering(layout, width)
        if settings.stages and not error and not ui_render.has_no_place(settings):
            column = layout.column(align=True)
            column.alert = True
            if reason := ui_render.trouble(settings):
                _draw_text(column, reason, width=width, icon="ERROR")


class CONVMOTION_PT_operation(_Tab, bpy.types.Panel):
    bl_label = "Operation"
    bl_parent_id = "CONVMOTION_PT_scene"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return len(context.scene.convmotion.stages) > 0

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.convmotion
        if len(settings.stages) > 1:
            row = layout.row()
            row.template_list("CONVMOTION_UL_stages", "", settings, "stages", settings, "active", rows=3)
        row = layout.row(align=True)
        row.operator("convmotion.add_stage", icon="ADD")
        row.operator("convmotion.remove_stage", text="", icon="REMOVE")
        stage = settings.stages[min(settings.active, len(settings.stages) - 1)]
        layout.prop(stage, "op")
        layout.use_property_split, layout.use_property_decorate = True, False
        cls, said = OPERATIONS[stage.op], _keys(stage.more)
        for name in parameters(cls):
            if name not in said:
                _draw_parameter(layout, stage, cls, name)
        layout.prop(stage, "more")


class CONVMOTION_PT_input(_Tab, bpy.types.Panel):
    bl_label = "Input"
    bl_parent_id = "CONVMOTION_PT_scene"

    poll = CONVMOTION_PT_operation.poll

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.convmotion
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(settings, "dims", text=translated("Dimensions"))
        cls = OPERATIONS[settings.stages[0].op]
        row = layout.row(align=True)
        row.use_property_split = False
        for index, name in enumerate(axis_names(settings.dims, cls.AXES)):
            row.prop(settings, "shape", index=index, text=name, translate=False)
        layout.prop(settings, "more")


class CONVMOTION_PT_look(_Tab, bpy.types.Panel):
    bl_label = "Time and Look"
    bl_parent_id = "CONVMOTION_PT_scene"
    bl_options = {"DEFAULT_CLOSED"}

    poll = CONVMOTION_PT_operation.poll

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.convmotion
        layout.use_property_split, layout.use_property_decorate = True, False
        for name in ("title_en", "title_zh", "words", "order", "seconds", "fps", "camera", "theme"):
            layout.prop(settings, name)
        layout.column().prop(settings, "show")
        layout.prop(settings, "apart")
        column = layout.column(align=True)
        column.prop(settings, "width")
        column.prop(settings, "height")


class CONVMOTION_PT_result(_Tab, bpy.types.Panel):
    bl_label = "Result"
    bl_parent_id = "CONVMOTION_PT_scene"

    poll = CONVMOTION_PT_operation.poll

    def draw(self, context: Any) -> None:
        verdict, column = judge(context.scene.convmotion), self.layout.column(align=True)
        column.alert = bool(verdict.error)
        for line in verdict.lines or (verdict.error,):
            _draw_text(column, line, width=context.region.width)


class CONVMOTION_PT_render(_Tab, bpy.types.Panel):
    bl_label = "Render"
    bl_parent_id = "CONVMOTION_PT_scene"

    poll = CONVMOTION_PT_operation.poll

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.convmotion
        layout.prop(settings, "output", text="")
        layout.row(align=True).prop(settings, "quality", expand=True)
        layout.prop(settings, "transparent")
        row = layout.row()
        row.active = ui_render.is_animation(Path(settings.output))
        row.prop(settings, "megabytes")


def _draw_rendering(layout: Any, width: int) -> None:
    """How far the render is that runs, with a button that cancels it; or what has become of the last one."""
    if not ui_render.current:
        return
    rendering = ui_render.current[0]
    column = layout.column(align=True)
    if ui_render.active():
        share = rendering.done / rendering.total if rendering.total else 0.0
        row = column.row(align=True)
        row.progress(factor=share, text=f"{translated('Rendering')} {rendering.so_far}")
        row.operator("convmotion.cancel", text="", icon="X")
    elif rendering.cancelled:
        column.label(text=translated("Cancelled"), icon="CANCEL")
    elif rendering.error:
        column.alert = True
        _draw_text(column, rendering.error, width=width, icon="ERROR")
    else:
        row = column.row(align=True)
        row.label(text=rendering.output.name, icon="CHECKMARK", translate=False)
        opener = row.operator("wm.path_open", text=translated("Open Folder"), icon="FILE_FOLDER")
        opener.filepath = str(rendering.output.parent)
        _draw_text(column, *rendering.notes, width=width)


def axis_names(dims: int, axes: int | None) -> tuple[str, ...]:
    """What the numbers of a shape are called: (N,) C and the spatial axes, as many as the operation has."""
    usual = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "D", "H", "W")}
    if axes is None or not 1 <= axes <= dims - 1 <= axes + 1:
        return usual[dims]
    return (("N",) if dims - axes == 2 else ()) + ("C", *("D", "H", "W")[-axes:])


def _title(settings: Any) -> str:
    title = settings.title_zh if interface_language() == "zh" and settings.title_zh else settings.title_en
    return title if settings.stages and title else translated("Choose a convolution")


def _keys(more: str) -> set[str]:
    try:
        return set(more_of(more, ""))
    except SceneError:
        return set()


def _draw_parameter(layout: Any, stage: Any, cls: Any, name: str) -> None:
    column = layout.column(align=True)
    if is_optional(cls, name):
        column.prop(stage, f"use_{name}", text=name, translate=False)
        if not getattr(stage, f"use_{name}"):
            return
    if name == "padding" and named_padding(cls):
        column.prop(stage, "padding_name", text=name, translate=False)
        if stage.padding_name != "numbers":
            return
    if name in AXES:
        row = column.row(align=True)
        for index in range(axes_of(cls)):
            row.prop(stage, name, index=index, text="" if index else name, translate=False)
    else:
        column.prop(stage, name, text=name, translate=False)


def _draw_text(layout: Any, *texts: str, width: int, icon: str = "NONE", least: int = 1) -> None:
    """Texts on as many lines as they need, and at least so many: then what is below does not jump."""
    scale = bpy.context.preferences.system.ui_scale
    letters = max(12, int((width - 60 * scale) / (PIXELS_PER_LETTER * scale)))
    lines = [line for text in texts for line in textwrap.wrap(text, letters) or [""]]
    for line in lines + [""] * (least - len(lines)):
        layout.label(text=line, icon=icon, translate=False)
        icon = "BLANK1" if icon != "NONE" else "NONE"


CLASSES = (
    CONVMOTION_MT_presets,
    CONVMOTION_OT_add_preset,
    CONVMOTION_UL_stages,
    CONVMOTION_PT_scene,
    CONVMOTION_PT_operation,
    CONVMOTION_PT_input,
    CONVMOTION_PT_look,
    CONVMOTION_PT_result,
    CONVMOTION_PT_render,
)
