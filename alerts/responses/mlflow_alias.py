"""Rolling back by moving an alias of MLflow's model registry, for deployments that serve what the alias names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import msgspec

from alerts.errors import ChannelError
from alerts.outgoing import Outgoing, check_url
from alerts.responses.base import ResponsePlan, ResponseReceipt

_PATH: Final = "/api/2.0/mlflow/registered-models/alias"


class _Version(msgspec.Struct):
    version: str


class _Answer(msgspec.Struct):
    model_version: _Version


class MlflowAlias:
    """Points the alias at the plan's target version. Doing it twice is doing it once."""

    @dataclass(frozen=True)
    class Options:
        """`url` is the tracking server, `token` a bearer token, `alias` what the deployment serves."""

        url: str
        token: str = ""
        alias: str = "champion"

    def __init__(self, options: Options, outgoing: Outgoing) -> None:
        self._url: Final = check_url(options.url, "mlflow_alias url").rstrip("/") + _PATH
        self._alias: Final = options.alias
        self._headers: Final = {"authorization": f"Bearer {options.token}"} if options.token else {}
        self._outgoing: Final = outgoing

    def run(self, plan: ResponsePlan) -> ResponseReceipt:
        if plan.kind != "rollback" or plan.target_version is None:
            raise ChannelError(f"mlflow_alias can't {plan.kind}; accepted: rollback", permanent=True)
        # MLflow has no compare-and-set; looking first at least leaves alone what somebody else has moved meanwhile.
        current = self._read(plan.model)
        if current == plan.target_version:
            return ResponseReceipt(f"alias {self._alias} is at version {current} already")
        if current != plan.version:
            why = f"alias {self._alias} is at version {current}, not at {plan.version}, which is to blame; left alone"
            raise ChannelError(why, permanent=True)
        body = {"name": plan.model, "alias": self._alias, "version": plan.target_version}
        self._outgoing.post(self._url, msgspec.json.encode(body), self._headers)
        if (moved := self._read(plan.model)) != plan.target_version:
            raise ChannelError(f"alias {self._alias} is still at version {moved} after it was moved")
        return ResponseReceipt(f"alias {self._alias} moved from version {current} to {moved}")

    def _read(self, model: str) -> str:
        query = urlencode({"name": model, "alias": self._alias})
        reply = self._outgoing.request("GET", f"{self._url}?{query}", headers=self._headers)
        try:
            return msgspec.json.decode(reply.body, type=_Answer).model_version.version
        except msgspec.MsgspecError:
            raise ChannelError("the answer is not what MLflow's registry gives", permanent=True) from None
