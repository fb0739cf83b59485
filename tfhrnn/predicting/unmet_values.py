"""Values that filters name and the data have not, in words: most often a misspelt one.

They are no errors, since the catalogue of a day may lack a value, but nothing is selected by them:
an EXCLUDE of "bought" leaves nothing out where the type is called "buy".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from tfhrnn.errors import did_you_mean
from tfhrnn.feature_cells import feature_array
from tfhrnn.filter_grammar import ANY_TYPE, Condition, Parameter
from tfhrnn.predicting.filter_conditions import ID, ItemCondition, cell_values

_LISTED: Final = 8  # values that are told where none is near
_COMPARED: Final = 20_000  # to look for a near one among more takes seconds


def unmet_values(
    condition: Condition,
    asked: ItemCondition | None,
    where: str,
    *,
    event_types: Collection[str],
    brought: Mapping[str, Sequence[str]],
    new_items: Mapping[str, Sequence[Any]],
) -> Iterator[str]:
    """A line for each value that a condition of `Items` or `Interactions` names in vain.

    Args:
      condition: what is asked.
      asked: the same, of items.
      where: what to call the filter.
      event_types: the types that events of the data have.
      brought: the values of parameters, by name.
      new_items: a request's cold items, `item_id` and raw features by name.
    """
    if condition.operator != "in":
        return
    known: Collection[str]
    if asked is None:
        known, what = set(event_types), "no event of the data has the type {}"
        alike = {kind.lower() for kind in known}  # types are compared in any case
    else:
        spec = asked.spec
        cells = new_items.get(spec.name, ())
        texts = cells if spec is ID else feature_array(list(cells), spec, "cold items")
        known = asked.known.union(*(cell_values(str(cell), spec) for cell in texts))
        what = f"no item of the catalogue has {{}} in {spec.name}"
        alike = set()
    for value, source in _texts(condition, where, brought):
        if value in known or value in (ANY_TYPE, "") or value.lower() in alike:
            continue
        yield f"{source}: {what.format(repr(value))}{_nearest(value, known)}"


def _texts(
    condition: Condition, where: str, brought: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """What is named, and where."""
    for value in condition.values:
        if isinstance(value, str):
            yield value, f"{where}, position {condition.position}"
        elif isinstance(value, Parameter):
            for text in brought.get(value.name, ()):
                yield text, f"{where}, ${value.name}"


def _nearest(value: str, known: Collection[str]) -> str:
    """The value that was perhaps meant, or all where they are few."""
    if not known:
        return " (there are none)"
    if len(known) > _COMPARED:
        return ""
    in_order = sorted(known)
    for one in in_order:
        if one.casefold() == value.casefold():
            return f" (did you mean {one!r}?)"
    few = f" (there are: {', '.join(in_order)})" if len(known) <= _LISTED else ""
    return did_you_mean(value, in_order) or few
