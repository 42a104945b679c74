"""Animated GIF of indexed frames: of every frame the rectangle that has changed, and in it no pixel that has not.

A pixel of a GIF can be painted over, but none can be wiped out alone: when an image is disposed of, the whole of its
rectangle is emptied, or shows again what it showed before. Where one sees through, and pixels are to vanish, an image
more is laid over them that paints nothing, and is emptied with what is below it; or, if that leaves less to be painted
next, everything is put back as it was. Source: GIF89a, sections 18, 20, 22, 23 and appendix F.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Indices = NDArray[np.uint8]
Area = tuple[slice, slice]
"""Rows and columns."""
KEEP, EMPTY, RESTORE = 1, 2, 3
"""What is done with an image when the next one comes: the format's disposal methods."""
SHORTEST, LONGEST = 2, 65_535
"""Hundredths of a second that one image can stay; viewers play one that asks for less much slower, at 10."""
FOR_EVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def write(file: IO[bytes], colors: NDArray[np.uint8], hole: int, frames: Iterable[tuple[Indices, int]]) -> None:
    """Write an animation that loops for ever.

    Args:
        file: what it is written to.
        colors: ``(n, 3)``, sRGB codes of up to 256 indices.
        hole: the index of what is not painted: there one sees through.
        frames: at least one; indices ``(height, width)`` and for how many hundredths of a second they are shown.
    """
    bits = max(2, (len(colors) - 1).bit_length())
    canvas: Indices | None = None
    for frame, hundredths, following in _held(frames):
        if canvas is None:
            canvas = np.full_like(frame, hole)
            height, width = frame.shape
            file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0 | bits - 1, hole, 0))
            file.write(colors.tobytes().ljust(3 << bits, b"\0") + FOR_EVER)
        images, left = _disposed(canvas, frame, following, hole, hundredths)
        for disposal, (rows, columns), stays in images:
            painted = np.where(canvas != frame, frame, np.uint8(hole))[rows, columns]
            file.write(b"\x21\xf9\x04" + struct.pack("<BHBB", disposal << 2 | 1, stays, hole, 0))
            file.write(b"," + struct.pack("<HHHHB", columns.start, rows.start, *painted.shape[::-1], 0))
            file.write(bytes([bits]) + Image.fromarray(painted).tobytes("gif", "L", bits, 0) + b"\0")
            canvas = frame
        canvas = left
    file.write(b";")


def _held(frames: Iterable[tuple[Indices, int]]) -> Iterator[tuple[Indices, int, Indices]]:
    """Every frame that differs from the one before it, how long it is shown, and the next one; at the end itself."""
    shown, stays = None, 0
    for frame, hundredths in frames:
        if shown is not None and (stays + hundredths > LONGEST or not np.array_equal(shown, frame)):
            yield shown, stays, frame
            stays = 0
        shown, stays = frame, stays + hundredths
    if shown is not None:
        yield shown, stays, shown


def _disposed(
    canvas: Indices, frame: Indices, following: Indices, hole: int, hundredths: int
) -> tuple[list[tuple[int, Area, int]], Indices]:
    """The images of a frame - how each is disposed of, where it is, how long it stays - and what they leave behind."""
    changed = canvas != frame
    vanishing = (frame != hole) & (following == hole)
    painted, wiped, whole = map(_bounds, (changed, vanishing, changed | vanishing))
    if not vanishing.any():
        return [(KEEP, painted, hundredths)], frame
    images = [(KEEP, painted, hundredths - SHORTEST), (EMPTY, wiped, SHORTEST)]
    if wiped == whole or hundredths < 2 * SHORTEST:  # there is no need of an image more, or no time for it
        wiped, images = whole, [(EMPTY, whole, hundredths)]
    left = frame.copy()
    left[wiped] = hole
    restorable = not (canvas[following == hole] != hole).any()
    if restorable and np.count_nonzero(canvas != following) < np.count_nonzero(left != following):
        return [(RESTORE, painted, hundredths)], canvas
    return images, left


def _bounds(mask: NDArray[np.bool_]) -> Area:
    """Rows and columns of the smallest rectangle around all that is True; of one pixel, if nothing is."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
