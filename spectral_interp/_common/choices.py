"""Named choices and defaults, in code and on the command lines. This module loads no library."""

ATTRIBUTION_METHODS = ("local", "path", "shapley")
"""Methods of attribution."""

DEFAULT_METHODS = ("local", "path")
"""Methods that an analysis uses by default; the first ranks the columns."""

ROWS, COSTLY_ROWS = 1000, 50
"""Default numbers of explained rows: in general, and for methods that use the whole background per row."""

FORMS = ("auto", "single", "sum")
"""Forms of a model; the first is the default."""

STRUCTURES = ("tridiagonal", "diagonal", "dense")
"""Structures of the matrices of a model."""

CURVATURES = {"convex": -1, "concave": 0}
"""Curvature of a single neuron → index of its eigenvalue: the largest or the smallest."""

FORM_TOLERANCE = 0.01
"""Tolerance for the choice of a simpler form: the share by which its held-out loss may exceed the lowest.
It is relative to the lowest squared error, or to the gain of the lowest log loss over the class shares."""

FIGURE_FORMATS = ("png", "svg", "pdf")
"""File formats of figures."""

BUNDLED_TARGETS = {
    "diabetes": "progression",
    "breast_cancer": "diagnosis",
    "two_or_five": "two_or_five",
}
"""Name of each bundled data set → its target column."""
