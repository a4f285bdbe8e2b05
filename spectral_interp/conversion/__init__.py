"""Conversion of models: published state dicts to functions, and dense models to tridiagonal ones."""
