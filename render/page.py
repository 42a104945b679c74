"""A storyboard as one HTML file that plays it live: everything is in it, and nothing is ever loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import fields, is_dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..scenes import Scene, Storyboard, compose
from ..scenes.live import live
from ..scenes.overview import Overview
from ..scenes.palette import THEMES, floor_color
from ..scenes.scenefile import LANGUAGES
from .errors import RequestError

BUNDLE = Path(__file__).parent / "web"
"""Where `make web` puts the page's code."""
CODE = ("page.js", "page.css")
"""That code: with three.js in it, and its style."""
SIZES = {"wide": (854, 480), "tall": (480, 854)}
"""Pictures are composed for both; the window's shape decides which one is shown."""
MOST_BOARDS = 60_000
"""A scene of more cells is composed in one theme and language only, the ones asked for: the page would be too large."""
SHADE = 0.35
"""How much of the sun's light still comes to where there is a shadow."""


def write(
    scene: Scene | Overview,
    path: Path,
    *,
    fps: float = 30.0,
    language: str = "en",
    theme: str | None = None,
    all_cells: bool = False,
) -> None:
    """Write the page of a scene: one file, in all languages and themes; it begins with those that are given.

    Raises RequestError where the page's code has not been built, SceneError for what cannot be drawn.
    """
    path.write_text(html(scene, fps=fps, language=language, theme=theme, all_cells=all_cells), encoding="utf-8")


def html(
    scene: Scene | Overview,
    *,
    fps: float = 30.0,
    language: str = "en",
    theme: str | None = None,
    all_cells: bool = False,
) -> str:
    """The same as text."""
    script, style = map(bundled, CODE)
    data = packed(content(scene, fps, language, theme, all_cells))
    title = _title(scene, language)
    code = zlib.compress(script.encode(), 9)
    return _PAGE.format(
        language="zh-CN" if language == "zh" else language,
        title=escape(title),
        style=style,
        loader=_LOADER,
        code=base64.b64encode(code).decode(),
        data=base64.b64encode(data).decode(),
    )


def check_built() -> None:
    """RequestError unless the page's code is there."""
    for name in CODE:
        bundled(name)


def bundled(name: str) -> str:
    """A file that `make web` has written. RequestError if it has not."""
    try:
        return (BUNDLE / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequestError("the page's code has not been built; allowed, in the repository: make web") from None


def content(
    scene: Scene | Overview, fps: float, language: str, theme: str | None, all_cells: bool = False
) -> dict[str, Any]:
    """All that the page knows: its storyboards by language, theme and shape, and what cells are made of."""
    own = theme or (scene.look.theme if isinstance(scene, Scene) else "light")
    first = compose(scene, SIZES["wide"], fps, language, own, all_cells)
    few = sum(map(len, first.cells)) <= MOST_BOARDS
    languages = [language, *(other for other in LANGUAGES if few and other != language)]
    themes = [own, *(other for other in THEMES if few and other != own)]
    boards = {
        f"{spoken} {look} {shape}": told(compose(scene, size, fps, spoken, look, all_cells))
        for spoken in languages
        for look in themes
        for shape, size in SIZES.items()
    }
    return {
        "languages": languages,
        "themes": themes,
        "titles": {spoken: _title(scene, spoken) for spoken in languages},
        "stories": {spoken: scene.description.in_language(spoken) for spoken in languages if isinstance(scene, Scene)},
        "boards": boards,
        "live": live(scene, all_cells) if isinstance(scene, Scene) else None,
        "surroundings": {look: surroundings(look) for look in THEMES},
    }


def _title(scene: Scene | Overview, language: str) -> str:
    return scene.title.in_language(language) if isinstance(scene, Scene) else scene.title


def told(board: Storyboard) -> dict[str, Any]:
    """A storyboard's fields, and what follows from them that a page would have to work out anew."""
    return {
        **{field.name: getattr(board, field.name) for field in fields(board)},
        "small": board.small,
        "outline_bar": board.outline_bar,
    }


def surroundings(theme: str) -> dict[str, Any]:
    """A theme's colours, linear RGB, with those of its floor in the light and in a shadow."""
    known = THEMES[theme]
    return {
        "backdrop": floor_color(known),
        "floor": known.floor,
        "shadow": floor_color(known, sun=SHADE),
        "text": known.text,
        "faint_text": known.faint_text,
        "line": known.line,
        "window": known.window,
        "ghost": known.ghost,
        "face": known.face,
    }


def packed(value: Any) -> bytes:
    """Plain values, dataclasses and arrays in few bytes: the length of a JSON text, itself, then the arrays; deflated.

    In the text an array is ``{"$": [type, offset, shape]}``, its offset counted from the first one's, in bytes. Equal
    arrays are there once; each begins at a multiple of 8, and stands column by column, for it is these that repeat
    themselves.
    """
    pool = _Pool()
    text = json.dumps(pool.plain(value), ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return zlib.compress(len(text).to_bytes(4, "little") + text + b"".join(pool.chunks), 9)


class _Pool:
    """Arrays as bytes, one behind another."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.length = 0
        self.known: dict[tuple[str, bytes], int] = {}

    def plain(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return {"$": self._put(value)}
        if is_dataclass(value):
            return {field.name: self.plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, dict):
            return {name: self.plain(each) for name, each in value.items()}
        if isinstance(value, tuple | list):
            return [self.plain(each) for each in value]
        return value

    def _put(self, array: NDArray[Any]) -> list[Any]:
        """Where it stands, and as what: 64-bit integers are not of the page's world."""
        kind = {"f": "f4" if array.dtype.itemsize == 4 else "f8", "i": "i4", "b": "u1"}[array.dtype.kind]
        columns = np.moveaxis(array, -1, 0) if array.ndim > 1 else array
        data = np.ascontiguousarray(columns, f"<{kind}").tobytes()
        key = kind, hashlib.sha256(data).digest()
        if key not in self.known:
            self.known[key] = self.length
            data += b"\0" * (-len(data) % 8)
            self.chunks.append(data)
            self.length += len(data)
        return [kind, self.known[key], list(array.shape)]


_LOADER = """\
const letters = atob(document.getElementById("code").textContent);
const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
new Response(inflated).text().then((text) => {
  document.head.append(Object.assign(document.createElement("script"), { text }));
});
"""
"""The page's code is deflated, as its data are: this makes it a script of the page."""
_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:">
<meta name="generator" content="convmotion">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript><h1>{title}</h1><p>This page plays an animation and needs JavaScript.</p></noscript>
<script type="text/plain" id="data">{data}</script>
<script type="text/plain" id="code">{code}</script>
<script>{loader}</script>
</body>
</html>
"""
