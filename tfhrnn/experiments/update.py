"""Going on with new events against not going on and against starting over, on ml-100k.

The events after the 80 % quantile of time are held back, with the users and items that only appear
there. A model of the earlier ones goes on with the later ones (`HRNNRecommender.fit_more`); beside
it stand the model as it was, and one trained from scratch on everything. All three are judged on
the same test users, whom none was trained on, over the same whole catalogue: items that the old
model never met are cold items to it, scored by their features (λ = 1). *Old targets* are test
users' events before the cut, where forgetting would show; *new targets* are those after it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tfhrnn.config import Config, preset
from tfhrnn.data.append import event_chunks, recoded, rows_before, table_like
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.grown_facts import grown_facts, new_to_training
from tfhrnn.data.split import Part
from tfhrnn.errors import RunError
from tfhrnn.evaluation.evaluate import figures, judge
from tfhrnn.experiments.results import write_record
from tfhrnn.experiments.runs import QUICK, read_record
from tfhrnn.growth import carry_over
from tfhrnn.models.hrnn import HRNN
from tfhrnn.new_run import create_run
from tfhrnn.protocol import Protocol
from tfhrnn.recommender import HRNNRecommender
from tfhrnn.training import build_model, create_variables, train

CONFIG: Final = preset("best", {"layers": 1, "epochs": 14})
SHARE: Final = 0.8  # of the events that the old model may see
MOST_JOBS: Final = 1
MODELS: Final = ("old", "fit_more", "from scratch")


def run(
    log: EventLog,
    out: Path,
    *,
    seeds: int = 3,
    jobs: int = 1,
    say: Callable[[str], None] = print,
    config: Config = CONFIG,
    quick: bool = False,
) -> dict[str, Any]:
    """The table of the three models, a JSON a seed, resumable like `run_all`.

    Returns:
      `rows` (name, perplexity over all targets, old and new ones apart, hit rate and NDCG) and
      `protocol`, with how many targets there are of each kind.

    Raises:
      RunError: more than one job is asked for, or `out` holds results of other settings.
    """
    if jobs > 1:
        raise RunError(f"update: got {jobs} jobs, expected 1: its trainings follow on each other")
    if quick:
        out, config = out / "quick", config.with_settings(QUICK)
    out.mkdir(parents=True, exist_ok=True)
    cut = int(np.quantile(log.time, SHARE))
    before, new = hold_back(log, cut, out / "old-data")
    records = []
    for seed in range(seeds):
        path, asked = out / f"seed-{seed}.json", config.with_settings({"seed": seed})
        if not path.is_file():
            train_and_judge(log, before, new, cut, asked, path)
        protocol = Protocol.from_dict(json.loads(path.read_text())["protocol"])
        records.append(read_record(path, asked, _expected(protocol, log, cut)))
        found = records[-1]["models"]
        shown = ", ".join(
            f"{name} {found[name]['old_targets']:.1f} and {found[name]['new_targets']:.1f}"
            for name in MODELS
        )
        say(f"seed {seed}, old and new targets: {shown}")
    rows = []
    for name in MODELS:
        row: dict[str, Any] = {"name": name, "seeds": seeds}
        found = [record["models"][name] for record in records]
        row |= {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        rows.append(row)
    kinds = {key: records[0][key] for key in ("old_targets", "new_targets")}
    return {"rows": rows, "protocol": {**records[0]["protocol"], **kinds}}


def hold_back(log: EventLog, cut: int, place: Path) -> tuple[EventLog, pl.DataFrame]:
    """A log of the events up to a time, as if its items and users were all, and the later events.

    Args:
      log: all events.
      cut: Unix seconds of the last event that stays.
      place: where the log is written.
    """
    early = np.asarray(log.time) <= cut
    old, new = (pl.concat(list(event_chunks(log, kept))) for kept in (early, ~early))
    frame = log.catalogue.frame
    items = frame.filter(pl.col("item_id").is_in(old["item_id"].unique().to_list()))
    before = write_event_log(
        old,
        place,
        items=table_like(items, "item_id", log.catalogue.features, None),
        users=table_like(log.user_frame, "user_id", log.user_features, None),
        name=log.name,
        thresholds=log.thresholds,
        keep_duplicates=True,
    )
    return before, new


def train_and_judge(
    log: EventLog, before: EventLog, new: pl.DataFrame, cut: int, config: Config, path: Path
) -> None:
    """Trains the three models of one seed and stores their figures."""
    place = path.with_suffix(".run")
    shutil.rmtree(place, ignore_errors=True)
    old = HRNNRecommender(config).fit(before, run=place / "old", verbose=0)
    updated = old.fit_more(
        new,
        items=log.catalogue.frame,
        users=log.user_frame,
        run=place / "updated",
        verbose=0,
    )
    assert updated.run is not None and updated.log is not None and updated.model is not None
    grown, parts = updated.log, updated.run.parts(updated.log)
    watched, test = (np.flatnonzero(parts == part) for part in (Part.VALIDATION, Part.TEST))
    scratch = create_run(place / "scratch", config, grown, 0, parts)
    models = dict(
        zip(
            MODELS,
            (
                as_it_was(old, grown, config),
                updated.model,
                train(scratch, grown, scratch.training_users(grown), watched, verbose=0),
            ),
            strict=True,
        )
    )
    protocol = dataclasses.replace(updated.run.protocol(grown), targets=_targets(cut))
    found, early = {}, None
    for name, model in models.items():
        judged = judge(model, grown, test, config)
        early = _is_early(judged, grown, cut)
        found[name] = _figures(judged, early)
    assert early is not None
    record = {
        "models": found,
        "old_targets": int(early.sum()),
        "new_targets": int((~early).sum()),
        "config": dataclasses.asdict(config),
        "protocol": protocol.to_dict(),
    }
    write_record(path, record)
    shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(place.with_name(place.name + "-data"), ignore_errors=True)


def as_it_was(recommender: HRNNRecommender, grown: EventLog, config: Config) -> HRNN:
    """A model that scores a grown catalogue and has seen nothing of the new events."""
    run, before = recommender.run, recommender.log
    assert run is not None and before is not None and recommender.model is not None
    users = run.training_users(before)
    same = recoded(before, grown.catalogue)
    facts = grown_facts(run.facts, before, users, same, users, config.model)
    model = build_model(config, facts, precision="float32")
    create_variables(model)
    rows = rows_before(before.catalogue, grown.catalogue)
    carry_over(recommender.model, model, rows, new_to_training(run.facts, rows, facts))
    return model


def _is_early(judged: pl.DataFrame, log: EventLog, cut: int) -> npt.NDArray[np.bool_]:
    event = log.offsets[judged["user"].to_numpy()] + judged["position"].to_numpy()
    return np.asarray(log.time)[event] <= cut


def _figures(judged: pl.DataFrame, early: npt.NDArray[np.bool_]) -> dict[str, float]:
    whole = figures(judged)
    return {
        "perplexity": whole["perplexity"],
        "old_targets": figures(judged.filter(early))["perplexity"],
        "new_targets": figures(judged.filter(~early))["perplexity"],
        "hit_rate_at_10": whole["hit_rate"],
        "ndcg_at_10": whole["ndcg"],
    }


def _targets(cut: int) -> str:
    return (
        f"every event of a test user: old ones up to {cut}, new ones after; the old model saw no "
        "event after that"
    )


def _expected(found: Protocol, log: EventLog, cut: int) -> Protocol:
    """The protocol of a result on these data; the split is told by the result alone."""
    return dataclasses.replace(
        found, dataset=log.name, fingerprint=log.fingerprint, targets=_targets(cut)
    )
