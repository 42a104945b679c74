"""The frame store gives back what was put in, whole or not at all, whoever else uses it and however full it is."""

import os
import threading
import zlib

import numpy as np
import pytest

from convmotion.render import patches
from convmotion.render.png import SIGNATURE, bare
from convmotion.render.store import FrameStore, default_folder


def chunk(kind, data=b""):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(size=100, letter=b"a"):
    return SIGNATURE + chunk(b"IHDR", b"h" * 13) + chunk(b"IDAT", letter * size) + chunk(b"IEND")


def patch(side=8, seed=0):
    """Noise: as many bytes whatever the seed, more or less."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return patches.packed([((0, 0, side, side), pixels)])


@pytest.fixture
def store(tmp_path):
    return FrameStore(tmp_path / "store")


def put(store, key, data):
    file = store.folder.parent / "new.patch"
    file.write_bytes(data)
    store.put(key, file)


def taken(store, key):
    target = store.folder.parent / "taken.patch"
    target.unlink(missing_ok=True)
    assert store.take(key, target) == target.exists()
    return target.read_bytes() if target.exists() else None


def test_what_was_put_is_taken(store):
    assert taken(store, "ab12") is None
    put(store, "ab12", patch())
    put(store, "ab34", patch(seed=1))
    assert (taken(store, "ab12"), taken(store, "ab34")) == (patch(), patch(seed=1))
    put(store, "ab12", patch(seed=2))
    assert taken(store, "ab12") == patch(seed=2)


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "longer"])
def test_a_damaged_frame_counts_as_missing_and_is_removed(store, harm):
    put(store, "ab12", patch())
    path = store.path("ab12")
    data = path.read_bytes()
    middle = len(data) // 2
    harmed = {"cut": data[:-3], "changed": data[:middle] + b"!" + data[middle + 1 :], "empty": b"", "longer": data * 2}
    path.write_bytes(harmed[harm])
    assert taken(store, "ab12") is None
    assert not path.exists()


def test_the_frames_used_longest_ago_go_first(store):
    small = FrameStore(store.folder, most_bytes=3 * len(patch()))
    for age, key in enumerate(("aa", "bb", "cc", "dd", "ee")):
        put(small, key, patch())
        os.utime(small.path(key), (1000 + age, 1000 + age))
    assert taken(small, "aa")  # which makes it the newest
    small.trim()
    assert [key for key in ("aa", "bb", "cc", "dd", "ee") if taken(small, key)] == ["aa", "dd", "ee"]


def test_what_a_crash_has_left_goes_after_an_hour(store):
    put(store, "ab12", patch())
    old, new = store.folder / "ab" / ".old.partial", store.folder / "ab" / ".new.partial"
    for file, age in ((old, 4000), (new, 10)):
        file.write_bytes(b"half")
        at = store.path("ab12").stat().st_mtime - age
        os.utime(file, (at, at))
    store.trim()
    assert not old.exists() and new.exists() and taken(store, "ab12")


def test_nothing_else_in_the_folder_is_touched(store):
    put(store, "ab12", patch())
    mine = [store.folder / "notes.txt", store.folder / "ab" / "notes.txt", store.folder / "pictures" / "a.patch"]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    FrameStore(store.folder, most_bytes=0).trim()
    assert all(file.exists() for file in mine) and taken(store, "ab12") is None


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_no_link_in_the_store_is_followed(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("aa11.patch", "old.partial", "single.patch"):
        (elsewhere / name).write_bytes(patch())
    os.utime(elsewhere / "old.partial", (0, 0))
    before = {path.name: (path.read_bytes(), path.stat().st_mtime) for path in elsewhere.iterdir()}
    put(store, "bb11", patch(seed=1))
    (store.folder / "aa").symlink_to(elsewhere)
    (store.folder / "bb" / "bb22.patch").symlink_to(elsewhere / "single.patch")
    for key in ("aa11", "bb22"):
        assert not store.take(key, tmp_path / "taken.patch")
        put(store, key, patch(seed=2))
    FrameStore(store.folder, 1).trim()
    assert {path.name: (path.read_bytes(), path.stat().st_mtime) for path in elsewhere.iterdir()} == before


def test_a_store_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("no folder")
    store = FrameStore(tmp_path / "file")
    put(store, "ab12", patch())
    store.trim()
    assert taken(store, "ab12") is None


def test_many_users_at_once_never_see_half_a_frame(store):
    store.folder.mkdir()
    (store.folder.parent / "new.patch").write_bytes(patch(316))
    seen, stop = set(), threading.Event()

    def write():
        while not stop.is_set():
            store.put("ab12", store.folder.parent / "new.patch")
            FrameStore(store.folder, most_bytes=0).trim()

    def read(number):
        for turn in range(50):
            target = store.folder.parent / f"{number}-{turn}.patch"
            if store.take("ab12", target):
                seen.add(target.read_bytes() == patch(316))

    writers = [threading.Thread(target=write) for _ in range(2)]
    readers = [threading.Thread(target=read, args=(n,)) for n in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    for thread in writers:
        thread.join()
    assert seen <= {True}


def test_a_bare_picture_has_nothing_beside_it():
    told = SIGNATURE + chunk(b"IHDR", b"h" * 13) + chunk(b"tEXt", b"File\0/home/me") + chunk(b"IDAT", b"a" * 100)
    assert bare(told + chunk(b"IEND")) == png()
    assert bare(told) is None and bare(b"") is None and bare(b"GIF89a") is None


def test_the_environment_names_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVMOTION_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("CONVMOTION_CACHE")
    assert default_folder().name == "frames"
