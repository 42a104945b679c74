"""Tracks become F-curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..scenes.story import Track
from .compat import new_fcurve

_INTERPOLATION = {"constant": "CONSTANT", "linear": "LINEAR", "cubic": "CUBIC"}


def keyframe(data: Any, data_path: str, track: Track) -> None:
    """Animate a property (one F-curve per component) so that it equals ``track.at(frame)`` at every frame."""
    components = track.values.shape[1]
    for component in range(components):
        curve = new_fcurve(data, data_path, component if components > 1 else -1)
        points = curve.keyframe_points
        points.add(len(track.frames))
        points.foreach_set("co", np.stack([track.frames, track.values[:, component]], axis=1).ravel())
        _set(points, "interpolation", [_INTERPOLATION[e] for e in track.eases])
        _set(points, "easing", ["EASE_IN_OUT"] * len(track.frames))
        curve.update()


def show_between(obj: Any, first: int, last: int, frames: int, viewport: bool = True) -> None:
    """Show an object on frames ``first..last`` only, in renders and, unless it is none for that, in the viewport."""
    obj.hide_viewport = not viewport
    hidden = [(1, first > 1)]
    if first > 1:
        hidden.append((first, False))
    if last < frames:
        hidden.append((last + 1, True))
    if not any(value for _, value in hidden):
        return
    track = Track(
        np.array([f for f, _ in hidden], float),
        np.array([v for _, v in hidden], float)[:, None],
        ("constant",) * len(hidden),
    )
    if viewport:
        keyframe(obj, "hide_viewport", track)
    keyframe(obj, "hide_render", track)


def _set(points: Any, field: str, names: list[str]) -> None:
    """Set an enumeration on all keys at once: arrays take the numbers behind the names."""
    items = points[0].bl_rna.properties[field].enum_items
    numbers = {name: items[name].value for name in set(names)}
    points.foreach_set(field, np.array([numbers[name] for name in names], np.int32))
