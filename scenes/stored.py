"""Numbers from a file beside a scene: an array of an .npz, as numpy.savez writes it. Nothing in it is ever run."""

from __future__ import annotations

import errno
import math
import stat
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from .errors import SceneError

MAX_BYTES = 64_000_000
"""Of such a file."""
MAX_NUMBERS = 2**22
"""Of an array in it."""
MOST_NAMED = 12
"""Arrays that an error proposes."""


def content_of(path: Path, most: int, what: str) -> bytes:
    """All of a file, which is a ``what`` and has no more than ``most`` bytes. SceneError if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise OSError(errno.EINVAL, "it is no regular file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror if isinstance(error, OSError) else None
        raise SceneError(f"{path}: cannot be read: {(reason or ' '.join(str(error).split())).lower()}") from None
    if len(data) > most:
        raise SceneError(f"{path}: is larger than {most:,} bytes, which no {what} is")
    return data


def stored(path: Path, name: str, shape: Sequence[int]) -> list[Any]:
    """The array of this name and shape as nested lists, as if they were written in the scene file.

    SceneError if there is no such file or array, or if it does not hold finite numbers of exactly this shape. That is
    known before the array is read: a few bytes of a packed file may claim to be terabytes.
    """
    data = content_of(path, MAX_BYTES, "file of numbers")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = [member.removesuffix(".npy") for member in archive.namelist() if member.endswith(".npy")]
            if name in names:
                with archive.open(f"{name}.npy") as member:
                    return _array(member, path, name, tuple(shape))
    except SceneError:
        raise
    except zipfile.BadZipFile as error:
        if zipfile.is_zipfile(BytesIO(data)):
            raise _damaged(path, name, error) from None
        raise SceneError(f"{path}: is no .npz, or not a whole one; allowed: what numpy.savez writes") from None
    except Exception as error:  # who unpacks and parses raises whatever it likes: zlib.error, EOFError, ValueError, ...
        raise _damaged(path, name, error) from None
    known = ", ".join(_plain(known) for known in names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
    raise SceneError(f"{path}: has no array {_plain(name)}; allowed: {known or 'none, it is empty'}")


def _array(member: IO[bytes], path: Path, name: str, shape: tuple[int, ...]) -> list[Any]:
    """Read an .npy of this shape."""
    if npy.read_magic(member) != (1, 0):  # any other is written for structured arrays only
        raise ValueError("its header is not of version 1.0")
    found, in_columns, dtype = npy.read_array_header_1_0(member)
    if dtype.kind not in "iuf":
        what = "Python objects" if dtype.hasobject else _plain(str(dtype))
        raise SceneError(f"{path}: {_plain(name)} holds {what}; allowed: whole or floating-point numbers")
    if found != shape or math.prod(shape) > MAX_NUMBERS:
        few = f", {MAX_NUMBERS:,} numbers at most" if math.prod(shape) > MAX_NUMBERS else ""
        raise SceneError(f"{path}: {_plain(name)} is {_size(found)}; allowed: {_size(shape)}{few}")
    data = member.read(math.prod(shape) * dtype.itemsize)
    values = np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")
    if member.read(1):
        raise ValueError("it goes on behind its last number")
    if not np.isfinite(values).all():
        raise SceneError(f"{path}: {_plain(name)} has NaN or infinite values; allowed: finite numbers")
    return values.astype(float).tolist()


def _damaged(path: Path, name: str, error: Exception) -> SceneError:
    return SceneError(f"{path}: {_plain(name)} is damaged: {' '.join(str(error).split())[:100] or 'it ends too early'}")


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))[:60] or "a single number"


def _plain(name: str) -> str:
    """A name from a file as it can be printed, which a terminal does not obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:60]
