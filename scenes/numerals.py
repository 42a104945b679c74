"""Numbers on cells: in which characters, how large, in which ink, and on which cells they can be read."""

from __future__ import annotations

import math
from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from .palette import ink_on
from .story import ALWAYS, Numbers

MINUS = "−"
GLYPHS = f"0123456789.{MINUS}e"
"""All characters that numbers on cells are written in."""
CHARACTERS, DECIMALS = 4, 2
"""A number has no more than these, its point and its minus included; only beyond 1e10 in size."""
LONG = 1e7
"""From here on numbers in words are told in three digits and a power of ten."""
HEIGHT, ROOM = 0.6, 0.8
"""In cells: how high a digit is at most, how wide a number may be on the flat part of a cube's front."""
ROOM_IN_COLUMN = 0.66
"""The same where a frame around the column beside it stands before its edges."""
HEIGHT_ALONE = 0.7
"""How high a digit is at most where no window stands on the row above, whose lower bars would cover it."""
NARROWEST = 0.64
"""Long numbers are narrowed before they are made smaller, to no less than this part of their width."""
LEGIBLE, NARROW, POINTED = 5.0, 4.3, 5.5
"""Pixels: digits that would be lower are not written, nor narrowed ones no wider than digits that are not so high or,
where there are points among them, not so high."""
SMALL = 12.0
"""Pixels: digits that would be lower are fewer and larger, those of numbers that are rounded anyway."""
_WIDTHS = {".": 0.38, MINUS: 0.46, "e": 0.79}
_DIGIT_WIDTH = 0.81


def rounded(value: float, form: str) -> str:
    """A number in this format; one half-way between two is rounded up, as schools teach: 4.125 is ``4.13``."""
    with localcontext() as context:
        context.rounding = ROUND_HALF_UP
        return f"{Decimal(float(value)):{form}}"


def short(value: float) -> str:
    """A finite number in four characters: ``12``, ``−3.5``, ``0.33``, ``2e5``.

    A whole number is written as one. Any other is rounded to the decimals that there is room for, two at most, but none
    is added to an exact one: 0.5 is ``0.5``, and 1/3 is ``0.33``. What is too long without decimals is rounded to one
    digit and a power of ten.
    """
    texts = [text for decimals in range(DECIMALS + 1) if len(text := rounded(value, f".{decimals}f")) <= CHARACTERS]
    if not texts:
        digit, exponent = rounded(value, ".0e").split("e")
        return f"{digit}e{int(exponent)}".replace("-", MINUS, 1)
    text = next((text for text in texts if math.isclose(float(text), value, rel_tol=0.0, abs_tol=1e-9)), texts[-1])
    return text.replace("-", MINUS if float(text) else "")


def told(value: float) -> str:
    """A number in words: with two decimals at most, and no more than it needs."""
    if abs(value) >= LONG:
        return f"{float(rounded(value, '.2e')):.3g}".replace("-", MINUS, 1)
    text = rounded(value, f".{DECIMALS}f").rstrip("0").rstrip(".")
    return text.replace("-", MINUS if float(text) else "")


def shorts(values: NDArray[np.float64]) -> list[str]:
    """The same for many ``(n,)``, of which most are equal to others."""
    different, which = np.unique(values, return_inverse=True)
    texts = [short(value) for value in different.tolist()]
    return [texts[i] for i in which.tolist()]


def rougher(value: float) -> float:
    """A number as it is or, where four characters only come near it, in two digits: 35.36 is 35, and 4.77 is 4.8."""
    exact = math.isclose(float(short(value).replace(MINUS, "-")), value, rel_tol=0.0, abs_tol=1e-9)
    return value if exact or not 1.0 <= abs(value) < 100.0 else float(rounded(value, ".1e"))


def width(text: str) -> float:
    """How wide a number is at most, in heights of a digit."""
    return sum(_WIDTHS.get(character, _DIGIT_WIDTH) for character in text)


def digit_height(texts: Collection[str], most: float = HEIGHT) -> float:
    """How high digits are, in cells, so that the widest of the numbers has room: one size for a tensor looks calm."""
    return min(most, ROOM / (NARROWEST * max(map(width, texts))))


def narrowed(texts: Collection[str], size: float, room: float = ROOM) -> NDArray[np.float32]:
    """How narrow the digits of each number are, (n,), if they are so high: 1 where it has room as it is."""
    return np.minimum(1.0, room / (size * np.array(list(map(width, texts))))).astype(np.float32)


def legible(texts: Collection[str], size: float) -> float:
    """How many pixels high the digits of numbers have to be to be read, if they are so high in cells."""
    least = POINTED if any("." in text for text in texts) else NARROW
    return max(LEGIBLE, least / float(narrowed(texts, size).min()))


def numbers_on(
    values: NDArray[np.float64],
    color: NDArray[np.floating],
    front: NDArray[np.bool_],
    scale: float,
    first: float = ALWAYS,
    last: float | None = None,
    most: float = HEIGHT,
    room: float = ROOM,
) -> tuple[Numbers, ...]:
    """What is written on cells, none where it could not be read.

    Args:
        values: of all cells of a tensor, (n,).
        color: as what the cells' fronts are seen, (n, 3) linear RGB.
        front: whose fronts are seen, (n,).
        scale: pixels to a cell.
        first, last: the steps after which the numbers are seen, and are no longer.
        most, room: how high digits are at most, and how wide a number, in cells.
    """
    cell = np.flatnonzero(front & np.isfinite(values))
    if not len(cell):
        return ()
    own = np.ascontiguousarray(values[cell], np.float64)
    texts = shorts(own)
    size = digit_height(set(texts), most)
    if size * scale < SMALL:
        own = np.array([rougher(value) for value in own.tolist()])
        texts = shorts(own)
        size = digit_height(set(texts), most)
    if size * scale < legible(texts, size):
        return ()
    ink = np.ascontiguousarray(ink_on(color[cell]), np.float32)
    return (Numbers(cell.astype(np.int64), own, ink, size, narrowed(texts, size, room), first, last),)
