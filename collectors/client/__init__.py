"""Kedge's in-process client: a logger that never gets in an endpoint's way, and an ASGI middleware that uses it."""

from collectors.client.logger import PredictionLogger
from collectors.client.middleware import KedgeMiddleware

__all__ = ["KedgeMiddleware", "PredictionLogger"]
