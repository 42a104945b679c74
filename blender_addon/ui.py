"""What the extension adds to Blender, and takes away again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bpy

_commands: list[Any] = []


def register(command: Callable[[Sequence[str]], int]) -> None:
    """Add everything; ``command`` is run by ``blender -b -c convmotion ...``."""
    _commands.append(bpy.utils.register_cli_command("convmotion", command))


def unregister() -> None:
    """Remove everything that :func:`register` has added."""
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
