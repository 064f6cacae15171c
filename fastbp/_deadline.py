"""A time limit for code of others: it runs in a thread of its own, which is left behind when its time is up.

Python cannot end a thread, and a signal could only break into the main one, and there into anything. So code that hangs
goes on hanging, where it can do no harm but cost time: what it would have given is not waited for, and the process ends
without it. Code that never lets go of the interpreter's lock (a loop in C) cannot be left; a process of its own can.
"""

import contextvars
import os
import sys
import threading
from collections.abc import Callable
from traceback import extract_stack

from fastbp.errors import ArgumentError, PluginError

SLICE = 0.5  # seconds


def run(action: Callable[[], object], seconds: float) -> None:
    """Call `action()`, in this thread if there is no limit.

    Parameters
    ----------
    action
        Its exceptions, SystemExit and KeyboardInterrupt included, reach the caller.
    seconds
        How long to wait for it; 0 for ever.

    Raises
    ------
    PluginError
        It took longer; the message says where it was.
    """
    if not seconds:
        action()
        return
    errors: list[BaseException] = []
    thread = threading.Thread(target=contextvars.copy_context().run, args=(_kept, action, errors), daemon=True)
    thread.start()

    def ended(slice: float) -> bool:
        thread.join(slice)
        return not thread.is_alive()

    waited(seconds, ended)
    if thread.is_alive():
        raise PluginError(
            f"it was not done after {seconds:g} s, at {_place(thread)} (FASTBP_PLUGIN_TIMEOUT sets the limit)"
        )
    if errors:
        raise errors[0]


def waited(seconds: float, done: Callable[[float], bool]) -> bool:
    """Whether done(slice), which waits for so many seconds at most, comes true in time.

    A slice counts no longer than it was to be: the time that the whole machine stands still is nobody's.
    """
    while seconds > 0:
        if done(min(seconds, SLICE)):
            return True
        seconds -= SLICE
    return False


def seconds(variable: str, default: float) -> float:
    """The time that a variable of the environment gives.

    Raises
    ------
    ArgumentError
        It is set, but not to a number of at least 0.
    """
    text = os.environ.get(variable, "").strip()
    try:
        value = float(text or default)
    except ValueError:
        value = -1.0
    if not 0 <= value <= threading.TIMEOUT_MAX:
        raise ArgumentError(f"{variable} must be a number of seconds, 0 for no limit; got {text!r}.")
    return value


def _kept(action: Callable[[], object], errors: list[BaseException]) -> None:
    try:
        action()
    except BaseException as error:
        errors.append(error)


def _place(thread: threading.Thread) -> str:
    """File and line of the code of others that a thread is in."""
    frame = sys._current_frames().get(thread.ident or 0)
    ours = os.path.dirname(__file__)
    lines = [f for f in extract_stack(frame) if not f.filename.startswith((ours, "<frozen"))] if frame else []
    return f"line {lines[-1].lineno} of {lines[-1].filename}" if lines else "an unknown place"
