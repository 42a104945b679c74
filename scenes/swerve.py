"""How cells fly past what stands beside their way: they swerve away from the viewer and pass behind it.

What flies straight would cover other channels, filters or pictures for a moment, and their numbers with them. Those of
which words tell are to be followed by eye: they fly around it, in sight all the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .layout import Placed, View
from .plan import Plan
from .screen import plate_corners
from .typeset import labels, marks

SWERVES = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""How far, in units, flights may be from the straight way in its middle."""
WORTH = 0.0025
"""For each unit farther this share of all looks at them may find one before something: a wide arc is hard to follow."""
FOLLOWED = 25
"""So many flights of those that begin together are looked at: their neighbours pass where they do."""
BESIDE = 0.28
"""Half the width of a cell that flies: so near beside a thing it covers some of that."""
LANDING = 1.0
"""So near its end, in units, a flight is where it is to be; and so near its beginning it comes out of something."""
HIDDEN = 4.0
"""As bad as so many looks that find it before something is one that does not find it where it is to be seen, or finds
it behind words."""
UNTOLD = -1
"""Of flights of which no words tell."""
_SHARES = np.linspace(0.0, 1.0, 21)[1:-1, None, None]


def swerve(
    plan: Plan, origin: NDArray[np.floating], end: NDArray[np.floating], told: NDArray[np.integer] | int = UNTOLD
) -> NDArray[np.float64] | None:
    """How far (n, 3) flights between these places (n, 3) are to be from the straight way in its middle; None: not at
    all. Those of one step of which words tell (n,) go the same way, side by side, within the picture; so do all those
    that are ``UNTOLD``."""
    flies = (origin != end).any(axis=1)
    bow, told = np.zeros((len(flies), 3)), np.broadcast_to(told, len(flies))
    for step in np.unique(told[flies]):
        mine = flies & (told == step)
        bow[mine] = _bow(plan, origin[mine], end[mine], step != UNTOLD)
    return bow if bow.any() else None


def _bow(plan: Plan, origin: NDArray[np.floating], end: NDArray[np.floating], seen: bool) -> NDArray[np.float64]:
    """The same (3,) of flights that go side by side; whether they are to be ``seen`` all the way."""
    view, (low, high) = plan.frame.view, blocks_of(plan.frame.placed)
    chosen = np.linspace(0, len(origin) - 1, min(len(origin), FOLLOWED)).astype(int)
    straight = origin[chosen] + (end - origin)[chosen] * _SHARES
    sides = np.stack([view.right, view.up])
    first, last = origin @ sides.T, end @ sides.T
    bounds = np.array(
        [(at.min(axis=0), at.max(axis=0)) for u in _SHARES.ravel() for at in [first + (last - first) * u]]
    )
    beside = BESIDE * abs(sides).sum(axis=1)
    bounds += np.array([[-1.0], [1.0]]) * beside
    plates = plates_of(plan) + np.concatenate([-beside, beside])
    away = view.forward * (1.0, 1.0, 0.0)
    ways = [far * away / np.linalg.norm(away) for far in SWERVES]
    if seen:
        onward = (last - first).mean(axis=0)
        aside = np.array([-onward[1], onward[0]]) @ sides / max(float(np.linalg.norm(onward)), LANDING)
        ways = [far * way - near * view.forward for far in SWERVES for way in (aside, -aside) for near in SWERVES]

    looks = straight.shape[0] * straight.shape[1]
    best, least = ways[0], np.inf
    for way in sorted(ways, key=np.linalg.norm):
        part, far = 4.0 * _SHARES * (1.0 - _SHARES) * way, WORTH * float(np.linalg.norm(way))
        if far * looks >= least or (way.any() and not plan.has_room(bounds + part @ sides.T)):
            continue
        place = straight + part
        under_way = np.linalg.norm(place - end[chosen], axis=-1) >= LANDING
        out = under_way & (np.linalg.norm(place - origin[chosen], axis=-1) >= LANDING)
        before, behind = covers(view, place, low, high)
        cost = before[under_way].sum() + seen * HIDDEN * behind[out].sum() + far * looks
        cost += HIDDEN * within(place[under_way] @ sides.T, plates)
        if cost < least:
            best, least = way, cost
    return best


def plates_of(plan: Plan) -> NDArray[np.float64]:
    """What the words at things hide of what passes behind them, along the picture's right and its up: from left and
    below to right and above, (k, 4)."""
    words = [caption for caption in (*labels(plan), *marks(plan)) if caption.anchor is None]
    corners = [plan.frame.center + caption.at + plate_corners(caption) for caption in words]
    return np.array([(left, low, right, high) for (left, high), (right, low) in corners]).reshape(-1, 4)


def within(at: NDArray[np.float64], plates: NDArray[np.float64]) -> int:
    """How many of these places (n, 2) are in any of the plates (k, 4)."""
    at = at[:, None]
    return int(np.count_nonzero(((at > plates[:, :2]) & (at < plates[:, 2:])).all(axis=2).any(axis=1)))


def blocks_of(things: Sequence[Placed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and the highest corner of each of their blocks that are drawn, (m, 3)."""
    lows, highs = [], []
    for placed in things:
        channels, rows, columns = placed.item.dims
        base = placed.base[placed.item.elision.drawn_blocks()]
        lows.append(base + np.array([-0.5, -0.5, 0.5 - rows]))
        highs.append(base + np.array([columns - 0.5, channels - 0.5, 0.5]))
        if placed.item.biased:
            middle = placed.biases(placed.item.elision.drawn_blocks())
            lows.append(middle - placed.item.pitch / 2.0)
            highs.append(middle + placed.item.pitch / 2.0)
    return np.concatenate(lows), np.concatenate(highs)


def covers(
    view: View, place: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of places (..., 3): before how many of these boxes (m, 3) they are, covering some of each; and behind or in how
    many, which hide them."""
    beside = BESIDE * np.array([1.0, 0.0, 1.0])
    enter, leave = -np.inf, np.inf
    for axis, forward in enumerate(view.forward):
        sides = [(side[:, axis] - place[..., axis, None]) / forward for side in (low - beside, high + beside)]
        enter, leave = np.maximum(enter, np.minimum(*sides)), np.minimum(leave, np.maximum(*sides))
    meets = enter < leave
    return np.count_nonzero(meets & (enter > 0.0), axis=-1), np.count_nonzero(meets & (enter <= 0.0), axis=-1)
