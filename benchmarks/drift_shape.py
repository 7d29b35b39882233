"""The columns of the drift benchmark's rows, and the day they are spread over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.schemas import Feature, FeatureKind

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shape:
    """So many rows of so many columns, three quarters of which hold numbers."""

    rows: int
    columns: int = 20

    @property
    def features(self) -> dict[str, Feature]:
        numbers = self.columns * 3 // 4
        names = [f"n{i}" for i in range(numbers)] + [f"c{i}" for i in range(self.columns - numbers)]
        kinds = {"n": FeatureKind.NUMERIC, "c": FeatureKind.CATEGORICAL}
        return {name: Feature(name, kinds[name[0]], f"feature_{name}") for name in names}

    def __str__(self) -> str:
        return f"{self.rows:,} × {self.columns:,}"
