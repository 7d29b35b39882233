"""`kedge up`, and the three processes it runs, which production runs apart: collect, work, dashboard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel

from dashboards import launch
from monitor.app.control import clock, open_database
from monitor.app.first_run import FirstKeys, make_first_keys
from monitor.app.flush import run_flusher
from monitor.app.processes import Child, Supervisor, check_port
from monitor.app.pull import check_sources
from monitor.app.signals import stop_on_signal
from monitor.app.web import run_collector
from monitor.app.worker import check_alerting, run_worker
from monitor.cli.output import err, out
from monitor.cli.settings import read_settings
from monitor.config import Settings
from monitor.errors import ConfigError

# The collector itself waits for requests to end, then for the flusher to empty the inbox.
_STOP_SECONDS = 40.0

DataDir = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder for everything Kedge keeps; .kedge otherwise.")
]
Port = Annotated[int | None, typer.Option("--port", help="Port of the collector and its API; 8600 otherwise.")]
DashboardPort = Annotated[int | None, typer.Option("--dashboard-port", help="Port of the dashboard; 8601 otherwise.")]
PagesPort = Annotated[int | None, typer.Option("--port", help="Port of the dashboard; 8601 otherwise.")]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on; this machine only otherwise.")]


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("collect")(collect)
    app.command("flush")(flush)
    app.command("work")(work)
    app.command("dashboard")(dashboard)


def up(
    data: DataDir = None,
    port: Port = None,
    dashboard_port: DashboardPort = None,
    host: Host = None,
    with_dashboard: Annotated[
        bool,
        typer.Option("--dashboard/--no-dashboard", help="Run the dashboard as well, or leave it out."),
    ] = True,
) -> None:
    """Run collector, worker and dashboard on this machine, until Ctrl-C.

    Nothing needs to be configured. The first start prints an ingest key and an admin key, once; then send predictions:

        curl http://127.0.0.1:8600/v1/predictions -H "Authorization: Bearer $KEY" \\

             -d '{"model": "churn", "features": {"age": 41}, "prediction": 1, "score": 0.8}'
    """
    settings = read_settings(data_dir=data, port=port, dashboard_port=dashboard_port, host=host)
    check_port(settings.host, settings.port, "the collector", "--port")
    if with_dashboard:
        if settings.port == settings.dashboard_port:
            raise ConfigError(
                f"collector and dashboard can't share port {settings.port}; change --port or --dashboard-port"
            )
        check_port(settings.host, settings.dashboard_port, "the dashboard", "--dashboard-port")
    check_alerting(settings)
    database = open_database(settings)
    made = make_first_keys(database, clock())
    database.close()
    if made is not None:
        show_keys(made)
    stop = stop_on_signal()
    supervisor = build_supervisor(settings, with_dashboard)
    try:
        supervisor.start(stop)
        if stop.is_set():
            return
        out.print(f"Send predictions to  {collector_url(settings)}/v1/predictions")
        if with_dashboard:
            out.print(f"See them at          {dashboard_url(settings)}")
        out.print(f"API and its docs     {collector_url(settings)}/docs")
        out.print("Ctrl-C ends it.")
        supervisor.watch(stop)
    finally:
        supervisor.stop()


def collect(data: DataDir = None, port: Port = None, host: Host = None) -> None:
    """Run the collector and the API alone: it takes logs in, pulls from sources, and writes the lake."""
    settings = read_settings(data_dir=data, port=port, host=host)
    check_port(settings.host, settings.port, "the collector", "--port")
    check_sources(settings)
    run_collector(settings)


def flush(data: DataDir = None) -> None:
    """Write what waits in the inbox to the lake, until Ctrl-C. `kedge collect` runs this beside itself."""
    run_flusher(read_settings(data_dir=data))


def work(data: DataDir = None) -> None:
    """Run the scheduled jobs alone: evaluate windows, send messages, run responses. Any number of workers may run."""
    run_worker(read_settings(data_dir=data))


def dashboard(data: DataDir = None, port: PagesPort = None, host: Host = None) -> None:
    """Run the dashboard alone."""
    settings = read_settings(data_dir=data, dashboard_port=port, host=host)
    check_port(settings.host, settings.dashboard_port, "the dashboard", "--port")
    open_database(settings).close()
    command = launch.command(settings.dashboard_port, settings.host)
    os.execvpe(command[0], command, launch.environment(os.environ, settings.control_url))


def build_supervisor(settings: Settings, with_dashboard: bool = True) -> Supervisor:
    """The three processes with the settings this one has; they read the same file and environment."""
    environment = {
        "KEDGE_DATA_DIR": str(settings.data_dir.absolute()),
        "KEDGE_HOST": settings.host,
        "KEDGE_PORT": str(settings.port),
        "KEDGE_DASHBOARD_PORT": str(settings.dashboard_port),
        "DO_NOT_TRACK": "1",
    }
    children = [
        Child("collector", ["collect"], f"{collector_url(settings)}/healthz", environment=environment),
        Child("worker", ["work"], environment=environment),
    ]
    if with_dashboard:
        ready_url = f"{dashboard_url(settings)}/_stcore/health"
        children.append(Child("dashboard", ["dashboard"], ready_url, environment=environment))
    return Supervisor(children, settings.data_dir / "logs", lambda text: err.print(text, markup=False), _STOP_SECONDS)


def collector_url(settings: Settings) -> str:
    return f"http://{_reachable(settings.host)}:{settings.port}"


def dashboard_url(settings: Settings) -> str:
    return f"http://{_reachable(settings.host)}:{settings.dashboard_port}"


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def show_keys(made: FirstKeys) -> None:
    """Print the keys of a first start; they can't be seen again."""
    text = f"ingest key  {made.ingest}\nadmin key   {made.admin}"
    out.print(Panel(text, title="Keep these: they are shown once", expand=False))
