"""Who may do what: nobody's key, each role's key, a revoked one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.app.web import Web
from monitor.db import keys
from monitor.db.keys import Role

from .conftest import Api
from .test_routes import READS

ACKNOWLEDGE = ("/v1/incidents/3/acknowledge", {"by": "mira"})
PREDICTION = ("/v1/predictions", {"model": "m", "prediction": 1})


@pytest.mark.parametrize("path", READS)
def test_while_there_is_no_key_this_machine_may_read_and_others_may_not(api: Api, path: str) -> None:
    assert api.get(path).status_code == 200
    answer = Api(api.web, "10.0.0.7").get(path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "only this machine may call" in answer.json()["error"]


def test_while_there_is_no_key_this_machine_may_write_and_pages_of_others_may_not(api: Api) -> None:
    path, body = ACKNOWLEDGE
    assert api.post(path, json=body, headers={"origin": "https://evil.example"}).status_code == 403
    assert api.post(path, json=body).status_code == 200
    assert api.post(PREDICTION[0], json=PREDICTION[1]).status_code == 202


@pytest.mark.parametrize("path", READS)
def test_each_role_reads_what_it_may(api: Api, path: str) -> None:
    ingest, reader, admin = (api.with_key(role) for role in (Role.INGEST, Role.READ, Role.ADMIN))
    assert [who.get(path).status_code for who in (ingest, reader, admin)] == [403, 200, 200]
    assert ingest.get(path).json() == {"error": "the API key has the role 'ingest'; accepted: 'read' or 'admin'"}
    assert api.get(path).status_code == 401  # once there is a key, this machine needs one as well


def test_only_an_admin_acknowledges(api: Api) -> None:
    path, body = ACKNOWLEDGE
    callers = [api.with_key(role) for role in Role]
    assert [who.post(path, json=body).status_code for who in callers] == [403, 403, 200]


def test_only_ingest_and_admin_keys_send(api: Api) -> None:
    path, body = PREDICTION
    callers = [api.with_key(role) for role in Role]
    assert [who.post(path, json=body).status_code for who in callers] == [202, 403, 202]


def test_a_revoked_key_is_no_key(api: Api, web: Web) -> None:
    api.with_key(Role.ADMIN)
    revoked = api.with_key(Role.READ)
    with web.db.session() as session:
        keys.revoke_key(session, 2, datetime.now(UTC))
    answer = revoked.get("/v1/models")
    assert (answer.status_code, answer.json()) == (
        401, {"error": "the API key is not valid; make one with: kedge key create"})  # fmt: skip


@pytest.mark.parametrize("header", ["Basic a2VkZ2U=", "Bearer", "Bearer ", "Bearer kedge_read_guess", "Bearer \u00e9"])
def test_a_header_that_is_no_valid_key_is_refused_even_here(api: Api, header: str) -> None:
    answer = api.get("/v1/models", headers={"Authorization": header.encode()})
    assert (answer.status_code, answer.json().keys()) == (401, {"error"})


def test_who_may_not_read_learns_nothing_of_names_or_parameters(api: Api) -> None:
    stranger = Api(api.web, "10.0.0.7")
    for path in ("/v1/models/nope", "/v1/incidents/abc", "/v1/metrics/x", "/v1/incidents?limit=0"):
        assert stranger.get(path).status_code == 401
    assert stranger.post("/v1/incidents/1/acknowledge", json={}).status_code == 401


def test_the_health_check_and_the_api_s_own_description_need_no_key(api: Api) -> None:
    api.with_key(Role.ADMIN)
    stranger = Api(api.web, "10.0.0.7")
    assert [stranger.get(path).status_code for path in ("/healthz", "/openapi.json", "/docs")] == [200, 200, 200]
