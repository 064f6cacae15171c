"""The program `fastbp`: one module per command, imported for its options; a command imports what it works with."""

import argparse
import contextlib
import errno
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NoReturn

from fastbp import __version__
from fastbp._lookup import did_you_mean, unknown

COMMANDS = (
    *("demo", "train", "evaluate", "predict", "report", "segment", "train-words", "spot"),
    *("train-denoiser", "denoise", "train-codec", "encode", "decode"),
    *("quantize", "features", "export", "plugins", "bench", "info", "completion"),
)
OK, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130
WRONG_CHOICE = re.compile(r"argument (.+): invalid choice: '(.*)' \(choose from (.*)\)")  # as argparse says it

WELCOME = f"""fastbp {__version__}: from sound files to a trained model.

  fastbp demo                       music or speech, from real recordings: the whole way in a minute
  fastbp train DIR -o model.fbp     train on a folder whose sub-folders are the classes
  fastbp predict model.fbp FILES    say what sound files are
  fastbp info                       versions, CPU build and threads

fastbp --help lists all commands, fastbp COMMAND --help explains one. eval "$(fastbp completion bash)" (or zsh, fish)
lets the Tab key complete them."""


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line, and says what may have been meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with the code for wrong usage."""
        self.exit(USAGE, f"{self.prog}: {_one_line(_with_hint(message))} (see {self.prog} --help)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and complain of what is left here, where the options of the command are known."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            near = did_you_mean(left[0].partition("=")[0], self._option_string_actions)
            self.error(f"unrecognized arguments: {' '.join(left)}.{near}")
        return found, left


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv
        The words after the program's name; None takes those of the command line.

    Returns
    -------
    int
        Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _plain_warnings():
            code = _run(words)
            sys.stdout.flush()
        return code
    except SystemExit as done:  # how argparse ends after --help, --version and wrong usage
        return done.code if isinstance(done.code, int) else FAILURE
    except BrokenPipeError:
        return _unheard()
    except KeyboardInterrupt:
        print("\nfastbp: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if os.name == "nt" and isinstance(error, OSError) and (error.errno, error.filename) == (errno.EINVAL, None):
            return _unheard()  # what a broken pipe is there
        return _complain(error, traceback="--traceback" in words or os.environ.get("FASTBP_DEBUG") == "1")


def _run(words: Sequence[str]) -> int:
    parser, commands = _parser(words)
    if _asks_for_plugins(words):
        from fastbp import registry

        registry.add_commands(commands)
    arguments = parser.parse_args(words, argparse.Namespace(words=words))
    if arguments.run is None:
        print(WELCOME)
        return OK
    return arguments.run(arguments) or OK


def _parser(words: Sequence[str] = ()) -> tuple[argparse.ArgumentParser, Any]:
    """The parser with the commands; with one alone if the first word names it: the others need not be loaded."""
    parser = Parser(
        prog="fastbp",
        description="Train dense neural networks by backpropagation on the CPU, from sound files to a finished model.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. FASTBP_DEBUG=1 shows tracebacks.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastbp {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="fastbp")
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        import_module(f"fastbp.cli.{name.replace('-', '_')}").add_parser(commands)
    return parser, commands


def _asks_for_plugins(words: Sequence[str]) -> bool:
    """Whether a command may come from a plug-in, or all commands are to be listed; else none needs loading."""
    command = next((word for word in words if not word.startswith("-")), None)
    return command not in COMMANDS if command else bool({"-h", "--help"} & set(words))


def _with_hint(message: str) -> str:
    wrong = WRONG_CHOICE.fullmatch(message)
    if wrong is None:
        return message
    what, given, known = wrong.groups()
    kind = "command" if what == "COMMAND" else f"choice for {what}"
    return str(unknown(kind, known.replace("'", "").split(", "), given))


def _unheard() -> int:
    """Whoever read our output has gone; nothing can be told, not at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILURE


def _complain(error: Exception, traceback: bool) -> int:
    from fastbp.errors import FastbpError

    if traceback:
        import traceback as tracebacks

        tracebacks.print_exception(error)
    elif isinstance(error, FastbpError):
        print(f"fastbp: {_one_line(error)}", file=sys.stderr)
    elif isinstance(error, OSError):
        print(f"fastbp: {_one_line(_plain(error))}", file=sys.stderr)
    else:
        kind = type(error).__name__
        print(f"fastbp: {kind}: {_one_line(error)} (an error in fastbp; --traceback shows where)", file=sys.stderr)
    return FAILURE


def _plain(error: OSError) -> str:
    """What the system said, without its number."""
    if error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings without the file and line of the source they come from."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"fastbp: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
