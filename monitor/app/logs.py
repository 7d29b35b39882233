"""How Kedge's own processes log: one line with time, level and part; times in UTC."""

from __future__ import annotations

import logging
import time


def set_up_logging(level: int = logging.INFO) -> None:
    """For the processes that run unattended; libraries speak up from warnings on."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for part in ("monitor", "collectors", "alerts"):
        logging.getLogger(part).setLevel(level)
