"""Change matrices of columns against what the mixes of the two rows' values give."""

import numpy as np

from spectral_interp.attribution.changes import Changes
from tests.attribution.references import halves
from tests.sums import random_sum, random_table, rows_of_table


def test_pairs_are_shared_in_halves(rng):
    view = random_sum(rng, neurons=7, dim=5)
    z, reference = (rows_of_table(view, random_table(rng, n)).z for n in (6, 5))
    changes, row, ref = Changes(view, z, reference), np.repeat(np.arange(1, 6), 5), np.tile(np.arange(5), 5)
    assert len(view.pairs) > 0
    found = changes.shared(row, ref)
    np.testing.assert_allclose(found, halves(changes, row, ref), atol=1e-12)
    whole = changes.neurons.at(z)[row] - changes.neurons.at(reference)[ref]
    np.testing.assert_allclose(found.sum(axis=1), whole, atol=1e-12)
