"""Which model a request's path names, and which requests are no predictions at all."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_NAME = r"(?P<model>[^/:]+)"
_VERSION = r"(?:/versions/(?P<version>[^/:]+))?"
_ROUTES = tuple(
    re.compile(route)
    for route in (
        rf"/v2/models/{_NAME}{_VERSION}/(?:infer|generate)$",
        rf"/v1/models/{_NAME}{_VERSION}:(?:predict|classify|regress)$",
        rf"/predictions/{_NAME}(?:/(?P<version>[^/]+))?$",  # TorchServe
        rf"/(?:endpoints|serving-endpoints)/{_NAME}/invocations$",  # SageMaker, Databricks
        rf"/seldon/[^/]+/{_NAME}/api/v[01]\.[01]/predictions$",
        rf"/deployments/{_NAME}/(?:predict|invocations)$",
    )
)
_OTHER_WORK = re.compile(
    r"/(?:health|healthz|livez|readyz|live|ready|ping|metrics|info|stats|version|docs|openapi\.json|load|unload|index)$"
    r"|:explain$|^/v2/(?:repository|trace|logging)|^/v2/models/[^/]+/(?:trace|explain)|/v1/(?:traces|logs|metrics)$"
)


def model_of_path(path: str) -> tuple[str | None, str | None]:
    """The model and version that an inference path names, each None where it does not.

    >>> model_of_path("/v2/models/iris/versions/v3/infer"), model_of_path("/v1/models/bike%3Apredict")
    (('iris', 'v3'), ('bike', None))
    """
    plain = _plain(path)
    for route in _ROUTES:
        if found := route.search(plain):
            names = found.groupdict()
            return names["model"], names.get("version")
    return None, None


def asks_for_predictions(method: str, path: str) -> bool:
    """Whether a request may be a call of a model: a POST that is no health check, administration or explanation.

    >>> asks_for_predictions("POST", "/predict"), asks_for_predictions("GET", "/v2/health/ready")
    (True, False)
    """
    return method.upper() in ("POST", "PUT") and not _OTHER_WORK.search(_plain(path))


def _plain(path: str) -> str:
    try:
        return unquote(urlsplit(path).path).rstrip("/")
    except ValueError:
        return path
