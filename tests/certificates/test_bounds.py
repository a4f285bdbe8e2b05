"""Certificates under attack: samples and gradient searches, and where they are attained."""

from dataclasses import replace

import numpy as np
import pytest

from spectral_interp import DensePencil, Pencil, certify, explain
from spectral_interp.certificates.radii import ball_radius as _ball_radius
from spectral_interp.view import Output, rows_of, view_of

SLACK = 1e-9


def draw_pencil(seed):
    """Return one of 500 random pencils: three structures, orders 1 to 8, uneven features, any k."""
    rng = np.random.default_rng(seed)
    p, d = int(rng.integers(1, 5)), int(rng.integers(1, 9))
    scale, k = 10.0 ** rng.normal(size=p + 1), int(rng.integers(d))
    diag, off = scale[:, None] * rng.normal(size=(p + 1, d)), scale[:, None] * rng.normal(size=(p + 1, d - 1))
    if seed % 3 == 0:
        return Pencil(diag, 0 * off, k)
    if seed % 3 == 1:
        return Pencil(diag, off, k)
    full = scale[:, None, None] * rng.normal(size=(p + 1, d, d))
    return DensePencil(full + full.transpose(0, 2, 1), k)


def hessian_rows(pencil, z, feature):
    """Return the derivatives of ``∂f/∂z_feature`` by z at every row, from NumPy's full eigenbasis."""
    matrices = pencil.matrices
    values, vectors = np.linalg.eigh(matrices[0] + np.tensordot(z, matrices[1:], axes=1))
    v = vectors[:, :, pencil.k]
    coupled = np.einsum("nja,ijl,nl->nia", vectors, matrices[1:], v)
    with np.errstate(divide="ignore"):
        weight = 1 / (values[:, [pencil.k]] - values)
    weight[~np.isfinite(weight)] = 0.0
    return 2 * np.einsum("na,nia,na->ni", coupled[:, feature], coupled, weight)


def steepest(pencil, z, feature, sign, steps=12):
    """Climb ``sign · ∂f/∂z_feature`` from every row of z, keeping only steps that help; return the best."""
    best, length = np.full(len(z), -np.inf), np.ones(len(z))
    where = z.copy()
    for _ in range(steps):
        reached = sign * pencil.values_and_gradients(z)[1][:, feature]
        better = reached > best
        best, where = np.where(better, reached, best), np.where(better[:, None], z, where)
        length = np.where(better, 2 * length, length / 4)
        direction = sign * hessian_rows(pencil, where, feature)
        norm = np.linalg.norm(direction, axis=1, keepdims=True)
        z = where + length[:, None] * direction / np.where(norm > 0, norm, 1.0)
    return sign * best.max()


def check_everywhere(pencil, z, cert):
    """Check intervals, ball and curvature at the rows z and between them."""
    f, g = pencil.values_and_gradients(z)
    slack = SLACK * cert.feature_norm
    assert (g >= cert.gradient_low - slack).all()
    assert (g <= cert.gradient_high + slack).all()
    assert (np.linalg.norm(g, axis=1) <= cert.lipschitz * (1 + SLACK)).all()
    step, change = np.diff(z, axis=0), np.diff(f)
    rounding = SLACK * np.abs(f).max()
    assert (np.abs(change) <= cert.lipschitz * np.linalg.norm(step, axis=1) + rounding).all()
    low, high = pencil.step_range(step)
    assert (change >= low - rounding).all()
    assert (change <= high + rounding).all()
    sign = {"convex": 1, "concave": -1, None: 0}[cert.curvature]
    middle = pencil.values((z[1:] + z[:-1]) / 2)
    assert (sign * ((f[1:] + f[:-1]) / 2 - middle) >= -rounding).all()


@pytest.mark.parametrize("hundred", range(5))
def test_500_random_pencils_survive_a_million_points(hundred):
    for seed in range(100 * hundred, 100 * hundred + 100):
        pencil, rng = draw_pencil(seed), np.random.default_rng(seed)
        spread = 10.0 ** rng.uniform(-2, 2, size=(2000, 1))
        check_everywhere(pencil, spread * rng.normal(size=(2000, pencil.n_features)), certify(pencil))


