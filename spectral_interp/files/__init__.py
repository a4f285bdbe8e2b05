"""Files of models and checkpoints, read without running code and written atomically."""
