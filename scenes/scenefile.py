"""The scene file: TOML that a person writes, parsed into frozen dataclasses.

Every error is a :class:`SceneError` of one line that names the file, the key, its value and what is allowed.
"""

from __future__ import annotations

import inspect
import math
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

from .. import conv_math
from ..conv_math import (
    Conv2d,
    ConvMathError,
    DeformConv2d,
    MaxPool2d,
    MaxUnpool2d,
    Merge,
    Move,
    Operation,
    Sequential,
    Slide,
)
from ..conv_math.conv import Conv
from ..conv_math.transposed import ConvTranspose
from . import kernels
from .elision import LIMIT
from .errors import SceneError
from .photo import Photo
from .stored import content_of, stored

LANGUAGES = ("en", "zh")
ORDERS = ("position", "filter")
CAMERAS = ("isometric", "still", "dolly", "perspective", "turntable")
"""The first travels from stage to stage where all of them at once would be too small; the others never, and always."""
THEMES = ("light", "dark")
SHOW = ("lines", "ghosts", "values", "formula", "table", "cone", "usage")
VALUES = ("random", "ramp")
PRODUCTS = ("matrix", "im2col")
"""The views in which an operation is a product of two matrices."""
MAX_SECONDS = 3600.0
MAX_FILE_BYTES = 1_000_000
MAX_STAGES = 500
"""Beyond it nobody can follow, and arranging them takes seconds."""
MAX_LINE = 120
MAX_ABOUT = 500
MAX_PATH = 1000
IN_FILE = '{ file = "numbers.npz", name = "an array in it" }'
"""How numbers are given that stand in a file."""
MAX_DEPTH = 32
"""Of nested tables and lists: what reads them later may recurse."""

_LONG_KEY = re.compile(r"(?:\.[^.=,\n]*){200}")
"""a.b.c... with more parts than any key has: reading it takes tomllib the square of its length."""

