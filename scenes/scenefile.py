"""The scene file: TOML that a person writes, parsed into frozen dataclasses.

Every error is a :class:`SceneError` of one line that names the file, the key, its value and what is allowed.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .. import conv_math
from ..conv_math import ConvMathError, Move, Operation, Sequential, Slide
from .errors import SceneError

LANGUAGES = ("en", "zh")
ORDERS = ("position", "filter")
CAMERAS = ("isometric",)
THEMES = ("light", "dark")
SHOW = ("lines", "ghosts", "values", "formula", "table")
VALUES = ("random", "ramp")
MAX_SECONDS = 3600.0
MAX_FILE_BYTES = 1_000_000

OPERATIONS: dict[str, type[Operation]] = {
    name: cls
    for name, cls in vars(conv_math).items()
    if inspect.isclass(cls) and issubclass(cls, Slide | Move) and not inspect.isabstract(cls)
}
"""Every operation of conv_math that a stage can name."""


@dataclass(frozen=True)
class Text:
    """A text in both languages; without Chinese it is English in both."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Input:
    """The input tensor: ``shape`` (C, H, W) or (N, C, H, W)."""

    shape: tuple[int, ...]
    values: Any = "random"
    seed: int = 0


@dataclass(frozen=True)
class Stage:
    """One operation; ``weight`` is "random" or nested lists in torch's layout, ``bias`` None or a list."""

    op: Operation
    weight: Any = "random"
    bias: Any = None


@dataclass(frozen=True)
class Time:
    """``order`` of the steps and length of the animation in seconds, holds included."""

    order: str = "position"
    seconds: float = 12.0


@dataclass(frozen=True)
class Look:
    """How it is shown; ``show`` lists what is switched on."""

    camera: str = "isometric"
    theme: str = "light"
    show: tuple[str, ...] = ("lines", "ghosts", "formula", "table")


@dataclass(frozen=True)
class Scene:
    """A parsed scene. ``source`` is what errors call it: a file's path, or the command that made it."""

    source: str
    title: Text
    input: Input
    stages: tuple[Stage, ...]
    time: Time = field(default_factory=Time)
    look: Look = field(default_factory=Look)
    description: Text = field(default_factory=lambda: Text("", ""))
    """One line for the catalog."""
    note: Text = field(default_factory=lambda: Text("", ""))
    """One line that stands below the result."""
    place: int = 1_000_000
    """Where the catalog lists it."""

    @property
    def operations(self) -> Sequential:
        return Sequential(*(stage.op for stage in self.stages))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The input's shape, then each stage's output."""
        return self.operations.shapes(self.input.shape)


def load_scene(path: str | Path) -> Scene:
    """Read a scene file (UTF-8, TOML). SceneError for a file that cannot be read or says something impossible."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SceneError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_FILE_BYTES:
        raise SceneError(f"{path}: is larger than {MAX_FILE_BYTES:,} bytes, which no scene file is")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SceneError(f"{path}: is not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}") from None
    return parse_scene(text, str(path))


def parse_scene(text: str, source: str) -> Scene:
    """The scene that a TOML text describes."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SceneError(f"{source}: is not TOML: {one_line(error)}") from None
    return scene_from_table(table, source)


def scene_from_table(table: Mapping[str, Any], source: str) -> Scene:
    """The scene of a table as tomllib returns it."""
    read = _Reader(source)
    top = read.table("", table, ("title", "description", "note", "place", "input", "stage", "time", "look"))
    if "input" not in top:
        read.fail("input", None, "a table [input] with a shape, such as shape = [8, 7, 7]")
    given = read.table("input", top["input"], ("shape", "values", "seed"))
    shape = read.integers("input.shape", given.get("shape"), "a list of 3 or 4 whole numbers: C, H, W or N, C, H, W")
    seed = read.integer("input.seed", given.get("seed", 0), 0, 2**32 - 1)
    values = read.values("input.values", given.get("values", "random"), shape, VALUES)
    rows = top.get("stage")
    if not isinstance(rows, list) or not rows:
        read.fail("stage", rows, "one or more [[stage]] tables, each with an op")
    stages: list[Stage] = []
    current = shape
    for number, row in enumerate(rows, start=1):
        stage = read.stage(f"stage {number}", row, current)
        with read.naming(f"stage {number}"):
            current = stage.op.output_shape(current)
        stages.append(stage)
    time = read.table("time", top.get("time", {}), ("order", "seconds"))
    look = read.table("look", top.get("look", {}), ("camera", "theme", "show"))
    show = look.get("show", list(Look().show))
    if not isinstance(show, list) or not all(isinstance(s, str) for s in show):
        read.fail("look.show", show, f"a list of {', '.join(SHOW)}")
    for entry in show:
        read.choice("look.show", entry, SHOW)
    return Scene(
        source=source,
        title=read.text("title", top.get("title", Path(source).stem)),
        description=read.text("description", top.get("description", "")),
        note=read.text("note", top.get("note", "")),
        place=read.integer("place", top.get("place", 1_000_000), 1, 1_000_000),
        input=Input(shape, values, seed),
        stages=tuple(stages),
        time=Time(
            read.choice("time.order", time.get("order", "position"), ORDERS),
            read.seconds("time.seconds", time.get("seconds", 12.0)),
        ),
        look=Look(
            read.choice("look.camera", look.get("camera", "isometric"), CAMERAS),
            read.choice("look.theme", look.get("theme", "light"), THEMES),
            tuple(dict.fromkeys(show)),
        ),
    )


def with_theme(scene: Scene, theme: str) -> Scene:
    return replace(scene, look=replace(scene.look, theme=theme))


def parameters_of(cls: type[Operation]) -> list[str]:
    """The names of an operation's parameters, in the order of its positional arguments."""
    return [f.name for f in fields(cls)]  # pyright: ignore[reportArgumentType]


