"""What a process does when it is asked to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def answered(answer: Callable[[int, object], object]) -> Iterator[None]:
    """Ctrl-C and SIGTERM, unless they are ignored, call this with their number instead of what they did before.

    Python allows that in its main thread only: in others it changes nothing.
    """
    in_charge = threading.current_thread() is threading.main_thread()
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if in_charge}
    before = {number: handler for number, handler in found.items() if handler not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, answer)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
