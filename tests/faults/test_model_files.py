"""Model files from strangers: each loads and works, or is refused in one documented way, safely and soon."""

import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from spectral_interp import analyze, certify, explain, load, train
from spectral_interp.files import artifact

from . import hostile_files as hostile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")

SECONDS, MEGABYTES = 2, 500
"""What a file may take, of processor time and of memory beyond what was taken before."""

HANG = 60
"""Seconds after which a trial counts as one without end: a busy machine has its pauses."""

COMMANDS = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.putenv", "subprocess.Popen"),
    *("socket.connect", "exec", "compile", "import", "ctypes.dlopen", "pickle.find_class", "os.remove"),
    *("os.rename", "os.mkdir", "os.symlink", "os.chmod", "shutil.rmtree", "pty.spawn"),
)
"""Audit events that reading a file must not raise."""


class Watch:
    """Notes what a stretch of code did: audit events, processor time and memory."""

    def __init__(self):
        self.events, self.on = [], False
        sys.addaudithook(self._note)

    def _note(self, event, arguments):
        if self.on and (event in COMMANDS or (event == "open" and _writes(arguments))):
            self.events.append(f"{event} {arguments!r:.80}")

    def __enter__(self):
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        self.before = _memory("VmRSS")
        self.on, self.start = True, time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds, self.on = time.process_time() - self.start, False
        self.megabytes = _memory("VmHWM") - self.before

    def complaints(self):
        """Return what the last stretch did that it must not, and forget."""
        found = [f"raised {event}" for event in self.events]
        if self.seconds > SECONDS:
            found.append(f"took {self.seconds:.1f} s")
        if self.megabytes > MEGABYTES:
            found.append(f"took {self.megabytes:.0f} MB")
        if Path(hostile.CANARY).exists():
            os.remove(hostile.CANARY)
            found.append("ran a command")
        self.events = []
        return found


def _writes(arguments):
    _, mode, flags = arguments
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) or (isinstance(mode, str) and set(mode) & set("wax+"))


def _memory(name):
    """Return megabytes of this process: VmRSS now, VmHWM at its peak, VmData allocated."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1000
    raise KeyError(name)


def attempt(mutation, path, watch):
    """Read a file and use what it holds; return "loaded" or "refused", and what is wrong with that."""
    path.write_bytes(mutation.raw)
    try:
        with watch:
            state = artifact.read(path, kind="checkpoint") if mutation.original.is_checkpoint else load(path)
    except ValueError as error:
        wrong = [] if str(path) in str(error) and len(str(error)) < 1000 else [f"says {error!s:.200}"]
        return "refused", wrong + watch.complaints() + _out_of_memory(error)
    except Exception as error:  # anything else is what is being looked for
        return "refused", [f"raised {type(error).__name__}: {error!s:.200}", *watch.complaints()]
    wrong = watch.complaints()
    try:
        use_checkpoint(mutation, path) if mutation.original.is_checkpoint else use_model(
            mutation, state, path
        )
    except Exception as error:
        wrong.append(f"loaded, but: {type(error).__name__}: {error!s:.200}")
    return "loaded", wrong


def _out_of_memory(error):
    while error is not None:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            return ["ran out of memory"]
        error = error.__cause__ or error.__context__
    return []


@np.errstate(over="raise", invalid="raise")
def use_model(mutation, est, path):
    """Predict, explain, certify and save; assert what must hold."""
    rows = est.background_
    prediction = est.pencil_.values(est.encode(rows))
    assert np.isfinite(prediction).all(), "predictions are not finite"
    if mutation.same:
        original = mutation.original.model
        if mutation.original.name == "bare":
            np.testing.assert_array_equal(est.pencil_.diag, original.pencil_.diag)
        else:
            np.testing.assert_array_equal(prediction, original.pencil_.values(original.encode(rows)))
    attribution = explain(est, rows[:2], method="local")
    assert np.isfinite(attribution.values).all(), "contributions are not finite"
    certify(est, rows[:2])
    est.predict(rows)
    if est.heldout_ is not None:
        evaluate(est)
    for baseline in (est.baselines_ or {}).values():
        assert np.isfinite(baseline.values(est.encode(rows))).all(), "a baseline's predictions are not finite"
    est.save(path)
    np.testing.assert_array_equal(load(path).pencil_.values(est.encode(rows)), prediction)


def evaluate(est):
    """Evaluate on the held-out rows; values that no table may hold are refused like those of any table."""
    try:
        assert np.isfinite([*est.evaluate(*est.heldout_).values()]).all(), "metrics are not finite"
    except ValueError as error:
        if "column" not in str(error):
            raise


def use_checkpoint(mutation, path):
    """Resume; a damaged checkpoint may still be refused by the fit that it does not belong to."""
    est, (X, y) = mutation.original.model, mutation.original.table
    try:
        est.fit(X, y, resume=path)
    except ValueError as error:
        if mutation.same or str(path) not in str(error):
            raise
    else:
        assert np.isfinite(est.predict(X)).all(), "predictions are not finite"


def work(trials, folder, channel):
    """Attempt every trial in a process of its own, which says what it begins and how that went."""
    os.chdir(folder)
    warnings.simplefilter("ignore")
    b"zip".decode("cp437")  # the codec of names in archives is imported when first used
    watch, path = Watch(), Path(folder) / "stranger.pt"
    limit = int((_memory("VmData") + 2 * MEGABYTES) * 1e6)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    for mutation in trials:
        channel.send((mutation.label, None, None))
        channel.send((mutation.label, *attempt(mutation, path, watch)))
    channel.send(None)


def attempt_all(make_trials, folder):
    """Return the number of files by outcome, and what went wrong, of all trials.

    A process that dies fails the trial it was at; another one goes on after it.
    """
    outcomes, failures, done = Counter(), [], 0
    while True:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        trials = (trial for number, trial in enumerate(make_trials()) if number >= done)
        process = context.Process(target=work, args=(trials, folder, theirs), daemon=True)
        process.start()
        theirs.close()
        label = "start"
        try:
            while (message := ours.recv() if ours.poll(HANG) else "hang") not in (None, "hang"):
                label, outcome, wrong = message
                if outcome is not None:
                    done += 1
                    outcomes[outcome] += 1
                    failures += [f"{label}: {what}" for what in wrong]
        except EOFError:
            assert label != "start", "trials that cannot be made: see the errors of the process"
            message = "death"
        if message == "hang":
            process.kill()
        process.join()
        if message is None:
            return outcomes, failures
        done += 1
        failures.append(f"{label}: {message} of the process, status {process.exitcode}")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Return the originals, each loaded once: Numba loads kernels from pickles of its own when first used."""
    folder = tmp_path_factory.mktemp("originals")
    found = hostile.originals(folder)
    for original in found:
        if not original.is_checkpoint:
            load(folder / f"{original.name}.pt")
    return found


