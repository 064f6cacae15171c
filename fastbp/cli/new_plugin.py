"""`fastbp plugins new`: a working distribution of a plug-in, made from templates."""

import argparse
import re
from pathlib import Path
from string import Template
from typing import Any

from fastbp.cli.options import Arguments, add_command
from fastbp.errors import ArgumentError

KINDS = ("optimizer", "loss", "feature")
TEMPLATES = Path(__file__).parents[1] / "templates"
_HOOKS = {"optimizer": "register_optimizers", "loss": "register_losses", "feature": "register_features"}
_COMMON = {"pyproject.toml": "pyproject.toml", "README.md": "README.md", "test_{kind}.py": "tests/test_{name}.py",
           "bench_{kind}.py": "bench/bench_{name}.py"}  # fmt: skip
_PYTHON = {"{kind}.py": "{module}.py"}
_COMPILED = {"compiled.py": "{module}/__init__.py", "{kind}.c": "{module}/{name}.c", "setup.py": "setup.py",
             "MANIFEST.in": "MANIFEST.in"}  # fmt: skip


def add_parser(commands: Any) -> None:
    """Add the command to those of `fastbp plugins`."""
    parser = add_command(
        commands,
        "new",
        run,
        "",
        "write a new plug-in",
        "Write the distribution of a new plug-in: code, test, benchmark, README. It installs and passes its tests as "
        "it is; change the formula and go on from there.",
        ["fastbp plugins new sign_descent --kind optimizer", "fastbp plugins new brightness --kind feature --compiled"],
    )
    parser.usage = "fastbp plugins new NAME --kind {optimizer,loss,feature} [--compiled] [-o DIR]"
    parser.add_argument("name", metavar="NAME", type=plugin_name, help="name to register, as sign_descent")
    parser.add_argument("--kind", choices=KINDS, required=True, help="what it adds")
    parser.add_argument("--compiled", action="store_true", help="in C rather than Python")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="a new folder (default: fastbp-NAME)")


def plugin_name(text: str) -> str:
    """Type of an option: a name that can be that of a module."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of small letters, digits and _, as sign_descent")
    return text


def run(arguments: Arguments) -> None:
    """Write the distribution, and say how to go on."""
    folder = arguments.output or Path(f"fastbp-{arguments.name.replace('_', '-')}")
    write_plugin(folder, arguments.name, arguments.kind, arguments.compiled)
    print(f"{folder} is a plug-in with the {arguments.kind} {arguments.name!r}. To install and test it:\n")
    print(f"  pip install '{folder}[test]'\n  pytest {folder}\n  fastbp plugins check {arguments.name}")


def write_plugin(folder: Path, name: str, kind: str, compiled: bool = False) -> None:
    """Write the files of a plug-in's distribution.

    Parameters
    ----------
    folder
        Where to; it is made, and must not hold anything yet.
    name
        By which it registers: small letters, digits and underscores.
    kind
        "optimizer", "loss" or "feature".
    compiled
        Whether it is written in C.

    Raises
    ------
    ArgumentError
        fastbp has something of this kind and name itself, or the folder is not empty.
    """
    from fastbp import registry

    if name in registry.names(kind, plugins=False):
        raise ArgumentError(f"fastbp has the {kind} {name!r} itself; choose another name.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArgumentError(f"{folder} exists already; choose another folder with -o, or remove it.")
    words = _words(name, kind, compiled)
    for source, target in {**_COMMON, **(_COMPILED if compiled else _PYTHON)}.items():
        _write(folder / target.format(**words), _read(source.format(**words)).substitute(words))
    if compiled:
        from fastbp.plugin_api import get_include

        _write(folder / "include" / "fastbp_plugin.h", Path(get_include(), "fastbp_plugin.h").read_text())


def _words(name: str, kind: str, compiled: bool) -> dict[str, str]:
    """What the templates are filled with."""
    module = f"fastbp_{name}"
    return {
        "name": name,
        "kind": kind,
        "module": module,
        "distribution": module.replace("_", "-"),
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "hook": _HOOKS[kind],
        "modules": f'packages = ["{module}"]' if compiled else f'py-modules = ["{module}"]',
        "source": f"{module}/{name}.c" if compiled else f"{module}.py",
    }


def _read(source: str) -> Template:
    return Template(Path(TEMPLATES, f"{source}.template").read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
