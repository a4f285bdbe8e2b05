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


def test_another_cycle_starts_from_the_best_weights_and_leaves_the_history():
    run = start(n=40, n_epochs=5)
    run.gradient[:] = 1.0
    run.step()
    run.record(Epoch(1, 0.0, 2.0, 0.0, 0.0))
    best = run.average.copy()
    run.step()
    last = run.again(2, n_rows=50)
    np.testing.assert_array_equal(run.module[0].weight.detach().numpy().ravel(), best[:2])
    np.testing.assert_array_equal(last.average, best)
    assert (last.moments == 0).all()
    assert len(last.rates) == 2 * 4
    assert (last.steps, last.history, last.best_epoch) == (0, [], 0)
    assert (run.steps, len(run.history), run.best_epoch, run.options.n_epochs) == (2, 1, 1, 5)
    last.step()
    assert run.module[0].bias.item() == last.weights[-1] != best[-1]
    np.testing.assert_array_equal(run.best_weights, best)
