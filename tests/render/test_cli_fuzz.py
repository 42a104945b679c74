"""Whatever a scene file or a command line says: it works, or one line tells why not; quickly, and nothing is written.

Commands run through the real entry point in this process, up to where Blender would be started. ``make test`` runs some
hundreds of cases, always the same ones; ``make test-fuzz`` runs 10,000 and prints figures.
"""

import contextlib
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image
from small_scenes import BATCHED_FILTERWISE, CHAIN, DILATED, TINY

from convmotion.render import cli, film
from convmotion.render.many import Outcome
from convmotion.scenes.catalog import FOLDER
from convmotion.scenes.scenefile import OPERATIONS, parameters_of, required
from convmotion.scenes.tomltext import toml_of, value_of

CASES = int(os.environ.get("FUZZ_CASES", "250"))
SECONDS = 2.0
"""What a case may take that ends with a word; a long one is timed twice."""
READY = 10.0
"""The same of a film of up to some thousand frames that is composed and planned: that is work."""
HUNG = 20.0
"""When a case is ended that does not end."""

fuzzed = settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=CASES > 1000,
)


class Reached(BaseException):
    """All was right: Blender would be started now."""


class Hung(BaseException):
    """It did not end."""


class Literal(str):
    """TOML as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


# --- what is watched


@dataclass
class Watch:
    """What this process does to the file system and the network while a case runs."""

    active: bool = False
    seen: list[str] = field(default_factory=list)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            nameless = isinstance(flags, int) and flags & os.O_TMPFILE == os.O_TMPFILE
            if writes and not nameless and isinstance(path, str | bytes) and os.fsdecode(path) != os.devnull:
                self.seen.append(os.path.abspath(os.fsdecode(path)))
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.utime"):
            self.seen.append(os.path.abspath(os.fsdecode(arguments[0])))
        elif event in ("os.rename", "os.link", "os.symlink"):
            self.seen += [os.path.abspath(os.fsdecode(path)) for path in arguments[:2]]
        elif event in ("socket.connect", "os.system", "os.exec", "os.posix_spawn"):
            self.seen.append(f"{event} {arguments}")


watch = Watch()
sys.addaudithook(watch.hook)


@dataclass
class Figures:
    """What a campaign has seen."""

    ends: Counter[str] = field(default_factory=Counter)
    longest: tuple[float, str] = (0.0, "")

    def told(self, what: str) -> str:
        ends = ", ".join(f"{count:,} {end}" for end, count in self.ends.most_common())
        return (
            f"{what}: {sum(self.ends.values()):,} cases: {ends}; the longest {self.longest[0]:.2f} s, {self.longest[1]}"
        )


@dataclass(frozen=True)
class Ground:
    """Where commands run: ``here``, some folders down in ``root``, all of which is watched."""

    root: Path
    here: Path
    figures: Figures

    def tell(self) -> dict[str, tuple[int, int, int]]:
        found = {}
        for folder, names, files in os.walk(self.root):
            for name in (*names, *files):
                told = os.lstat(path := os.path.join(folder, name))
                found[path] = (told.st_mode, 0, 0) if name in names else (told.st_mode, told.st_size, told.st_mtime_ns)
        return found

    def run(self, arguments: list[str], may_write: Callable[[str], bool] = lambda path: False) -> int:
        """The exit code, -1 where Blender would be started. AssertionError for all that must not be."""
        before = self.tell()
        seconds, code, out, err = self._timed(arguments)
        new = {path for path, told in self.tell().items() if before.get(path) != told} | before.keys() - self.tell()
        for path in new:  # the next case finds all as it was
            if path in before:
                furnish(self.here)
            elif os.path.lexists(path):
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        most = READY if code == -1 else SECONDS
        if seconds > most:
            seconds = min(seconds, self._timed(arguments)[0])
        short = " ".join(arguments)[:150]
        self.figures.longest = max(self.figures.longest, (seconds, repr(short)))
        self.figures.ends[{-1: "ready to render", 0: "done", 1: "failed", 2: "refused"}[code]] += 1
        assert seconds <= most, f"{seconds:.1f} s"
        if code == 2:
            assert len(lines_of(err)) == 1 and lines_of(err)[0].startswith("convmotion: ") and err.endswith("\n"), err
            assert not out, out
        else:
            assert not lines_of(err), err
        assert code != 1 or arguments[0] in ("render-all", "gallery", "doctor"), out
        assert not new or (code in (0, 1) and all(map(may_write, new))), new
        outside = [path for path in watch.seen if not Path(path).is_relative_to(self.root) and not may_write(path)]
        assert not outside, outside
        return code

    def _timed(self, arguments: list[str]) -> tuple[float, int, str, str]:
        watch.seen.clear()
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", e, "") for e in ("strict", "backslashreplace"))

        def hung(*_: object) -> None:
            raise Hung

        signal.signal(signal.SIGALRM, hung)
        signal.setitimer(signal.ITIMER_REAL, HUNG)
        start = time.perf_counter() - stood_in_line()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                watch.active = True
                code = cli.main(arguments)
        except Reached:
            code = -1
        except SystemExit as help:
            code = help.code
        finally:
            watch.active = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        seconds = time.perf_counter() - stood_in_line() - start
        said = []
        for stream in (out, err):
            stream.flush()
            said.append(stream.buffer.getvalue().decode())
        assert code in (-1, 0, 1, 2), code
        return seconds, code, *said


def stood_in_line() -> float:
    """Seconds that this thread could have run and others did, where the system tells: no fault of a case."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def furnish(here: Path) -> None:
    """All kinds of files, good and bad."""
    for name in os.listdir(here):
        shutil.rmtree(here / name) if (here / name).is_dir() else (here / name).unlink()
    for name in ("scene.toml", "a b.toml", "-rf.toml", "😀.toml", "%d.toml", 'it\'s "so".toml', "two\nlines.toml"):
        (here / name).write_text(TINY)
    (here / "wrong.toml").write_text(TINY.replace("kernel_size = 2", "kernel_size = 0"))
    (here / "empty.toml").touch()
    (here / "binary.toml").write_bytes(bytes(range(256)))
    (here / "large.toml").write_bytes(b"#" * 1_000_001)
    for name in ("folder", "folder.toml", "folder.gif", "folder.png", "scenes"):
        (here / name).mkdir()
    (here / "scenes" / "one.toml").write_text(TINY)
    (here / "scenes" / "wrong.toml").write_text("[input]")
    for name in ("pipe", "pipe.toml", "pipe.png", "pipe.onnx", "pipe.npz"):
        os.mkfifo(here / name)
    (here / "link.gif").symlink_to("old.gif")
    (here / "circle.gif").symlink_to("circle.gif")
    (here / "circle.toml").symlink_to("circle.toml")
    (here / "nowhere.gif").symlink_to("absent/old.gif")
    (here / "old.gif").write_bytes(b"older")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(here / "photo.png")
    (here / "huge.png").write_bytes(huge_png())
    (here / "text.png").write_text("no picture")
    np.savez(here / "numbers.npz", x=np.ones((2, 3, 3)), objects=np.array([{}], object), nan=np.full((2, 3, 3), np.nan))
    (here / "broken.npz").write_bytes((here / "numbers.npz").read_bytes()[:300])
    for path in (path for path in FOLDER.iterdir() if path.suffix in (".npz", ".png")):
        shutil.copy(path, here)
    (here / "net.onnx").write_bytes(network())
    (here / "broken.onnx").write_bytes(network()[:-40])


