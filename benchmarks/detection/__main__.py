"""Quality of decisions: false alarms, power and delay, Kedge's default beside its peers'.

    python -m benchmarks.detection [--quick] [--no-page]

Real streams are read where ../shared/data is beside the checkout; everything else is drawn from a fixed seed.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.detection.false_alarms import measure_rates, outlier_effects, tiny_shift_alarms
from benchmarks.detection.power import measure_power
from benchmarks.detection.report import Results, markdown
from benchmarks.detection.streams import measure_delays
from benchmarks.drift_table import write_part


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.detection")
    options.add_argument("--quick", action="store_true", help="a few windows of each, for a look")
    options.add_argument("--no-page", action="store_true", help="leave docs/benchmarks.md as it is")
    wanted = options.parse_args()
    scale = 0.02 if wanted.quick else 1.0
    results = Results(
        measure_rates(scale),
        measure_power(20, 30, 2) if wanted.quick else measure_power(references=20, calm=600, drifted=30),
        [] if wanted.quick else measure_delays(),
        tiny_shift_alarms(1 if wanted.quick else 5),
        outlier_effects(20 if wanted.quick else 500),
    )
    tables = markdown(results)
    print(tables)
    if not wanted.quick and not wanted.no_page:
        write_part("bench-detection", tables)
    print(json.dumps(results.figures()))


if __name__ == "__main__":
    main()
