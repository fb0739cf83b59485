"""Writing a predictor as a SavedModel that TensorFlow Serving loads, with a model card beside it.

A new numbered version folder appears under its name only when it is whole: it is written under a
temporary name, which servers ignore, and then renamed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfhrnn.errors import RunError
from tfhrnn.predictor import Predictor


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
    temporary: Path | None = None
    try:
        base.mkdir(parents=True, exist_ok=True)
        present = [int(path.name) for path in base.iterdir() if re.fullmatch(r"\d+", path.name)]
        version = max(present, default=0) + 1
        temporary = base / f".{version}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        signatures = {"serving_default": predictor.recommend, "recommend": predictor.recommend}
        tf.saved_model.save(predictor, str(temporary), signatures)
        extra = temporary / "assets.extra"
        extra.mkdir()
        card = {**card, "version": version}
        (extra / "model_card.json").write_text(
            json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        )
        (extra / "model_card.md").write_text(card_text(card))
        temporary.rename(base / str(version))
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
        raise RunError(f"{base}: could not be written: {reason}; no version was added") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return base / str(version)


def card_text(card: Mapping[str, Any]) -> str:
    """A model card as Markdown."""
    lines = [f"# {card['name']}, version {card['version']}", "", card["description"], ""]
    for title in ("data", "figures", "protocol", "inputs", "versions"):
        if card.get(title):
            lines += [f"## {title.capitalize()}", ""]
            lines += [f"- {key}: {_shown(value)}" for key, value in card[title].items()]
            lines.append("")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
