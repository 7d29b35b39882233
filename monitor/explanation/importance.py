"""How much each feature moves a model's answers, learnt from the logged rows alone.

A surrogate (gradient-boosted trees) learns the score from the features on two thirds of the rows; on the others, each
feature is shuffled in turn, and what the surrogate's error gains is what the feature was worth (permutation importance;
Breiman 2001; Fisher, Rudin, Dominici 2019). Features that carry the same information share their worth. The score's
ranks are learnt rather than its values, so that a few extreme answers don't decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from monitor.schemas import Feature, FeatureKind

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

Matrix = NDArray[np.float64]

LEAST_ROWS = 200
MOST_ROWS = 5000
MOST_FEATURES = 100
MOST_CATEGORIES = 50
MOST_CLASSES = 3
REPEATS = 3
LEAST_EXPLAINED = 0.05
_FEW_ANSWERS = 20


def learn_importance(rows: pa.Table, features: Mapping[str, Feature]) -> dict[str, float]:
    """Each feature's share of what moves the model's answer, summing to 1; {} where nothing can be learnt.

    `rows` has the features by name, `score` and `prediction` (as `Engine.rows` gives them, and `baselines.sample`
    keeps). Nothing can be learnt of fewer than 200 rows, of answers that never change, or of answers the features do
    not explain (less than 5 % of their variance). At most the first 5,000 rows are used, and the 100 features that go
    with the answer most closely; the others get 0.
    """
    rows = rows.slice(0, MOST_ROWS)
    names = [name for name in features if name in rows.column_names]
    targets = _targets(rows)
    if rows.num_rows < LEAST_ROWS or not names or not targets:
        return {}
    matrix = np.column_stack([_numbers(rows.column(name), features[name].kind) for name in names])
    found = [worth for target in targets if (worth := _worth(matrix, target)) is not None]
    total = np.sum(found, axis=0) if found else np.zeros(len(names))
    if not total.sum() > 0:
        return {}
    return dict(zip(names, (total / total.sum()).tolist(), strict=True))


def _targets(rows: pa.Table) -> list[Matrix]:
    """What the model answered, as ranks from 0 to 1; NaN where it gave no answer. One per class where they are several.

    The score where there is one; else the prediction, as a number or as an indicator of each of its commonest classes.
    """
    if "score" in rows.column_names:
        score = _as_floats(rows.column("score"))
        if np.isfinite(score).sum() >= LEAST_ROWS:
            return _ranks(score)
    if "prediction" not in rows.column_names:
        return []
    answers = rows.column("prediction").cast(pa.string())
    texts = np.asarray(answers.to_pylist(), dtype=object)
    given = texts[texts != None]  # noqa: E711 - elementwise
    classes, counts = np.unique(given.astype(str), return_counts=True)
    if len(classes) > _FEW_ANSWERS:
        return _ranks(_as_floats(answers))
    common = classes[np.argsort(-counts, kind="stable")][: 1 if len(classes) == 2 else MOST_CLASSES]
    indicators = [np.where(texts == name, 1.0, 0.0) for name in common]
    return [
        target
        for indicator in indicators
        for target in _ranks(np.where(texts != None, indicator, np.nan))  # noqa: E711
    ]


def _ranks(values: Matrix) -> list[Matrix]:
    """Mid-ranks of the finite values in [0, 1], in a list of one; an empty list where they are all the same."""
    finite = np.isfinite(values)
    distinct, places, counts = np.unique(values[finite], return_inverse=True, return_counts=True)
    if distinct.size < 2:
        return []
    ranks = np.full(values.shape, np.nan)
    middle = np.cumsum(counts) - counts / 2
    ranks[finite] = middle[places] / finite.sum()
    return [ranks]


def _worth(matrix: Matrix, target: Matrix) -> Matrix | None:
    """What shuffling each column costs, as a share of the variance; None where the columns explain too little."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # takes a second to import

    known = np.isfinite(target)
    matrix, target = matrix[known], target[known]
    if len(target) < LEAST_ROWS:
        return None
    held = np.arange(len(target)) % 3 == 0
    chosen = _closest(matrix[~held], target[~held])
    if not len(chosen):
        return None
    model = HistGradientBoostingRegressor(max_iter=80, max_leaf_nodes=15, min_samples_leaf=10, random_state=0)
    with threadpool_limits(1):  # on a busy machine, threads that wait for each other take ten times as long
        model.fit(matrix[~held][:, chosen], target[~held])
        costs = _cost_of_shuffling(model, matrix[held][:, chosen], target[held])
    if costs is None:
        return None
    worth = np.zeros(matrix.shape[1])
    worth[chosen] = costs
    return worth


def _cost_of_shuffling(model: HistGradientBoostingRegressor, rows: Matrix, truth: Matrix) -> Matrix | None:
    """What the model's squared error gains when each column is shuffled, as a share of the variance."""
    variance = float(truth.var())
    error = float(((model.predict(rows) - truth) ** 2).mean())
    if variance <= 0 or 1 - error / variance < LEAST_EXPLAINED:
        return None
    random = np.random.default_rng(0)
    costs = np.zeros(rows.shape[1])
    for place in range(rows.shape[1]):
        errors = []
        for _ in range(REPEATS):
            shuffled = rows.copy()
            shuffled[:, place] = random.permutation(shuffled[:, place])
            errors.append(float(((model.predict(shuffled) - truth) ** 2).mean()))
        costs[place] = max(0.0, float(np.mean(errors)) - error) / variance
    return costs


def _closest(matrix: Matrix, target: Matrix) -> NDArray[np.int64]:
    """The columns that vary and whose tenths differ most in the target's mean, at most 100, in their order."""
    varied = np.array([i for i in range(matrix.shape[1]) if np.unique(matrix[~np.isnan(matrix[:, i]), i]).size > 1])
    if len(varied) <= MOST_FEATURES:
        return varied
    spread = np.array([_between_groups(matrix[:, i], target) for i in varied])
    return np.sort(varied[np.argsort(-spread, kind="stable")[:MOST_FEATURES]])


def _between_groups(column: Matrix, target: Matrix) -> float:
    edges = np.unique(np.nanquantile(column, np.linspace(0.1, 0.9, 9))) if np.isfinite(column).any() else np.array([])
    groups = np.where(np.isnan(column), len(edges) + 1, np.searchsorted(edges, column))
    sizes = np.bincount(groups)
    means = np.bincount(groups, weights=target) / np.maximum(sizes, 1)
    return float((sizes * (means - target.mean()) ** 2).sum())


def _numbers(column: pa.ChunkedArray, kind: FeatureKind) -> Matrix:
    """A column as trees can split it: categories in the order of how common they are, missing values as NaN."""
    if kind is not FeatureKind.CATEGORICAL:
        values = _as_floats(column)
        return np.where(np.isinf(values), np.sign(values) * 1e300, values)
    counts = pc.value_counts(column).to_pylist()
    ranked = sorted((c for c in counts if c["values"] is not None), key=lambda c: (-c["counts"], str(c["values"])))
    codes = {c["values"]: float(i) for i, c in enumerate(ranked[:MOST_CATEGORIES])}
    rest = float(len(codes))
    return np.array([np.nan if v is None else codes.get(v, rest) for v in column.to_pylist()], dtype=np.float64)


def _as_floats(column: pa.ChunkedArray) -> Matrix:
    """The column as numbers; what is missing or spells no number is NaN."""
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:
        return np.full(len(column), np.nan)
