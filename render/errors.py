"""The two ways in which a command fails. Both carry one line for the user; neither shows a traceback."""


class RequestError(ValueError):
    """What was asked for is wrong, and asking differently helps. Exit code 2."""


class RenderError(RuntimeError):
    """The request was right, but the machine, Blender or ffmpeg could not do it. Exit code 1."""
