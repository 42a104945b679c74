"""Patches: the parts of a picture that differ from the one before it. A whole picture is a patch over an empty one."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..scenes.changes import Rectangle
from .errors import RenderError
from .pictures import Pixels

ENDING = ".patch"
LEVEL = 1
"""Of compression: quick, as every patch is written and read once."""

Part = tuple[Rectangle, Pixels]


def packed(parts: Sequence[Part]) -> bytes:
    """A file: a line of JSON with the rectangles, their pixels one after another (zlib), a check sum of all that."""
    channels = parts[0][1].shape[2] if parts else 0
    head = json.dumps({"channels": channels, "rectangles": [rectangle for rectangle, _ in parts]}).encode()
    data = head + b"\n" + zlib.compress(b"".join(pixels.tobytes() for _, pixels in parts), LEVEL)
    return data + zlib.crc32(data).to_bytes(4, "big")


def intact(data: bytes) -> bool:
    """Whether no byte is missing or changed."""
    return len(data) > 4 and zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "big")


def unpacked(data: bytes) -> list[Part] | None:
    """The parts again; None if a byte is missing or changed."""
    if not intact(data):
        return None
    head, _, body = data[:-4].partition(b"\n")
    told, pixels, at = json.loads(head), np.frombuffer(zlib.decompress(body), np.uint8), 0
    parts: list[Part] = []
    for left, top, right, bottom in told["rectangles"]:
        shape = (bottom - top, right - left, told["channels"])
        parts.append(((left, top, right, bottom), pixels[at : at + math.prod(shape)].reshape(shape)))
        at += math.prod(shape)
    return parts


def write(parts: Sequence[Part], path: Path) -> None:
    """Write a patch. The file appears under its name only once it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(packed(parts))
    os.replace(partial, path)


def read(path: Path) -> list[Part]:
    """Raises RenderError if the file is no patch."""
    parts = unpacked(path.read_bytes())
    if parts is None:
        raise RenderError(f"cannot read the frame {path}: it is damaged")
    return parts


def apply(picture: Pixels, parts: Iterable[Part]) -> None:
    """Lay the parts on a picture, in place."""
    for (left, top, right, bottom), pixels in parts:
        picture[top:bottom, left:right] = pixels
