"""Watching the demo from outside: through the API, the receiver of messages, and the endpoint's own word."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from monitor.demo.receiver import Receiver

_PAUSE = 0.25


@dataclass(slots=True)
class Seen:
    """What was seen so far: incidents and their response runs as the API tells them, the version that serves."""

    incidents: dict[int, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    serving: str = ""
    versions: list[str] = field(default_factory=list)
    first_incident: float | None = None
    retraining: bool = False


class Observer:
    """Polls in a thread of its own and tells what changes; `on_version` hears of each version that begins to serve."""

    def __init__(
        self,
        api: httpx.Client,
        endpoint: httpx.Client,
        receiver: Receiver,
        say: Callable[[str], None],
        on_version: Callable[[str], None],
    ) -> None:
        self.seen = Seen()
        self._api, self._endpoint, self._receiver = api, endpoint, receiver
        self._say, self._on_version = say, on_version
        self._told = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)
        self.failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the polling with a last look. Raises what ended it earlier, if something did."""
        self.close()
        if self.failure is not None:
            raise self.failure
        self.look()

    def close(self) -> None:
        """End the polling."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Ask everybody once."""
        self._look_at_endpoint()
        self._look_at_incidents()
        self._look_at_messages()

    def _watch(self) -> None:
        while not self._stop.wait(_PAUSE):
            try:
                self.look()
            except httpx.TransportError:
                continue  # a busy moment; the next look will tell
            except Exception as error:
                self.failure = error
                return

    def _look_at_endpoint(self) -> None:
        answer = self._endpoint.get("/versions").raise_for_status().json()
        serving, running = answer["active"], answer["retraining"].endswith("running")
        if running and not self.seen.retraining:
            self._say("the endpoint's own pipeline retrains; the replay holds its breath")
        if serving != self.seen.serving:
            before, self.seen.serving = self.seen.serving, serving
            self.seen.versions.append(serving)
            if before:
                self._say(f"[blue]version {serving} serves[/blue] (before: {before})")
            self._on_version(serving)
        self.seen.retraining = running

    def _look_at_incidents(self) -> None:
        for incident in self._api.get("/v1/incidents", params={"limit": 1000}).raise_for_status().json():
            known = self.seen.incidents.get(incident["id"])
            if known is None:
                if self.seen.first_incident is None:
                    self.seen.first_incident = time.monotonic()
                since = datetime.fromisoformat(incident["since"])
                self._say(
                    f"[red]incident {incident['id']} opened[/red]: {incident['title']}, since {since:%d %b %H:%M}; "
                    f"{incident['summary']}"
                )
            if incident["state"] == "resolved" and (known is None or known["state"] != "resolved"):
                self._say(f"[green]incident {incident['id']} resolved[/green]: {incident['title']}")
            self.seen.incidents[incident["id"]] = incident
        for incident_id in list(self.seen.incidents):
            self._look_at_runs(incident_id)

    def _look_at_runs(self, incident_id: int) -> None:
        for run in self._api.get(f"/v1/incidents/{incident_id}").raise_for_status().json()["runs"]:
            known = self.seen.runs.get(run["id"])
            if (known is None or known["state"] != run["state"]) and run["state"] != "pending":
                colour = {"done": "green", "failed": "red", "blocked": "dim"}.get(run["state"], "yellow")
                self._say(f"[{colour}]{run['kind']} {run['state']}: {run['reason']}[/{colour}]")
            self.seen.runs[run["id"]] = run

    def _look_at_messages(self) -> None:
        messages = self._receiver.messages
        for message in messages[self._told :]:
            what = "a Slack message" if message.kind == "slack" else "a signed webhook"
            self._say(f"[dim]on-call received {what}{'' if message.valid else ' that is NOT valid'}[/dim]")
        self._told = len(messages)
