"""What all rooms use: arrays and their checks, text, messages, progress, caching, sampling."""
