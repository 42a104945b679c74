"""What this machine has and lacks, and the line that mends it. Nothing here imports or starts Blender."""

import ctypes
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path

from .errors import RenderError

# Blender links these although it opens no window here. The packages have these names from Debian 12 and Ubuntu 22.04
# on; tried on bare Debian 12 (bpy 4.5) and 13 (bpy 5.2).
PACKAGES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libEGL_mesa.so.0": "libegl-mesa0",
}
# Where drivers register with libEGL. libgl1, which Blender needs anyway, brings Mesa's software rasterizer.
EGL_DRIVERS = (Path("/usr/share/glvnd/egl_vendor.d"), Path("/etc/glvnd/egl_vendor.d"))
ENCODERS = ("libx264", "libvpx-vp9", "libwebp_anim", "gif")
# bpy of its Python: there is no wheel for any other (see pyproject.toml).
BPY_OF_PYTHON = {(3, 11): "4.5", (3, 13): "5.2"}
GB = 1_000_000_000
# A minute of frames at 854x480 takes about this much; an ordinary scene renders in this much memory.
ENOUGH_DISK = 1 * GB
ENOUGH_MEMORY = 1 * GB


@dataclass(frozen=True)
class Library:
    """A shared library that the dynamic linker does not find. `package` is Debian's, or "" if unknown."""

    soname: str
    package: str
    optional: bool = False


@dataclass(frozen=True)
class Finding:
    """One line of the report. `mend` is empty where nothing is wrong; `needed` False for what only some uses want."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    needed: bool = True


def missing_libraries() -> list[Library]:
    """Libraries that Blender needs and then, marked optional, those of the GL engines. Linux only, elsewhere none."""
    if sys.platform != "linux":
        return []
    return _missing_of_bpy() + _missing_of_gl()


def require_libraries(*, gl: bool = False) -> None:
    """Raise RenderError, one line with its remedy, if Blender could not start or, with `gl`, draw through OpenGL."""
    missing = [library for library in missing_libraries() if gl or not library.optional]
    if missing:
        raise RenderError(f"Blender needs {_sonames(missing)}, not found on this machine; {_install_line(missing)}")


def memory_bytes() -> int | None:
    """This machine's memory; None if the system does not tell, as Windows."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return None


def report() -> list[Finding]:
    """Everything there is to say, needed things first."""
    missing = missing_libraries()
    return [
        _python(),
        _blender(),
        _libraries("system libraries", [library for library in missing if not library.optional], needed=True),
        _ffmpeg(),
        _temporary_folder(),
        _onnx(),
        _libraries("GL libraries", [library for library in missing if library.optional], needed=False),
        _memory(),
        Finding("cores", True, str(cores()), needed=False),
    ]


def main(packages: bool = False, json: bool = False) -> int:
    """Print the report, or only the missing packages, the optional ones too. 0 if all that is needed is there, else 1.

    With `packages`, 1 means that a library is missing whose package is not known.
    """
    if packages:
        missing = missing_libraries()
        print(" ".join(_packages(missing)))
        unknown = [library for library in missing if not library.package]
        if unknown:
            print(f"convmotion: no package is known for {_sonames(unknown)}", file=sys.stderr)
        return 1 if unknown else 0
    findings = report()
    if json:
        print(dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    return 0 if all(finding.ok for finding in findings if finding.needed) else 1


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        state = "ok" if finding.ok else "missing" if finding.needed else "optional"
        print(f"{state:<9}{finding.name:<18}{finding.detail}")
    missing = missing_libraries()
    mends = [finding.mend for finding in findings if finding.mend and "libraries" not in finding.name]
    for mend in [*mends, *([_install_line(missing)] if missing else [])]:
        print(mend)


def _bpy_file() -> Path | None:
    """Where pip's bpy lies. None if there is none, or inside Blender, which has already found its libraries."""
    try:
        spec = importlib.util.find_spec("bpy")
    except ValueError:  # a module without a spec: Blender's own
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".so") else None


def inside_blender() -> bool:
    """Whether this runs in the program Blender, and not in a Python into which pip has installed bpy."""
    return "bpy" in sys.modules and _bpy_file() is None


def blender_version() -> str:
    """Of the Blender that renders, and what of it makes other pixels than others of its version."""
    if not inside_blender():
        return importlib.metadata.version("bpy")
    from ..blender_addon.compat import VERSION, can_denoise

    return VERSION if can_denoise() else f"{VERSION} without a denoiser"


