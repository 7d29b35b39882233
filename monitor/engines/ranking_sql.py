"""Ranked lists beside the relevance of their items, by SQL; monitor.performance.ranking has the definitions."""

from __future__ import annotations

from monitor.engines.answers_sql import Window
from monitor.engines.exact_sql import Sum, exact_sums
from monitor.engines.sql import Connection, one_row
from monitor.performance.ranking import DISCOUNTS
from monitor.profiles import RankingProfile
from monitor.profiles.label_ranking import RANKING_DEPTH

_DISCOUNTS = f"[{', '.join(f'{value:.17e}' for value in DISCOUNTS)}]"
# Rows of one request have the ids "id", "id/1", "id/2" …
_BY_ID = r"regexp_replace(p.prediction_id, '(.)/[0-9]+$', '\1')"
_ITEMS = """(SELECT request, relevance, rank() OVER by_score AS place,
    count(*) OVER (PARTITION BY request, score) AS size, count(*) OVER (PARTITION BY request) AS items,
    row_number() OVER (PARTITION BY request ORDER BY relevance DESC) AS ideal_place,
    sum((relevance > 0)::INTEGER) OVER (PARTITION BY request ORDER BY score DESC
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS found
  FROM answers WHERE isfinite(score) AND isfinite(relevance)
  WINDOW by_score AS (PARTITION BY request ORDER BY score DESC))"""


def _discount(place: str) -> str:
    """The discounts of the first so many places together."""
    return f"{_DISCOUNTS}[least({place}, {RANKING_DEPTH}) + 1]"


def _sum(expression: str) -> str:
    """A sum over the items of a request, always in the same order."""
    return f"coalesce(sum({expression} ORDER BY {expression}), 0)"


_LAST = "(place - 1 + size)"
_GAIN = f"relevance * ({_discount(_LAST)} - {_discount('place - 1')}) / size"
_IDEAL = f"relevance * ({_discount('ideal_place')} - {_discount('ideal_place - 1')})"
_PRECISION = f"CASE WHEN relevance > 0 THEN found / {_LAST} END"
_REQUESTS = f"""(SELECT CASE WHEN relevant > 0 AND ideal > 0 THEN gain / ideal ELSE 0 END AS ndcg,
    CASE WHEN relevant > 0 THEN precisions / relevant ELSE 0 END AS average, coalesce(1 / top, 0) AS reciprocal,
    coalesce(top <= {RANKING_DEPTH}, false) AS hit
  FROM (SELECT {_sum(_GAIN)} AS gain, {_sum(_IDEAL)} AS ideal, {_sum(_PRECISION)} AS precisions,
      count(*) FILTER (WHERE relevance > 0) AS relevant, min({_LAST}) FILTER (WHERE relevance > 0) AS top
    FROM {_ITEMS} WHERE items > 1 GROUP BY request))"""


def item_columns(window: Window) -> dict[str, str]:
    """The columns of the answers' table: request, score and relevance of each labelled item."""
    group = "p.tags['query_id'], p.tags['group'], " if "tags" in window.columns else ""
    return {
        "request": f"hash(coalesce({group}{_BY_ID}))",
        "score": "CASE WHEN isfinite(p.score) THEN p.score ELSE p.prediction_value END",
        "relevance": "CASE WHEN l.label_value < 0 THEN 0 ELSE l.label_value END",
    }


def read_ranking(connection: Connection, rows: int) -> RankingProfile:
    """The ranking of the requests in the answers' table."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE requests AS SELECT * FROM {_REQUESTS}")
    n, hits = one_row(connection.execute("SELECT count(*), count(*) FILTER (WHERE hit) FROM requests"))
    names = ("ndcg", "average", "reciprocal")
    sums = [Sum(expression) for name in names for expression in (name, f"{name} * {name}")]
    a, b, c, d, e, f = exact_sums(connection, "requests", sums, rows)
    return RankingProfile(n, a, b, c, d, e, f, hits)
