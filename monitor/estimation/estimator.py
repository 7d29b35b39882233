"""What a baseline keeps to estimate performance: plain data, which is safe to load from a database."""

from __future__ import annotations

import msgspec

from monitor.errors import InvalidValue
from monitor.estimation.cbpe import BinaryCbpe, MulticlassCbpe
from monitor.estimation.errors import ErrorModel

Estimator = BinaryCbpe | MulticlassCbpe | ErrorModel


def encode_estimator(estimator: Estimator) -> bytes:
    """The estimator as MessagePack: breakpoints, tables of effects, standard errors."""
    return msgspec.msgpack.encode(estimator)


def decode_estimator(payload: bytes) -> Estimator:
    """The estimator that was encoded. Raises InvalidValue for anything else; nothing in it is ever run."""
    try:
        estimator: Estimator = msgspec.msgpack.decode(payload, type=Estimator)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InvalidValue(f"the baseline's estimator can't be read: {error}") from error
    return estimator
