"""The house is in order: who imports whom, what a wheel takes along, how large a file may be."""

import ast
import fnmatch
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["conv_math", "scenes", "blender_addon", "render"]
"""From the ground up: a folder imports from itself and from those below it."""
MODULES = [path for folder in FLOORS for path in sorted((ROOT / folder).rglob("*.py"))]
BLENDERS = {"bpy", "bmesh", "mathutils", "bpy_extras", "gpu", "blf", "addon_utils"}
MEGABYTE = 1_000_000

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(folder, "") for every import from the house, ("", package) for every other one; local imports too."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (_named(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield _named((node.module or "").split("."))
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] if node.level <= len(parts) else None
            assert base is not None, f"{path}: leaves the house"
            for alias in node.names:
                where = (*base, *(node.module or "").split("."), alias.name) if node.module else (*base, alias.name)
                yield where[0], ""


def _named(dotted: list[str]) -> tuple[str, str]:
    if dotted[0] == "convmotion":
        return (dotted[1] if len(dotted) > 1 else "convmotion"), ""
    return "", dotted[0]


def packages_of(path: Path) -> set[str]:
    return {package for _, package in imports(path) if package}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_folder_of_the_house_is_looked_at():
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(FLOORS)
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT).as_posix() for path in MODULES}
    assert set(config["package-dir"].values()) == folders
    assert {name.removeprefix("convmotion.").replace(".", "/") for name in config["packages"]} == folders


@every_module
def test_imports_run_downwards_only(path):
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    for folder, _ in imports(path):
        if folder:
            assert folder in FLOORS, f"{place(path)} imports {folder}"
            assert FLOORS.index(folder) <= floor, f"{place(path)} reaches up to {folder}"


@every_module
def test_only_from_module_asks_a_floor_above_and_only_by_name(path):
    asks = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)} & {"import_module", "__import__"}
    assert not asks or path.relative_to(ROOT).parts[0] == "render" or place(path) == "scenes/module.py"


@every_module
def test_the_lower_floors_need_nothing_but_numpy_and_the_standard_library(path):
    if path.relative_to(ROOT).parts[0] in ("conv_math", "scenes"):
        assert packages_of(path) <= {*sys.stdlib_module_names, "numpy"}


@every_module
def test_only_the_add_on_and_one_module_of_render_know_blender(path):
    if packages_of(path) & BLENDERS:
        assert place(path).startswith("blender_addon/") or place(path) == "render/blender.py"


@every_module
def test_only_one_module_touches_ffmpeg_and_pictures_and_onnx_and_dask(path):
    known = (
        ("ffmpeg", "render/encode.py"),
        ("imageio", "render/pictures.py"),
        ("onnx", "render/onnxfile.py"),
        ("distributed", "render/cluster.py"),
        ("dask", "render/cluster.py"),
    )
    for package, only in known:
        assert package not in packages_of(path) or place(path) == only


@every_module
def test_only_one_module_asks_for_blenders_version(path):
    asks = [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("version")
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "app"
    ]
    assert not asks or place(path) == "blender_addon/compat.py", f"line {asks[0].lineno}"


def test_conv_math_is_imported_alone_from_the_repositorys_root():
    code = "import sys, conv_math; print('convmotion' in sys.modules, conv_math.__file__)"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", str(ROOT / "conv_math" / "__init__.py")]


def test_scenes_compose_without_blender_or_a_renderer():
    code = (
        "import sys; from convmotion.scenes import compose, find_scene; compose(find_scene('grouped'));"
        "print(sorted({'bpy', 'imageio', 'ffmpeg', 'tqdm', 'onnx', 'convmotion.render'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_a_wheel_takes_every_file_of_the_catalog_along():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = config["package-data"]["convmotion.scenes"]
    others = [path for path in (ROOT / "scenes").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert len(others) >= 6
    for path in others:
        inside = path.relative_to(ROOT / "scenes").as_posix()
        assert any(fnmatch.fnmatch(inside, pattern) for pattern in patterns), inside


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="no repository")
def test_no_file_of_the_repository_is_large():
    """Pictures for the README are small; everything else that is large was generated."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    sizes = {name: (ROOT / name).stat().st_size for name in listed if name and (ROOT / name).is_file()}
    assert len(sizes) > 40
    assert not {name: size for name, size in sizes.items() if size > 1.5 * MEGABYTE}
