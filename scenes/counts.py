"""How much a scene is, by plain arithmetic: nothing is made, whatever its size."""

from __future__ import annotations

from .contents import Contents
from .overview import Overview
from .scenefile import Scene


def count_frames(scene: Scene, fps: float) -> int:
    return max(2, round(scene.time.seconds * fps))


def count_steps(scene: Scene) -> list[int]:
    """Steps of each stage that is drawn, see :attr:`Contents.steps`, of each kernel's flip, and of each trace back."""
    contents = Contents(scene)
    return [*contents.steps, *(1 for _ in contents.flipped), *(trace.steps for trace in contents.traces)]


def count_cells(scene: Scene | Overview, all_cells: bool = False) -> int:
    """The cells that are drawn: tensors, filters, arrangements on the way, ghosts; blocks. Nothing is made."""
    if isinstance(scene, Overview):
        return len(scene.chart.blocks) + (count_cells(scene.dive, all_cells) if scene.dive else 0)
    return Contents(scene, all_cells).cells