def test_mutations(originals, tmp_path, size, tally):
    count = size(120, 10_000)
    with tally("model files: mutations") as counts:
        outcomes, failures = attempt_all(lambda: hostile.mutations(originals, count), tmp_path)
        counts.add(count, failures)
    assert min(outcomes["loaded"], outcomes["refused"]) > count / 20, f"one-sided: {outcomes}"


def test_files_made_to_do_harm(originals, tmp_path, size, tally):
    chosen, deep = originals[: size(1, 3)], size(20_000, 1_000_000)

    def trials():
        for original in chosen:
            for label, raw in hostile.harmful(original, deep):
                yield hostile.Mutation(f"{original.name}: {label}", original, raw)

    with tally("model files: made to do harm") as counts:
        outcomes, failures = attempt_all(trials, tmp_path)
        counts.add(sum(outcomes.values()), failures)
    assert not outcomes["loaded"]


@pytest.fixture
def strangers(originals, tmp_path):
    """Return paths of files of every sort that is refused."""
    original = originals[0]
    raws = {
        "flipped": original.raw[:3000] + bytes([original.raw[3000] ^ 1]) + original.raw[3001:],
        "cut": original.raw[:-100],
        "checkpoint": originals[-2].raw,
        "later": hostile.saved_with(original, version=99),
        "poetry": hostile.saved_with(original, task="poetry\nin two lines"),
        "large": hostile.saved_with(original, target="x" * 10**6),
        **{label: raw for label, raw in hostile.harmful(original, 1000) if "archive" not in label},
    }
    for label, raw in raws.items():
        (tmp_path / f"{label}.pt".replace("/", "-")).write_bytes(raw)
    return sorted(tmp_path.glob("*.pt"))


def test_analyze_refuses_them_in_one_line(strangers, run, size, tally, monkeypatch):
    monkeypatch.chdir(strangers[0].parent)
    with tally("model files: analyze") as counts:
        for path in strangers[:: size(4, 1)]:
            with counts.trial(path.name):
                status, out, err = run(analyze, path)
                assert (status, out) == (2, "")
                assert len(err.splitlines()) == 1
                assert str(path) in err
                assert len(err) < 1000
    assert not Path(hostile.CANARY).exists()
    assert not list(strangers[0].parent.glob("*-analysis"))


def test_train_refuses_to_resume_from_them_in_one_line(strangers, run, tmp_path):
    for path in strangers[::10]:
        status, _, err = run(train, "diabetes", "--out", tmp_path / "m.pt", "--resume", path, "--epochs", 2)
        assert status == 2
        assert str(path) in err.splitlines()[-1]
    assert not (tmp_path / "m.pt").exists()
