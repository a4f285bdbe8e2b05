"""Model in a page: evaluated, explained and bounded in JavaScript, without a server."""