def test_a_gradient_search_finds_no_derivative_outside_the_interval():
    for seed in range(500):
        pencil, rng = draw_pencil(seed), np.random.default_rng(seed)
        cert, feature = certify(pencil), int(rng.integers(pencil.n_features))
        start = 10.0 ** rng.uniform(-2, 1, size=(4, 1)) * rng.normal(size=(4, pencil.n_features))
        slack = SLACK * cert.feature_norm[feature]
        assert steepest(pencil, start, feature, 1) <= cert.gradient_high[feature] + slack
        assert steepest(pencil, start, feature, -1) >= cert.gradient_low[feature] - slack


def test_trained_models_survive(regressor, classifier, diabetes, breast_cancer, rng):
    for est, (X, _) in ((regressor, diabetes), (classifier, breast_cancer)):
        cert, p = certify(est, X), est.pencil_.n_features
        check_everywhere(
            est.pencil_, rng.normal(size=(20_000, p)) * rng.choice([0.1, 1, 30], (20_000, 1)), cert
        )
        for feature in range(0, p, 5):
            reached = steepest(est.pencil_, cert.rows.z[::20], feature, 1)
            assert reached <= cert.gradient_high[feature] + SLACK * cert.feature_norm[feature]


def test_the_remainder_of_the_tangent_plane_stays_within_eps():
    for seed in range(500):
        pencil, rng = draw_pencil(seed), np.random.default_rng(seed)
        z = rng.normal(size=(100, pencil.n_features))
        f, g = pencil.values_and_gradients(z)
        cert = certify(pencil, z)
        for eps in cert.gap.min(initial=1.0) * np.array([0.01, 1.0, 10.0]) + 1e-9:
            radius = np.minimum(cert.linear_radius(eps), 1e6)
            s = rng.normal(size=z.shape)
            s *= radius[:, None] / np.linalg.norm(s, axis=1, keepdims=True) * rng.uniform(0.2, 1, (100, 1))
            remainder = np.abs(pencil.values(z + s) - f - (g * s).sum(axis=1))
            assert (remainder <= eps * (1 + SLACK) + SLACK * np.abs(pencil.values(z + s))).all()


@pytest.mark.parametrize("gap", [0.5, 2.0])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_the_linear_radius_is_attained(gap, share):
    """With δ = √(eps γ) the worst 2 × 2 matrix has cosine δ/γ; a multiple of the identity changes nothing."""
    eps = share * gap
    cosine = np.sqrt(share)
    worst = np.array([[cosine, np.sqrt(1 - cosine**2)], [np.sqrt(1 - cosine**2), -cosine]])
    pencil = DensePencil([np.diag([0.0, gap]), worst + 5 * np.eye(2)], k=0)
    cert = certify(pencil, [[0.0]])
    assert cert.bend == pytest.approx(1.0)
    r = cert.linear_radius(eps)[0]
    f, g = pencil.values_and_gradients([[0.0]])
    remainder = [abs(pencil.values([[s * r]])[0] - f[0] - g[0, 0] * s * r) for s in (-1, 1)]
    assert max(remainder) == pytest.approx(eps, rel=1e-9)


def test_the_linear_radius_of_a_diagonal_pencil_is_attained():
    pencil = Pencil([[0.0, 1.0], [1.0, -1.0]], [[0.0], [0.0]], 0)
    radius = certify(pencil, [[0.0]]).linear_radius(0.2)[0]
    assert radius == pytest.approx(0.6)
    assert abs(pencil.values([[radius]])[0] - radius) == pytest.approx(0.2)


