"""Engines read raw rows in bulk and answer with profiles; nothing else in Kedge reads raw rows."""

from monitor.engines.engine import Engine, ProfileRequest, RowSource, get_engine

__all__ = ["Engine", "ProfileRequest", "RowSource", "get_engine"]
