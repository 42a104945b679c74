"""A gallery: a folder with one page of all scenes, their films, and what else belongs to them. It needs no server."""

from __future__ import annotations

import hashlib
import json
import secrets
import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ..conv_math import ConvMathError, Merge, Move, Operation, Slide
from ..conv_math.conv import Sliding
from ..conv_math.pointwise import Linear
from ..conv_math.pool import Pooling
from ..conv_math.rearrange import PixelShuffle
from ..conv_math.transposed import ConvTranspose
from ..conv_math.unpool import MaxUnpool2d
from ..conv_math.upsample import Upsample
from ..scenes import Scene, SceneError, catalog_names, explain, find_scene, photo_of
from ..scenes.captions import Words, count, size, size_formulas, torch_calls
from ..scenes.catalog import FOLDER, section_of
from ..scenes.scenefile import LANGUAGES, Text, files_named
from .doctor import blender_version
from .embed import snippet
from .errors import RequestError
from .frames import HOUSE
from .many import name_of
from .markup import Child, add, address, document, tag, told

PAGE = "index.html"
FILES = "scenes"
"""The folder beside the page with the files of the scenes."""
KNOWN = "gallery.json"
"""What the files there were made from, by the name of the scene."""
FILMS = (".mp4", ".gif", ".blend", ".png")
"""What is rendered of a scene; the still is the film's poster."""
BUNDLE = ".zip"
"""A scene file with the pictures and numbers that it refers to."""
LIVE = ".html"
"""What else is made of it: its interactive page."""
SITE = Path(__file__).parent / "site"
OWN = Text("Scenes of your own", "自己的场景")

WORDS = {
    "title": Text("Convolutions, animated", "卷积动画"),
    "intro": Text(
        "Every animation shows the true operation: which cell meets which weight, and where the product lands.",
        "每个动画都是真实的运算：哪个单元与哪个权重相遇，乘积落在哪里。",
    ),
    "search": Text("Search", "搜索"),
    "section": Text("Part", "部分"),
    "kind": Text("Kind", "种类"),
    "all": Text("all", "全部"),
    "language": Text("Language", "语言"),
    "theme": Text("Dark", "深色"),
    "auto": Text("Play what is in view", "播放可见的动画"),
    "shown": Text("animations shown", "个动画"),
    "none": Text("Nothing found. Try fewer words.", "没有找到。请减少关键词。"),
    "play": Text("Play", "播放"),
    "live": Text("Interactive", "交互页面"),
    "numbers": Text("Layers and numbers", "各层与数值"),
    "layer": Text("layer", "层"),
    "input": Text("input", "输入"),
    "kernel": Text("kernel", "卷积核"),
    "output": Text("output", "输出"),
    "parameters": Text("parameters", "参数"),
    "macs": Text("MACs", "乘加次数"),
    "sum": Text("together", "合计"),
    "sizes": Text("Size of the output", "输出大小"),
    "field": Text("Receptive field", "感受野"),
    "make": Text("Make it yourself", "自己制作"),
    "command": Text("Command", "命令"),
    "file": Text("Scene file", "场景文件"),
    "bundle": Text("Scene file with its pictures and numbers", "场景文件及其图片和数值"),
    "embed": Text("For a slide or a page", "嵌入幻灯片或网页"),
    "copy": Text("Copy", "复制"),
    "copied": Text("Copied", "已复制"),
    "trouble": Text("Could not be rendered", "未能渲染"),
    "skip": Text("To the animations", "跳到动画"),
}

KINDS: tuple[tuple[str, Text, Callable[[Operation], bool]], ...] = (
    ("convolution", Text("convolution", "卷积"), lambda op: _convolves(op) and not _grouped(op)),
    ("grouped", Text("grouped", "分组"), lambda op: _grouped(op) and not _depthwise(op)),
    ("depthwise", Text("depthwise", "逐通道"), lambda op: _depthwise(op)),
    ("pointwise", Text("pointwise", "逐点"), lambda op: _convolves(op) and max(_window(op, "kernel_size")) == 1),
    ("dilated", Text("dilated", "空洞"), lambda op: _convolves(op) and max(_window(op, "dilation")) > 1),
    ("transposed", Text("transposed", "转置"), lambda op: isinstance(op, ConvTranspose)),
    ("pooling", Text("pooling", "池化"), lambda op: isinstance(op, Pooling)),
    (
        "upsampling",
        Text("upsampling", "上采样"),
        lambda op: isinstance(op, ConvTranspose | Upsample | MaxUnpool2d | PixelShuffle),
    ),
    ("linear", Text("linear", "全连接"), lambda op: isinstance(op, Linear)),
    ("moving", Text("rearranging", "重排"), lambda op: isinstance(op, Move)),
    ("joining", Text("branches joined", "分支合并"), lambda op: isinstance(op, Merge)),
    ("other", Text("other", "其他"), lambda op: isinstance(op, Slide) and not _named(op)),
)
"""By what operations scenes are found; a scene is of every kind that one of its operations is of."""


