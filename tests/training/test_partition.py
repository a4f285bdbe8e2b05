"""Which rows are held out, which are the background, and what weights may be."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from spectral_interp.training.partition import (
    Partition,
    check_weights,
    count_of,
    draw_background,
    fingerprints,
    hold_out,
    to_keep,
)
from spectral_interp.training.run import TrainingRows


@pytest.mark.parametrize("classes", [None, np.arange(50) % 2])
def test_rows_without_repeats_are_split_as_scikit_learn_splits_them(classes):
    expected = train_test_split(np.arange(50), test_size=10, random_state=3, stratify=classes)
    for mine, theirs in zip(hold_out(np.arange(50), 10, 3, classes=classes), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("seed", range(5))
def test_equal_rows_stay_on_one_side_and_classes_keep_their_shares(seed):
    rng = np.random.default_rng(seed)
    groups, classes = rng.integers(0, 60, size=600), rng.random(600) < 0.2
    kept, held = hold_out(groups, 120, seed, classes=classes)
    assert sorted([*kept, *held]) == list(range(600))
    assert not np.intersect1d(groups[kept], groups[held]).size
    assert 90 <= len(held) <= 121
    assert classes[held].sum() <= np.ceil(0.2 * classes.sum())
    assert classes[kept].any()


def test_a_row_that_is_a_third_of_the_table_is_trained_on():
    groups = np.r_[np.zeros(300), np.arange(1, 601)]
    for seed in range(5):
        kept, held = hold_out(groups, 180, seed)
        assert len(held) == 180
        assert (groups[kept] == 0).sum() == 300


def test_a_table_of_few_different_rows_is_split_all_the_same():
    groups = np.arange(100) % 4
    kept, held = hold_out(groups, 20, 0)
    assert (len(kept), len(held)) == (80, 20)
    every_group_has_too_many = np.repeat(np.arange(10), 10)
    assert len(hold_out(every_group_has_too_many, 5, 0)[1]) == 5


def partition(weight, trained=None):
    n = len(weight)
    table = TrainingRows(np.zeros((n, 1)), np.zeros(n), np.asarray(weight, dtype=float))
    trained = np.random.default_rng(0).permutation(n) if trained is None else trained
    return Partition(table, fingerprints(table.z), trained, np.arange(0), 0.0, 1.0)


@pytest.mark.parametrize("weight", [1.0, 2.0, 0.1])
def test_equal_weights_leave_the_background_as_it_was(weight):
    data = partition(np.full(300, weight))
    drawn, n = draw_background(data, 0)
    np.testing.assert_array_equal(drawn, np.sort(data.trained[:100]))
    assert n == 300


def test_whole_weights_draw_from_the_table_written_out():
    weight = np.r_[3, 1, np.zeros(8), 200, np.ones(296)]
    data = partition(weight, np.flatnonzero(weight))
    counts = []
    for seed in range(400):
        drawn, n = draw_background(data, seed)
        counts.append(np.bincount(drawn, minlength=len(weight)))
    assert n == 500
    assert len(drawn) == 100
    assert (np.max(counts, axis=0) <= weight).all()
    deviation = np.sqrt(100 * 0.4 * 0.6 * 400 / 499)  # hypergeometric
    assert np.mean(counts, axis=0)[10] == pytest.approx(40, abs=4 * deviation / 20)
    assert np.std(counts, axis=0)[10] == pytest.approx(deviation, rel=0.15)
    few = partition(np.array([3.0, 1.0, 2.0]))
    assert draw_background(few, 0)[0].tolist() == [0, 0, 0, 1, 2, 2]
    assert draw_background(few, 0)[1] == 6


def test_other_weights_draw_by_weight_and_do_not_depend_on_their_unit():
    weight = np.random.default_rng(1).random(40)
    counts = [np.bincount(draw_background(partition(weight), seed)[0], minlength=40) for seed in range(400)]
    np.testing.assert_allclose(np.mean(counts, axis=0), 100 * weight / weight.sum(), atol=0.5)
    one, two = (draw_background(partition(w), 7) for w in (weight, 1024 * weight))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1] is two[1] is None


@pytest.mark.parametrize("weight", [[1e308] * 4, [1e-200] * 4])
def test_sums_of_weights_that_overflow_or_vanish_are_refused(weight):
    with pytest.raises(ValueError, match=r"sum from 1e-100 to 1e\+100.*divide all weights by their mean"):
        check_weights(weight, 4)


def test_weights_that_stand_for_few_rows_are_reported():
    with pytest.warns(UserWarning, match=r"sums to 1 for 40 rows; .*their mean, 0\.025"):
        check_weights(np.full(40, 1 / 40), 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_weights(np.random.default_rng(0).random(40), 40)
    assert (count_of(np.array([2.0, 0, 3])), count_of(np.array([0.5, 0, 3]))) == (5, 2)


def test_fingerprints_tell_rows_apart(rng):
    z = rng.normal(size=(2000, 3))
    found = fingerprints(z)
    assert np.unique(found).size == 2000
    np.testing.assert_array_equal(fingerprints(z * (1 + 1e-16)), found)
    assert not (fingerprints(z + 1e-9) == found).any()
    assert not (fingerprints(z[:, ::-1]) == found).any()
    huge = np.array([[1e100], [-1e100], [0.0], [-0.0]])
    assert np.unique(fingerprints(huge)).size == 3
    bits = np.unpackbits(found.view(np.uint8)).mean()
    assert abs(bits - 0.5) < 0.01
    kept = to_keep(fingerprints(np.concatenate([z, z])))
    assert (np.diff(kept) > 0).all()
    assert len(kept) == 2000
