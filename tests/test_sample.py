"""The stored rows of a baseline: what goes in comes out, cut to a bound, chosen alike every time."""

from __future__ import annotations

import pyarrow as pa
import pytest

from monitor.db.models import Baseline
from monitor.errors import InvalidValue
from monitor.jobs import ensure_baselines
from monitor.privacy_settings import PrivacySettings, protected_names
from monitor.sample import LONGEST_TEXT, SAMPLE_ROWS, TIME, decode_sample, encode_sample, sample_features
from monitor.schemas import Feature, FeatureKind
from tests.jobs.site import Site, open_site
from tests.jobs.traffic import hours, settled


def test_rows_come_back_as_they_were() -> None:
    rows = pa.table(
        {"a": [1.5, None, float("inf")], "b": ["x", None, "y"], TIME: pa.array([1, 2, 3], pa.timestamp("us"))}
    )
    assert decode_sample(encode_sample(rows)).equals(rows)


def test_no_rows_come_back_with_their_columns() -> None:
    rows = pa.table({"a": pa.array([], pa.float64())})
    assert decode_sample(encode_sample(rows)).equals(rows)


def test_long_texts_are_cut() -> None:
    rows = decode_sample(encode_sample(pa.table({"note": ["é" * 5000, "short"]})))
    assert rows.column("note").to_pylist() == ["é" * LONGEST_TEXT, "short"]


def test_what_must_not_be_kept_is_left_out_although_it_was_stored() -> None:
    features = {name: Feature(name, FeatureKind.CATEGORICAL, name) for name in ("age", "Email", "user_id", "straße")}
    tables = {
        "*": PrivacySettings(drop=("e*",)),
        "churn": PrivacySettings(hash=("USER_?D", "STRA?E")),
        "other": PrivacySettings(drop=("age",)),
    }
    assert list(sample_features(features, protected_names(tables, "churn"))) == ["age", TIME]
    assert list(sample_features(features)) == ["age", "Email", "user_id", "straße", TIME]


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(InvalidValue, match="at most 5000 rows, not 5001"):
        encode_sample(pa.table({"a": range(SAMPLE_ROWS + 1)}))


def test_other_bytes_are_no_sample() -> None:
    with pytest.raises(InvalidValue, match="can't be read"):
        decode_sample(b"not arrow at all")


def test_a_baseline_keeps_its_sample(sqlite_db: object, tmp_path: object) -> None:
    site: Site = open_site(sqlite_db, tmp_path)  # type: ignore[arg-type]
    site.send(hours(0, 7), settled(6))
    ensure_baselines(site.stores, settled(7))
    with site.stores.db.reading() as session:
        baseline = session.query(Baseline).one()
        assert baseline.sample is not None
        rows = decode_sample(baseline.sample)
    # The first 500 of 700 rows are the baseline's.
    assert rows.num_rows == baseline.rows == 500
    assert {TIME, "prediction", "score"} < set(rows.column_names)
    assert max(rows.column(TIME).to_pylist()) == baseline.end
