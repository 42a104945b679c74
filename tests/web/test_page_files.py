"""Pages as files: what the command writes, what it refuses, and what is packed along."""

import base64
import fnmatch
import json
import re
import tomllib
import zlib
from pathlib import Path

import pytest
from small_scenes import TINY

from convmotion.render import film, page
from convmotion.render.cli import main

ROOT = Path(__file__).parents[2]
HOSTILE = '</title></script><b>&" ☂'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a scene, where the page's code is a stub. Whoever starts Blender in it fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scene.toml").write_text(f"title = {json.dumps(HOSTILE)}\n" + re.sub("(?m)^title.*\n", "", TINY))
    (tmp_path / "code").mkdir()
    for name in page.CODE:
        (tmp_path / "code" / name).write_text(f"/* {name} */")
    monkeypatch.setattr(page, "BUNDLE", tmp_path / "code")

    def never(*_):
        raise AssertionError("Blender was started")

    monkeypatch.setattr(film, "run", never)
    return tmp_path


def inflated(text, name):
    packed = re.search(rf'<script type="text/plain" id="{name}">([A-Za-z0-9+/=]+)</script>', text)
    assert packed is not None
    return zlib.decompress(base64.b64decode(packed[1]))


def data_in(text):
    """What a page holds: the JSON text before its arrays."""
    plain = inflated(text, "data")
    return json.loads(plain[4 : 4 + int.from_bytes(plain[:4], "little")])


def test_a_page_is_written_without_blender_in_all_languages_and_themes(place):
    assert main(["render", "scene.toml", "-o", "page.html", "--lang", "zh", "--theme", "dark"]) == 0
    text = (place / "page.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in text and "/* page.css */" in text
    assert inflated(text, "code") == b"/* page.js */"
    data = data_in(text)
    assert data["languages"] == ["zh", "en"] and data["themes"] == ["dark", "light"]
    wanted = {f"{a} {b} {c}" for a in ("zh", "en") for b in ("dark", "light") for c in ("wide", "tall")}
    assert set(data["boards"]) == wanted
    assert data["boards"]["zh dark tall"]["size"] == [480, 854]


def test_what_a_scene_is_called_ends_no_element(place):
    assert main(["render", "scene.toml", "-o", "page.html"]) == 0
    text = (place / "page.html").read_text(encoding="utf-8")
    assert "<b>" not in text and text.count("</script>") == 3 and text.count("</title>") == 1
    assert "<title>&lt;/title&gt;&lt;/script&gt;&lt;b&gt;&amp;&quot; ☂</title>" in text
    assert data_in(text)["titles"]["en"] == HOSTILE


def test_where_its_code_is_missing_one_line_says_how_to_build_it(place, capsys):
    (place / "code" / "page.js").unlink()
    before = sorted(place.rglob("*"))
    assert main(["render", "scene.toml", "-o", "page.html"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and "make web" in err
    assert sorted(place.rglob("*")) == before


def test_wheels_take_the_code_along_and_the_lock_names_no_registry():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = config["package-data"]["convmotion.render"]
    for name in page.CODE:
        inside = (page.BUNDLE / name).relative_to(ROOT / "render").as_posix()
        assert any(fnmatch.fnmatch(inside, pattern) for pattern in patterns), inside
    lock = (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock and "://" not in lock
    assert all("integrity" in each for name, each in json.loads(lock)["packages"].items() if name)


PICTURED = [
    *(["--size", "640x360"], ["--frames", "1:9"], ["--quality", "draft"], ["--transparent"], ["--whole-frames"]),
    *(["--engine", "eevee"], ["--device", "cpu"]),
]


@pytest.mark.parametrize("options", [*PICTURED, ["--max-bytes", "5MB"], ["--codec", "av1"]])
def test_what_says_nothing_to_a_page_is_refused_where_nothing_else_is_written(place, capsys, options):
    before = sorted(place.rglob("*"))
    for command in (
        ["render", "scene.toml", "-o", "page.html"],
        ["render-all", "scene.toml", "--format", "html", "-o", "x"],
    ):
        assert main([*command, *options]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1) and options[0].replace("--whole-frames", "--chunk") in err, err
        assert ".mp4" in err or ".webm" in err
        assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("options", PICTURED[:4])
def test_what_says_nothing_to_a_page_may_be_meant_for_another_output(place, options):
    assert main(["render", "scene.toml", "-o", "page.html", "-o", "model.glb", *options]) == 0
    assert (place / "page.html").is_file() and (place / "model.glb").is_file()


def test_what_a_page_makes_use_of_is_taken(place, capsys):
    taken = ["--fps", "20", "--lang", "zh", "--theme", "dark", "--all-cells", "--workers", "1", "--cache", "frames"]
    assert main(["render", "scene.toml", "-o", "page.html", *taken]) == 0
    assert data_in((place / "page.html").read_text(encoding="utf-8"))["boards"]["zh dark wide"]["fps"] == 20
    assert main(["render", "scene.toml", "-o", "page.html", "--embed", "--size", "640x360"]) == 0
    assert "640 / 360" in capsys.readouterr().out
