"""A sender whose every record is bad, and a collector under pressure, over HTTP: nothing is stored, and it recovers."""

from __future__ import annotations
