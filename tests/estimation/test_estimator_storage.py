from __future__ import annotations

import pickle

import msgspec
import numpy as np
import pytest

from monitor.baselines import NumericBins
from monitor.errors import InvalidValue
from monitor.estimation import PREDICTION, Estimator, decode_estimator, encode_estimator, fit_cbpe, fit_dle
from tests.estimation.peers import frames


def binary() -> Estimator:
    frame = frames.binary(5000, 1, 1.7)
    return fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), frame["score"].to_numpy(), "1")


def multiclass() -> Estimator:
    frame = frames.multiclass(5000, 1)
    scores = {name: frame[f"score_{name}"].to_numpy() for name in frames.CLASSES}
    return fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), scores)


def regression() -> Estimator:
    values = np.linspace(0, 1, 200)
    return fit_dle(
        {"x": values.tolist()}, {"x": NumericBins((0.5,)), PREDICTION: NumericBins((0.5,))}, values, values**2
    )


@pytest.mark.parametrize("fit", [binary, multiclass, regression])
def test_an_estimator_is_stored_as_data_and_comes_back_as_it_was(fit) -> None:  # type: ignore[no-untyped-def]
    fitted = fit()
    stored = encode_estimator(fitted)
    assert decode_estimator(stored) == fitted
    assert len(stored) < 20_000


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a stored estimator was run",))


@pytest.mark.parametrize("payload", [b"", b"\x00", pickle.dumps(Harmful()), msgspec.msgpack.encode({"type": "other"})])
def test_anything_else_is_refused_and_never_run(payload: bytes) -> None:
    with pytest.raises(InvalidValue, match="estimator can't be read"):
        decode_estimator(payload)
