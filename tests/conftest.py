"""What all tests share. They may say `from oracle import ...`: pytest's importlib mode puts no folder on sys.path."""

import itertools
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("oracle", "networks")


@pytest.fixture(scope="session")
def frame_stores(tmp_path_factory):
    """Names of folders that are not there yet: to make thousands that stay empty would take minutes."""
    base = tmp_path_factory.mktemp("frames")
    return (str(base / str(number)) for number in itertools.count())


@pytest.fixture(autouse=True)
def frames_of_this_test_only(frame_stores, monkeypatch):
    """The frame store of a user holds frames of other versions of the code, and is the user's."""
    monkeypatch.setenv("CONVMOTION_CACHE", next(frame_stores))
