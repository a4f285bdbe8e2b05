"""What a machine has left, told by files as Linux has them, and work that is refused before it starts."""

import numpy as np
import pytest

from spectral_interp import Pencil, explain, interactions
from spectral_interp._common import memory
from spectral_interp.estimators import forms
from spectral_interp.estimators.forms import check_room
from spectral_interp.regions.cover import tangent_errors
from spectral_interp.streams.sample import SAMPLE_ROWS
from spectral_interp.view import NumberAxis

GIB = 2**30


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    write(tmp_path, {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {8 * 2**20} kB\n"})
    return tmp_path


def group(root, path, limit, use, cache=0, version=2):
    mount, *names, _ = memory._LIMITS[version]
    folder = f"{mount}/{path}".rstrip("/")
    stat = f"anon 5\ninactive_file {cache}\ntotal_inactive_file {cache}\n"
    write(root, {f"{folder}/{names[0]}": limit, f"{folder}/{names[1]}": use, f"{folder}/memory.stat": stat})


def test_without_groups_it_is_what_the_machine_has(root):
    assert memory.available() == 8 * GIB


def test_a_system_that_does_not_tell_has_no_check(root):
    (root / "proc/meminfo").unlink()
    assert memory.available() is None
    memory.check_memory(2.0**80, "work", "advice")


def test_a_group_leaves_its_limit_less_its_use_but_for_caches(root):
    write(root, {"proc/self/cgroup": "0::/jobs/one\n"})
    group(root, "jobs/one", 3 * GIB, 2 * GIB, GIB // 2)
    assert memory.available() == GIB + GIB // 2


def test_the_group_around_it_counts_and_one_without_a_limit_does_not(root):
    write(root, {"proc/self/cgroup": "0::/jobs/one\n"})
    group(root, "jobs/one", "max", GIB)
    group(root, "jobs", 4 * GIB, 3 * GIB)
    assert memory.available() == GIB


def test_a_container_sees_its_group_as_the_outermost(root):
    write(root, {"proc/self/cgroup": "0::/docker/abc\n"})
    group(root, "", 2 * GIB, GIB // 4)
    assert memory.available() == 2 * GIB - GIB // 4


def test_groups_of_the_first_version(root):
    write(root, {"proc/self/cgroup": "5:devices:/x\n4:cpu,memory:/jobs\n0::/\n"})
    group(root, "jobs", GIB, GIB // 2, version=1)
    assert memory.available() == GIB // 2


def test_more_than_the_limit_leaves_nothing(root):
    write(root, {"proc/self/cgroup": "0::/\n"})
    group(root, "", GIB, 2 * GIB)
    assert memory.available() == 0


@pytest.fixture
def full(monkeypatch):
    """A machine with a single free byte, on which no work is small."""
    monkeypatch.setattr(memory, "available", lambda: 1)
    monkeypatch.setattr(memory, "SMALL", 0)


def test_work_is_refused_before_it_starts_with_what_to_do(full):
    pencil, z = Pencil(diag=[[0.0], [2.0], [1.0]], off=[[], [], []], k=0), np.ones((3, 2))
    for work, refused in (
        (lambda: explain(pencil, z), r"contributions to 3 rows × 2 columns; got .*explain_batches"),
        (lambda: interactions(pencil, z), r"interactions in 3 rows × 2 columns; got .*fewer rows"),
        (lambda: tangent_errors(z, z[:, 0], z), r"3 tangent planes at 3 rows; got .*sample"),
    ):
        with pytest.raises(MemoryError, match=rf"expected .* GiB of free memory for .*{refused}"):
            work()


def test_chunks_are_all_rows_once():
    for n in (0, 1, 6, 7, 8):
        parts = list(memory.chunks(n, 7))
        assert [i for part in parts for i in range(n)[part]] == list(range(n))
        assert len(parts) == max(1, -(-n // 7))


def test_fits_that_lack_memory_are_sent_to_batches_only_if_these_would_help(root):
    write(root, {"proc/meminfo": "MemAvailable: 100 kB\n"})
    axes = [NumberAxis("x")] * 200
    with pytest.raises(MemoryError, match=r"fewer rows or columns, or with fit_batches$"):
        check_room("sum", SAMPLE_ROWS + 1, axes, 1, 4)
    with pytest.raises(MemoryError, match=r"fewer rows or columns$"):
        check_room("sum", SAMPLE_ROWS, axes, 1, 4)


def test_members_side_by_side_need_their_eigenvalues_each(monkeypatch):
    axes, needed = [NumberAxis("x")] * 12, {}
    for threads in (1, 2, 4, 64):
        monkeypatch.setattr(forms, "allowed_threads", lambda threads=threads: threads)
        needed[threads] = forms.bytes_of_row("sum", axes, 10, 4)
    assert needed[1] == needed[2]
    assert needed[4] == needed[64] == needed[2] + 2 * 10 * 16 * 4  # of ten classes, sixteen neurons, float32


class Library:
    """Stand in for the C library."""

    def __init__(self):
        self.asked = []

    def malloc_trim(self, pad):
        self.asked.append(pad)


def test_memory_goes_back_before_work_on_many_rows(monkeypatch):
    library = Library()
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: library)
    memory.give_back(memory.MANY - 1)
    assert not library.asked
    memory.give_back(memory.MANY)
    assert library.asked == [0]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_other_c_libraries_keep_their_memory(monkeypatch, error):
    """That of macOS has no such function, and Windows no library without a name."""
    asked = []

    def refuse(name):
        asked.append(name)
        raise error

    monkeypatch.setattr(memory.ctypes, "CDLL", refuse)
    memory.give_back(memory.MANY)
    assert asked == [None]
