"""The command line: ``convmotion list | explain | render | render-all | gallery | job | op | model | new | doctor``.

Exit codes: 0 done; 2 the request is wrong (one line on stderr); 1 anything else; 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import re
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from tqdm import tqdm

from ..conv_math import ConvMathError
from ..scenes import (
    Scene,
    SceneError,
    Storyboard,
    catalog_names,
    compose,
    explain,
    find_scene,
    load_catalog,
    photo_of,
    scene_from_lines,
    with_photo,
    write_new,
)
from ..scenes.compose import MAX_CELLS
from ..scenes.counts import count_cells
from ..scenes.explain import explain_text
from ..scenes.network import SECONDS, TO, Network, scene_of, table_of
from ..scenes.overview import Overview, overview_of
from ..scenes.photo import scaled_to
from ..scenes.scenefile import LANGUAGES, MAX_SECONDS, THEMES, Text, shown
from . import doctor, embed, encode, gallery, glb, page, pictures, sheet
from .cluster import Cluster
from .errors import FrameError, RenderError, RequestError
from .film import make
from .frames import CHUNK, FramePlan
from .jobs import PATIENCE, Here, Job
from .many import CATALOG, Outcome, name_of, render_all, scenes_of
from .network import read_network
from .openjd import template
from .slots import Slots, share_of, slots_folder
from .stops import answered
from .store import MOST_BYTES, FrameStore, default_folder

QUALITIES = ("draft", "standard", "final")
ENGINES = ("cycles", "eevee", "workbench")
DEVICES = ("auto", "cpu", "gpu")
PAGE = ".html"
OUTPUTS = (*encode.KNOWN_ENDINGS, ".blend", glb.ENDING, PAGE)
OPAQUE = (".mp4",)
"""Those without transparency."""
WHERE = ("workers", "cores", "dask", "timeout", "cache", "cache_size")
"""Options that say where and how pictures are rendered, and not what is in them."""
ON_PAGES = ("fps", "lang", "theme", "all_cells")
"""Options that say something to a page, too, which draws its pictures itself."""
LEAST_SIDE, MOST_SIDE = 64, 7680
MOST_FPS = 120.0
WAITING = "waiting for other renders"
BYTES_PER_CELL = 2500
"""What a cell takes in memory while it is rendered: 2.5 GB were measured at a million."""
BYTES_PER_WORKER = 500_000_000
"""What a process takes without any cell."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a title must not fail where the terminal lacks its letters
        sys.stdout.reconfigure(errors="backslashreplace")
    code = _run(argv)
    try:
        print(end="", flush=True)  # what fails is to fail here, and not after the exit code is settled
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries, and complains, once more
        return code or (1 if isinstance(error, BrokenPipeError) else _fail(error, 1))
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        with _stoppable():
            arguments = _parser().parse_args(argv)
            return arguments.run(arguments)
    except (RequestError, SceneError, ConvMathError) as error:
        return _fail(error, 2)
    except RenderError as error:
        return _fail(error, 1)
    except KeyboardInterrupt as stop:
        return _fail("interrupted", *stop.args or (130,))
    except BrokenPipeError:  # the reader of our output has left
        return 1
    except (OSError, MemoryError) as error:
        return _fail(f"{type(error).__name__}: {error}", 1)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end a command by the same way out, which leaves nothing behind; KeyboardInterrupt(exit code).

    The first one counts: people press Ctrl-C twice, and the second must not cut the tidying short.
    """

    def stop(number: int, _: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(each) is stop:
                signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(128 + number)

    with answered(stop):
        yield


def _fail(error: object, code: int) -> int:
    print(f"convmotion: {' '.join(str(error).split())}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise RequestError(message)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        if action.option_strings and action.nargs is None and arg_strings == ["--"]:  # up to Python 3.12 it made []
            raise RequestError(f"argument {'/'.join(action.option_strings)}: expected one argument")
        return super()._get_values(action, arg_strings)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("convmotion", description="Turns any convolution into a correct 3D animation.", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, help: str, run: Any) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    listing = command("list", "the animations of the catalog", _list)
    listing.add_argument("--json", action="store_true", help="as a list of objects with name and title")
    listing.add_argument("--lang", choices=LANGUAGES, default="en")

    telling = command("explain", "shapes, parameters, steps and frames of a scene, without rendering it", _explain)
    telling.add_argument("scene", metavar="SCENE", help="a name from the catalog, or the path of a scene file")
    telling.add_argument("--json", action="store_true")
    telling.add_argument("--lang", choices=LANGUAGES, default="en")
    telling.add_argument("--fps", type=_fps, default=30.0)

    rendering = command("render", "render a scene", lambda a: _render(_scene(a.scene), a, ["render", a.scene]))
    rendering.add_argument("scene", metavar="SCENE", help="a name from the catalog, or the path of a scene file")
    _add_render_options(rendering)

    all_of_them = command("render-all", "render many scenes; one that fails does not stop the others", _render_all)
    _add_render_all_options(all_of_them)

    shown = command("gallery", "a folder with a page of many scenes, to be opened or put on the web", _gallery)
    _add_gallery_options(shown)

    farmed = command("job", "a template of Open Job Description: render a scene's chunks on a farm, then encode", _job)
    _add_job_options(farmed)

    pasted = command("op", "render the line from your model, such as 'nn.Conv2d(8, 8, kernel_size=3)'", _op)
    pasted.add_argument("line", metavar="LINE", help="one or more layers as PyTorch writes them")
    pasted.add_argument("--input", type=_shape, required=True, metavar="CxHxW", help="the input's shape, such as 8x7x7")
    _add_render_options(pasted)

    model = command(
        "model", "the layers of an ONNX model, or an animation of one of them, with its true weights", _model
    )
    _add_model_options(model)
    _add_render_options(model)

    starting = command("new", "write a scene file to start from, with all that it may say in remarks", _new)
    starting.add_argument("name", metavar="NAME", help="writes NAME.toml, which must not be there yet")

    checking = command("doctor", "what this machine has and lacks, and the line that mends it", _doctor)
    checking.add_argument("--json", action="store_true")
    checking.add_argument("--packages", action="store_true", help="only the system packages that are missing")
    return parser


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=Path, metavar="NET.onnx", help="an ONNX file; weights may be in files beside it")
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--list", action="store_true", help="print a table of its layers")
    wanted.add_argument(
        "--layer",
        metavar="NAME",
        help=f"animate this layer, as --list calls it, or FIRST{TO}LAST: from one to another with all between, "
        "in which a batch norm becomes part of the convolution before it",
    )
    add(
        "--overview",
        action="store_true",
        help="show the whole network as blocks, along which a camera travels; with --layer it dives into that one, "
        "whose animation follows",
    )
    add("--json", action="store_true", help="with --list: as a list of objects")
    add(
        "--input",
        type=_any_shape,
        metavar="NxCxHxW",
        help="the shape of the model's input, such as 1x3x224x224, where it leaves it open",
    )
    add(
        "--image",
        type=Path,
        metavar="PICTURE",
        help="run the model on the middle of this picture, scaled to its input, in values from 0 to 1, "
        "up to the layer; without it the layer's input is random",
    )
    add("--mean", type=_numbers, metavar="R,G,B", help="what is subtracted from the picture's channels (default 0)")
    add("--std", type=_numbers, metavar="R,G,B", help="what they are divided by after that (default 1)")
    add("--seed", type=_seed, default=0, metavar="N", help="of the random input (default 0)")
    add(
        "--seconds",
        type=_seconds,
        help="how long the animation is (default 15; of an overview, as long as it takes to read); "
        "with --overview --layer the layer's alone, after the way there",
    )


def _add_render_all_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "scenes",
        nargs="+",
        metavar="SCENES",
        help=f"{CATALOG}, a folder of scene files, or single scenes as render takes them",
    )
    add("-o", "--output", type=_folder, default=Path("out"), metavar="DIR", help="where the files go (default: out)")
    add(
        "--format",
        type=_endings,
        default=(".gif",),
        metavar="gif,mp4",
        help=f"one or more of {' '.join(ending[1:] for ending in OUTPUTS)} (default: gif)",
    )
    add("--sheet", action="store_true", help="and SCENE-sheet.png: some moments side by side")
    _add_options_of_each(parser)


def _add_gallery_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "scenes",
        nargs="*",
        metavar="SCENES",
        help=f"what render-all takes (default: {CATALOG})",
    )
    add(
        "-o",
        "--output",
        type=_folder,
        default=Path("site"),
        metavar="DIR",
        help="where the gallery goes (default: site)",
    )
    _add_options_of_each(parser)


def _add_options_of_each(parser: argparse.ArgumentParser) -> None:
    """How several scenes are rendered: what is handed on to each render of them."""
    help = "scenes that are in work side by side (default: one per core)"
    parser.add_argument("--at-once", type=_count, metavar="N", help=help)
    parser.set_defaults(handed_on=_add_look_options(parser))


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("scene", metavar="SCENE", help="a name from the catalog, or the path of a scene file")
    add("-o", "--output", type=Path, required=True, metavar="YAML", help="the template, such as job.yaml")
    add(
        "--format",
        type=_endings,
        default=(".gif",),
        metavar="gif,mp4",
        help=f"what to write in the end: one or more of {' '.join(ending[1:] for ending in OUTPUTS)} (default: gif)",
    )
    parser.set_defaults(handed_on=_add_look_options(parser))


def _add_render_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-o",
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="OUT",
        help=f"by ending: {' '.join(OUTPUTS)}",
    )
    add(
        "--sheet",
        type=Path,
        action="append",
        default=[],
        metavar="PNG",
        help="title, first step, some moments and the end side by side in one picture",
    )
    parser.set_defaults(handed_on=_add_look_options(parser))
    add(
        "--embed",
        action="store_true",
        help=f"print what shows each output in a slide or on a page, in HTML ({' '.join(embed.ENDINGS)})",
    )
    add("--progress", action="store_true", help="tell how far it is in lines, also where stderr is no terminal")


def _add_look_options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """How and where it is rendered; a list of the options, for `_written`."""
    known: list[argparse.Action] = []

    def add(*names: str, **how: Any) -> None:
        known.append(parser.add_argument(*names, **how))

    add("--size", type=_size, default=(854, 480), metavar="WxH", help="pixels (default 854x480)")
    add("--fps", type=_fps, default=30.0, help="frames a second (default 30)")
    add("--quality", choices=QUALITIES, default="standard")
    add("--frames", type=_range, metavar="A:B", help="only these frames, counted from 1, both included")
    add(
        "--max-bytes",
        type=_bytes,
        metavar="SIZE",
        help="the most that an animation may weigh, such as 5MB, which is 5,000,000 bytes",
    )
    add("--codec", choices=tuple(encode.CODECS), help="of a .webm (default vp9); av1 is smaller, and takes longer")
    add("--lang", choices=LANGUAGES, default="en", help="language of the captions")
    add("--theme", choices=THEMES, help="instead of the scene's own")
    add(
        "--all-cells",
        action="store_true",
        help="draw every cell of big tensors, not only their first and last channels, rows and columns; "
        "of the filters beside them the first and the last ones are drawn all the same",
    )
    add("--transparent", action="store_true", help="with no floor and no backdrop, to be laid on a slide (not .mp4)")
    add("--engine", choices=ENGINES, default="cycles")
    add("--device", choices=DEVICES, default="auto")
    add("--workers", type=_count, metavar="N", help="processes that render side by side (default: one per core)")
    add(
        "--cores",
        type=_count,
        metavar="N",
        help="the most cores to render on (default: all that no other render of this machine uses; they take turns)",
    )
    add(
        "--dask",
        type=_address,
        metavar="ADDRESS",
        help="render on the Dask cluster of this scheduler, such as tcp://host:8786, or of its scheduler file (.json)",
    )
    add(
        "--timeout",
        type=_timeout,
        default=PATIENCE,
        metavar="SECONDS",
        help="begin again with what is missing if no picture is made for so long (default %(default)g)",
    )
    differences = parser.add_mutually_exclusive_group()
    known.append(
        differences.add_argument(
            "--chunk",
            type=_count,
            default=CHUNK,
            metavar="N",
            help="the most frames from one that is rendered whole to the next (default %(default)s); "
            "of those between, only what differs from the frame before is rendered",
        )
    )
    differences.add_argument(
        "--whole-frames", dest="chunk", action="store_const", const=1, help="render every frame whole"
    )
    add("--cache", type=_folder, metavar="DIR", help="where rendered frames are kept (default: your cache folder)")
    add("--cache-size", type=_bytes, default=MOST_BYTES, metavar="SIZE", help="the most it may hold (default 2GB)")
    return known


def _written(options: Sequence[argparse.Action], arguments: argparse.Namespace) -> list[str]:
    """The words behind a command that say so again, but for those that would say its defaults."""
    words: list[str] = []
    for option in options:
        value = getattr(arguments, option.dest)
        if value == option.default:
            continue
        words.append(option.option_strings[-1])
        if option.dest == "frames":
            words.append(":".join(map(str, value)))
        elif option.dest == "size":
            words.append("x".join(map(str, value)))
        elif option.dest in ("max_bytes", "cache_size"):
            words.append(f"{value}B")
        elif option.nargs != 0:
            words.append(str(value))
    return words


def _list(arguments: argparse.Namespace) -> int:
    scenes = load_catalog().items()
    rows = [(name, scene.title.in_language(arguments.lang), scene.description) for name, scene in scenes]
    if arguments.json:
        print(json.dumps([{"name": name, "title": title} for name, title, _ in rows], indent=2))
        return 0
    width = max(len(name) for name, _, _ in rows)
    for name, title, description in rows:
        print(f"{name:{width}}  {title}: {description.in_language(arguments.lang)}")
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    scene = _scene(arguments.scene)
    if arguments.json:
        print(json.dumps(explain(scene, arguments.fps, arguments.lang), indent=2))
    else:
        print(explain_text(scene, arguments.fps, arguments.lang))
    return 0


def _scene(name: str) -> Scene:
    """A scene by its name or path, with its picture, if it has one, in place."""
    scene = find_scene(name)
    photo = photo_of(scene)
    if photo is None:
        return scene
    try:
        return with_photo(scene, pictures.read_photo(photo.path))
    except RequestError as error:
        raise RequestError(f"{scene.source}: input.values: {error}") from None


def _op(arguments: argparse.Namespace) -> int:
    words = ["op", arguments.line, "--input", "x".join(map(str, arguments.input))]
    return _render(scene_from_lines(arguments.line, arguments.input), arguments, words)


def _model(arguments: argparse.Namespace) -> int:
    if arguments.list and arguments.overview:
        raise RequestError("argument --overview: not allowed with argument --list")
    if not (arguments.list or arguments.overview or arguments.layer is not None):
        raise RequestError("one of the arguments --list --layer --overview is required")
    network = read_network(arguments.model, arguments.input)
    if arguments.list:
        rows = [layer.row() for layer in network.layers]
        print(json.dumps(rows, indent=2) if arguments.json else table_of(network))
        return 0
    if arguments.json:
        raise RequestError("--json is for --list; allowed: --list --json")
    if arguments.overview and arguments.layer is None:
        for flag, given, value in (("--image", arguments.image, "PICTURE"), ("--seed", arguments.seed, "N")):
            if given:
                raise RequestError(f"{flag} is for a layer; allowed: --overview --layer NAME {flag} {value}")
    x, told, pixels = None, None, None
    if arguments.image is not None:
        x, told, pixels = _pictured(network, arguments)
    elif arguments.mean or arguments.std:
        raise RequestError("--mean and --std are for a picture; allowed: --image PICTURE")
    if arguments.layer is None:
        return _render(overview_of(network, arguments.seconds), arguments)
    seconds = SECONDS if arguments.seconds is None else arguments.seconds
    scene = scene_of(network, arguments.layer, x, told, pixels, arguments.seed, seconds)
    if arguments.overview:
        return _render(overview_of(network, None, arguments.layer, scene), arguments)
    return _render(scene, arguments)


def _pictured(network: Network, arguments: argparse.Namespace) -> tuple[Any, Text, Any]:
    """A picture as a model's input, (N, C, H, W) float32; what was done to it; and itself, (C, H, W) from 0 to 1."""
    shape, image = network.shape, arguments.image
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise RequestError(
            f"--image {image}: the input of {network.source} is {'x'.join(map(str, shape))}; allowed: N x C x H x W "
            "with C 3, colours, or 1, grey"
        )
    given = {"--mean": arguments.mean or (0.0,), "--std": arguments.std or (1.0,)}
    for flag, numbers in given.items():
        if len(numbers) not in (1, shape[1]) or (flag == "--std" and min(numbers) <= 0.0):
            what = "numbers above 0" if flag == "--std" else "numbers"
            raise RequestError(f"{flag} is {','.join(map(str, numbers))}; allowed: 1 or {shape[1]} {what}")
    pixels = scaled_to(pictures.read_photo(image), (shape[1], shape[2], shape[3]))
    mean, std = (np.array(numbers)[:, None, None] for numbers in given.values())
    x = np.broadcast_to(((pixels - mean) / std).astype(np.float32), shape)
    name = "".join(letter if letter.isprintable() else "?" for letter in image.name)[-30:]
    plain = not (arguments.mean or arguments.std)
    scaled = f"{shape[3]} × {shape[2]}"
    if plain:
        return x, Text(f"input: {name}, {scaled}, 0 to 1", f"输入：{name}，{scaled}，0 到 1"), pixels
    return x, Text(f"input: {name}, {scaled}, normalised", f"输入：{name}，{scaled}，已归一化"), pixels


