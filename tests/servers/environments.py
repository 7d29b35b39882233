"""Virtual environments for real servers: made by pip once, and found again by the digest of what they hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
INSTALL_SECONDS = 180


def environment(name: str) -> Path:
    """The folder of programs of the environment that `NAME.txt` describes. Fails when pip needs more than 3 minutes."""
    wanted = (HERE / f"{name}.txt").read_bytes()
    digest = hashlib.sha256(sys.version.encode() + wanted).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"kedge-servers-{os.getuid()}" / f"{name}-{digest}"
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    assert folder.parent.stat().st_uid == os.getuid(), f"{folder.parent} belongs to somebody else"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, HERE / f"{name}.txt")
        (folder / "complete").touch()
    return folder / "bin"


def environments(*names: str) -> dict[str, Path]:
    """Several of them, made side by side."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(environment, names), strict=True))


def _make(folder: Path, requirements: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", requirements], capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert done.returncode == 0, f"pip can't install {requirements.name}: {done.stderr[-2000:]}"
