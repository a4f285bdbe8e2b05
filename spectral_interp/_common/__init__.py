"""Helpers that all rooms use: arrays and their checks, text, messages, progress, caching, memory."""
