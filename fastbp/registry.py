"""Losses, optimizers and features by name: fastbp's own, and those of installed plug-ins.

Both come through the hooks of `fastbp.hookspecs`. Plug-ins are loaded only when something is asked for that fastbp does
not have itself, once in a process, each on its own: one that fails is left out, with a `PluginWarning`.

* ``FASTBP_PLUGINS=a,b`` loads these alone, by the name of the distribution or of the entry point; empty loads none.
* ``FASTBP_STRICT_PLUGINS=1`` raises a `PluginError` at the first that fails.
* ``FASTBP_PLUGIN_TIMEOUT`` is the time that the import and each hook of a plug-in may take, in seconds (30; 0: any).
"""

import functools
import importlib
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastbp import _deadline, _lookup
from fastbp.errors import PluginError

Factory = Callable[..., Any]
Key = tuple[str, str]  # kind and name
_Candidate = tuple["PluginInfo", Callable[[], object]]  # a plug-in and what imports it

GROUP = "fastbp"
API = 1  # of the hooks; with another comes another FASTBP_ABI of the structs, and the other way round
KINDS: dict[str, tuple[str, str]] = {  # module of the built-ins, and hook
    "loss": ("fastbp.losses", "register_losses"),
    "optimizer": ("fastbp.optimizers", "register_optimizers"),
    "feature": ("fastbp.features", "register_features"),
}


class PluginWarning(UserWarning):
    """An installed plug-in was left out; the message names its distribution and says why."""


@dataclass(frozen=True)
class PluginInfo:
    """An installed plug-in.

    Parameters
    ----------
    name
        Of its entry point.
    distribution, version
        Of the installed distribution it comes with.
    provides
        (kind, name) of everything it registered; kinds are "loss", "optimizer" and "feature".
    has_commands
        Whether it adds commands to the program.
    error
        Why it was left out; None for a healthy one.
    compiled
        Those of `provides` that are compiled; the others are Python.
    api
        The number of the interface it is made for: of the hooks, and of the structs of compiled ones.
    """

    name: str
    distribution: str
    version: str
    provides: tuple[Key, ...] = ()
    has_commands: bool = False
    error: str | None = None
    compiled: tuple[Key, ...] = ()
    api: int = API

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass
class _Plugins:
    """Every plug-in tried so far, what the healthy ones registered, and their hook callers."""

    infos: list[PluginInfo] = field(default_factory=list)
    factories: dict[Key, Factory] = field(default_factory=dict)
    owners: dict[Key, PluginInfo] = field(default_factory=dict)
    hooks: list[tuple[PluginInfo, Any]] = field(default_factory=list)


_lock = threading.Lock()
_loaded: _Plugins | None = None
_inside = threading.local()  # .loaded: what a plug-in sees that asks while it is being loaded


def look_up(kind: str, name: str) -> Factory:
    """The class (or other factory) registered for a name.

    Parameters
    ----------
    kind
        "loss", "optimizer" or "feature".
    name
        A built-in's, for which no plug-in is loaded, or a plug-in's.

    Raises
    ------
    UnknownNameError
        Neither fastbp nor a plug-in has it; the message lists the known names and the plug-ins that failed.
    PluginError
        A plug-in failed and FASTBP_STRICT_PLUGINS is 1.
    """
    built_in = _built_ins(kind)
    if name in built_in:
        return built_in[name]
    loaded = _plugins()
    if (kind, name) in loaded.factories:
        return loaded.factories[kind, name]
    raise _lookup.unknown(kind, names(kind), name, _why_missing(loaded))


def make(kind: str, given: str | Mapping[str, Any] | Any) -> Any:
    """The object for a name, for a config (a mapping with "name" and options), or the given object itself.

    Raises
    ------
    UnknownNameError, PluginError
        As `look_up`.
    ArgumentError
        A config has no "name", or options its class does not take.
    """
    return _lookup.make_from(kind, functools.partial(look_up, kind), given)


def names(kind: str, plugins: bool = True) -> list[str]:
    """Every name of a kind, sorted; without those of plug-ins (which then are not loaded) if `plugins` is false."""
    from_plugins = [name for of_kind, name in _plugins().factories if of_kind == kind] if plugins else []
    return sorted([*_built_ins(kind), *from_plugins])


def plugins() -> list[PluginInfo]:
    """Every installed plug-in (of those FASTBP_PLUGINS selects), by distribution; the failed ones with the reason."""
    return list(_plugins().infos)


def installed() -> list[PluginInfo]:
    """As `plugins`, but nothing is loaded, so only names and versions are known."""
    return [info for info, _ in _find()]


