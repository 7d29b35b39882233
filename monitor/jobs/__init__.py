"""Jobs: the scheduled work. Each is a function of its stores and `now`; APScheduler calls them in the worker."""

from monitor.jobs.baseline_job import create_baseline, ensure_baselines, pin_baseline
from monitor.jobs.count_job import close_count_windows
from monitor.jobs.evaluate_job import EvaluateReport, evaluate_due_windows
from monitor.jobs.onboard_job import onboard_models
from monitor.jobs.quarantine_job import forget_old_refusals
from monitor.jobs.scheduler import Job, Scheduler
from monitor.jobs.silence_job import check_silence
from monitor.jobs.slo_job import SloWatch, check_slos
from monitor.jobs.stores import Stores

__all__ = [
    "EvaluateReport",
    "Job",
    "Scheduler",
    "SloWatch",
    "Stores",
    "check_silence",
    "close_count_windows",
    "check_slos",
    "create_baseline",
    "ensure_baselines",
    "evaluate_due_windows",
    "forget_old_refusals",
    "onboard_models",
    "pin_baseline",
]
