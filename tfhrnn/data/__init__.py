"""From tables to encoded events: reading, checking, encoding, splitting.

Nothing here imports TensorFlow; `tfhrnn.data.windows`, which does, is imported by its own name.
"""

from tfhrnn.data.catalogue import FIRST_ITEM, START, UNKNOWN, Catalogue
from tfhrnn.data.event_log import EventLog, write_event_log
from tfhrnn.data.features import FeatureColumn, FeatureSet, FeatureSpec, parse_feature
from tfhrnn.data.sessions import gap_levels, gaps, start_level
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
    "ReadReport",
    "gap_levels",
    "gaps",
    "parse_feature",
    "read_interactions",
    "read_table",
    "start_level",
    "write_event_log",
]
