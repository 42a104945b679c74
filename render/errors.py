"""The two ways in which a command fails. Both carry one line for the user; neither shows a traceback."""


class RequestError(ValueError):
    """What was asked for is wrong, and asking differently helps. Exit code 2."""


class RenderError(RuntimeError):
    """The request was right, but the machine, Blender or ffmpeg could not do it. Exit code 1."""


class FrameError(RenderError):
    """One ``frame`` could not be made, however often it was tried; ``where`` is said before that."""

    def __init__(self, frame: int, why: str, where: str = "") -> None:
        super().__init__(frame, why, where)
        self.frame, self.why, self.where = frame, why, where

    def __str__(self) -> str:
        return f"{self.where}frame {self.frame}: {self.why}"


def cut_short(path: object) -> RenderError:
    """What to say where Blender, which does not notice a full disk, has written half a file."""
    return RenderError(f"Blender could not write all of {path}: is the disk full? TMPDIR may name another one")
