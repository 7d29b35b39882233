"""Statements behind the read models of `monitor.queries`; none of them writes."""

from sqlalchemy.orm import Session

__all__ = ["Session"]
