"""A scene becomes a Storyboard."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..conv_math import MaxUnpool2d, Move
from . import palette
from .captions import count, torch_call
from .cells import cells_of
from .cone import cone_cells, cone_lines, cone_movers
from .contents import Contents
from .counts import count_frames
from .errors import SceneError
from .layout import DIRECTION
from .lines import all_lines
from .motion import all_movers, all_outlines
from .overview import Overview, overview_board
from .plan import Plan
from .scenefile import Scene
from .story import Camera, Storyboard, vector
from .typeset import all_captions

MAX_CELLS = 5_000_000
MAX_STEPS = 5_000_000
MAX_CHANNELS = 100_000
MAX_FRAMES = 216_000
"""An hour at 60 frames a second."""


def compose(
    scene: Scene | Overview,
    size: tuple[int, int] = (854, 480),
    fps: float = 30.0,
    language: str = "en",
    theme: str | None = None,
    all_cells: bool = False,
    transparent: bool = False,
) -> Storyboard:
    """Compose the whole animation.

    Args:
        scene: what to show; of a network's overview the blocks, and then the scene that it dives into.
        size: width and height of the picture in pixels: it decides how things are arranged.
        fps: frames a second.
        language: "en" or "zh".
        theme: overrides the scene's own.
        all_cells: draw every cell of the tensors; otherwise big ones are elided.
        transparent: with nothing behind the things and the words, as a layer for a slide.

    Raises:
        SceneError: the scene has an operation that is not drawn, or more cells, steps, channels or frames than can be.
    """
    if isinstance(scene, Overview):
        dive = scene.dive and compose(scene.dive, size, fps, language, theme, all_cells, transparent)
        surroundings = palette.THEMES[theme or (scene.dive.look.theme if scene.dive else "light")]
        board = overview_board(scene, size, fps, language, surroundings, transparent, dive)
        _check_frames(scene.source, board.frames)
        return board
    contents = Contents(scene, all_cells)
    for stage in contents.stages:
        if isinstance(stage.op, MaxUnpool2d) and (contents.batch or 1) > 1:
            raise SceneError(f"{scene.source}: stage {stage.number}: {torch_call(stage.told)} cannot be drawn yet")
    _check_size(contents)
    _check_frames(scene.source, count_frames(scene, fps))
    plan = Plan(contents, size, fps, language, palette.THEMES[theme or scene.look.theme])
    frame = plan.frame
    target, distance = frame.view.on_wall(float(frame.center[0]), float(frame.center[1])), None
    if frame.eyes:
        target = frame.eyes[0].target
        distance = frame.eyes[0].distance if math.isfinite(frame.eyes[0].distance) else None
    camera = Camera(
        DIRECTION,
        vector(target),
        frame.width,
        frame.height,
        plan.time.camera_track(target),
        frame.band,
        distance,
        plan.time.turn_track(),
        band_until=plan.time.band_until,
    )
    settled = plan.time.settled()
    return Storyboard(
        title=plan.told.title,
        theme=plan.theme.name,
        language=language,
        size=plan.size,
        fps=plan.fps,
        frames=plan.time.frames,
        steps=plan.time.steps,
        step=plan.time.step_track(),
        cells=(*cells_of(plan), *cone_cells(plan)),
        movers=(*all_movers(plan), *cone_movers(plan)),
        lines=(*all_lines(plan), *cone_lines(plan)),
        captions=tuple(all_captions(plan)),
        outlines=tuple(all_outlines(plan)),
        camera=camera,
        floor=frame.floor,
        poster=_poster(plan, settled),
        settled=settled,
        slow=plan.time.slow,
        transparent=transparent,
    )


def _poster(plan: Plan, settled: NDArray[np.float64]) -> int:
    """The frame that tells most: a little after the middle; the last one where that has the way back on it."""
    if plan.time.traced:
        return plan.time.frames
    return max(1, min(plan.time.frames, round(float(settled[int(0.55 * (plan.time.steps - 1))]))))


def _check_frames(source: str, frames: int) -> None:
    if frames > MAX_FRAMES:
        raise SceneError(f"{source}: {count(frames)} frames; allowed: at most {count(MAX_FRAMES)}")


def _check_size(contents: Contents) -> None:
    """SceneError for what would take too long or too much memory, though little of it may be drawn."""
    source, cells = contents.scene.source, contents.cells
    if cells > MAX_CELLS:
        raise SceneError(f"{source}: {count(cells)} cells would have to be drawn; allowed: at most {count(MAX_CELLS)}")
    steps, channels = sum(contents.steps), max(shape[-3] for shape in contents.shapes)
    if steps > MAX_STEPS:
        raise SceneError(f"{source}: {count(steps)} steps; allowed: at most {count(MAX_STEPS)}")
    if channels > MAX_CHANNELS:
        raise SceneError(f"{source}: {count(channels)} channels; allowed: at most {count(MAX_CHANNELS)}")
    for stage in contents.stages:
        cells = max(math.prod(stage.input), math.prod(stage.output))
        if isinstance(stage.op, Move) and cells > MAX_CELLS:  # their ways are worked out one by one
            raise SceneError(
                f"{source}: stage {stage.number}: {count(cells)} cells would have to travel; "
                f"allowed: at most {count(MAX_CELLS)}"
            )