def add_commands(cli: Any) -> None:
    """Give every healthy plug-in the chance to add commands; one that fails is a `PluginWarning`.

    Parameters
    ----------
    cli
        What the hook `register_commands` is given; see `fastbp.hookspecs`.
    """
    for info, hook in list(_plugins().hooks):
        error = _attempt(info, functools.partial(_call, hook.register_commands, cli=cli))
        if error:
            _warn(replace(info, error=error))


def origin(kind: str, thing: Any) -> str:
    """Whose an optimizer, loss or feature is, for messages: "optimizer 'lion' of fastbp-lion 0.1.0"."""
    owner = _loaded.owners.get((kind, thing.name)) if _loaded is not None else None
    return f"{kind} {thing.name!r} of {owner or _distribution(type(thing))}"


def add_note(error: Exception, kind: str, thing: Any) -> None:
    """Say in a note of an exception that it comes from a plug-in's optimizer, loss or feature."""
    if thing.name not in _built_ins(kind):
        error.add_note(f"raised in {origin(kind, thing)}")


def reload() -> None:
    """Forget all plug-ins, so that the next look-up loads them again: for tests of plug-ins."""
    global _loaded
    with _lock:
        _loaded = None


@functools.cache
def _built_ins(kind: str) -> Mapping[str, Factory]:
    module, hook = _lookup.look_up("kind of registered object", KINDS, kind)
    found: dict[Key, Factory] = {}
    getattr(importlib.import_module(module), hook)(functools.partial(_register, kind, found, lambda key: None))
    return {name: factory for (_, name), factory in found.items()}


def _plugins() -> _Plugins:
    """The loaded plug-ins; a plug-in that asks while being loaded sees those before it."""
    global _loaded
    if hasattr(_inside, "loaded"):
        return _inside.loaded
    with _lock:
        if _loaded is not None:
            return _loaded
        loaded = _Plugins()
        for info, load in _find():
            _add(loaded, info, load)
        _loaded = loaded
    for info in loaded.infos:
        if info.error:
            _warn(info)
    return loaded


def _add(loaded: _Plugins, info: PluginInfo, load: Callable[[], object]) -> None:
    """Load one plug-in and keep what it registers, or why it failed."""
    found: dict[Key, Factory] = {}
    hooks: list[Any] = []

    def add() -> None:
        _inside.loaded = loaded
        try:
            hooks.append(_run_hooks(load(), found, loaded))
        finally:
            del _inside.loaded

    error = _attempt(info, add)
    if error:
        loaded.infos.append(replace(info, error=error))
        return
    info = replace(
        info,
        provides=tuple(found),
        has_commands=bool(hooks[0].register_commands.get_hookimpls()),
        compiled=tuple(key for key, factory in found.items() if getattr(factory, "compiled", False)),
    )
    loaded.infos.append(info)
    loaded.factories.update(found)
    loaded.owners.update(dict.fromkeys(found, info))
    loaded.hooks.append((info, hooks[0]))


def _run_hooks(plugin: object, found: dict[Key, Factory], loaded: _Plugins) -> Any:
    """Fill `found` by the hooks of a plug-in and return its hook caller; each has a manager of its own to fail in."""
    import pluggy

    from fastbp import hookspecs

    api = getattr(plugin, "fastbp_api", API)
    if api != API:
        raise PluginError(f"it is made for API {api!r}; this fastbp has API {API}")
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    if not manager.get_hookcallers(plugin):
        raise PluginError("it defines no hook: nothing in it is marked with @hookimpl")
    manager.check_pending()
    for kind, (_, hook) in KINDS.items():
        register = functools.partial(_register, kind, found, functools.partial(_owner, loaded))
        _call(getattr(manager.hook, hook), register=register)
    return manager.hook


def _call(hook: Any, **arguments: Any) -> None:
    """Call a hook, which has nothing to return: what it returns was meant to run (a generator, a coroutine)."""
    for answer in hook(**arguments):
        raise PluginError(f"its hook {hook.name} returned {answer!r}; a hook is a plain function that returns None")


def _register(
    kind: str, found: dict[Key, Factory], owner: Callable[[Key], object], name: str, factory: Factory
) -> None:
    """What a hook is given as `register(name, factory)`."""
    if not isinstance(name, str) or not name:
        raise PluginError(f"it registers {kind} {name!r}, but a name is a non-empty string")
    if type(factory).__name__ == "PyCapsule":
        from fastbp.plugin_api import from_capsule

        factory = from_capsule(kind, name, factory)
    if not callable(factory):
        raise PluginError(f"it registers {factory!r} as {kind} {name!r}, which is not a class or other callable")
    taken_by = "itself" if (kind, name) in found else owner((kind, name))
    if taken_by:
        raise PluginError(f"it registers the {kind} {name!r}, a name taken by {taken_by}")
    found[kind, name] = factory