def huge_png() -> bytes:
    """A few bytes that claim to be 60,000 x 60,000 pixels."""
    body = b"IHDR" + (60_000).to_bytes(4) * 2 + bytes((8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def network() -> bytes:
    weight = helper.make_tensor("w", TensorProto.FLOAT, (2, 1, 3, 3), [0.5] * 18)
    shapes = ("x", (1, 1, 6, 6)), ("z", (1, 2, 4, 4))
    x, z = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], name="conv"),
        helper.make_node("Relu", ["y"], ["z"], name="-rf"),
    ]
    return onnx.helper.make_model(helper.make_graph(nodes, "net", [x], [z], [weight])).SerializeToString()


def lines_of(said: str) -> list[str]:
    """What is said beside progress."""
    beside = ("convmotion progress ", "convmotion: a gallery without interactive pages")
    return [line for line in re.split("[\r\n]", said) if line.strip() and not line.startswith(beside)]


def render_all_here(commands: Any, at_once: int, ended: Callable[[Outcome], object]) -> list[Outcome]:
    """What `render_all` does, in this process: each scene's command, of three at most, gets exactly the same words."""
    del at_once
    outcomes = [Outcome(scene, trouble="left out") for scene, _ in commands[3:]]
    for scene, words in commands[:3]:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.suppress(Reached):
            cli.main(["render", *words, "--progress", "--", scene])
        lines = lines_of(said.getvalue())
        assert len(lines) <= 1, lines
        outcomes.append(
            Outcome(scene, 1, trouble=lines[0].removeprefix("convmotion: ") if lines else "ready to render")
        )
        ended(outcomes[-1])
    return outcomes


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = tmp_path_factory.mktemp("ground")
    here = root / "here" / "in" / "deep"
    here.mkdir(parents=True)
    (root / "tmp").mkdir()
    furnish(here)

    def reached(*_: object) -> None:
        raise Reached

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(tempfile, "tempdir", str(root / "tmp"))
        patch.setenv("TMPDIR", str(root / "tmp"))
        patch.setattr(film, "run", reached)
        patch.setattr(cli, "render_all", render_all_here)
        before = signal.getsignal(signal.SIGALRM)
        yield Ground(root, here, Figures())
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def figures(ground: Ground, request: pytest.FixtureRequest) -> Iterator[None]:
    ground.figures.ends.clear()
    ground.figures.longest = (0.0, "")
    yield
    print(f"\n{ground.figures.told(request.node.name)}")