def test_intervals_are_attained_for_one_latent_and_commuting_matrices(rng):
    linear = certify(Pencil([[1.0], [2.0], [-3.0]], np.zeros((3, 0)), 0))
    np.testing.assert_allclose(linear.gradient_low, [2.0, -3.0], rtol=1e-14)
    np.testing.assert_allclose(linear.gradient_high, [2.0, -3.0], rtol=1e-14)
    assert linear.lipschitz == pytest.approx(np.sqrt(13))
    basis, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    spectra = rng.normal(size=(3, 5))
    full = np.einsum("ja,ia,la->ijl", basis, spectra, basis)
    commuting = DensePencil((full + full.transpose(0, 2, 1)) / 2, 2)
    cert = certify(commuting)
    _, g = commuting.values_and_gradients(30 * rng.normal(size=(20_000, 2)))
    width = cert.gradient_high - cert.gradient_low
    assert (np.abs(g.min(axis=0) - cert.gradient_low) <= 0.01 * width).all()
    assert (np.abs(g.max(axis=0) - cert.gradient_high) <= 0.01 * width).all()
    assert np.linalg.norm(g, axis=1).max() == pytest.approx(cert.lipschitz, rel=0.01)


def test_lipschitz_is_never_above_the_plain_bounds():
    for seed in range(200):
        pencil = draw_pencil(seed)
        cert, squares = certify(pencil), np.linalg.norm((pencil.matrices[1:] @ pencil.matrices[1:]).sum(0), 2)
        assert cert.lipschitz <= np.sqrt(squares) * (1 + 1e-12)
        assert cert.lipschitz <= np.linalg.norm(cert.feature_norm) * (1 + 1e-12)
        assert cert.lipschitz >= cert.feature_norm.max() * (1 - 1e-12)
        assert cert.bend <= cert.lipschitz


def test_both_bounds_of_the_ball_have_their_cases():
    single = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    assert _ball_radius(single, np.zeros(1)) == pytest.approx(1.0)
    many = np.zeros((6, 3, 3))
    for i, (a, b) in enumerate(zip(*np.triu_indices(3), strict=True)):
        many[i, a, b] = many[i, b, a] = 1.0
    assert _ball_radius(many, np.zeros(6)) == pytest.approx(np.sqrt(2))  # the squares would give √3


def flips(est, z, radius, rng, restarts=100, steps=25):
    """Return whether projected gradient from random starts in each ball changes any sign of f."""
    sign = np.sign(est.pencil_.values(z)).repeat(restarts)
    start, radius = z.repeat(restarts, axis=0), radius.repeat(restarts)[:, None] * (1 - 1e-9)
    step = rng.normal(size=start.shape)
    step *= radius / np.linalg.norm(step, axis=1, keepdims=True)
    flipped = np.zeros(len(start), dtype=bool)
    for _ in range(steps):
        f, g = est.pencil_.values_and_gradients(start + step)
        flipped |= sign * f < 0
        step -= 0.3 * radius * sign[:, None] * g / np.linalg.norm(g, axis=1, keepdims=True)
        step *= np.minimum(1, radius / np.linalg.norm(step, axis=1, keepdims=True))
    return flipped.reshape(len(z), restarts).any(axis=1)


def test_no_attack_flips_a_class_within_the_radius(classifier, breast_cancer, rng):
    cert = certify(classifier, breast_cancer[0][::25])
    assert (cert.flip_radius >= np.abs(cert.margins.prediction) / cert.lipschitz).all()
    assert not flips(classifier, cert.rows.z, cert.flip_radius, rng).any()
    assert flips(classifier, cert.rows.z, 3 * cert.flip_radius, rng).mean() > 0.5


def test_flip_radius_of_random_pencils_holds(rng):
    for seed in range(200):
        pencil = draw_pencil(seed)
        z = rng.normal(size=(50, pencil.n_features))
        cert = certify(pencil, z)
        object.__setattr__(cert.view, "output", Output("log-odds", (0, 1)))
        radius = np.minimum(cert.flip_radius, 1e6)[:, None]
        f, g = pencil.values_and_gradients(z)
        down = -np.sign(f)[:, None] * g / np.maximum(np.linalg.norm(g, axis=1, keepdims=True), 1e-300)
        for direction in (down, rng.normal(size=z.shape)):
            unit = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)
            reached = pencil.values(z + radius * unit)
            assert (np.sign(f) * reached >= -SLACK * np.abs(f)).all()


