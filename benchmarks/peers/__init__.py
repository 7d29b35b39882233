"""Peers of the drift benchmark: each runs in an environment of its own, as a process that prints JSON."""
