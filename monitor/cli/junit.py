"""Verdicts as JUnit XML, which every CI system shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from monitor.drift.presets import Finding, PresetVerdict

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def junit(suite: str, verdicts: Sequence[PresetVerdict]) -> bytes:
    """One test case per column: failed where the finding fails a gate, skipped where the column was not judged."""
    failures = sum(verdict.finding.fails for verdict in verdicts)
    skipped = sum(verdict.finding in (Finding.NOT_JUDGED, Finding.NEW) for verdict in verdicts)
    counts = {"tests": str(len(verdicts)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    root = ElementTree.Element("testsuites", counts)
    cases = ElementTree.SubElement(root, "testsuite", {"name": _legal(suite), **counts})
    for verdict in verdicts:
        case = ElementTree.SubElement(cases, "testcase", {"classname": _legal(suite), "name": _legal(verdict.name)})
        if verdict.finding.fails:
            why = _legal(verdict.why)
            ElementTree.SubElement(case, "failure", {"type": verdict.finding.value, "message": why}).text = why
        elif verdict.finding is not Finding.NONE:
            ElementTree.SubElement(case, "skipped", {"message": _legal(f"{verdict.finding.value}: {verdict.why}")})
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("�", text)
