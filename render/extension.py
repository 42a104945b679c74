"""The extension's way in: what Blender calls when it is switched on and off."""

from __future__ import annotations

from collections.abc import Sequence

from ..blender_addon import ui


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
    return cli.main(arguments)
