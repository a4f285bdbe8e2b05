"""Files from strangers: model.pt and checkpoints, read as data and written whole."""
