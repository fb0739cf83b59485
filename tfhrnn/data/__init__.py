"""From tables to encoded events: reading, checking, encoding, splitting.

Nothing here imports TensorFlow; `tfhrnn.data.windows`, which does, is imported by its own name.
"""

from tfhrnn.data.catalogue import FIRST_ITEM, START, UNKNOWN, Catalogue
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.features import FeatureColumn, FeatureSet, FeatureSpec, parse_feature
from tfhrnn.data.movielens import MovieLens, load_movielens
from tfhrnn.data.sessions import gap_levels, gaps, propose_thresholds, start_level
from tfhrnn.data.split import Part, read_split, split_users, write_split
from tfhrnn.data.summary import print_summary, summarize
from tfhrnn.data.tables import ReadReport, read_interactions, read_table

__all__ = [
    "FIRST_ITEM",
    "START",
    "UNKNOWN",
    "Catalogue",
    "EventLog",
    "FeatureColumn",
    "FeatureSet",
    "FeatureSpec",
    "MovieLens",
    "Part",
    "ReadReport",
    "gap_levels",
    "gaps",
    "load_movielens",
    "parse_feature",
    "print_summary",
    "propose_thresholds",
    "read_interactions",
    "read_split",
    "read_table",
    "split_users",
    "start_level",
    "summarize",
    "write_event_log",
    "write_split",
]