OPERATIONS: dict[str, type[Operation]] = {
    name: cls
    for name, cls in vars(conv_math).items()
    if inspect.isclass(cls) and issubclass(cls, Slide | Move | Merge) and not inspect.isabstract(cls)
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
    """The input tensor: ``shape`` C and the spatial axes, or N and those.

    ``values`` is a name, nested lists, the Photo that is to be read, or what :func:`.photo.with_photo` made of it.
    Random ones that are shown are small whole numbers, see `values_of`. ``pixels``, of the same shape and from 0 to 1,
    are the picture that they were made of, whose colours the cells wear. ``pictured``: planes of rows and columns are
    pictures, or what was made of one, and to be seen whole.
    """

    shape: tuple[int, ...]
    values: Any = "random"
    seed: int = 0
    pixels: Any = None
    pictured: bool = False


@dataclass(frozen=True)
class Stage:
    """One operation; ``bias`` is None or a list.

    ``weight`` is "random", nested lists in torch's layout, or a kernel's name (see :mod:`.kernels`) for all filters, or
    a tuple of them, one for each.

    ``view`` is how it is seen: a transposed convolution as what it scatters (None) or gathers ("gather"), a convolution
    of one filter whole (None) or with the sums of each channel apart ("partial"), each of them as the product with a
    "matrix", and a convolution as the product of its filters with its windows as columns ("im2col"). ``reads`` are the
    tensors that it works on, 0 the scene's input and 1 the first stage's output; None: the one before it.
    """

    op: Operation
    weight: Any = "random"
    bias: Any = None
    view: str | None = None
    reads: tuple[int, ...] | None = None
    name: Text | None = None
    """What its output is called."""
    offset: Any = "random"
    """Of a deformable convolution: "random", or nested lists (2*rows*columns, output rows, output columns)."""


def filter_names(stage: Stage) -> tuple[str, ...]:
    """What the filters of a stage are called, one by one, if their weights have names."""
    weight = stage.weight
    if isinstance(weight, str) and weight != "random":
        return (weight,) * (stage.op.weight_shape or (0,))[0]
    return weight if isinstance(weight, tuple) else ()


@dataclass(frozen=True)
class Time:
    """``order`` of the steps and length of the animation in seconds, holds included."""

    order: str = "position"
    seconds: float = 12.0


@dataclass(frozen=True)
class Look:
    """How it is shown; ``show`` lists what is switched on. ``apart``: channels of the input, unless it is a picture,
    and of the result do not stand one behind the other but side by side, so that each is seen whole.

    Of ``show``, "cone" traces the middle output cell back to all the cells that it depends on; "usage" does so, too,
    and tells how often each of them is used.
    """

    camera: str = "isometric"
    theme: str = "light"
    show: tuple[str, ...] = ("lines", "ghosts", "formula", "table")
    apart: bool = False


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
    about: Text = field(default_factory=lambda: Text("", ""))
    """A few sentences for the gallery; they are no part of the picture."""
    note: Text = field(default_factory=lambda: Text("", ""))
    """One line that stands below the result."""
    place: int = 1_000_000
    """Where the catalog lists it."""

    @property
    def operations(self) -> Sequential:
        return Sequential(*(_in_chain(stage) for stage in self.stages))

    def pool_of(self, number: int) -> int:
        """The stage, counted from 0, whose indices an unpooling stage takes: the last pool before it of its shape."""
        shapes = self.shapes
        pools = [n for n, stage in enumerate(self.stages[:number]) if isinstance(stage.op, MaxPool2d)]
        reads = (self.stages[number].reads or (number,))[0]
        found = [n for n in pools if shapes[n + 1] == shapes[reads]]
        if not found:
            raise SceneError(
                f"{self.source}: stage {number + 1}: MaxUnpool2d takes the indices of a MaxPool2d before it whose "
                f"output has its input's shape {shapes[reads]}; there is none"
            )
        return found[-1]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The input's shape, then each stage's output."""
        return self.operations.shapes(self.input.shape)


def load_scene(path: str | Path) -> Scene:
    """Read a scene file (UTF-8, TOML). SceneError for a file that cannot be read or says something impossible."""
    path = Path(path)
    data = content_of(path, MAX_FILE_BYTES, "scene file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SceneError(f"{path}: is not UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}") from None
    return parse_scene(text, str(path))


def parse_scene(text: str, source: str) -> Scene:
    """The scene that a TOML text describes."""
    if _LONG_KEY.search(text):
        raise SceneError(f"{source}: has a key of 200 parts or more; allowed: those of a scene file")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{source}: is not TOML: {one_line(error)[:200]}") from None
    return scene_from_table(table, source)


def files_named(text: str) -> list[str]:
    """The files in which a scene file's values and weights stand, as it names them, each once."""

    def named(value: object) -> Iterator[str]:
        if isinstance(value, Mapping) and set(value) in ({"image"}, {"file", "name"}):
            yield str(next(each for key, each in value.items() if key != "name"))
        elif isinstance(value, Mapping | list):
            for each in value.values() if isinstance(value, Mapping) else value:
                yield from named(each)

    return list(dict.fromkeys(named(tomllib.loads(text))))


def scene_from_table(table: Mapping[str, Any], source: str) -> Scene:
    """The scene of a table as tomllib returns it."""
    check_values(source, "", table)
    read = _Reader(source)
    top = read.table("", table, ("title", "description", "about", "note", "place", "input", "stage", "time", "look"))
    if "input" not in top:
        read.fail("input", None, "a table [input] with a shape, such as shape = [8, 7, 7]")
    given = read.table("input", top["input"], ("shape", "values", "seed"))
    shape = read.shape("input.shape", given.get("shape"))
    seed = read.integer("input.seed", given.get("seed", 0), 0, 2**32 - 1)
    values = read.input_values(given.get("values", "random"), shape)
    rows = top.get("stage")
    if not isinstance(rows, list) or not rows:
        read.fail("stage", rows, "one or more [[stage]] tables, each with an op")
    check_stages(source, len(rows))
    stages: list[Stage] = []
    shapes = [shape]
    for number, row in enumerate(rows, start=1):
        stages.append(read.stage(f"stage {number}", row, shapes))
        with naming(f"{source}: stage {number}"):
            shapes = Sequential(*map(_in_chain, stages)).shapes(shape)
    time = read.table("time", top.get("time", {}), ("order", "seconds"))
    look = read.table("look", top.get("look", {}), ("camera", "theme", "show", "apart"))
    show = look.get("show", list(Look().show))
    if not isinstance(show, list):
        read.fail("look.show", show, f"a list of {', '.join(SHOW)}")
    scene = Scene(
        source=source,
        title=read.text("title", top.get("title", _name_of(source))),
        description=read.text("description", top.get("description", "")),
        about=read.text("about", top.get("about", ""), MAX_ABOUT),
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
            tuple(dict.fromkeys(read.choice("look.show", entry, SHOW) for entry in show)),
            read.switch("look.apart", look.get("apart", False)),
        ),
    )
    for number, stage in enumerate(stages):
        if isinstance(stage.op, MaxUnpool2d):
            scene.pool_of(number)
    return scene


