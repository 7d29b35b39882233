"""`make bench`: every benchmark, one after the other; each ends with one line of JSON."""

from __future__ import annotations

import subprocess
import sys

NAMES = ("client", "demo", "detection", "drift", "ingest")


def main() -> int:
    """Run each in a process of its own, so that none warms up the next."""
    return max(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in NAMES)


if __name__ == "__main__":
    sys.exit(main())
