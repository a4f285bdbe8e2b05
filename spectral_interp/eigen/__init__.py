"""The k-th eigenvalue and eigenpair of batches of symmetric tridiagonal matrices."""

from .arrays import eigenpairs, eigenvalues, neighbours
from .autograd import kth_eigenpair, kth_eigenvalue

__all__ = ["eigenpairs", "eigenvalues", "kth_eigenpair", "kth_eigenvalue", "neighbours"]
