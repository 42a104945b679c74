"""The extension's way in: what Blender calls when it is switched on and off."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Sequence

from ..blender_addon import ui
from ..blender_addon.ui_preferences import cache_folder

SECONDS_TO_TIDY = 8


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


def attended(*arguments: str) -> int:
    """The same for a panel that listens: it ends, as if interrupted, once standard input does."""
    threading.Thread(target=_end_with_listener, daemon=True).start()
    return command(arguments)


def _end_with_listener() -> None:
    with os.fdopen(0, "rb", closefd=False) as standard_input:
        standard_input.read()
    for _ in range(SECONDS_TO_TIDY):
        _thread.interrupt_main(signal.SIGTERM)  # the command line may not be ready for it at first
        time.sleep(1.0)
    os._exit(1)