# --- scene files

TEXTS = [
    *("", " ", "-rf", "--", "%", "%s%n%d", "a\nb", "\x00", "\x1b[2J", '"', "'", "\\", "`id`", "$(id)", "{0}"),
    *(
        "a:b='c',d",
        "😀",
        "\u202eabc",
        "e\u0301" * 40,
        "\ud800",
        "１２",
        "x" * 121,
        "长" * 5000,
        "\u2028",
        "\ufeff",
        "\x7f",
    ),
    *("random", "ramp", "same", "zeros", "input", "sobel-x", "gaussian", "matrix", "im2col", "gather", "partial", "en"),
    *("light", "cone", "usage", "values", "filter", "dolly", "Conv2d", "Concat", "Add", "Linear", "None", "nan"),
]
PATHS = [
    *("photo.png", "text.png", "huge.png", "pipe.png", "folder.png", "absent.png", "numbers.npz", "broken.npz"),
    *("pipe.npz", "../../../etc/passwd", "/etc/passwd", "/dev/zero", "/dev/null", "/proc/self/mem", ".", "..", "/", ""),
    *("x" * 300, "x" * 2000, "\x00", "a\nb.png", "http://localhost/x.png", "file:///etc/passwd", "circle.gif"),
    *("<screen>", "-rf.png", "imageio:chelsea.png", "<bytes>", "photo.png/x", "net.onnx", "scene.toml"),
    *("numbers.npz/x.npy", "photo.png\u0000"),
]
NUMBERS = [
    *(0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 100, 1000, 4096, 10**5, 10**6, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, -1),
    *(-2, -3, -(2**31), -(2**63), 0.0, -0.0, 0.5, 1.0, 2.5, 12.0, 3600.0, 1e9, 1e300, 5e-324, float("nan")),
    *(float("inf"), -float("inf"), Literal("9" * 30), Literal("1" + "0" * 5000), Literal("0xffff"), Literal("1_0")),
    *(Literal("1979-05-27"), Literal("1979-05-27T07:32:00Z"), Literal("07:32:00"), Literal("0o17"), Literal("+5")),
    *(True, False),
]


def deep(levels: int, inside: Any = 1) -> Any:
    return Literal("[" * levels + str(inside) + "]" * levels)


