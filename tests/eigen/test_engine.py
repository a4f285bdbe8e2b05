"""Threads, forks and the cache of compiled code."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import torch
from numba.core.compiler_lock import global_compiler_lock
from threadpoolctl import threadpool_info, threadpool_limits

from spectral_interp.eigen import eigenpairs, engine


@pytest.fixture
def batch(rng):
    return rng.normal(size=(5000, 15)), rng.normal(size=(5000, 14))


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads_do_not_change_a_bit(batch, two_threads):
    split = eigenpairs(*batch, 7)
    torch.set_num_threads(1)
    for mine, theirs in zip(split, eigenpairs(*batch, 7), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_slices_cover_the_rows_once(two_threads, monkeypatch):
    monkeypatch.setattr(engine, "THREADED", 1)
    for n in (0, 1, 16, 17, 31, 32, 33, 100):
        seen = []
        total = engine._run(
            lambda rows, seen=seen: seen.append(rows) or len(rows), (), (np.arange(n)[:, None],)
        )
        assert sorted(i for rows in seen for i in rows[:, 0]) == list(range(n))
        assert total == n
        assert len(seen) == (2 if n > 16 else 1)


def test_chunks_are_the_same_for_any_threads_and_spread_nothing(batch, two_threads, monkeypatch):
    """A slice that waited for others in the same pool could wait for ever."""
    monkeypatch.setattr(engine, "THREADED", 1)
    monkeypatch.setattr(engine, "_pool", ThreadPoolExecutor(2))
    expected, chunks = eigenpairs(*batch, 7)[0], {}
    for threads in (1, 2, 7):
        torch.set_num_threads(threads)
        found, own, seen = np.zeros(5000), [], set()

        def solve(some, found=found, own=own, seen=seen):
            found[some] = eigenpairs(*(band[some] for band in batch), 7)[0]
            own.append((some.start, some.stop))
            seen.add(threading.get_ident())

        engine.in_chunks(solve, 5000, 300, 5000 * 29)
        np.testing.assert_array_equal(found, expected)
        chunks[threads] = sorted(own)
        assert (len(seen) > 1) == (threads > 1)
    assert chunks[1] == chunks[2] == chunks[7] == [(a, min(a + 300, 5000)) for a in range(0, 5000, 300)]


def test_an_error_in_a_thread_surfaces(two_threads, monkeypatch):
    monkeypatch.setattr(engine, "THREADED", 1)

    def fail(rows):
        if rows[0, 0]:
            raise RuntimeError("in the second slice")
        return 0

    with pytest.raises(RuntimeError, match="second slice"):
        engine._run(fail, (), (np.arange(100)[:, None],))


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def test_products_have_one_thread_and_kernels_as_many_as_before(two_threads):
    with threadpool_limits(2, user_api="blas"):
        with suppress(RuntimeError), engine.one_thread():
            assert blas_threads() == {1}
            assert (torch.get_num_threads(), engine.allowed_threads()) == (1, 2)
            raise RuntimeError
        assert blas_threads() == {2}
    assert (torch.get_num_threads(), engine.allowed_threads()) == (2, 2)


def test_the_limit_lasts_until_the_last_of_several_fits_ends(two_threads):
    def fit(begun, may_end):
        with engine.one_thread():
            begun.set()
            may_end.wait(60)

    before = threadpool_limits(2, user_api="blas")
    engine._release()
    with ThreadPoolExecutor(2) as pool:
        events = [(threading.Event(), threading.Event()) for _ in range(2)]
        fits = [pool.submit(fit, *pair) for pair in events]
        for (begun, may_end), done in zip(events, fits, strict=True):
            assert begun.wait(60)
            assert blas_threads() == {1}, "within"
            assert engine.allowed_threads() == 2
            may_end.set()
            done.result()
        assert blas_threads() == {2}
    before.restore_original_limits()
    engine._release()
    assert engine.allowed_threads() == 2


def test_many_python_threads_at_once(batch, two_threads):
    expected = eigenpairs(*batch, 7)[0]
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: eigenpairs(*batch, 7)[0], range(40)):
            np.testing.assert_array_equal(result, expected)


def _solve_in_child(batch, expected, status, threads):
    torch.set_num_threads(threads)
    status.put(bool(np.array_equal(eigenpairs(*batch, 7)[0], expected)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_works_after_fork(batch, two_threads):
    """In one thread, and in as many as a child asks for: it has none of its parent's pool."""
    expected = eigenpairs(*batch, 7)[0]  # the parent's pool runs
    context = multiprocessing.get_context("fork")
    status = context.Queue()
    children = [
        context.Process(target=_solve_in_child, args=(batch, expected, status, threads))
        for threads in (1, 2, 2)
    ]
    for child in children:
        child.start()
    try:
        assert [status.get(timeout=60) for _ in children] == [True] * 3
        for child in children:
            child.join(timeout=60)
            assert child.exitcode == 0
    finally:
        for child in children:
            child.kill()


def forked(work):
    """Return the status of a forked child that calls ``work``; one that hangs is ended by its own alarm."""
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_is_not_forked_amid_a_compilation():
    """Another thread holds numba's lock, as it does while it compiles; the child then needs it itself."""
    held, enough = threading.Event(), threading.Event()

    def compile_something():
        with global_compiler_lock:
            held.set()
            enough.wait(0.2)

    other = threading.Thread(target=compile_something)
    other.start()
    held.wait()

    def compile_in_child():
        with global_compiler_lock:
            pass

    assert forked(compile_in_child) == 0
    other.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torch_does_not_wait_for_openmp_threads_that_a_child_has_not(two_threads):
    x = torch.ones(64, 8)
    torch.mm(x, x.T)  # the parent's threads run
    assert forked(lambda: torch.mm(x, x.T)) == 0


WITHOUT_TORCH = """
import os, sys
import numpy as np
from spectral_interp.eigen import eigenvalues, engine
print(engine.allowed_threads())
engine.THREADED = 1
rng = np.random.default_rng(0)
diag, off = rng.normal(size=(200, 4)), rng.normal(size=(200, 3))
expected = eigenvalues(diag, off, 1)
if not os.fork():
    os._exit(engine.allowed_threads() + 10 * np.array_equal(eigenvalues(diag, off, 1), expected))
print(os.waitstatus_to_exitcode(os.wait()[1]), "torch" in sys.modules)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("limit", "threads"), [("3", 3), ("2,1", 2), ("0", None), ("x", None), (None, None)])
def test_without_torch_the_limits_of_openmp_hold_and_a_child_uses_one_thread(limit, threads):
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    env |= {"OMP_NUM_THREADS": limit} if limit else {}
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_TORCH]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)
    allowed = threads or (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    assert done.stdout.split() == [str(allowed), "11", "False"], done.stderr
