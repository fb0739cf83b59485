"""Presets, named after Amazon Personalize's recipes: what each is for, and what it changes.

A preset is the difference from the defaults of `tfhrnn.config` and nothing else. The paper's own
models are `hrnn` and `hrnn-metadata`; `best` adds what measured well on ml-100k (README,
"Results").
"""

from __future__ import annotations

from typing import Final

# The paper's meta data. λ drawn at random keeps the model from overfitting: it can learn longer.
_METADATA: Final[dict[str, object]] = {
    "item_features": True,
    "feedback": True,
    "user_features": True,
    "epochs": 14,
}

PRESETS: Final[dict[str, dict[str, object]]] = {
    "hrnn": {},
    "hrnn-metadata": {**_METADATA},
    # On ml-100k after 5 epochs the validation perplexity of items with at most 15 training events
    # falls from 1686 at 0.5 to 1176, and that of all items rises from 319 to 432. Cold by count
    # instead (`cold_max_events=15` at 0.5) is worse in both: 1193 and 475.
    "hrnn-coldstart": {**_METADATA, "mix": 0.75},
    "user-personalization": {
        **_METADATA,
        "units": 149,
        "gap_inputs": True,
        "seen_bias": True,
    },
    "personalized-ranking": {**_METADATA, "rating": "joint"},
    # No part but the last item may say anything; see `tfhrnn.layers.item_to_item`. Two matrices of
    # items and no memory overfit soon: narrower, slower, more dropout.
    "sims": {
        "tower": "last_item",
        "tied": False,
        "levels": False,
        "units": 64,
        "embedding_dropout": 0.4,
        "learning_rate": 3e-3,
        "epochs": 10,
    },
    "popularity-count": {
        "history": False,
        "tower": "last_item",
        "units": 1,
        "levels": False,
        "epochs": 0,
    },
    "best": {
        "layers": 2,
        "item_features": True,
        "item_statistics": True,
        "item_factors": 32,
        "read_out": True,
        "gap_inputs": True,
        "time_bumps": 16,
        "position_input": True,
        "seen_bias": True,
        "shuffle_ties": True,
        "tied_targets": 8,
        "epochs": 20,
        "patience": 6,
    },
}

PRESET_LINES: Final[dict[str, str]] = {
    "hrnn": "the paper's HRNN: items and the level of the gap that follows",
    "hrnn-metadata": "and item features under a random λ, feedback and user features",
    "hrnn-coldstart": "the same, tuned for items with few events or none, known by their features",
    "user-personalization": (
        "meta data, gaps, seen items and the recipe's width; exploration is no part of training "
        "but of each request"
    ),
    "personalized-ranking": (
        "meta data and a ranking head, so that `rank` orders given items by predicted feedback"
    ),
    "sims": "item to item: the next item given the last one alone, whatever came before",
    "popularity-count": (
        "the training users' counts plus 1, over their sum; reads nothing and trains nothing"
    ),
    "best": "all that helps on ml-100k",
}
