"""Whatever is asked, the answer is never a server error, and errors have one shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.app.web import Web
from monitor.config import load_settings

from .conftest import Api

TEXT = st.text(max_size=30)
NAMES = st.sampled_from(["flight-delay", "churn", "recommender", "eu/nope"]) | TEXT
TIMES = st.datetimes().map(lambda t: t.isoformat() + "Z") | st.integers().map(str) | st.sampled_from(
    ["2026-03-04T12:00:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e300", "nan", "-1"]
)  # fmt: skip
SIZES = st.from_regex(r"\A\d{1,30}[smhdw]\Z") | TEXT
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "metric": st.lists(st.sampled_from(["auc", "drift", "predictions"]) | TEXT, max_size=4),
        "from": TIMES | TEXT,
        "to": TIMES | TEXT,
        "window": SIZES | TIMES,
        "column": st.sampled_from(["temp", ""]) | TEXT,
        "model": NAMES,
        "state": st.lists(st.sampled_from(["open", "resolved"]) | TEXT, max_size=3),
        "limit": st.integers().map(str) | TEXT,
    },
)
PATHS = st.sampled_from(["/v1/models", "/v1/incidents", "/v1/status"]) | st.one_of(
    st.builds("/v1/models/{}".format, NAMES),
    st.builds("/v1/metrics/{}".format, NAMES),
    st.builds("/v1/drift/{}".format, NAMES),
    st.builds("/v1/monitors/{}".format, NAMES),
    st.builds("/v1/incidents/{}".format, st.integers() | TEXT),
)


@pytest.fixture(scope="module")
def anyone(seeded_control: Path) -> Iterator[Api]:
    """One application for all requests, since they only read."""
    web = Web(load_settings(data_dir=seeded_control.parent))
    yield Api(web)
    web.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, query=QUERIES)
def test_no_question_is_a_server_error(anyone: Api, path: str, query: dict[str, object]) -> None:
    answer = anyone.get(_url_safe(path), params=query)
    assert answer.status_code in (200, 404, 405, 422)
    if answer.status_code != 200:
        assert answer.json().keys() == {"error"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60) | st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("by") | TEXT, inner, max_size=3),
    )
)  # fmt: skip
def test_no_acknowledgement_is_a_server_error(anyone: Api, body: object) -> None:
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"content-type": "application/json"}
    answer = anyone.post("/v1/incidents/1/acknowledge", headers=headers, **sent)  # type: ignore[arg-type]
    assert answer.status_code in (400, 409, 422)  # 409: this one is resolved
    assert answer.json().keys() == {"error"}


def _url_safe(path: str) -> str:
    return "".join(c if c == "/" else "".join(f"%{byte:02X}" for byte in c.encode()) for c in path)
