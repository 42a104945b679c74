"""An animation that plays again and again: its end leads back to its beginning.

A frame goes by the name of what it shows, which can be hashed; names of one picture are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Any

from ..scenes.pacing import RETURN_SECONDS
from . import pictures
from .pictures import Pixels

LOOPS = (".gif", ".webp")
"""What is played for ever; a video ends, and is to end on its result."""
MOST_SHARE = 0.25
"""So much of the time in which the last picture is held is for the way back, at the most."""


@dataclass(frozen=True)
class Fade:
    """A picture on the way from one to another: ``share`` of the way is behind it, more than 0 and less than 1."""

    start: Any
    end: Any
    share: float


def returning(names: Sequence[Any], fps: float) -> list[Any]:
    """The frames, of which the last ones fade into the first: no more than a part of those that are held at the end."""
    last = names[-1]
    held = sum(1 for _ in takewhile(lambda name: name == last, reversed(names)))
    count = 0 if held == len(names) else min(round(RETURN_SECONDS * fps), int(MOST_SHARE * held))
    ways = ((i + 1) / (count + 1) for i in range(count))
    fades = (Fade(last, names[0], way * way * (3.0 - 2.0 * way)) for way in ways)
    return [*names[: len(names) - count], *fades]


def reader(read: Callable[[Any], Pixels]) -> Callable[[Any], Pixels]:
    """Reads fades, too: by way of ``read``, which is asked once for each of their ends."""
    kept = lru_cache(maxsize=2)(read)

    def picture(name: Any) -> Pixels:
        if isinstance(name, Fade):
            return pictures.mixed(kept(name.start), kept(name.end), name.share)
        return read(name)

    return picture
