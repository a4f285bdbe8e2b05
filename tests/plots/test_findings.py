"""The sentence of each figure, on small tables whose answer is plain."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_interp import plots


def say(figure, /, **columns):
    return getattr(plots, figure).finding(pd.DataFrame(columns))


def mentions(text, *facts):
    """Tell whether a sentence has these names, numbers and directions, in this order."""
    return re.search(".*?".join(rf"(?<!\w){re.escape(fact)}(?!\w)" for fact in facts), text) is not None


def test_importance_names_the_strongest_and_their_share():
    parts = {"mean_abs_diagonal": [3.0, 1, 1, 1], "mean_abs_coupling": [1.0, 0, 0, 1]}
    said = say("importance", column=list("abcd"), mean_abs_contribution=[5.0, 3, 1, 1], unit="kg", **parts)
    assert mentions(said, "a, b and c", "90", "25", "couplings")
    assert "nothing" not in say("importance", column=["a"], mean_abs_contribution=[2.0], unit="kg")
    zero = say("importance", column=["a"], mean_abs_contribution=[0.0], unit="kg")
    assert mentions(zero, "No column")
    assert not re.search(r"\d", zero)


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
    assert mentions(say("beeswarm", **table), "a raise", "b lower", "no", "c")
    table["nominal"] = True
    assert mentions(say("beeswarm", **table), "Levels", "a, b and c", "raise or lower")


@pytest.mark.parametrize(
    ("monotone", "said"),
    [
        ([1, -1, 0], ("never fall", "a rises", "never rise", "b rises")),
        ([1, 1, 1], ("never fall", "a, b or c rises")),
        ([0, 0, 0], ("No direction",)),
    ],
)
def test_certified_names_what_is_proven(monotone, said):
    found = say("certified", column=list("abc"), monotone=monotone, kind="number", step="")
    assert mentions(found, *said)
    assert ("never" in found) == any(monotone)


def test_certified_tells_which_change_of_level_and_between_which_rows():
    said = say(
        "certified",
        column=["smoker", "dose"],
        kind=["levels", "number with gaps"],
        step=["no → yes", "standard deviation of dose"],
        monotone=[1, -1],
    )
    assert mentions(said, "never rise", "dose", "has a value", "never fall", "smoker", "no → yes")


def test_sensitivity_tells_the_step():
    table = {
        "column": ["dose", "city", "a"],
        "step": ["median → missing", "Oslo → Rome", "standard deviation of log a"],
        "of": ["gap", "change of level", "standard deviation"],
        "bound": [28.2043, 10.0, 9.1],
        "unit": "kg",
    }
    first, second, third = (
        say("sensitivity", **{name: [part[i]] if name != "unit" else part for name, part in table.items()})
        for i in range(3)
    )
    assert mentions(first, "missing", "median of dose", "28.21 (kg)")
    assert mentions(second, "city", "10 (kg)")
    assert mentions(third, "One standard deviation of log a", "9.1 (kg)")
    both = say("sensitivity", **table)
    assert mentions(both, "missing", "dose", "28.21", "standard deviation of log a", "9.1")
    none = say("sensitivity", column=["a"], step=["unit of a"], of=["unit"], bound=[0.0], unit="kg")
    assert "No step" in none


def test_beeswarm_says_nothing_of_what_cannot_be_compared():
    row = {"value": [3.0], "level": [1.0], "contribution": [2.0], "column": ["a"], "nominal": False}
    assert mentions(say("beeswarm", **row), "no", "a", "compare")
    assert mentions(say("beeswarm", **row | {"contribution": [0.0]}), "no", "a")
    gaps = {"value": [1.0, 2.0, 3.0, np.nan, np.nan], "level": [0.1, 0.5, 1.0, np.nan, np.nan]}
    moved = {"column": ["a"] * 5, "nominal": False, "contribution": [1.0, 2.0, 3.0, 90.0, 90.0]}
    assert mentions(say("beeswarm", **gaps, **moved), "a raise")


def test_background_stability_tells_standard_deviations():
    table = {"method": ["local", "local", "path"], "column": list("aba"), "background_rows": 100}
    every = say("background_stability", **table, redraw_standard_deviation_relative=0.0, drawn_from=100.0)
    assert mentions(every, "every row", "no other")
    table["drawn_from"] = np.nan
    said = say("background_stability", **table, redraw_standard_deviation_relative=[0.01, 0.025, 0.03])
    assert mentions(said, "2.5", "local", "b", "3.0", "path", "a")


def test_accuracy_knows_which_way_is_better():
    models = ["spectral", "linear"]
    assert mentions(say("accuracy", model=models, **{"R²": [0.5, 0.4]}), "spectral", "best")
    assert mentions(
        say("accuracy", model=models, RMSE=[5.0, 4.0]), "linear", "best", "RMSE 4", "5", "spectral"
    )
    assert say("accuracy", model=[], RMSE=[]).startswith("No targets")


def test_spectrum_finds_the_closest_approach():
    table = {"column": "a", "value": [0.0, 0, 1, 1], "index": [0, 1, 0, 1], "eigenvalue": [0.0, 5, 1, 2]}
    said = say("spectrum", **table, selected=[True, False] * 2, gap=[5.0, 5, 1, 1], unit="kg")
    assert mentions(said, "a", "1 (kg)", "closest", "at 1", "1 apart")


def test_pieces_reads_the_curve():
    table = {"of": "model", "eps": [0.0, 1, 2, 8], "pieces": [40, 12, 9, 1], "unit": "kg"}
    assert mentions(say("pieces", **table), "Ten", "2 (kg)", "single", "8")


def test_agreement_tells_methods_on_our_model_from_other_models():
    table = {
        "a": ["spectral: path", "spectral: path", "linear: x", "spectral: path"],
        "b": ["spectral: local", "linear: x", "spectral: path", "spectral: path"],
        "value": [0.9, 0.2, 0.2, 1.0],
    }
    assert mentions(say("agreement", **table), "spectral", "0.9 to 0.9", "other models", "0.2 to 0.2")


def test_faithfulness_names_who_misses_the_sum():
    table = {
        "model": ["spectral"] * 2,
        "method": ["path", "rough"],
        "completeness_gap_relative": [1e-16, 0.013],
    }
    assert mentions(say("faithfulness", **table), "rough", "1.3")
    assert "path" not in say("faithfulness", **table)
    table["completeness_gap_relative"] = [1e-16, 1e-12]
    assert not re.search(r"\d|path|rough", say("faithfulness", **table))


def test_dispute_names_the_column_of_the_largest_difference():
    table = {
        "model": ["one", "one", "two", "two"],
        "column": ["a", "b"] * 2,
        "contribution": [1.0, 5, 2, -1],
        "unit": "kg",
    }
    assert mentions(say("dispute", **table), "b", "5", "one", "−1", "kg", "two")


def test_deletion_and_cost_name_the_best():
    curves = {"model": "spectral", "method": ["random", "path", "rough"], "mean": [0.5, 0.1, 0.3]}
    assert mentions(say("deletion", **curves), "path", "fastest", "0.1", "0.5")
    failed = {"model": ["spectral", "MLP"], "method": ["random", "SHAP Deep"], "mean": [0.5, 0.1]}
    assert mentions(say("deletion", **failed), "No explainer", "spectral")
    curve = pd.DataFrame(failed).assign(share=0.5, deletion=1.0)
    assert len(plots.deletion(curve, Figure().subplots()).lines) == 2
    assert plots.deletion(curve[1:], Figure().subplots()).get_legend() is None
    paid = {"model": "spectral", "method": ["path", "slow"], "gain": [0.5, 0.501], "ms_per_row": [1.0, 50.0]}
    assert mentions(say("faithfulness_cost", **paid), "spectral", "path", "cheapest", "2")
    assert mentions(say("cost", **paid), "path", "1 ms", "slow", "50 ms")


def test_the_largest_step_of_a_waterfall_is_that_of_a_column():
    table = {
        "column": ["a", "b", "71 others"],
        "value": ["1", "2", ""],
        "contribution": [3.0, -4.0, 9.0],
        "base": 1.0,
        "prediction": 9.0,
        "unit": "kg",
    }
    assert mentions(say("waterfall", **table), "largest", "b", "−4")


@pytest.mark.parametrize(
    ("losses", "chosen", "said"),
    [
        ([4.0, 2.0, 1.0], 2, ("finer knots", "chosen", "1", "linear columns", "4", "300%")),
        ([1.004, 1.5, 1.0], 0, ("sum on linear columns", "chosen", "1%", "pairs", "1.004", "1")),
    ],
)
def test_rungs_tell_the_choice_and_its_price(losses, chosen, said):
    table = {"form": "sum", "inputs": ["linear", "hats", "all"], "held_out_loss": losses, "epochs": 5}
    table |= {"parameters": [9, 99, 999], "chosen": [at == chosen for at in range(3)]}
    found = plots.rungs.finding(plots.rungs_table(pd.DataFrame(table), "kg", squared=True))
    assert mentions(found, *said)
    ax = plots.rungs(plots.rungs_table(pd.DataFrame(table), "kg", squared=False), Figure().subplots())
    assert [bar.get_width() for bar in ax.patches] == losses
    assert "log loss (nats)" in ax.get_xlabel()


def test_importance_tells_which_columns_an_accident_of_the_fit_may_explain():
    sizes = {"column": list("abc"), "mean_abs_contribution": [5.0, 1.0, 0.5], "rows": 10, "unit": "kg"}
    refits = {"mean_refit_deviation": [1.0, 2.0, 0.1], "below_refit_deviation": [1, 8, 0]}
    said = say("importance", **sizes, **refits)
    assert mentions(said, "9 of the 30 contributions", "30", "1 column", "b", "1", "2")
    assert "deviation" not in say("importance", **sizes)


def test_segments_tell_proven_directions_and_widths():
    table = {"column": "a", "monotone": [1, 0, 0], "proven_over_observed": [2.0, 8.0, np.nan]}
    assert mentions(say("segments", **table), "3 segments of a", "never fall", "1", "wider", "5 times")
    table |= {"monotone": [0, 0, 0], "proven_over_observed": [1.5, 1.5, np.nan]}
    said = say("segments", **table)
    assert mentions(said, "none", "direction", "1.5 times")
    assert "much wider" not in said


def test_interactions_name_the_strongest_of_the_pairs():
    pairs = {"first": ["a", "a", "b"], "second": ["b", "c", "c"], "unit": "kg"}
    said = say("interactions", **pairs, mean_abs_interaction=[3.0, 2, 1], share=[0.4, 0.3, 0.1])
    assert mentions(said, "3 pairs", "a and b", "3", "40")
    pair = {"first": ["a"], "second": ["b"], "unit": "kg"}
    one = say("interactions", **pair, mean_abs_interaction=[3.0], share=[np.nan])
    assert "most" not in one
    assert "nan" not in one
    none = say("interactions", **pair, mean_abs_interaction=[0.0], share=[0.0])
    assert not re.search(r"\d", none)
