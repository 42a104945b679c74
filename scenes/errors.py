"""The one error of this folder."""


class SceneError(ValueError):
    """A scene that cannot be shown; the message is one line: where, which key, its value and what is allowed."""
