"""The numbers of a scene, without a picture: what ``convmotion explain`` prints."""

from __future__ import annotations

from typing import Any

from ..conv_math import ConvMathError, receptive_field
from .captions import count, size, torch_calls
from .counts import count_cells, count_frames, count_steps
from .scenefile import Scene


def explain(scene: Scene, fps: float = 30.0, language: str = "en") -> dict[str, Any]:
    """Shapes (lists), parameters, multiply-accumulates, receptive field (cells per spatial axis, or None), steps,
    frames and drawn cells."""
    stages = []
    for (op, given), after in zip(scene.operations.stages(scene.input.shape), scene.shapes[1:], strict=True):
        before = given[0] if isinstance(given, list) else given
        window = getattr(op, "window", None)
        kernel = op.weight_shape or (window.kernel_size if window else None)
        stages.append(
            {
                "op": type(op).__name__,
                "input": list(before),
                "kernel": list(kernel) if kernel else None,
                "output": list(after),
                "parameters": op.num_parameters,
                "macs": op.macs(given),
            }
        )
    try:
        field = [axis.size for axis in receptive_field(scene.operations)]
    except ConvMathError:
        field = None
    return {
        "title": scene.title.in_language(language),
        "stages": stages,
        "parameters": sum(s["parameters"] for s in stages),
        "macs": sum(s["macs"] for s in stages),
        "receptive_field": field,
        "steps": sum(count_steps(scene)),
        "frames": count_frames(scene, fps),
        "cells": count_cells(scene),
    }


def explain_text(scene: Scene, fps: float = 30.0, language: str = "en") -> str:
    """The same for a person, as aligned lines."""
    table = explain(scene, fps, language)
    lines = [table["title"]]
    for call, told in zip(torch_calls(scene), table["stages"], strict=True):
        kernel = f", kernel {size(told['kernel'])}" if told["kernel"] else ""
        lines.append(f"  {call}")
        lines.append(f"    {size(told['input'])} -> {size(told['output'])}{kernel}")
        lines.append(f"    parameters {count(told['parameters'])}, multiply-accumulates {count(told['macs'])}")
    field = size(tuple(table["receptive_field"])) if table["receptive_field"] else "-"
    lines.append(f"  parameters {count(table['parameters'])}, multiply-accumulates {count(table['macs'])}")
    lines.append(f"  receptive field {field}, steps {count(table['steps'])}, frames {count(table['frames'])}")
    lines.append(f"  cells drawn {count(table['cells'])}")
    return "\n".join(lines)
