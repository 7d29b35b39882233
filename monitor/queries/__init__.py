"""Read models: what the dashboard and the HTTP API show, as frozen dataclasses made from a `Database`.

Nothing here writes and nothing reads a clock: `now` is passed in. An unknown model, feature or incident raises
NotFound; an empty database gives empty lists.
"""

from monitor.db.pauses import PausedSource
from monitor.metrics import MetricInfo, describe, format_value
from monitor.queries.connect import Database, open_database
from monitor.queries.drift import (
    DriftRow,
    DriftTable,
    DriftWindow,
    FeatureDetail,
    drift_table,
    drift_windows,
    feature_detail,
)
from monitor.queries.evaluations import EvaluationRow, MonitorRow, evaluations, monitors
from monitor.queries.histograms import Histogram
from monitor.queries.incidents import (
    EventRow,
    IncidentDetail,
    IncidentRow,
    NotificationRow,
    RunRow,
    incident_detail,
    incidents,
)
from monitor.queries.models import BaselineInfo, Deployment, ModelSummary, VersionInfo, model_summary
from monitor.queries.overview import ModelRow, overview
from monitor.queries.quarantine import (
    QuarantineReason,
    QuarantineRecord,
    QuarantineSummary,
    paused_sources,
    quarantine,
    quarantine_reasons,
    quarantine_record,
    quarantine_summary,
)
from monitor.queries.ranges import RangeProfile, range_profile
from monitor.queries.series import SeriesPoint, series
from monitor.queries.sign_in import may_read, needs_key
from monitor.queries.slices import Slice, SliceTable, column_slices, segment_slices
from monitor.queries.states import State, baseline_progress, describe_bounds, describe_point, first_window
from monitor.queries.verdicts import verdict_series
from monitor.windows import format_duration

__all__ = [
    "BaselineInfo",
    "Database",
    "Deployment",
    "DriftRow",
    "DriftTable",
    "DriftWindow",
    "EvaluationRow",
    "EventRow",
    "FeatureDetail",
    "Histogram",
    "IncidentDetail",
    "IncidentRow",
    "MetricInfo",
    "ModelRow",
    "ModelSummary",
    "MonitorRow",
    "NotificationRow",
    "PausedSource",
    "QuarantineReason",
    "QuarantineRecord",
    "QuarantineSummary",
    "RunRow",
    "RangeProfile",
    "SeriesPoint",
    "Slice",
    "SliceTable",
    "State",
    "VersionInfo",
    "baseline_progress",
    "column_slices",
    "describe",
    "describe_bounds",
    "describe_point",
    "drift_table",
    "drift_windows",
    "evaluations",
    "feature_detail",
    "first_window",
    "format_duration",
    "format_value",
    "incident_detail",
    "incidents",
    "may_read",
    "model_summary",
    "monitors",
    "needs_key",
    "open_database",
    "overview",
    "paused_sources",
    "quarantine",
    "quarantine_reasons",
    "quarantine_record",
    "quarantine_summary",
    "range_profile",
    "segment_slices",
    "series",
    "verdict_series",
]