NESTED: list[Any] = [
    *([], {}, [[]], [{}], [[], []], [1], [1, 1], [2, 2], [0, 0], [1, 2, 3], [1] * 6, [3, 8, 8], [2, 3, 9, 9]),
    *([2, 5, 5, 5], [8, 9], [1, 28, 28], [1, 2, 3, 4, 5, 6], [10**9] * 3, [2**31 - 1] * 5, [2**62] * 4, [1, 1, 10**6]),
    *([10**5, 1, 1], [1000, 1000, 1000], [64, 224, 224], [3, 2000, 2000], [1, 1, 1], [-1, -1], [1.5, 2.5]),
    *([True, False], ["a", 1], [[[0.0] * 3] * 3] * 2, [[1, 2], [3]], [[[1, "x"]]], [0] * 5000, deep(20), deep(40)),
    *(deep(3000), deep(90_000, ""), [float("nan")] * 2, [1, "input"], ["input", "input"], [1, 2], {"en": ""}),
    *({"en": "a", "zh": "中", "de": "x"}, {"zh": "只有"}, {"a": {"b": {"c": {}}}}, {"image": "photo.png"}),
    *({"file": "numbers.npz", "name": "x"}, {"": 1}, {"file": "numbers.npz", "name": "objects"}),
    *({"file": "numbers.npz", "name": "nan"}, {"file": "numbers.npz"}, {"image": 1}),
    *({"image": "photo.png", "file": "numbers.npz"}, {"file": [], "name": {}}),
]
KEYS = [
    *("", "op", "shape", "values", "seed", "title", "stage", "input", "look", "time", "show", "weight", "bias", "view"),
    *("from", "name", "offset", "kernel_size", "stride", "padding", "dilation", "groups", "in_channels"),
    *("out_channels", "order", "seconds", "camera", "theme", "apart", "note", "place", "padding_mode"),
    *("output_padding", "ceil_mode", "__class__", "a.b", "a b", "中", "-rf", "x" * 500, "en", "scale_factor", "mode"),
    *("output_size", "size", "dim", "affine", "eps", "device", "dtype", "start_dim", "upscale_factor"),
    *("downscale_factor", "count_include_pad", "divisor_override"),
]
LETTERS = "ab zZ09-_.,:;=%/\\'\"`$(){}[]#*?!<>|&~\t\n\r\x1b\x7f\u00e9\u4e2d\u202e\u2028\U0001f600\ufeff\udcff"


def text(rng: Random, most: int = 12) -> str:
    return "".join(rng.choices(LETTERS, k=rng.randint(0, most)))


def odd_value(rng: Random) -> Any:
    """What hardly any key may be."""
    kind = rng.randrange(9)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind < 4:
        return deepcopy(rng.choice(NESTED))
    if kind == 4:
        return rng.choice(TEXTS)
    if kind == 5:
        return text(rng)
    if kind == 6:
        return {"image": rng.choice(PATHS)}
    if kind == 7:
        return {"file": rng.choice(PATHS), "name": rng.choice(["x", "objects", "nan", "", "../x", "a" * 200])}
    return [rng.randint(-3, 12) for _ in range(rng.randint(0, 5))]


BASES = [TINY, DILATED, BATCHED_FILTERWISE, CHAIN, *(path.read_text() for path in sorted(FOLDER.glob("*.toml")))]
PARAMETERS: dict[str, Sequence[Any]] = {
    **dict.fromkeys(("kernel_size", "stride", "padding", "dilation", "output_padding"), (0, 1, 1, 2, 2, 3, 4)),
    **dict.fromkeys(("out_channels", "groups", "channel_multiplier", "out_features"), (1, 2, 4)),
    **dict.fromkeys(("upscale_factor", "downscale_factor", "scale_factor", "size", "output_size"), (1, 2, 3, 4)),
    **dict.fromkeys(("ceil_mode", "count_include_pad", "bias"), (True, False)),
    "from": ("input", 1, 2, [1, "input"], [1, 2], ["input", "input"]),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "view": ("gather", "matrix", "im2col", "partial", "whole", "scatter"),
    "mode": ("nearest", "bilinear", "linear"),
    "weight": ("random", "sobel-x", ["sobel-x", "laplacian"]),
    "name": ("a map", "-rf", "100 %"),
}
SHOWN = ("lines", "ghosts", "values", "formula", "table", "cone", "usage")
FITTING: dict[str, dict[str, Sequence[Any]]] = {
    "input": {
        "shape": ([2, 3, 3], [3, 9, 9], [1, 6, 5], [2, 2, 5, 5], [4, 9], [1, 3, 4, 5], [64, 14, 14], [7]),
        "values": (
            "random",
            "ramp",
            {"image": "photo.png"},
            {"image": "pipe.png"},
            {"file": "numbers.npz", "name": "x"},
        ),
        "seed": range(9),
    },
    "time": {"seconds": (1, 1.5, 12.0, 60), "order": ("position", "filter")},
    "look": {
        "camera": ("isometric", "still", "dolly", "perspective", "turntable"),
        "theme": ("light", "dark"),
        "show": ([], SHOWN, SHOWN[2:5], SHOWN[5:], ["values", "values"]),
        "apart": (True, False),
    },
    "": {
        "title": ("-rf", "100 %d", 'it\'s "so"', "😀", "\\n", "a: b=c,[d]", "", {"en": "a", "zh": "中"}),
        "note": ("", "%{expr}", "'"),
        "place": range(1, 9),
    },
}
"""What may well stand in each table."""


