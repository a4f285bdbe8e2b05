"""What both command lines share: bad input ends in one line on stderr and exit status 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import NoReturn


def run(name: str, main: Callable[[], None]) -> NoReturn:
    """Call ``main`` and exit: 0, or 2 after one line that says what was wrong with the input."""
    told: set[str] = set()

    def tell(message: Warning | str, *_: object, **__: object) -> None:
        line = " ".join(str(message).split())
        if line not in told:
            print(f"{name}: warning: {line}", file=sys.stderr)
        told.add(line)

    warnings.showwarning = tell
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"{name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
