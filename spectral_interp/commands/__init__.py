"""The commands ``train`` and ``analyze``."""
