"""Errors of sound files that are also the built-in a user would catch."""

from typing import NoReturn

from fastbp.errors import AudioError


class AudioFileNotFoundError(AudioError, FileNotFoundError):
    """A sound file, or the folder it is looked for in, does not exist."""


class AudioPermissionError(AudioError, PermissionError):
    """A sound file exists but may not be read or written."""


KINDS: dict[type, type[AudioError]] = {
    FileNotFoundError: AudioFileNotFoundError,
    PermissionError: AudioPermissionError,
}


def raise_os_error(error: OSError | ValueError, what: str) -> NoReturn:
    """Raise the AudioError that stands for `error`, which the system gave while doing `what`."""
    reason = getattr(error, "strerror", None) or str(error)
    raise KINDS.get(type(error), AudioError)(f"Cannot {what}: {reason}.") from error
