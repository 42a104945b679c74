"""The extension's preferences; where there are none, as under pip's bpy, their defaults."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

from . import compat
from .child import PACKAGE

DEFAULTS = SimpleNamespace(cache="", cache_size=2000, language="interface", workers=0)


class ConvmotionPreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    cache: bpy.props.StringProperty(  # pyright: ignore
        name="Cache folder",
        description="Where rendered frames are kept; empty: in the extension's own folder",
        subtype="DIR_PATH",
        options=compat.BLEND_RELATIVE,
    )
    cache_size: bpy.props.IntProperty(  # pyright: ignore
        name="Cache size (MB)",
        description="Beyond it the frames that were used longest ago are removed",
        min=10,
        max=1_000_000,
        default=DEFAULTS.cache_size,
    )
    language: bpy.props.EnumProperty(  # pyright: ignore
        name="Captions",
        description="The language of titles and captions",
        items=[("interface", "As the interface", ""), ("en", "English", ""), ("zh", "简体中文", "")],
        default=DEFAULTS.language,
    )
    workers: bpy.props.IntProperty(  # pyright: ignore
        name="Workers", description="Processes that render side by side; 0: one per core", min=0, max=99
    )

    def draw(self, context: Any) -> None:
        for name in vars(DEFAULTS):
            self.layout.prop(self, name)


def preferences() -> Any:
    """The preferences, or their defaults."""
    found = bpy.context.preferences.addons.get(PACKAGE)
    return DEFAULTS if found is None or found.preferences is None else found.preferences


def cache_folder() -> Path | None:
    """Where frames are kept: as the preferences say, else in the extension's folder; None where this is none."""
    chosen = preferences().cache
    if chosen:
        return Path(bpy.path.abspath(chosen))
    if not PACKAGE.startswith("bl_ext."):
        return None
    return Path(bpy.utils.extension_path_user(PACKAGE, path="frames", create=True))
