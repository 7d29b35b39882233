"""Privacy at the door: what of a record is left out, hashed or blacked out before anything of it touches the disk.

The collector asks once per stretch of records and once per refused body. Everything that is stored later (inbox, join
buffer, lake, quarantine, answers kept for a repeat) is made of what this leaves.
"""

from __future__ import annotations

from functools import lru_cache

from collectors.formats.registry import WHOLE_BODY, Decoded
from collectors.privacy_rules import Action, Hasher, Rules
from collectors.private_payloads import clean_payload
from collectors.wire import DeclaredFeatures, WireLabel, WirePrediction
from monitor.config import CollectorSettings, MappingSettings, resolve_secret
from monitor.errors import InvalidValue
from monitor.log_paths import parse_path
from monitor.records import Refusal, check_model_name
from monitor.schemas import FeatureKind

_EVERY = "*"


class Privacy:
    """The rules of every model. Those of `*` hold for all; what names no model is under the rules of all together."""

    def __init__(self, settings: CollectorSettings) -> None:
        tables = settings.privacy
        hashing = any(table.hash for table in tables.values())
        self._hasher = Hasher(resolve_secret(settings.privacy_key)) if hashing else None
        every = [tables[_EVERY]] if _EVERY in tables else []
        self._every = Rules(every, self._hasher) if every else None
        # A model with nothing but a mapping needs rules of its own where those of * meet that mapping's places.
        models = tables.keys() | (settings.mappings.keys() if every else ())
        self._of_model = {
            model: Rules(
                [*every, *([tables[model]] if model in tables else [])],
                self._hasher,
                _places(settings.mappings.get(model)),
            )
            for model in models - {_EVERY}
        }
        places = {path: name for mapping in settings.mappings.values() for path, name in _places(mapping).items()}
        self._all = Rules(list(tables.values()), self._hasher, places)

    @classmethod
    def of(cls, settings: CollectorSettings) -> Privacy | None:
        """None where the settings have no rules, so that asking costs nothing. Raises ConfigError for a bad key."""
        return cls(settings) if settings.privacy else None

    def hashed(self, value: str) -> str:
        """The hash under which a value is stored, for looking up a person by entity_id. The value where none is."""
        return self._hasher.hashed(value) if self._hasher else value

    def concerns(self, model: str | None) -> bool:
        """Whether records of this model can't be stored as they were sent."""
        return self._rules(model) is not None

    def concerns_body(self, model: str | None) -> bool:
        """Whether to expect such records of a body that is not read yet; `model` is that of those that name none."""
        return self._every is not None or (model is not None and self.concerns(model))

    def clean(self, decoded: Decoded, model: str | None) -> None:
        """Clean what a format read, in place; `model` is that of records that name none."""
        for record in decoded.records:
            self._clean_record(record, record.model or model)
        for half in decoded.halves:
            for row in half.rows:
                self._clean_record(row, half.model or model)
        decoded.declared = [self._clean_declared(each) for each in decoded.declared]
        decoded.refusals = [self.clean_refusal(each, model) for each in decoded.refusals]

    def clean_refusal(self, refusal: Refusal, model: str | None = None) -> Refusal:
        """The refusal as it may be kept. Whose a whole body is nobody knows, so all rules hold for it."""
        whole = refusal.index == WHOLE_BODY
        rules = self._all if whole else self._rules(refusal.model or model)
        if rules is None:
            return refusal
        payload, reason = clean_payload(rules, refusal.payload, refusal.reason)
        return Refusal(index=refusal.index, reason=reason, model=refusal.model, payload=payload)

    def _rules(self, model: str | None) -> Rules | None:
        """A name that no model can have may be a slip, so all rules hold for what is under it."""
        if model is None:
            return self._all
        rules = self._of_model.get(model)
        return rules or (self._every if _is_model_name(model) else self._all)

    def _clean_record(self, record: WirePrediction | WireLabel, model: str | None) -> None:
        rules = self._rules(model)
        if rules is None:
            return
        if isinstance(record, WirePrediction):
            rules.clean(record)
        elif isinstance(record.label, str):
            record.label = rules.text(record.label)

    def _clean_declared(self, declared: DeclaredFeatures) -> DeclaredFeatures:
        """Features that are left out are not declared, and hashes are categories."""
        rules = self._rules(declared.model)
        if rules is None or not rules.has_names:
            return declared
        actions = {name: rules.action(name) for name in declared.kinds}
        kinds = {
            name: FeatureKind.CATEGORICAL if actions[name] is Action.HASH else kind
            for name, kind in declared.kinds.items()
            if actions[name] is not Action.DROP
        }
        return DeclaredFeatures(model=declared.model, kinds=kinds)


@lru_cache(10_000)
def _is_model_name(name: str) -> bool:
    try:
        return bool(check_model_name(name))
    except InvalidValue:
        return False


def _places(mapping: MappingSettings | None) -> dict[str, str]:
    """Path of a value in a log, as keys with dots → the name it is given."""
    if mapping is None:
        return {}
    named = mapping.features | {name.removeprefix("tags."): path for name, path in mapping.fields.items()}
    found = {}
    for name, path in named.items():
        keys = [step for step in parse_path(path) if isinstance(step, str)]
        if keys:
            found[".".join(keys)] = name
    return found