def change(rng: Random, table: dict[str, Any]) -> None:
    """Change one thing into another one that may be."""
    stages = [stage for stage in table.get("stage", ()) if isinstance(stage, dict)]
    if stages and rng.random() < 0.6:
        place = rng.choice(stages)
        op = OPERATIONS.get(place["op"]) if isinstance(place.get("op"), str) else None
        own = {*(parameters_of(op) if op else ()), "name"}
        names = {name: values for name, values in PARAMETERS.items() if name in own or rng.random() < 0.03}
        known = [name for name in names if name in place]
        name = rng.choice(known if known and rng.random() < 0.8 else sorted(names))
    else:
        where = rng.choice(sorted(FITTING))
        place, names = (table.setdefault(where, {}) if where else table), FITTING[where]
        name = rng.choice(sorted(names))
    place[name] = deepcopy(rng.choice(names[name]))


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all that a table holds."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:4]) if isinstance(value, list) else ()
    for key, inside in entries:
        yield (*path, key)
        yield from spots(inside, (*path, key))


def mutate(rng: Random, table: dict[str, Any]) -> None:
    """Change one thing into what may not be."""
    known = list(spots(table))
    *way, key = rng.choice(known) if known else [rng.choice(KEYS)]
    place: Any = table
    for step in way:
        place = place[step]
    kind = rng.choice(["odd", "odd", "odd", "near", "near", "drop", "rename", "add", "wrap", "double"])
    if kind == "near" and isinstance(place.get(key) if isinstance(place, dict) else place[key], int | float):
        value = place[key]
        place[key] = rng.choice([value + 1, value - 1, -value, value * 2, value * 1000, value + 0.5, str(value)])
    elif kind in ("odd", "near") or not known:
        place[key] = odd_value(rng)
    elif kind == "drop":
        del place[key]
    elif kind == "rename" and isinstance(place, dict):
        place[rng.choice(KEYS)] = place.pop(key)
    elif kind == "add" and isinstance(place, dict):
        place[rng.choice([*KEYS, text(rng)])] = odd_value(rng)
    elif kind == "double" and isinstance(place, list):
        place.insert(key, place[key])
    else:
        place[key] = [place[key]]


def chain(rng: Random) -> dict[str, Any]:
    """A chain of any operations, which need not fit."""
    stages = []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        op = OPERATIONS[rng.choice(sorted(OPERATIONS))]
        own = [name for name in parameters_of(op) if name in PARAMETERS]
        names = {*required(op), *rng.sample(own, rng.randint(0, min(3, len(own))))}
        stages.append({"op": op.__name__, **{name: rng.choice(PARAMETERS.get(name, (1, 2))) for name in sorted(names)}})
        if op.SEVERAL:
            stages[-1]["from"] = rng.choice(PARAMETERS["from"])
        for follows in ("in_channels", "in_features", "num_features"):
            stages[-1].pop(follows, None)
    shape = rng.choice([[2, 6, 6], [4, 6, 6], [4, 9], [2, 4, 5, 5], [1, 5, 6, 6], [8, 4, 4], [3]])
    return {"input": {"shape": list(shape)}, "stage": stages}


SPLICES = [
    *("[", "]", "{", "}", "=", "\n", '"', "'''", '"""', "#", ",", ".", "\x00", "\r", "\ufeff", "😀", "[[stage]]\n"),
    *("[input]\n", "a.b.c = 1\n", "a" + ".a" * 300 + " = 1\n", "[" * 2000, "1" * 5000, "\\u0000", "\\UFFFFFFFF", "nan"),
    *("-inf", "[stage]\n", "stage = 1\n", "inf", "0x", "1e400", "\t", "\u2028", "input.shape = [1]\n"),
    *("[a" + ".b" * 150 + "]\n", "{" * 500),
]


def splice(rng: Random, text_before: str) -> str:
    """Write over a number, or over some letters."""
    numbers = [*re.finditer(r"(?<![\w.-])[0-9]+", text_before)]
    if numbers and rng.random() < 0.5:
        at, after = rng.choice(numbers).span()
        put = value_of(rng.choice([*NUMBERS, rng.randint(0, 40)]))
    else:
        at = rng.randint(0, len(text_before))
        after = at + rng.choice([0, 0, 1, 2, 10])
        put = rng.choice([*SPLICES, text(rng, 4), text_before[at : at + 60]])
    return text_before[:at] + put + text_before[after:]