def _in_chain(stage: Stage) -> Operation | conv_math.Stage:
    if stage.reads is None:
        return stage.op
    return conv_math.Stage(stage.op, tuple("input" if tensor == 0 else tensor - 1 for tensor in stage.reads))


def _name_of(source: str) -> str:
    """A title for a scene without one: its file's name, as far as it can be drawn."""
    return "".join(letter for letter in Path(source).stem if _drawable(letter))[:MAX_LINE]


def parameters_of(cls: type[Operation]) -> list[str]:
    """The names of an operation's parameters, in the order of its positional arguments."""
    return [f.name for f in fields(cls) if not f.kw_only]  # pyright: ignore[reportArgumentType]


def required(cls: type[Operation]) -> list[str]:
    """Those of them that have no default."""
    return [f.name for f in fields(cls) if f.default is MISSING and not f.kw_only]  # pyright: ignore[reportArgumentType]


def one_line(error: object) -> str:
    """An error's text on one line."""
    return " ".join(str(error).split())


def shown(value: object, limit: int = 60) -> str:
    """A value as it is quoted in an error: short, on one line."""
    text = "nothing" if value is None else one_line(repr(value))
    return text if len(text) <= limit else text[: limit - 3] + "..."


@contextmanager
def naming(prefix: str) -> Iterator[None]:
    """Errors of conv_math inside become a SceneError that begins with ``prefix``: the source and the key."""
    try:
        yield
    except ConvMathError as error:
        raise SceneError(f"{prefix}: {error}") from None


def check_stages(source: str, count: int) -> None:
    """SceneError for more stages than can be shown."""
    if count > MAX_STAGES:
        raise SceneError(f"{source}: {count:,} stages; allowed: at most {MAX_STAGES}")


def check_values(source: str, key: str, value: object) -> None:
    """SceneError for what could not even be quoted in an error: numbers beyond 64 bits, endless nesting."""
    left = [(key, value, 0)]
    while left:
        key, value, depth = left.pop()
        if depth > MAX_DEPTH:
            raise SceneError(f"{source}: {key} is nested too deeply; allowed: {MAX_DEPTH} tables and lists")
        if isinstance(value, int) and value.bit_length() > 63:
            raise SceneError(f"{source}: {key} is a number of {value.bit_length()} bits; allowed: 63 and a sign")
        if isinstance(value, Mapping):
            left += [(one_line(f"{key}.{k}" if key else k)[:60], v, depth + 1) for k, v in value.items()]
        elif isinstance(value, list | tuple | set):
            left += [(key, v, depth + 1) for v in value]


def _drawable(letter: str) -> bool:
    """Not a control character, a line's end or half a character: fonts have none, terminals obey them."""
    return unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp")


