"""The figure of the inside of the matrix: its numbers against LAPACK, and how it is drawn."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from spectral_interp import DensePencil, Pencil, explain, plots
from spectral_interp.pencil import Total
from spectral_interp.plots.style import COUPLING, DIAGONAL


@pytest.fixture
def pencil(random_pencil):
    return random_pencil(3, 5)


def drawn(table):
    with plots.style():
        canvas = Figure(figsize=(7.2, plots.chain.height(table)))
        ax = plots.chain(table, canvas.subplots())
        canvas.draw_without_rendering()
    return ax


def entries(pencil, z):
    """Return the eigenvector, and what each column's step from 0 adds at every entry, by LAPACK."""
    matrices = pencil.matrices
    v = np.linalg.eigh(matrices[0] + np.tensordot(z, matrices[1:], axes=1))[1][:, pencil.k]
    weight = np.append(v**2, 2 * v[:-1] * v[1:])
    return weight, z[:, None] * np.hstack([pencil.diag[1:], pencil.off[1:]]) * weight


def test_one_row_is_what_lapack_says(pencil, rng):
    z = rng.normal(size=(6, 3))
    table = plots.chain_table(explain(pencil, z), 2)
    weight, added = entries(pencil, z[2])
    order = np.argsort(-np.abs(added.sum(axis=1)))
    assert table["column"].tolist() == np.repeat([f"z{i}" for i in order], 9).tolist()
    np.testing.assert_allclose(table["contribution"], added[order].ravel(), atol=1e-12)
    np.testing.assert_allclose(table["weight"], np.tile(np.abs(weight), 3), atol=1e-12)
    np.testing.assert_allclose(table["whole"], np.repeat(added[order].sum(axis=1), 9), atol=1e-12)
    assert table["at"].tolist()[:9] == ["0", "1", "2", "3", "4", "0–1", "1–2", "2–3", "3–4"]


def test_the_mean_is_of_sizes(pencil, rng):
    z = rng.normal(size=(30, 3))
    table = plots.chain_table(explain(pencil, z))
    found = [entries(pencil, row) for row in z]
    sizes = np.mean([np.abs(added) for _, added in found], axis=0)
    whole = np.mean([np.abs(added.sum(axis=1)) for _, added in found], axis=0)
    order = np.argsort(-whole)
    np.testing.assert_allclose(table["mean_abs_contribution"], sizes[order].ravel(), atol=1e-12)
    np.testing.assert_allclose(table["whole"], np.repeat(whole[order], 9), atol=1e-12)
    weights = np.mean([np.abs(weight) for weight, _ in found], axis=0)
    np.testing.assert_allclose(table["weight"][:9], weights, atol=1e-12)
    assert table["weight"][:5].sum() == pytest.approx(1)


def test_signs_of_latents_change_nothing(pencil, rng):
    signs = np.array([1, -1, -1, 1, -1])
    other = Pencil(pencil.diag, pencil.off * signs[:-1] * signs[1:], pencil.k)
    z = rng.normal(size=(4, 3))
    for row in (1, None):
        one, two = (plots.chain_table(explain(model, z), row) for model in (pencil, other))
        np.testing.assert_allclose(one["weight"], two["weight"], atol=1e-12)
        name = "contribution" if row else "mean_abs_contribution"
        np.testing.assert_allclose(one[name], two[name], atol=1e-12)


