"""Keras layers, each usable in a model of your own: embeddings, towers, decoder, losses."""

from tfhrnn.layers.decoder import Decoder
from tfhrnn.layers.embeddings import (
    EventEmbedding,
    EventTypeEmbedding,
    FeedbackEmbedding,
    GapInputs,
    ItemEmbedding,
    LevelEmbedding,
    PositionInput,
    TimeBumps,
    UserEmbedding,
)
from tfhrnn.layers.first_item import FirstItemEmbedding
from tfhrnn.layers.input_cross import InputCross
from tfhrnn.layers.losses import chunked_cross_entropy, chunked_ranks, seen_mask
from tfhrnn.layers.negation import Negation
from tfhrnn.layers.read_out import ReadOut
from tfhrnn.layers.towers import Control, State, Tower, tower

__all__ = [
    "Control",
    "Decoder",
    "EventEmbedding",
    "EventTypeEmbedding",
    "FeedbackEmbedding",
    "FirstItemEmbedding",
    "GapInputs",
    "InputCross",
    "ItemEmbedding",
    "LevelEmbedding",
    "Negation",
    "PositionInput",
    "ReadOut",
    "State",
    "TimeBumps",
    "Tower",
    "UserEmbedding",
    "chunked_cross_entropy",
    "chunked_ranks",
    "seen_mask",
    "tower",
]
