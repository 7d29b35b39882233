"""The HTTP API over the read models, and the few writes people and pipelines need."""

from monitor.api.application import create_api

__all__ = ["create_api"]
