"""Regions against brute force, covers, and what other structures answer."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import DensePencil, Pencil, SpectralRegressor, linear_regions
from spectral_interp.regions import cover
from spectral_interp.regions.boundaries import line_boundaries, plane_boundaries
from spectral_interp.regions.cover import Cover, counts, linear_cover, pick, tangent_errors
from spectral_interp.regions.pieces import active_latents
from spectral_interp.view import LevelsAxis, ModelView, NumberAxis, Output, Rows


@pytest.fixture
def diagonal(rng):
    """Return a function that draws a diagonal pencil: (p, d, k)."""
    return lambda p, d, k: Pencil(rng.normal(size=(p + 1, d)), np.zeros((p + 1, d - 1)), k)


def dense(pencil):
    return DensePencil(pencil.matrices, pencil.k)


@pytest.mark.parametrize(("p", "d", "k"), [(1, 5, 2), (3, 15, 7), (2, 8, 0), (4, 6, 5)])
def test_pieces_of_diagonal_models_against_finite_differences(diagonal, rng, p, d, k):
    pencil, z, h = diagonal(p, d, k), rng.normal(size=(100_000, p)), 1e-7
    regions = linear_regions(pencil, z)
    inside = pencil.gap(z) > 10 * h * np.abs(pencil.diag).max()
    assert inside.mean() > 0.99
    for i in range(p):
        step = h * np.eye(p)[i]
        slope = (pencil.values(z + step) - pencil.values(z - step)) / (2 * h)
        expected = pencil.diag[1 + i, regions.active_latent]
        np.testing.assert_allclose(slope[inside], expected[inside], atol=1e-6)
    np.testing.assert_allclose(regions.skeleton_gradient[inside], regions.gradient[inside], atol=1e-12)
    table = regions.latents()
    assert table["rows"].sum() == len(z)
    assert table["share"].sum() == pytest.approx(1)
    best = table.iloc[0]
    rows = regions.active_latent == best["latent"]
    assert rows.sum() == best["rows"]
    slopes = table.filter(like="slope of").iloc[0].to_numpy(dtype=float)
    np.testing.assert_allclose(best["intercept"] + z[rows] @ slopes, regions.prediction[rows], atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 7, 30])
def test_no_piece_changes_along_a_segment_without_boundaries(diagonal, rng, d):
    for _ in range(50):
        pencil = diagonal(3, d, int(rng.integers(d)))
        start, end = rng.normal(size=(2, 3))
        t, latents = line_boundaries(pencil, start, end)
        points = rng.uniform(size=400)
        points = points[np.abs(points[:, None] - t).min(axis=1, initial=1.0) > 1e-9]
        found = active_latents(pencil, start + points[:, None] * (end - start))
        np.testing.assert_array_equal(found, latents[np.searchsorted(t, points)])
        at = pencil.gap(start + t[:, None] * (end - start))
        assert at.max(initial=0.0) < 1e-12
        assert (latents[1:] != latents[:-1]).all()


def crosses(segments, start, end):
    """Return whether the segment from start to end meets any of the segments (m, 2, 2)."""

    def side(a, b, c):
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
            c[..., 0] - a[..., 0]
        )

    a, b = segments[:, 0], segments[:, 1]
    apart = side(a, b, start) * side(a, b, end) < 1e-12
    return bool((apart & (side(start, end, a) * side(start, end, b) < 1e-12)).any())


@pytest.mark.parametrize("d", [1, 2, 3, 9, 20])
def test_boundaries_in_a_plane_separate_the_pieces_and_nothing_else(diagonal, rng, d):
    for _ in range(4):
        pencil = diagonal(2, d, int(rng.integers(d)))
        segments = plane_boundaries(pencil.diag[0], pencil.diag[1:], pencil.k)
        assert segments.min(initial=0) >= 0
        assert segments.max(initial=1) <= 1
        np.testing.assert_allclose(pencil.gap(segments.reshape(-1, 2)), 0, atol=1e-12)
        for start, end in rng.uniform(size=(100, 2, 2)):
            changes = len(line_boundaries(pencil, start, end)[0])
            assert crosses(segments, start, end) == bool(changes)


def test_equal_latents_have_no_boundary_between_them():
    pencil = Pencil([[0.0, 0.0, 1.0], [1.0, 1.0, -1.0]], np.zeros((2, 2)), 1)
    t, _ = line_boundaries(pencil, [0.0], [1.0])
    np.testing.assert_allclose(t, [0.5])
    segments = plane_boundaries(pencil.diag[0], np.array([[1.0, 1.0, -1.0], [0.0, 0.0, 0.0]]), 1)
    assert {tuple(x) for x in segments[:, :, 0]} == {(0.5, 0.5)}


def test_the_skeleton_of_an_uncoupled_model_explains_everything(diagonal, rng):
    regions = linear_regions(diagonal(4, 9, 4), rng.normal(size=(300, 4)))
    assert regions.skeleton_r2 == 1.0
    np.testing.assert_allclose(regions.participation, 1.0)
    assert set(regions.piece_counts()) == {"model"}


def test_weak_couplings_leave_a_good_skeleton(random_pencil, rng):
    pencil, z = random_pencil(3, 5), rng.normal(size=(300, 3))
    weak = linear_regions(Pencil(pencil.diag, 0.01 * pencil.off, 2), z)
    strong = linear_regions(pencil, z)
    assert 0.99 < weak.skeleton_r2 < 1
    assert strong.skeleton_r2 < weak.skeleton_r2
    residual = np.sum((strong.prediction - np.sort(pencil.bands(z)[0], axis=1)[:, 2]) ** 2)
    assert strong.skeleton_r2 == pytest.approx(1 - residual / (300 * strong.prediction.var()))
    assert weak.participation.mean() < strong.participation.mean() <= 5
    for r in (weak, strong):
        _, off = r.rows.view.pencil.bands(z)
        bound = [np.linalg.norm(np.diag(b, 1) + np.diag(b, -1), 2) for b in off]
        assert (np.abs(r.prediction - r.skeleton) <= np.array(bound) * (1 + 1e-12)).all()


def test_latents_do_not_depend_on_how_the_model_is_written(random_pencil, rng):
    pencil, z = random_pencil(3, 5), rng.normal(size=(50, 3))
    mirrored = linear_regions(Pencil(pencil.diag[:, ::-1], -pencil.off[:, ::-1], pencil.k), z)
    regions = linear_regions(pencil, z)
    np.testing.assert_array_equal(mirrored.active_latent, 4 - regions.active_latent)
    np.testing.assert_allclose(mirrored.participation, regions.participation, rtol=1e-8)
    assert mirrored.skeleton_r2 == pytest.approx(regions.skeleton_r2)


def fits(z, f, g, eps, anchors, labels):
    anchor = anchors[labels]
    error = np.abs(f - f[anchor] - (g[anchor] * (z - z[anchor])).sum(axis=1))
    return (error <= eps + 1e-9 * np.abs(f).max()).all()


def test_covers_cover_and_never_grow(random_pencil, rng):
    for d in (2, 5, 12):
        pencil, z = random_pencil(3, d), rng.normal(size=(200, 3))
        regions, sizes = linear_regions(pencil, z), []
        for eps in np.sort(10.0 ** rng.uniform(-5, 1.5, size=60)):
            anchors, labels = regions.pieces(eps)
            assert fits(z, regions.prediction, regions.gradient, eps, anchors, labels)
            assert set(labels) == set(range(len(anchors)))
            assert (np.diff(np.bincount(labels)) <= 0).all()
            sizes.append(len(anchors))
        assert (np.diff(sizes) <= 0).all()
        assert sizes[0] > sizes[-1] == 1
        np.testing.assert_array_equal(
            linear_cover(z, regions.prediction, regions.gradient, 0.3)[0], regions.pieces(0.3)[0]
        )


def test_counts_are_those_of_the_covers(random_pencil, rng):
    regions = linear_regions(random_pencil(2, 5), rng.normal(size=(150, 2)))
    counts = regions.piece_counts()
    assert set(counts) == {"model", "skeleton"}
    eps, pieces = counts["model"]
    assert (np.diff(eps) > 0).all()
    for tolerance, size in zip(eps[::9], pieces[::9], strict=True):
        assert len(regions.pieces(tolerance)[0]) == size
    assert counts["skeleton"][1][0] <= len(np.unique(regions.active_latent))


def test_where_a_greedy_cover_grows_the_smaller_one_is_kept():
    sizes = (4, 2, 3, 1)
    ladder = [Cover(float(eps), np.arange(size), np.zeros(5, dtype=int)) for eps, size in enumerate(sizes)]
    assert [len(pick(ladder, eps)[0]) for eps in (0, 0.9, 1, 2, 2.5, 3, 9)] == [4, 4, 2, 2, 2, 1, 1]
    np.testing.assert_array_equal(counts(ladder)[1], [4, 2, 2, 1])


def test_small_covers_against_brute_force(rng):
    """A greedy cover is at most 1 + ln n times the fewest planes, here found by trying all subsets."""
    from itertools import combinations

    for seed in range(20):
        random = np.random.default_rng(seed)
        pencil = Pencil(random.normal(size=(3, 5)), random.normal(size=(3, 4)), 2)
        z = random.normal(size=(9, 2))
        f, g = pencil.values_and_gradients(z)
        errors = tangent_errors(z, f, g)
        eps = float(np.median(errors)) * 2.0**-0.5
        fewest = next(
            m
            for m in range(1, 10)
            if any((errors[:, list(c)].min(axis=1) <= eps).all() for c in combinations(range(9), m))
        )
        assert fewest <= len(linear_cover(z, f, g, eps)[0]) <= fewest + 2


@pytest.mark.parametrize("eps", [0.0, 1e-12, 1.0, 1e6])
def test_a_linear_model_is_one_piece(rng, eps):
    g = rng.normal(size=4)
    pencil = Pencil(np.outer(np.r_[1e3, g], np.ones(3)), np.zeros((5, 2)), 1)
    anchors, labels = linear_regions(pencil, 100 * rng.normal(size=(200, 4))).pieces(eps)
    assert len(anchors) == 1
    assert not labels.any()


def test_diagonal_models_have_as_many_pieces_as_latents(diagonal, rng):
    regions = linear_regions(diagonal(3, 8, 4), rng.normal(size=(400, 3)))
    anchors, labels = regions.pieces(0.0)
    assert len(anchors) == len(np.unique(regions.active_latent))
    for piece in range(len(anchors)):
        assert len(np.unique(regions.active_latent[labels == piece])) == 1


def test_covers_of_any_model(rng):
    z = rng.normal(size=(300, 2))
    f, g = np.sin(z).sum(axis=1), np.cos(z)
    anchors, labels = linear_cover(z, f, g, 0.1)
    assert fits(z, f, g, 0.1, anchors, labels)
    assert 3 < len(anchors) < 60


def test_dense_models_have_pieces_but_no_latents(random_pencil, rng):
    pencil, z = random_pencil(2, 5), rng.normal(size=(40, 2))
    regions = linear_regions(dense(pencil), z)
    np.testing.assert_array_equal(regions.pieces(0.2)[0], linear_regions(pencil, z).pieces(0.2)[0])
    assert set(regions.piece_counts()) == {"model"}
    for what in ("active_latent", "participation", "skeleton", "skeleton_gradient"):
        with pytest.raises(
            ValueError, match=f"expected a tridiagonal or diagonal model for {what}; got a dense"
        ):
            getattr(regions, what)
    with pytest.raises(ValueError, match="got a dense"):
        _ = regions.skeleton_r2
    with pytest.raises(ValueError, match="for latents; got a dense"):
        regions.latents()


def test_single_rows_and_constant_models(random_pencil):
    regions = linear_regions(random_pencil(2, 5), [[0.5, -1.0]])
    assert [len(part) for part in regions.pieces(0.0)] == [1, 1]
    assert np.isnan(regions.skeleton_r2)
    assert (
        linear_regions(Pencil([[0.0, 0.0], [0.0, 0.0]], [[0.0], [0.0]], 0), [[1.0], [2.0]]).skeleton_r2 == 1.0
    )


def test_tables_name_features_of_columns(rng):
    frame = pd.DataFrame({"age": rng.normal(size=60), "city": rng.choice(["Oslo", "Rome"], 60)})
    frame["dose"] = np.where(rng.random(60) < 0.3, np.nan, rng.normal(size=60))
    est = SpectralRegressor(dim=3, n_epochs=2, random_state=0, form="single").fit(frame, rng.normal(size=60))
    slopes = [name for name in linear_regions(est, frame).latents().columns if name.startswith("slope of ")]
    assert sorted(slopes) == sorted(f"slope of {name}" for name in est.encoder_.feature_names)


def test_bad_arguments(random_pencil, rng):
    pencil = random_pencil(2, 3)
    with pytest.raises(ValueError, match="at least one row"):
        linear_regions(pencil, np.empty((0, 2)))
    regions = linear_regions(pencil, rng.normal(size=(5, 2)))
    for eps in (-1.0, np.nan):
        with pytest.raises(ValueError, match="expected eps >= 0"):
            regions.pieces(eps)
    with pytest.raises(ValueError, match=r"gradients \(n, p\), n >= 1; got \(3, 2\), \(3,\), \(3, 1\)"):
        linear_cover(np.zeros((3, 2)), np.zeros(3), np.zeros((3, 1)), 0.1)
    with pytest.raises(TypeError, match="a Pencil, "):
        linear_regions(None, [[0.0]])


def test_a_constant_model_has_no_share_to_explain(rng):
    pencil = Pencil([[1.0, 2, 3], [0, 0, 0]], [[0.1, 0.2], [0, 0]], 1)
    assert np.isnan(linear_regions(pencil, rng.normal(size=(5, 1))).skeleton_r2)


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600])
def test_the_skeletons_share_does_not_depend_on_the_unit(random_pencil, rng, scale):
    pencil, z = random_pencil(3, 5), rng.normal(size=(40, 3))
    scaled = Pencil(scale * pencil.diag, scale * pencil.off, pencil.k)
    expected = linear_regions(pencil, z).skeleton_r2
    assert expected < 1
    assert linear_regions(scaled, z).skeleton_r2 == pytest.approx(expected, rel=1e-12)


def test_features_of_one_name_keep_their_slopes(rng, random_pencil):
    """A gap of column "a" and a column "a missing"; a level and a column; and a name that looks like both."""
    axes = (
        NumberAxis("a", median=0.0, missing=0.5),
        NumberAxis("a missing"),
        LevelsAxis("c", ("x", "y"), (0.5, 0.5)),
        NumberAxis("c = x"),
        NumberAxis("a missing (of a)"),
    )
    pencil = random_pencil(7, 3)
    view = ModelView(pencil, axes, Output("u"), np.zeros((1, 7)))
    z = rng.normal(size=(9, 7))
    table = linear_regions(view, Rows(view, z, z[:, :5], np.arange(9))).latents()
    slopes = [name for name in table if name.startswith("slope of ")]
    assert len(slopes) == len(set(slopes)) == 7
    np.testing.assert_array_equal(table[slopes].to_numpy(dtype=float).T, pencil.diag[1:, table["latent"]])
    assert {"slope of a missing (of a)", "slope of a missing (of a missing)", "slope of c = y"} <= set(slopes)


def test_more_rows_than_memory_holds_are_refused_before_the_work(monkeypatch):
    pencil = Pencil([[0.0], [2.0]], [[], []], k=0)
    many = linear_regions(pencil, np.zeros((100_000, 1)))
    for ask in (lambda: many.pieces(0.1), many.piece_counts):
        with pytest.raises(
            ValueError, match=r"at most 10,000 rows; got 100,000, .* 74\.5 GiB; pass a sample"
        ):
            ask()
    monkeypatch.setattr(cover, "MOST_ROWS", 3)
    z = np.arange(4.0)[:, None]
    assert linear_regions(pencil, z[:3]).pieces(0.1)[1].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="at most 3 rows"):
        linear_cover(z, 2 * z[:, 0], np.full((4, 1), 2.0), eps=0.1)
