"""Every error fastbp raises on purpose: a `FastbpError` that is also the built-in a user would catch."""


class FastbpError(Exception):
    """Base of all errors raised by fastbp."""


class ArgumentError(FastbpError, ValueError):
    """An argument has an unusable value, shape or content."""


class ArgumentTypeError(FastbpError, TypeError):
    """An argument has a type that cannot be used."""


class NotBuiltError(FastbpError, RuntimeError):
    """A model (or the package itself) was used before it was built, compiled or fitted."""


class NonFiniteError(FastbpError, ArithmeticError):
    """Training met a NaN or an infinity; the message names epoch, batch and layer."""


class UnknownNameError(FastbpError, ValueError):
    """A loss, optimizer, feature, ... was asked for by a name that nothing registered."""


class PluginError(FastbpError, RuntimeError):
    """A plug-in could not be loaded or misbehaved; the message names its distribution."""


class ModelFileError(FastbpError, ValueError):
    """A model or checkpoint file is damaged, truncated or not one of ours."""


class AudioError(FastbpError, OSError):
    """A sound file cannot be read, or what it holds cannot be used."""


class DenseMemoryError(FastbpError, MemoryError):
    """A sparse matrix does not fit into memory in full."""


class MissingExtraError(FastbpError, ImportError):
    """A library of an optional extra is not installed; the message says which extra to install."""


def of_file(path: object, error: FastbpError) -> AudioError:
    """The error as one of that file, whose name the message holds."""
    return error if isinstance(error, AudioError) else AudioError(f"{path} cannot be used: {error}")
