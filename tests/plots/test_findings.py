"""The sentence of each figure, on small tables whose answer is plain."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import plots


def say(figure, /, **columns):
    return getattr(plots, figure).finding(pd.DataFrame(columns))


def test_importance_names_the_strongest_and_their_share():
    parts = {"mean_abs_diagonal": [3.0, 1, 1, 1], "mean_abs_coupling": [1.0, 0, 0, 1]}
    said = say("importance", column=list("abcd"), mean_abs_contribution=[5.0, 3, 1, 1], unit="kg", **parts)
    assert said == (
        "a, b and c make 90% of the size of all contributions; "
        "25% of the size of all parts comes from couplings."
    )
    assert "nothing" not in say("importance", column=["a"], mean_abs_contribution=[2.0], unit="kg")
    zero = say("importance", column=["a"], mean_abs_contribution=[0.0], unit="kg")
    assert zero == "No column contributes anything: the predictions do not vary."


def test_beeswarm_tells_up_from_down_from_neither():
    level = np.tile(np.linspace(0, 1, 9), 3)
    contribution = np.concatenate([9 * level[:9], -5 * level[:9], (level[:9] - 0.5) ** 2])
    table = {
        "column": np.repeat(["a", "b", "c"], 9),
        "nominal": False,
        "level": level,
        "value": level,
        "contribution": contribution,
    }
    assert say("beeswarm", **table) == (
        "High values of a raise predictions; high values of b lower predictions; no single direction for c."
    )
    table["nominal"] = True
    assert say("beeswarm", **table) == "Levels of a, b and c raise or lower predictions."


@pytest.mark.parametrize(
    ("monotone", "said"),
    [
        (
            [1, -1, 0],
            "Proven for every input: predictions never fall when a rises and never rise when b rises.",
        ),
        ([1, 1, 1], "Proven for every input: predictions never fall when a, b or c rises."),
        ([0, 0, 0], "No column has a proven direction: every interval holds zero."),
    ],
)
def test_certified_names_what_is_proven(monotone, said):
    assert say("certified", column=list("abc"), monotone=monotone, kind="number", step="") == said


def test_certified_tells_which_change_of_level_and_between_which_rows():
    said = say(
        "certified",
        column=["smoker", "dose"],
        kind=["levels", "number with gaps"],
        step=["no → yes", "standard deviation of dose"],
        monotone=[1, -1],
    )
    assert said == (
        "Proven for every input: predictions never rise when dose (where it has a value) rises and never "
        "fall when smoker changes (no → yes)."
    )


def test_sensitivity_tells_the_step():
    table = {"feature": ["a", "b"], "bound": [28.2043, 9.1], "unit": "kg", "step": "standard deviation"}
    assert say("sensitivity", **table) == (
        "One step (standard deviation) of a never moves a prediction by more than 28.21 (kg); one of b, 9.1."
    )


def test_background_stability_tells_standard_deviations():
    table = {"method": ["local", "local", "path"], "column": list("aba")}
    assert say("background_stability", **table, redraw_standard_deviation_relative=[0.01, 0.025, 0.03]) == (
        "From draw to draw of the background the mean sizes of the five strongest columns have standard "
        "deviations of up to 2.5% by local (b) and 3.0% by path (a)."
    )


def test_accuracy_knows_which_way_is_better():
    models = ["spectral", "linear"]
    assert say("accuracy", model=models, **{"R²": [0.5, 0.4]}).startswith(
        "The spectral model is best on these rows"
    )
    assert say("accuracy", model=models, RMSE=[5.0, 4.0]) == (
        "The linear model is best on these rows: RMSE 4 against 5 of the spectral model."
    )
    assert say("accuracy", model=[], RMSE=[]).startswith("No targets")


def test_spectrum_finds_the_closest_approach():
    table = {"column": "a", "value": [0.0, 0, 1, 1], "index": [0, 1, 0, 1], "eigenvalue": [0.0, 5, 1, 2]}
    said = say("spectrum", **table, selected=[True, False] * 2, gap=[5.0, 5, 1, 1], unit="kg")
    assert said == (
        "Along a the prediction moves over 1 (kg); it comes closest to another eigenvalue at 1, "
        "where they are 1 apart."
    )


def test_pieces_reads_the_curve():
    table = {"of": "model", "eps": [0.0, 1, 2, 8], "pieces": [40, 12, 9, 1], "unit": "kg"}
    assert (
        say("pieces", **table)
        == "Ten tangent planes hold every row to within 2 (kg); a single plane only to within 8."
    )


def test_agreement_tells_methods_on_our_model_from_other_models():
    table = {
        "a": ["spectral: path", "spectral: path", "linear: x", "spectral: path"],
        "b": ["spectral: local", "linear: x", "spectral: path", "spectral: path"],
        "value": [0.9, 0.2, 0.2, 1.0],
    }
    assert say("agreement", **table) == (
        "On the spectral model methods agree from 0.9 to 0.9 and with those on other models from 0.2 to 0.2."
    )


def test_faithfulness_names_who_misses_the_sum():
    table = {
        "model": ["spectral"] * 2,
        "method": ["path", "rough"],
        "completeness_gap_relative": [1e-16, 0.013],
    }
    assert "rough (by up to 1.3%)" in say("faithfulness", **table)
    table["completeness_gap_relative"] = [1e-16, 1e-12]
    assert "every method's contributions add up" in say("faithfulness", **table)


def test_dispute_names_the_column_of_the_largest_difference():
    table = {
        "model": ["one", "one", "two", "two"],
        "column": ["a", "b"] * 2,
        "contribution": [1.0, 5, 2, -1],
        "unit": "kg",
    }
    assert say("dispute", **table) == "The models differ most over b: one gives it 5, two −1 (kg)."


def test_deletion_and_cost_name_the_best():
    curves = {"model": "spectral", "method": ["random", "path", "rough"], "mean": [0.5, 0.1, 0.3]}
    assert "the order of path takes predictions away fastest: mean distance 0.1 against 0.5" in say(
        "deletion", **curves
    )
    failed = {"model": ["spectral", "MLP"], "method": ["random", "SHAP Deep"], "mean": [0.5, 0.1]}
    assert say("deletion", **failed) == "No explainer worked on the spectral model."
    curve = pd.DataFrame(failed).assign(share=0.5, deletion=1.0)
    assert len(plots.deletion(curve, Figure().subplots()).lines) == 2
    assert plots.deletion(curve[1:], Figure().subplots()).get_legend() is None
    paid = {"model": "spectral", "method": ["path", "slow"], "gain": [0.5, 0.501], "ms_per_row": [1.0, 50.0]}
    assert say("faithfulness_cost", **paid).startswith("On the spectral model path is the cheapest within 2%")
    assert "slow the most expensive, 50 ms" in say("cost", **paid)


def test_the_largest_step_of_a_waterfall_is_that_of_a_column():
    table = {
        "column": ["a", "b", "71 others"],
        "value": ["1", "2", ""],
        "contribution": [3.0, -4.0, 9.0],
        "base": 1.0,
        "prediction": 9.0,
        "unit": "kg",
    }
    assert "the largest step is b, −4" in say("waterfall", **table)
