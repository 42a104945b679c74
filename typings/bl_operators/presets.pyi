from typing import Any

AddPresetBase: Any