def _new(arguments: argparse.Namespace) -> int:
    path = write_new(arguments.name)
    print(f"{path}: change it as you like, then: convmotion render {path} -o {path.with_suffix('.gif')}")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    return doctor.main(packages=arguments.packages, json=arguments.json)


def render_scene(scene: Scene, *arguments: str) -> None:
    """``convmotion render`` for a scene made in Python: ``render_scene(scene, "-o", "mine.gif", "--fps", "20")``.

    It starts processes, so a script calls it below ``if __name__ == "__main__":``. Raises RequestError or SceneError
    for what cannot be, RenderError for what this machine cannot do.
    """
    parser = _Parser("render_scene", allow_abbrev=False)
    _add_render_options(parser)
    _render(scene, parser.parse_args(arguments))


def _render(scene: Scene | Overview, arguments: argparse.Namespace, words: Sequence[str] = ()) -> int:
    """Render a scene; ``words`` are those on the command line that name it, if such there are."""
    outputs = [("-o", out) for out in arguments.output] + [("--sheet", out) for out in arguments.sheet]
    if not outputs:
        raise RequestError(f"nothing to write is named; allowed: -o OUT ({' '.join(OUTPUTS)}), --sheet PNG")
    if any(out.suffix.lower() == PAGE for out in arguments.output):
        page.check_built()
    if arguments.max_bytes and not any(out.suffix.lower() in encode.OFFERS for out in arguments.output):
        raise RequestError(f"--max-bytes is for an animation; allowed: -o OUT with {' '.join(encode.OFFERS)}")
    _check_codec(arguments)
    _check_outputs(outputs, OPAQUE if arguments.transparent else ())
    title = scene.title if isinstance(scene.title, str) else scene.title.in_language(arguments.lang)
    _check_pages(arguments.output + arguments.sheet, arguments, embedded=arguments.embed)
    snippets = [embed.snippet(out, title, arguments.size) for out in arguments.output] if arguments.embed else []
    device, engine = arguments.device, arguments.engine
    if device != "auto" and engine != "cycles":
        raise RequestError(f"--device is {device}, but --engine {engine} has no choice of devices; allowed: auto")
    for flag, value in (("--workers", arguments.workers), ("--cores", arguments.cores)):
        if arguments.dask and value:
            raise RequestError(f"{flag} is for this machine; allowed: without --dask, whose workers know their own")
    cells = count_cells(scene, arguments.all_cells)
    _check_memory(scene, cells)
    pages, models = ([o for o in arguments.output if o.suffix.lower() == ending] for ending in (PAGE, glb.ENDING))
    with tempfile.TemporaryDirectory(prefix="convmotion-", ignore_cleanup_errors=True) as folder:
        if len(pages) < len(outputs):
            board = _composed(scene, arguments)
            frames = _chosen(board, arguments.frames)
            for out in models:
                glb.check(board, out)
            if len(pages) + len(models) < len(outputs):
                if not arguments.dask:
                    doctor.require_libraries(gl=engine != "cycles")
                _produce(scene, board, frames, arguments, Path(folder), words)
            for out in models:
                glb.write(board, frames, made := Path(folder) / f"model{glb.ENDING}")
                _put(made, out)
        for out in pages:
            _write_page(scene, out, arguments, Path(folder) / "page.html")
    for line in snippets:
        print(line)
    return 0


