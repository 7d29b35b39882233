"""What a log declares of a model's columns registers the model before its first prediction."""

from __future__ import annotations

import pytest

from collectors import declarations
from collectors.declarations import declare, move_declared
from collectors.deliveries import Answer, Delivery
from collectors.wire import DeclaredFeatures
from monitor.db import catalog
from monitor.errors import NotFound
from monitor.lake import Kind
from monitor.schemas import FeatureKind
from tests.collectors.conftest import MakeRig, Rig, prediction

NUMERIC, CATEGORICAL, BOOLEAN = FeatureKind.NUMERIC, FeatureKind.CATEGORICAL, FeatureKind.BOOLEAN


def deliver(rig: Rig, *declared: DeclaredFeatures) -> None:
    rig.inbox.append(Delivery(rig.now, "test", Kind.PREDICTIONS, Answer(202, b"{}"), declared=declared))


def move(rig: Rig) -> int:
    return move_declared(rig.inbox.writing, rig.db, rig.settings, rig.now)


def kinds(rig: Rig, model: str = "iris") -> dict[str, FeatureKind]:
    with rig.db.reading() as session:
        found = catalog.read_features(session, catalog.find_model(session, model).id)
    return {feature.name: feature.kind for feature in found.values()}


def test_declared_features_register_the_model_with_their_kinds(rig: Rig) -> None:
    deliver(rig, DeclaredFeatures(model="iris", kinds={"sepal": NUMERIC, "Colour": CATEGORICAL, "wild": BOOLEAN}))
    assert move(rig) == 1
    assert kinds(rig) == {"sepal": NUMERIC, "Colour": CATEGORICAL, "wild": BOOLEAN}
    assert move(rig) == 0


def test_a_declaration_without_features_registers_the_model(rig: Rig) -> None:
    deliver(rig, DeclaredFeatures(model="iris", kinds={}))
    move(rig)
    assert kinds(rig) == {}


def test_a_known_kind_never_changes(rig: Rig) -> None:
    deliver(rig, DeclaredFeatures(model="iris", kinds={"sepal": NUMERIC}))
    deliver(rig, DeclaredFeatures(model="iris", kinds={"sepal": CATEGORICAL, "petal": NUMERIC}))
    move(rig)
    deliver(rig, DeclaredFeatures(model="iris", kinds={"petal": BOOLEAN, "wild": BOOLEAN}))
    move(rig)
    assert kinds(rig) == {"sepal": NUMERIC, "petal": NUMERIC, "wild": BOOLEAN}


def test_predictions_that_come_later_keep_to_the_declared_kind(rig: Rig) -> None:
    deliver(rig, DeclaredFeatures(model="income", kinds={"age": CATEGORICAL}))
    move(rig)
    rig.send([prediction(features={"age": 39, "hours": 40})])
    rig.flush()
    assert kinds(rig, "income") == {"age": CATEGORICAL, "hours": NUMERIC}


def test_declarations_that_were_not_forgotten_change_nothing_the_second_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    deliver(rig, DeclaredFeatures(model="iris", kinds={"sepal": NUMERIC}))
    with monkeypatch.context() as patch:
        patch.setattr(declarations, "forget_declared", killed)
        with pytest.raises(KeyboardInterrupt):
            move(rig)
    assert kinds(rig) == {"sepal": NUMERIC}
    assert move(rig) == 1
    assert kinds(rig) == {"sepal": NUMERIC}


def test_more_declarations_than_are_read_at_a_time_are_all_moved(rig: Rig) -> None:
    deliver(rig, *[DeclaredFeatures(model="iris", kinds={f"f{n}": NUMERIC}) for n in range(1001)])
    assert move(rig) == 1001
    assert len(kinds(rig)) == 1001


def test_features_and_models_stay_within_the_limits(make_rig: MakeRig) -> None:
    rig = make_rig(max_features=2, max_models=1)
    one = DeclaredFeatures(model="iris", kinds=dict.fromkeys("abc", NUMERIC))
    other = DeclaredFeatures(model="other", kinds={"a": NUMERIC})
    declare(rig.db, [one, other], rig.settings, rig.now)
    assert kinds(rig) == {"a": NUMERIC, "b": NUMERIC}
    with pytest.raises(NotFound):
        kinds(rig, "other")
