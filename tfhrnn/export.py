"""Writing a predictor as a SavedModel that TensorFlow Serving loads.

A new numbered version folder appears under its name only when it is whole: it is written under a
temporary name, which servers ignore, and then renamed. In its `assets.extra` stand a model card and
the requests that a server runs before it answers anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfhrnn.data.files import whole_folder
from tfhrnn.predictor import Predictor
from tfhrnn.progress import step
from tfhrnn.warm_up import first_requests, warmup_records, write_warm_up

_TITLES = ("data", "figures", "protocol", "inputs", "state", "retrieval", "rules", "versions")
# At the top of a SavedModel's folder.
SAVED_MODEL_FILES = ("saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra")


def export(predictor: Predictor, out: str | Path, card: Mapping[str, Any]) -> Path:
    """Writes the next version under a model's base path.

    Args:
      predictor: what answers.
      out: the base path; made if it is missing.
      card: what model_card.json holds; model_card.md tells the same to people.

    Returns:
      The version's folder, `out`/N with N one past the largest there.

    Raises:
      RunError: the folder cannot be written; nothing of the version stays.
    """
    base = Path(out)
    names = [path.name for path in base.iterdir()] if base.is_dir() else []
    version = max((int(name) for name in names if re.fullmatch(r"\d+", name)), default=0) + 1
    with whole_folder(base / str(version)) as folder:
        write_saved_model(predictor, folder, {**card, "version": version})
    return base / str(version)


def write_saved_model(predictor: Predictor, folder: Path, card: Mapping[str, Any]) -> None:
    """Writes a SavedModel with its card and warm-up requests into a folder that exists.

    Args:
      predictor: what answers.
      folder: may hold other files.
      card: of that version.

    Raises:
      OSError: it cannot be written.
    """
    signatures = {}
    with step("tracing the signatures", len(predictor.signatures)) as done:
        for name in predictor.signatures:
            signatures[name] = predictor.function(name)
            done(len(signatures))
    signatures |= {
        "serving_default": signatures["recommend"],
        "model_info": predictor.info_function(card),
    }
    records = warmup_records(first_requests(predictor), card["name"])
    try:
        with step("writing the SavedModel"):
            tf.saved_model.save(predictor, str(folder), signatures)
            write_warm_up(folder, records)
    except tf.errors.OpError as error:  # a full disk, say
        raise OSError(error.message) from error
    extra = folder / "assets.extra"
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (extra / "model_card.json").write_text(text, encoding="utf-8")
    (extra / "model_card.md").write_text(card_text(card), encoding="utf-8")


def card_text(card: Mapping[str, Any]) -> str:
    """A model card as Markdown."""
    lines = [f"# {card['name']}, version {card['version']}", "", card["description"], ""]
    for title in (
        "data",
        "figures",
        "protocol",
        "inputs",
        "state",
        "retrieval",
        "filters",
        "versions",
    ):
        if card.get(title):
            lines += [f"## {title.capitalize()}", ""]
            lines += [f"- {key}: {_shown(value)}" for key, value in card[title].items()]
            lines.append("")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
