"""Text columns: how long the texts are, which words are new, and whether a classifier can tell old from new.

A categorical feature is text when its values are long, mostly distinct and of several words. Its categories say
nothing then, so the three looks here replace the one-column distance. Each is a permutation test; their p-values are
multiplied by three, which keeps a column's false alarms at 1 %.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.drift.embeddings import corrected
from monitor.drift.many.domain_classifier import SMALLEST, held_out_auroc
from monitor.drift.many.method import RATE, ManyVerdict, without_value
from monitor.drift.many.permutation import Contrast, TimeNull, judge, time_null
from monitor.drift.many.pooled import too_few
from monitor.drift.many.rows import Rows, read_rows
from monitor.drift.many.shift import shift_of
from monitor.points import Status

LEAST_WORDS, LEAST_CHARACTERS, LEAST_DISTINCT, LEAST_TEXTS = 3, 15, 0.5, 20
MOST_TERMS = 300
LEAST_TEXTS_OF_A_TERM = 3
LOOKS = ("text_length", "text_new_words", "text_classifier")
_WORD = re.compile(r"\w\w+")
Texts = list[str | None]


def text_columns(rows: pa.Table) -> list[str]:
    """The columns of a baseline's sample that hold text: half of the values distinct, three words and 15 characters in
    the median. Identifiers are no text: they are one word."""
    categories = read_rows(rows).categories
    return [name for name, values in categories.items() if _is_text([v for v in values.to_pylist() if v is not None])]


def _is_text(values: list[str]) -> bool:
    if len(values) < LEAST_TEXTS or len(set(values)) < LEAST_DISTINCT * len(values):
        return False
    words, characters = (float(np.median([f(v) for v in values])) for f in (lambda v: len(v.split()), len))
    return words >= LEAST_WORDS and characters >= LEAST_CHARACTERS


@dataclass(frozen=True, slots=True)
class FittedText:
    """One text column of a baseline: its texts, the vocabulary of one half of them, and what each look does over time.

    New words are counted in the other half (`held`), for a text has no new words against itself.
    """

    column: str
    texts: Texts
    held: NDArray[np.intp]
    vocabulary: frozenset[str]
    times: tuple[TimeNull, TimeNull, TimeNull]

    def judge(self, current_rows: pa.Table, random: np.random.Generator) -> list[ManyVerdict]:
        """Three verdicts, in the order of `LOOKS`, on a window's first 5,000 rows."""
        texts = _texts(read_rows(current_rows, [self.column]), self.column)
        if objection := too_few(len(self.texts), len(texts)):
            return [without_value(look, len(texts), Status.INSUFFICIENT, objection) for look in LOOKS]
        if not any(texts) or not any(self.texts):
            why = f"{self.column} has no text in the {'window' if any(self.texts) else 'baseline'}"
            return [without_value(look, len(texts), Status.UNDEFINED, why) for look in LOOKS]
        held = [self.texts[i] for i in self.held]
        known, new = (_new_words(part, self.vocabulary) for part in (held, texts))
        verdicts = [
            self._shift(LOOKS[0], "characters", _lengths(self.texts), _lengths(texts), self.times[0], random),
            self._shift(LOOKS[1], "share of words that are new", known, new, self.times[1], random),
            self._classified(texts, random),
        ]
        return [corrected(verdict, len(LOOKS)) for verdict in verdicts]

    def _shift(
        self,
        look: str,
        unit: str,
        before: NDArray[np.float64],
        after: NDArray[np.float64],
        time: TimeNull,
        random: np.random.Generator,
    ) -> ManyVerdict:
        both, n = np.append(before, after), after.size
        if not np.isfinite(before).any() or not np.isfinite(after).any():
            return without_value(look, n, Status.UNDEFINED, f"{self.column} has no words to count")
        found = judge(shift_of(both), both.size, n, random, RATE, time)
        usual, value = float(np.nanmean(before)), float(np.nanmean(after))
        why = f"{self.column}: {unit} {usual:.3g} → {value:.3g}"
        return ManyVerdict(look, value, n, None, found.p_value, found.p_value <= RATE, Status.OK, why, (self.column,))

    def _classified(self, texts: Texts, random: np.random.Generator) -> ManyVerdict:
        n, everything = len(texts), [*self.texts, *texts]
        contrast, terms, matrix = _classifier(everything, random)
        if not terms:
            return without_value(LOOKS[2], n, Status.UNDEFINED, f"no word of {self.column} is in three texts")
        found = judge(contrast, len(everything), n, random, RATE, self.times[2])
        breach = found.p_value <= RATE and found.value >= SMALLEST
        moved = np.argsort(-np.abs(matrix[-n:].mean(axis=0) - matrix[:-n].mean(axis=0)), kind="stable")[:3]
        limit = max(found.limit, SMALLEST)
        why = f"{self.column}: AUROC of telling the window from the baseline {found.value:.3g} (limit {limit:.3g})"
        why += f"; most by the words {', '.join(terms[i] for i in moved)}" if breach else ""
        return ManyVerdict(LOOKS[2], found.value, n, limit, found.p_value, breach, Status.OK, why, (self.column,))


