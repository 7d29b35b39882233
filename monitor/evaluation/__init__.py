"""Evaluation: from profiles to points, from points to verdicts, from verdicts to incidents. All of it is pure."""

from monitor.evaluation.evaluate import evaluate_window
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.presets import default_rules
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.state_machine import Change, Look, Transition, next_transition

__all__ = [
    "Change",
    "Judgement",
    "Look",
    "MonitorRule",
    "Severity",
    "Transition",
    "Verdict",
    "WindowFacts",
    "default_rules",
    "evaluate_window",
    "next_transition",
]
