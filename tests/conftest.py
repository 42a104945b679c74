"""What all tests share. They may say `from oracle import ...`: pytest's importlib mode puts no folder on sys.path."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("oracle", "networks")


@pytest.fixture(autouse=True)
def frames_of_this_test_only(tmp_path_factory, monkeypatch):
    """The frame store of a user holds frames of other versions of the code, and is the user's."""
    monkeypatch.setenv("CONVMOTION_CACHE", str(tmp_path_factory.mktemp("frames")))
