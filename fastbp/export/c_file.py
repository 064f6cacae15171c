"""A whole model as one file of C99."""

import os
import re
from pathlib import Path

from fastbp.errors import ArgumentError
from fastbp.export.c_network import Parts, network
from fastbp.export.c_text import comment
from fastbp.export.operations import DenseInt8, Program, shape_of

WORKING = {"a": "float", "b": "float", "q": "int8_t"}


def c_source(program: Program, name: str) -> str:
    """The file's text; its public names begin with `name`.

    Raises
    ------
    ArgumentError
        The name is none of C, or a feature has no form in C.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ArgumentError(f"{name!r} cannot begin the names of C; use letters, digits and underscores.")
    parts = network(program)
    body = [_function(f"void {name}_network(const float *x, float *y)", parts)]
    if program.front is not None:
        from fastbp.export.c_features import front_end

        front = front_end(program.front, name)
        parts.functions.update(front.functions)
        parts.tables += front.tables
        body += front.calls
    head = [_header(program, name), _includes(parts), *_defines(program, name), ""]
    return "\n".join([*head, *parts.functions.values(), *parts.tables, *body])


def _includes(parts: Parts) -> str:
    text = "".join([*parts.functions.values(), *parts.tables])
    return "#include <math.h>\n" + ("#include <stdint.h>\n" if re.search(r"\bu?int\d+_t\b", text) else "")


def c_name(path: str | os.PathLike[str]) -> str:
    """A name for C out of a file's."""
    name = re.sub(r"\W", "_", Path(path).stem, flags=re.ASCII)
    return name if re.match(r"[A-Za-z_]", name) else f"model_{name}"


def _header(program: Program, name: str) -> str:
    kind = "int8" if any(isinstance(op, DenseInt8) for op in program.operations) else "float"
    lines = [f"Written by fastbp: a dense network {shape_of(program)}, {kind} weights. C99; needs math.h (-lm) alone."]
    lines += ["", f"void {name}_network(const float x[{program.n_in}], float y[{program.n_out}]);"]
    if program.front is not None:
        from fastbp.export.c_features import describe

        lines += describe(program.front, name)
    if program.classes:
        lines += ["", "The outputs are the probabilities of: " + ", ".join(map(comment, program.classes))]
    return "/*\n" + "\n".join(f" * {line}".rstrip() for line in lines) + "\n */"


def _defines(program: Program, name: str) -> list[str]:
    values = {"N_IN": program.n_in, "N_OUT": program.n_out}
    if program.front is not None:
        front = program.front
        values |= {"N_SAMPLES": front.n_samples, "N_WORK": front.n_frames * front.n_columns}
    return [f"#define {name.upper()}_{key} {value}" for key, value in values.items()]


def _function(signature: str, parts: Parts) -> str:
    arrays = [f"{WORKING[place]} {place}[{n}];" for place, n in sorted(parts.room.items())]
    lines = "\n".join(f"    {line}" for line in [*arrays, *parts.calls])
    return f"{signature};\n\n{signature}\n{{\n{lines}\n}}\n"
