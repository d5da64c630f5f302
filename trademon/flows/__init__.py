"""One use case a file; clock, sleep and ports are passed in."""
