"""Explanations from many threads and forked processes at once.

Run as a program, ``python -m tests.faults.crowd OPTIONS``, OPTIONS a dictionary as JSON: it prints what it
counted, as JSON. Every answer is compared, to the bit, with the one that the main thread gave beforehand.
"""

import hashlib
import itertools
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from spectral_interp import (
    DensePencil,
    Pencil,
    SpectralRegressor,
    certify,
    explain,
    interactions,
    linear_regions,
)
from spectral_interp.eigen import eigenpairs, kth_eigenpair

PATIENCE = 60  # seconds that a child or a thread may take longer than it should
CHILD = 0.5  # seconds of work of a forked child
CHUNK = 1000  # rows explained at a time, to measure memory


def fitted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    frame["kind"] = rng.choice(["x", "y", "z"], 200)
    target = frame["a"] * frame["b"] + (frame["kind"] == "x")
    return SpectralRegressor(dim=9, n_epochs=3, random_state=0, form="single").fit(frame, target), frame


def questions(est, X):
    """Return what can be asked, as functions of nothing to tuples of arrays."""
    rng = np.random.default_rng(1)
    pencil = Pencil(rng.normal(size=(4, 12)), 0.01 * rng.normal(size=(4, 11)), 6)
    dense, z = DensePencil(pencil.matrices, 6), rng.normal(size=(5, 3))
    many = rng.normal(size=(5000, 15)), rng.normal(size=(5000, 14))

    def told(*args, **options):
        att = explain(*args, **options)
        return att.values, att.base_values, att.prediction, att.degenerate

    return {
        "local": lambda: told(est, X),
        "path": lambda: told(est, X[:2], method="path", background=X[10:14]),
        "shapley": lambda: told(est, X[:3], method="shapley", background=X[10:20]),
        "sampled shapley": lambda: told(est, X[:2], method="shapley", exact=False, background=X[10:14]),
        "path of a pencil": lambda: told(pencil, z, method="path"),
        "path of a dense pencil": lambda: told(dense, z[:2], method="path"),
        "hessian": lambda: (interactions(est, X[:20]), interactions(dense, z)),
        "interactions": lambda: (interactions(est, X[:2], method="shapley", background=X[10:14]),),
        "predictions": lambda: (est.predict(X),),
        "certificate": lambda: (certify(est, X[:50]).linear_radius(0.1), certify(pencil, z).gap),
        "regions": lambda: (
            linear_regions(est, X[:50]).participation,
            *linear_regions(est, X[:50]).pieces(0.1),
        ),
        "many matrices": lambda: eigenpairs(*many, 7),
        "gradients": lambda: gradients(est, X[:30]),
        "second gradients": second_gradients,
    }


def gradients(est, X):
    module = est.module_
    inputs = torch.tensor(est.encode(X), dtype=next(module.parameters()).dtype, requires_grad=True)
    return tuple(g.numpy() for g in torch.autograd.grad(module(inputs).sum(), [inputs, *module.parameters()]))


def second_gradients():
    diag = torch.linspace(-1, 1, 24, dtype=torch.float64).reshape(4, 6).requires_grad_()
    off = torch.linspace(0.1, 1, 20, dtype=torch.float64).reshape(4, 5).requires_grad_()
    values, vectors = kth_eigenpair(diag, off, 3)
    (first,) = torch.autograd.grad(values.sum() + vectors[:, 0].sum(), diag, create_graph=True)
    return tuple(g.numpy() for g in torch.autograd.grad((first**2).sum(), [diag, off]))


def fingerprint(question):
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in question())).hexdigest()


class Crowd:
    """Threads and forked children that ask the same questions, and what they found."""

    def __init__(self, asked):
        self.asked = asked
        self.expected = {name: fingerprint(question) for name, question in asked.items()}
        self.tried = {"threads": 0, "forked": 0, "children": 0}
        self.failures = []

    def ask(self, seed, seconds):
        """Ask in an order of its own for that long; return how often, and what was wrong."""
        end, order, tried, failures = time.monotonic() + seconds, random.Random(seed), 0, []
        while time.monotonic() < end:
            name = order.choice(list(self.asked))
            tried += 1
            try:
                if fingerprint(self.asked[name]) != self.expected[name]:
                    failures.append(f"{name}: other bytes than the serial answer")
            except Exception as error:  # whatever it is, it is counted
                failures.append(f"{name}: {type(error).__name__}: {error}")
        return tried, failures[:5]

    def count(self, where, tried, failures):
        self.tried[where] += tried
        self.failures += [f"{where}: {failure}" for failure in failures]

    def run(self, seconds, threads, processes):
        """Let threads ask, and keep so many forked children asking meanwhile, each for half a second."""
        answers, children, seeds = [], [], itertools.count()
        end = time.monotonic() + seconds
        workers = [
            threading.Thread(target=lambda: answers.append(self.ask(next(seeds), seconds)), daemon=True)
            for _ in range(threads)
        ]
        for worker in workers:
            worker.start()
        while children or time.monotonic() < end:
            if len(children) < processes and time.monotonic() < end:
                children.append(self.fork(next(seeds)))
            children = [child for child in children if not self.collected(*child)]
            time.sleep(0.01)
        for worker in workers:
            worker.join(PATIENCE)
        for answer in answers:
            self.count("threads", *answer)
        self.count("threads", 0, ["a thread hangs"] * sum(worker.is_alive() for worker in workers))

    def fork(self, seed):
        """Return the id of a new child, the pipe on which it reports, and when it began."""
        read, write = os.pipe()
        pid = os.fork()
        if pid:
            os.close(write)
            return pid, read, time.monotonic()
        try:
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(lambda part: self.ask(f"{seed}/{part}", CHILD), range(2)))
            os.write(write, json.dumps(answers).encode())
        finally:
            os._exit(0)

    def collected(self, pid, read, began):
        """Return whether a child has come to its end, and count what it found."""
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended and time.monotonic() - began < PATIENCE:
            return False
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        report = os.read(read, 65536)
        os.close(read)
        silent = f"ended without a report, status {status}" if ended else "hung"
        self.count("children", 1, [] if report else [silent])
        for answer in json.loads(report or "[]"):
            self.count("forked", *answer)
        return True


def serial_answers(est, X):
    return Crowd(questions(est, X)).expected


def started_otherwise(method, est, X, expected):
    """Return how many answers a process of another start method gives, and what is wrong with them."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        found = pool.submit(serial_answers, est, X).result()
    return len(found), [name for name, answer in found.items() if answer != expected[name]]


def growth(est, X, rows):
    """Return by how many MB the process grows while it explains the last nine tenths of so many rows."""
    many, small, at = pd.concat([X] * (CHUNK // len(X))), X[:2], []
    for i in range(rows // CHUNK):
        explain(est, many)
        for method in ("path", "shapley"):
            explain(est, small, method=method, background=X[10:12])
        interactions(est, small)
        certify(est, small)
        if i == rows // CHUNK // 10:
            at.append(resident())
    return resident() - at[0]


def resident():
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def counted(seconds, threads, processes, rows, start_methods):
    """Return the counts of what was tried, the failures, and by how many MB the process grew."""
    est, X = fitted()
    crowd = Crowd(questions(est, X))
    result = {"growth": growth(est, X, rows)}
    crowd.run(seconds, threads, processes)
    for method in start_methods:
        crowd.tried[method] = 0
        crowd.count(method, *started_otherwise(method, est, X, crowd.expected))
    return result | {"tried": crowd.tried, "failures": crowd.failures}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # threads share the filters
    print(json.dumps(counted(**json.loads(sys.argv[1]))))
