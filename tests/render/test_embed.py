"""What is printed to be pasted shows the file, whatever it is called."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from convmotion.render.cli import main
from convmotion.render.embed import snippet
from convmotion.render.errors import RequestError

SMALL = """
title = { en = "Mine & \\"yours\\"", zh = "我的" }
[input]
shape = [1, 2, 2]
[[stage]]
op = "Conv2d"
out_channels = 1
kernel_size = 1
[time]
seconds = 2
"""


def read(line):
    """The tag of a line of HTML, and its attributes; of a tag that is closed again, if it has to be."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda name, attributes: found.append((name, dict(attributes)))
    parser.handle_endtag = lambda name: found.append(name)
    parser.feed(line)
    (name, attributes), *rest = found
    assert rest == ([] if name == "img" else [name])
    return name, attributes


@pytest.mark.parametrize(
    ("out", "name", "told_by"),
    [("a.html", "iframe", "title"), ("b.mp4", "video", "aria-label"), ("c.WEBM", "video", "aria-label")]
    + [(f"d.{ending}", "img", "alt") for ending in ("gif", "webp", "png")],
)
def test_each_kind_of_file_has_the_tag_that_shows_it_and_says_what_it_is(out, name, told_by):
    tag, attributes = read(snippet(Path("made", out), 'Of "a" & <b>', (854, 480)))
    assert tag == name and attributes["src"] == f"made/{out}" and attributes[told_by] == 'Of "a" & <b>'
    assert (attributes["width"], attributes["height"]) == ("854", "480")
    if tag == "video":
        assert {"autoplay", "muted", "loop", "playsinline"} <= set(attributes)


def test_names_are_written_as_addresses():
    assert read(snippet(Path("a b", "#1 & 50%.gif"), "x", (64, 64)))[1]["src"] == "a%20b/%231%20%26%2050%25.gif"
    assert read(snippet(Path("/a b/c.gif"), "x", (64, 64)))[1]["src"] == "file:///a%20b/c.gif"


@pytest.mark.parametrize("name", ["a.blend", "a.glb", "frame_%04d.png"])
def test_what_no_browser_shows_is_refused_before_anything_is_made(name, tmp_path, monkeypatch, capsys):
    with pytest.raises(RequestError):
        snippet(Path(name), "x", (64, 64))
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(SMALL)
    assert main(["render", "mine.toml", "-o", "a.gif", "-o", name, "--embed"]) == 2
    assert f"{name}: no browser shows it; allowed with --embed: .html .mp4" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.blender
def test_it_is_printed_for_every_output_in_the_films_language(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(SMALL)
    words = ["--size", "96x64", "--fps", "2", "--quality", "draft", "--lang", "zh", "--embed"]
    assert main(["render", "mine.toml", "-o", "a.mp4", "-o", "a.png", *words]) == 0
    film, still = map(read, capsys.readouterr().out.splitlines())
    assert film[0] == "video" and film[1]["aria-label"] == "我的" and film[1]["width"] == "96"
    assert still[0] == "img" and still[1]["src"] == "a.png"
