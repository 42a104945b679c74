"""A contact sheet: some moments of an animation in one picture, to be looked over at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..scenes import Storyboard
from .pictures import Pixels

COLUMNS = 3
GAP = 4
"""Pixels between two moments."""


def moments(board: Storyboard, frames: range) -> list[int]:
    """Some of the ``frames``, in order: title, a step in slow motion under way, and done, two on the way, the end.

    Those two are the first steps that are done when a third and two thirds of the time from there have passed.
    """
    settled, slow = board.settled, board.slow
    begins = float(settled[slow - 1] if slow else board.step.frames[0])
    thirds = np.linspace(settled[slow], settled[-1], 4)[1:-1]
    wanted = [
        1.0,
        (begins + settled[slow]) / 2,
        settled[slow],
        *settled[np.searchsorted(settled, thirds)],
        board.frames,
    ]
    return sorted({min(max(round(float(frame)), frames.start), frames.stop - 1) for frame in wanted})


def laid_out(shown: Sequence[Pixels]) -> Pixels:
    """Pictures of one size as one, row by row; black, or nothing if they have alpha, between them."""
    height, width, channels = shown[0].shape
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    sheet = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), np.uint8)
    for number, picture in enumerate(shown):
        row, column = divmod(number, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet
