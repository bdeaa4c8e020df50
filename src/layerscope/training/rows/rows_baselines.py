"""Simpler models on the same rows: what a network's figures are worth beside.

Each is fitted on the training rows; what it has to be set is chosen on validation rows. Given are
outputs for any rows, in the form that the network gives them, so that one function scores all.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from layerscope.data.rows.load_rows import RowSplits
from layerscope.data.rows.row_sets import RowSet, SeriesSet, TableSet, TextSet, WordStream
from layerscope.data.rows.series_windows import YEAR_DAYS, Series, SeriesEncoding
from layerscope.data.rows.vocabulary import words_of

# Rows -> log-probabilities (N, K), values (N, 1), or log-probabilities of the words that
# followed (N, T).
Model = Callable[[RowSet], torch.Tensor]
SHARES = tuple(i / 20 for i in range(21))
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)


def baselines_of(splits: RowSplits) -> dict[str, Model]:
    """The simpler models of a kind of rows, by name."""
    train, validation = splits.train, splits.validation
    if isinstance(train, TextSet) and isinstance(validation, TextSet):
        return {
            "bag-of-words logistic regression": bag_of_words(train, validation),
            "the most frequent class": class_shares(train.labels, len(train.class_names)),
        }
    if isinstance(train, WordStream) and isinstance(validation, WordStream):
        V = len(splits.encoding.vocabulary)  # type: ignore[union-attr]
        return {"bigrams": bigrams(train, validation, V), "word frequencies": frequencies(train, V)}
    if isinstance(train, SeriesSet) and isinstance(splits.raw, Series):
        assert isinstance(splits.encoding, SeriesEncoding), "that of a series"
        models: dict[str, Model] = {
            "the same as the step before": lambda rows: _windows(rows)[:, -1, :1]
        }
        if a_year_before(validation, splits.raw):
            models["the same day last year"] = last_year(splits.raw, splits.encoding)
        return {**models, "linear regression": linear_model(train)}
    assert isinstance(train, TableSet), "the last of the kinds"
    assert isinstance(validation, TableSet), "likewise"
    if train.class_names:
        return {
            "logistic regression": logistic_model(train, validation),
            "the most frequent class": class_shares(train.targets, len(train.class_names)),
        }
    mean = train.targets.mean()
    return {
        "linear regression": linear_model(train),
        "the mean": lambda rows: mean.expand(len(rows), 1),
    }


def _windows(rows: RowSet) -> torch.Tensor:
    assert isinstance(rows, SeriesSet), "a series' baseline is for its windows"
    return rows.windows


def class_shares(labels: torch.Tensor, K: int) -> Model:
    """Every row gets the classes' shares of the training rows."""
    counts = torch.bincount(labels, minlength=K).double()
    logs = (counts / counts.sum()).clamp(min=1e-12).log()
    return lambda rows: logs.expand(len(rows), K)


def bag_of_words(train: TextSet, validation: TextSet) -> Model:
    """Logistic regression on which words a sentence holds, in whatever order.

    Its words are those that come up twice in training, as the network's are; its penalty is the
    one of five that is best on validation rows.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter: Any = CountVectorizer(min_df=2, binary=True)
    counter.set_params(analyzer=words_of)
    features = counter.fit_transform(train.texts)
    of = counter.transform
    model = best_logistic(features, train.labels, of(validation.texts), validation.labels)
    return lambda rows: log_probs(model, of(rows.texts))  # type: ignore[union-attr]


def logistic_model(train: TableSet, validation: TableSet) -> Model:
    """Logistic regression on a table's features."""
    found = best_logistic(
        train.features.numpy(), train.targets, validation.features.numpy(), validation.targets
    )
    K = len(train.class_names)

    def of(rows: RowSet) -> torch.Tensor:
        given = torch.full((len(rows), K), -30.0, dtype=torch.float64)
        given[:, found.classes_] = log_probs(found, rows.inputs.double().numpy())
        return given

    return of


def log_probs(model: Any, features: Any) -> torch.Tensor:
    """Logs of a model's probabilities, float64 (N, K); one that rounds to 0 counts as 1e-12."""
    return torch.from_numpy(model.predict_proba(features)).double().clamp(min=1e-12).log()