def scene_file(rng: Random) -> bytes:
    """A valid file, or one of any operations, in which things are changed; and then letters."""
    form = rng.choice(["table", "table", "table", "chain", "chain", "text", "both"])
    written = rng.choice(BASES)
    if form != "text":
        table = chain(rng) if form == "chain" else tomllib.loads(written)
        for _ in range(rng.randint(0, 4)):
            change(rng, table)
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3])):
            mutate(rng, table)
        written = toml_of(table)
    for _ in range(rng.randint(1, 2) if form in ("text", "both") else 0):
        written = splice(rng, written)
    data = written.encode("utf-8", "surrogatepass")
    if form == "both" and rng.random() < 0.2:
        at = rng.randint(0, len(data))
        data = data[:at] + rng.randbytes(rng.randint(0, 4)) + data[at + 1 :]
    return data


ON_A_FILE = (
    "explain",
    "explain --json --lang zh",
    "render -o x.gif --size 160x96 --fps 5",
    "render -o x.png --lang zh",
    "render -o x.webp --size 96x160 --fps 3 --theme dark --transparent --quality draft",
)


@fuzzed
@given(st.randoms(use_true_random=True))
def test_any_scene_file_is_shown_or_refused(ground: Ground, figures: None, rng: Random) -> None:
    data, (command, *words) = scene_file(rng), rng.choice(ON_A_FILE).split()
    note(f"{command} {words} {data!r}")
    (ground.here / "fuzzed.toml").write_bytes(data)
    try:
        ground.run([command, "fuzzed.toml", *words])
    finally:
        (ground.here / "fuzzed.toml").unlink()


# --- command lines

