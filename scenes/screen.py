"""From space to the picture's pixels, which count from its upper left corner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .layout import View, text_ascent, text_descent, text_width
from .story import Caption, Storyboard


class Screen:
    """What the storyboard's camera sees at a frame: ``scale`` pixels to a unit."""

    def __init__(self, board: Storyboard, frame: int = 1) -> None:
        camera = board.camera
        self.size = board.size
        self.view = View.along(camera.direction)
        target, width = camera.at(frame)
        self.scale = board.size[0] / width
        self.zoom = camera.width / width
        """How much larger the world is seen than in the first picture."""
        self.sides = np.array([abs(self.view.right).sum(), abs(self.view.up).sum()])
        """Half the width and height, on the screen, of a cube that reaches 1 to all sides."""
        self._middle = self.view.project(np.asarray(target))
        self.travelled = self._middle - self.view.project(np.asarray(camera.target))
        """How far the camera has come in its plane, in units."""

    def pixels(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where world points ``(..., 3)`` are seen: ``(..., 2)``, x and y."""
        return self.plane(self.view.project(points) - self._middle)

    def plane(self, spots: NDArray[np.floating]) -> NDArray[np.float64]:
        """The same for spots in the picture's plane, in units from its centre, y up."""
        return spots * np.array([self.scale, -self.scale]) + np.array(self.size) / 2.0


def said(board: Storyboard, caption: Caption, frame: int) -> str | None:
    """What a caption says at a frame."""
    if not caption.first <= frame <= caption.last:
        return None
    if "{step}" not in caption.body:
        return caption.body
    step = np.ceil(np.float32(board.step.at(frame)[0]) - np.float32(caption.first_step))
    return caption.body.replace("{step}", str(int(min(max(step, 1), caption.steps))))


def caption_box(caption: Caption, screen: Screen) -> NDArray[np.float64]:
    """The pixels that a caption covers at most: left, top, right, bottom."""
    body = caption.body.replace("{step}", str(caption.steps))
    wide = text_width(body) * caption.size
    left = caption.at[0] - {"left": 0.0, "center": 0.5, "right": 1.0}[caption.align] * wide
    low = caption.at[1] - text_descent(body) * caption.size
    corners = np.array([[left, caption.at[1] + text_ascent(body) * caption.size], [left + wide, low]])
    return screen.plane(corners - screen.travelled if caption.in_world else corners / screen.zoom).ravel()
