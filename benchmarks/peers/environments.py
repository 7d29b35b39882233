"""An environment per peer, made on demand, so that none decides which versions another gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".bench"
PEERS = ("evidently", "nannyml", "whylogs")
# None of them may phone home.
QUIET = {
    "DO_NOT_TRACK": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "NML_DISABLE_USAGE_LOGGING": "True",
    "NANNYML_DISABLE_USAGE_LOGGING": "True",
}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each round, how much of them went to the reference, the process's peak memory, the peer's version."""

    seconds: tuple[float, ...]
    prepare_seconds: tuple[float, ...]
    rss_mb: float
    version: str


def run_peer(name: str, reference: Path, current: Path, rounds: int) -> Timing:
    """Have the peer compare two Parquet files, in a process of its own."""
    command = [str(_python(name)), str(HERE / f"run_{name}.py"), str(reference), str(current), str(rounds)]
    done = subprocess.run(command, env={**os.environ, **QUIET}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Timing(tuple(found["seconds"]), tuple(found["prepare_seconds"]), found["rss_mb"], found["version"])


def _python(name: str) -> Path:
    """The interpreter of the peer's environment, which is made or brought up to date where need be."""
    folder, wanted = ENVIRONMENTS / name, HERE / f"{name}.txt"
    python, mark = folder / "bin" / "python", folder / "installed.txt"
    if not mark.exists() or mark.read_text() != wanted.read_text():
        print(f"installing {name} into .bench/{name} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)]
        subprocess.run(install, check=True)
        mark.write_text(wanted.read_text())
    return python
