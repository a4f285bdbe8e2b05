"""Compiled code is kept where that is possible, and a disk that fails it costs seconds, not results."""

import warnings

import numba
import pytest
from numba.core.caching import CacheImpl, IndexDataCacheFile

from spectral_interp.eigen import compiling


def increment(x):
    return x + 1.0


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    compiling._warn.cache_clear()
    return tmp_path


def hits():
    """Compile, call, and return how often code was taken from the cache."""
    kernel = compiling.compiled(increment)
    assert kernel(1.0) == 2.0
    return sum(kernel.stats.cache_hits.values())


def test_code_is_kept(cache):
    assert [hits(), hits()] == [0, 1]


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"\x80\x05"])
@pytest.mark.parametrize("pattern", ["*.nb?", "*.nbi", "*.nbc"])
def test_damaged_files_are_written_anew(cache, pattern, content):
    hits()
    damaged = list(cache.rglob(pattern))
    assert damaged
    for path in damaged:
        path.write_bytes(content)
    assert [hits(), hits()] == [0, 1]


def test_a_full_disk_costs_one_warning(cache, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", fail)
    with pytest.warns(UserWarning, match="compiled code cannot be cached.*set NUMBA_CACHE_DIR") as warned:
        assert [hits(), hits()] == [0, 0]
    assert len(warned) == 1


def test_no_folder_costs_one_warning(cache, monkeypatch):
    def fail(*_):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(compiling, "_Cache", fail)
    with pytest.warns(UserWarning, match="compiled code cannot be cached") as warned:
        assert [hits(), hits()] == [0, 0]
    assert len(warned) == 1


def test_a_process_in_which_numba_finds_no_folder(cache, monkeypatch):
    for locator in CacheImpl._locator_classes:
        monkeypatch.setattr(locator, "from_function", classmethod(lambda *_: None))
    with pytest.warns(UserWarning, match="compiled code cannot be cached"):
        assert hits() == 0
    assert not list(cache.rglob("*.nb?"))


def test_what_cannot_be_read_is_compiled(cache, monkeypatch):
    hits()

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(IndexDataCacheFile, "load", fail)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hits() == 0
