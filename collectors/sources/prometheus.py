"""A model server's /metrics page: calls, errors and latencies of endpoints that log no payload.

No prediction is made up of it: what was served between two looks is a service sample in the control database, which
the evaluation of a window adds to what the window's log says. A sample is known by where it begins, so one that is
written again after a crash takes the place of the first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
from pydantic import Field

from collectors.formats.reading import said
from collectors.sources.prometheus_counts import Series, growth, read_series, served
from collectors.sources.prometheus_usage import usage
from collectors.sources.registry import Options, Piece, SourceContext
from monitor.config import resolve_secret
from monitor.db import service_samples
from monitor.db.service_samples import NewSample
from monitor.errors import ConfigError, InvalidValue, Unavailable
from monitor.profiles import ServiceProfile
from monitor.records import check_model_name

log = logging.getLogger(__name__)

MEMORY = timedelta(days=90)
"""How long samples are kept; windows that are reopened later than that lose them."""


class PrometheusOptions(Options):
    """Settings of a Prometheus source."""

    url: str | list[str] = Field(description="Addresses of /metrics pages; every replica of a server has its own.")
    models: dict[str, str] = Field(
        {},
        description="Name of a model (BentoML: endpoint) at the server → its name here. Empty takes all by their own.",
    )
    headers: dict[str, str] = Field({}, description="Sent along, such as Authorization; env: and file: are looked up.")
    timeout_seconds: float = Field(10, gt=0, le=60, description="Time limit of one look.")
    max_bytes: int = Field(16 * 2**20, ge=1024, description="Largest page that is read.")


class PrometheusSource:
    """The pages of one setting, looked at every `poll_seconds`."""

    poll_seconds = 15.0

    def __init__(self, context: SourceContext) -> None:
        self._options: PrometheusOptions = PrometheusOptions.of(context)
        urls = self._options.url
        self._urls = [urls] if isinstance(urls, str) else list(urls)
        for url in self._urls:
            if not url.startswith(("http://", "https://")):
                raise ConfigError(
                    f"source {context.name!r}: url {url!r} is not accepted; accepted: http:// or https://"
                )
        self._context = context
        self._every = context.settings.poll_seconds or self.poll_seconds
        self._client: httpx.Client | None = None

    def read(self, position: Any) -> Iterator[Piece]:
        looks: dict[str, Any] = dict(position or {})
        failed = []
        for number, url in enumerate(self._urls):
            now, before = self._context.clock(), looks.get(url)
            if before and (now - datetime.fromisoformat(before["at"])).total_seconds() < self._every:
                continue
            try:
                after = read_series(self._fetch(url))
            except Unavailable as error:
                failed.append(f"{url}: {error}")
                continue
            if before:
                start = datetime.fromisoformat(before["at"])
                self._store(f"{self._context.name}#{number}", start, now, before["series"], after)
            looks = {**looks, url: {"at": now.isoformat(), "series": after}}
            yield Piece(b"", looks, moment=now)
        if failed:
            raise Unavailable("; ".join(failed))

    def done(self, position: Any) -> None:
        pass

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _store(self, source: str, start: datetime, end: datetime, before: Series, after: Series) -> None:
        if self._context.db is None:
            raise ConfigError(f"source {self._context.name!r} needs the control database")
        used = usage(before, after, (end - start).total_seconds())
        samples = [
            NewSample(name, version, start, end, msgspec.structs.replace(each, resources=used))
            for (model, version), each in served(growth(before, after)).items()
            if (name := self._model(model, each))
        ]
        with self._context.db.session() as session:
            left_out = service_samples.save_samples(session, source, samples, self._context.limits.max_models, end)
            service_samples.forget_before(session, end - MEMORY)
        for name in left_out:
            log.warning("source %r: model %r is left out: there are max_models models already", source, name)

    def _model(self, name: str, each: ServiceProfile) -> str | None:
        """The model's name here; None for one that is not wanted, or that only a failed call named."""
        known = self._options.models
        name = known.get(name, "") if known else name
        if each.errors == each.rows and not known:
            return name if self._is_known(name) else None
        try:
            return check_model_name(name) if name else None
        except InvalidValue:
            return None

    def _is_known(self, name: str) -> bool:
        assert self._context.db is not None
        with self._context.db.reading() as session:
            return service_samples.is_model(session, name)

    def _fetch(self, url: str) -> str:
        options, content = self._options, b""
        headers = {name: resolve_secret(value) for name, value in options.headers.items()}
        if self._client is None:
            self._client = httpx.Client(timeout=options.timeout_seconds, trust_env=False, follow_redirects=False)
        try:
            with self._client.stream("GET", url, headers={"Accept": "text/plain", **headers}) as response:
                for part in response.iter_bytes():
                    content += part
                    if len(content) > options.max_bytes:
                        raise Unavailable(f"the page has more than max_bytes = {options.max_bytes}")
            if response.status_code != 200:
                raise Unavailable(f"it answered with status {response.status_code}")
        except httpx.HTTPError as error:
            raise Unavailable(said(error) or type(error).__name__) from error
        return content.decode("utf-8", "replace")
