"""The main job end to end on MovieLens 100K, from fetching to a served and proved model.

Proof: the served model is asked over HTTP for the log-probability of test users' targets, and the
perplexity of its answers stands beside the evaluator's on the same targets.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

import serving
from serving.app import Options
from serving.limits import Limits
from tfhrnn.config import Config
from tfhrnn.data.event_log import EventLog
from tfhrnn.data.movielens import load_movielens
from tfhrnn.data.sessions import gaps
from tfhrnn.data.split import Part
from tfhrnn.data.summary import print_summary, summarize
from tfhrnn.errors import RunError
from tfhrnn.evaluation.report import write_report
from tfhrnn.evaluation.result import merge
from tfhrnn.evaluation.result_table import print_result
from tfhrnn.evaluation.served import PATIENCE_SECONDS, served_perplexity
from tfhrnn.progress import step
from tfhrnn.recommender import HRNNRecommender

MODEL_NAME = "tfhrnn"
_SERVED_USERS = 20


def quickstart(
    out: Path,
    config: Config,
    *,
    source: str = "auto",
    paper: bool = False,
    serve: bool = False,
    port: int = 8501,
    console: Console,
) -> dict[str, Any]:
    """Runs the main job.

    Args:
      out: gets data/, run/, models/ and, with `paper`, run-paper/; what an earlier quickstart left
        there is replaced.
      config: of the model.
      source: where MovieLens 100K comes from, see `load_movielens`.
      paper: also train the paper's preset, `hrnn-metadata`.
      serve: stay, with the server running, until Ctrl-C.
      port: of that server.
      console: where to print.

    Returns:
      The result: dataset, protocol, figures by model, gap sweep, served proof, seconds and peak
      memory.

    Raises:
      TfhrnnError: the data cannot be had, or `out` cannot be written.
    """
    seconds: dict[str, float] = {}
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    run_path, base = _fresh(out / "run"), out / "models" / MODEL_NAME

    with _timed(seconds, "prepare"):
        movielens = load_movielens(
            "ml-100k",
            source,
            notify=lambda line: console.print(line, highlight=False, soft_wrap=True),
        )
        log = movielens.write(out / "data")
        summary = summarize(log)
        print_summary(summary, console)
    with _timed(seconds, "train"):
        console.rule(f"training the preset {config.preset}")
        recommender = HRNNRecommender(config).fit(log, run=run_path, verbose="steps")
        models = [recommender]
        if paper:
            console.rule("training the paper's preset hrnn-metadata")
            settings = {"seed": config.training.seed}
            models.append(
                HRNNRecommender("hrnn-metadata", **settings).fit(
                    log, run=_fresh(out / "run-paper"), verbose="steps"
                )
            )
    with _timed(seconds, "evaluate"):
        result = models[0].evaluate()
        for other in models[1:]:
            result = merge(result, other.evaluate())
    with _timed(seconds, "export"):
        version = recommender.export(base)
    with _timed(seconds, "serve"), step("serving the model and asking it"):
        result["served"] = prove(recommender, log, base)
    seconds["total"] = time.monotonic() - started

    assert recommender.run is not None
    run = recommender.run
    result |= {
        "export_dir": str(base),
        "version": int(version.name),
        "report": str(run.report),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "peak_memory_mb": peak_memory_mb(),
    }
    run.write_result(result)
    write_report(run.report, result=result, metrics=run.epochs(), gaps=gaps(log), summary=summary)
    _print(result, version, console, out)
    if serve:
        _stay(base, port, console)
    return result


def peak_memory_mb() -> float:
    """The most memory that this process held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def prove(recommender: HRNNRecommender, log: EventLog, base: Path) -> dict[str, Any]:
    """The served perplexity of some test users' targets beside the evaluator's.

    Args:
      recommender: trained, its run judged.
      log: its events.
      base: the folder that it was exported to.

    Returns:
      See `served_perplexity`.

    Raises:
      RunError: the server cannot load the model, or answers with an error.
    """
    run, model, predictor = recommender.run, recommender.model, recommender.predictor
    assert run is not None and model is not None
    users = run.users(log, Part.TEST)[:_SERVED_USERS]
    patience = PATIENCE_SECONDS
    options = Options(limits=Limits(timeout_seconds=patience))
    try:
        with serving.running(MODEL_NAME, base, timeout_seconds=patience, options=options) as url:
            return served_perplexity(url, MODEL_NAME, model, predictor, log, users, run)
    except TimeoutError as error:
        raise RunError(f"the served model: {error}") from error


def _fresh(path: Path) -> Path:
    """A path for a new run: an earlier run there is removed, anything else refused."""
    if path.exists():
        if not (path / "run.json").is_file():
            raise RunError(
                f"{path}: got something that is no run, expected a free place; choose another --out"
            )
        shutil.rmtree(path)
    return path


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started


def _print(result: dict[str, Any], version: Path, console: Console, out: Path) -> None:
    """The table, the proof, where things are, and what to type next."""
    print_result(result, console)
    served = result["served"]
    console.print(
        f"served = evaluated: {served['perplexity']:.4f} over HTTP, "
        f"{served['evaluated_perplexity']:.4f} in process, "
        f"on the same {served['targets']:,} targets",
        highlight=False,
        soft_wrap=True,
    )
    for row in result["gap_sweep"]:
        best = row["top"][0]
        title = best["title"] or best["item"]
        console.print(
            f"asked after {row['gap_seconds']:>6} s (level {row['level']}): {title}, "
            f"{best['genres']}, "
            f"log p {best['log_probability']:.2f}, popularity {best['popularity']:.6f}",
            highlight=False,
            soft_wrap=True,
        )
    base, python = version.parent, Path(sys.executable)
    command = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else "python"
    body = json.dumps({"inputs": result["example_request"]})
    console.print(
        f"\nreport: {result['report']}\nmodel: {version}\n\nnext, serve it:\n"
        f"  {command} -m serving --model_name={MODEL_NAME} --model_base_path={base} "
        f"--rest_api_port=8501\n"
        f"ask it:\n  curl -d '{body}' http://127.0.0.1:8501/v1/models/{MODEL_NAME}:predict\n"
        f"train on your own table:\n"
        f"  {command} -m tfhrnn prepare --interactions clicks.csv --out {out}/my-data && "
        f"{command} -m tfhrnn train --data {out}/my-data --out {out}/my-run",
        highlight=False,
        soft_wrap=True,
    )


def _stay(base: Path, port: int, console: Console) -> None:
    """Serves until Ctrl-C."""
    with serving.running(MODEL_NAME, base, port=port) as url:
        console.print(
            f"\nserving {url}/v1/models/{MODEL_NAME} until Ctrl-C", highlight=False, soft_wrap=True
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("stopped")
