"""What is missing is named with what mends it. The machine is replaced by what a bare one would answer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convmotion.render import doctor
from convmotion.render.doctor import Library
from convmotion.render.errors import RenderError

BARE = """\
\tlinux-vdso.so.1 (0x00007f732770d000)
\tlibtbb.so.12 => /somewhere/bpy/lib/libtbb.so.12 (0x00007f732769f000)
\tlibX11.so.6 => not found
\tlibSM.so.6 => not found
\tlibX11.so.6 => not found
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's dynamic linker")


@pytest.fixture
def bare(monkeypatch):
    """A Debian machine that lacks two needed libraries and libEGL."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(doctor, "_bpy_file", lambda: Path("/somewhere/bpy/__init__.so"))
    original = subprocess.run

    def run(command, **options):
        if command[0] == "ldd":
            return subprocess.CompletedProcess(command, 0, stdout=BARE)
        return original(command, **options)

    def refuse(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(doctor.ctypes, "CDLL", refuse)


@pytest.fixture
def whole(monkeypatch):
    """A machine that lacks nothing."""
    monkeypatch.setattr(doctor, "missing_libraries", list)


def test_missing_libraries_are_named_once_with_their_packages(bare):
    assert doctor.missing_libraries() == [
        Library("libX11.so.6", "libx11-6"),
        Library("libSM.so.6", "libsm6"),
        Library("libEGL.so.1", "libegl1", optional=True),
    ]


def test_packages_are_one_line_with_the_optional_ones(bare, capsys):
    assert doctor.main(packages=True) == 0
    assert capsys.readouterr().out == "libx11-6 libsm6 libegl1\n"


def test_packages_are_an_empty_line_if_nothing_is_missing(whole, capsys):
    assert doctor.main(packages=True) == 0
    assert capsys.readouterr().out.strip() == ""


def test_a_library_of_unknown_package_is_told_and_not_passed_over(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "missing_libraries", lambda: [Library("libNew.so.9", "")])
    assert doctor.main(packages=True) == 1
    told = capsys.readouterr()
    assert told.out.strip() == "" and "libNew.so.9" in told.err
    with pytest.raises(RenderError, match=r"install the packages that bring libNew\.so\.9"):
        doctor.require_libraries()


def test_the_report_ends_with_the_line_that_mends(bare, capsys):
    assert doctor.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("apt-get install -y libx11-6 libsm6 libegl1")
    [line] = [line for line in lines if line.startswith("missing")]
    assert "libX11.so.6, libSM.so.6 not found" in line
    assert any(line.startswith("optional") and "libEGL.so.1" in line for line in lines)


def test_optional_things_do_not_fail(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "missing_libraries", lambda: [Library("libEGL.so.1", "libegl1", optional=True)])
    assert doctor.main() == 0
    doctor.require_libraries()
    with pytest.raises(RenderError, match="libegl1"):
        doctor.require_libraries(gl=True)


def test_required_libraries_are_one_line_with_the_remedy(bare):
    with pytest.raises(RenderError) as caught:
        doctor.require_libraries()
    line = str(caught.value)
    assert "\n" not in line and "libX11.so.6, libSM.so.6" in line
    assert line.endswith("apt-get install -y libx11-6 libsm6")


@pytest.mark.parametrize(
    ("user", "has_sudo", "starts"), [(1000, True, "sudo apt"), (1000, False, "sudo apt"), (0, False, "apt")]
)
def test_the_line_works_for_root_without_sudo(monkeypatch, user, has_sudo, starts):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "sudo" and not has_sudo else name)
    assert doctor._install_line([Library("libSM.so.6", "libsm6")]).startswith(starts)


def test_without_apt_the_libraries_are_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert doctor._install_line([Library("libSM.so.6", "libsm6")]) == "install the packages that bring libSM.so.6"


def test_json_says_the_same(whole, capsys):
    code = doctor.main(json=True)
    findings = json.loads(capsys.readouterr().out)
    assert code == (0 if all(finding["ok"] for finding in findings if finding["needed"]) else 1)
    names = [finding["name"] for finding in findings]
    assert names[:5] == ["Python", "Blender", "system libraries", "ffmpeg", "temporary folder"]
    assert set(findings[0]) == {"name", "ok", "detail", "mend", "needed"}


def test_a_missing_bpy_is_found(monkeypatch, whole):
    def missing(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.delitem(sys.modules, "bpy", raising=False)
    monkeypatch.setattr(doctor.importlib.metadata, "version", missing)
    finding = doctor._blender()
    assert not finding.ok and finding.mend.startswith("pip install 'bpy==")


def test_a_missing_onnx_is_told_and_no_failure(monkeypatch, whole):
    def missing(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    assert next(finding for finding in doctor.report() if finding.name == "onnx").ok
    monkeypatch.setattr(doctor.importlib.metadata, "version", missing)
    finding = next(finding for finding in doctor.report() if finding.name == "onnx")
    assert (finding.ok, finding.needed, finding.mend) == (False, False, "pip install onnx")


def test_a_python_without_blender_is_found(monkeypatch):
    monkeypatch.delitem(sys.modules, "bpy", raising=False)
    monkeypatch.setattr(sys, "version_info", (3, 12, 1, "final", 0))
    finding = doctor._python()
    assert not finding.ok and "3.12.1" in finding.detail and "3.13" in finding.mend


def test_ffmpeg_runs_and_writes_what_we_promise():
    finding = doctor._ffmpeg()
    assert finding.ok, finding


@pytest.mark.parametrize(("answer", "says"), [("echo ' V..... gif  GIF'", "libx264"), ("exit 1", "does not run")])
def test_an_ffmpeg_that_cannot_do_it_is_found(tmp_path, monkeypatch, answer, says):
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!/bin/sh\n{answer}\n")
    fake.chmod(0o755)
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: str(fake))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake))
    finding = doctor._ffmpeg()
    assert not finding.ok and says in finding.detail and finding.mend == "unset IMAGEIO_FFMPEG_EXE"


def test_a_full_disk_is_found(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 10, 0))
    finding = doctor._temporary_folder()
    assert not finding.ok and "0.0 GB" in finding.detail and "TMPDIR" in finding.mend


def test_too_little_memory_is_told_and_no_memory_known_is_no_failure(monkeypatch):
    monkeypatch.setattr(doctor, "memory_bytes", lambda: 500_000_000)
    assert not doctor._memory().ok and doctor._memory().detail == "0.5 GB" and not doctor._memory().needed
    monkeypatch.setattr(doctor, "memory_bytes", lambda: None)
    assert doctor._memory().ok


@linux
def test_memory_is_counted_in_bytes():
    told = Path("/proc/meminfo").read_text().split()[1]
    assert doctor.memory_bytes() == pytest.approx(int(told) * 1024, rel=0.02)


@linux
@pytest.mark.skipif(doctor._bpy_file() is None, reason="bpy is not installed")
def test_blenders_own_libraries_are_not_missing():
    """Whatever this machine lacks, it is a system library with a known package, never one that bpy brings along."""
    assert all(library.package for library in doctor.missing_libraries())


@linux
def test_an_egl_without_a_driver_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.ctypes, "CDLL", lambda name: None)
    monkeypatch.setattr(doctor, "EGL_DRIVERS", (tmp_path,))
    assert [library.package for library in doctor._missing_of_gl()] == ["libegl-mesa0"]
    (tmp_path / "50_mesa.json").touch()
    assert doctor._missing_of_gl() == []


@linux
def test_the_examination_is_quick_and_leaves_blender_alone():
    script = (
        "import sys, time; from convmotion.render import doctor\n"
        "def examine():\n"
        "    start = time.perf_counter(); doctor.missing_libraries(); return time.perf_counter() - start\n"
        "print(min(examine() for _ in range(5))); assert 'bpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.2