def _convolves(op: Operation) -> bool:
    return isinstance(op, Sliding)


def _window(op: Operation, name: str) -> tuple[int, ...]:
    window = getattr(op, "window", None)
    return getattr(window, name, ()) or (0,)


def _grouped(op: Operation) -> bool:
    return _convolves(op) and getattr(op, "groups", 1) > 1


def _depthwise(op: Operation) -> bool:
    return _grouped(op) and getattr(op, "groups", 1) == getattr(op, "in_channels", 0)


def _named(op: Operation) -> bool:
    return isinstance(op, Sliding | ConvTranspose | Pooling | Linear | Upsample)


def kinds_of(scene: Scene) -> list[str]:
    """The kinds of a scene's operations, in the order of KINDS."""
    return [kind for kind, _, fits in KINDS if any(fits(stage.op) for stage in scene.stages)]


@dataclass(frozen=True)
class Entry:
    """A scene of the gallery: its ``name``, how the command line names it, and itself, or in one line why there is no
    scene or no film."""

    name: str
    given: str
    scene: Scene | None = None
    text: str = ""
    """Of its file."""
    trouble: str = ""
    live: bool = False
    """Whether there is an interactive page."""
    bundled: bool = False
    """Whether there is a scene file with all that it refers to."""
    file: Path | None = None

    @property
    def shown(self) -> str:
        """How a command names it that others are to type: a file elsewhere on this disk by its last name alone."""
        return self.given if _inside(Path(self.given)) else Path(self.given).name

    @property
    def section(self) -> Text:
        """The part of the gallery that it stands in."""
        return section_of(self.scene) if self.scene and self.given == self.name else OWN


def entry_of(given: str) -> Entry:
    """A scene as the command line names it; one that cannot be read has its trouble and nothing else."""
    name = name_of(given)
    try:
        scene = find_scene(given)
        explain(scene)
        file = FOLDER / f"{name}.toml" if given in catalog_names() else Path(given)
        return Entry(name, given, scene, file.read_text(encoding="utf-8-sig"), file=file)
    except (SceneError, ConvMathError) as error:
        return Entry(name, given, trouble=" ".join(str(error).split()))


def _inside(path: Path) -> bool:
    """Whether a relative path stays where it begins."""
    return not path.is_absolute() and not path.drive and ".." not in path.parts


def write_bundle(entry: Entry, folder: Path) -> bool:
    """Write what is to be unpacked where one types the command that makes a scene: its file, and what it refers to.

    False, and nothing, where it refers to none, or to one that is not beside it, which need not be meant for others.
    """
    named = files_named(entry.text) if entry.scene else []
    if entry.file is None or not named or not all(_inside(Path(name)) for name in named):
        return False
    own = Path(entry.shown).with_suffix(".toml")  # the catalog's scenes are named without
    packed = BytesIO()
    try:
        with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
            for place, file in ((own, entry.file), *((own.parent / name, entry.file.parent / name) for name in named)):
                archive.writestr(ZipInfo(place.as_posix()), file.read_bytes(), ZIP_DEFLATED)  # of no date: always equal
        write_whole(folder / FILES / f"{entry.name}{BUNDLE}", packed.getvalue())
    except OSError:  # a file has gone meanwhile
        return False
    return True


@dataclass
class Known:
    """What the files of a gallery were made from: where that has changed, or one is missing, they are made anew."""

    folder: Path
    stamps: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Known:
        """Of an older gallery there; nothing is known where there is none, or none that can be read."""
        with suppress(OSError, ValueError):
            found = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return cls(folder, {str(name): str(stamp) for name, stamp in found.items()})
        return cls(folder)

    def holds(self, files: Sequence[Path], stamp: str) -> bool:
        """Whether these files are there and made from that."""
        return all(file.is_file() and self.stamps.get(file.name) == stamp for file in files)

    def keep(self, files: Sequence[Path], stamp: str | None) -> None:
        """Note what files were made from; None: they are not made."""
        for file in files:
            self.stamps.pop(file.name, None)
            if stamp is not None:
                self.stamps[file.name] = stamp
        write_whole(self.folder / KNOWN, json.dumps(self.stamps, indent=1, sort_keys=True))


