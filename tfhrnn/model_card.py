"""What a model's card says: where it comes from, what it was judged at, and what it asks for."""

from __future__ import annotations

from typing import Any

from tfhrnn.evaluation.result import result_key
from tfhrnn.predicting.state_bytes import VERSION
from tfhrnn.predictor import Predictor
from tfhrnn.run_folder import RunFolder

_FIGURES = ("perplexity", "hit_rate_at_10", "ndcg_at_10", "mrr_at_10")


def model_card(
    run: RunFolder, predictor: Predictor, *, name: str, retrieval: str = "exact"
) -> dict[str, Any]:
    """A card in plain values, ready for JSON and for `tfhrnn.export.export`.

    Args:
      run: the trained run; its figures are told where it was judged.
      predictor: what is exported.
      name: the model's.
      retrieval: how it finds its answers.

    Returns:
      `name`, `description`, `preset`, `data` (with the first and last time of the training events,
      and the types of events where the model reads them), `inputs` of every signature, `state`,
      `retrieval`, `versions` and `protocol_hash`; `figures` and `protocol` of a judged run;
      `rules`, where there are some.
    """
    description, config = run.description, run.config
    card: dict[str, Any] = {
        "name": name,
        "description": (
            "Next-item recommender: a hierarchical recurrent network with meta data, "
            f"preset {config.preset}, written by tfhrnn."
        ),
        "preset": config.preset,
        "protocol_hash": run.protocol_hash,
        "data": {
            "name": description["dataset"],
            "fingerprint": description["fingerprint"],
            "catalogue_items": predictor.num_items,
            "thresholds": list(config.model.thresholds),
            "first_time": run.facts.first_time,
            "last_time": run.facts.last_time,
        },
        "inputs": {
            name: {key: f"{spec.dtype.name} {spec.shape}" for key, spec in inputs.items()}
            for name, inputs in predictor.signatures.items()
        },
        "state": {
            "format": VERSION,
            "bytes": predictor.state_bytes.length,
            "fingerprint": predictor.state_bytes.fingerprint,
        },
        "retrieval": {
            "way": retrieval,
            "log_probabilities": "estimated normaliser"
            if retrieval == "clustered"
            else "exact normaliser over the whole catalogue",
        },
        "versions": description["versions"],
    }
    if predictor.rules.told:
        card["rules"] = predictor.rules.told
    if predictor.uses_event_types:
        card["data"]["event_types"] = list(run.facts.event_types)
    if run.result.is_file():
        result = run.read_result()
        key = result_key(config)
        card["figures"] = {metric: result[metric][key] for metric in _FIGURES}
        card["figures"]["perplexity_of_popularity"] = result["perplexity"]["popularity"]
        card["protocol"] = result["protocol"]
    return card
