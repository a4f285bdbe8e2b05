"""Tables larger than memory: read again and again, a bounded number of rows at a time."""

from .sources import Source

__all__ = ["Source"]
