"""A model that only counters tell of is watched like any other: throughput, errors, latency, and an incident."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.db import catalog, service_samples
from monitor.db.models import Incident, MetricPoint
from monitor.db.service_samples import NewSample
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.windows import Window
from tests.jobs.conftest import _settings_of_its_own, make_site, plain_site, site
from tests.jobs.site import HOUR, SETTLE, START, Site

__all__ = ["_settings_of_its_own", "make_site", "plain_site", "site"]
SCRAPE = timedelta(minutes=5)


def serve(site: Site, hour: int, calls: int = 600, failed: int = 0, latency_ms: float = 20.0) -> datetime:
    """Twelve looks at the counters in one hour; returns when the hour is over."""
    begin = START + hour * HOUR
    sketch = LatencySketch.of([latency_ms] * (calls // 12))
    for number in range(12):
        start = begin + number * SCRAPE
        end = min(start + SCRAPE, begin + HOUR - timedelta(seconds=1))
        one = ServiceProfile(calls // 12, calls / 12, 0, failed // 12, sketch)
        with site.stores.db.session() as session:
            service_samples.save_samples(session, "prom#0", [NewSample(site.model, "", start, end, one)], 100, end)
    return begin + HOUR


def points(site: Site, hour: int) -> dict[str, float | None]:
    begin = START + hour * HOUR
    return {p.metric: p.value for p in site.read(MetricPoint) if p.start == begin and not p.metric_column}


def test_counters_become_the_windows_service_metrics(site: Site) -> None:
    serve(site, 0)
    site.onboard(START + HOUR)
    now = serve(site, 1, calls=1200, failed=12, latency_ms=50)
    assert site.work(now + 2 * SETTLE)
    found = points(site, 1)
    assert found["predictions"] == 1200
    assert found["throughput"] == 1200 / 3600
    assert found["error_rate"] == 0.01
    assert abs((found["latency_p95"] or 0) - 50) < 1


def test_failing_calls_open_an_incident_and_recovery_resolves_it(plain_site: Site) -> None:
    site = plain_site
    serve(site, 0)
    site.onboard(START + HOUR)
    for hour, failed in ((1, 0), (2, 120), (3, 0), (4, 0)):
        site.work(serve(site, hour, failed=failed) + 2 * SETTLE)
    (incident,) = site.read(Incident)
    assert (incident.metric, incident.state) == ("error_rate", "resolved")


def test_the_models_limit_holds_for_counted_ones_too(site: Site) -> None:
    one = NewSample("a", "", START, START + SCRAPE, ServiceProfile(1, 1.0))
    other = NewSample("b", "", START, START + SCRAPE, ServiceProfile(1, 1.0))
    with site.stores.db.session() as session:
        assert service_samples.save_samples(session, "prom#0", [one, other], 1, START) == ["b"]
    with site.stores.db.reading() as session:
        assert [model.name for model in catalog.list_models(session)] == ["a"]


def test_old_samples_are_forgotten(site: Site) -> None:
    serve(site, 0)
    with site.stores.db.session() as session:
        service_samples.forget_before(session, START + HOUR / 2)
    with site.stores.db.reading() as session:
        model = catalog.find_model(session, site.model)
        assert service_samples.served_in(session, model.id, Window(START, HOUR)).rows == 350
