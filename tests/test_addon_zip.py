"""The extension's zip: Blender's validator takes it, and its code runs under the name that Blender gives it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tools"))

import pack_addon  # noqa: E402

RUN = """
import importlib, importlib.util, sys
import bpy
for name in {"bl_ext", "bl_ext.user_default"} - set(sys.modules):
    sys.modules[name] = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, None, is_package=True))
spec = importlib.util.spec_from_file_location("bl_ext.user_default.convmotion", sys.argv[1] + "/__init__.py")
package = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = package
before = list(sys.path)
spec.loader.exec_module(package)
import render, scenes
assert render.MINE and scenes.MINE, "another extension's modules"
code = package.command(["explain", "grouped", "--json"])
assert sys.path == before and "convmotion" not in sys.modules
sys.exit(code)
"""


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """The zip of a platform, with a small wheel in place of the ones that would be downloaded."""
    wheel = tmp_path / "one-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("one/__init__.py", "")
    monkeypatch.setattr(pack_addon, "BUILD", tmp_path / "build")
    monkeypatch.setattr(pack_addon, "DIST", tmp_path / "dist")
    monkeypatch.setattr(pack_addon, "_wheels", lambda platform: {wheel})
    return pack_addon.pack


@pytest.mark.parametrize("platform", pack_addon.PLATFORMS)
def test_blenders_validator_has_nothing_to_say(packed, platform):
    zipped = packed(platform)
    assert zipped.name == f"convmotion-0.1.0-{platform}.zip"
    names = zipfile.ZipFile(zipped).namelist()
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "wheels/one-1.0-py3-none-any.whl"} <= set(names)
    assert {f"scenes/catalog/{name}" for name in ("standard.toml", "lenet.npz", "lenet.png")} <= set(names)
    if (ROOT / "render" / "web" / "page.js").is_file():  # `make addon` sees to it
        assert {"render/web/page.js", "render/web/page.css"} <= set(names)
    assert not any("__pycache__" in name for name in names)


def test_what_the_validator_refuses_stops_packing(packed, monkeypatch):
    whole = pack_addon._manifest
    monkeypatch.setattr(pack_addon, "_manifest", lambda *a: whole(*a).replace('type = "add-on"', 'type = "toy"'))
    with pytest.raises(SystemExit, match="toy"):
        packed("linux-x64")


def test_an_unknown_platform_is_refused_by_its_name(capsys):
    assert pack_addon.main(["amiga"]) == 2
    assert "amiga" in capsys.readouterr().err


def test_it_runs_under_blenders_name_beside_modules_of_the_same_names(packed, tmp_path):
    folder = tmp_path / "installed"
    with zipfile.ZipFile(packed("linux-x64")) as zipped:
        zipped.extractall(folder)
    (folder / "__init__.py").open("a").write("\nfrom .render.extension import command\n")
    for name in ("render", "scenes"):
        (tmp_path / "other" / name).mkdir(parents=True)
        (tmp_path / "other" / name / "__init__.py").write_text("MINE = True\n")
    start = f"import sys; sys.path.append({str(tmp_path / 'other')!r})\n"
    inside = subprocess.run(
        [sys.executable, "-c", start + RUN, folder],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert inside.returncode == 0, inside.stderr
    outside = [sys.executable, "-m", "convmotion.render.cli", "explain", "grouped", "--json"]
    told = subprocess.run(outside, capture_output=True, text=True, check=True).stdout
    assert json.loads(inside.stdout[inside.stdout.index("{") :]) == json.loads(told)
