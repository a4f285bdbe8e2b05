"""Start, signals, messages and exit status of both commands.

====================  ====================================================================================
status                meaning
====================  ====================================================================================
0                     success
2                     the input is wrong, a file cannot be written, or memory is insufficient; one line on
                      stderr gives the reason
129, 130, 143         stopped by SIGHUP, SIGINT (Ctrl-C) or SIGTERM; existing files are unchanged
141                   the results are written, but nothing reads the output (``| head -1``)
====================  ====================================================================================

After Ctrl-C the signal itself ends the process. Shells report 130 and also end a loop around it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, TextIO

from .._common.text import visible

STOPPING = [getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGTERM") if hasattr(signal, name)]
LACKS = "can't allocate memory", "not enough memory", "bad_alloc", "can't start new thread"
"""Texts in errors of torch and of threads that mean a lack of memory."""

UNREAD = 141
"""Exit status if nothing reads the output: 128 + SIGPIPE, which shells report for other tools too."""

_loading = False
"""Whether libraries are being loaded; an exception in a signal handler would leave them half loaded."""


class Stopped(BaseException):
    """Raised on a stop signal; neither ``except Exception`` nor ``except KeyboardInterrupt`` catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def prepare() -> None:
    """Set up the process before libraries are loaded.

    Closed streams are replaced by the null device; otherwise the next file to be opened would get their
    number. Ctrl-C ends the process at once. Matplotlib's warning about a missing cache folder is silenced.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdout = sys.stdout or _null()
    sys.stderr = sys.stderr or _null()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _die)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


@contextmanager
def loading() -> Iterator[None]:
    """Let stop signals end the process at once while there is nothing to clean up."""
    global _loading
    _loading = True
    try:
        yield
    finally:
        _loading = False


def run(name: str, main: Callable[[], None]) -> NoReturn:
    """Call ``main`` and exit with a status from the table above."""
    seen: set[str] = set()

    def warn(message: Warning | str, *_: object, **__: object) -> None:
        line = " ".join(str(message).split())
        if line not in seen:
            _tell(f"{name}: warning: {line}")
        seen.add(line)

    warnings.showwarning = warn
    if hasattr(sys.stdout, "reconfigure"):  # print escapes for characters the terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _stoppable():
            status = _status(name, main)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _settle(stream)
    if status == 128 + signal.SIGINT:
        sys.excepthook = lambda *_: None
        raise KeyboardInterrupt
    sys.exit(status)


def _status(name: str, main: Callable[[], None]) -> int:
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        return UNREAD
    except (ValueError, OSError, FloatingPointError) as error:
        return _fail(name, error)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return _fail(name, out_of_memory(error))
    except Stopped as stopped:
        _tell(f"{name}: interrupted")
        return 128 + stopped.number
    return 0


def _fail(name: str, error: object) -> int:
    """Print the error on one line, and return its exit status."""
    _tell(f"{name}: error: {' '.join(str(error).split())}")
    return 2


def out_of_memory(error: Exception) -> str:
    """Return the message for an error that means a lack of memory; empty for other errors.

    Examples
    --------
    >>> out_of_memory(MemoryError("std::bad_alloc"))
    'out of memory (std::bad_alloc); use fewer rows or columns, or a machine with more memory'
    >>> out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    ''
    """
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) and text.startswith("expected "):  # already complete
        return text
    if not isinstance(error, MemoryError) and not any(part in text for part in LACKS):
        return ""
    found = f" ({text})" if text else ""
    return f"out of memory{found}; use fewer rows or columns, or a machine with more memory"


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raise :class:`Stopped` on stop signals, unless the caller ignores them (nohup)."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    if _loading:
        _die(number, frame)
    raise Stopped(number)


def _die(number: int, _frame: FrameType | None) -> None:
    """End the process by the signal."""
    _tell("interrupted")
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def _tell(text: str) -> None:
    with suppress(OSError):  # stderr itself is full or closed
        print(visible(text), file=sys.stderr, flush=True)


def say(text: object) -> None:
    """Print a line. Control characters in it, which foreign names may contain, are made visible."""
    print(visible(str(text)))


def _settle(stream: TextIO) -> None:
    """Flush a stream, or discard its buffer if nothing reads it; otherwise Python would complain at exit."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _null() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # open until the process ends
