"""The commands that ask a trained model: `recommend`, `recommend-all`, `rank` and `similar`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from rich.console import Console
from rich.table import Table

from tfhrnn.arguments import id_list, name_value_pairs, number, unix_seconds
from tfhrnn.data.user_list import read_user_list
from tfhrnn.progress import step, under_way
from tfhrnn.run_folder import RunFolder
from tfhrnn.startup import start_tensorflow

if TYPE_CHECKING:
    from tfhrnn.recommender import HRNNRecommender

_SAID: Final = 20  # unknown ids that are named


def recommend(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Answers the best items after a history; what is returned goes into the JSON.

    Raises:
      TfhrnnError: bad input.
    """
    recommender, history, question = _question(arguments, console)
    found = recommender.recommend(
        [history],
        k=arguments.k,
        rerank=arguments.rerank,
        **_wanted(arguments),
        **question,
    )
    return _answers(found, recommender, history, console)


def recommend_all(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Writes the best items for many users; what is returned goes into the JSON.

    Raises:
      TfhrnnError: bad input.
    """
    users = None if arguments.users == "all" else read_user_list(arguments.users)
    recommender = _loaded(arguments)
    with step(answering := "answering users"):
        written = recommender.recommend_all(
            arguments.out,
            users=users,
            data=arguments.data,
            k=arguments.k,
            query_time=arguments.query_time,
            gap=arguments.gap,
            retrieval=arguments.retrieval,
            told=lambda done, all_: under_way(answering, done, all_),
            **_wanted(arguments),
        )
    _say_unknown("among the users with events, answered as new users", written.new_users, console)
    already = written.users - written.answered
    line = f"{written.path}: {written.users:,} users"
    if already:
        line += f", {already:,} of them answered before"
    console.print(line, highlight=False, soft_wrap=True)
    if written.with_fewer:
        line = f"users with fewer than {arguments.k} items: {written.with_fewer:,}"
        line += f", with none: {written.with_none:,}"
        console.print(line, highlight=False, soft_wrap=True)
    return {
        "out": str(written.path),
        "users": written.users,
        "users_with_fewer_items": written.with_fewer,
        "users_with_none": written.with_none,
        "new_users": len(written.new_users),
        "answered_before": already,
    }


def rank(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Orders given items after a history; what is returned goes into the JSON.

    Raises:
      TfhrnnError: bad input.
    """
    recommender, history, question = _question(arguments, console)
    items = id_list(arguments.items, "--items")
    found = recommender.rank([history], [items], **question)
    return _answers(found, recommender, [*history, *items], console)


def similar(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Answers the items most similar to some; what is returned goes into the JSON.

    Raises:
      TfhrnnError: bad input.
    """
    recommender = _loaded(arguments)
    items = id_list(arguments.items, "--items")
    found = recommender.similar(items, k=arguments.k)
    unknown = [item for item in items if recommender.catalogue.index_of(item) == 1]
    _say_unknown("in the catalogue, similar to nothing", unknown, console)
    table = Table("item", "rank", "similar", "title", "similarity")
    for row in found.iter_rows(named=True):
        values = row["item"], str(row["rank"]), row["similar"], row["title"]
        table.add_row(*values, f"{row['similarity']:.3f}")
    console.print(table)
    return {"unknown": unknown, "items": found.to_dicts()}


def _wanted(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is wanted of an answer beside k."""
    values: dict[str, list[str]] = {}
    for name, value in name_value_pairs(arguments.filter_value, "--filter-value"):
        values.setdefault(name, []).append(value)
    return {
        "filter": arguments.filter,
        "filter_values": values,
        "promotion": arguments.promotion,
        "percent_promoted_items": arguments.percent_promoted_items,
        **rules(arguments),
        "exclude_seen": arguments.exclude_seen,
        "allow": None if arguments.allow is None else id_list(arguments.allow, "--allow"),
        "deny": id_list(arguments.deny, "--deny"),
        "exploration": arguments.exploration,
        "seed": arguments.seed,
        "cold_items": arguments.cold_items,
    }


def rules(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `--ranking-influence` and the cut-off of exploration ask for."""
    option, found = "--ranking-influence", {}
    for name, text in name_value_pairs(arguments.ranking_influence, option):
        value = number(text, option)
        found[name.upper()] = 0.0 if value is None else value
    return {
        "ranking_influence": found,
        "exploration_item_age_cut_off": arguments.exploration_item_age_cut_off,
    }


def _loaded(arguments: argparse.Namespace) -> HRNNRecommender:
    """The run that is asked, TensorFlow started before."""
    RunFolder(arguments.run).require()
    start_tensorflow()
    from tfhrnn.recommender import HRNNRecommender

    return HRNNRecommender.load(arguments.run)


def _question(
    arguments: argparse.Namespace, console: Console
) -> tuple[HRNNRecommender, list[str], dict[str, Any]]:
    """The run, the history, and when and by whom is asked."""
    recommender = _loaded(arguments)
    times = None
    if arguments.times is not None:
        times = [[unix_seconds(t) for t in id_list(arguments.times, "--times")]]
    feedback = None
    if arguments.feedback is not None:
        texts = id_list(arguments.feedback, "--feedback", blanks=True)
        feedback = [[number(text, "--feedback") for text in texts]]
    types = None
    if arguments.event_types is not None:
        types = [id_list(arguments.event_types, "--event-types", blanks=True)]
        assert recommender.run is not None
        if recommender.config.model.event_types:
            known = {"", *recommender.run.facts.event_types}
            others = [kind for kind in dict.fromkeys(types[0]) if kind not in known]
            _say_unknown("among the event types, read as unknown", others, console)
    user = dict(name_value_pairs(arguments.user, "--user"))
    _say_unknown_values(user, recommender, console)
    question = {
        "gap": arguments.gap,
        "query_time": arguments.query_time,
        "times": times,
        "feedback": feedback,
        "user_columns": {name: [value] for name, value in user.items()},
        "event_types": types,
    }
    return recommender, id_list(arguments.history, "--history"), question


def _say_unknown_values(
    user: dict[str, str], recommender: HRNNRecommender, console: Console
) -> None:
    """Names the values of a user's features that the model has not met."""
    from tfhrnn.predicting.filter_conditions import cell_values

    assert recommender.run is not None
    features = recommender.run.user_features if recommender.config.model.user_features else None
    for spec in features.specs if features else ():
        if spec.name in user and spec.kind in ("categorical", "multi-hot"):
            others = [v for v in cell_values(user[spec.name], spec) if v not in spec.vocabulary]
            what = f"among the values of {spec.name}, read as unknown"
            _say_unknown(what, dict.fromkeys(others), console)


def _answers(
    found: pl.DataFrame, recommender: HRNNRecommender, asked: list[str], console: Console
) -> dict[str, Any]:
    """Prints the answers, and which of the ids asked about are unknown."""
    unknown = [item for item in asked if recommender.catalogue.index_of(item) == 1]
    _say_unknown("in the catalogue, read as unknown items", unknown, console)
    if found.is_empty():
        console.print("no item is left to answer", highlight=False)
        return {"level": None, "unknown": unknown, "items": []}
    level = int(found["level"][0])
    table = Table(title=f"gap level {level}")
    numbers = [name for name in ("log_probability", "feedback") if name in found.columns]
    flags = [name for name in ("cold", "promoted") if name in found.columns]
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("title")
    for name in numbers:
        table.add_column(name.replace("_", " "), justify="right")
    for flag in flags:
        table.add_column(flag)
    for row in found.iter_rows(named=True):
        figures = [f"{row[name]:.3f}" for name in numbers]
        marks = ["yes" if row[flag] else "" for flag in flags]
        table.add_row(str(row["rank"]), row["item"], row["title"], *figures, *marks)
    console.print(table)
    finite = [pl.when(pl.col(n).is_finite()).then(pl.col(n)).alias(n) for n in numbers]  # for JSON
    items = found.select("item", "title", *finite, *flags).to_dicts()
    return {"level": level, "unknown": unknown, "items": items}


def _say_unknown(what: str, found: Iterable[str], console: Console) -> None:
    texts = [json.dumps(text, ensure_ascii=False) for text in found]
    if len(texts) > _SAID:
        texts[_SAID:] = [f"and {len(texts) - _SAID:,} more"]
    if texts:
        console.print(f"not {what}: {', '.join(texts)}", highlight=False, soft_wrap=True)
