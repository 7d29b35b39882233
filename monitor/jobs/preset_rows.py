"""Presets that compare rows: the window's rows and the baseline's are read only when a monitor asks for one."""

from __future__ import annotations

from dataclasses import replace

from monitor.baselines import NumericBins
from monitor.db import catalog
from monitor.db.database import Session
from monitor.db.models import Baseline
from monitor.drift import ColumnVerdict
from monitor.drift.presets import PresetVerdict, get_preset
from monitor.evaluation import WindowFacts
from monitor.jobs.judging import Facts
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Watched
from monitor.points import Status
from monitor.sample import decode_sample, trim_texts
from monitor.segments import ALL

MOST_ROWS = 100_000


def with_preset_verdicts(
    stores: Stores, session: Session, watched: Watched, preset: str, facts: Facts
) -> dict[str, WindowFacts]:
    """The facts of the whole window with a preset's verdicts on its rows (at most 100,000, always the same ones).

    The rows it compares with are the baseline's stored sample; without one every feature is undecided. Segments, which
    have no sample of their own, are left out.
    """
    whole = facts.get(ALL)
    if whole is None or watched.baseline is None or watched.baseline_id is None:
        return {key: each for key, each in facts.items() if key == ALL}
    features = catalog.read_features(session, watched.model.id)
    stored = session.get_one(Baseline, watched.baseline_id).sample
    if stored is None:
        return {ALL: replace(whole, column_verdicts=[_undecided(name) for name in watched.baseline.columns])}
    window = watched.window
    predictions = stores.predictions(watched.model.name, window.start, window.end)
    rows = trim_texts(stores.engine.rows(predictions, window.start, window.end, features, MOST_ROWS))
    answer = "score" if isinstance(watched.baseline.prediction, NumericBins) else "prediction"
    verdicts = get_preset(preset, [*features, answer]).judge(decode_sample(stored), rows)
    columns = [_as_verdict(verdict, rows.num_rows) for verdict in verdicts if verdict.name in features]
    answers = [_as_verdict(v, rows.num_rows) for v in verdicts if v.name == answer and answer not in features]
    return {ALL: replace(whole, column_verdicts=columns, prediction_verdict=answers[0] if answers else None)}


def _as_verdict(verdict: PresetVerdict, rows: int) -> ColumnVerdict:
    return ColumnVerdict(
        verdict.name,
        verdict.value,
        rows,
        verdict.threshold or 0.0,
        verdict.p_value,
        verdict.drifted,
        verdict.status,
        verdict.why,
    )


def _undecided(name: str) -> ColumnVerdict:
    why = "the baseline keeps no rows; make a new one to judge by a preset"
    return ColumnVerdict(name, None, 0, 0.0, None, False, Status.UNDEFINED, why)
