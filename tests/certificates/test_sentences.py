"""What the sentences say is what is certified."""

import re

import numpy as np

from spectral_interp import Pencil, certify
from spectral_interp.certificates.sentences import monotone_sentence
from tests.certificates.mixed import mixed


def said(sentences, pattern):
    """Return whether one of the sentences matches a pattern."""
    return any(re.search(pattern, sentence) for sentence in sentences)


def test_sentences_say_what_is_certified():
    pencil = Pencil([[0.0, 1.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [-1.0, 1.0]], np.zeros((5, 1)), 0)
    sentences = certify(pencil).sentences()
    assert said(sentences, "never fall .*z0")
    assert said(sentences, "never rise .*z1")
    assert said(sentences, "not depend on .*z2")
    assert not said(sentences, "(never|not depend).*z3")
    assert said(sentences, "concave")
    np.testing.assert_array_equal(certify(pencil).monotone, [1, -1, 0, 0])
    linear = Pencil([[0.0], [1.0]], np.empty((2, 0)), 0)
    assert said(certify(linear).sentences(), "linear in")
    assert not said(certify(linear).sentences(), "concave|convex")
    est, _ = mixed()
    assert said(certify(est).sentences(), "False → True")


def test_sentences_about_gaps_and_columns_without_effect():
    line = {"column": "dose", "kind": "number with gaps", "monotone": -1, "norm": 2.0}
    assert re.search("never rise .*dose.* that have a value", monotone_sentence(line))
    silent = certify(Pencil([[0.0, 1.0], [0.0, 0.0]], [[0.0], [0.0]], 0)).sentences()
    assert said(silent, "not depend on .*z0")
    assert not said(silent, "One unit|never (fall|rise)")


def test_classifiers_speak_of_classes(classifier, breast_cancer):
    assert "keep their class" in certify(classifier, breast_cancer[0]).sentences()[-1]
    assert "keep their class" not in certify(classifier).sentences()[-1]
