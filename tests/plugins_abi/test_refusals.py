"""Structs that cannot be used: each is one clear error when it is registered, never a crash."""

import ctypes

import numpy as np
import pytest

from fastbp import plugin_api, registry
from fastbp.errors import PluginError
from fastbp.registry import PluginWarning

STEP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda step: 0)
CALL = ctypes.cast(STEP, ctypes.c_void_p).value
FUNCTIONS = {"optimizer": ("step",), "loss": ("row",), "feature": ("n_features", "frame")}
LEAST = {"optimizer": "explain", "loss": "doc", "feature": "create"}  # the first optional field
kept = []


def array(name, rows):
    """The address of an array of structs, which lives as long as the tests."""
    structs = np.zeros(len(rows), plugin_api.struct_dtype(f"fastbp_{name}"))
    for i, row in enumerate(rows):
        for key, value in row.items():
            structs[i][key] = value
    kept.append(structs)
    return structs.ctypes.data


def text(content):
    kept.append(np.frombuffer(content + b"\0", np.uint8))
    return kept[-1].ctypes.data


def good(kind):
    dtype = plugin_api.struct_dtype(f"fastbp_{kind}")
    rate = {"learning_rate": 0.1} if kind == "optimizer" else {}
    return {"abi": 1, "size": dtype.itemsize, **dict.fromkeys(FUNCTIONS[kind], CALL), **rate}


def make(kind, **changes):
    return plugin_api.from_capsule(kind, "mine", plugin_api.capsule(kind, array(kind, [{**good(kind), **changes}])))


def options(*rows):
    return {"n_options": len(rows), "options": array("option", rows)}


def offset(kind, field):
    return plugin_api.struct_dtype(f"fastbp_{kind}").fields[field][1]


KINDS = list(FUNCTIONS)
ANY = {  # what is changed, and what the error must say
    "older ABI": ({"abi": 0}, "built for ABI 0; this fastbp has ABI 1"),
    "newer ABI": ({"abi": 2}, "built for ABI 2"),
    "no size": ({"size": 0}, "0 bytes"),
    "absurd size": ({"size": 2**32 - 1}, "4294967295 bytes"),
    "unknown flag": ({"flags": 1 << 20}, "flags 0x100000"),
    "options missing": ({"n_options": 3}, "says 3 and gives NULL"),
    "too many options": ({"n_options": 65, "options": 64}, "at most 64 options; it says 65"),
    "option without name": (options({"value": 1}), "option called None"),
    "bad name": (options({"name": text(b"two words")}), "'two words'"),
    "keyword": (options({"name": text(b"lambda")}), "'lambda'"),
    "not UTF-8": (options({"name": text(b"\xff\xfe")}), "option called"),
    "same name twice": (options({"name": text(b"a")}, {"name": text(b"a")}), "called 'a'"),
    "hides something": (options({"name": text(b"name")}), "called 'name'"),
    "default out of bounds": (options({"name": text(b"a"), "value": 3, "most": 2}), "outside its bounds"),
    "bounds turned round": (options({"name": text(b"a"), "value": 1, "least": 2, "most": 0.5}), "outside its bounds"),
    "default not finite": (options({"name": text(b"a"), "value": np.nan}), "outside its bounds"),
}
OPTIMIZER = {
    "nine slots": ({"n_slots": 9}, "9 slots; there can be at most 8"),
    "learning rate 0": ({"learning_rate": 0}, "learning rate 0.0"),
    "learning rate NaN": ({"learning_rate": np.nan}, "learning rate nan"),
    "slot not finite": ({"n_slots": 1, "initial": array("clip", [{}]) and text(b"\0\0\0\0\0\0\xf0\x7f")}, "inf"),
    "loss's flag": ({"flags": 4}, "flags 0x4"),
    "hides a field": (options({"name": text(b"learning_rate")}), "called 'learning_rate'"),
    "hides a method": (options({"name": text(b"slots")}), "called 'slots'"),
}


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_good(self, kind):
        assert make(kind).name == "mine"

    @pytest.mark.parametrize("fault", ANY)
    def test_faults(self, kind, fault):
        changes, reason = ANY[fault]
        with pytest.raises(PluginError, match=f"{kind} 'mine'") as caught:
            make(kind, **changes)
        assert reason in str(caught.value)

    def test_sizes(self, kind):
        """Optional fields may be missing, or more follow; not one of the others may be missing."""
        least = offset(kind, LEAST[kind])
        for size in (least, least + 8, 4096):
            changes = {"size": size, "doc": text(b"Told.")}
            if size < 4096:
                assert "Told" not in make(kind, **changes).__doc__ or kind == "loss"
        with pytest.raises(PluginError, match=rf"{least - 1} bytes; it must be {least} to 4096"):
            make(kind, size=least - 1)

    def test_null_functions(self, kind):
        for function in FUNCTIONS[kind]:
            with pytest.raises(PluginError, match="is NULL"):
                make(kind, **{function: 0})

    @pytest.mark.parametrize("given", [None, 3, dict, object()])
    def test_not_a_capsule(self, kind, given):
        with pytest.raises(PluginError, match=rf"{kind} 'mine' needs a PyCapsule called 'fastbp\.{kind}\.v1'"):
            plugin_api.from_capsule(kind, "mine", given)

    def test_another_kind(self, kind):
        other = KINDS[KINDS.index(kind) - 1]
        capsule = plugin_api.capsule(other, array(other, [good(other)]))
        with pytest.raises(PluginError, match=rf"this one is called 'fastbp\.{other}\.v1'"):
            plugin_api.from_capsule(kind, "mine", capsule)


