"""What each command does, once its arguments are read; `run` picks by name."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tfhrnn.arguments import (
    json_target,
    name_value_pairs,
    optional_path,
    split_rule,
)
from tfhrnn.asking import rank, recommend, recommend_all, rules, similar
from tfhrnn.comparison_commands import compare, peers
from tfhrnn.config import preset
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.files import whole_file
from tfhrnn.data.movielens import NAMES as MOVIELENS
from tfhrnn.data.movielens import load_movielens, plain_name
from tfhrnn.data.sessions import gaps
from tfhrnn.data.summary import summarize
from tfhrnn.data_commands import diagnose, prepare, show_thresholds, write_examples
from tfhrnn.errors import ConfigError, RunError
from tfhrnn.evaluation.detail_tables import print_details
from tfhrnn.evaluation.result_table import print_experiment, print_result
from tfhrnn.history_command import history
from tfhrnn.log_option import log_callbacks
from tfhrnn.personalize import own_names
from tfhrnn.progress import Progress
from tfhrnn.run_folder import RunFolder
from tfhrnn.shell import warnings_as_lines
from tfhrnn.startup import start_tensorflow
from tfhrnn.table_commands import tables

_prepare, _propose_thresholds = prepare, show_thresholds
_diagnose, _export_examples, _history = diagnose, write_examples, history
_recommend, _recommend_all, _rank = recommend, recommend_all, rank
_similar, _compare, _tables = similar, compare, tables
_WATCHED = {"perplexity": "perplexity", "ndcg": "NDCG@10", "rmse": "RMSE"}


def run(arguments: argparse.Namespace) -> None:
    """Runs the command that was asked for and writes its JSON.

    Raises:
      TfhrnnError: bad input.
    """
    # Titles and ids may hold brackets and ":smile:".
    console = Console(markup=False, emoji=False)
    name = arguments.command.replace("-", "_")
    # The JSON's place is tried first: an hour's training should not end at a folder that is
    # missing.
    target = None if arguments.json is None else json_target(arguments.json)
    beside = Console(stderr=True, markup=False, emoji=False)
    with Progress(beside), warnings_as_lines(f"tfhrnn {arguments.command}", beside):
        found = globals()[f"_{name}"](arguments, console)
    if target is not None:
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        with whole_file(target) as temporary:
            temporary.write_text(text, encoding="utf-8")


def training_settings(arguments: argparse.Namespace) -> dict[str, object]:
    """What `--set` and `--seed` change about the preset."""
    settings = own_names(dict(name_value_pairs(arguments.set, "--set")))
    if arguments.seed is not None:
        settings["seed"] = arguments.seed
    return settings


def _quickstart(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    preset(arguments.preset, training_settings(arguments))  # wrong settings end here
    start_tensorflow()
    from tfhrnn.quickstart import quickstart

    config = preset(arguments.preset, training_settings(arguments))
    return quickstart(
        Path(arguments.out),
        config,
        source=arguments.source,
        paper=arguments.paper,
        serve=arguments.serve,
        port=arguments.port,
        console=console,
    )


def _train(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    settings, split = training_settings(arguments), split_rule(arguments)
    name = arguments.preset or "best"
    if arguments.resume and Path(arguments.out).exists():
        run = RunFolder(arguments.out).require()
        name = arguments.preset or run.config.preset
        run.require_same_settings(preset(name, settings), list(settings))
    preset(name, settings)  # wrong settings and data end here
    log = EventLog.open(arguments.data)
    devices = start_tensorflow(lambda: _devices(arguments))
    from tfhrnn.recommender import HRNNRecommender

    recommender = HRNNRecommender(name, **settings)
    with log_callbacks(arguments, chief=devices.is_chief) as callbacks:
        recommender.fit(
            log,
            run=arguments.out,
            resume=arguments.resume,
            split=split,
            split_seed=arguments.split_seed,
            devices=devices,
            callbacks=callbacks,
            verbose="steps",
        )
    assert recommender.run is not None
    return _trained(recommender.run, arguments.out, console)


def _trained(run: RunFolder, out: str, console: Console) -> dict[str, Any]:
    """Says which epoch is used and what to type next."""
    epochs = run.epochs()
    following = f"next: python -m tfhrnn evaluate --run {out}"
    if epochs.is_empty():
        line = f"run: {out} (nothing to train)\n{following}"
        console.print(line, highlight=False, soft_wrap=True)
        return {"run": out, "epochs": []}
    # Without validation users (too few, or trained on) training perplexity is watched.
    validated = epochs["val_perplexity"].dtype.is_numeric()
    name = run.config.training.watched if validated else "perplexity"
    watched = f"val_{name}" if validated else name
    best = epochs.sort(watched, descending=name == "ndcg", nulls_last=True).row(0, named=True)
    console.print(
        f"run: {out} (best epoch {best['epoch']} of {epochs['epoch'].to_list()[-1]}, "
        f"{'validation' if validated else 'training'} "
        f"{_WATCHED[name]} {best[watched]:.4g})\n"
        f"{following}",
        highlight=False,
        soft_wrap=True,
    )
    return {"run": out, "epochs": epochs.to_dicts()}


def _update(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    parent = RunFolder(arguments.run).require()
    columns = dict(name_value_pairs(arguments.map, "--map"))
    start_tensorflow()
    from tfhrnn.recommender import HRNNRecommender
    from tfhrnn.updates import REPLAY, update_config

    settings: dict[str, Any] = training_settings(arguments)
    replay = REPLAY if arguments.replay is None else arguments.replay
    update_config(parent, settings, replay)  # wrong settings end here
    recommender = HRNNRecommender.load(arguments.run, data=arguments.data)
    with log_callbacks(arguments) as callbacks:
        grown = recommender.fit_more(
            Path(arguments.interactions),
            items=optional_path(arguments.items),
            users=optional_path(arguments.users),
            columns=columns,
            reading={
                name: getattr(arguments, name)
                for name in ("timestamp_unit", "separator", "keep_duplicates")
            },
            run=arguments.out,
            resume=arguments.resume,
            replay=replay,
            callbacks=callbacks,
            verbose="steps",
            **settings,
        )
    assert grown.run is not None and grown.log is not None
    record = grown.run.description["parent"]
    console.print(
        f"new events: {record['new_events']:,}, new users: {record['new_users']:,}, "
        f"new items: {record['new_items']:,}",
        highlight=False,
    )
    return _trained(grown.run, arguments.out, console)


def _devices(arguments: argparse.Namespace) -> Any:
    from tfhrnn.devices import Devices

    return Devices(
        arguments.strategy,
        jit_compile=arguments.jit_compile,
        steps_per_execution=arguments.steps_per_execution,
    )


def _evaluate(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    RunFolder(arguments.run).require()
    start_tensorflow()
    from tfhrnn.evaluation.report import write_report
    from tfhrnn.evaluation.result import merge
    from tfhrnn.recommender import HRNNRecommender

    recommender = HRNNRecommender.load(arguments.run, data=arguments.data)
    result = recommender.evaluate(lists=arguments.lists)
    for other in arguments.beside:
        result = merge(result, RunFolder(other).require().read_result(), Path(other).name)
    assert recommender.run is not None and recommender.log is not None
    report = write_report(
        recommender.run.report,
        result=result,
        metrics=recommender.run.epochs(),
        gaps=gaps(recommender.log),
        summary=summarize(recommender.log),
    )
    print_result(result, console)
    print_details(result, console)
    console.print(f"report: {report}", highlight=False, soft_wrap=True)
    if arguments.lists is not None:
        console.print(f"ranked lists: {arguments.lists}", highlight=False, soft_wrap=True)
    return {**result, "report": str(report)}


def _export(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    RunFolder(arguments.run).require()
    start_tensorflow()
    from tfhrnn.recommender import HRNNRecommender

    folder = HRNNRecommender.load(arguments.run).export(
        arguments.out,
        retrieval=arguments.retrieval,
        filters=dict(name_value_pairs(arguments.filter, "--filter")),
        promotions=dict(name_value_pairs(arguments.promotion, "--promotion")),
        **rules(arguments),
    )
    console.print(
        f"version: {folder}\n"
        f"serve it: python -m serving --model_name={folder.parent.name} "
        f"--model_base_path={folder.parent} --rest_api_port=8501",
        highlight=False,
        soft_wrap=True,
    )
    return {"export_dir": str(folder.parent), "version": int(folder.name)}


def _list(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    start_tensorflow()
    from tfhrnn.choices import choices

    found = choices()
    for title, lines in found.items():
        table = Table("name", "what it is", title=title, title_justify="left")
        for name, line in lines.items():
            table.add_row(name, line)
        console.print(table)
    return found


def _experiment(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    if arguments.name == "peers":
        return peers(arguments, console)
    for option in ("lists", "protocol"):
        if getattr(arguments, option) is not None:
            raise ConfigError(f"--{option}: the experiment {arguments.name} has no such choice")
    for option in ("seeds", "jobs"):
        got = getattr(arguments, option)
        if got is not None and got < 1:
            raise ConfigError(f"--{option}: got {got}, expected 1 or more")
    chosen = _chosen_parts(arguments)
    start_tensorflow()
    from tfhrnn.experiments.everything import run_everything, run_experiment
    from tfhrnn.experiments.registry import load_experiment, needs_log, seeds_of

    out = Path(arguments.out)
    if arguments.source in ("auto", "tfds", "wheel"):  # a folder's data may be called anything
        arguments.dataset = plain_name(arguments.dataset)
    if arguments.dataset != MOVIELENS[0]:
        out /= arguments.dataset  # each has a folder of its own, the first one the whole
        if arguments.name != "all" and not needs_log(load_experiment(arguments.name)):
            raise ConfigError(f"--dataset: the experiment {arguments.name} makes its own data")

    def log() -> EventLog:
        movielens = load_movielens(arguments.dataset, arguments.source, notify=console.print)
        return movielens.write(out / "data")

    common: dict[str, Any] = {
        "log": log,
        "seeds": arguments.seeds,
        "jobs": arguments.jobs,
        "say": lambda line: console.print(line, highlight=False, soft_wrap=True),
    }
    if arguments.name == "all":
        everything = run_everything(out, **common, **chosen)
        console.print(f"report: {everything['report']}", highlight=False, soft_wrap=True)
        if everything["failed"]:
            raise RunError(f"failed: {', '.join(everything['failed'])}; the report tells why")
        return everything
    found = run_experiment(arguments.name, out, **common, chosen=chosen)
    protocol, title = found["protocol"], arguments.name
    if "dataset" in protocol:
        title = f"{protocol['dataset']}: {title}"
    if arguments.run is None:
        experiment = load_experiment(arguments.name)
        seeds = seeds_of(experiment, arguments.seeds, quick=arguments.quick)
        title += ", quick form" * arguments.quick + f", {seeds} seed{'s' * (seeds > 1)}"
    if "hash" in protocol:
        title += f", protocol {protocol['hash']}"
    print_experiment(found["rows"], title, console)
    return found


# What an experiment may leave to be chosen, and how its text is read.
_CHOICES: Final[dict[str, Callable[[str], Any]]] = {
    "towers": lambda text: text.split(","),
    "distances": lambda text: [int(part) for part in text.split(",")],
    "only": lambda text: text.split(","),
}


def _chosen_parts(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was asked for of that which the experiment leaves to be chosen."""
    chosen: dict[str, Any] = {}
    for option in ("towers", "distances", "run", "events", "quick", "hour", "only", "report_only"):
        value, shown = getattr(arguments, option), f"--{option.replace('_', '-')}"
        if value is None or value is False:
            continue
        if not _has_choice(arguments.name, option):
            raise ConfigError(f"{shown}: the experiment {arguments.name} has no such choice")
        try:
            chosen[option] = _CHOICES[option](value) if option in _CHOICES else value
        except ValueError:
            raise ConfigError(f"{shown}: got {value!r}, expected numbers, a,b,c") from None
    return chosen


def _has_choice(name: str, option: str) -> bool:
    start_tensorflow()
    from tfhrnn.experiments.registry import load_experiment, takes

    if name == "all":
        return option in ("quick", "hour", "only", "report_only")
    return takes(load_experiment(name), option)
