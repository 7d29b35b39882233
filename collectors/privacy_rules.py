"""The privacy rules of one model: what happens to a name, how a value is hashed, what is blacked out in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import translate
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

import msgspec

from collectors import personal_text
from collectors.wire import WirePrediction
from monitor.errors import ConfigError
from monitor.privacy_settings import PrivacySettings
from monitor.records import class_name

LEAST_KEY = 16
_MOST_PLANS = 1000
_HASHED = re.compile(r"#[0-9a-f]{40}")


class Action(StrEnum):
    """What happens to the value of a name."""

    DROP = "drop"
    HASH = "hash"


class Hasher:
    """Keyed BLAKE2b: whoever has no key can't try values out. A hash is recognised, so hashing it changes nothing."""

    def __init__(self, secret: str) -> None:
        if len(secret) < LEAST_KEY:
            raise ConfigError(
                f"the secret of collector.privacy_key has {len(secret)} characters; accepted: {LEAST_KEY} or more"
            )
        key = sha256(secret.encode("utf-8", "surrogateescape")).digest()
        self._values, self._marks = (blake2b(key=key, digest_size=size, person=size.to_bytes(16)) for size in (16, 4))

    def hashed(self, value: Any) -> str:
        """`#` and 40 hexadecimal digits; 1, 1.0, True and "1" have one hash.

        >>> hasher = Hasher("sixteen letters!")
        >>> hasher.hashed(hasher.hashed(1)) == hasher.hashed("1")
        True
        """
        text = _text(value)
        if _HASHED.fullmatch(text) and self._mark(text[1:33]) == text[33:]:
            return text
        digest = self._values.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        digits = digest.hexdigest()
        return f"#{digits}{self._mark(digits)}"

    def _mark(self, digits: str) -> str:
        mark = self._marks.copy()
        mark.update(digits.encode())
        return mark.hexdigest()


class _Plan(NamedTuple):
    """What to do with one set of names."""

    drop: tuple[str, ...]
    hash: tuple[str, ...]


class Rules:
    """Several settings as one: a name is dropped or hashed if any of them says so, and dropped rather than hashed.

    `places`: the path of a value in a log, as a mapping has it → the name of its feature, tag or field.
    """

    def __init__(
        self, settings: Sequence[PrivacySettings], hasher: Hasher | None, places: Mapping[str, str] | None = None
    ) -> None:
        self._drop = _names([name for each in settings for name in each.drop])
        self._hash = _names([name for each in settings for name in each.hash])
        wanted = {kind for each in settings for kind in each.redact}
        self.kinds = tuple(kind for kind in personal_text.KINDS if kind in wanted)
        self.has_names = bool(self._drop or self._hash)
        self._hasher = hasher
        self._entity = self.action("entity_id")
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._places = {path: action for path, name in (places or {}).items() if (action := self.action(name))}

    def action(self, name: str) -> Action | None:
        """What happens to the feature, tag or field of this name."""
        if self._drop and self._drop.match(name):
            return Action.DROP
        return Action.HASH if self._hash and self._hash.match(name) else None

    def action_at(self, keys: Sequence[str]) -> Action | None:
        """What happens to what is in an object under these keys: the last of them, or several joined by dots, may be
        the name."""
        for first in range(len(keys) - 1, -1, -1):
            name = ".".join(keys[first:])
            if action := self.action(name) or self._places.get(name):
                return action
        return None

    def hashed(self, value: Any) -> str:
        assert self._hasher is not None  # the settings refuse names to hash without a key
        return self._hasher.hashed(value)

    def text(self, text: str, found: list[str] | None = None) -> str:
        """The text without what looks personal, as far as the rules ask for it."""
        return personal_text.redact(text, self.kinds, found) if self.kinds else text

    def clean(self, record: WirePrediction) -> None:
        """Leave out, hash and black out in place. What was left out is not in the text of the error either."""
        removed = self._clean_named(record.features) if record.features else []
        if record.tags:
            removed += self._clean_named(record.tags)
        if self._entity and record.entity_id is not None:
            removed.append(record.entity_id)
            record.entity_id = None if self._entity is Action.DROP else self.hashed(record.entity_id)
        if record.error:
            record.error = self.text(without(record.error, removed) if removed else record.error)
        if self.kinds:
            if type(record.prediction) is str:
                record.prediction = self.text(record.prediction)
            if type(record.label) is str:
                record.label = self.text(record.label)

    def _clean_named(self, values: dict[str, Any]) -> list[Any]:
        """Clean features or tags in place; returns the values that were taken out."""
        removed = []
        hashed: tuple[str, ...] = ()
        if self.has_names:
            names = tuple(values)
            plan = self._plans.get(names) or self._plan(names)
            hashed = plan.hash
            for name in plan.drop:
                removed.append(values.pop(name))
            for name in hashed:
                value = values[name]
                if value is not None and value == value:  # a missing value stays missing
                    removed.append(value)
                    values[name] = self.hashed(value)
        if self.kinds:
            for name, value in values.items():
                if type(value) is str and name not in hashed:
                    values[name] = self.text(value)
        return removed

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        actions = [(name, self.action(name)) for name in names]
        plan = _Plan(
            tuple(name for name, action in actions if action is Action.DROP),
            tuple(name for name, action in actions if action is Action.HASH),
        )
        if len(self._plans) < _MOST_PLANS:
            self._plans[names] = plan
        return plan


MASK = "***"


def without(text: str, removed: Sequence[Any]) -> str:
    """The text without these values, whole or cut off by an ellipsis.

    >>> without("age: expected int; got 'forty-two'; ssn is 123-45-…", ["forty-two", "123-45-6789", 4])
    "age: expected int; got '***'; ssn is ***…"
    """
    words = {word for value in removed for leaf in _leaves(value) for word in _spellings(leaf)}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", MASK, text) if word in text else text
        for start in range(min(len(word) - 1, 100), 0, -1):
            if f"{word[:start]}…" in text:
                text = re.sub(rf"(?<!\w){re.escape(word[:start])}…", f"{MASK}…", text)
    return text


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in _leaves(each)]
    return [] if value is None or isinstance(value, bool) else [value]


def _spellings(leaf: Any) -> list[str]:
    try:
        text = str(leaf)[:10_000]
    except ValueError:  # an int of more than 4300 digits has no text
        return []
    escaped = text.encode("unicode_escape").decode()
    return [word for word in {text, repr(text)[1:-1], escaped, _text(leaf)[:10_000]} if word.strip()]


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    try:
        return class_name(value) or ""
    except (OverflowError, ValueError):  # an int beyond all floats
        return hex(value)


def _names(globs: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(translate(glob) for glob in globs), re.IGNORECASE) if globs else None
