"""`nannyml_default` against constants that peers/nannyml_constants.py computed with NannyML 0.13.1."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitor.drift.presets import Finding, NannymlDefault
from monitor.points import Status

_SPEC = importlib.util.spec_from_file_location("constants", Path(__file__).parent / "peers" / "nannyml_constants.py")
assert _SPEC is not None
assert _SPEC.loader is not None
peers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(peers)

NANNYML = {
    0.5: {
        "amount": (0.24341670919974612, 0.4796114127800065, False),
        "price": (0.13962000319172335, 0.2180354040408539, False),
        "count": (0.27946680760522025, 0.5002494163404302, False),
        "plan": (0.14444197268132505, 0.1763718759658034, False),
        "active": (0.019546465841168294, 0.164165715049914, False),
        "gaps": (0.13124940860527207, 0.5519990167836322, False),
    },
    3.0: {
        "amount": (0.892828475403776, 0.4796114127800065, True),
        "price": (0.13962000319172335, 0.2180354040408539, False),
        "count": (0.6318859017641887, 0.5002494163404302, True),
        "plan": (0.18426157020329978, 0.1763718759658034, True),
        "active": (0.25736669526992406, 0.164165715049914, True),
        "gaps": (0.13648434426989886, 0.5519990167836322, False),
    },
}


@pytest.mark.parametrize("shift", NANNYML)
def test_values_thresholds_and_alerts_are_nannymls(shift: float) -> None:
    for verdict in NannymlDefault(chunk_rows=100).judge(*peers.frames(shift)):
        value, threshold, alert = NANNYML[shift][verdict.name]
        assert verdict.value == pytest.approx(value, rel=1e-9)
        assert verdict.threshold == pytest.approx(threshold, rel=1e-9)
        assert verdict.drifted is alert


def test_the_order_of_rows_is_that_of_time_where_there_is_one() -> None:
    reference, current = peers.frames(0.5)
    times = pd.date_range("2026-01-01", periods=len(reference), freq="h")
    shuffled = reference.assign(event_time=times).sample(frac=1, random_state=1)
    found = NannymlDefault(chunk_rows=100).judge(shuffled, current.assign(event_time=times[: len(current)]))
    assert [verdict.threshold for verdict in found] == pytest.approx([v[1] for v in NANNYML[0.5].values()])


def test_times_without_an_order_leave_the_rows_in_theirs() -> None:
    reference, current = peers.frames(0.5)
    lists = reference.assign(event_time=[np.arange(3)] * len(reference))
    preset = NannymlDefault(chunk_rows=100)
    assert preset.judge(lists, current) == preset.judge(reference, current)


def test_odd_columns_are_findings() -> None:
    few = np.arange(100.0)
    reference = pd.DataFrame(
        {"gone": few, "emptied": few, "texts": few, "infinite": np.append(few[1:], np.inf),
         "empty": np.full(100, np.nan), "day": pd.date_range("2026-01-01", periods=100), "lists": [[1]] * 100}
    )  # fmt: skip
    current = reference.drop(columns="gone").assign(emptied=np.nan, texts="a", new=1)
    found = {verdict.name: verdict for verdict in NannymlDefault().judge(reference, current)}
    assert {name: verdict.finding for name, verdict in found.items()} == {
        "gone": Finding.MISSING,
        "emptied": Finding.EMPTIED,
        "texts": Finding.TYPE_CHANGED,
        "infinite": Finding.NOT_JUDGED,
        "empty": Finding.NOT_JUDGED,
        "day": Finding.NOT_JUDGED,
        "lists": Finding.NOT_JUDGED,
        "new": Finding.NEW,
    }
    assert all(verdict.why and verdict.status is Status.UNDEFINED for verdict in found.values())
    assert NannymlDefault().judge(reference[:5], current)[1].why == "the reference has too few values for 10 chunks"
