"""Matrix products alone: squares, and every product of the networks in training, transposes included."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bench.contest import Contest, Entry, need_amx
from bench.nets import NETS

LEAST_REDUCED = 256  # all sides of a product for which reduced precision is measured
SQUARES = {64: False, 128: False, 256: False, 512: False, 1024: False, 2048: False, 4096: True}  # n: slow
N_CHECKED = 16  # rows of a product that are compared with float64
Operands = tuple[np.ndarray, np.ndarray, np.ndarray]


def operands(m: int, n: int, k: int, a_turned: bool, b_turned: bool) -> Operands:
    """a (m, k), b (k, n), room for the product; a turned operand is the transpose of a contiguous array."""
    rng = np.random.default_rng(0)
    a, b = (
        rng.standard_normal((cols, rows) if turned else (rows, cols), np.float32)
        for rows, cols, turned in ((m, k, a_turned), (k, n, b_turned))
    )
    return a.T if a_turned else a, b.T if b_turned else b, np.empty((m, n), np.float32)


def some_rows(out: np.ndarray) -> np.ndarray:
    return out[:: -(-len(out) // N_CHECKED)]


def exact(make: Callable[[], Operands]) -> np.ndarray:
    a, b, _ = make()
    return some_rows(a).astype(np.float64) @ b.astype(np.float64)


def parts_of_float32(m: int, k: int, n: int) -> int:
    """Into how many parts fastbp splits the operands of such a product where it is asked for float32."""
    from fastbp import precision
    from fastbp._kernels import load

    n_parts = precision.plan_options("float32", "fit")["n_parts"]
    return n_parts if 1 / m + 1 / n + 2 / k < load("core").PARTS_LIMITS[n_parts] else 0


def unsplit(make: Callable[[], Operands]) -> Entry:
    """The float32 kernels alone."""
    import fastbp
    from fastbp._kernels import load

    need_amx()
    a, b, out = make()
    matmul, n_threads = load("core").matmul, fastbp.get_threads()
    return Entry(lambda: matmul(a, b, None, out, n_threads), lambda: some_rows(out))


def ours(make: Callable[[], Operands], n_parts: int = 0, tolerance: float | None = None) -> Entry:
    import fastbp
    from fastbp._kernels import load

    if n_parts:
        need_amx()
    a, b, out = make()
    n_parts = n_parts or parts_of_float32(*a.shape, b.shape[1])
    matmul, n_threads = load("core").matmul, fastbp.get_threads()
    return Entry(lambda: matmul(a, b, None, out, n_threads, n_parts), lambda: some_rows(out), tolerance)


def with_numpy(make: Callable[[], Operands]) -> Entry:
    a, b, out = make()
    return Entry(lambda: np.matmul(a, b, out=out), lambda: some_rows(out))


def with_torch(make: Callable[[], Operands]) -> Entry:
    import torch

    a, b, out = (torch.from_numpy(array) for array in make())
    return Entry(lambda: torch.mm(a, b, out=out), lambda: some_rows(out.numpy()))


def with_torch_bfloat16(make: Callable[[], Operands]) -> Entry:
    """Operands are rounded within the time that is taken, as they are for fastbp and in autocast."""
    import torch

    need_amx()
    a, b, out = (torch.from_numpy(array) for array in make())
    return Entry(lambda: out.copy_(a.bfloat16() @ b.bfloat16()), lambda: some_rows(out.numpy()), 2e-2)


ENTRIES = {"fastbp": ours, "numpy": with_numpy, "torch": with_torch}
REDUCED = {
    "fastbp-unsplit": unsplit,
    "fastbp-high": partial(ours, n_parts=2, tolerance=2e-5),
    "fastbp-bfloat16": partial(ours, n_parts=1, tolerance=1e-2),
    "torch-bfloat16": with_torch_bfloat16,
}


def contest(case: str, m: int, n: int, k: int, a_turned: bool, b_turned: bool, slow: bool) -> Contest:
    make = partial(operands, m, n, k, a_turned, b_turned)
    entries = {**ENTRIES, **(REDUCED if min(m, n, k) >= LEAST_REDUCED else {})}
    return Contest(
        "gemm",
        case,
        f"matrix product {case}: {m}x{k}{'T' * a_turned} @ {k}x{n}{'T' * b_turned}",
        {name: partial(entry, make) for name, entry in entries.items()},
        {"flop": 2.0 * m * n * k},
        reference=partial(exact, make),
        slow=slow,
    )


def contests() -> Iterator[Contest]:
    for n, slow in SQUARES.items():
        yield contest(str(n), n, n, n, False, False, slow)
    for name, net in NETS.items():
        for i, (n_in, n_out) in enumerate(net.layers, 1):
            yield contest(f"{name}{i}-y", net.batch, n_out, n_in, False, False, net.slow)
            yield contest(f"{name}{i}-dw", n_in, n_out, net.batch, True, False, net.slow)
            if i > 1:
                yield contest(f"{name}{i}-dx", net.batch, n_in, n_out, False, True, net.slow)
