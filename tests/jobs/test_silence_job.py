"""Silence: an alarm when nothing comes where something should, by the model's own rhythm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from monitor.db.database import Session
from monitor.db.models import Evaluation, Model, Monitor
from monitor.db.results import EvaluationRow
from monitor.jobs import check_silence, silence_job
from monitor.jobs.silence_job import judge_silence
from tests.jobs.conftest import MakeSite
from tests.jobs.site import DAY, HOUR, START, Site
from tests.jobs.traffic import hour, hours, settled

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
CONSTANT = [MONDAY + index * HOUR for index in range(48)]
OFFICE = [MONDAY + day * DAY + index * HOUR for day in (0, 1, 2, 3, 4, 7, 8) for index in range(9, 17)]
NIGHTS = [MONDAY + day * DAY + index * HOUR for day in range(4) for index in range(9, 17)]


@pytest.mark.parametrize(
    ("starts", "quiet", "verdict"),
    [
        pytest.param(CONSTANT, timedelta(minutes=10), "ok", id="constant traffic"),
        pytest.param(CONSTANT, 2 * HOUR, "ok", id="constant traffic, as long as twice its window"),
        pytest.param(CONSTANT, 2 * HOUR + timedelta(seconds=1), "breach", id="constant traffic stopped"),
        pytest.param(NIGHTS, 16 * HOUR, "ok", id="office hours, the night"),
        pytest.param(OFFICE[:32] + OFFICE[40:], 8 * DAY, "breach", id="office hours, a week is missing after a rest"),
        pytest.param(OFFICE, 65 * HOUR, "ok", id="office hours, the weekend"),
        pytest.param(OFFICE, 8 * DAY, "breach", id="office hours, a week is missing"),
        pytest.param(CONSTANT[:7], 9 * DAY, "insufficient", id="seven windows tell no rhythm"),
        pytest.param(CONSTANT[:9], 16 * HOUR, "insufficient", id="the first night of a model that began this morning"),
        pytest.param(CONSTANT[:25], 3 * HOUR, "breach", id="a day and a night of constant traffic do"),
        pytest.param(NIGHTS, 65 * HOUR, "ok", id="office hours, the first weekend"),
        pytest.param(NIGHTS, 73 * HOUR, "breach", id="office hours, longer than any weekend"),
        pytest.param([], 9 * DAY, "insufficient", id="no window at all"),
    ],
)
def test_what_is_silence_depends_on_the_rhythm(starts: list[datetime], quiet: timedelta, verdict: str) -> None:
    last = starts[-1] if starts else MONDAY
    found = judge_silence(starts, starts, last, HOUR, 2, last + quiet)
    assert found.verdict == verdict
    if verdict != "insufficient":
        assert found.quiet == quiet
        assert "usual for this model" in found.reason


def test_a_log_that_is_uploaded_once_a_day_is_silent_only_after_days() -> None:
    first = [MONDAY + 2 * DAY] * 48
    assert judge_silence(CONSTANT, first, first[-1], HOUR, 2, first[-1] + 30 * DAY).verdict == "insufficient"
    uploads = [MONDAY + (index // 24 + 1) * DAY for index in range(48)]
    assert judge_silence(CONSTANT, uploads, uploads[-1], HOUR, 2, uploads[-1] + 47 * HOUR).verdict == "ok"
    assert judge_silence(CONSTANT, uploads, uploads[-1], HOUR, 2, uploads[-1] + 80 * HOUR).verdict == "breach"


def test_a_model_that_cannot_be_judged_keeps_no_other_from_being_silent(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    healthy = make_site()
    broken = Site(healthy.stores, model="a-broken-one")
    for each in (broken, healthy):
        each.send(hour(0, rows=2), settled(0))
    healthy.onboard(settled(0))

    def failing(session: Session, model: Model, monitor: Monitor, now: datetime) -> bool:
        if model.name == broken.model:
            raise RuntimeError("odd")
        return True

    monkeypatch.setattr(silence_job, "_check", failing)
    assert check_silence(healthy.stores, settled(0)) == 1
    assert "could not be judged; it will be again" in caplog.text


def test_a_model_that_never_received_anything_is_not_silent() -> None:
    found = judge_silence([], [], None, HOUR, 2, MONDAY)
    assert (found.verdict, found.quiet) == ("insufficient", timedelta(0))


def test_reasons_are_told_in_the_largest_units() -> None:
    short = judge_silence(CONSTANT, CONSTANT, MONDAY, HOUR, 1, MONDAY + timedelta(minutes=95)).reason
    long = judge_silence(CONSTANT, CONSTANT, MONDAY, HOUR, 3, MONDAY + timedelta(hours=30)).reason
    assert short == "nothing received for 1 h 35 min; up to 1 h is usual for this model"
    assert long == "nothing received for 1 d 6 h; up to 3 h is usual for this model"


def a_day_of_traffic(site: Site) -> None:
    """Twenty-five hours, each received when it was over, of a model that is watched from its first hour on."""
    for index in range(25):
        site.send(hour(index, rows=5), settled(index))
        site.onboard(settled(index))


def test_silence_opens_one_critical_or_warning_incident_and_the_next_rows_end_it(site: Site) -> None:
    a_day_of_traffic(site)
    last = settled(24)
    assert check_silence(site.stores, last + HOUR) == 0
    assert site.incidents() == []
    for minutes in (121, 122, 240):
        assert check_silence(site.stores, last + timedelta(minutes=minutes)) == 1
    [incident] = site.incidents()
    assert (incident.metric, incident.title) == ("silence", "churn: no predictions arrive")
    assert incident.evidence["unit"] == "s"
    site.send(hour(29), settled(29))
    assert check_silence(site.stores, settled(29)) == 0
    [over] = site.incidents()
    assert over.state == "resolved"
    assert [event.kind for event in site.timeline()] == ["opened", "resolved"]


def test_nights_without_rows_are_part_of_the_rhythm_even_if_the_model_came_with_its_whole_history(site: Site) -> None:
    """Onboarding must not make windows where there were no rows: they would look like traffic around the clock."""
    for day in range(9):
        site.send(hours(24 * day, 24 * day + 4, rows=5), settled(24 * day + 3))
    last = settled(24 * 8 + 3)
    site.onboard(last)
    # The windows are made by onboarding, so their receipt is that of the last rows: another day of it is needed.
    site.send(hours(24 * 9, 24 * 9 + 4, rows=5), settled(24 * 9 + 3))
    site.send(hours(24 * 10, 24 * 10 + 4, rows=5), settled(24 * 10 + 3))
    last = settled(24 * 10 + 3)
    assert check_silence(site.stores, last + 41 * HOUR) == 0
    assert check_silence(site.stores, last + 73 * HOUR) == 1


def test_two_workers_may_look_at_once(site: Site) -> None:
    a_day_of_traffic(site)
    late = settled(24) + 5 * HOUR
    with ThreadPoolExecutor(3) as pool:
        assert [each.result() for each in [pool.submit(check_silence, site.stores, late) for _ in range(3)]] == [1] * 3
    assert len(site.incidents()) == len(site.timeline()) == len(site.evaluations("silence")) == 1


def test_a_model_with_too_few_windows_is_never_silent(site: Site) -> None:
    site.send(hours(0, 3), settled(2))
    site.onboard(settled(2))
    assert check_silence(site.stores, settled(2) + 30 * DAY) == 0
    [evaluation] = site.evaluations("silence")
    assert evaluation.verdict == "insufficient"
    assert evaluation.reason == "3 windows in 0 s tell no rhythm yet; a day of receiving is needed"


def test_a_missed_night_run_is_found_in_the_morning_once_the_nights_are_known(plain_site: Site) -> None:
    """Without the hours of the week two days without a row would be needed."""
    site = plain_site
    for day in range(19, 28):
        site.send(hour(24 * day + 6, rows=5), settled(24 * day + 6))
        site.onboard(settled(24 * day + 6))
    note_quiet_nights(site, 28)
    last = settled(24 * 27 + 6)
    missed = [check_silence(site.stores, last + 24 * HOUR + index * HOUR) for index in range(10)]
    assert (missed[0], missed[-1]) == (0, 1)
    [incident] = site.incidents()
    assert "at this hour of the week up to" in incident.evidence["summary"]


def note_quiet_nights(site: Site, days: int) -> None:
    """What the looks of so many days noted of a model that has rows in the sixth hour of each."""
    monitor = site.monitors()["silence"].id
    with site.stores.db.session() as session:
        for index in range(7, 24 * days + 6):
            quiet = ((index - 6) % 24) * 3600.0
            row = EvaluationRow(monitor, 1, "ok", quiet, None, None, 0, "", {})
            session.add(Evaluation(**asdict(row), window_start=START + index * HOUR, segment="all", evaluated_at=START))
