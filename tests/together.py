"""One call on several threads at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

N_THREADS = 8


def together(call, n=N_THREADS):
    """What call() gives on each of n threads, which begin at the same time; what it raises is raised."""
    start = threading.Barrier(n)

    def run(_):
        start.wait()
        return call()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))
