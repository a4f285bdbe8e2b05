"""What the sentences say is what is certified."""

import numpy as np

from spectral_interp import Pencil, certify
from spectral_interp.certificates.sentences import monotone_sentence
from tests.certificates.mixed import mixed


def test_sentences_say_what_is_certified():
    pencil = Pencil([[0.0, 1.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [-1.0, 1.0]], np.zeros((5, 1)), 0)
    sentences = certify(pencil).sentences()
    assert "Predictions never fall when z0 rises." in sentences
    assert "Predictions never rise when z1 rises." in sentences
    assert "Predictions do not depend on z2." in sentences
    assert not any("z3 rises" in sentence for sentence in sentences)
    assert any("are concave in the features" in sentence for sentence in sentences)
    np.testing.assert_array_equal(certify(pencil).monotone, [1, -1, 0, 0])
    assert (
        certify(Pencil([[0.0], [1.0]], [[], []], 0)).sentences()[2]
        == "Predictions are linear in the features."
    )
    est, _ = mixed()
    assert any("False → True" in sentence for sentence in certify(est).sentences())


def test_sentences_about_gaps_and_columns_without_effect():
    line = {"column": "dose", "kind": "number with gaps", "monotone": -1, "norm": 2.0}
    assert (
        monotone_sentence(line) == "Predictions never rise when dose rises, between rows that have a value."
    )
    silent = certify(Pencil([[0.0, 1.0], [0.0, 0.0]], [[0.0], [0.0]], 0)).sentences()
    assert silent[0] == "Predictions do not depend on z0."
    assert not any("One unit" in sentence for sentence in silent)


def test_classifiers_speak_of_classes(classifier, breast_cancer):
    assert "keep their class" in certify(classifier, breast_cancer[0]).sentences()[-1]
    assert "keep their class" not in certify(classifier).sentences()[-1]
