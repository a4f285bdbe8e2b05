"""The k-th eigenvalue and eigenpair of batches of symmetric tridiagonal matrices.

The differentiable functions are loaded on first use, as they need PyTorch.
"""

from typing import TYPE_CHECKING

from .._common.caching import lazy_names
from .arrays import eigenpairs, eigenvalues, neighbours

if TYPE_CHECKING:
    from .autograd import kth_eigenpair, kth_eigenvalue

__all__ = ["eigenpairs", "eigenvalues", "kth_eigenpair", "kth_eigenvalue", "neighbours"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__, dict.fromkeys(("kth_eigenpair", "kth_eigenvalue"), "autograd")
    )
