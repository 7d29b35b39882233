"""What an answer says about one row: a bare value, a vector of probabilities, a label with scores, or an object.

Conventions where `mapping` leaves them open, each the most usual one:
- a vector that sums to 1 are the probabilities of the classes 0, 1, … (or `mapping.classes`); the likeliest is the
  prediction, and of two classes the second is the positive one;
- a bare number is the prediction, unless `mapping.positive` is set: then one between 0 and 1 is the probability of that
  class, and the prediction is the likelier class;
- a row of a data frame with one column of probabilities per class, as in p_low, p_high, and at most one text, the
  prediction;
- `label` with `score` alone (as text classifiers answer) and `confidence` are about the class that was predicted.
"""

from __future__ import annotations

import math
import re
from typing import Any

from collectors.calls.paths import look_up
from collectors.calls.sides import BodyUnreadable, Output
from collectors.formats.reading import shown
from monitor.config import MappingSettings
from monitor.records import Scalar, class_name

LABELS = (
    *("prediction", "predictions", "predicted_label", "predicted_class", "predicted_value", "label", "labels", "class"),
    *("classes", "predict", "predicted", "output_label", "variable", "y_pred", "y_hat", "output", "result", "value"),
)
"""Keys (or names of tensors) that hold the prediction, in the order in which they are looked for."""

SCORES = (
    *("scores", "probabilities", "class_probabilities", "predict_proba", "output_probability", "probas", "proba"),
    *("prediction_probabilities", "prediction_proba", "probability", "score"),
)
"""Keys that hold probabilities: a map or list per class, or the one of the positive class."""

_PREFIX = re.compile(r"(?:p|pr|prob|proba|probability|score)_(?=.)")
_ABSENT = object()
_POSITIVE = ("1", "true", "yes")


def read_answer(sent: Any, mapping: MappingSettings) -> Output:
    """The answer about one row. Raises BodyUnreadable naming what was found and what is accepted.

    >>> from monitor.config import NO_MAPPING
    >>> read_answer([0.2, 0.8], NO_MAPPING)
    Output(prediction='1', score=0.8, scores={'0': 0.2, '1': 0.8})
    """
    if mapping.fields.keys() & {"prediction", "score", "scores"}:
        return _mapped(sent, mapping)
    if isinstance(sent, dict):
        return _object(sent, mapping)
    if isinstance(sent, list):
        return _vector(sent, mapping)
    return _bare(sent, mapping)


def are_probabilities(values: Any) -> bool:
    """Whether these are two or more numbers from 0 to 1 that sum to 1."""
    return (
        len(values) > 1
        and all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in values)
        and abs(sum(values) - 1) < 1e-3
    )


def _mapped(sent: Any, mapping: MappingSettings) -> Output:
    at = mapping.fields
    found = {name: look_up(sent, at[name], _ABSENT) for name in ("prediction", "score", "scores") if name in at}
    if all(value is _ABSENT for value in found.values()):
        places = ", ".join(f"{name} at {at[name]}" for name in found)
        raise BodyUnreadable(f"the answer {shown(sent)} has no {places}, as mapping.fields says")
    prediction, score, scores = (
        None if (value := found.get(name)) is _ABSENT else value for name in ("prediction", "score", "scores")
    )
    if "prediction" not in at:
        return read_probabilities(None, scores if scores is not None else score, mapping)
    output = read_probabilities(_value(prediction), scores, mapping) if scores is not None else _plain(prediction)
    if score is not None:
        output.score = _number("score", score)
    return output


def _object(sent: dict[str, Any], mapping: MappingSettings) -> Output:
    keys = {key.lower(): key for key in sent}
    label = next((keys[name] for name in LABELS if name in keys), None)
    scores = next((keys[name] for name in SCORES if name in keys and keys[name] != label), None)
    if label is not None:
        value = sent[label]
        if scores is None:
            if (confidence := sent.get("confidence")) is not None and not isinstance(value, dict | list):
                return _of_predicted(value, confidence, mapping)
            shares = _columns_per_class({key: each for key, each in sent.items() if key != label})
            return read_probabilities(_value(value), shares, mapping) if shares else read_answer(value, mapping)
        if isinstance(value, dict | list) and len(value) != 1:
            raise BodyUnreadable(f"the answer's {label!r} is {shown(value)}; accepted: a value, or a list of one")
        value = next(iter(value)) if isinstance(value, list) else value
        if (label.lower(), scores.lower()) == ("label", "score") and len(sent) == 2:
            return _of_predicted(value, sent[scores], mapping)
        return read_probabilities(_value(value), sent[scores], mapping)
    if scores is not None:
        return read_probabilities(None, sent[scores], mapping)
    if shares := _columns_per_class(sent):
        others = [value for key, value in sent.items() if isinstance(value, str)]
        return read_probabilities(others[0] if len(others) == 1 else None, shares, mapping)
    if len(sent) == 1:
        return read_answer(next(iter(sent.values())), mapping)
    accepted = "mapping.fields.prediction to say where the prediction is"
    raise BodyUnreadable(f"the answer has the keys {', '.join(list(sent)[:8])}; accepted: {accepted}")


