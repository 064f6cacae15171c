"""Look-up by name, and plug-ins good and bad: each is a made-up distribution on the path."""

import subprocess
import sys
import threading
import warnings
from argparse import ArgumentParser
from dataclasses import replace

import pytest

from fastbp import registry
from fastbp.errors import ArgumentError, PluginError, UnknownNameError
from fastbp.optimizers import Adam
from fastbp.registry import KINDS, PluginInfo, PluginWarning

HOOK = "from fastbp.hookspecs import hookimpl\n"
GOOD = HOOK + "@hookimpl\ndef register_optimizers(register):\n    register({name!r}, dict)\n"
HALF_WAY = HOOK + (
    "@hookimpl\ndef register_losses(register):\n    register('half', dict)\n"
    "@hookimpl\ndef register_optimizers(register):\n    register('whole', dict)\n    raise KeyError('gone')\n"
)

# What is wrong, source of the module, and what the warning must say.
BROKEN = {
    "missing import": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "syntax": ("def f(:\n", "SyntaxError"),
    "raises on import": ("raise ValueError('not today')", "not today"),
    "exits on import": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "error without text": ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E"),
    "no hook": ("def register_optimizers(register): register('x', dict)", "hookimpl"),
    "misspelt hook": (HOOK + "@hookimpl\ndef register_optimisers(register): pass", "register_optimisers"),
    "wrong argument": (HOOK + "@hookimpl\ndef register_losses(add): pass", "add"),
    "hook raises": (HALF_WAY, "gone"),
    "hook exits": (HOOK + "@hookimpl\ndef register_losses(register): raise SystemExit(4)", "SystemExit: 4"),
    "generator": (HOOK + "@hookimpl\ndef register_losses(register):\n    yield register('x', dict)", "returned"),
    "taken": (GOOD.format(name="adam"), "'adam', a name taken by fastbp"),
    "twice": (GOOD.format(name="x") + "    register('x', dict)\n", "taken by itself"),
    "empty name": (GOOD.format(name=""), "non-empty"),
    "name of another type": (GOOD.format(name=7), "non-empty"),
    "another API": (GOOD.format(name="x") + "fastbp_api = 2\n", "made for API 2; this fastbp has API 1"),
    "not callable": (HOOK + "@hookimpl\ndef register_features(register): register('x', 3)", "callable"),
}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(distribution, source): a distribution of that name with one module and one entry point."""
    modules = []

    def add(distribution, source, version="1.5", entry_points=None):
        module = distribution.replace("-", "_").lower()
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_bytes(entry_points or f"[fastbp]\n{module}_point = {module}\n".encode())

    monkeypatch.delenv("FASTBP_PLUGINS", raising=False)
    monkeypatch.delenv("FASTBP_STRICT_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.reload()
    yield add
    registry.reload()
    for module in modules:
        sys.modules.pop(module, None)


def ours(infos):
    """Those of this file's distributions, whatever else is installed."""
    return [info for info in infos if info.distribution.startswith("test-")]


class TestBuiltIns:
    @pytest.mark.parametrize("kind", KINDS)
    def test_come_through_the_hook_of_their_kind(self, kind):
        names = registry.names(kind, plugins=False)
        assert len(names) > 3
        assert all(callable(registry.look_up(kind, name)) for name in names)

    def test_make_takes_a_name_a_config_or_an_object(self):
        adam = registry.make("optimizer", {"name": "adam", "beta_1": 0.5})
        assert adam == Adam(beta_1=0.5)
        assert registry.make("optimizer", "adam") == Adam()
        assert registry.make("optimizer", adam) is adam

    @pytest.mark.parametrize("config", [{}, {"name": 3}, {"name": "adam", "beta_3": 0.5}])
    def test_bad_configs(self, config):
        with pytest.raises(ArgumentError):
            registry.make("optimizer", config)

    def test_with_a_hundred_plugins_nothing_is_looked_for_until_an_unknown_name_is_asked_for(
        self, install, monkeypatch
    ):
        for i in range(100):
            install(f"test-{i}", "raise SystemExit('loaded')")
        scans = []
        monkeypatch.setattr(registry, "_installed", lambda: scans.append(1) or iter(()))
        for kind in KINDS:
            for name in registry.names(kind, plugins=False):
                registry.look_up(kind, name)
        assert not scans
        with pytest.raises(UnknownNameError):
            registry.look_up("optimizer", "no_such")
        assert scans == [1]

    def test_unknown_name_lists_the_known_and_the_nearest(self, install):
        with pytest.raises(UnknownNameError, match=r"loss called 'hubert'.*mean 'huber'.*poisson"):
            registry.look_up("loss", "hubert")

    def test_unknown_kind(self):
        with pytest.raises(UnknownNameError, match=r"feature, loss, optimizer"):
            registry.look_up("activation", "relu")

    def test_cost_neither_pluggy_nor_metadata_nor_the_loading_of_a_plugin(self, install, tmp_path):
        install("test-loud", "raise SystemExit('loaded')")
        code = (
            "import sys, warnings; warnings.simplefilter('error'); from fastbp import registry\n"
            "registry.make('loss', 'huber'); registry.make('optimizer', {'name': 'adam'}); \n"
            "registry.names('loss', plugins=False)\n"
            "print({'pluggy', 'importlib.metadata', 'test_loud'} & set(sys.modules))"
        )
        path = f"import sys; sys.path[:0] = {[str(tmp_path), *filter(None, sys.path)]!r}\n"
        done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "set()"


