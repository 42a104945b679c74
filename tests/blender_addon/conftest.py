import os
import tempfile

import pytest

# Before bpy is imported anywhere: else it would put the user's extensions first on sys.path.
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="convmotion-tests-")


@pytest.fixture
def empty_blender():
    """Blender with nothing in it."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene
