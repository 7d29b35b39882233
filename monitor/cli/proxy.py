"""`kedge proxy`: a sidecar in front of an inference endpoint that logs the predictions it forwards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collectors.client import PredictionLogger
from collectors.proxy.relay import Rules
from collectors.proxy.server import ProxySettings, run
from collectors.proxy.target import Address, read_target
from monitor.cli.output import err, out
from monitor.cli.settings import read_settings
from monitor.errors import ConfigError
from monitor.records import check_model_name

BODY_KIB = 1024


def register(app: typer.Typer) -> None:
    app.command("proxy")(proxy)


def proxy(
    target: Annotated[str, typer.Option(metavar="URL", help="The endpoint, as in http://127.0.0.1:8080.")],
    model: Annotated[str, typer.Option(help="Name of the model behind it.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where clients reach it now.")] = "127.0.0.1:8610",
    collector: Annotated[str, typer.Option(metavar="URL", help="Kedge's collector.")] = "http://127.0.0.1:8600",
    key: Annotated[
        str | None, typer.Option(envvar="KEDGE_API_KEY", help="Key with the right to ingest; better not on the line.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version of predictions whose answer names none.")] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A path to log, with *; may be repeated. Any POST that predicts without it."),
    ] = None,
    spool: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where records wait while the collector is away; in the data folder else."),
    ] = None,
    sample: Annotated[float, typer.Option(min=0.0001, max=1.0, help="Share of the predictions to log.")] = 1.0,
    body_kib: Annotated[
        int, typer.Option("--body-kib", min=1, help="Bodies longer than this are forwarded and not read.")
    ] = BODY_KIB,
    id_header: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add this header, with the prediction's id, to each answer.")
    ] = None,
    rewrite_host: Annotated[
        bool, typer.Option("--rewrite-host", help="Send the target's own Host header instead of the client's.")
    ] = False,
    drain: Annotated[float, typer.Option(min=0, help="Seconds that calls under way may take at the end.")] = 30.0,
) -> None:
    """Forward an inference endpoint's traffic unchanged, and log its predictions.

    Requests never wait for Kedge: while the collector is away, records wait on disk. SIGTERM lets calls under way end.

        kedge proxy --target http://127.0.0.1:8080 --model churn --listen 0.0.0.0:8610
    """
    check_model_name(model)
    settings = read_settings()
    host, port = read_listen(listen)
    proxied = ProxySettings(
        target=avoid_itself(read_target(target), host, port),
        host=host,
        port=port,
        paths=tuple(path or ()),
        max_body_bytes=body_kib * 1024,
        drain_seconds=drain,
        rules=Rules(rewrite_host=rewrite_host, id_header=read_header_name(id_header)),
    )
    try:
        logger = PredictionLogger(
            collector,
            model,
            version=version,
            api_key=key,
            spool_dir=spool or settings.data_dir / "proxy" / model,
            sampling_fraction=sample,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None

    def say(port: int) -> None:
        where = f"http://{host}:{port}"
        out.print(f"{where} now forwards to {proxied.target}; predictions of {model} go to {collector}", markup=False)

    recorder = run(proxied, logger, settings.collector.mapping_of(model), say)
    counts, stats = recorder.counts, logger.stats
    lost = sum(stats.dropped.values())
    err.print(
        f"{counts['seen']} calls seen, {counts['unread']} of them not readable, {counts['dropped']} not logged; "
        f"{stats.acknowledged} records stored, {stats.spooled} wait in the spool, {lost} dropped",
        markup=False,
    )


def read_listen(text: str) -> tuple[str, int]:
    """HOST:PORT, [IPV6]:PORT, :PORT or PORT. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ConfigError(f"listen {text!r} is not usable; accepted: HOST:PORT, such as 127.0.0.1:8610")
    return host.strip("[]") or "127.0.0.1", int(port)


def avoid_itself(target: Address, host: str, port: int) -> Address:
    """The target. Raises ConfigError when it is where the proxy listens: requests would go round for ever."""
    here = {"127.0.0.1", "localhost", "::1", host}
    if target.port == port and target.host in here and host in {*here, "0.0.0.0", "::"}:
        raise ConfigError(f"target {target} is the proxy itself; change --listen or --target")
    return target


def read_header_name(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"id-header {text!r} is not usable; accepted: a header's name, such as X-Kedge-Id")
    return text.encode()
