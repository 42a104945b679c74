"""A queue for all renders of a machine: however many are started at once, its cores and its memory are enough for them.

A slot is a lock on a file: the system gives it back when its holder ends, however that ends.
"""

from __future__ import annotations

import errno
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .store import default_folder

POLL_SECONDS = 0.2
HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
"""What the systems say of a lock that another one holds."""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def slots_folder() -> Path:
    """Where this machine's locks are: in the cache folder, which several machines may share."""
    return default_folder() / "slots" / (platform.node() or "here")


@dataclass(frozen=True)
class Slots:
    """``count`` equal shares of a machine: each is a file in ``folder``, and one more says who is next."""

    folder: Path
    count: int

    @contextmanager
    def taken(self, least: int, most: int, waiting: Callable[[], object] = lambda: None) -> Iterator[int]:
        """Hold what is free, ``most`` slots and not less than ``least``, for as long as the context lasts; how many.

        ``waiting`` is called once if they are not free yet. Whoever needs several holds none while others wait behind
        it, but all that it has found, so that nobody waits in a circle. Where files cannot be locked nobody waits.
        """
        most = max(1, min(most, self.count))
        least = max(1, min(least, most))
        told = False
        with ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with ExitStack() as first_in_line:
                    got, front = 0, False
                    while got < least:
                        front = front or self._take("next", first_in_line)
                        if front:
                            got = self._gather(held, got, most)
                        if got < least:
                            if not told:
                                waiting()
                                told = True
                            time.sleep(POLL_SECONDS)
            except OSError:
                got = most
            yield got

    def _gather(self, held: ExitStack, got: int, most: int) -> int:
        """Take what is free, beside the ``got`` that are held; how many that makes."""
        for number in range(self.count):
            if got < most and self._take(str(number), held):
                got += 1
        return got

    def _take(self, name: str, held: ExitStack) -> bool:
        """Lock a file until ``held`` ends, if nobody else holds it. OSError where that cannot be."""
        file = (self.folder / f"{name}.lock").open("ab")
        try:
            _lock(file)
        except OSError as error:
            file.close()
            if error.errno in HELD:
                return False
            raise
        except BaseException:
            file.close()
            raise
        held.callback(file.close)
        return True


def share_of(needed: int, memory: int | None, count: int) -> int:
    """How many of ``count`` slots a process takes that needs so many bytes of the machine's ``memory``."""
    return 1 if memory is None else max(1, min(count, -(-needed * count // memory)))
