"""Spectral models from elsewhere: state dicts as functions, dense matrices as tridiagonal ones."""
