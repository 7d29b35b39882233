"""Which requests of an access log are predictions, and of which model: told from method, path and status alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from collectors.calls import asks_for_predictions, model_of_path


class Called(NamedTuple):
    """What a prediction request asked: the model and version its path names, where it names any."""

    model: str | None = None
    version: str | None = None


_PROTOCOL = re.compile(r"/v[12](?:/models(?:/.*)?)?$")  # of inference protocols only paths that name a model predict
_OTHER_WORK = re.compile(r"/(?:feedback|labels?|login|logout|tokens?|load|unload|reload|shutdown|-/.*)$")
_NO_SUCH_ENDPOINT = (404, 405)


def prediction_request(method: str, target: str, status: int | None, paths: Sequence[str] = ()) -> Called | None:
    """What a request asked of a model, or None where it was no prediction.

    `paths` are patterns such as `/predict*` that decide it, whatever the method; without them it is a POST or PUT of
    any path that is not known to be something else. A path that the server does not have is no call of a model.

    >>> prediction_request("POST", "/v1/models/iris%3Apredict", 200), prediction_request("GET", "/metrics", 200)
    (Called(model='iris', version=None), None)
    >>> prediction_request("POST", "/v2/models/iris/versions/3/infer", 500), prediction_request("PUT", "/classify", 200)
    (Called(model='iris', version='3'), Called(model=None, version=None))
    """
    path = _path(target)
    named = Called(*model_of_path(path))
    if status in _NO_SUCH_ENDPOINT:
        return None
    if paths:
        wanted = any(fnmatchcase(path, pattern) for pattern in paths)
    else:
        other = _OTHER_WORK.search(path) or (named.model is None and _PROTOCOL.search(path))
        wanted = asks_for_predictions(method, path) and not other
    return named if wanted else None


def _path(target: str) -> str:
    try:
        path = urlsplit(target).path
    except ValueError:  # brackets that are no IPv6 address
        path = target.partition("?")[0]
    return unquote(path).rstrip("/") or "/"
