"""Tab completion: what real shells offer with the scripts that `fastbp completion` prints."""

import shutil
import subprocess

import pytest

from fastbp.cli import COMMANDS, main


@pytest.fixture
def script(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FASTBP_PLUGINS", "")

    def write(shell):
        assert main(["completion", shell]) == 0
        path = tmp_path / f"fastbp.{shell}"
        path.write_text(capsys.readouterr().out)
        return path

    return write


def output(shell, *arguments):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    return subprocess.run([shell, *map(str, arguments)], capture_output=True, text=True, check=True).stdout


TYPED = [
    ("fastbp qu", {"quantize"}),
    ("fastbp segment --format ", {"text", "json", "csv", "audacity", "rttm"}),
    ("fastbp segment m.fbp --format au", {"audacity"}),
    ("fastbp train sounds --epo", {"--epochs"}),
    ("fastbp plugins ch", {"check"}),
    ("fastbp bench o", {"optimizers"}),
]


@pytest.mark.parametrize(("typed", "offered"), TYPED)
def test_bash_offers(script, typed, offered):
    *words, last = typed.split(" ")
    ask = f"""source {script("bash")}
COMP_WORDS=({" ".join(words)} "{last}"); COMP_CWORD={len(words)}; _fastbp
echo "${{COMPREPLY[@]}}\""""
    assert set(output("bash", "-c", ask).split()) == offered


def test_bash_leaves_file_names_to_the_shell(script):
    ask = f"""source {script("bash")}
COMP_WORDS=(fastbp train ""); COMP_CWORD=2; _fastbp
echo "${{#COMPREPLY[@]}}"; complete -p fastbp"""
    assert output("bash", "-c", ask).split() == ["0", "complete", "-o", "default", "-F", "_fastbp", "fastbp"]


@pytest.mark.parametrize(("typed", "offered"), TYPED)
def test_fish_offers(script, typed, offered):
    ask = f"cd {script('fish').parent}; source fastbp.fish; complete -C '{typed}'"
    assert {line.split("\t")[0] for line in output("fish", "-c", ask).splitlines()} == offered


def test_zsh_takes_the_script(script):
    ask = f"source {script('zsh')}; whence -w _fastbp"
    assert "_fastbp: function" in output("zsh", "-fc", ask)


def test_every_command_is_in_every_script(script):
    for shell in ("bash", "zsh", "fish"):
        text = script(shell).read_text()
        assert all(name in text for name in COMMANDS)
        assert "--learning-rate" in text or "-l learning-rate" in text