def stamp_of(scene: Scene, words: Sequence[str]) -> str:
    """A short stable name of all that decides what is made of a scene by a command with these words."""
    photo = photo_of(scene)
    picture = b"" if photo is None else photo.path.read_bytes()
    parts = (scene, hashlib.sha256(picture).hexdigest(), tuple(words), blender_version(), code())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def code() -> str:
    """A short stable name of all that this package is, but for the catalog's scenes and this page's looks."""
    found = hashlib.sha256()
    for folder in ("conv_math", "scenes", "blender_addon", "render"):
        for file in sorted((HOUSE / folder).rglob("*.*")):
            if file.is_file() and file.parent not in (FOLDER, SITE) and file.suffix != ".pyc":
                found.update(file.relative_to(HOUSE).as_posix().encode() + file.read_bytes())
    return found.hexdigest()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under another name, then rename it, so that nobody sees half of it. RequestError if it cannot be."""
    partial = path.with_name(f".{secrets.token_hex(4)}.part")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(path)
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}; allowed: another place") from None
    finally:
        partial.unlink(missing_ok=True)


# The page


def page(entries: Sequence[Entry], folder: Path, size_of: tuple[int, int], language: str) -> str:
    """The gallery's page: HTML that needs nothing but the files in ``folder``, whose sizes it tells.

    ``size_of`` is the films' width and height in pixels; ``language`` is the one that it begins with.
    """
    head = [
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "generator", "content": "convmotion"}),
        tag("title", {}, WORDS["title"].in_language(language)),
        tag("link", {"rel": "icon", "href": ICON}),
        tag("style", {}, (SITE / "gallery.css").read_text(encoding="utf-8")),
    ]
    sections = list(dict.fromkeys(entry.section for entry in entries))
    main = tag("main", {"id": "main"})
    for number, section in enumerate(sections):
        cards = [_card(entry, folder, size_of, language, number) for entry in entries if entry.section == section]
        title = add(tag("h2", {"id": f"part-{number}"}), *told(section))
        grid = add(tag("div", {"class": "grid"}), *cards)
        main.append(tag("section", {"aria-labelledby": f"part-{number}"}, title, grid))
    main.append(add(tag("p", {"id": "none", "hidden": True}), *told(WORDS["none"])))
    skip = add(tag("a", {"class": "skip", "href": "#main"}), *told(WORDS["skip"]))
    script = tag("script", {}, (SITE / "gallery.js").read_text(encoding="utf-8"))
    return document(LANG[language], head, [skip, _top(entries, sections), main, script])


LANG = {"en": "en", "zh": "zh-CN"}
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
    "%3Cpath fill='%232f6fb5' d='M4 0l4 2v4l-4 2-4-2V2z'/%3E"
    "%3Cpath fill='%239cc5ee' d='M4 0l4 2-4 2-4-2z'/%3E%3C/svg%3E"
)


def _top(entries: Sequence[Entry], sections: Sequence[Text]) -> Element:
    """What the gallery is, and what one sees of it."""
    found = {kind for entry in entries if entry.scene for kind in kinds_of(entry.scene)}
    kinds = [(kind, text) for kind, text, _ in KINDS if kind in found]
    search = tag("input", {"type": "search", "id": "search", "autocomplete": "off", "spellcheck": "false"})
    auto = tag("input", {"type": "checkbox", "id": "auto"})
    languages = [
        tag("button", {"type": "button", "data-language": LANG[of], "lang": LANG[of]}, name)
        for of, name in zip(LANGUAGES, ("English", "中文"), strict=True)
    ]
    theme = add(tag("button", {"type": "button", "id": "theme", "aria-pressed": "false"}), *told(WORDS["theme"]))
    status = tag("p", {"role": "status"}, tag("span", {"id": "count"}, str(len(entries))), " ")
    return tag(
        "header",
        {},
        add(tag("h1", {"id": "title"}), *told(WORDS["title"])),
        add(tag("p", {"class": "intro"}), *told(WORDS["intro"])),
        tag(
            "form",
            {"role": "search"},
            add(tag("label", {"for": "search"}), *told(WORDS["search"]), search),
            _choice("section", [(str(n), text) for n, text in enumerate(sections)]),
            _choice("kind", kinds),
            add(tag("label", {"class": "switch"}, auto), *told(WORDS["auto"])),
            tag(
                "div",
                {"class": "group", "role": "group", "aria-labelledby": "language"},
                add(tag("span", {"id": "language", "class": "quiet"}), *told(WORDS["language"])),
                *languages,
            ),
            theme,
        ),
        add(status, *told(WORDS["shown"])),
    )


def _choice(name: str, options: Iterable[tuple[str, Text]]) -> Element:
    """A list to choose from. What stands in its lines has no elements: the page's script tells them in its language."""
    choices = [
        tag("option", {"value": value, **{f"data-{of}": text.in_language(of) for of in LANGUAGES}}, text.en)
        for value, text in (("", WORDS["all"]), *options)
    ]
    chosen = tag("select", {"id": name}, *choices)
    return add(tag("label", {"for": name}), *told(WORDS[name]), chosen)