def _missing_of_bpy() -> list[Library]:
    """ldd asks the very linker that will load bpy, and follows the libraries that bpy brings along."""
    module = _bpy_file()
    if module is None or not shutil.which("ldd"):
        return []
    told = subprocess.run(["ldd", module], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    names = [line.split()[0] for line in told.splitlines() if line.endswith("=> not found")]
    return [Library(name, PACKAGES.get(name, "")) for name in dict.fromkeys(names)]


def _missing_of_gl() -> list[Library]:
    """Blender opens libEGL by name when it draws, so ldd does not know of it; libEGL in turn looks for a driver."""
    try:
        ctypes.CDLL("libEGL.so.1")
    except OSError:
        name = "libEGL.so.1"
    else:
        if any(driver for folder in EGL_DRIVERS for driver in folder.glob("*.json")):
            return []
        name = "libEGL_mesa.so.0"
    return [Library(name, PACKAGES[name], optional=True)]


def _sonames(libraries: Iterable[Library]) -> str:
    return ", ".join(library.soname for library in libraries)


def _packages(libraries: Iterable[Library]) -> list[str]:
    return list(dict.fromkeys(library.package for library in libraries if library.package))


def _install_line(libraries: list[Library]) -> str:
    """What to type; where there is no apt, or a library's package is not known, what to look for."""
    if not shutil.which("apt-get") or not all(library.package for library in libraries):
        return f"install the packages that bring {_sonames(libraries)}"
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    sudo = "" if is_root and not shutil.which("sudo") else "sudo "
    return f"{sudo}apt-get install -y {' '.join(_packages(libraries))}"


def _libraries(name: str, missing: list[Library], *, needed: bool) -> Finding:
    use = "" if needed else " (for the engines workbench and eevee only)"
    if missing:
        return Finding(name, False, f"{_sonames(missing)} not found{use}", _install_line(missing), needed)
    return Finding(name, True, f"all found{use}", needed=needed)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in BPY_OF_PYTHON or "bpy" in sys.modules:
        return Finding("Python", True, version)
    return Finding(
        "Python", False, f"{version}, but Blender is published for 3.11 and 3.13", "install Python 3.13 or 3.11"
    )


def _blender() -> Finding:
    if "bpy" in sys.modules:
        return Finding("Blender", True, "the one that this runs in")
    try:
        version = importlib.metadata.version("bpy")
    except importlib.metadata.PackageNotFoundError:
        wanted = BPY_OF_PYTHON.get(sys.version_info[:2], "5.2")
        return Finding("Blender", False, "the package bpy is not installed", f"pip install 'bpy=={wanted}.*'")
    return Finding("Blender", True, f"bpy {version}")


def _ffmpeg() -> Finding:
    mend = (
        "unset IMAGEIO_FFMPEG_EXE"
        if "IMAGEIO_FFMPEG_EXE" in os.environ
        else "pip install --force-reinstall imageio-ffmpeg"
    )
    try:
        import imageio_ffmpeg  # here, as the report must come even where it is not installed

        binary = imageio_ffmpeg.get_ffmpeg_exe()
        told = subprocess.run([binary, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout
    except (ImportError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        return Finding("ffmpeg", False, f"does not run: {str(error).splitlines()[0]}", mend)
    known = {line.split()[1] for line in told.splitlines() if len(line.split()) > 1}
    lacking = [name for name in ENCODERS if name not in known]
    if lacking:
        return Finding("ffmpeg", False, f"{binary} cannot write {', '.join(lacking)}", mend)
    return Finding("ffmpeg", True, f"{Path(binary).name}, writes {', '.join(ENCODERS)}")


def _onnx() -> Finding:
    """The package that reads models, found without importing it."""
    try:
        version = importlib.metadata.version("onnx")
    except importlib.metadata.PackageNotFoundError:
        return Finding("onnx", False, "not installed (for convmotion model only)", "pip install onnx", needed=False)
    return Finding("onnx", True, f"{version} (for convmotion model only)", needed=False)


def _temporary_folder() -> Finding:
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        return Finding(
            "temporary folder", False, "none can be written in", "export TMPDIR=a folder that you may write in"
        )
    free = shutil.disk_usage(folder).free
    mend = "" if free >= ENOUGH_DISK else f"free some space in {folder}, or export TMPDIR=another folder"
    return Finding("temporary folder", not mend, f"{folder}, {free / GB:.1f} GB free", mend)


def _memory() -> Finding:
    size = memory_bytes()
    if size is None:
        return Finding("memory", True, "not known", needed=False)
    ok = size >= ENOUGH_MEMORY
    return Finding(
        "memory",
        ok,
        f"{size / GB:.1f} GB",
        "" if ok else "close other programs, or render smaller scenes",
        needed=False,
    )


def cores() -> int:
    """Those that this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
