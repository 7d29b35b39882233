"""Kedge's core: what is watched, what is computed about it, and what is decided."""

__version__ = "0.1.0"
