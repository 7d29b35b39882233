"""A BentoML service that logs its predictions with `bentoml.monitor`; MONITOR, as JSON, says which one, and how."""

import json
import os

import bentoml
import joblib
import numpy as np

COLUMNS = ("radius", "texture", "perimeter", "area")


@bentoml.service(workers=1, monitoring={"enabled": True, **json.loads(os.environ["MONITOR"])})
class Tumours:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def classify(self, rows: np.ndarray) -> list[str]:
        shares = self.model.predict_proba(rows)[:, 1]
        classes = ["benign" if share > 0.5 else "malignant" for share in shares]
        with bentoml.monitor("tumours") as monitor:
            for row, share, named in zip(rows, shares, classes, strict=True):
                for column, value in zip(COLUMNS, row, strict=True):
                    monitor.log(float(value), name=column, role="feature", data_type="numerical")
                monitor.log(float(share), name="proba", role="prediction", data_type="numerical")
                monitor.log(named, name="class", role="prediction", data_type="categorical")
        return classes
