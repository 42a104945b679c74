"""What the extension adds to Blender, and takes away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bpy

from . import ui_build, ui_operators, ui_panels, ui_preferences, ui_render, ui_settings, ui_words

CLASSES = (
    ui_preferences.ConvmotionPreferences,
    ui_settings.StageSettings,
    ui_settings.Settings,
    *ui_operators.CLASSES,
    *ui_panels.CLASSES,
)
_commands: list[Any] = []


def register(command: Callable[[Sequence[str]], int]) -> None:
    """Add everything; ``command`` is run by ``blender -b -c convmotion ...``."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.convmotion = bpy.props.PointerProperty(type=ui_settings.Settings)
    ui_words.register()
    _commands.append(bpy.utils.register_cli_command("convmotion", command))


def unregister() -> None:
    """Remove everything that :func:`register` has added, and end what runs."""
    ui_render.forget()
    ui_operators.stop_watching()
    ui_build.forget()
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    ui_words.unregister()
    del bpy.types.Scene.convmotion
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
