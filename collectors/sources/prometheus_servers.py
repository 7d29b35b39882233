"""What each model server calls its counters: names, labels and units, as its /metrics page has them.

Names are without `_total`, `_bucket`, `_sum` and `_count`. Sources: the servers' code and recordings of MLServer 1.7,
BentoML 1.4 and KServe's SDK 0.21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MS_PER_S, MS_PER_MS, MS_PER_US = 1000.0, 1.0, 0.001
BY_CODE = "by code"
"""An outcome: the label `code` of the counter says what became of the request."""


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    `requests`: counter → what it counts: `ok`, `error`, `all` (the rest is ok) or BY_CODE. `latency`: the histogram or
    summary (or the counter of the sum, where `count` names that of the requests) and its unit in milliseconds.
    `counted_by_latency`: nothing else counts the requests. `not_models`: values of `model` that are no model.
    """

    name: str
    model: str
    requests: Mapping[str, str]
    latency: str
    unit: float
    version: str = ""
    code: str = ""
    count: str = ""
    counted_by_latency: bool = False
    not_models: Sequence[str] = field(default=())

    @property
    def names(self) -> frozenset[str]:
        return frozenset({*self.requests, self.latency, self.count} - {""})


_OWN_PAGES = ("healthz", "livez", "readyz", "metrics", "docs.json", "schema.json", "")

SERVERS = (
    Server(
        "bentoml",
        model="endpoint",
        requests={"bentoml_service_request": BY_CODE},
        code="http_response_code",
        latency="bentoml_service_request_duration_seconds",
        unit=MS_PER_S,
        version="service_version",
        not_models=_OWN_PAGES,
    ),
    Server(
        "kserve",
        model="model_name",
        requests={},
        latency="request_predict_seconds",
        unit=MS_PER_S,
        counted_by_latency=True,
    ),
    Server(
        "mlserver",
        model="model",
        version="version",
        requests={"model_infer_request_success": "ok", "model_infer_request_failure": "error"},
        latency="model_infer_request_duration",
        unit=MS_PER_S,
    ),
    Server(
        "ray-serve",
        model="deployment",
        requests={"ray_serve_deployment_request_counter": "all", "ray_serve_deployment_error_counter": "error"},
        latency="ray_serve_deployment_processing_latency_ms",
        unit=MS_PER_MS,
    ),
    Server(
        "seldon",
        model="model",
        requests={"seldon_model_infer": BY_CODE},
        code="code",
        latency="seldon_model_infer_api_seconds",
        unit=MS_PER_S,
    ),
    Server(
        "tf-serving",
        model="model_name",
        requests={":tensorflow:serving:request_count": BY_CODE},
        code="status",
        latency=":tensorflow:serving:request_latency",
        unit=MS_PER_US,
    ),
    Server(
        "torchserve",
        model="model_name",
        version="model_version",
        requests={"ts_inference_requests": "all"},
        latency="ts_inference_latency_microseconds",
        count="ts_inference_requests",
        unit=MS_PER_US,
    ),
    Server(
        "triton",
        model="model",
        version="version",
        requests={"nv_inference_request_success": "ok", "nv_inference_request_failure": "error"},
        latency="nv_inference_request_duration_us",
        count="nv_inference_request_success",
        unit=MS_PER_US,
    ),
)