def _write_page(scene: Scene | Overview, out: Path, arguments: argparse.Namespace, made: Path) -> None:
    """A page needs no picture: it draws its own."""
    page.write(
        scene,
        made,
        fps=arguments.fps,
        language=arguments.lang,
        theme=arguments.theme,
        all_cells=arguments.all_cells,
    )
    _put(made, out)


def _render_all(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.output
    wanted: list[tuple[str, list[tuple[str, Path]]]] = []
    for scene in scenes_of(arguments.scenes):
        outputs = [("-o", folder / f"{name_of(scene)}{ending}") for ending in arguments.format]
        outputs += [("--sheet", folder / f"{name_of(scene)}-sheet.png")] if arguments.sheet else []
        wanted.append((scene, outputs))
    every = [each for _, outputs in wanted for each in outputs]
    with _there(folder):
        _check_outputs(every, OPAQUE if arguments.transparent else ())
        _check_pages([out for _, out in every], arguments)
    return _sum_up(_rendered(wanted, arguments))


def _gallery(arguments: argparse.Namespace) -> int:
    if arguments.codec:
        raise RequestError(f"--codec is for a .webm; a gallery has {' '.join(gallery.FILMS)}")
    entries = [gallery.entry_of(scene) for scene in scenes_of(arguments.scenes or [CATALOG])]
    folder, files = arguments.output, arguments.output / gallery.FILES
    try:
        page.check_built()
        endings, unbuilt = (*gallery.FILMS, gallery.LIVE), ""
    except RequestError as error:
        endings, unbuilt = gallery.FILMS, str(error)
    made = {entry.given: [files / f"{entry.name}{ending}" for ending in endings] for entry in entries}
    outputs = {scene: [("-o", out) for out in places] for scene, places in made.items()}
    every = [each for places in outputs.values() for each in places]
    with _there(folder), _there(files):
        _check_outputs(every, OPAQUE if arguments.transparent else ())
    if unbuilt:
        print(f"convmotion: a gallery without interactive pages: {unbuilt}", file=sys.stderr)
    words = _written([option for option in arguments.handed_on if option.dest not in WHERE], arguments)
    known = gallery.Known.read(folder)
    stamps = {entry.given: gallery.stamp_of(entry.scene, words) for entry in entries if entry.scene}
    wanted = [(scene, outputs[scene]) for scene in stamps if not known.holds(made[scene], stamps[scene])]
    for scene, _ in wanted:
        known.keep(made[scene], None)

    def ended(outcome: Outcome) -> None:
        known.keep(made[outcome.scene], None if outcome.trouble else stamps[outcome.scene])

    outcomes = _rendered(wanted, arguments, ended)
    outcomes += [Outcome(entry.given, trouble=entry.trouble) for entry in entries if entry.trouble]
    outcomes = [
        outcome if outcome.trouble or all(out.is_file() for out in made[outcome.scene]) else _gone(outcome)
        for outcome in outcomes
    ]
    troubles = {outcome.scene: outcome.trouble for outcome in outcomes}
    entries = [
        replace(
            entry,
            trouble=troubles.get(entry.given, ""),
            live=not unbuilt,
            bundled=gallery.write_bundle(entry, folder),
        )
        for entry in entries
    ]
    gallery.write_whole(folder / gallery.PAGE, gallery.page(entries, folder, arguments.size, arguments.lang))
    code = _sum_up(outcomes, len(stamps) - len(wanted))
    print(folder / gallery.PAGE)
    return code


def _gone(outcome: Outcome) -> Outcome:
    """Of a scene whose files somebody has taken away since they were written."""
    return Outcome(outcome.scene, trouble=f"{outcome.scene}: its files are gone since they were rendered")


@contextmanager
def _there(path: Path) -> Iterator[None]:
    """A folder that is there from now on; a new one goes again if what is asked for is refused meanwhile."""
    new = not os.path.exists(path)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise RequestError(f"-o {shown(str(path))} cannot be a folder: {error.strerror}") from None
    try:
        yield
    except RequestError:
        if new:
            path.rmdir()
        raise


def _rendered(
    wanted: Sequence[tuple[str, Sequence[tuple[str, Path]]]],
    arguments: argparse.Namespace,
    ended: Callable[[Outcome], object] = lambda outcome: None,
) -> list[Outcome]:
    """Render scenes to outputs, with their flags, some side by side; ``ended`` gets each outcome once it is known."""
    at_once = max(1, min(arguments.at_once or doctor.cores(), len(wanted)))
    if not arguments.dask:
        arguments.cores = arguments.cores or max(1, doctor.cores() // at_once)
    words = _written(arguments.handed_on, arguments)
    commands = [
        (scene, [*words, *(f"-o{out}" if flag == "-o" else f"{flag}={out}" for flag, out in outputs)])
        for scene, outputs in wanted
    ]
    with _bar("rendering", len(wanted), "scene") as bar:

        def told(outcome: Outcome) -> None:
            ended(outcome)
            bar.update()

        return render_all(commands, at_once, told)


def _sum_up(outcomes: Sequence[Outcome], unchanged: int | None = None) -> int:
    """Say what became of scenes, and how many there were no need to render; the exit code."""
    failed = [outcome for outcome in outcomes if outcome.trouble]
    stored = sum(not outcome.pictures for outcome in outcomes) - sum(not outcome.pictures for outcome in failed)
    for outcome in outcomes:
        for note in outcome.notes:
            print(f"convmotion: {outcome.scene}: {note}", file=sys.stderr)
    same = "" if unchanged is None else f"{unchanged} unchanged, "
    print(f"{len(outcomes) - len(failed) - stored} rendered, {stored} from the store, {same}{len(failed)} failed")
    for outcome in failed:
        print(f"failed: {outcome.scene}: {outcome.trouble.removeprefix(f'{outcome.scene}: ')}")
    return 1 if failed else 0


def _check_codec(arguments: argparse.Namespace) -> None:
    if arguments.codec is None:
        return
    if not any(out.suffix.lower() == ".webm" for out in arguments.output):
        raise RequestError("--codec is for a .webm; allowed: -o OUT with .webm")
    if arguments.transparent and arguments.codec not in encode.SEEN_THROUGH:
        allowed = ", ".join(encode.SEEN_THROUGH)
        raise RequestError(f"--codec {arguments.codec} has no transparency; allowed with --transparent: {allowed}")
    encode.encoder_of(arguments.codec)


def _job(arguments: argparse.Namespace) -> int:
    out: Path = arguments.output
    if out.suffix.lower() not in (".yaml", ".yml"):
        raise RequestError(f"-o {shown(str(out))}: is no name of a template; allowed: one such as job.yaml")
    if arguments.dask or arguments.cache is None:
        raise RequestError(
            "a job of a farm needs --cache, a folder that all hosts see; allowed: no --dask, and --cache DIR"
        )
    scene = _scene(arguments.scene)
    board = _composed(scene, arguments)
    frames = _chosen(board, arguments.frames)
    plan = FramePlan(board, arguments.quality, arguments.engine, arguments.device, arguments.chunk)
    path = None if arguments.scene in catalog_names() else Path(arguments.scene)
    try:
        folder = None if path is None else Path(os.path.relpath(path.resolve().parent, out.resolve().parent)).as_posix()
        options = _written([o for o in arguments.handed_on if o.dest not in ("cache", "frames")], arguments)
        text = template(
            path.name if path else arguments.scene,
            folder,
            arguments.cache,
            plan.ranges(frames),
            (frames.start, frames.stop - 1),
            arguments.format,
            options,
        )
        out.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"-o {shown(str(out))} cannot be written: {error}; allowed: another place") from None
    return 0


def _composed(scene: Scene | Overview, arguments: argparse.Namespace) -> Storyboard:
    return compose(
        scene,
        arguments.size,
        arguments.fps,
        arguments.lang,
        arguments.theme,
        all_cells=arguments.all_cells,
        transparent=arguments.transparent,
    )


def _check_outputs(outputs: Sequence[tuple[str, Path]], opaque: Sequence[str]) -> None:
    """Refuse what cannot be written, by its flag and name; of endings, those that are ``opaque``."""
    places: set[Path] = set()
    for flag, out in outputs:
        try:
            encode.check_output(out, OUTPUTS if flag == "-o" else (".png",))
            if flag != "-o" and "%" in out.name:
                raise RequestError(f"{flag} {out}: is one picture; allowed: a name without %")
            if (ending := out.suffix.lower()) in opaque:
                allowed = " ".join(e for e in OUTPUTS if e not in (*opaque, PAGE))
                raise RequestError(f"{flag} {out}: {ending} has no transparency; allowed with --transparent: {allowed}")
            place = out.resolve()
            if out.is_symlink() and place.is_symlink():  # since Python 3.13 such a circle is no error
                raise RuntimeError("its links lead in a circle")
            with tempfile.TemporaryFile(dir=place.parent):
                pass  # only trying tells: root has every permission, and yet not in /proc or on a read-only disk
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            reason = error.strerror if isinstance(error, OSError) else error
            told = f"{flag} {shown(str(out))}"
            raise RequestError(f"{told} cannot be written: {reason}; allowed: another place") from None
        if place in places:
            raise RequestError(f"{flag} {out} is given twice; allowed: every output once")
        places.add(place)


def _check_pages(outputs: Sequence[Path], arguments: argparse.Namespace, embedded: bool = False) -> None:
    """Refuse what says nothing to pages where nothing else is to be written; to one ``embedded``, a size does."""
    if any(out.suffix.lower() != PAGE for out in outputs):
        return
    said = (*ON_PAGES, *WHERE, *(("size",) if embedded else ()))
    for flag in _written([option for option in arguments.handed_on if option.dest not in said], arguments)[:1]:
        others = " ".join(ending for ending in OUTPUTS if ending != PAGE)
        raise RequestError(f"{flag} says nothing to a page, which draws itself; allowed: another -o OUT too ({others})")


def _check_memory(scene: Scene | Overview, cells: int) -> None:
    needed, there = cells * BYTES_PER_CELL, doctor.memory_bytes()
    if cells <= MAX_CELLS and there is not None and needed > there:
        raise RequestError(
            f"{scene.source}: {cells:,} cells would take {needed / 1e9:.1f} GB of memory; "
            f"allowed: the {there / 1e9:.1f} GB of this machine"
        )


def _workers(cells: int, engine: str) -> int:
    """As many processes as there are cores, if memory is enough for all; the engines on GL share one anyway."""
    return _fitting(_needed(cells)) if engine == "cycles" else 1


def _needed(cells: int) -> int:
    """Bytes that a process takes."""
    return cells * BYTES_PER_CELL + BYTES_PER_WORKER


def _fitting(needed: int) -> int:
    """How many processes of so many bytes this machine has cores and memory for."""
    there = doctor.memory_bytes()
    return max(1, doctor.cores() if there is None else min(doctor.cores(), there // needed))


def _here(cells: int, most: int | None, waiting: Callable[[], object]) -> Here:
    """This machine, where renders that are started at once take turns."""
    slots = Slots(slots_folder(), _fitting(BYTES_PER_WORKER))
    return Here(slots, share_of(_needed(cells), doctor.memory_bytes(), slots.count), most, waiting)


def _chosen(board: Storyboard, wanted: tuple[int, int] | None) -> range:
    """The frames to show."""
    first, last = wanted or (1, board.frames)
    if last > board.frames:
        raise RequestError(f"--frames is {first}:{last}; allowed: from 1 to {board.frames}, which this animation has")
    return range(first, last + 1)


def _produce(
    scene: Scene | Overview,
    board: Storyboard,
    frames: range,
    arguments: argparse.Namespace,
    folder: Path,
    words: Sequence[str],
) -> None:
    """Render what the outputs need, each picture once, then write them."""
    outputs: list[Path] = arguments.output
    stills = [o for o in outputs if o.suffix.lower() == ".png" and "%" not in o.name]
    blends = [o for o in outputs if o.suffix.lower() == ".blend"]
    moving = [o for o in outputs if o not in (*stills, *blends) and o.suffix.lower() not in (PAGE, glb.ENDING)]
    poster = min(max(board.poster, frames.start), frames.stop - 1)
    wanted = list(frames) if moving else []
    store = FrameStore(arguments.cache or default_folder(), arguments.cache_size)
    chunk = arguments.chunk if moving else 1
    plan = FramePlan(board, arguments.quality, engine := arguments.engine, arguments.device, chunk)
    moments = sheet.moments(board, frames) if arguments.sheet else []
    shown = {*wanted, *moments, *([poster] if stills else [])}
    saved = [(folder / f"{i}.blend", out) for i, out in enumerate(blends)]
    cells = sum(map(len, board.cells))
    job = Job(
        scene,
        arguments.size,
        arguments.fps,
        arguments.lang,
        arguments.theme,
        arguments.quality,
        engine,
        arguments.device,
        plan.work(shown),
        tuple(path for path, _ in saved),
        folder / "blender.log",
        store,
        arguments.workers or _workers(cells, engine),
        arguments.all_cells,
        arguments.transparent,
    )
    keys = {shot.key for row in job.shots for shot in row}
    missing = [key for key in keys if not store.take(key, job.path(key))]
    films = [([poster], out) for out in stills] + [(wanted, out) for out in moving]
    sheets = [(moments, out) for out in arguments.sheet]

    def repeat(frame: int) -> str:
        """The command that renders a frame again."""
        known = argparse.Namespace(**{**vars(arguments), "frames": (frame, frame)})
        return shlex.join(["convmotion", *words, "-o", "frame_%d.png", *_written(arguments.handed_on, known)])

    with _bar("rendering", len(missing), "picture", arguments.progress) as bar:
        here = _here(cells, arguments.cores, lambda: bar.set_description_str(WAITING))
        if arguments.dask:
            shared = store if arguments.cache else None
            cluster = Cluster(arguments.dask, shared, arguments.timeout)
            job = replace(job, place=cluster, patience=math.inf)  # there parts wait for their turn
        else:
            job = replace(job, place=here, patience=arguments.timeout)

        def rendered(count: int) -> None:
            if count and not bar.disable and bar.desc == WAITING:
                bar.set_description_str("rendering")  # at once: the bar says no more than ten things a second
            bar.update(count)

        try:
            _, notes = make(
                job,
                plan,
                films,
                rendered,
                lambda out, done: _tell(bar, out, done),
                sheets,
                arguments.max_bytes,
                arguments.codec or "vp9",
            )
        except FrameError as error:
            raise RenderError(f"{error}; again: {repeat(error.frame)}" if words else str(error)) from None
    store.trim()
    for path, out in saved:
        _put(path, out)
    for note in notes:
        print(f"convmotion: {note}", file=sys.stderr)


def _tell(bar: tqdm[Any], out: Path, done: int) -> None:
    """Say what is being written, once rendering is over."""
    if bar.n >= bar.total:
        bar.set_description_str(f"{out.name}: frame {done}")


def _bar(name: str, total: int, unit: str = "frame", lines: bool = False) -> tqdm[Any]:
    """Progress on stderr; none where that is no terminal. In lines: for programs."""
    if lines:
        told = "convmotion progress {n_fmt} {total_fmt} {desc}\n"
        return tqdm(desc=name, total=total, bar_format=told, file=sys.stderr, leave=False)
    return tqdm(desc=name, total=total, unit=unit, disable=None, file=sys.stderr, leave=False)


def _put(made: Path, out: Path) -> None:
    """Copy a finished file to its place: under another name first, then renamed, so that nobody sees half of it."""
    target = out.resolve()
    partial = target.with_name(f".{secrets.token_hex(4)}.part")
    try:
        shutil.copyfile(made, partial)
        partial.replace(target)
    except OSError as error:
        raise RenderError(f"{out}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9][0-9]{0,17}(x[1-9][0-9]{0,17}){2,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape; allowed: CxHxW or NxCxHxW, such as 8x7x7")
    return tuple(int(part) for part in text.split("x"))


def _any_shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9][0-9]{0,9}(x[1-9][0-9]{0,9}){1,4}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape; allowed: NxCxHxW, such as 1x3x224x224, or NxC")
    return tuple(int(part) for part in text.split("x"))


def _numbers(text: str) -> tuple[float, ...]:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?(,-?[0-9]{1,9}(\.[0-9]{1,9})?){0,2}", text):
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers; allowed: such as 0.485,0.456,0.406")
    return tuple(map(float, text.split(",")))


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; allowed: a whole number from 0 to 999999999")
    return int(text)


def _seconds(text: str) -> float:
    value = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0
    if not 1.0 <= value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no length; allowed: from 1 to {MAX_SECONDS:g} seconds")
    return value


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    sides = tuple(int(side) for side in match.groups()) if match else ()
    if not sides or not all(LEAST_SIDE <= side <= MOST_SIDE for side in sides):
        allowed = f"WIDTHxHEIGHT in pixels, each from {LEAST_SIDE} to {MOST_SIDE}, such as 854x480"
        raise argparse.ArgumentTypeError(f"{text!r} is no size; allowed: {allowed}")
    return sides[0], sides[1]


def _timeout(text: str) -> float:
    value = float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) else 0.0
    if value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time-out; allowed: seconds from 1 to 999999")
    return value


def _fps(text: str) -> float:
    value = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else 0.0
    if not 1.0 <= value <= MOST_FPS:
        raise argparse.ArgumentTypeError(f"{text!r} is no frame rate; allowed: from 1 to {MOST_FPS:g} frames a second")
    return value


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(?:([kMG]?)(i?)B)?", text, re.IGNORECASE)
    value = 0
    if match and not (match[3] and not match[2]):
        number, prefix, binary = match.groups(default="")
        value = int(float(number) * (1024 if binary else 1000) ** " kmg".index(prefix.lower() or " "))
    if value < 1:
        allowed = "bytes, such as 5MB (5,000,000), 1.5MB, 800kB, 5MiB (5,242,880), 512KiB or 5000000"
        raise argparse.ArgumentTypeError(f"{text!r} is no size of a file; allowed: {allowed}")
    return value


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not in range; allowed: a whole number from 1 to 99")
    return int(text)


def _folder(text: str) -> Path:
    if not text:  # as a variable that is not set: it would be the folder that one is in
        raise argparse.ArgumentTypeError("'' is no folder; allowed: a folder's name, such as ./out")
    return Path(text)


def _address(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("'' is no address; allowed: such as tcp://host:8786")
    return text


def _endings(text: str) -> tuple[str, ...]:
    endings = tuple(f".{word.strip().removeprefix('.').lower()}" for word in text.split(","))
    if wrong := [ending for ending in endings if ending not in OUTPUTS]:
        allowed = ",".join(ending[1:] for ending in OUTPUTS)
        raise argparse.ArgumentTypeError(f"{wrong[0][1:]!r} is no format; allowed: one or more of {allowed}")
    return tuple(dict.fromkeys(endings))


def _range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    first, last = (int(group) for group in match.groups()) if match else (0, 0)
    if not 1 <= first <= last:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of frames; allowed: A:B with 1 <= A <= B, such as 1:50")
    return first, last


if __name__ == "__main__":
    sys.exit(main())
