"""Predictions beside their latest labels, by SQL."""

from __future__ import annotations

from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, one_row
from monitor.profiles import ErrorProfile, LabelledProfile, ScoreProfile
from monitor.profiles.labelled import SCORE_BINS_PER_UNIT
from monitor.schemas import Task

# The latest label of each prediction of the window, beside what was predicted.
JOINED = """(SELECT w.prediction, w.prediction_value, w.score, l.label, l.label_value FROM w JOIN
  (SELECT prediction_id, arg_max(label, (label_time, received_time)) AS label,
          arg_max(label_value, (label_time, received_time)) AS label_value
   FROM labels WHERE prediction_id IN (SELECT prediction_id FROM w) GROUP BY 1) AS l
  USING (prediction_id) WHERE w.prediction IS NOT NULL)"""
_COUNTS = f"SELECT (SELECT count(*) FROM {JOINED}), (SELECT count(*) FROM w WHERE prediction IS NOT NULL)"
_CONFUSION = f"SELECT label, prediction, count(*) FROM {JOINED} GROUP BY ALL"
# Scores are not always probabilities; those that no bucket could number are held back to a trillion.
_SCORES = f"""SELECT floor(greatest(least(score, 1e12), -1e12) * {SCORE_BINS_PER_UNIT})::BIGINT AS bucket,
  count(*) FILTER (WHERE label <> $1), count(*) FILTER (WHERE label = $1)
  FROM {JOINED} WHERE isfinite(score) GROUP BY 1"""
# Beyond this an error is a broken value: its square is more than a float can hold.
LARGEST_ERROR = 1e150
_ERRORS = f"""SELECT count(*), coalesce(sum(e), 0), coalesce(sum(abs(e)), 0), coalesce(sum(e * e), 0)
  FROM (SELECT prediction_value - label_value AS e FROM {JOINED}) WHERE abs(e) < {LARGEST_ERROR}"""


def read_labelled(connection: Connection, request: ProfileRequest) -> LabelledProfile:
    """The labelled rows of the window `w`, as counts and sums that merge."""
    labelled, predicted = one_row(connection.execute(_COUNTS))
    match request.task:
        case Task.REGRESSION:
            errors = ErrorProfile(*one_row(connection.execute(_ERRORS)))
            return LabelledProfile(labelled, predicted, errors=errors)
        case Task.BINARY | Task.MULTICLASS:
            confusion: dict[str, dict[str, int]] = {}
            for label, prediction, count in connection.execute(_CONFUSION).fetchall():
                confusion.setdefault(label, {})[prediction] = count
            return LabelledProfile(labelled, predicted, confusion, _scores(connection, request))
        case _:
            return LabelledProfile(labelled, predicted)


def _scores(connection: Connection, request: ProfileRequest) -> ScoreProfile:
    if request.task is not Task.BINARY or request.positive_class is None:
        return ScoreProfile()
    rows = connection.execute(_SCORES, [request.positive_class]).fetchall()
    return ScoreProfile({bucket: (negatives, positives) for bucket, negatives, positives in rows})