WORDS = [
    *("", " ", "-", "--", "-rf", "-o", "-h", "--help", "%", "%d", "%s%n", "a\nb", "\n", "\t", '"', "'", "`id`"),
    *(
        "$(id)",
        "; ls",
        "😀",
        "日本",
        "\u202e",
        "\udcff",
        "e\u0301",
        "x" * 300,
        "x" * 20_000,
        "nan",
        "inf",
        "-1",
        "0",
        "1",
    ),
    *("2", "99", "100", "1e999", "9" * 400, "0x10", "１", "1_0", "1.5", "..", ".", "/", "../../x", "folder"),
    *("folder.toml", "pipe", "pipe.toml", "http://x", "tcp://127.0.0.1:1", "file:///etc/passwd", "concat:a|b.mp4"),
    *("pipe:1", "@scene.toml", "=", "a=b", "\\", "*", "scene.toml", "standard", "Conv2d(2, 2, 3)", "8x7x7", "1:50"),
    *("5MB", "en", "draft", "--size", "--list", "--json", "\r"),
]
SCENES = [
    *("scene.toml", "a b.toml", "-rf.toml", "./-rf.toml", "😀.toml", "%d.toml", 'it\'s "so".toml', "two\nlines.toml"),
    *("standard", "wrong.toml", "empty.toml", "binary.toml", "large.toml", "folder.toml", "folder", "pipe.toml"),
    *("circle.toml", "scenes", "../deep/scene.toml", "photo.png", "net.onnx", "Standard", "standard.toml", "catalog"),
    *("/dev/null", "/dev/zero", "conv1d"),
]
OUTS = [
    *("x.gif", "x.mp4", "x.webm", "x.webp", "x.png", "x.blend", "x.html", "%03d.png", "%d.png", "%%.png", "%s.png"),
    *("%100000d.png", "x.MP4", "-rf.gif", "😀.gif", "a b.gif", "a\nb.gif", "%.gif", 'it\'s "so".mp4', "old.gif"),
    *("link.gif", "circle.gif", "nowhere.gif", "folder.gif", "folder.png", "folder", "scene.toml/x.gif"),
    *("absent/x.gif", "../x.gif", "/proc/x.gif", "/dev/null", "/dev/full/x.gif", "pipe:x.mp4", "concat:x.mp4"),
    *("http://x/x.mp4", ".gif", "..gif", "x.", "x.avi", "-", "", "scene.toml", "photo.png", "x" * 250 + ".gif"),
    *("x" * 300 + ".gif", "\udcff.gif", "x.yaml", "job.yml", "x\\y.gif", "pipe.png"),
]
LINES = [
    *("nn.Conv2d(2, 2, 3)", "Conv2d(2,4,3,padding=1); ReLU(); MaxPool2d(2)", "Linear(4, 2)"),
    *("nn.Sequential(nn.Conv2d(2, 2, 1))", "", "Conv2d", "Conv2d()", "Conv2d(2, 2, 10**9)"),
    *("Conv2d(2, 2, 999999999999)", "Conv2d(2,2,3,groups=-1)", "__import__('os')", "open('x','w')"),
    *("Conv2d(2,2,3,weight=open('x','w'))", "(" * 300, "Conv2d(" * 100, "a.b.c.d()", "lambda: 1", "x" * 10_001),
    *("Conv2d(2,2,3)\n" * 501, "Conv2d(2, 2, 3", "[Conv2d(2,2,3)]", "Conv2d(*[2,2,3])", "Conv2d(**{'a':1})"),
    *("Conv2d(2,2,float('nan'))", "Conv2d(2,2,1e400)", "Conv2d(2,2,-3)", "Conv2d(2,2,'3')", "Conv2d(2,2,(3,3,3))"),
    *("Conv2d(True, 2, 3)", "a = Conv2d(2, 2, 3)", "(0): Conv2d(2, 2, kernel_size=(3, 3))\n(1): ReLU(inplace=True)"),
    *("Softmax(dim=1)", "ConvTranspose2d(2, 2, 2, 2)", "-rf", "Flatten(), Linear(98, 3)", "BatchNorm2d(2)"),
    *("Upsample(scale_factor=2)", "DeformConv2d(2,2,3)", "Pad([(1,1)])", "Add()"),
]
SHAPES = [
    *("2x7x7", "8x7x7", "2x4x4", "1x2x5x5", "2x1x1", "2x99999x99999", "2x9999999999999999999x1", "0x1x1", "2x7", "2"),
    "2x-1x3",
]
NAMES = [
    *("mine", "mine.toml", "scene", "-rf", "--", "😀", "a b", "a\nb", "", ".toml", ".", "..", "../mine", "absent/mine"),
    "x" * 260,
]
OPTIONS: dict[str, tuple[list[str], list[str]]] = {
    "--size": (["96x64", "64x64"], ["63x64", "7680x7680", "7681x1", "0x0", "96X64", "96x", "-1x-1"]),
    "--fps": (["1", "5", "29.97"], ["121", "0", "0.5", "-1"]),
    "--quality": (["draft", "standard", "final"], ["best"]),
    "--frames": (["1:1", "1:2"], ["2:1", "0:1", "1:999999999", "1", ":", "1:2:3"]),
    "--max-bytes": (["5MB", "1.5MiB", "1kB"], ["1", "0", "999999999999GB", "-5MB", "5 MB", "5mb", "iB"]),
    "--codec": (["vp9", "av1"], ["h264"]),
    "--lang": (["en", "zh"], ["de"]),
    "--theme": (["light", "dark"], ["pink"]),
    "--all-cells": ([], []),
    "--transparent": ([], []),
    "--engine": (["cycles", "eevee", "workbench"], ["gl"]),
    "--device": (["auto", "cpu"], ["gpu", "tpu"]),
    "--workers": (["1", "99"], ["0", "100"]),
    "--cores": (["1", "2"], ["0"]),
    "--dask": (["tcp://127.0.0.1:1"], ["absent.json", "-rf", "a b", ""]),
    "--timeout": (["1", "600"], ["0.5", "1e9"]),
    "--chunk": (["1", "99"], ["0"]),
    "--whole-frames": ([], []),
    "--cache": (["folder", "cache"], ["scene.toml", "/dev/null", "../up", "x/../../y", ""]),
    "--cache-size": (["2GB", "1"], ["0"]),
    "--json": ([], []),
    "--packages": ([], []),
    "--progress": ([], []),
    "--list": ([], []),
    "--overview": ([], []),
    "--layer": (["conv", "-rf", "conv..-rf"], ["..", "absent", "conv..", ""]),
    "--image": (["photo.png"], ["text.png", "huge.png", "pipe.png", "folder.png", "/dev/zero", ""]),
    "--mean": (["0.5"], ["0.1,0.2,0.3", "1,2", "nan", "-1"]),
    "--std": (["0.5"], ["0", "-1", "1,1,1"]),
    "--seed": (["0", "999999999"], ["-1", "1e9"]),
    "--seconds": (["1", "1.5", "12"], ["0.5", "3601", "1e3", "nan"]),
    "--input": (["2x5x5", "1x2x5x5", "2x9x4"], SHAPES),
    "-o": (
        [
            "x.gif",
            "x.mp4",
            "x.html",
            "x.webp",
            "%03d.png",
            "old.gif",
            "-rf.gif",
            "😀.gif",
            "a\nb.gif",
            'it\'s "so".mp4',
        ],
        OUTS,
    ),
    "--output": (["x.webm", "x.png", "x.blend"], OUTS),
    "--sheet": (["s.png"], OUTS),
    "--format": (["gif", "gif,mp4", ".gif", "GIF", "blend,png"], ["gif,,mp4", "avi", ","]),
    "--at-once": (["1", "2"], ["0"]),
}
"""Of each what is well, if it takes a word, and what is not."""
KNOWN = list(OPTIONS)
LOOKS = KNOWN[: KNOWN.index("--json")]
MODELS = KNOWN[KNOWN.index("--list") : KNOWN.index("--output")]
HEADS: dict[str, tuple[list[str] | None, list[str]]] = {
    "list": (None, ["--json", "--lang"]),
    "explain": (SCENES, ["--json", "--lang", "--fps"]),
    "render": (SCENES, ["-o", "--sheet", "--progress", *LOOKS]),
    "render-all": (SCENES, ["-o", "--format", "--sheet", "--at-once", *LOOKS]),
    "gallery": (SCENES, ["-o", "--at-once", *LOOKS]),
    "job": (SCENES, ["-o", "--format", *LOOKS]),
    "op": (LINES, ["--input", "-o", *LOOKS]),
    "model": (
        ["net.onnx", "broken.onnx", "pipe.onnx", "folder", "scene.toml", "absent.onnx", "/dev/zero"],
        ["--json", *MODELS],
    ),
    "new": (NAMES, []),
    "doctor": (None, ["--json", "--packages"]),
}
USUAL = {
    "render": ["-o", "y.gif", "--size", "96x64", "--fps", "4"],
    "render-all": ["--size", "96x64", "--fps", "4", "-o", "made"],
    "gallery": ["--size", "96x64", "--fps", "4", "-o", "shown"],
    "job": ["-o", "job.yaml", "--cache", "c", "--size", "96x64", "--fps", "4"],
    "op": ["--input", "2x5x5", "-o", "y.gif", "--size", "96x64", "--fps", "4"],
    "model": ["--list"],
}
RARE = ("model", "doctor")
"""They start processes, and take a second."""
MOSTLY = 9
"""As many of the things that a command is about are well."""
COMMANDS = [name for name in HEADS for _ in range(1 if name in RARE else 8)]