@pytest.mark.parametrize("fault", OPTIMIZER)
def test_optimizers(fault):
    changes, reason = OPTIMIZER[fault]
    with pytest.raises(PluginError, match="optimizer 'mine'") as caught:
        make("optimizer", **changes)
    assert reason in str(caught.value)


def test_no_name_at_all():
    new = ctypes.pythonapi.PyCapsule_New
    capsule = new(array("loss", [good("loss")]), None, None)
    with pytest.raises(PluginError, match="this one is called None"):
        plugin_api.from_capsule("loss", "mine", capsule)


def test_a_feature_without_columns():
    with pytest.raises(PluginError, match="0 columns"):
        make("feature")()(np.ones(1000, np.float32))  # CALL answers 0


def test_libraries_and_kinds(tmp_path):
    (tmp_path / "no.so").write_text("not a library")
    with pytest.raises(PluginError, match=r"no\.so"):
        plugin_api.load_library("optimizer", tmp_path / "no.so", "x")
    with pytest.raises(PluginError, match="'no_such_symbol' cannot be loaded"):
        plugin_api.load_library("optimizer", plugin_api.load("core").__file__, "no_such_symbol")
    for kind, address in (("activation", 64), ("loss", 0)):
        with pytest.raises(PluginError, match="optimizer, loss, feature"):
            plugin_api.capsule(kind, address)
    with pytest.raises(PluginError, match="kinds are optimizer, loss, feature"):
        plugin_api.from_capsule("activation", "mine", None)
    with pytest.raises(PluginError, match="fastbp_nothing"):
        plugin_api.struct_dtype("fastbp_nothing")


def test_one_that_is_installed_is_left_out_by_name(install, monkeypatch):
    monkeypatch.delenv("FASTBP_STRICT_PLUGINS")
    address = array("optimizer", [{**good("optimizer"), "abi": 9}])
    install(
        "too-new",
        "from fastbp import hookimpl, plugin_api\n@hookimpl\ndef register_optimizers(register):\n"
        f"    register('new', plugin_api.capsule('optimizer', {address}))\n",
    )
    with pytest.warns(PluginWarning, match=r"too-new 1\.5 was left out: The optimizer 'new' was built for ABI 9"):
        assert "new" not in registry.names("optimizer")
