"""A scene from the line in a model, ``nn.Conv2d(8, 8, kernel_size=3, groups=2)``: parsed, never evaluated."""

from __future__ import annotations

import ast
import re
from typing import Any

from ..conv_math import Operation
from .errors import SceneError
from .scenefile import OPERATIONS, Input, Scene, Stage, Text, _Naming, parameters_of, required, shown

MAX_CHARACTERS = 10_000
_LABEL = re.compile(r"^\s*\(\w+\):\s*")
"""What ``print(model)`` puts before a layer: ``(conv1): Conv2d(...)``."""


def scene_from_lines(text: str, shape: tuple[int, ...], source: str = "op") -> Scene:
    """The chain of operations that the lines name, over an input of ``shape`` (C, H, W) or (N, C, H, W).

    Accepts torch.nn's calls with literal arguments, one a line or separated by semicolons, also as assignments, as
    ``nn.Sequential(...)`` or as ``print(model)`` shows them. The defaults are torch's, so ``bias`` is True.
    """
    if len(text) > MAX_CHARACTERS:
        raise SceneError(f"{source}: the text has {len(text)} characters; allowed: at most {MAX_CHARACTERS}")
    lines = [_LABEL.sub("", line).strip().rstrip(",") for line in text.strip().splitlines()]
    code = "\n".join(line for line in lines if line)
    try:
        module = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SceneError(f"{source}: {shown(text)} cannot be read: {message}") from None
    operations: list[Operation] = []
    for statement in module.body:
        if not isinstance(statement, ast.Expr | ast.Assign):
            raise SceneError(f"{source}: {shown(ast.unparse(statement))} is no layer; allowed: {_allowed()}")
        operations.extend(_operations(statement.value, source))
    if not operations:
        raise SceneError(f"{source}: no layer is named; allowed: {_allowed()}")
    current = shape
    for number, op in enumerate(operations, start=1):
        with _Naming(f"{source}: layer {number}"):
            current = op.output_shape(current)
    title = " → ".join(type(op).__name__ for op in operations)
    return Scene(source, Text(title, title), Input(shape), tuple(Stage(op) for op in operations))


def _allowed() -> str:
    return f"calls of {', '.join(sorted(OPERATIONS))}, Sequential"


def _operations(node: ast.expr, source: str) -> list[Operation]:
    if not isinstance(node, ast.Call):
        raise SceneError(f"{source}: {shown(ast.unparse(node))} is no layer; allowed: {_allowed()}")
    called = ast.unparse(node.func)
    name = called.rsplit(".", 1)[-1]
    if name == "Sequential" and not node.keywords:
        return [op for argument in node.args for op in _operations(argument, source)]
    if name not in OPERATIONS:
        raise SceneError(f"{source}: {shown(called)} is no operation known here; allowed: {_allowed()}")
    cls = OPERATIONS[name]
    names = parameters_of(cls)
    if len(node.args) > len(names):
        raise SceneError(f"{source}: {name} has {len(node.args)} arguments; allowed: at most {', '.join(names)}")
    given: dict[str, Any] = {}
    pairs = [*zip(names, node.args, strict=False), *((k.arg, k.value) for k in node.keywords)]
    for key, value in pairs:
        if key is None or key not in names:
            raise SceneError(f"{source}: {name} has no argument {shown(key)}; allowed: {', '.join(names)}")
        if key in given:
            raise SceneError(f"{source}: {name}: {key} is given twice")
        try:
            given[key] = ast.literal_eval(value)
        except (ValueError, TypeError, RecursionError):
            raise SceneError(
                f"{source}: {name}: {key}={shown(ast.unparse(value))} is not a literal; allowed: numbers, tuples, texts"
            ) from None
    missing = [name for name in required(cls) if name not in given]
    if missing:
        raise SceneError(f"{source}: {called}: {missing[0]} is missing")
    with _Naming(source):
        return [cls(**given)]
