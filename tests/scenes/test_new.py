"""The scene file to start from: it works as it is, and says all that a scene file may say."""

import re
import tomllib

import pytest

from convmotion.scenes import SceneError, load_scene, parse_scene, write_new
from convmotion.scenes.catalog import NEW
from convmotion.scenes.kernels import NAMES
from convmotion.scenes.scenefile import CAMERAS, LANGUAGES, ORDERS, SHOW, THEMES, VALUES

TEXT = NEW.read_text(encoding="utf-8")
ALL = re.sub(r"^# (?!view)(\w+ *=|\[)", r"\1", TEXT, flags=re.M)
"""With every setting switched on that a Conv2d has."""


OF_TORCH = {"in_channels", "padding_mode", "output_padding"}
"""Parameters that its documentation tells of."""


def allowed(text):
    """The keys that are told to whoever writes a wrong one."""
    with pytest.raises(SceneError, match="unknown key 'wrong'") as refused:
        parse_scene(text, "x")
    return str(refused.value).partition("allowed: ")[2].split(", ")


def test_a_new_file_is_a_scene_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_new("mine")
    scene = load_scene(path)
    assert str(path) == "mine.toml" and scene.title.en == "mine"
    assert scene.shapes == [(4, 7, 7), (6, 5, 5)]
    assert "convmotion render mine.toml -o mine.gif" in path.read_text() and "THIS" not in path.read_text()
    assert write_new(str(tmp_path / "two.toml")).name == "two.toml"


def test_what_is_there_is_never_overwritten(tmp_path):
    path = write_new(str(tmp_path / "mine"))
    path.write_text("my own")
    (tmp_path / "broken.toml").symlink_to("absent.toml")
    (tmp_path / "folder.toml").mkdir()
    for name in ("mine", "mine.toml", "broken", "folder"):
        with pytest.raises(SceneError, match=r"is there already; allowed: a new name"):
            write_new(str(tmp_path / name))
    assert path.read_text() == "my own" and not (tmp_path / "absent.toml").exists()


@pytest.mark.parametrize("name", ["", ".toml", "a\nb", "a\0b", "a\x1bb"])
def test_what_is_no_name_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SceneError, match="is no name") as refused:
        write_new(name)
    assert len(str(refused.value).splitlines()) == 1 and not list(tmp_path.iterdir())


def test_a_place_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SceneError, match=r"cannot be written: .*; allowed: "):
        write_new(str(tmp_path / "absent" / "mine"))


def test_every_key_has_its_line():
    keys = set(re.findall(r"^(?:# )?(\w+) *=", TEXT, flags=re.M)) | set(re.findall(r"^(?:# )?\[+(\w+)\]", TEXT, re.M))
    assert set(allowed("wrong = 1\n" + TEXT)) <= keys
    for table in ("input", "time", "look", "stage"):
        text = re.sub(rf"^(\[+{table}\]+.*)$", r"\1\nwrong = 1", TEXT, count=1, flags=re.M)
        missing = set(allowed(text.replace('"Conv2d"', '"ConvTranspose2d"'))) - keys - OF_TORCH
        assert not missing, (table, missing)


def test_every_choice_is_named():
    for choice in (*VALUES, *ORDERS, *CAMERAS, *THEMES, *SHOW, *NAMES):
        assert f'"{choice}"' in TEXT, choice
    assert all(f"{language} =" in TEXT for language in LANGUAGES)


def test_every_setting_may_be_switched_on():
    table = tomllib.loads(ALL)
    assert len(table["stage"]) == 2 and {"values", "seed"} <= set(table["input"])
    assert {"stride", "padding", "dilation", "groups", "bias", "weight"} <= set(table["stage"][0])
    scene = parse_scene(ALL, "x")
    assert scene.look.apart and scene.title.zh == "两组"
