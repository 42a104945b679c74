"""How the command starts: what it is made of takes a second to import, and Ctrl-C must end it as politely then."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the command; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) not in (None, signal.SIG_IGN):
            signal.signal(number, _leave)
    from .cli import main

    return main()


def _leave(number: int, _: object) -> None:
    """There is nothing to tidy up yet; an exception might come to light in the middle of any import."""
    os.write(2, b"convmotion: interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
