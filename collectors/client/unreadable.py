"""What is raised, or handed on, when a body can't be read."""

from __future__ import annotations


class Unreadable(ValueError):
    """The body has none of the shapes that are understood; the message says what it has."""
