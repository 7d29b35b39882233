"""docs/reference/api.md, from the OpenAPI document of the HTTP process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from collectors.sources.http import PATHS
from docs.generate.markdown import code, join, table
from monitor.app.web import Web
from monitor.config import load_settings
from monitor.db.keys import Role, create_key

_INTRO = """# HTTP API

One process (`kedge collect`, or `kedge up`) answers on `host:port`, 127.0.0.1:8600 unless set otherwise. `/docs` shows
this API in a browser and `/openapi.json` describes it for programs; these two answer without a key.

A key goes into `Authorization: Bearer KEY` or `X-API-Key: KEY`. It has one role; `admin` may do everything. As long as
no key exists, this machine may call without one. Names of models may hold slashes, so they come last in a path. Times
are ISO 8601 with their zone; durations are in ISO 8601 as well.

Every error is `{"error": "…"}`, with 401 (a valid key is needed), 403 (the key has another role), 404 (there is no such
thing), 409 (somebody was faster), 422 (a parameter is not usable) or 503 (try again)."""


def page() -> str:
    described = describe()
    parts = [_INTRO]
    for path, operations in described.document["paths"].items():
        for method, operation in operations.items():
            parts += _operation(method.upper(), path, operation, described.roles.get((method.upper(), path)))
    parts.append("## Shapes")
    for name, schema in described.document["components"]["schemas"].items():
        if not name.startswith(("HTTPValidation", "Validation")):
            parts += [f"### {name}", _docstring(schema), _fields(schema)]
    return join(*parts)


@dataclass(frozen=True, slots=True)
class Description:
    """The OpenAPI document, and the role that each (method, path) asks for; what is absent asks for none."""

    document: Mapping[str, Any]
    roles: Mapping[tuple[str, str], Role]


def describe() -> Description:
    """Ask an application with empty stores of its own, once per path and role."""
    with tempfile.TemporaryDirectory(prefix="kedge-docs-") as folder:
        web = Web(load_settings(data_dir=Path(folder), database_url=f"sqlite:///{folder}/control.sqlite"))
        try:
            now = datetime.now(UTC)
            with web.db.session() as session:
                keys = {role: create_key(session, role, role, now) for role in Role}
            document = web.api.openapi()
            operations = [(m.upper(), path) for path, methods in document["paths"].items() for m in methods]
            return Description(document, asyncio.run(_roles(web.app, operations, keys)))
        finally:
            web.close()


async def _roles(
    app: ASGIApp, operations: Sequence[tuple[str, str]], keys: Mapping[Role, str]
) -> dict[tuple[str, str], Role]:
    """The least role that each operation lets in; those that need no key are absent."""
    found: dict[tuple[str, str], Role] = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kedge") as client:
        for method, path in operations:
            for role in (None, *keys):
                headers = {"X-API-Key": keys[role]} if role else {}
                answer = await client.request(method, path.replace("{incident_id}", "1"), headers=headers)
                if answer.status_code not in (401, 403):
                    found |= {(method, path): role} if role else {}
                    break
    return found


def _operation(method: str, path: str, operation: Mapping[str, Any], role: Role | None) -> list[str]:
    answers = operation["responses"]
    return [
        f"## {method} {path}",
        f"{operation['summary']}. " + (f"Role `{role.value}`." if role else "No key is needed."),
        table(
            ["parameter", "in", "type", "meaning"],
            [
                [code(p["name"]) + (" (needed)" if p.get("required") else ""), p["in"], _type(p["schema"]), _said(p)]
                for p in operation.get("parameters", [])
            ],
        ),
        _body(operation.get("requestBody")),
        "\n".join(f"- {status}: {_answer(answer)}" for status, answer in answers.items() if _is_own(path, status)),
    ]


def _is_own(path: str, status: str) -> bool:
    """Whether the answer is this route's own; the errors that all routes share are told once, above."""
    return path in PATHS.values() or int(status) < 400


def _said(parameter: Mapping[str, Any]) -> str:
    return str(parameter.get("description") or parameter["schema"].get("description") or "")


def _body(body: Mapping[str, Any] | None) -> str:
    if body is None:
        return ""
    schema = body["content"]["application/json"]["schema"]
    if "$ref" in schema:
        return f"Body: {_type(schema)}."
    return "Body: the records, as in [Records and answers](../records.md#the-request)."


def _answer(answer: Mapping[str, Any]) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    shape = "" if "properties" in schema or not schema else _type(schema)
    said = answer["description"].rstrip(".")
    if said in ("Successful Response", "Validation Error"):
        said = "" if shape else said
    return ", ".join(filter(None, [said, shape if shape != "object" else ""])) or "an object"


def _docstring(schema: Mapping[str, Any]) -> str:
    text = str(schema.get("description", ""))
    values = schema.get("enum")
    return join(text, "One of " + ", ".join(map(code, values)) + ".") if values else text


def _fields(schema: Mapping[str, Any]) -> str:
    return table(
        ["field", "type"], [[code(name), _type(field)] for name, field in schema.get("properties", {}).items()]
    )


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "prefixItems" in schema:
        return "[" + ", ".join(_type(each) for each in schema["prefixItems"]) + "]"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    return {"date-time": "time", "duration": "duration"}.get(schema.get("format", ""), str(kind))
