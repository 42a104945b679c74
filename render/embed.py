"""What shows a file in a slide or on a page: a line of HTML to paste."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import tostring

from .errors import RequestError
from .markup import address, tag

FILMS, PICTURES, PAGES = (".mp4", ".webm"), (".gif", ".webp", ".png"), (".html",)
ENDINGS = (*PAGES, *FILMS, *PICTURES)


def snippet(out: Path, title: str, size: tuple[int, int]) -> str:
    """The line for a file, whose place is told as it is given; a film plays by itself, muted, again and again.

    ``size`` is the width and height in pixels that it takes at the most. RequestError for what no browser shows.
    """
    ending = out.suffix.lower()
    if ending not in ENDINGS or (ending == ".png" and "%" in out.name):
        raise RequestError(f"{out}: no browser shows it; allowed with --embed: {' '.join(ENDINGS)}")
    width, height = map(str, size)
    source = out.as_uri() if out.is_absolute() else address(*out.parts)
    fits = {
        "width": width,
        "height": height,
        "style": f"max-width: 100%; height: auto; aspect-ratio: {width} / {height}",
    }
    if ending in PAGES:
        fits["style"] += "; border: 0"
        shown = tag("iframe", {"src": source, "title": title, **fits, "loading": "lazy", "allow": "fullscreen"})
    elif ending in FILMS:
        plays = {"autoplay": True, "muted": True, "loop": True, "playsinline": True}
        shown = tag("video", {"src": source, "aria-label": title, **fits, **plays})
    else:
        shown = tag("img", {"src": source, "alt": title, **fits})
    return tostring(shown, encoding="unicode", method="html")
