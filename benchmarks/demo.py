"""How long the demo takes, once installed: 57,136 flights from the first process to the last resolved incident.

python -m benchmarks.demo
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 3


def run(folder: str) -> dict[str, float]:
    """One run in an empty folder; its own figures."""
    command = [sys.executable, "-m", "monitor.cli.main", "demo", "--exit", "--json", "--data", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(run(f"{folder}/demo"))
    total = statistics.median(figures["seconds_total"] for figures in rounds)
    first = statistics.median(figures["seconds_to_first_incident"] for figures in rounds)
    print(f"cores {os.cpu_count()}, rounds {ROUNDS} (medians)")
    print(f"{'predictions':32}{rounds[0]['predictions_sent']:>10,}")
    print(f"{'seconds to the first incident':32}{first:>10.1f}")
    print(f"{'seconds in all':32}{total:>10.1f}")
    figures = {
        "bench": "demo",
        "predictions": rounds[0]["predictions_sent"],
        "seconds_total": total,
        "seconds_to_first_incident": first,
        "rounds": ROUNDS,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