class TestGoodPlugins:
    def test_are_found_by_name_and_listed(self, install):
        install("Test-Good", GOOD.format(name="goody"), version="2.0.1")
        assert registry.make("optimizer", {"name": "goody", "a": 1}) == {"a": 1}
        assert "goody" in registry.names("optimizer")
        assert "goody" not in registry.names("optimizer", plugins=False)
        assert "goody" not in registry.names("loss")
        assert registry.installed() == [replace(info, provides=(), compiled=()) for info in registry.plugins()]
        info = PluginInfo("test_good_point", "Test-Good", "2.0.1", (("optimizer", "goody"),))
        assert info in registry.plugins()
        assert str(info) == "Test-Good 2.0.1"

    def test_one_plugin_may_use_every_hook(self, install):
        hooks = [
            f"@hookimpl\ndef {hook}(register): register('all_of_it', {kind!r}.join)\n"
            for kind, (_, hook) in KINDS.items()
        ]
        install("test-all", HOOK + "".join(hooks))
        assert [registry.look_up(kind, "all_of_it")(["a", "b"]) for kind in KINDS] == [f"a{kind}b" for kind in KINDS]
        (info,) = ours(registry.plugins())
        assert info.provides == tuple((kind, "all_of_it") for kind in KINDS)

    def test_an_entry_point_may_name_an_object(self, install):
        source = (
            HOOK
            + "class P:\n    @hookimpl\n    def register_losses(self, register): register('of_object', dict)\n"
            + "plugin = P()\n"
        )
        install("test-object", source, entry_points=b"[fastbp]\nobj = test_object:plugin\n")
        assert registry.look_up("loss", "of_object") is dict

    def test_one_found_twice_is_loaded_once_and_another_version_reported(self, install, tmp_path, monkeypatch):
        install("test-good", GOOD.format(name="goody"))
        shadow = tmp_path / "later" / "test_good-0.1.dist-info"
        shadow.mkdir(parents=True)
        (shadow / "METADATA").write_text("Metadata-Version: 2.1\nName: test_good\nVersion: 0.1\n")
        (shadow / "entry_points.txt").write_text("[fastbp]\nold = test_good\n")
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later")])
        with pytest.warns(PluginWarning, match=r"test_good 0\.1 .*version 1\.5 comes before it"):
            assert registry.look_up("optimizer", "goody") is dict
        versions = {info.version: info.error is None for info in registry.plugins() if "good" in info.distribution}
        assert versions == {"1.5": True, "0.1": False}
        (shadow / "METADATA").write_text("Metadata-Version: 2.1\nName: test_good\nVersion: 1.5\n")
        registry.reload()
        assert [info.version for info in ours(registry.plugins())] == ["1.5"]

    def test_are_loaded_once_by_threads_that_ask_at_once(self, install):
        install("test-slow", "import time; time.sleep(0.2)\n" + GOOD.format(name="slow"))
        install("test-bad", "raise ValueError")
        found, start = [], threading.Barrier(4)

        def ask():
            start.wait()
            found.append(registry.look_up("optimizer", "slow"))

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == [dict] * 4
        assert len([w for w in caught if "test-bad" in str(w.message)]) == 1

    def test_a_plugin_may_look_up_while_it_is_loaded(self, install):
        install("test-a", GOOD.format(name="first"))
        install(
            "test-b",
            "from fastbp import registry\nfirst = registry.look_up('optimizer', 'first')\n"
            + GOOD.format(name="second"),
        )
        assert registry.look_up("optimizer", "second") is dict


