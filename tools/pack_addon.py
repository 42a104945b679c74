"""Pack the extension: dist/convmotion-VERSION-PLATFORM.zip for each platform, checked by Blender's own validator.

    python tools/pack_addon.py                    all platforms
    python tools/pack_addon.py linux_x64          only these

A zip carries the four folders, the manifest, and the wheels of what NumPy and Blender do not bring. Wheels are
downloaded once into build/wheels, in the versions of constraints/.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("conv_math", "scenes", "blender_addon", "render")
MANIFEST = "blender_manifest.toml"
BUILD, DIST = ROOT / "build", ROOT / "dist"
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-x64": ("macosx_10_15_x86_64",),
    "macos-arm64": ("macosx_11_0_arm64", "macosx_12_0_arm64"),
}
"""Blender's names, and what pip calls the systems that the Blenders from 4.2 on run on."""
PYTHONS = ("311", "313", "314")
"""Those of Blender: 3.11 up to 5.0, then 3.13; distributions build it with later ones, too."""
ANYWHERE = ("imageio", "ffmpeg-python", "future", "tqdm", "platformdirs")
PER_PLATFORM = ("imageio-ffmpeg",)
PER_PYTHON = ("pillow",)
ROOT_MODULE = '''"""Any convolution as a correct 3D animation: what Blender imports of it."""

from .render.extension import register, unregister  # noqa: F401
'''


def main(wanted: list[str]) -> int:
    """Pack for these platforms (none: for all); the exit code."""
    names = [name.replace("_", "-") for name in wanted] or list(PLATFORMS)
    unknown = [name for name in names if name not in PLATFORMS]
    if unknown:
        print(f"pack_addon: {unknown[0]} is no platform; allowed: {', '.join(PLATFORMS)}", file=sys.stderr)
        return 2
    for name in names:
        print(pack(name))
    return 0


def pack(platform: str) -> Path:
    """Build and validate the zip of a platform; its path."""
    stage = BUILD / "addon" / platform
    shutil.rmtree(stage, ignore_errors=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, stage / folder, ignore=shutil.ignore_patterns("__pycache__", MANIFEST))
    (stage / "__init__.py").write_text(ROOT_MODULE, encoding="utf-8")
    shutil.copy(ROOT / "LICENSE", stage)
    (stage / "wheels").mkdir()
    wheels = sorted(_wheels(platform))
    for wheel in wheels:
        shutil.copy(wheel, stage / "wheels")
    (stage / MANIFEST).write_text(_manifest(platform, [wheel.name for wheel in wheels]), encoding="utf-8")
    made = DIST / f"convmotion-{_version()}-{platform}.zip"
    DIST.mkdir(exist_ok=True)
    _blender("build", "--source-dir", str(stage), "--output-filepath", str(made))
    told = _blender("validate", str(made))
    if "warning" in told.lower():
        raise SystemExit(f"pack_addon: {made.name}: {told}")
    return made


def _manifest(platform: str, wheels: list[str]) -> str:
    """The manifest of blender_addon, with what only packing knows, above its first table."""
    text = (ROOT / "blender_addon" / MANIFEST).read_text(encoding="utf-8")
    top, table, rest = text.partition("\n[")
    listed = "".join(f'    "./wheels/{name}",\n' for name in wheels)
    return f'{top}version = "{_version()}"\nplatforms = ["{platform}"]\nwheels = [\n{listed}]\n{table}{rest}'


def _version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def _wheels(platform: str) -> set[Path]:
    """The wheels for a platform, downloaded if they are not there."""
    found = {_wheel(name, (), "311") for name in ANYWHERE}
    found |= {_wheel(name, PLATFORMS[platform], "311") for name in PER_PLATFORM}
    return found | {_wheel(name, PLATFORMS[platform], python) for name in PER_PYTHON for python in PYTHONS}


def _wheel(package: str, tags: tuple[str, ...], python: str) -> Path:
    """The wheel of a package in the version of the constraints; ``tags`` of the platform (none: of any)."""
    version = _pinned(package, "311" if python == "311" else "313")
    where = BUILD / "wheels" / "-".join([package, version, *tags[:1], python])
    if not (kept := list(where.glob("*.whl"))):
        options = [option for tag in tags for option in ("--platform", tag)] + ["--python-version", python]
        command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(where), *options, f"{package}=={version}"]
        subprocess.run(command, check=True)
        kept = list(where.glob("*.whl"))
    (wheel,) = kept
    return wheel


def _pinned(package: str, python: str) -> str:
    text = (ROOT / "constraints" / f"py{python}.txt").read_text(encoding="utf-8")
    match = re.search(rf"^{re.escape(package)}==(\S+)$", text, re.IGNORECASE | re.MULTILINE)
    if match is None:
        raise SystemExit(f"pack_addon: constraints/py{python}.txt has no version of {package}")
    return match[1]


def _blender(*arguments: str) -> str:
    """Run Blender's program for extensions, which comes along with bpy; what it says. SystemExit if it fails."""
    spec = importlib.util.find_spec("bpy")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    programs = [p for folder in folders for p in folder.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")]
    if not programs:
        raise SystemExit("pack_addon: the package bpy is not installed; allowed: an environment of `make setup`")
    command = [sys.executable, str(programs[0]), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"pack_addon: {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
