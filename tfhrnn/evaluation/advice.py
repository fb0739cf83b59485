"""Advice in plain words on what `tfhrnn.data.diagnosis.diagnose` found.

Each piece names the figure that it rests on, and the command or setting that follows from it, which
stands in backticks. The bounds are rules of thumb, those of Amazon Personalize's diagnose tool
where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from tfhrnn.data.sessions import describe_seconds

_STALE: Final = 0.02  # a loss of perplexity that is worth a retraining
_SURE: Final = 2.0  # standard errors that it is above nothing
_FORGET: Final = 0.05  # of the total variation: what a shorter memory has to gain
_FEW_EVENTS, _FEW_USERS = 1000, 25  # Personalize asks for as many


class Advice(NamedTuple):
    """One piece of advice.

    Attributes:
      topic: the section of the page that it belongs to.
      act: whether something is to be done or chosen; otherwise it only says that all is well.
      text: a sentence or two.
    """

    topic: str
    act: bool
    text: str


def advise(found: Mapping[str, Any]) -> list[Advice]:
    """What follows from a diagnosis, what is to be done first.

    Args:
      found: what `diagnose` returned.
    """
    parts = (_size, _gaps, _sessions, _repeats, _popularity, _retraining, _newness, _memory)
    advice = [piece for part in parts for piece in part(found)]
    return sorted(advice, key=lambda piece: not piece.act)


def retrain_age(ages: list[dict[str, float]]) -> float | None:
    """Seconds from which on perplexity is 2 % above that of a fresh model, read off the curve.

    Args:
      ages: `loss_by_age`'s.

    Returns:
      The age from which on every one is so bad, and beyond chance, by a straight line between the
      two that are measured; None where there is none.

    >>> steps = [(0, 0.0), (10, 0.01), (20, 0.03)]
    >>> retrain_age([{"age_seconds": age, "change": change} for age, change in steps])
    15.0
    """
    found = None
    for young, old in reversed(list(pairwise(ages))):
        if old["change"] < max(_STALE, _SURE * old.get("change_error", 0.0)):
            break
        part = 1.0  # where the younger one is as bad, but perhaps by chance
        if young["change"] < _STALE:
            part = (_STALE - young["change"]) / (old["change"] - young["change"])
        span = old["age_seconds"] - young["age_seconds"]
        found = float(young["age_seconds"] + part * span)
    return found


def _about(seconds: float) -> str:
    """A span of time in whole units.

    >>> _about(9.84 * 86_400), _about(95)
    ('10 d', '2 min')
    """
    unit = next((unit for unit in (86_400, 3600, 60) if seconds >= unit), 1)
    return describe_seconds(max(1, round(seconds / unit)) * unit)


def _size(found: Mapping[str, Any]) -> list[Advice]:
    advice = []
    events, users = found["events"], found["users"]["users"]
    if events < _FEW_EVENTS or users < _FEW_USERS:
        advice.append(
            Advice(
                "data",
                True,
                f"{events:,} events of {users:,} users are few: below {_FEW_EVENTS:,} events or "
                f"{_FEW_USERS} users expect little more than popularity, and wide intervals.",
            )
        )
    if found["users"]["single"] > 0.5:
        advice.append(
            Advice(
                "data",
                True,
                f"{found['users']['single']:.0%} of the users have a single event: there is no "
                "history to learn from. If people are known by session first and by name later, "
                "give both columns (`user_id` and `session_id`), and they are joined.",
            )
        )
    same = found["dropped"].get("identical row", 0)
    if same > 0.1 * found["rows_read"]:
        advice.append(
            Advice(
                "data",
                True,
                f"{same / found['rows_read']:.0%} of the rows repeated another one wholly and were "
                "dropped. Look whether the table was written twice, or keep them "
                "(`prepare --keep-duplicates`).",
            )
        )
    return advice


def _gaps(found: Mapping[str, Any]) -> list[Advice]:
    gaps = found["gaps"]
    if not gaps["gaps"]:
        return [Advice("gaps", True, "No user has two events: there are no gaps to learn from.")]
    advice = []
    own, proposed = gaps["thresholds"], gaps["proposed"]
    spans = ", ".join(map(describe_seconds, proposed))
    thin = min(gaps["level_shares"]) < 0.005 or max(gaps["level_shares"]) > 0.95
    if own == proposed:
        advice.append(
            Advice("gaps", False, f"The thresholds in use, {spans}, are those we would propose.")
        )
    elif thin:
        advice.append(
            Advice(
                "gaps",
                True,
                "The thresholds in use, "
                f"{', '.join(map(describe_seconds, own))}, leave a level almost empty (the "
                f"smallest has {min(gaps['level_shares']):.1%} of the gaps, the largest "
                f"{max(gaps['level_shares']):.1%}). Proposed: {spans}; prepare again with "
                f"`--thresholds {','.join(map(str, proposed))}`.",
            )
        )
    else:
        advice.append(
            Advice(
                "gaps",
                False,
                f"Every level of the thresholds in use has gaps. From the gaps alone we would "
                f"propose {spans} (`--thresholds {','.join(map(str, proposed))}`); compare the two "
                "on validation users.",
            )
        )
    if gaps["zero"] > 0.2:
        advice.append(
            Advice(
                "gaps",
                True,
                f"{gaps['zero']:.0%} of the gaps are 0 seconds: the order within a second is the "
                "table's, perhaps none at all. If finer times exist, use them; otherwise the "
                "preset `best` shuffles ties in training.",
            )
        )
    return advice


def _sessions(found: Mapping[str, Any]) -> list[Advice]:
    sessions = found["sessions"]
    pause, mean = describe_seconds(sessions["break_seconds"]), sessions["mean"]
    text = (
        f"Cut at breaks of {pause}, a session has {mean:.1f} events on average, the median "
        f"{sessions['median']:g}; {sessions['single']:.0%} have one."
    )
    if mean < 1.5:
        text += (
            " Hardly anything happens within sessions: gap levels have little to tell, and history "
            "across sessions matters."
        )
    else:
        text += " What comes within a session and what comes after a break can be told apart."
    return [Advice("sessions", mean < 1.5, text)]


def _repeats(found: Mapping[str, Any]) -> list[Advice]:
    before, last = found["repeats"]["before"], found["repeats"]["last"]
    if before < 0.01:
        return [
            Advice(
                "repeats",
                True,
                f"Users take an item again in {before:.1%} of events: leave seen items out of "
                "answers (`exclude_seen`), and keep `seen_bias=true`, which learns the same.",
            )
        ]
    if before > 0.5:
        return [
            Advice(
                "repeats",
                True,
                f"{before:.0%} of events are of an item that the user had before ({last:.0%} of "
                "the very last one): never leave seen items out, and keep `seen_bias=true`. If it "
                "is new items that you want to recommend, judge those events apart.",
            )
        ]
    return [
        Advice(
            "repeats",
            False,
            f"{before:.0%} of events are of an item that the user had before ({last:.0%} of the "
            "very last one): let the learned seen-item bias decide (`seen_bias=true`).",
        )
    ]


def _popularity(found: Mapping[str, Any]) -> list[Advice]:
    items = found["items"]
    slope = items["power_law"]["slope"]
    if slope is None:
        return []
    head = f"The most popular hundredth of the items has {items['head_share']:.0%} of the events"
    if slope < -2:
        return [
            Advice(
                "popularity",
                True,
                f"{head}, and the counts fall off steeply (slope {slope:.2f}): watch coverage, and "
                "whether people saw anything else; what was shown, in an `impressions` column, "
                "tells what was not chosen.",
            )
        ]
    if slope > -0.5:
        return [
            Advice(
                "popularity",
                False,
                f"{head}; the counts are rather even (slope {slope:.2f}), so that popularity says "
                "little and histories must say more.",
            )
        ]
    return [Advice("popularity", False, f"{head} (slope {slope:.2f}): an ordinary long tail.")]


def _retraining(found: Mapping[str, Any]) -> list[Advice]:
    ages = found["popularity"]["ages"]
    if not ages:
        return [
            Advice(
                "retraining", False, "The events span too short a time to tell how fast it ages."
            )
        ]
    age = retrain_age(ages)
    oldest = ages[-1]
    if age is None:
        return [
            Advice(
                "retraining",
                False,
                f"Popularity ages slowly: {describe_seconds(oldest['age_seconds'])} after training "
                f"its perplexity is {oldest['change']:.1%} higher. Retrain for new items and "
                "users rather than for drift.",
            )
        ]
    return [
        Advice(
            "retraining",
            True,
            f"Popularity's perplexity is 2% higher about {_about(age)} after training, "
            f"and {oldest['change']:.0%} higher after {describe_seconds(oldest['age_seconds'])}: "
            f"retrain, or `update`, every {_about(age)} or so.",
        )
    ]


def _newness(found: Mapping[str, Any]) -> list[Advice]:
    drift = found["popularity"]["drift"]
    if not drift:
        return []
    worst = max(drift, key=lambda row: row["new_items"])
    share = worst["new_items"]
    text = (
        f"In a period of {describe_seconds(worst['period_seconds'])}, {share:.1%} of events are of "
        "items that had none before"
    )
    if share < 0.1:
        return [Advice("retraining", False, f"{text}: items are seldom new.")]
    features = (
        "train with item features (`hrnn-coldstart`)"
        if found["items"]["has_features"]
        else "give an item table with features (`--items`), so that new items can be scored"
    )
    return [Advice("retraining", True, f"{text}: {features}, and update often.")]


def _memory(found: Mapping[str, Any]) -> list[Advice]:
    windows = found["popularity"]["windows"]
    if not windows:
        return []
    best, whole = min(windows, key=lambda row: row["variation"]), windows[-1]
    if best is whole:
        return [
            Advice("retraining", False, "Old events still help to tell what is popular: keep all.")
        ]
    window = describe_seconds(best["window_seconds"])
    if whole["variation"] - best["variation"] < _FORGET * whole["variation"]:
        return [
            Advice(
                "retraining",
                False,
                f"The last {window} hardly tell better what is popular next than all the past does "
                f"(total variation {best['variation']:.3f} against {whole['variation']:.3f}): keep "
                "all.",
            )
        ]
    return [
        Advice(
            "retraining",
            True,
            f"The last {window} tell better what is popular next than all the past does (total "
            f"variation {best['variation']:.3f} against {whole['variation']:.3f}): weigh recent "
            "events more (`recency_mask=true`).",
        )
    ]
