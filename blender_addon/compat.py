"""All differences between Blender versions (4.2 to 5.2), so that nothing else asks for a version."""

from __future__ import annotations

from typing import Any

import bpy

VERSION = bpy.app.version_string
BLEND_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set[str]()
"""Options of a property that takes a path with // before it: since 4.5 Blender warns of such a path elsewhere."""


def can_denoise() -> bool:
    """Whether this Blender was built with a denoiser: those of some Linux distributions were not."""
    try:
        import _cycles
    except ImportError:
        return False
    return getattr(_cycles, "with_openimagedenoise", True)


def enable_nodes(data: Any) -> Any:
    """The node tree of a material or world. Up to 4.5 it must be switched on; since 5.0 it is always there."""
    if bpy.app.version < (5, 0, 0):
        data.use_nodes = True
    return data.node_tree


def new_fcurve(data: Any, data_path: str, index: int = -1) -> Any:
    """A new F-curve on a data-block, in its action, which is made if need be; ``index`` -1 is no array.

    Actions have slots since 4.4, and nothing but slots since 5.0.
    """
    animation = data.animation_data_create()
    if animation.action is None:
        animation.action = bpy.data.actions.new(data.name)
    action = animation.action
    where = {} if index < 0 else {"index": index}
    if bpy.app.version < (4, 4, 0):
        return action.fcurves.new(data_path, **where)
    if animation.action_slot is None:
        animation.action_slot = action.slots.new(id_type=data.id_type, name=data.name)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(animation.action_slot, ensure=True).fcurves.new(data_path, **where)


def copy_animation(data: Any, other: Any) -> None:
    """Let another data-block of the same kind share the action of the first."""
    if data.animation_data is None or data.animation_data.action is None:
        return
    animation = other.animation_data_create()
    animation.action = data.animation_data.action
    if bpy.app.version >= (4, 4, 0):
        animation.action_slot = data.animation_data.action_slot


def fcurves_of(data: Any) -> list[Any]:
    """The F-curves of a data-block's action."""
    animation = data.animation_data
    if animation is None or animation.action is None:
        return []
    if bpy.app.version < (4, 4, 0):
        return list(animation.action.fcurves)
    return [
        curve
        for layer in animation.action.layers
        for strip in layer.strips
        if (bag := strip.channelbag(animation.action_slot)) is not None
        for curve in bag.fcurves
    ]


def eevee() -> str:
    """EEVEE's identifier: it was called NEXT from 4.2 to 4.5."""
    return "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"


def set_image_output(scene: Any, file_format: str) -> None:
    """Write pictures, not videos: 5.0 wants to know that before the format."""
    settings = scene.render.image_settings
    if bpy.app.version >= (5, 0, 0):
        settings.media_type = "IMAGE"
    settings.file_format = file_format


def set_string_to_curves(node: Any, font: Any, align: str) -> None:
    """Font and alignment of a String to Curves node: properties up to 5.0, sockets later."""
    if "Font" in node.inputs:
        if font is not None:
            node.inputs["Font"].default_value = font
        node.inputs["Align X"].default_value = align.title()
        return
    if font is not None:
        node.font = font
    node.align_x = align.upper()