def fit_text(reference_rows: pa.Table, column: str) -> FittedText:
    """Prepare for one text column of a baseline, once."""
    rows = read_rows(reference_rows, [column])
    texts, random = _texts(rows, column), np.random.default_rng(rows.size)
    order = random.permutation(rows.size)
    held = np.sort(order[: rows.size // 2])
    vocabulary = frozenset(word for i in order[rows.size // 2 :] for word in _words(texts[i]))
    if rows.time is None:
        return FittedText(column, texts, held, vocabulary, (TimeNull(), TimeNull(), TimeNull()))
    times = (
        time_null(shift_of(_lengths(texts)), rows.time, random),
        time_null(shift_of(_new_words([texts[i] for i in held], vocabulary)), rows.time[held], random),
        time_null(_classifier(texts, random)[0], rows.time, random) if any(texts) else TimeNull(),
    )
    return FittedText(column, texts, held, vocabulary, times)


def _texts(rows: Rows, column: str) -> Texts:
    """The column as texts; all missing where it holds numbers, or is not there."""
    values = rows.categories.get(column)
    return values.to_pylist() if values is not None else [None] * rows.size


def _lengths(texts: Texts) -> NDArray[np.float64]:
    return np.array([np.nan if text is None else len(text) for text in texts], dtype=np.float64)


def _words(text: str | None) -> list[str]:
    return _WORD.findall(text.lower()) if text else []


def _new_words(texts: Texts, vocabulary: frozenset[str]) -> NDArray[np.float64]:
    """Per text the share of its words that the vocabulary lacks; NaN without words."""
    found = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        if words := _words(text):
            found[i] = sum(word not in vocabulary for word in words) / len(words)
    return found


def _classifier(texts: Texts, random: np.random.Generator) -> tuple[Contrast, list[str], NDArray[np.float64]]:
    """The domain classifier on TF-IDF of the 300 terms that most texts have (sublinear, rows of length 1)."""
    counted = [Counter(_words(text)) for text in texts]
    documents = Counter(word for words in counted for word in words)
    ranked = sorted(documents, key=lambda word: (-documents[word], word))[:MOST_TERMS]
    terms = [word for word in ranked if documents[word] >= LEAST_TEXTS_OF_A_TERM]
    place = {word: index for index, word in enumerate(terms)}
    matrix = np.zeros((len(texts), len(terms)))
    for row, words in enumerate(counted):
        for word, count in words.items():
            if word in place:
                matrix[row, place[word]] = 1 + np.log(count)
    matrix *= np.log((1 + len(texts)) / (1 + np.array([documents[word] for word in terms]))) + 1
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    centred = matrix - matrix.mean(axis=0)
    scale = float(centred.std()) if terms else 0.0
    return held_out_auroc(centred / (scale or 1.0), random), terms, matrix
