"""AdamW and its step sizes."""

from __future__ import annotations

import math

import numpy as np

from .._common.arrays import FloatArray
from ..eigen.compiling import compiled

FIRST, LAST = 0.04, 0.05  # step sizes at the two ends, in units of the peak

PEAK = 0.1, 0.6  # the peak lasts between these shares of the steps

RECENCY = 4  # power of the step number by which weights are averaged: about the last fifth counts


def one_cycle(n_steps: int, peak: float) -> FloatArray:
    """Return the step sizes of one cycle: half a cosine up, a plateau at ``peak``, half a cosine down.

    The plateau crosses ridges of the loss that a steady descent does not, and the fall that follows settles
    the averaged weights.

    Examples
    --------
    >>> one_cycle(21, 1.0).round(3)[[0, 1, 2, 12, 16, 20]]
    array([0.04 , 0.52 , 1.   , 1.   , 0.525, 0.05 ])
    """
    time = np.linspace(0, 1, n_steps)
    begin, end = PEAK
    low = np.where(time < begin, FIRST, LAST)
    height = np.minimum(1, np.where(time < begin, time / begin, (1 - time) / (1 - end)))
    return peak * (low + (1 - low) * (1 - np.cos(np.pi * height)) / 2)


@compiled
def adamw(
    x: FloatArray,
    gradient: FloatArray,
    mean: FloatArray,
    square: FloatArray,
    steps: int,
    rate: float,
    weight_decay: float,
) -> None:
    """Take one step of AdamW (Loshchilov and Hutter, 2019), in place, ``steps`` counting from 1.

    All arrays have the shape (parameters,). Compiled, because it is a microsecond this way and more than the
    rest of a step on small batches through torch's optimiser.
    """
    decay_mean, decay_square, epsilon = 0.9, 0.999, 1e-8
    unbias_mean, unbias_square = 1 - decay_mean**steps, 1 - decay_square**steps
    for i in range(x.size):
        mean[i] += (1 - decay_mean) * (gradient[i] - mean[i])
        square[i] += (1 - decay_square) * (gradient[i] * gradient[i] - square[i])
        step = mean[i] / unbias_mean / (math.sqrt(square[i] / unbias_square) + epsilon)
        x[i] -= rate * (step + weight_decay * x[i])
