"""Ids that callers put into a column of their data, for servers whose log has none or one that nobody else knows."""

from __future__ import annotations

from collectors.calls import usable_id
from collectors.wire import WirePrediction
from monitor.config import MappingSettings


def with_own_ids(records: list[WirePrediction], mapping: MappingSettings) -> list[WirePrediction]:
    """The records with the ids in the column that the mapping's `prediction_id` names, which is no feature then.

    A row without a value in that column keeps the id it has.
    """
    column = mapping.fields.get("prediction_id")
    if column:
        for record in records:
            value = record.features.pop(column, None)
            if value is not None:
                record.prediction_id = usable_id(str(value)) or record.prediction_id
    return records
