"""What both command lines share: bad input ends in one line on stderr and exit status 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import NoReturn


def run(name: str, main: Callable[[], None]) -> NoReturn:
    """Call ``main`` and exit: 0, or 2 after one line that says what was wrong with the input."""
    warnings.showwarning = lambda message, *_, **__: print(f"{name}: warning: {message}", file=sys.stderr)
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"{name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
