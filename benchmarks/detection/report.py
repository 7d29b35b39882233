"""The figures as tables for people and as one line of JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.detection.detectors import DETECTORS
from benchmarks.detection.false_alarms import Rates
from benchmarks.detection.power import Power, lead
from benchmarks.detection.streams import Delay, delay_ratio

_METHOD = """\
`make bench-detection` writes this part. Baselines have 5,000 rows, from fixed seeds. In the first table everybody
decides by its own defaults: Kedge as a new model is watched (one window, before persistence), Evidently at its
thresholds, NannyML three deviations above the mean of its reference chunks, and tests (KS, chi-squared) at 5 % with
Bonferroni's correction. In the second each detector's limit is set so that 1 % of windows of twenty calm columns alarm,
so that no tool wins by alarming more; all see the same windows, and Kedge its baseline in ten blocks, as it keeps them;
each kind is the mean of several magnitudes at 100 and 1,000 rows. The peers' values are computed by their formulas,
which tests compare with the packages' own."""


@dataclass(frozen=True, slots=True)
class Results:
    """`outliers`: with one value of 1e6, share of calm windows alarmed and of shifted ones found."""

    rates: Sequence[Rates]
    powers: Sequence[Power]
    delays: Sequence[Delay]
    tiny_shift_alarms: int
    outliers: tuple[float, float]

    def figures(self) -> dict[str, object]:
        ratio = delay_ratio(list(self.delays))
        return {
            "bench": "detection",
            "false_alarm_max": round(max(rates.found["Kedge"] or 0.0 for rates in self.rates), 4),
            "power_gap_worst": round(max(power.gap for power in self.powers), 1),
            "power_lead_mean": round(lead(self.powers), 1),
            "tiny_shift_alarms": self.tiny_shift_alarms,
            "delay_ratio": None if ratio is None else round(ratio, 3),
            "outlier_false_alarms": round(self.outliers[0], 4),
            "outlier_found": round(self.outliers[1], 4),
        }


def markdown(results: Results) -> str:
    """The tables of docs/benchmarks.md."""
    names = list(DETECTORS)
    parts = [
        "## Detection: how right the verdicts are",
        _METHOD,
        "**Windows without drift in which any of twenty columns raises an alarm**, everybody by its own defaults:",
        _table(
            ["traffic", "rows", "windows", *names],
            [
                [
                    each.scenario.name,
                    f"{each.scenario.rows:,}",
                    f"{each.windows:,}",
                    *(_share(each.found[n]) for n in names),
                ]
                for each in results.rates
            ],
        ),
        "**Drifted windows found**, one column of twenty drifting, all at the same rate of false alarms (1 %):",
        _table(
            ["kind of drift", *names],
            [[power.kind, *(f"{power.found[name]:.0%}" for name in names)] for power in results.powers],
        ),
    ]
    if results.delays:
        parts += [
            "**Windows until a known change of a real stream is found**, each detector's limit being its highest score "
            "in the calm windows before:",
            _table(
                ["stream", "rows per window", "calm windows", *names],
                [
                    [
                        each.stream.file,
                        str(each.stream.rows),
                        str(each.calm),
                        *(_windows(each.windows[n]) for n in names),
                    ]
                    for each in results.delays
                ],
            ),
        ]
    parts.append(
        f"A shift of 0.01 standard deviations at 1,000,000 rows raised {results.tiny_shift_alarms} alarms. With one "
        f"value of 1e6 among 1,000, {results.outliers[0]:.1%} of calm windows alarmed, and {results.outliers[1]:.0%} "
        "of shifts by one deviation were found."
    )
    return "\n\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _windows(value: int | None) -> str:
    return "not found" if value is None else str(value)
