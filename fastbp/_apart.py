"""A process for code that may crash or hang: what it does is reported, and whoever asked goes on."""

import contextlib
import faulthandler
import signal
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from fastbp._deadline import waited
from fastbp.errors import PluginError


class LostError(PluginError):
    """The process crashed, or was ended because it took too long."""


class Apart:
    """Calls a function in a process of its own, the same for all calls until one is lost; then a new one takes over.

    Parameters
    ----------
    function
        At the top level of a module; arguments, what it returns and what it raises are pickled.
    seconds
        How long a call may take, the start of the process included; 0 for any time.
    """

    def __init__(self, function: Callable[..., Any], seconds: float) -> None:
        self.function, self.seconds = function, seconds
        self.process: Any = None
        self.connection: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns or raises.

        Raises
        ------
        LostError
            The process is gone before it answers.
        """
        if self.process is None:
            self._start()
        try:
            self.connection.send(arguments)
            poll = self.connection.poll
            answered = waited(self.seconds, poll) if self.seconds else poll(None)
            raised, value = self.connection.recv() if answered else (True, self._too_slow())
        except (EOFError, OSError):
            raised, value = True, self._crashed()
        if raised:
            raise value
        return value

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None

    def _start(self) -> None:
        context = get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, self.function))
        self.process.start()
        other.close()

    def _too_slow(self) -> LostError:
        self.close()
        return LostError(f"not done after {self.seconds:g} s")

    def _crashed(self) -> LostError:
        self.process.join()
        code = self.process.exitcode
        self.close()
        how = signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"
        return LostError(f"the process crashed: {how}")


def _serve(connection: Any, function: Callable[..., Any]) -> None:
    """Answer calls until there is nobody to ask; a crash leaves the place where it was on stderr."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for whoever asks, and who ends this process
    with contextlib.suppress(EOFError):
        while True:
            connection.send(_answer(function, connection.recv()))


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return False, function(*arguments)
    except Exception as error:
        return True, error