def _owner(loaded: _Plugins, key: Key) -> object:
    kind, name = key
    return "fastbp" if name in _built_ins(kind) else loaded.owners.get(key)


def _attempt(info: PluginInfo, action: Callable[[], None]) -> str | None:
    """Run code of a plug-in; the reason in one line if it fails or hangs, whatever it raises short of Ctrl-C."""
    limit = _deadline.seconds("FASTBP_PLUGIN_TIMEOUT", 30.0)
    try:
        _deadline.run(action, limit)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = _reason(error)
        if os.environ.get("FASTBP_STRICT_PLUGINS") == "1":
            raise PluginError(f"The plug-in {info} failed: {reason}") from error
        return reason
    return None


def _reason(error: BaseException) -> str:
    from traceback import format_exception_only

    text = str(error) if type(error) is PluginError else "".join(format_exception_only(error))
    return " ".join(text.split())


def _warn(info: PluginInfo) -> None:
    warnings.warn(
        f"The plug-in {info} was left out: {info.error}. "
        "FASTBP_STRICT_PLUGINS=1 shows where it fails; FASTBP_PLUGINS selects the plug-ins to load.",
        PluginWarning,
        stacklevel=3,
    )


def _why_missing(loaded: _Plugins) -> str:
    """What else there is to know about a name nobody registered."""
    failed = [f"{info} ({info.error})" for info in loaded.infos if info.error]
    selected = os.environ.get("FASTBP_PLUGINS")
    return (f" Plug-ins that failed to load: {'; '.join(failed)}." if failed else "") + (
        f" Only the plug-ins in FASTBP_PLUGINS={selected!r} were looked at." if selected is not None else ""
    )


def _find() -> list[_Candidate]:
    """The plug-ins to load, by distribution and name; one selected but not installed fails like any other."""
    selected = os.environ.get("FASTBP_PLUGINS")
    wanted = {_normal(name) for name in (selected or "").split(",") if name.strip()}
    if selected is not None and not wanted:
        return []
    found = sorted(_installed(), key=lambda candidate: (_normal(candidate[0].distribution), candidate[0].name))
    if selected is None:
        return found
    known = [{_normal(info.name), _normal(info.distribution)} for info, _ in found]
    missing = sorted(wanted.difference(*known))
    return [candidate for candidate, its_names in zip(found, known) if its_names & wanted] + [
        (PluginInfo(name, name, "(not installed)"), _failing("FASTBP_PLUGINS selects it, but it is not installed"))
        for name in missing
    ]


def _installed() -> Iterator[_Candidate]:
    """Every plug-in installed; of a distribution found twice the one first on the path, as for imports.

    A second one of another version fails, since it is none that anybody wanted.
    """
    from importlib import metadata

    seen: dict[str, str] = {}  # versions
    for distribution in metadata.distributions():
        candidates = _plugins_of(distribution)
        if not candidates:
            continue
        info = candidates[0][0]
        its_name = _normal(info.distribution)
        if its_name not in seen:
            seen[its_name] = info.version
            yield from candidates
        elif info.version != seen[its_name]:
            yield info, _failing(f"version {seen[its_name]} comes before it on the path; uninstall one of the two")


def _plugins_of(distribution: Any) -> list[_Candidate]:
    try:
        points = distribution.entry_points.select(group=GROUP)
    except Exception as error:
        info = PluginInfo("entry_points.txt", *_identity(distribution))
        return [(info, _failing(f"its list of entry points is damaged: {_reason(error)}"))]
    return [(PluginInfo(point.name, *_identity(distribution)), point.load) for point in points]


def _identity(distribution: Any) -> tuple[str, str]:
    """Name and version; where the metadata is damaged, the folder instead."""
    try:
        return distribution.name or "unnamed", distribution.version or "without version"
    except Exception:
        return f"distribution in {distribution.locate_file('')}", "with damaged metadata"


def _distribution(cls: type) -> str:
    """The distribution that a class comes with, and its version; the class itself where none is installed."""
    from importlib import metadata

    for name in metadata.packages_distributions().get(cls.__module__.partition(".")[0], []):
        return f"{name} {metadata.version(name)}"
    return f"{cls.__module__}.{cls.__qualname__}"


def _failing(reason: str) -> Callable[[], object]:
    def load() -> object:
        raise PluginError(reason)

    return load


def _normal(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
