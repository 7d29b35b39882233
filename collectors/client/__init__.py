"""Kedge's in-process client: a logger that never gets in an endpoint's way, and what puts it into web frameworks, gRPC
servers and LitServe."""

from collectors.client.grpc_server import grpc_interceptor
from collectors.client.litserve import KedgeCallback
from collectors.client.logger import PredictionLogger
from collectors.client.middleware import KedgeMiddleware
from collectors.client.wsgi import KedgeWsgiMiddleware

__all__ = ["KedgeCallback", "KedgeMiddleware", "KedgeWsgiMiddleware", "PredictionLogger", "grpc_interceptor"]