def _columns_per_class(sent: dict[str, Any]) -> dict[str, float]:
    """Of a row of a data frame: class → probability, from one column each, without the prefix they share.

    >>> _columns_per_class({"best": "low", "p_low": 0.75, "p_high": 0.25})
    {'low': 0.75, 'high': 0.25}
    """
    shares = {key: value for key, value in sent.items() if isinstance(value, int | float)}
    if not are_probabilities(shares.values()):
        return {}
    found = _PREFIX.match(next(iter(shares)))
    prefix = found[0] if found and all(key.startswith(found[0]) for key in shares) else ""
    return {key.removeprefix(prefix): value for key, value in shares.items()}


def _vector(sent: list[Any], mapping: MappingSettings) -> Output:
    if len(sent) == 1:
        return read_answer(sent[0], mapping)
    ranked = [each for each in sent if isinstance(each, dict) and each.keys() == {"label", "score"}]
    if ranked and len(ranked) == len(sent):
        return read_probabilities(None, {str(each["label"]): each["score"] for each in ranked}, mapping)
    if are_probabilities(sent) or (sent and len(sent) == len(mapping.classes)):
        return read_probabilities(None, sent, mapping)
    accepted = "one value, probabilities that sum to 1, or as many numbers as mapping.classes names"
    raise BodyUnreadable(f"the answer about one row is {shown(sent)}; accepted: {accepted}")


def _bare(sent: Any, mapping: MappingSettings) -> Output:
    is_share = isinstance(sent, float) and 0 <= sent <= 1 and class_name(sent) not in mapping.classes
    return read_probabilities(None, sent, mapping) if mapping.positive and is_share else _plain(sent)


def _plain(sent: Any) -> Output:
    return Output(prediction=_value(sent))


def read_probabilities(prediction: Scalar, sent: Any, mapping: MappingSettings) -> Output:
    """An output with probabilities: a map or list per class, or one number, that of the positive class."""
    while isinstance(sent, list) and len(sent) == 1:
        sent = sent[0]
    if isinstance(sent, dict):
        scores = {str(name): _number(f"scores[{name!r}]", value) for name, value in sent.items()}
        return _with_scores(prediction, scores, mapping.positive or _positive(scores))
    if isinstance(sent, list):
        names = _names(len(sent), mapping)
        scores = {name: _number("a score", value) for name, value in zip(names, sent, strict=True)}
        output = _with_scores(prediction, scores, mapping.positive or (names[1] if len(names) == 2 else ""))
        if not mapping.classes and class_name(prediction) not in (None, *names):
            output.scores = None  # whose probability is which is not known
        return output
    score = None if sent is None else _number("score", sent)
    if prediction is None and score is not None:
        positive = mapping.positive or (mapping.classes[1] if len(mapping.classes) == 2 else "1")
        prediction = positive if score >= 0.5 else _negative(positive, mapping)
    return Output(prediction=prediction, score=score)


def _with_scores(prediction: Scalar, scores: dict[str, float], positive: str) -> Output:
    if prediction is None and scores:
        prediction = max(scores, key=scores.__getitem__)
    return Output(prediction=prediction, score=scores.get(positive), scores=scores or None)


def _of_predicted(label: Any, score: Any, mapping: MappingSettings) -> Output:
    """A label and how likely just this label is."""
    prediction, share = _value(label), _number("score", score)
    name = class_name(prediction) or ""
    output = Output(prediction=prediction, scores={name: share})
    if mapping.positive:
        output.score = share if name == mapping.positive else 1 - share if len(mapping.classes) == 2 else None
    return output


def _names(count: int, mapping: MappingSettings) -> tuple[str, ...]:
    if mapping.classes and len(mapping.classes) != count:
        raise BodyUnreadable(f"the answer has {count} probabilities, mapping.classes names {len(mapping.classes)}")
    return mapping.classes or tuple(map(str, range(count)))


def _positive(scores: dict[str, float]) -> str:
    return next((name for name in scores if len(scores) == 2 and name.lower() in _POSITIVE), "")


def _negative(positive: str, mapping: MappingSettings) -> str:
    others = [name for name in mapping.classes if name != positive]
    return others[0] if len(others) == 1 else "0" if positive == "1" else f"not {positive}"


def _value(sent: Any) -> Scalar:
    while isinstance(sent, list) and len(sent) == 1:
        sent = sent[0]
    if isinstance(sent, int) and not -(2**63) <= sent < 2**63:
        sent = float(sent) if abs(sent) < 2**1023 else math.inf
    if isinstance(sent, float) and not math.isfinite(sent):
        if math.isnan(sent):
            return None  # pandas writes a missing prediction as NaN
        raise BodyUnreadable(f"the prediction is {sent}; accepted: a finite number")
    if isinstance(sent, dict | list):
        raise BodyUnreadable(f"the prediction is {shown(sent)}; accepted: a number, a text, true or false")
    value: Scalar = sent
    return value


def _number(name: str, sent: Any) -> float:
    try:
        if isinstance(sent, int | float) and not isinstance(sent, bool) and math.isfinite(number := float(sent)):
            return number
    except OverflowError:
        pass
    raise BodyUnreadable(f"{name} is {shown(sent)}; accepted: a finite number")
