"""What a server's process used, by the gauges that most servers have beside their counters.

Sources: prometheus-client's process collector, which Python servers use; Triton's documentation, "GPU Metrics".
"""

from __future__ import annotations

from collections.abc import Mapping

from monitor.profiles.usage import Usage

_CPU = "process_cpu_seconds_total"
# Gauge → the resource it is, and its unit in that of the resource.
_GAUGES = {
    "process_resident_memory_bytes": ("memory_bytes", 1.0),
    "nv_gpu_utilization": ("gpu_percent", 100.0),
    "nv_gpu_memory_used_bytes": ("gpu_memory_bytes", 1.0),
}
NAMES = frozenset({_CPU, *_GAUGES})


def usage(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, Usage]:
    """What was used between two looks, `seconds` apart, as one value per process or GPU. A process that began again
    says nothing of its CPU."""
    found: dict[str, Usage] = {}
    for key, value in after.items():
        name = key.partition("\x1f")[0]
        if name in _GAUGES:
            resource, unit = _GAUGES[name]
            _add(found, resource, value * unit)
        elif name == _CPU and seconds > 0 and before.get(key, value) <= value and key in before:
            _add(found, "cpu_percent", (value - before[key]) / seconds * 100)
    return found


def _add(found: dict[str, Usage], resource: str, value: float) -> None:
    found[resource] = found.get(resource, Usage()).merge(Usage(1, value, value))