def test_bars_stand_where_their_entries_are(pencil, rng):
    table = plots.chain_table(explain(pencil, rng.normal(size=(3, 3))), 0)
    ax = drawn(table)
    tallest = table["contribution"].abs().max()
    for of, colour, shift in (("latent", DIAGONAL, 0.0), ("bond", COUPLING, 0.5)):
        own = table[table["of"] == of]
        bars = [bar for bar in ax.patches if bar.get_facecolor() == to_rgba(colour)]
        places = own["at"].str[0].astype(float) + shift
        np.testing.assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in bars], places)
        heights = -0.45 * own["contribution"] / tallest  # lines count downwards
        np.testing.assert_allclose([bar.get_height() for bar in bars], heights, atol=1e-12)
        np.testing.assert_array_equal([bar.get_y() for bar in bars], np.repeat(range(3), len(own) // 3))
    discs = next(c for c in ax.collections if len(c.get_sizes()) == 5)
    weight = table["weight"][:5].to_numpy()
    np.testing.assert_allclose(discs.get_sizes() / discs.get_sizes().sum(), weight, atol=1e-12)


def test_tall_sums_of_others_do_not_set_the_scale(rng):
    pencil = Pencil(np.abs(rng.normal(size=(61, 3))), np.zeros((61, 2)), 1)
    table = plots.chain_table(explain(pencil, np.abs(rng.normal(size=(20, 60)))))
    ax = drawn(table)
    others = table["column"] == "53 others"
    size = table["mean_abs_contribution"]
    scale = np.ceil(size[others].max() / size[~others].max())
    assert scale > 1
    assert ax.get_yticklabels()[-1].get_text() == f"53 others (÷ {scale:.0f})"
    heights = np.abs([bar.get_height() for bar in ax.patches])
    np.testing.assert_allclose(heights, 0.85 * size / np.where(others, scale, 1) / size[~others].max())


@pytest.mark.parametrize("d", [1, 2, 15])
@pytest.mark.parametrize("row", [0, None])
def test_any_order_and_no_couplings(random_pencil, rng, d, row):
    pencil, z = random_pencil(2, d), rng.normal(size=(5, 2))
    diagonal = Pencil(pencil.diag, np.zeros_like(pencil.off), pencil.k)
    for model in (pencil, diagonal):
        table = plots.chain_table(explain(model, z), row)
        assert ("bond" in set(table["of"])) == bool(model.off.any())
        ax = drawn(table)
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert ("at a bond (coupling)" in labels) == bool(model.off.any())
        exhibit = plots.chain.of(table)
        assert "{" not in exhibit.title + exhibit.reading + exhibit.finding
        assert "100%" in exhibit.finding or d == 15 or (row is None and not model.off.any())
        turned = d == 2 and model.off.any()
        assert ("another basis" in exhibit.reading) == turned


def test_columns_that_do_nothing(random_pencil):
    pencil = random_pencil(2, 5)
    table = plots.chain_table(explain(pencil, [[0.0, 0.0]]), 0)
    assert plots.chain.finding(table).endswith("no column contributes anything.")
    assert not any(bar.get_height() for bar in drawn(table).patches)


def test_the_neuron_of_a_sum(random_pencil, rng):
    pencils, z = [random_pencil(2, 3), random_pencil(2, 3)], rng.normal(size=(4, 2))
    att = explain(Total(pencils), z)
    table = plots.chain_table(att, 1, neuron=1, share=0.4)
    alone = plots.chain_table(explain(pencils[1], z), 1)
    np.testing.assert_allclose(table["contribution"], alone["contribution"], atol=1e-12)
    assert drawn(table).get_title(loc="left") == "Neuron 1: row 1 by latent and bond"
    assert "neuron 1" in plots.chain.of(table).reading
    with pytest.raises(ValueError, match="neuron below 2, the number of neurons; got 2"):
        plots.chain_table(att, 1, neuron=2)


def test_what_has_no_latents(pencil, rng):
    z = rng.normal(size=(2, 3))
    with pytest.raises(ValueError, match="row below 2, the number of rows explained; got 2"):
        plots.chain_table(explain(pencil, z), 2)
    for att in (explain(pencil, z, method="path"), explain(DensePencil(pencil.matrices, 2), z)):
        with pytest.raises(ValueError, match="tridiagonal or diagonal model by 'local'"):
            plots.chain_table(att, 0)


def test_finding_names_what_carries_the_prediction():
    """A 2 × 2 matrix with v = (0.8, 0.6): A(z) = 2 vvᵀ, whose only entry off the diagonal is 0.96."""
    v = np.array([0.8, 0.6])
    rank_one = np.outer(v, v)
    pencil = Pencil([[0.0, 0.0], np.diag(rank_one)], [[0.0], [rank_one[0, 1]]], 1)
    said = plots.chain.finding(plots.chain_table(explain(pencil, [[2.0]]), 0))
    facts = ["Latents 0 and 1", "100%", r"\+0.819 at latent 0", r"\+0.922 at bond 0–1 \(prediction\)", "46%"]
    assert re.search(".*".join(facts), said)