def word(rng: Random, good: Sequence[str], odd: Sequence[str]) -> str:
    """Mostly what is well, then what is known to be odd, then anything."""
    luck = rng.random()
    if luck < 0.8 and good:
        return rng.choice(good)
    if luck < 0.94 and odd:
        return rng.choice(odd)
    return rng.choice([*WORDS, text(rng).replace("/", "")])


def command_line(rng: Random) -> list[str]:
    name = rng.choice(COMMANDS)
    things, options = HEADS[name]
    line = [] if things is None else [word(rng, things[:MOSTLY], things)]
    line += USUAL.get(name, []) if rng.random() < 0.8 else []
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 5])):
        option = rng.choice(options if options and rng.random() < 0.95 else list(OPTIONS))
        good, odd = OPTIONS[option]
        if not good or (option == "--sheet" and name == "render-all"):
            line.append(option)
            continue
        value = word(rng, good, odd)
        line += [f"{option}={value}"] if rng.random() < 0.5 and option.startswith("--") else [option, value]
    if rng.random() < 0.1:
        line.insert(rng.randint(0, len(line)), word(rng, (), ()))
    return [word(rng, (), ()) if rng.random() < 0.02 else name, *line]


@fuzzed
@given(st.randoms(use_true_random=True))
def test_any_command_line_is_done_or_refused(ground: Ground, figures: None, rng: Random) -> None:
    line = command_line(rng)
    note(repr(line))

    def named(path: str) -> bool:
        """What is asked for, and made without Blender: by `new`, `job`, `render-all` and `gallery`, and pages."""
        wanted = [*line[1:], *(word.partition("=")[2] for word in line), "out", "site"]
        places = [os.path.abspath(word + end) for word in wanted for end in ("", ".toml")]
        if line[0] == "gallery":
            return any(Path(path).is_relative_to(place) for place in places if place != os.getcwd())
        return (line[0] in ("new", "job", "render-all") or path.endswith(".html")) and path in places

    ground.run(line, named)