def _card(entry: Entry, folder: Path, size_of: tuple[int, int], language: str, section: int) -> Element:
    """All about one scene."""
    scene, name = entry.scene, entry.name
    kinds = " ".join(kinds_of(scene)) if scene else ""
    card = tag("article", {"class": "card", "id": f"scene-{name}", "data-section": str(section), "data-kinds": kinds})
    title = told(scene.title) if scene else [name]
    heading = tag(
        "div", {"class": "head", "data-find": True}, add(tag("h3"), *title), tag("code", {"class": "name"}, name)
    )
    if entry.trouble:
        add(
            card,
            tag("div", {"class": "trouble"}, add(tag("strong"), *told(WORDS["trouble"])), tag("p", {}, entry.trouble)),
        )
    elif scene:
        card.append(_film(entry, scene, size_of))
        heading.insert(0, _play(scene))
    card.append(heading)
    if scene is None:
        return card
    add(card, *told(scene.about if scene.about.en else scene.description, "p", {"class": "about", "data-find": True}))
    card.append(_code("\n".join(torch_calls(scene)), {"data-find": True}))
    if not entry.trouble:
        card.append(_files(entry, folder))
    add(card, _numbers(entry, scene), _make(entry, scene, folder, size_of, language))
    return card


def _film(entry: Entry, scene: Scene, size_of: tuple[int, int]) -> Element:
    """The poster, which is loaded when it comes near, and the film over it, which is when it plays."""
    width, height = map(str, size_of)
    alt = {
        of: f"{scene.title.in_language(of)}: {scene.description.in_language(of)}".removesuffix(": ") for of in LANGUAGES
    }
    still = {
        "src": address(FILES, f"{entry.name}.png"),
        "alt": alt["en"],
        "data-alt-en": alt["en"],
        "data-alt-zh": alt["zh"],
    }
    video = {"src": address(FILES, f"{entry.name}.mp4"), "preload": "none", "aria-hidden": "true", "tabindex": "-1"}
    sized = {"width": width, "height": height}
    return tag(
        "figure",
        {"class": "film", "style": f"aspect-ratio: {width} / {height}"},
        tag("img", {**still, **sized, "loading": "lazy", "decoding": "async"}),
        tag("video", {**video, **sized, "muted": True, "loop": True, "playsinline": True}),
    )


def _play(scene: Scene) -> Element:
    """What starts and stops the film."""
    sign = tag("span", {"class": "sign"})
    words = Text(*(f"{WORDS['play'].in_language(of)} {scene.title.in_language(of)}" for of in LANGUAGES))
    button = tag("button", {"type": "button", "class": "play", "aria-pressed": "false"}, sign)
    return add(button, *told(words, "span", {"class": "quiet"}))


def _files(entry: Entry, folder: Path) -> Element:
    """Links to what was made."""
    links: list[Child] = []
    if entry.live:
        live = {"class": "live", "href": address(FILES, f"{entry.name}{LIVE}")}
        links.append(add(tag("a", live), *told(WORDS["live"]), *_of(entry)))
    for ending, what in ((".mp4", "MP4"), (".gif", "GIF"), (".blend", ".blend")):
        file = folder / FILES / f"{entry.name}{ending}"
        link = tag("a", {"href": address(FILES, file.name), "download": file.name}, what)
        add(link, *_of(entry), tag("small", {}, f" {_bytes(file.stat().st_size)}"))
        links.append(link)
    return add(tag("p", {"class": "files"}), *links)


