"""Evidently's drift report of two sets of rows, as one HTML page.

The verdicts on this page are Evidently's, by its own defaults; Kedge's are on the dashboard. It shows every column's
two distributions in a form that many data scientists know.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import InvalidValue
from monitor.schemas import Feature, FeatureKind

LEAST_ROWS = 2


def drift_report(reference: pa.Table, current: pa.Table, features: Mapping[str, Feature]) -> str:
    """The page, complete in itself. Columns without a value on either side are left out: Evidently refuses them.

    Raises InvalidValue when either side has fewer than two rows, or when no column can be compared.
    """
    for name, rows in (("reference", reference), ("current", current)):
        if rows.num_rows < LEAST_ROWS:
            raise InvalidValue(f"the {name} rows are too few for a report: {rows.num_rows}, {LEAST_ROWS} needed")
    usable = [
        name
        for name in reference.column_names
        if name in current.column_names and min(_values(reference, name), _values(current, name)) > 0
    ]
    if not usable:
        raise InvalidValue("no column has values on both sides")
    # Evidently takes seconds to import, so it is imported where it is used.
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numeric = [name for name in usable if _is_numeric(name, features)]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in usable if name not in numeric]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sides = [
            Dataset.from_pandas(rows.select(usable).to_pandas(), data_definition=definition)
            for rows in (current, reference)
        ]
        html: str = Report([DataDriftPreset()]).run(*sides).get_html_str(as_iframe=False)
    return html


def _is_numeric(name: str, features: Mapping[str, Feature]) -> bool:
    return name == "score" or (name in features and features[name].kind is FeatureKind.NUMERIC)


def _values(rows: pa.Table, name: str) -> int:
    column = rows.column(name)
    if pa.types.is_floating(column.type):
        return int(pc.sum(pc.is_finite(column)).as_py() or 0)
    return int(len(column) - column.null_count)
