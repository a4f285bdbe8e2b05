"""What a run keeps: the average of its weights and the best of them."""

import numpy as np

from spectral_interp.training.run import Epoch
from tests.training.small import start


def test_the_average_has_polynomial_weights():
    run, steps = start(), np.arange(1, 41)
    for step in steps:
        run.gradient[:] = np.sin(step)
        run.step()
        run.moments[:] = 0
        if step == 1:
            path = [run.weights.copy()]
        else:
            path.append(run.weights.copy())
    share = np.array([np.prod([(t - 1) / (t + 4) for t in range(s + 1, 41)]) * 5 / (s + 4) for s in steps])
    np.testing.assert_allclose(share.sum(), 1)
    np.testing.assert_allclose(run.average, share @ np.array(path), rtol=1e-12)
    with run.averaged() as module:
        np.testing.assert_allclose(module[0].bias.item(), run.average[-1])
    np.testing.assert_array_equal(run.weights, path[-1])


def test_best_weights_are_those_of_the_best_epoch():
    run = start()
    for epoch, loss in enumerate([3.0, 1.0, 2.0], 1):
        run.average[:] = epoch
        run.record(Epoch(epoch, 0.0, loss, 0.0, 0.0))
    assert run.best_epoch == 2
    run.finish()
    assert run.module[0].weight.tolist() == [[2.0, 2.0]]
    assert run.module[0].weight.grad is None
