"""A scene from the line in a model, ``nn.Conv2d(8, 8, kernel_size=3, groups=2)``: parsed, never evaluated."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

from ..conv_math import Operation
from .errors import SceneError
from .scenefile import (
    MAX_LINE,
    OPERATIONS,
    Input,
    Scene,
    Stage,
    Text,
    check_stages,
    check_values,
    naming,
    one_line,
    parameters_of,
    required,
    shown,
)

MAX_CHARACTERS = 10_000
TORCH_ONLY = ("device", "dtype")
"""Where torch keeps a weight, its last two arguments; nothing to an animation."""
ALLOWED = "calls of torch.nn's layers, such as Conv2d, MaxPool2d, Linear, ChannelShuffle, or of a Sequential of them"
_LABEL = re.compile(r"^\([\w.]+\):\s*")
"""What ``print(model)`` puts before a layer: ``(conv1): Conv2d(...)``."""


def scene_from_lines(text: str, shape: tuple[int, ...], source: str = "op") -> Scene:
    """The chain of operations that the lines name, over an input of ``shape`` (C, H, W) or (N, C, H, W).

    Accepts torch.nn's calls with literal arguments, one after another, separated by lines, commas or semicolons, also
    as assignments, as ``nn.Sequential(...)`` or as ``print(model)`` shows them. The defaults are torch's, so ``bias``
    is True.
    """
    if len(text) > MAX_CHARACTERS:
        raise SceneError(f"{source}: the text has {len(text)} characters; allowed: at most {MAX_CHARACTERS}")
    operations = list(_Pasted(text, source).operations())
    if not operations:
        raise SceneError(f"{source}: no layer is named; allowed: {ALLOWED}")
    check_stages(source, len(operations))
    current = shape
    for number, op in enumerate(operations, start=1):
        with naming(f"{source}: layer {number}"):
            current = op.output_shape(current)
    names = [type(op).__name__ for op in operations]
    title = " → ".join(names)
    if len(title) > MAX_LINE:
        title = f"{names[0]} → … → {names[-1]}"
    return Scene(source, Text(title, title), Input(shape), tuple(Stage(op) for op in operations))


def _as_python(text: str) -> str:
    """The text without labels, and with the commas that ``print(model)`` leaves out between layers."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    if any(_LABEL.match(line) for line in lines):
        lines = [_LABEL.sub("", line) for line in lines]
        lines = [line if line.endswith(("(", ",")) or not line else f"{line}," for line in lines]
    return "\n".join(lines)


class _Pasted:
    """The layers of a text: its syntax tree is read, nothing in it is ever run."""

    def __init__(self, text: str, source: str) -> None:
        self.code, self.source = _as_python(text), source

    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        raise SceneError(f"{self.source}: {shown(ast.get_source_segment(self.code, node))} {why}")

    def operations(self) -> Iterator[Operation]:
        try:
            with warnings.catch_warnings():  # the compiler's taste would be a second line beside the error
                warnings.simplefilter("ignore")
                module = ast.parse(self.code)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            message = error.msg if isinstance(error, SyntaxError) else one_line(error)
            raise SceneError(f"{self.source}: {shown(self.code)} cannot be read: {message}") from None
        for statement in module.body:
            if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) or statement.value is None:
                self.refuse(statement, f"is no layer; allowed: {ALLOWED}")
            yield from self._layers(statement.value)

    def _layers(self, node: ast.expr) -> Iterator[Operation]:
        if isinstance(node, ast.Tuple):  # a comma after a layer makes one
            for part in node.elts:
                yield from self._layers(part)
            return
        if not isinstance(node, ast.Call):
            self.refuse(node, f"is no layer; allowed: {ALLOWED}")
        name = self._name(node.func)
        if name == "Sequential" and not node.keywords:
            for part in node.args:
                yield from self._layers(part)
        elif name in OPERATIONS:
            yield self._layer(name, node)
        else:
            self.refuse(node, f"is no operation known here; allowed: {ALLOWED}")

    def _name(self, node: ast.expr) -> str:
        """``Conv2d`` of ``torch.nn.Conv2d``."""
        owner = node
        while isinstance(owner, ast.Attribute):
            owner = owner.value
        if not isinstance(owner, ast.Name):
            self.refuse(node, f"is no name; allowed: {ALLOWED}")
        return node.attr if isinstance(node, ast.Attribute) else owner.id

    def _layer(self, name: str, call: ast.Call) -> Operation:
        cls = OPERATIONS[name]
        names = parameters_of(cls)
        names += TORCH_ONLY if "bias" in names else ()
        allowed = f"allowed: {', '.join(names)}"
        if len(call.args) > len(names):
            self.refuse(call, f"has {len(call.args)} arguments; {allowed}")
        given: dict[str, Any] = {}
        pairs = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
        for key, value in pairs:
            if key not in names:
                self.refuse(call, f"has an argument {key or '**'}; {allowed}")
            if key in given:
                self.refuse(call, f"gives {key} twice; allowed: once")
            given[key] = self._literal(f"{name}: {key}", value)
        for key in TORCH_ONLY:
            if given.pop(key, None) is not None:
                self.refuse(call, f"gives {key}; allowed: None")
        for key in required(cls):
            if key not in given:
                self.refuse(call, f"lacks {key}; {name} needs {', '.join(required(cls))}")
        with naming(self.source):
            return cls(**given)

    def _literal(self, key: str, node: ast.expr) -> object:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError):
            self.refuse(node, f"is no value for {key}; allowed: numbers, tuples, texts, as nothing is evaluated")
        check_values(self.source, key, value)
        return value