class _Reader:
    """Typed access to a table; every refusal names the source and the key."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, value: object, allowed: str) -> NoReturn:
        raise SceneError(f"{self.source}: {key} is {shown(value)}; allowed: {allowed}")

    def table(self, key: str, value: object, allowed: Sequence[str]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.fail(key, value, f"a table with {', '.join(allowed)}")
        for name in value:
            if name not in allowed:
                where = f"{self.source}: {key}" if key else self.source
                raise SceneError(f"{where}: unknown key {shown(name)}; allowed: {', '.join(allowed)}")
        return value

    def choice(self, key: str, value: object, allowed: Sequence[str]) -> str:
        if not isinstance(value, str) or value not in allowed:
            self.fail(key, value, ", ".join(allowed))
        return value

    def integer(self, key: str, value: object, least: int, most: int) -> int:
        if not _is_integer(value) or not least <= value <= most:
            self.fail(key, value, f"a whole number from {least} to {most}")
        return value

    def shape(self, key: str, value: object) -> tuple[int, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= 5 or not all(_is_integer(v) and v > 0 for v in value):
            self.fail(key, value, "a list of 1 to 5 whole numbers of 1 or more, such as C, H, W or N, C, H, W")
        return tuple(value)

    def seconds(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1.0 <= value <= MAX_SECONDS:
            self.fail(key, value, f"a number of seconds from 1 to {MAX_SECONDS:g}")
        return float(value)

    def text(self, key: str, value: object, most: int = MAX_LINE) -> Text:
        if isinstance(value, str):
            return Text(self.line(key, value, most), value)
        if not isinstance(value, Mapping) or not value:
            self.fail(key, value, 'a text, or { en = "...", zh = "..." }')
        self.table(key, value, LANGUAGES)
        english = self.line(f"{key}.en", value.get("en"), most)
        return Text(english, self.line(f"{key}.zh", value.get("zh", english), most))

    def line(self, key: str, value: object, most: int = MAX_LINE) -> str:
        if not isinstance(value, str) or len(value) > most or not all(map(_drawable, value)):
            self.fail(key, value, f"a text of one line, {most} characters at most")
        return value

    def switch(self, key: str, value: object) -> bool:
        if not isinstance(value, bool):
            self.fail(key, value, "true, false")
        return value

    def sources(self, key: str, value: object, merges: bool, tensors: int) -> tuple[int, ...]:
        """The tensors that a stage reads: "input", the number of an earlier stage, or for a merge a list of them."""
        known = f'"input" or the number of an earlier stage{f", 1 to {tensors - 1}" if tensors > 1 else ""}'
        several = value if merges else [value]
        allowed = f"a list of two or more, each {known}" if merges else known
        if not isinstance(several, list) or (merges and len(several) < 2):
            self.fail(key, value, allowed)
        found: list[int] = []
        for source in several:
            if source == "input":
                found.append(0)
            elif _is_integer(source) and 0 < source < tensors:
                found.append(source)
            else:
                self.fail(key, value, allowed)
        return tuple(found)

    def path(self, key: str, name: object) -> Path:
        """A file beside this one, or anywhere if the name begins at the root."""
        if not isinstance(name, str) or not 0 < len(name) <= MAX_PATH or not all(map(_drawable, name)):
            self.fail(key, name, f"a file's name, {MAX_PATH} characters at most")
        return Path(self.source).parent / name

    def numbers(self, key: str, value: object, shape: tuple[int, ...]) -> object:
        """What a file holds, as nested lists, where it is named; else the value as it is."""
        if not isinstance(value, Mapping) or not value:
            return value
        table = self.table(key, value, ("file", "name"))
        path, name = self.path(f"{key}.file", table.get("file")), table.get("name")
        if not isinstance(name, str):
            self.fail(f"{key}.name", name, f"the name of an array in {path}")
        try:
            return stored(path, name, shape)
        except SceneError as error:
            raise SceneError(f"{self.source}: {key}: {error}") from None

    def input_values(self, value: object, shape: tuple[int, ...]) -> Any:
        """A name, a picture, or nested lists of finite numbers of exactly this shape, which may stand in a file."""
        if isinstance(value, Mapping):
            self.table("input.values", value, ("image", "file", "name"))
        if isinstance(value, Mapping) and "image" in value:
            path = self.path("input.values.image", self.table("input.values", value, ("image",))["image"])
            if len(shape) not in (3, 4) or shape[-3] not in (1, 3):
                self.fail(
                    "input.shape", list(shape), "for an image C, H, W or N, C, H, W, and C 3 (colours) or 1 (grey)"
                )
            return Photo(path)
        value = self.numbers("input.values", value, shape)
        if value not in VALUES and not _has_shape(value, shape):
            allowed = f'{", ".join(VALUES)}, {{ image = "photo.png" }}, {IN_FILE}'
            self.fail("input.values", value, f"{allowed}, or nested lists of numbers, {' x '.join(map(str, shape))}")
        return value

    def weight(self, key: str, value: object, op: Operation) -> Any:
        """ "random", a kernel's name or one per filter, or nested lists of finite numbers of exactly this shape, which
        may stand in a file."""
        shape = op.weight_shape or ()
        value = self.numbers(key, value, shape)
        names = (value,) if isinstance(value, str) else value
        if value == "random" or _has_shape(value, shape):
            return value
        if not (isinstance(op, Conv2d) and isinstance(names, list | tuple) and any(isinstance(n, str) for n in names)):
            named = (
                f"a kernel's name ({', '.join(kernels.NAMES)}) or a list of names, " if isinstance(op, Conv2d) else ""
            )
            self.fail(
                key, value, f"random, {named}{IN_FILE}, or nested lists of numbers, {' x '.join(map(str, shape))}"
            )
        filters, _, rows, columns = op.weight_shape or (0, 0, 0, 0)
        for name in names:
            self.choice(key, name, kernels.NAMES if name is not value else ("random", *kernels.NAMES))
            if not kernels.has_size(name, (rows, columns)):
                self.fail(key, name, f"{kernels.sizes_of(name)} for that name, and kernel_size is {rows} x {columns}")
        if not isinstance(value, str) and len(names) != filters:
            self.fail(key, value, f"one name for all filters, or a list of {filters}, one for each")
        return value if isinstance(value, str) else tuple(names)

    def stage(self, key: str, row: object, shapes: Sequence[tuple[int, ...]]) -> Stage:
        """One [[stage]]: ``in_channels`` follows from the input; without ``bias`` a stage has none."""
        if not isinstance(row, Mapping):
            self.fail(key, row, "a table with an op")
        name = self.choice(f"{key}: op", row.get("op"), sorted(OPERATIONS))
        cls = OPERATIONS[name]
        parameters = parameters_of(cls)
        weighted = "bias" in parameters
        views = ("scatter", "gather", "matrix") if issubclass(cls, ConvTranspose) else ()
        if issubclass(cls, Conv):
            views = ("whole", *(["partial"] if _sums(cls, row) else []), *PRODUCTS)
        allowed = ["op", *(p for p in parameters if p != "bias"), *(["weight", "bias"] if weighted else [])]
        allowed += [*(["view"] if views else []), "from", "name", *(["offset"] if cls is DeformConv2d else [])]
        self.table(key, row, allowed)
        merges = cls.SEVERAL
        reads = None
        if merges or "from" in row:
            reads = self.sources(f"{key}: from", row.get("from"), merges, len(shapes))
        shape = shapes[-1 if reads is None else reads[0]]
        arguments = {k: v for k, v in row.items() if k in parameters and k != "bias"}
        for follows in ("in_channels", "num_features", "in_features"):
            if follows in parameters:
                arguments.setdefault(follows, shape[max(-len(shape), -1 - cls.AXES)])
        for missing in required(cls):
            if missing not in arguments:
                raise SceneError(f"{self.source}: {key}: {missing} is missing; {name} needs it")
        bias = row.get("bias", False)
        if weighted:
            arguments["bias"] = bias is not False
        with naming(f"{self.source}: {key}"):
            op = cls(**arguments)
        filters = op.bias_shape or (0,)
        bias = self.numbers(f"{key}: bias", bias, filters)
        if isinstance(bias, bool):
            bias = None
        elif not _has_shape(bias, filters):
            self.fail(f"{key}: bias", bias, f"true, false, {IN_FILE}, or a list of {filters[0]} numbers")
        weight = self.weight(f"{key}: weight", row.get("weight", "random"), op)
        view = self.choice(f"{key}: view", row["view"], views) if "view" in row else None
        if view in PRODUCTS:
            self.product(key, op, shape, view)
        name = self.text(f"{key}: name", row["name"]) if "name" in row else None
        offset = row.get("offset", "random")
        if isinstance(op, DeformConv2d):
            with naming(f"{self.source}: {key}"):
                moved = op.offset_shape(shape)
            offset = self.numbers(f"{key}: offset", offset, moved)
            if offset != "random" and not _has_shape(offset, moved):
                self.fail(
                    f"{key}: offset",
                    offset,
                    f"random, {IN_FILE}, or nested lists of numbers, {' x '.join(map(str, moved))}",
                )
        return Stage(op, weight, bias, view, reads, name, offset)

    def product(self, key: str, op: Operation, shape: tuple[int, ...], view: str) -> None:
        """SceneError if an operation is more than a product, or its matrix is too large to be drawn."""
        where = f"{self.source}: {key}: view is '{view}'"
        if op.bias_shape is not None:
            raise SceneError(f"{where} and bias is true; allowed: bias = false")
        with naming(f"{self.source}: {key}"):
            item = op.split(shape)[1]
            rows, columns = math.prod(item), math.prod(op.output_item(item))
        if isinstance(op, Conv) and view == "im2col":
            if op.groups > 1:
                raise SceneError(f"{where} and groups is {op.groups}; allowed: groups = 1")
            rows, columns = math.prod(op.weight_shape[1:]), columns // op.out_channels
        if rows * columns > LIMIT:
            raise SceneError(f"{where}, of {rows:,} x {columns:,} cells; allowed: at most {LIMIT:,}")


def _sums(cls: type[Operation], row: Mapping[str, Any]) -> bool:
    """Whether it is a convolution of one filter, which adds up channels."""
    return issubclass(cls, Conv) and row.get("out_channels") == 1 and row.get("groups", 1) == 1


def astray(offset: Any) -> float:
    """How many cells out of the padded input a stage's offsets lead its window at most: those of chance do not."""
    if isinstance(offset, list):
        return max(map(astray, offset), default=0.0)
    return 0.0 if isinstance(offset, str) else abs(float(offset))


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _has_shape(value: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, list) and len(value) == shape[0] and all(_has_shape(v, shape[1:]) for v in value)
