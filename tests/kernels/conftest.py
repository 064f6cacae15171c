"""Every kernel test runs on every CPU build this machine supports."""

import pytest

from fastbp._kernels import load, supported_builds


@pytest.fixture(params=supported_builds())
def core(request):
    return load("core", request.param)


@pytest.fixture(params=[1, 2])
def n_threads(request):
    return request.param
