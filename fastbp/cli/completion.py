"""`fastbp completion`: what the Tab key offers, as a script for bash, zsh or fish made from the parsers."""

import argparse
from collections.abc import Iterator
from typing import Any

from fastbp.cli.options import Arguments, add_command

BASH = """_fastbp() {{
    local before=${{COMP_WORDS[COMP_CWORD-1]}} word=${{COMP_WORDS[COMP_CWORD]}} words=
    case "$COMP_CWORD ${{COMP_WORDS[1]}} $before $word" in
        "1 "*) words="{commands} --help --version" ;;
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _fastbp fastbp
"""
ZSH = """(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
autoload -Uz bashcompinit && bashcompinit
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "completion",
        run,
        "SHELL",
        "let the Tab key complete commands and options",
        "Print a script that makes a shell complete fastbp's commands, options and their values, those of installed "
        "plug-ins included; where nothing is known it completes file names.",
        [
            'eval "$(fastbp completion bash)"                          # in ~/.bashrc',
            'eval "$(fastbp completion zsh)"                           # in ~/.zshrc',
            "fastbp completion fish > ~/.config/fish/completions/fastbp.fish",
        ],
    )
    parser.add_argument("shell", metavar="SHELL", choices=sorted(SCRIPTS), help="bash, zsh or fish")


def run(arguments: Arguments) -> None:
    """Print the script."""
    from fastbp import cli, registry

    _, commands = cli._parser()
    registry.add_commands(commands)
    print(SCRIPTS[arguments.shell](commands), end="")


def bash(commands: Any) -> str:
    """The script for bash."""
    cases = [case for name, parser in commands.choices.items() for case in _cases(name, parser)]
    return BASH.format(commands=" ".join(commands.choices), cases="\n".join(cases))


def zsh(commands: Any) -> str:
    """The script for zsh, which understands that of bash."""
    return ZSH.format() + bash(commands)


def fish(commands: Any) -> str:
    """The script for fish."""
    lines = [
        f"complete -c fastbp -n __fish_use_subcommand -f -a {choice.dest} -d {_quoted(choice.help)}"
        for choice in commands._get_subactions()
    ]
    for name, parser in commands.choices.items():
        lines += [f"complete -c fastbp -n '__fish_seen_subcommand_from {name}' {given}" for given in _fish(parser)]
    return "\n".join(lines) + "\n"


SCRIPTS = {"bash": bash, "fish": fish, "zsh": zsh}


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What a command takes, its sub-commands' options included."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)


def _cases(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Lines `pattern) words ;;` of a command, matched in order: an option's values, options, else what comes first."""
    actions = list(_actions(parser))
    for action in actions:
        for option in action.option_strings if action.choices else ():
            yield f'        *" {name} {option} "*) words="{_words(action)}" ;;'
    options = sorted({option for action in actions for option in action.option_strings})
    yield f'        *" {name} "*" -"*) words="{" ".join(options)}" ;;'
    for action in actions:
        if action.choices and not action.option_strings:
            yield f'        *" {name} "*) words="{_words(action)}" ;;'


def _fish(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in _actions(parser):
        values = f" -x -a {_quoted(_words(action))}" if action.choices else " -r" if action.nargs != 0 else ""
        names = " ".join(f"-{'l' if name[1] == '-' else 's'} {name.lstrip('-')}" for name in action.option_strings)
        if names:
            yield f"{names}{values} -d {_quoted(action.help)}"
        elif action.choices:
            yield f"-a {_quoted(_words(action))}"


def _words(action: argparse.Action) -> str:
    return " ".join(map(str, action.choices or ()))


def _quoted(text: str | None) -> str:
    return "'" + (text or "").replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%") + "'"