class TestBrokenPlugins:
    @pytest.mark.parametrize("fault", BROKEN)
    def test_hurt_nothing_else(self, install, fault):
        source, reason = BROKEN[fault]
        install("test-bad", source, version="0.3")
        install("test-good", GOOD.format(name="goody"))
        with pytest.warns(PluginWarning, match=r"test-bad 0\.3") as caught:
            assert registry.look_up("optimizer", "goody") is dict
        assert len(caught) == 1
        bad, good = ours(registry.plugins())
        assert (bad.distribution, bad.version, bad.provides) == ("test-bad", "0.3", ())
        assert reason in bad.error
        assert reason in str(caught[0].message)
        assert "\n" not in bad.error
        assert good.error is None
        assert registry.look_up("optimizer", "adam") is Adam

    @pytest.mark.parametrize("fault", BROKEN)
    def test_strict_raises(self, install, monkeypatch, fault):
        source, reason = BROKEN[fault]
        install("test-bad", source, version="0.3")
        monkeypatch.setenv("FASTBP_STRICT_PLUGINS", "1")
        for _ in range(2):
            with pytest.raises(PluginError, match=r"test-bad 0\.3") as caught:
                registry.plugins()
        assert reason in str(caught.value)
        assert caught.value.__cause__ is not None

    def test_half_way_registers_nothing(self, install):
        install("test-bad", HALF_WAY)
        with pytest.warns(PluginWarning):
            names = registry.names("loss") + registry.names("optimizer")
        assert not {"half", "whole"} & set(names)

    def test_unknown_name_tells_of_them(self, install):
        install("test-bad", "raise ValueError('not today')", version="0.3")
        with (
            pytest.warns(PluginWarning),
            pytest.raises(UnknownNameError, match=r"test-bad 0\.3 \(ValueError: not today\)"),
        ):
            registry.make("loss", "huberr")

    def test_a_name_goes_to_the_first_distribution(self, install):
        install("test-z", GOOD.format(name="goody"))
        install("test-a", GOOD.format(name="goody"))
        with pytest.warns(PluginWarning, match=r"test-z 1\.5 .*'goody', a name taken by test-a 1\.5"):
            registry.look_up("optimizer", "goody")

    @pytest.mark.parametrize("damage", [b"[fastbp]\nno equals sign\n", b"[fastbp]\n\xff\xfe = a\n"])
    def test_a_damaged_list_of_entry_points(self, install, damage):
        install("test-bad", "", entry_points=damage)
        install("test-good", GOOD.format(name="goody"))
        with pytest.warns(PluginWarning, match=r"test-bad 1\.5 .*damaged"):
            assert registry.look_up("optimizer", "goody") is dict

    def test_ctrl_c_while_loading_gets_through_and_loading_starts_again(self, install, monkeypatch):
        install(
            "test-int", "import os\nif 'INTERRUPT' in os.environ: raise KeyboardInterrupt\n" + GOOD.format(name="goody")
        )
        monkeypatch.setenv("INTERRUPT", "1")
        with pytest.raises(KeyboardInterrupt):
            registry.plugins()
        monkeypatch.delenv("INTERRUPT")
        assert registry.look_up("optimizer", "goody") is dict


