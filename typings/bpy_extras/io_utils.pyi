from typing import Any

ExportHelper: Any
ImportHelper: Any
