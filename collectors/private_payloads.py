"""What is kept of a refused payload under privacy rules: it may hold anything anywhere, so it is taken apart.

Where the rules name features, a payload is kept only if it is JSON whose values all stand under a key: a value without
a name (in an array, in text inside a string) could be any feature. What was taken out is not in the reason either.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from collectors.privacy_rules import MASK, Action, Rules, without
from collectors.wire import Half, WireLabel, WirePrediction

LARGEST = 2**20
"""Larger payloads are not taken apart, and so not kept."""

NOT_KEPT = " (what was sent is not kept: collector.privacy has rules for it, and {})"

_FIELDS = frozenset(WirePrediction.__struct_fields__) | frozenset(WireLabel.__struct_fields__)
_HALF_FIELDS = frozenset(Half.__struct_fields__)
_IDS = frozenset(("model", "version", "prediction_id", "entity_id", "event_time", "label_time", "key", "request_id"))
_NAMED = frozenset(("features", "tags"))
_STRUCTURE = re.compile(r"[{\[<>,;|=&\t\n\r]")
_QUOTED = re.compile(r"(?<!\w)(['\"`]).*?(?:\1(?!\w)|$)", re.DOTALL)
_WORD = re.compile(r"[^\s'\"`,;:()\[\]{}=…]{3,}")


def clean_payload(rules: Rules, payload: bytes, reason: str) -> tuple[bytes, str]:
    """The payload and the reason as they may be kept; the payload is empty where nothing of it may."""
    if not payload:
        return payload, rules.text(reason)
    if len(payload) > LARGEST:
        return b"", _masked(rules, reason, payload) + NOT_KEPT.format("it is too large to be taken apart")
    walk = _Walk(rules)
    cleaned = _clean_json(walk, payload)
    if cleaned is not None and not walk.nameless:
        return cleaned, without(rules.text(reason), walk.removed)
    if rules.has_names:
        why = "it holds values without a name" if cleaned is not None else "it can't be read"
        return b"", _masked(rules, reason, payload) + NOT_KEPT.format(why)
    return _clean_text(rules, payload, reason)


def _clean_text(rules: Rules, payload: bytes, reason: str) -> tuple[bytes, str]:
    removed: list[str] = []
    try:
        text = payload.decode()
    except UnicodeDecodeError:  # compressed or binary values can't be searched
        return b"", _masked(rules, reason, payload) + NOT_KEPT.format("it is no text")
    cleaned = rules.text(text, removed).encode()
    return cleaned, without(rules.text(reason), removed)


def _clean_json(walk: _Walk, payload: bytes) -> bytes | None:
    """The payload without what the rules name, as it was where they name nothing in it; None if it is not JSON."""
    try:
        return _dump(walk, [walk.top(_load(walk, payload))], payload)
    except (ValueError, RecursionError):
        pass
    lines = payload.splitlines()
    try:
        return _dump(walk, [walk.top(_load(walk, line)) for line in lines if line.strip()], payload)
    except (ValueError, RecursionError):
        return None


def _load(walk: _Walk, text: bytes | str) -> Any:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        walk.changed |= len(made) < len(items)  # of a key that comes twice only the last value is looked at
        return made

    return json.loads(text, object_pairs_hook=pairs)


def _dump(walk: _Walk, parts: list[Any], payload: bytes) -> bytes:
    return b"\n".join(json.dumps(part).encode() for part in parts) if walk.changed else payload


class _Walk:
    """Takes one payload apart. `removed` has what was taken out, `nameless` says that a value had no name."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.removed: list[Any] = []
        self.nameless = False
        self.changed = False

    def top(self, value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"records"}:
            return {"records": self.top(value["records"])}
        if isinstance(value, list):
            return [self.top(each) for each in value]
        if isinstance(value, dict):
            if "side" in value and value.keys() <= _HALF_FIELDS and isinstance(value.get("rows"), list):
                return {k: [self.top(row) for row in v] if k == "rows" else v for k, v in value.items()}
            return self._record(value)
        return self._nameless(value)

    def _record(self, sent: dict[str, Any]) -> dict[str, Any]:
        kept = {key: each for key, value in sent.items() if (each := self._field(key, value)) is not _GONE}
        if self.removed and isinstance(kept.get("error"), str):
            kept["error"] = without(kept["error"], self.removed)
        return kept

    def _field(self, key: str, value: Any) -> Any:
        """One field of what may be a record of Kedge's own JSON, whose fields no rule names but entity_id."""
        is_scalar = not isinstance(value, dict | list)
        if key in _NAMED:
            return self._named(value)
        if key in _IDS and is_scalar:
            return self._act(self.rules.action(key), value) if key == "entity_id" else value
        if key in _FIELDS and is_scalar:
            return self._text(value)
        if (
            key == "scores"
            and isinstance(value, dict)
            and all(isinstance(each, float | int) for each in value.values())
        ):
            return value
        return self._under((key,), value)

    def _named(self, value: Any) -> Any:
        """The features or tags of a record: their names are known, and their texts are values as they are."""
        if not isinstance(value, dict):
            return self._under((), value) if isinstance(value, list) else self._nameless(value)
        kept = {}
        for name, each in value.items():
            if isinstance(each, dict | list):
                each = self._under((name,), each)
            else:
                each = self._act(self.rules.action_at((name,)), each, self._text)
            if each is not _GONE:
                kept[name] = each
        return kept

    def _under(self, keys: tuple[str, ...], value: Any) -> Any:
        """A value somewhere in an object, under these keys."""
        if keys and (action := self.rules.action_at(keys)):
            return self._act(action, value)
        if isinstance(value, dict):
            inner = {key: self._under((*keys, key), each) for key, each in value.items()}
            return {key: each for key, each in inner.items() if each is not _GONE}
        if isinstance(value, list):
            return [self._under(keys, e) if isinstance(e, dict | list) else self._nameless(e) for e in value]
        return self._loose_text(keys, value) if isinstance(value, str) else value

    def _act(self, action: Action | None, value: Any, otherwise: Any = None) -> Any:
        if action is None:
            return otherwise(value) if otherwise else value
        if value is None or value != value:
            return value
        self.changed = True
        self.removed.append(value)
        return _GONE if action is Action.DROP else self.rules.hashed(value)

    def _nameless(self, value: Any) -> Any:
        self.nameless |= self.rules.has_names and value is not None
        return self._text(value)

    def _loose_text(self, keys: tuple[str, ...], text: str) -> str:
        """A text of no known field: it may hold JSON, or values in a notation of their own."""
        if self.rules.has_names:
            if text.lstrip()[:1] in ("{", "["):
                try:
                    cleaned = self._under(keys, _load(self, text))
                except (ValueError, RecursionError):
                    self.nameless = True
                else:
                    return json.dumps(cleaned) if self.changed else text
            self.nameless |= _may_hold_values(text)
        return str(self._text(text))

    def _text(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        cleaned = self.rules.text(value, self.removed)
        self.changed |= cleaned != value
        return cleaned


_GONE = object()


def _may_hold_values(text: str) -> bool:
    """Whether a text looks like more than one value: with separators in it, or spelled in base64."""
    if _STRUCTURE.search(text) or len(text) > 1000:
        return True
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return bool(decoded) and decoded.isprintable()


def _masked(rules: Rules, reason: str, payload: bytes) -> str:
    """The reason without what it quotes, and without any word of the payload, which nobody has looked into."""

    def mask(match: re.Match[str]) -> str:
        word = match[0]
        hidden = not word.isascii() or "\\" in word or word.encode() in payload
        return MASK if hidden else word

    return rules.text(_WORD.sub(mask, _QUOTED.sub(rf"\1{MASK}\1", reason)))
