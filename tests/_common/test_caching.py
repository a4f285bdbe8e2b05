import os
import signal
import threading
import time

import pytest

from spectral_interp._common.caching import cached_property


class Answer:
    def __init__(self, wait=lambda: None):
        self.wait, self.computed = wait, 0

    @cached_property
    def value(self):
        self.wait()
        self.computed += 1
        return object()


def test_computed_once_for_each_instance():
    first, second = Answer(), Answer()
    assert first.value is first.value
    assert first.value is not second.value
    assert first.computed == second.computed == 1
    assert isinstance(Answer.value, cached_property)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_wait_for_what_another_thread_computes():
    begun, go_on = threading.Event(), threading.Event()
    slow = Answer(lambda: (begun.set(), go_on.wait()))
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if Answer().value else 1
        finally:
            os._exit(status)
    end = time.monotonic() + 30
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < end:
        time.sleep(0.01)
    go_on.set()
    thread.join()
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)
