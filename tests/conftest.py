"""What all tests share."""

import pytest


@pytest.fixture(autouse=True)
def frames_of_this_test_only(tmp_path_factory, monkeypatch):
    """The frame store of a user holds frames of other versions of the code, and is the user's."""
    monkeypatch.setenv("CONVMOTION_CACHE", str(tmp_path_factory.mktemp("frames")))
