"""From space to the picture's pixels, which count from its upper left corner."""

from __future__ import annotations

import itertools
from math import inf

import numpy as np
from numpy.typing import NDArray

from .captions import count
from .layout import Eye, View, text_ascent, text_descent, text_width
from .story import Caption, Storyboard

_CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))


class Screen:
    """What the storyboard's camera sees at a frame: ``scale`` pixels to a unit, at the target's distance."""

    def __init__(self, board: Storyboard, frame: int = 1) -> None:
        camera = board.camera
        self.size = board.size
        self.view = View.along(camera.looks(frame))
        target, width = camera.at(frame)
        self.eye = Eye(self.view, np.asarray(target), inf if camera.distance is None else camera.distance)
        self.scale = board.size[0] / width
        self.zoom = camera.width / width
        """How much larger the world is seen than in the first picture."""
        self.travelled = self.view.project(np.asarray(target)) - self.view.project(np.asarray(camera.target))
        """How far the camera has come in its plane, in units."""

    def pixels(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where world points ``(..., 3)`` are seen: ``(..., 2)``, x and y."""
        return self.plane(self.eye.seen(points))

    def plane(self, spots: NDArray[np.floating]) -> NDArray[np.float64]:
        """The same for spots in the picture's plane, in units from its centre, y up."""
        return spots * np.array([self.scale, -self.scale]) + np.array(self.size) / 2.0

    def reach(self, points: NDArray[np.floating], half: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """How far cubes around points ``(n, 3)``, of half that width, reach to both sides, and up and down: pixels.

        Or boxes, if that is ``(n, 3)``, along x, y, z; seen from infinitely far.
        """
        if np.ndim(half) == 2:
            return half @ abs(np.stack([self.view.right, self.view.up], axis=1)) * self.scale
        if self.eye.distance == inf:
            sides = np.array([abs(self.view.right).sum(), abs(self.view.up).sum()])
            return np.asarray(half)[..., None] * sides * self.scale
        corners = points[:, None] + np.broadcast_to(half, len(points))[:, None, None] * _CORNERS
        return abs(self.pixels(corners) - self.pixels(points)[:, None]).max(axis=1, initial=0.0)


def said(board: Storyboard, caption: Caption, frame: int) -> str | None:
    """What a caption says at a frame."""
    if not caption.first <= frame <= caption.last:
        return None
    if "{step}" not in caption.body:
        return caption.body
    step = np.ceil(np.float32(board.step.at(frame)[0]) - np.float32(caption.first_step))
    return caption.body.replace("{step}", count(int(min(max(step, 1), caption.steps))))


def caption_corners(caption: Caption) -> NDArray[np.float64]:
    """The upper left and the lower right corner of what a caption covers at most, in units from where it is put."""
    body = caption.body.replace("{step}", count(caption.steps))
    wide = text_width(body)
    left = -{"left": 0.0, "center": 0.5, "right": 1.0}[caption.align] * wide
    return np.array([[left, text_ascent(body)], [left + wide, -text_descent(body)]]) * caption.size


def plate_corners(caption: Caption) -> NDArray[np.float64]:
    """The same of what it hides of what passes behind it."""
    return caption_corners(caption) + caption.halo * np.array([[-1.0, 1.0], [1.0, -1.0]])


def caption_box(caption: Caption, screen: Screen) -> NDArray[np.float64]:
    """The pixels that a caption covers at most: left, top, right, bottom."""
    corners = caption.at + caption_corners(caption)
    if caption.anchor is not None:
        return screen.plane(corners + screen.eye.seen(np.array(caption.anchor))).ravel()
    return screen.plane(corners - screen.travelled if caption.in_world else corners / screen.zoom).ravel()
