"""The header against its frozen copy, and against the page that documents it."""

import re
from pathlib import Path

import pytest
from plugin_tools import EXACT, SOURCES, run, tool

import fastbp
from fastbp import plugin_api

FROZEN = Path(__file__).with_name("frozen") / "fastbp_plugin_v1.h"
HEADER = Path(fastbp.get_include()) / "fastbp_plugin.h"
PAGE = Path(__file__).parents[2] / "docs" / "plugin_abi.md"
STRUCTS = re.findall(r"typedef struct (\w+) {", FROZEN.read_text())
IN_ARRAYS = {"fastbp_option", "fastbp_block"}  # these may never grow

LAYOUT = """
#include <stdio.h>
#include "{header}"
int main(void) {{ {prints} return 0; }}
"""


def fields(struct):
    return list(plugin_api.struct_dtype(struct).names)


def layout(header, folder):
    """{struct.field: (offset, size)} as a C compiler has them, and {struct: size}."""
    struct_prints = [f'printf("{s} 0 %zu\\n", sizeof({s}));' for s in STRUCTS]
    field_prints = [
        f'printf("{s}.{f} %zu %zu\\n", offsetof({s}, {f}), sizeof((({s} *)0)->{f}));'
        for s in STRUCTS
        for f in frozen_fields(s)
    ]
    source, program = folder / "layout.c", folder / "layout"
    source.write_text(LAYOUT.format(header=header, prints="\n".join([*struct_prints, *field_prints])))
    run(tool("gcc", "cc"), "-std=c99", "-Wall", "-Werror", source, "-o", program)
    return {name: (int(at), int(size)) for name, at, size in map(str.split, run(program).splitlines())}


def frozen_fields(struct):
    body = re.search(rf"typedef struct {struct} {{(.*?)}} {struct};", FROZEN.read_text(), re.S)[1]
    code = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    declarations = filter(None, map(str.strip, code.split(";")))
    return [n for d in declarations for n in re.findall(r"\(\*(\w+)\)", d) or re.findall(r"\w+(?=,|$)", d)]


def test_nothing_has_moved_since_the_frozen_header(tmp_path):
    then, now = layout(FROZEN, tmp_path), layout(HEADER, tmp_path)
    assert len(then) > 60
    for name, (offset, size) in then.items():
        if "." in name or name in IN_ARRAYS:
            assert now[name] == (offset, size), name
        else:
            assert now[name][1] >= size, name


def test_struct_dtype_agrees_with_the_compiler(tmp_path):
    for name, (offset, size) in layout(HEADER, tmp_path).items():
        struct, _, field = name.partition(".")
        dtype = plugin_api.struct_dtype(struct)
        if field:
            assert (dtype.fields[field][1], dtype.fields[field][0].itemsize) == (offset, size), name
        else:
            assert dtype.itemsize == size


def test_definitions_have_not_changed():
    pattern = r"^#define (FASTBP_\w+) +(\S+)"
    then, now = (dict(re.findall(pattern, path.read_text(), re.M)) for path in (FROZEN, HEADER))
    assert {name: now[name] for name in then} == then


def test_cython_sees_the_same_fields():
    text = (HEADER.parents[1] / "plugin_api.pxd").read_text()
    for struct in STRUCTS:
        body = re.search(rf"ctypedef struct {struct}:\n(.*?)(?:\n\n|\Z)", text, re.S)[1]
        code = re.sub(
            r"\([^()*]*\) noexcept nogil|\([^()]*\w \*[^()]*\) noexcept nogil", "", re.sub(r"\n {15,}", " ", body)
        )
        names = [re.findall(r"\(\*(\w+)\)", line) or re.findall(r"(\w+)$", line) for line in code.splitlines()]
        assert [name for found in names for name in found] == fields(struct)


@pytest.mark.parametrize("standard", ["c99", "c11", "gnu17"])
def test_header_compiles_alone_without_warnings(tmp_path, standard):
    source = tmp_path / "alone.c"
    source.write_text('#include "fastbp_plugin.h"\nint unused;\n')
    flags = [f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{fastbp.get_include()}"]
    run(tool("gcc", "cc"), *flags, "-c", source, "-o", tmp_path / "alone.o")


def section(struct):
    """The part of the page about a struct: from its heading to the next of that level."""
    return re.search(rf"^### `{struct}`\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.S | re.M)[1]


@pytest.mark.parametrize("struct", re.findall(r"typedef struct (\w+) {", HEADER.read_text()))
def test_the_page_describes_every_field(struct):
    described = re.findall(r"^\| `(\w+)` ", section(struct), re.M)
    assert described == fields(struct)


def test_the_page_describes_every_definition():
    names = re.findall(r"^#define (FASTBP_\w+)", HEADER.read_text(), re.M)
    missing = {name for name in names if f"`{name}`" not in PAGE.read_text()} - {"FASTBP_PLUGIN_H"}
    assert not missing


def test_the_page_has_the_tested_example():
    """The C source on the page is the one that these tests train with."""
    shown = re.search(r"```c\n(.*?)```", PAGE.read_text(), re.S)[1]
    code = (SOURCES / "momentum.c").read_text()
    assert shown.strip() in code.replace("#include FASTBP_HEADER", '#include "fastbp_plugin.h"')
    assert EXACT
