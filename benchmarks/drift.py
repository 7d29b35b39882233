"""What a drift check costs, against Evidently, NannyML and whylogs in the same run.

    python -m benchmarks.drift [--quick] [--without-peers] [--no-page]

The last line is JSON: `vs_evidently`, `vs_nannyml`, `vs_whylogs` (their time over ours, 1M × 20; `vs_nannyml_fitted`
leaves out what NannyML needs once per reference), `vs_floor` (ours over DuckDB's bare histograms), `rss_mb_1m`,
`rss_mb_10m` (peak memory of one check), `large_s` (10M × 20), `wide_s` (300k × 1,000), `range_30d_ms`,
`models_per_core` (20 columns, windows of 5 minutes, that one worker keeps current on one core). docs/benchmarks.md gets
the table with the method. Peers are installed by pip into `.bench` the first time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.drift_data import write_baseline, write_features, write_rows
from benchmarks.drift_range import range_ms
from benchmarks.drift_shape import Shape
from benchmarks.drift_table import Line, section, write_part
from benchmarks.peers.environments import PEERS, run_peer

WITH_QUALITY = "Kedge, data quality too"


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes: `compared` with peers, the last of which the figures are about; `large` and `wide` alone."""

    compared: tuple[Shape, ...]
    large: Shape
    wide: Shape
    windows: int
    rounds: int
    peer_rounds: int
    worker: tuple[int, int]
    """Models and windows of each, for the worker on one core."""


FULL = Plan(
    (Shape(10_000), Shape(100_000), Shape(1_000_000)), Shape(10_000_000), Shape(300_000, 1000), 720, 5, 3, (20, 6)
)
QUICK = Plan((Shape(1000), Shape(5000)), Shape(20_000), Shape(2000, 60), 48, 1, 1, (1, 1))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    parser.add_argument("--without-peers", action="store_true", help="Kedge and the floor alone")
    parser.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md as it is")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    peers = () if options.without_peers else PEERS
    with tempfile.TemporaryDirectory(prefix="kedge-bench-") as folder:
        run(plan, peers, Path(folder), page=not options.no_page and not options.quick)
    return 0


def run(plan: Plan, peers: tuple[str, ...], folder: Path, page: bool) -> None:
    random = np.random.default_rng(1)
    versions: dict[str, str] = {}
    lines = [_compared(shape, plan, peers, folder, random, versions) for shape in plan.compared]
    lines += [_alone(shape, plan, folder, random) for shape in (plan.large, plan.wide)]
    *_, main_size, large, wide = lines
    figures = {
        **{f"vs_{peer}": _ratio(main_size.seconds[peer], main_size.seconds["Kedge"]) for peer in peers},
        **(
            {"vs_nannyml_fitted": _ratio(main_size.seconds["nannyml, fitted"], main_size.seconds["Kedge"])}
            if peers
            else {}
        ),
        "vs_floor": _ratio(main_size.seconds["Kedge"], main_size.seconds["floor"]),
        "rss_mb_1m": round(main_size.rss_mb),
        "rss_mb_10m": round(large.rss_mb),
        "large_s": round(large.seconds["Kedge"] or 0.0, 2),
        "wide_s": round(wide.seconds["Kedge"] or 0.0, 2),
        "range_30d_ms": round(range_ms(folder, random, plan.windows), 1),
        "models_per_core": _models_per_core(*plan.worker),
    }
    lines = [Line(line.size, dict.fromkeys(lines[0].seconds) | dict(line.seconds), line.rss_mb) for line in lines]
    text = section(lines, versions, figures)
    print(text)
    if page:
        write_part("bench-drift", text)
    print(json.dumps({"bench": "drift", **figures}))


def _compared(
    shape: Shape,
    plan: Plan,
    peers: tuple[str, ...],
    folder: Path,
    random: np.random.Generator,
    versions: dict[str, str],
) -> Line:
    reference = write_rows(folder / "reference.parquet", shape, random)
    current = write_rows(folder / "current.parquet", shape, random)
    baseline = write_baseline(folder / "baseline", reference, shape)
    seconds: dict[str, float | None] = dict.fromkeys(("Kedge", WITH_QUALITY, "floor", *peers))
    seconds["Kedge"], rss = _check("kedge", baseline, current, plan.rounds)
    seconds[WITH_QUALITY], _ = _check("quality", baseline, current, plan.rounds)
    seconds["floor"], _ = _check("floor", baseline, current, plan.rounds)
    if peers:
        ours = [write_features(folder / f"features-{path.name}", path, shape) for path in (reference, current)]
        for peer in peers:
            timing = run_peer(peer, *ours, plan.peer_rounds)
            seconds[peer], versions[peer] = median(timing.seconds), timing.version
            if peer == "nannyml":  # what it takes once the reference is fitted, which Kedge's baseline is too
                fitted = [whole - first for whole, first in zip(timing.seconds, timing.prepare_seconds, strict=True)]
                seconds["nannyml, fitted"] = median(fitted)
    print(f"{shape}: {_shown(seconds)}", flush=True)
    return Line(str(shape), seconds, rss)


def _alone(shape: Shape, plan: Plan, folder: Path, random: np.random.Generator) -> Line:
    few = Shape(min(shape.rows, 100_000), shape.columns)
    reference = write_rows(folder / "reference.parquet", few, random)
    baseline = write_baseline(folder / "baseline", reference, few)
    current = write_rows(folder / "current.parquet", shape, random)
    seconds, rss = _check("kedge", baseline, current, min(plan.rounds, 3))
    print(f"{shape}: {_shown({'Kedge': seconds})}", flush=True)
    return Line(str(shape), {"Kedge": seconds}, rss)


def _check(side: str, baseline: Path, current: Path, rounds: int) -> tuple[float, float]:
    """Median seconds of some rounds, and the peak memory in MB of a process that does one."""
    command = [sys.executable, "-m", "benchmarks.drift_check", side, str(baseline), str(current)]

    def run_once(rounds: int) -> dict[str, Any]:
        done = subprocess.run([*command, str(rounds)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{side} failed:\n{done.stderr[-2000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    timed = run_once(rounds)
    return median(timed["seconds"]), (timed if rounds == 1 else run_once(1))["rss_mb"]


def _models_per_core(models: int, windows: int) -> int:
    command = [sys.executable, "-m", "benchmarks.drift_worker", "--models", str(models), "--windows", str(windows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1])["models_per_core"])


def _ratio(above: float | None, below: float | None) -> float:
    return round((above or 0.0) / (below or 1.0), 2)


def _shown(seconds: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.3f} s" for name, value in seconds.items() if value is not None)


if __name__ == "__main__":
    sys.exit(main())
