"""AMX: its instructions as compiled, and what is done where they are missing or refused."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp
from fastbp._kernels import load, supported_builds

COMPILER = shutil.which(os.environ.get("CC", "cc"))
KERNELS = Path(fastbp.__file__).parent / "_kernels"
LINUX_X86 = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.mark.skipif(not (LINUX_X86 and COMPILER), reason="needs a C compiler, on x86-64 Linux")
def test_instructions_do_what_their_emulation_does(tmp_path):
    """Executed by the processor where it has AMX, else by a handler of the signal that they raise."""
    program, source = tmp_path / "amx", Path(__file__).parent / "amx_instructions.c"
    flags = ["-O2", "-std=gnu11", "-fno-trapping-math", f"-I{KERNELS}", "-pthread"]
    subprocess.run([COMPILER, *flags, source, "-o", program], check=True, capture_output=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("native" if "amx" in supported_builds() else "trapped")


def test_amx_is_the_last_build_and_never_without_avx512():
    builds = supported_builds()
    assert "amx" not in builds or builds[-2:] == ["avx512", "amx"]


@pytest.mark.parametrize("build", supported_builds())
def test_only_modules_of_avx512_use_amx(build):
    assert not load("core", build).AMX or build in ("avx512", "amx")


def test_asking_for_amx_where_it_is_missing_falls_back_in_silence():
    code = "import fastbp; print(fastbp.cpu_info()['build'])"
    environment = {**os.environ, "FASTBP_CPU": "amx"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.stdout.strip(), done.stderr) == (supported_builds()[-1], "")
