"""A scene becomes a Storyboard."""

from __future__ import annotations

from ..conv_math import ChannelShuffle, Conv2d
from . import palette
from .captions import count, torch_call
from .cells import all_cells
from .counts import count_cells, count_frames
from .errors import SceneError
from .layout import DIRECTION
from .motion import all_lines, all_movers, all_outlines
from .plan import Plan
from .scenefile import Scene
from .story import Camera, Storyboard, vector
from .typeset import all_captions

MAX_CELLS = 5_000_000
MAX_FRAMES = 216_000
"""An hour at 60 frames a second."""


def compose(
    scene: Scene, size: tuple[int, int] = (854, 480), fps: float = 30.0, language: str = "en", theme: str | None = None
) -> Storyboard:
    """Compose the whole animation.

    Args:
        scene: what to show.
        size: width and height of the picture in pixels: it decides how things are arranged.
        fps: frames a second.
        language: "en" or "zh".
        theme: overrides the scene's own.

    Raises:
        SceneError: the scene has an operation that is not drawn, or more cells or frames than can be drawn.
    """
    for number, stage in enumerate(scene.stages, start=1):
        drawn = isinstance(stage.op, ChannelShuffle) or (
            isinstance(stage.op, Conv2d) and stage.op.padding_mode == "zeros"
        )
        if not drawn:
            raise SceneError(
                f"{scene.source}: stage {number}: {torch_call(stage.op)} cannot be drawn yet; "
                "allowed: Conv2d with padding_mode='zeros', ChannelShuffle"
            )
    cells = count_cells(scene)
    if cells > MAX_CELLS:
        raise SceneError(
            f"{scene.source}: {count(cells)} cells would have to be drawn; allowed: at most {count(MAX_CELLS)}"
        )
    frames = count_frames(scene, fps)
    if frames > MAX_FRAMES:
        raise SceneError(f"{scene.source}: {count(frames)} frames; allowed: at most {count(MAX_FRAMES)}")
    plan = Plan(scene, size, fps, language, palette.THEMES[theme or scene.look.theme])
    frame = plan.frame
    target = frame.view.on_wall(float(frame.center[0]), float(frame.center[1]))
    settled = plan.settled()
    return Storyboard(
        title=plan.scene.title.in_language(plan.language),
        theme=plan.theme.name,
        language=plan.language,
        size=plan.size,
        fps=plan.fps,
        frames=plan.frames,
        steps=plan.steps,
        step=plan.step_track(),
        cells=tuple(all_cells(plan)),
        movers=tuple(all_movers(plan)),
        lines=tuple(all_lines(plan)),
        captions=tuple(all_captions(plan)),
        outlines=tuple(all_outlines(plan)),
        camera=Camera(DIRECTION, vector(target), frame.width, frame.height),
        floor=frame.floor,
        poster=max(1, min(plan.frames, round(float(settled[int(0.55 * (plan.steps - 1))])))),
        settled=settled,
    )
