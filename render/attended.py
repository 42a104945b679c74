"""The command line for someone who listens, as the panel does: it ends, as if interrupted, once standard input does."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time

from . import cli, encode

SECONDS_TO_TIDY = 8


def main(*arguments: str) -> int:
    """Run the command; its exit code."""
    if hasattr(signal, "SIGPIPE"):  # what is told to nobody must not end this before it has tidied up
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    threading.Thread(target=_end_with_listener, daemon=True).start()
    encode.let_run()
    return cli.main(arguments)


def _end_with_listener() -> None:
    while os.read(0, 4096):
        pass
    for _ in range(SECONDS_TO_TIDY):
        _thread.interrupt_main(signal.SIGTERM)  # the command line may not be ready for it at first
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