def _of(entry: Entry) -> list[Element]:
    """Whose it is, for who hears the links read out one by one."""
    title = entry.scene.title if entry.scene else Text(entry.name, entry.name)
    return told(Text(f" {title.en}", f" {title.zh}"), "span", {"class": "quiet"})


def _bytes(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{max(1, round(number / 1e3))} kB"


def _numbers(entry: Entry, scene: Scene) -> Element:
    """The table of the layers, and how the sizes come about."""
    known = explain(scene)
    titles = add(tag("tr"), *(add(tag("th", {"scope": "col"}), *told(WORDS[word])) for word in COLUMNS))
    rows: list[Child] = []
    for number, stage in enumerate(known["stages"], start=1):
        cells = [size(stage["input"]), size(stage["kernel"]) if stage["kernel"] else "-", size(stage["output"])]
        cells += [count(stage["parameters"]), count(stage["macs"])]
        head = tag("th", {"scope": "row"}, f"{number} {stage['op']}" if len(scene.stages) > 1 else stage["op"])
        rows.append(add(tag("tr"), head, *(tag("td", {}, cell) for cell in cells)))
    if len(scene.stages) > 1:
        head = add(tag("th", {"scope": "row", "colspan": "4"}), *told(WORDS["sum"]))
        rows.append(tag("tr", {"class": "sum"}, head, *(tag("td", {}, count(known[word])) for word in COLUMNS[-2:])))
    table = tag("table", {}, tag("thead", {}, titles), add(tag("tbody"), *rows))
    scrolled = {"class": "wide", "tabindex": "0", "role": "region", "aria-labelledby": f"numbers-{entry.name}"}
    opened = add(tag("summary", {"id": f"numbers-{entry.name}"}), *told(WORDS["numbers"]), *_of(entry))
    worked_out: list[Child] = [line for text in _formulas(scene) for line in told(text, "p", {"class": "formula"})]
    if worked_out:
        worked_out.insert(0, add(tag("h4"), *told(WORDS["sizes"])))
    if field := known["receptive_field"]:
        worked_out += [add(tag("h4"), *told(WORDS["field"])), tag("p", {"class": "formula"}, size(field))]
    return add(tag("details", {}, opened, tag("div", scrolled, table)), *worked_out)


COLUMNS = ("layer", "input", "kernel", "output", "parameters", "macs")


def _formulas(scene: Scene) -> list[Text]:
    """How the sizes of the stages come about, each line once. Of several tensors that a stage reads, by the first."""
    lines: dict[Text, None] = {}
    for number, stage in enumerate(scene.stages):
        before = scene.shapes[(stage.reads or (number,))[0]]
        english, chinese = (size_formulas(stage.op, before, Words(of)) for of in LANGUAGES)
        lines |= dict.fromkeys(map(Text, english, chinese))
    return [*lines]


def _make(entry: Entry, scene: Scene, folder: Path, size_of: tuple[int, int], language: str) -> Element:
    """How one makes it oneself, to be copied."""
    film = Path(FILES, f"{entry.name}{LIVE if entry.live else FILMS[0]}")
    snippets = {
        "command": f"convmotion render {shlex.quote(entry.shown)} -o {shlex.quote(f'{entry.name}.mp4')}",
        "file": entry.text.strip(),
        "embed": snippet(film, scene.title.in_language(language), size_of),
    }
    made = tag("details", {}, add(tag("summary"), *told(WORDS["make"]), *_of(entry)))
    for what, text in snippets.items():
        copy = add(
            tag("button", {"type": "button", "class": "copy"}),
            *told(WORDS["copy"], "span", {"class": "before"}),
            *told(WORDS["copied"], "span", {"class": "after"}),
            *told(Text(f": {WORDS[what].en}", f"：{WORDS[what].zh}"), "span", {"class": "quiet"}),
        )
        top = tag("div", {"class": "top"}, add(tag("h4"), *told(WORDS[what])), copy)
        made.append(tag("div", {"class": "snippet"}, top, _code(text)))
        if what == "file" and entry.bundled:
            bundle = folder / FILES / f"{entry.name}{BUNDLE}"
            link = add(tag("a", {"href": address(FILES, bundle.name), "download": bundle.name}), *told(WORDS["bundle"]))
            link.append(tag("small", {}, f" {_bytes(bundle.stat().st_size)}"))
            made.append(add(tag("p", {"class": "files"}), link))
    return made


def _code(text: str, attributes: dict[str, str | bool | None] | None = None) -> Element:
    return tag("pre", attributes, tag("code", {"translate": "no"}, text))
