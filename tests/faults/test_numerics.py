"""Attributions, certificates and regions of pencils that are hard on floating-point arithmetic.

What rounding may do is measured in units of ``ε S``, where S = ``‖A_0‖ + Σ max(|z_i|, |r_i|) ‖A_i‖`` bounds
the terms that A(z) is made of, ε = 2.2e-16.
"""

import faulthandler
import sys
import warnings

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from spectral_interp import DensePencil, Pencil, certify, explain, interactions, linear_regions
from spectral_interp.pencil.neurons import DEGENERATE

from .deadline import deadline
from .pencils import EPS, TINY, blocks

GAP = 16  # units that a sum of contributions may be off; times √nodes along a path, whose cells all round
VALUE = 32  # units that an eigenvalue may be off
SECONDS = 60  # for one explanation, on a busy machine

ROWS = {"local": (4, 2), "path": (2, 1), "shapley": (2, 2)}  # rows and background rows of every pencil
PENCILS = {"local": (2000, 10**6), "path": (100, 40_000), "shapley": (300, 100_000)}
DENSE = {"local": (200, 40_000), "path": (40, 8000), "shapley": (60, 10_000)}


@pytest.fixture(autouse=True)
def quiet():
    """Degenerate pencils are meant here: nobody need be warned of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*(degenerate|is multiple)", UserWarning)
        yield


@pytest.fixture(autouse=True)
def last_resort(size):
    """End a process that hangs in compiled code, which no deadline interrupts; it prints where it was."""
    faulthandler.dump_traceback_later(size(300, 3600), exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("method", ROWS)
def test_attributions_of_banded_pencils(size, tally, method):
    with tally(f"numerics: tridiagonal pencils, {method}") as counts:
        for block in blocks(1, size(*PENCILS[method])):
            counts.add(len(block), check(block, list(block.pencils), method))


@pytest.mark.parametrize("method", ROWS)
def test_attributions_of_dense_pencils(size, tally, method):
    with tally(f"numerics: dense pencils, {method}") as counts:
        for block in blocks(2, size(*DENSE[method]), largest=16):
            pencils = [DensePencil(pencil.matrices, pencil.k) for pencil in block.pencils]
            counts.add(len(block), check(block, pencils, method))


def check(block, pencils, method):
    """Explain two to four rows of every pencil of a block; return what is wrong, a line a pencil."""
    rows, background = ROWS[method]
    found, failures = [], []
    for i, pencil in enumerate(pencils):
        try:
            with deadline(SECONDS):
                z, r = block.z[i, :rows], block.reference[i, :background]
                found.append((i, explain(pencil, z, method=method, background=r)))
        except Exception as error:  # whatever it is, it is counted
            failures.append(f"{block.name}, {i}, {method}: {type(error).__name__}: {error}")
    if not found:
        return failures
    kept, attributions = zip(*found, strict=True)
    block = block.take(np.array(kept), rows, background)
    with np.errstate(over="ignore", under="ignore"):
        wrong = faults(block, attributions)
    for what, where in wrong.items():
        failures += [f"{block.name}, {kept[j]}, {method}: {what}" for j in np.flatnonzero(where.any(axis=1))]
    return failures


def faults(block, attributions):
    """Return what is wrong with attributions, each a mask of pencils and rows (m, n)."""
    values, gap = (
        np.array([getattr(att, name) for att in attributions]) for name in ("values", "completeness_gap")
    )
    on_paths = attributions[0].method == "path"
    unit, least = rounding(block)
    nodes = np.array([att.evaluations if on_paths else 1 for att in attributions])
    # f moves by at most |s_i| ‖A_i‖ along feature i (Weyl), so no method may give it more.
    most = np.abs(block.z[:, :, None] - block.reference[:, None]).mean(axis=2) * block.norms[:, None, 1:]
    room = VALUE * (unit + least) + 1e-4 * on_paths * most.sum(axis=2).max(axis=1, keepdims=True)
    return {
        "not finite": ~finite(attributions),
        "completeness gap": gap > GAP * np.sqrt(nodes)[:, None] * (unit + least),
        "larger than Weyl's bound": (np.abs(values) > most + room[..., None]).any(axis=2),
        "prediction or degenerate": other_than_lapack(block, attributions, VALUE * (unit + least)),
    }


def other_than_lapack(block, attributions, slack):
    """Return where λ_k is not LAPACK's (m, n), or ``degenerate`` not what LAPACK's gap says."""
    a, b = block.bands(block.z)
    exponent = -np.frexp(np.maximum(np.abs(a).max(axis=2), np.abs(b).max(axis=2, initial=0)))[1]
    a, b = (shift(part, exponent[..., None]) for part in (a, b))  # to unit size
    wrong = differs(lapack(a, b), exponent, block.k, attributions, slack)
    doubted = np.flatnonzero(wrong.any(axis=1))
    if len(doubted):
        wrong[doubted] = differs(bisection(a, b, doubted), exponent, block.k, attributions, slack)[doubted]
    return wrong


def differs(spectra, exponent, k, attributions, slack):
    """Return where eigenvalues of the scaled A(z) say something else (m, n)."""
    ended = np.pad(spectra, ((0, 0), (0, 0), (1, 1)), constant_values=np.inf)
    below, value, above = np.moveaxis(
        np.take_along_axis(ended, k[:, None, None] + np.arange(3), axis=2), 2, 0
    )
    gap = np.minimum(np.abs(value - below), above - value)
    value, gap, norm = (shift(part, -exponent) for part in (value, gap, np.abs(spectra).max(axis=2)))
    found, flagged = (
        np.array([getattr(att, name) for att in attributions]) for name in ("prediction", "degenerate")
    )
    surely, surely_not = (gap + sign * slack - DEGENERATE * norm for sign in (1, -1))
    undue = flagged & (surely_not > 0) & (attributions[0].method != "path")  # which flags what is on the way
    return ~(np.abs(found - value) <= slack) | ~flagged & (surely <= 0) | undue


def finite(attributions):
    names = ("values", "base_values", "prediction", "completeness_gap", "diagonal", "coupling")
    masks = []
    for att in attributions:
        arrays = [getattr(att, name) for name in (*names, "base_diagonal", "base_coupling")]
        shaped = [array.reshape(len(att.prediction), -1) for array in arrays if array is not None]
        masks.append(np.isfinite(np.concatenate(shaped, axis=1)).all(axis=1))
    return np.array(masks)


def rounding(block):
    """Return ε S of every row (m, n), and what the spacing of subnormal numbers adds (m, n)."""
    farthest = np.maximum(np.abs(block.z), np.abs(block.reference).max(axis=1, keepdims=True))
    unit = EPS * (block.norms[:, :1] + (farthest * block.norms[:, None, 1:]).sum(axis=2))
    return unit, TINY * block.diag.shape[2] * (1 + farthest.sum(axis=2))


def lapack(a, b):
    """Return all eigenvalues, (m, n, d)."""
    d = a.shape[2]
    if d > 17:
        rows = zip(a.reshape(-1, d), b.reshape(-1, d - 1), strict=True)
        spectra = [eigh_tridiagonal(*row, eigvals_only=True, lapack_driver="sterf") for row in rows]
        return np.reshape(spectra, a.shape)
    full, j = np.zeros((*a.shape, d)), np.arange(d)
    full[..., j, j], full[..., j[1:], j[:-1]] = a, b
    return np.linalg.eigvalsh(full)


def bisection(a, b, pencils):
    """Return all eigenvalues of some pencils, the others NaN, by LAPACK's slow routine.

    The fast ones square the off-diagonals, and are off in the third digit where a small square vanishes.
    """
    spectra = np.full(a.shape, np.nan)
    for i in pencils:
        spectra[i] = [
            np.sort(eigh_tridiagonal(*row, eigvals_only=True, lapack_driver="stebz"))
            for row in zip(a[i], b[i], strict=True)
        ]
    return spectra


def shift(x, exponent):
    """Return x times a power of two, which may itself be out of range."""
    return np.ldexp(np.ldexp(x, exponent // 2), exponent - exponent // 2)


def test_local_contributions_against_lapacks_eigenvectors(size, tally):
    """``(z_i − r_i) vᵀA_i v`` where the gap is wide enough for v to be known."""
    with tally("numerics: local contributions against LAPACK's") as counts:
        for block in blocks(3, size(300, 50_000), largest=24):
            block = block.take(np.arange(len(block)), 4, 1)
            with deadline(SECONDS):
                counts.add(len(block), compare_with_lapack(block))


def compare_with_lapack(block):
    failures = []
    unit, least = rounding(block)
    for i, pencil in enumerate(block.pencils):
        att = explain(pencil, block.z[i], background=block.reference[i])
        matrices = pencil.matrices
        top = -np.frexp(block.norms[i].max())[1] if block.norms[i].max() else 0
        full = shift(matrices[0] + np.tensordot(block.z[i], matrices[1:], axes=1), top)
        spectra, vectors = np.linalg.eigh(full)
        v = vectors[:, :, pencil.k]
        forms = np.einsum("nj,ijl,nl->ni", v, matrices[1:], v)
        step = block.z[i] - block.reference[i]
        distance = np.abs(np.delete(spectra, pencil.k, axis=1) - spectra[:, [pencil.k]]).min(
            axis=1, initial=np.inf
        )
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            turned = np.minimum(VALUE * (unit[i] + least[i]) / shift(distance, -top), 1)
        room = (
            4 * (turned + VALUE * EPS)[:, None] * np.abs(step) * block.norms[i, 1:]
            + VALUE * least[i][:, None]
        )
        if (np.abs(att.values - step * forms) > room).any():
            failures.append(f"{block.name}, {i}")
    return failures


@pytest.mark.parametrize("method", [*ROWS, "interactions", "hessian"])
def test_scaling_by_powers_of_two_changes_no_bit(size, tally, method):
    """f scales with the pencil, and the unit of a feature cancels: to the last bit."""
    with tally(f"numerics: pencils times 2^±500, features times 2^±100, {method}") as counts:
        for block in blocks(4, size(60, 5000), largest=24, scale="unit"):
            rng = np.random.default_rng([4, counts.tried])
            for i, pencil in enumerate(block.pencils):
                whole, features = rng.choice([-500, 500]), rng.integers(-100, 101, size=pencil.n_features)
                factors = 2.0 ** (whole + np.append(0, features))[:, None]
                other = Pencil(factors * pencil.diag, factors * pencil.off, pencil.k)
                z, r = block.z[i, :2], block.reference[i, :1]
                if method == "hessian":
                    z = z[~pencil.degenerate(z)]  # elsewhere it is noise
                with counts.trial(f"{block.name}, {i}"), deadline(SECONDS):
                    expected = answer(method, pencil, z, r)
                    found = 2.0**-whole * answer(method, other, *(2.0**-features * rows for rows in (z, r)))
                    told = np.abs(expected) > 1e-100  # smaller numbers lose bits times 2^-600
                    if method == "hessian":
                        found = found * 2.0 ** -(features[:, None] + features)
                        told = np.abs(expected) > 1e-60
                    np.testing.assert_array_equal(found[told], expected[told])
                    assert method == "hessian" or (np.abs(found[~told]) < 1e-99).all()


def answer(method, pencil, z, r):
    if method == "hessian":
        return interactions(pencil, z)
    if method == "interactions":
        return interactions(pencil, z, method="shapley", background=r)
    return explain(pencil, z, method=method, background=r).values


def test_certificates_and_regions(size, tally):
    """What is certified holds at the rows, and nothing is NaN that need not be."""
    with tally("numerics: certificates and regions") as counts:
        for block in blocks(5, size(150, 30_000), largest=40):
            for i, pencil in enumerate(block.pencils):
                with counts.trial(f"{block.name}, {i}"), deadline(SECONDS):
                    check_statements(pencil, block.z[i], block.norms[i])


def check_statements(pencil, z, norms):
    cert, regions = certify(pencil, z), linear_regions(pencil, z)
    slack = VALUE * (EPS * norms[1:] + TINY * pencil.dim)
    for array in (cert.feature_norm, cert.gradient_low, cert.gradient_high, cert.margins.gradient):
        assert np.isfinite(array).all()
    assert (cert.margins.gradient >= cert.gradient_low - slack).all()
    assert (cert.margins.gradient <= cert.gradient_high + slack).all()
    with np.errstate(over="ignore", under="ignore"):
        steepest = np.hypot.reduce(cert.margins.gradient, axis=1)
        assert (steepest <= cert.lipschitz * (1 + 1e-12) + slack.sum()).all()
        radius = cert.linear_radius(max(norms.max() * 1e-3, TINY))
    assert (cert.gap >= 0).all()
    assert (radius >= 0).all()
    assert (regions.participation >= 1 - 1e-12).all()
    assert (regions.participation <= pencil.dim * (1 + 1e-12)).all()
    assert np.isfinite(regions.skeleton).all()
    anchors, labels = regions.pieces(0.0)
    assert len(labels) == len(z)
    assert len(anchors) <= len(z)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(size, tally, bad):
    """In rows, background and coefficients, by everything that takes them, in one sentence."""
    refused = pytest.raises(ValueError, match=r"expected finite numbers in .*; got -?(nan|inf) in")
    with tally(f"numerics: {bad} in rows, backgrounds and coefficients") as counts:
        for block in blocks(6, size(20, 2000), largest=16, scale="unit"):
            rng = np.random.default_rng([6, counts.tried])
            for i, pencil in enumerate(block.pencils):
                dense = DensePencil(pencil.matrices, pencil.k)
                for call in (*refusals(rng, pencil, block.z[i], bad), *refusals(rng, dense, block.z[i], bad)):
                    with counts.trial(f"{block.name}, {i}"), deadline(SECONDS), refused:
                        call()


def refusals(rng, pencil, z, bad):
    """Return calls with one bad number each."""
    rows, (name, coefficients) = spoilt(rng, z, bad), coefficients_of(pencil)
    broken = {key: spoilt(rng, part, bad) if key == name else part for key, part in coefficients.items()}
    explained = [
        lambda method=method, pair=pair: explain(pencil, pair[0], method=method, background=pair[1])
        for method in ROWS
        for pair in ((rows, z), (z, rows))
    ]
    others = [lambda f=f: f(pencil, rows) for f in (certify, linear_regions, interactions)]
    built = [lambda: type(pencil)(**broken, k=pencil.k)]
    return explained + (others[:1] if isinstance(pencil, DensePencil) else others) + built


def coefficients_of(pencil):
    if isinstance(pencil, DensePencil):
        return "matrices", {"matrices": pencil.matrices}
    return "diag", {"diag": pencil.diag, "off": pencil.off}


def spoilt(rng, array, bad):
    array = array.copy()
    array.flat[rng.integers(array.size)] = bad
    return array