def test_flip_radius_is_exact_for_a_linear_model():
    cert = certify(Pencil([[0.0], [3.0], [4.0]], np.zeros((3, 0)), 0), [[1.0, 0.5], [0.0, 0.0]])
    object.__setattr__(cert.view, "output", Output("log-odds", (0, 1)))
    np.testing.assert_allclose(cert.flip_radius, [1.0, 0.0])
    assert np.isinf(cert.linear_radius(0.1)).all()


def test_degenerate_rows_have_radii(rng):
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[0.0], [1.0]], 0)
    cert = certify(pencil, [[0.0]])
    assert cert.gap[0] == 0
    np.testing.assert_allclose(cert.linear_radius(0.5), 0.5 / 2 / cert.bend)


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_contributions_to_random_pencils_stay_in_their_range(method):
    for seed in range(0, 60):
        pencil, rng = draw_pencil(seed), np.random.default_rng(seed)
        z = rng.normal(size=(20, pencil.n_features))
        att, cert = explain(pencil, z, method=method), certify(pencil)
        slack = (1e-3 if method == "path" else SLACK) * (1 + np.abs(att.values).max())
        for name, column, values in zip(att.columns, z.T, att.values.T, strict=True):
            low, high = cert.contribution_range(name, column, method=method)
            assert (values >= low - slack).all()
            assert (values <= high + slack).all()


def test_the_range_of_contributions_is_attained_by_one_latent():
    cert = certify(Pencil([[0.0], [3.0], [-2.0]], np.empty((3, 0)), 0))
    values = np.array([-1.0, 0.0, 2.0])
    for column, slope in (("z0", 3.0), ("z1", -2.0)):
        for end in cert.contribution_range(column, values):
            np.testing.assert_allclose(end, slope * values, rtol=1e-14)


def test_contributions_of_a_method_without_a_proof_have_no_range(random_pencil):
    with pytest.raises(ValueError, match=r"expected method to be one of .*; got 'lime'"):
        certify(random_pencil(2, 3)).contribution_range("z0", [0.0], method="lime")


def test_rows_one_by_one(random_pencil, rng):
    pencil, z = random_pencil(3, 5), rng.normal(size=(10, 3))
    whole = certify(pencil, z)
    for i in range(10):
        one = certify(pencil, z[[i]])
        np.testing.assert_allclose(one.linear_radius(0.3), whole.linear_radius(0.3)[[i]], rtol=1e-9)
    assert certify(pencil, z[:0]).gap.shape == (0,)


def test_bad_arguments(random_pencil, regressor, classifier, diabetes):
    pencil = random_pencil(2, 3)
    with pytest.raises(ValueError, match=r"expected rows for gap; .* certify\(model, X\)"):
        _ = certify(pencil).gap
    with pytest.raises(ValueError, match="expected rows for flip_radius"):
        _ = certify(classifier).flip_radius
    with pytest.raises(ValueError, match=r"expected log-odds .* flip_radius; got a model of 'progression'"):
        _ = certify(regressor, diabetes[0]).flip_radius
    with pytest.raises(ValueError, match=r"expected eps > 0.*got 0"):
        certify(pencil, [[0.0, 0.0]]).linear_radius(0)
    with pytest.raises(TypeError, match=r"a Pencil, .*; got str"):
        certify("model.pt")


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600])
def test_constants_do_not_depend_on_the_unit(random_pencil, rng, scale):
    pencil, z = random_pencil(3, 5), rng.normal(size=(10, 3))
    scaled = Pencil(scale * pencil.diag, scale * pencil.off, pencil.k)
    views = [replace(view_of(q), output=Output("log-odds", (0, 1))) for q in (pencil, scaled)]
    one, other = (certify(view, replace(rows_of(view.function, z), view=view)) for view in views)
    assert other.lipschitz == pytest.approx(scale * one.lipschitz, rel=1e-12)
    assert other.bend == pytest.approx(scale * one.bend, rel=1e-12)
    np.testing.assert_allclose(other.flip_radius, one.flip_radius, rtol=1e-12)
    np.testing.assert_allclose(other.linear_radius(0.1 * scale), one.linear_radius(0.1), rtol=1e-12)
