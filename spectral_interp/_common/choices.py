"""What users choose by name, in code and on the command lines; it is known before anything else is loaded."""

ATTRIBUTION_METHODS = ("local", "path", "shapley")
"""Methods of attribution."""

DEFAULT_METHODS = ("local", "path")
"""Methods that an analysis uses by default; the first ranks the columns."""

ROWS, COSTLY_ROWS = 1000, 50
"""Rows explained by default, and by methods that go through the whole background for every row."""

FORMS = ("auto", "single", "sum")
"""Forms of a model; the first is the default."""

STRUCTURES = ("tridiagonal", "diagonal", "dense")
"""Structures of the matrices of a model."""

CURVATURES = {"convex": -1, "concave": 0}
"""Curvatures of a single neuron, and the index of the eigenvalue that has each: the largest, the smallest."""

FORM_TOLERANCE = 0.01
"""A simpler form wins if its held-out loss is larger by no more than this share of the least squared error,
or of what the least log loss gains over the shares of the classes."""

FIGURE_FORMATS = ("png", "svg", "pdf")
"""Formats of the figures' files."""

BUNDLED_TARGETS = {
    "diabetes": "progression",
    "breast_cancer": "diagnosis",
    "two_or_five": "two_or_five",
}
"""Name of each bundled data set → its target column."""