class TestHanging:
    SLEEP = "import time; time.sleep(30)\n"
    IN_HOOK = HOOK + "import time\n@hookimpl\ndef register_losses(register):\n    time.sleep(30)\n"

    @pytest.fixture(autouse=True)
    def _limit(self, install, monkeypatch):
        monkeypatch.setenv("FASTBP_PLUGIN_TIMEOUT", "1")

    # an import that was left behind still holds the lock of its module, so each test has a module of its own

    @pytest.mark.parametrize(
        ("source", "line", "name"), [(SLEEP + GOOD.format(name="late"), 1, "test-hung-1"), (IN_HOOK, 5, "test-hung-2")]
    )
    def test_one_that_hangs_is_left_out_and_named_with_the_place(self, install, source, line, name):
        install(name, source, version="0.3")
        install("test-good", GOOD.format(name="goody"))
        with pytest.warns(PluginWarning, match=rf"{name} 0\.3 .*not done after 1 s, at line {line} of .*test_hung"):
            assert registry.look_up("optimizer", "goody") is dict
        assert "late" not in registry.names("optimizer")

    def test_strict_raises(self, install, monkeypatch):
        install("test-hung-3", self.SLEEP)
        monkeypatch.setenv("FASTBP_STRICT_PLUGINS", "1")
        with pytest.raises(PluginError, match=r"test-hung-3 1\.5 failed: it was not done"):
            registry.plugins()

    def test_a_command_that_hangs_when_it_is_added(self, install):
        install("test-hung-4", self.IN_HOOK.replace("losses(register)", "commands(cli)"))
        with pytest.warns(PluginWarning, match="test-hung-4"):
            registry.add_commands(None)

    def test_no_limit(self, install, monkeypatch):
        monkeypatch.setenv("FASTBP_PLUGIN_TIMEOUT", "0")
        thread = "import threading\n" + GOOD.format(name=7).replace("7", "threading.current_thread().name")
        install("test-here", thread)
        assert registry.look_up("optimizer", threading.current_thread().name) is dict

    @pytest.mark.parametrize("value", ["soon", "-1", "nan", "1e99"])
    def test_limits_that_are_none(self, install, monkeypatch, value):
        monkeypatch.setenv("FASTBP_PLUGIN_TIMEOUT", value)
        install("test-good", GOOD.format(name="goody"))
        with pytest.raises(ArgumentError, match="FASTBP_PLUGIN_TIMEOUT must be a number of seconds"):
            registry.plugins()

    def test_a_healthy_one_may_look_up_and_start_threads(self, install):
        source = "import threading\nthread = threading.Thread(target=print)\nthread.start(); thread.join()\n"
        install("test-a", source + GOOD.format(name="first"))
        look_up = "from fastbp import registry\nregistry.look_up('optimizer', 'first')\n"
        install("test-b", look_up + GOOD.format(name="second"))
        assert registry.look_up("optimizer", "second") is dict


class TestSelection:
    @pytest.fixture(autouse=True)
    def _three(self, install):
        for name in ("Test.One", "test-two", "test-three"):
            module = name.replace(".", "_").replace("-", "_").lower()
            install(name.replace(".", "-"), GOOD.format(name=module))

    @pytest.mark.parametrize(
        ("selected", "expected"),
        [
            ("", []),
            (" , ", []),
            ("test-two", ["test-two"]),
            ("TEST_ONE, test_three_point", ["Test-One", "test-three"]),
        ],
    )
    def test_by_distribution_or_entry_point(self, monkeypatch, selected, expected):
        monkeypatch.setenv("FASTBP_PLUGINS", selected)
        assert [info.distribution for info in registry.plugins()] == expected
        with pytest.raises(UnknownNameError, match="FASTBP_PLUGINS="):
            registry.look_up("optimizer", "test_four")

    def test_none_set_means_all(self):
        assert [info.distribution for info in registry.plugins() if "est-" in info.distribution] == [
            "Test-One",
            "test-three",
            "test-two",
        ]

    def test_one_that_is_not_installed_is_reported(self, monkeypatch):
        monkeypatch.setenv("FASTBP_PLUGINS", "test-two,test-four")
        with pytest.warns(PluginWarning, match="test-four .*not installed"):
            assert registry.look_up("optimizer", "test_two") is dict


class TestCommands:
    SOURCE = (
        HOOK
        + "@hookimpl\ndef register_commands(cli):\n    cli.add_parser('shout').set_defaults(run=lambda arguments: 5)\n"
    )

    def test_reach_the_program(self, install):
        install("test-shout", self.SOURCE)
        parser = ArgumentParser()
        registry.add_commands(parser.add_subparsers())
        arguments = parser.parse_args(["shout"])
        assert arguments.run(arguments) == 5
        assert [info.has_commands for info in ours(registry.plugins())] == [True]

    def test_one_that_fails_hurts_no_other(self, install):
        install("test-a", HOOK + "@hookimpl\ndef register_commands(cli): raise SystemExit(1)\n")
        install("test-shout", self.SOURCE)
        parser = ArgumentParser()
        with pytest.warns(PluginWarning, match=r"test-a 1\.5"):
            registry.add_commands(parser.add_subparsers())
        assert parser.parse_args(["shout"]).run


@pytest.mark.parametrize("hook", [hook for _, hook in KINDS.values()] + ["register_commands"])
def test_every_hook_has_a_specification_that_says_what_it_gets(hook):
    from fastbp import hookspecs

    specification = getattr(hookspecs, hook)
    assert specification.fastbp_spec
    assert "Parameters\n" in specification.__doc__
