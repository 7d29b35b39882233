"""The ways in which a column's unit may change: temperatures, powers of ten, time, lengths, weights, logarithms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way in which a column's unit may change; only values between `low` and `high` can have had the old one."""

    name: str
    scale: float = 1.0
    offset: float = 0.0
    form: str = "x"
    low: float = -np.inf
    high: float = np.inf

    @property
    def is_plain_factor(self) -> bool:
        """Whether it is one that values may well be multiplied by in the real world: below ten, without an offset."""
        return self.form == "x" and not self.offset and 0.1 < abs(self.scale) < 10

    def __call__(self, values: Values) -> Values:
        return self.scale * _FORMS[self.form](values) + self.offset


_FORMS: dict[str, Callable[[Values], Values]] = {
    "x": lambda x: x,
    "log(x)": np.log,
    "log(1 + x)": np.log1p,
    "log10(x)": np.log10,
    "exp(x)": np.exp,
    "10^x": lambda x: np.power(10.0, x),
    "1/x": lambda x: 1 / x,
}


def _both_ways(left: str, right: str, scale: float) -> tuple[Conversion, Conversion]:
    return Conversion(f"{left} → {right}", scale), Conversion(f"{right} → {left}", 1 / scale)


KNOWN: tuple[Conversion, ...] = (
    Conversion("°C → °F", 1.8, 32.0),
    Conversion("°F → °C", 1 / 1.8, -32 / 1.8),
    Conversion("°C → K", 1.0, 273.15),
    Conversion("K → °C", 1.0, -273.15),
    *(Conversion(f"times {10**k:,}", 10.0**k) for k in range(1, 10)),
    *(Conversion(f"divided by {10**k:,}", 10.0**-k) for k in range(1, 10)),
    *_both_ways("minutes", "seconds", 60.0),
    *_both_ways("hours", "seconds", 3600.0),
    *_both_ways("days", "hours", 24.0),
    *_both_ways("days", "seconds", 86400.0),
    *_both_ways("years", "months", 12.0),
    *_both_ways("weeks", "days", 7.0),
    *_both_ways("years", "days", 365.25),
    *_both_ways("miles", "kilometres", 1.609344),
    *_both_ways("feet", "metres", 0.3048),
    *_both_ways("inches", "centimetres", 2.54),
    *_both_ways("pounds", "kilograms", 0.45359237),
    *_both_ways("m/s", "km/h", 3.6),
    *_both_ways("knots", "km/h", 1.852),
    *_both_ways("degrees", "radians", float(np.pi / 180)),
    *_both_ways("KiB", "bytes", 1024.0),
    *_both_ways("MiB", "bytes", 1024.0**2),
    Conversion("the sign", -1.0, low=0.0),
    Conversion("the sign", -1.0, high=0.0),
    Conversion("share → rest", -1.0, 1.0, low=0.0, high=1.0),
    Conversion("percent → rest", -1.0, 100.0, low=0.0, high=100.0),
    *(Conversion("", form=form) for form in _FORMS if form != "x"),
)