def best_logistic(features: Any, labels: torch.Tensor, held_out: Any, truth: torch.Tensor) -> Any:
    """The logistic regression whose penalty gives the best validation accuracy."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Of classes that a plane parts, the weakest penalty has no end within these steps.
        warnings.simplefilter("ignore", ConvergenceWarning)
        tried = [
            LogisticRegression(C=C, max_iter=2000).fit(features, labels.numpy()) for C in STRENGTHS
        ]
    return max(tried, key=lambda model: model.score(held_out, truth.numpy()))


def linear_model(train: TableSet | SeriesSet) -> Model:
    """Least squares on all numbers of a row or a window."""
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(_flat(train), train.targets.double().numpy())
    return lambda rows: torch.from_numpy(np.asarray(fitted.predict(_flat(rows))))


def _flat(rows: RowSet) -> Any:
    return rows.inputs.flatten(1).double().numpy()


def a_year_before(rows: RowSet, series: Series) -> bool:
    """Whether a series has a value a year before all of some later rows."""
    assert isinstance(rows, SeriesSet), "a series' baseline is for its windows"
    return series.dates[0] + timedelta(days=YEAR_DAYS) <= datetime.fromisoformat(rows.dates[0])


def last_year(series: Series, encoding: SeriesEncoding) -> Model:
    """The value a year before to the day, or of the nearest earlier date that has one."""
    dates = list(series.dates)

    def of(rows: RowSet) -> torch.Tensor:
        assert isinstance(rows, SeriesSet), "a series' baseline is for its windows"
        found = []
        for text in rows.dates:
            date = datetime.fromisoformat(text)
            day = 28 if (date.month, date.day) == (2, 29) else date.day
            before = date.replace(year=date.year - 1, day=day)
            place = max(0, bisect_right(dates, before) - 1)
            found.append(float(series.values[place, 0]))
        values = torch.tensor(found, dtype=torch.float64)
        return ((values - encoding.mean[0]) / encoding.std[0])[:, None]

    return of


def frequencies(train: WordStream, V: int) -> Model:
    """How often each word comes up, whatever stands before it."""
    logs = _shares(train.following, V).log()
    return lambda rows: logs[_following(rows)]


def _shares(words: torch.Tensor, V: int) -> torch.Tensor:
    """Shares of words, each counted once more than it is: float64 (V,)."""
    counts = torch.bincount(words.flatten(), minlength=V).double() + 1
    return counts / counts.sum()


def _following(rows: RowSet) -> torch.Tensor:
    assert isinstance(rows, WordStream), "a word's baseline is for words"
    return rows.following


def bigrams(train: WordStream, validation: WordStream, V: int) -> Model:
    """The word after each word, as often as it was seen; mixed with the words' own shares.

    The share of the mixture is the one of 21 with the lowest validation loss.

    Source: Jelinek and Mercer, "Interpolated estimation of Markov source parameters", 1980.
    """
    alone = _shares(train.following, V)
    pairs: dict[tuple[int, int], int] = {}
    for row in torch.cat([train.tokens, train.following[:, -1:]], dim=1).tolist():
        for pair in pairwise(row):
            pairs[pair] = pairs.get(pair, 0) + 1
    seen = torch.bincount(train.tokens.flatten(), minlength=V).double()

    def after(rows: RowSet) -> torch.Tensor:
        """How often a word followed the one before it, over how often that one came up."""
        assert isinstance(rows, WordStream), "a word's baseline is for words"
        both = zip(rows.tokens.flatten().tolist(), rows.following.flatten().tolist(), strict=True)
        counts = torch.tensor([pairs.get(pair, 0) for pair in both], dtype=torch.float64)
        return counts.view(rows.tokens.shape) / seen[rows.tokens].clamp(min=1)

    held = after(validation)
    rest = alone[validation.following]

    def loss(share: float) -> float:
        return -float((share * held + (1 - share) * rest).clamp(min=1e-12).log().mean())

    best = min(SHARES, key=loss)
    return lambda rows: (
        (best * after(rows) + (1 - best) * alone[_following(rows)]).clamp(min=1e-12).log()
    )
