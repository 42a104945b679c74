"""How much a scene is, by plain arithmetic: nothing is made, whatever its size."""

from __future__ import annotations

import math

from ..conv_math import Conv2d, Move
from .scenefile import Scene, Stage


def count_frames(scene: Scene, fps: float) -> int:
    return max(2, round(scene.time.seconds * fps))


def count_steps(scene: Scene) -> list[int]:
    """Steps of each stage: a Slide's are its trajectory's; a Move has one per channel and arrangement on its way."""
    shapes = scene.shapes
    return [_steps_of(stage, shape, scene.time.order) for stage, shape in zip(scene.stages, shapes, strict=False)]


def count_cells(scene: Scene) -> int:
    """The cells that are drawn: tensors, filters, arrangements on the way, ghosts. Nothing is made."""
    shapes = scene.shapes
    total = sum(math.prod(s) for s in shapes)
    for stage, shape in zip(scene.stages, shapes, strict=False):
        op = stage.op
        total += math.prod(op.weight_shape) if op.weight_shape else 0
        if isinstance(op, Conv2d) and "ghosts" in scene.look.show:
            spatial = shape[-len(op.window.padding) :]
            total += math.prod(shape[: -len(spatial)]) * (math.prod(op.window.padded(spatial)) - math.prod(spatial))
        if isinstance(op, Move):
            between = list(op.view_shapes(shape).values())[:-1]
            total += math.prod(op.split(shape)[0]) * sum(math.prod(view) for view in between)
    return total


def _steps_of(stage: Stage, shape: tuple[int, ...], order: str) -> int:
    if isinstance(stage.op, Move):
        return math.prod(stage.op.split(shape)[0]) * sum(
            math.prod(view[:-2]) for view in stage.op.view_shapes(shape).values()
        )
    return stage.op.trajectory(shape, order).steps  # pyright: ignore[reportArgumentType]
