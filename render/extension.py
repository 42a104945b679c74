"""The extension's way in: what Blender calls when it is switched on and off."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..blender_addon import ui
from ..blender_addon.ui_preferences import cache_folder


def register() -> None:
    """Add the panel, its operators and the command ``convmotion``."""
    ui.register(command)


def unregister() -> None:
    """Take all of that away again."""
    ui.unregister()


def command(arguments: Sequence[str]) -> int:
    """``blender -b -c convmotion ARGUMENTS``: the same command line as outside; its exit code."""
    from . import cli, encode  # here, as they bring in what only rendering needs

    encode.let_run()
    folder = cache_folder()
    if folder is not None:
        os.environ.setdefault("CONVMOTION_CACHE", str(folder))
    return cli.main(arguments)