def required(cls: type[Operation]) -> list[str]:
    """Those of them that have no default."""
    return [f.name for f in fields(cls) if f.default is MISSING]  # pyright: ignore[reportArgumentType]


def one_line(error: object) -> str:
    """An error's text on one line."""
    return " ".join(str(error).split())


def shown(value: object, limit: int = 60) -> str:
    """A value as it is quoted in an error: short, on one line."""
    text = "nothing" if value is None else one_line(repr(value))
    return text if len(text) <= limit else text[: limit - 3] + "..."


class _Naming:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConvMathError):
            raise SceneError(f"{self.prefix}: {error}") from None


class _Reader:
    """Typed access to a table; every refusal names the source and the key."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, value: object, allowed: str) -> Any:
        raise SceneError(f"{self.source}: {key} is {shown(value)}; allowed: {allowed}")

    def naming(self, key: str) -> _Naming:
        """Errors of conv_math inside get the file's and the key's name."""
        return _Naming(f"{self.source}: {key}")

    def table(self, key: str, value: object, allowed: Sequence[str]) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self.fail(key, value, f"a table with {', '.join(allowed)}")
        for name in value:
            if name not in allowed:
                where = f"{key}.{name}" if key else name
                raise SceneError(f"{self.source}: unknown key {shown(where)}; allowed: {', '.join(allowed)}")
        return value

    def choice(self, key: str, value: object, allowed: Sequence[str]) -> str:
        if not isinstance(value, str) or value not in allowed:
            self.fail(key, value, ", ".join(allowed))
        return value

    def integer(self, key: str, value: object, least: int, most: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fail(key, value, f"a whole number from {least} to {most}")
        return value

    def integers(self, key: str, value: object, allowed: str) -> tuple[int, ...]:
        if not isinstance(value, list) or not all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            self.fail(key, value, allowed)
        if len(value) not in (3, 4):
            self.fail(key, value, allowed)
        if min(value) < 1:
            self.fail(key, value, "sizes of 1 or more")
        return tuple(value)

    def seconds(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1.0 <= value <= MAX_SECONDS:
            self.fail(key, value, f"a number of seconds from 1 to {MAX_SECONDS:g}")
        return float(value)

    def text(self, key: str, value: object) -> Text:
        if isinstance(value, str):
            return Text(self.line(key, value), self.line(key, value))
        if isinstance(value, dict):
            for language in value:
                if language not in LANGUAGES:
                    raise SceneError(f"{self.source}: unknown key '{key}.{language}'; allowed: {', '.join(LANGUAGES)}")
            if "en" in value:
                english = self.line(f"{key}.en", value["en"])
                return Text(english, self.line(f"{key}.zh", value.get("zh", english)))
        return self.fail(key, value, 'a text, or { en = "...", zh = "..." }')

    def line(self, key: str, value: object) -> str:
        if not isinstance(value, str) or "\n" in value or len(value) > 120:
            self.fail(key, value, "a text of one line, 120 characters at most")
        return value

    def values(self, key: str, value: object, shape: tuple[int, ...], names: Sequence[str]) -> Any:
        """A name, or nested lists of numbers of exactly this shape."""
        if isinstance(value, str):
            return self.choice(key, value, names)
        if not _has_shape(value, shape):
            size = " x ".join(map(str, shape))
            self.fail(key, value, f"{', '.join(names)}, or nested lists of numbers, {size}")
        return value

    def stage(self, key: str, row: object, shape: tuple[int, ...]) -> Stage:
        """One [[stage]]: ``in_channels`` follows from the input; without ``bias`` a stage has none."""
        if not isinstance(row, dict):
            self.fail(key, row, "a table with an op")
        if "op" not in row:
            self.fail(f"{key}: op", None, ", ".join(sorted(OPERATIONS)))
        cls = OPERATIONS[self.choice(f"{key}: op", row["op"], sorted(OPERATIONS))]
        parameters = parameters_of(cls)
        weighted = "bias" in parameters
        allowed = ["op", *(p for p in parameters if p != "bias"), *(["weight", "bias"] if weighted else [])]
        for name in row:
            if name not in allowed:
                raise SceneError(f"{self.source}: {key}: unknown key {name!r}; allowed: {', '.join(allowed)}")
        arguments = {k: v for k, v in row.items() if k in parameters and k != "bias"}
        if "in_channels" in parameters:
            arguments.setdefault("in_channels", shape[-3])
        for name in required(cls):
            if name not in arguments and name != "bias":
                raise SceneError(f"{self.source}: {key}: {name} is missing; {cls.__name__} needs it")
        bias = row.get("bias", False)
        if weighted:
            arguments["bias"] = bias is not False
        with self.naming(key):
            op = cls(**arguments)
        if weighted and not isinstance(bias, bool):
            filters = op.filters if isinstance(op, Slide) else 0
            self.values(f"{key}: bias", bias, (filters,), ("true", "false"))
        weight = self.values(f"{key}: weight", row.get("weight", "random"), op.weight_shape or (), ("random",))
        return Stage(op, weight, None if isinstance(bias, bool) else bias)


def _has_shape(value: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, list) and len(value) == shape[0] and all(_has_shape(v, shape[1:]) for v in value)
