"""The model in a page: evaluated, explained and bounded by JavaScript, without a server."""
