"""How cells fly past what stands beside their way: they swerve away from the viewer and pass behind it.

What flies straight would cover other channels, filters or pictures for a moment, and their numbers with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .layout import Placed, View
from .plan import Plan

SWERVES = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""How far, in units, flights may be from the straight way in its middle."""
WORTH = 0.0025
"""For each unit farther this share of all looks at them may find one before something: a wide arc is hard to follow."""
FOLLOWED = 64
"""So many flights of those that begin together are looked at: their neighbours pass where they do."""
BESIDE = 0.28
"""Half the width of a cell that flies: so near beside a thing it covers some of that."""
LANDING = 1.0
"""So near its end, in units, a flight is where it is to be."""
_SHARES = np.linspace(0.0, 1.0, 21)[1:-1, None, None]


def swerve(plan: Plan, origin: NDArray[np.floating], end: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """How far (n, 3) flights between these places (n, 3) are to be from the straight way in its middle; None: not at
    all. All go the same way, side by side, and none rises over the heading."""
    flies = (origin != end).any(axis=1)
    flying = np.flatnonzero(flies)
    if not len(flying):
        return None
    view, (low, high) = plan.frame.view, blocks_of(plan.frame.placed)
    away = view.forward * (1.0, 1.0, 0.0)
    away /= np.linalg.norm(away)
    chosen = flying[np.linspace(0, len(flying) - 1, min(len(flying), FOLLOWED)).astype(int)]
    straight = origin[chosen] + (end - origin)[chosen] * _SHARES
    rises = (origin[flying] @ view.up) * (1.0 - _SHARES[..., 0]) + (end[flying] @ view.up) * _SHARES[..., 0]
    height = rises.max(axis=1) + BESIDE * abs(view.up).sum()

    def cost(far: float) -> float:
        bow = 4.0 * _SHARES * (1.0 - _SHARES) * far * away
        if far and (height + (bow @ view.up)[:, 0]).max() > plan.ceiling:
            return np.inf
        under_way = np.linalg.norm(straight + bow - end[chosen], axis=-1) >= LANDING
        looks = under_way.size
        return covers(view, (straight + bow)[under_way], low, high) + WORTH * looks * far

    far = min(SWERVES, key=cost)
    return flies[:, None] * far * away if far else None


def blocks_of(things: Sequence[Placed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and the highest corner of each of their blocks that are drawn, (m, 3)."""
    lows, highs = [], []
    for placed in things:
        channels, rows, columns = placed.item.dims
        base = placed.base[placed.item.elision.drawn_blocks()]
        lows.append(base + np.array([-0.5, -0.5, 0.5 - rows]))
        highs.append(base + np.array([columns - 0.5, channels - 0.5, 0.5]))
    return np.concatenate(lows), np.concatenate(highs)


def covers(view: View, place: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> int:
    """How often something at these places (n, 3) is before a box (m, 3): what is in one is hidden by it."""
    beside = BESIDE * np.array([1.0, 0.0, 1.0])
    planes = np.stack([low - beside - place[:, None], high + beside - place[:, None]]) / view.forward
    enter, leave = planes.min(axis=0).max(axis=-1), planes.max(axis=0).min(axis=-1)
    return int(np.count_nonzero((enter < leave) & (enter > 0.0)))
