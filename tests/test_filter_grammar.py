"""Filters in Amazon Personalize's words: what is read, and where what is not covered is refused."""

from __future__ import annotations

import re

import pytest

from tfhrnn.errors import ConfigError
from tfhrnn.filter_grammar import Condition, Expression, Parameter, parse_filter


def one(text: str) -> Expression:
    (found,) = parse_filter(text)
    return found


def test_a_list_of_texts_in_either_quotes() -> None:
    found = one('INCLUDE ItemID WHERE Items.genres IN ("Drama", \'It\\\'s\', "a \\"b\\", (c)")')
    texts = ("Drama", "It's", 'a "b", (c)')
    assert found == Expression(True, ((Condition("Items", "genres", "in", texts, False, 22),),))
    assert one('EXCLUDE ItemID WHERE Items.a NOT IN ("b")').any_of[0][0].negated


def test_keywords_and_data_sets_are_read_in_any_case_and_fields_as_they_are() -> None:
    found = one('exclude itemId where ITEMS.CATEGORY not in ("Hot") if CURRENTUSER.Age >= 18')
    (asked,), (user,) = found.any_of[0], found.users
    assert not found.includes and (asked.dataset, asked.field) == ("Items", "CATEGORY")
    assert (user.dataset, user.field, user.operator) == ("CurrentUser", "Age", ">=")
    assert user.values == (18.0,)


@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">="])
@pytest.mark.parametrize(
    ("text", "value"),
    [("1990", 1990.0), ("-2.5e3", -2500.0), ("$YEAR", Parameter("YEAR")), ("($Y)", Parameter("Y"))],
)
def test_numbers_are_compared(operator: str, text: str, value: object) -> None:
    (asked,) = one(f"INCLUDE ItemID WHERE Items.year {operator} {text}").any_of[0]
    assert (asked.operator, asked.values) == (operator, (value,))


def test_a_text_that_something_equals_is_a_list_of_one() -> None:
    found = one('EXCLUDE ItemID WHERE Items.a = "x" IF CurrentUser.group = "a"')
    assert [(c.operator, c.values) for c in found.conditions] == [("in", ("x",)), ("in", ("a",))]


def test_and_binds_stronger_than_or() -> None:
    text = "INCLUDE ItemID WHERE Items.a < 1 AND Items.b < 2 OR Items.c < 3 OR Items.d < 4"
    names = [[asked.field for asked in group] for group in one(text).any_of]
    assert names == [["a", "b"], ["c"], ["d"]]


def test_events_and_chained_expressions() -> None:
    first, second = parse_filter(
        "INCLUDE ItemID WHERE Items.genre IN ($GENRE) | EXCLUDE ItemID WHERE "
        'Interactions.EVENT_TYPE IN ("click", $TYPE) IF CurrentUser.age > 3 '
        'AND CurrentUser.group IN ($A, "b")'
    )
    assert first.conditions[0].parameters == ("GENRE",)
    assert second.conditions[0].values == ("click", Parameter("TYPE"))
    assert [asked.field for asked in second.users] == ["age", "group"]
    (bare,) = one("EXCLUDE ItemID WHERE Interactions.event_type IN (*)").any_of[0]
    (quoted,) = one('EXCLUDE ItemID WHERE Interactions.event_type IN ("*")').any_of[0]
    assert bare.values == quoted.values == ("*",)
    assert one("INCLUDE ItemID WHERE Items.genre IN $GENRE").conditions[0].parameters == ("GENRE",)


@pytest.mark.parametrize(
    ("text", "position", "got", "expected"),
    [
        ("", 1, "the end", "INCLUDE or EXCLUDE"),
        ("INCLUDE UserID WHERE Users.a < 1", 9, "UserID", "ItemID"),
        ("INCLUDE ItemID Items.a < 1", 16, "Items.a", "WHERE"),
        ("INCLUDE ItemID WHERE (Items.a < 1)", 22, "(", "a field such as Items.NAME"),
        ("INCLUDE ItemID WHERE CurrentItem.a < 1", 22, "CurrentItem.a", "a field such as Items"),
        ("INCLUDE ItemID WHERE CurrentUser.a < 1", 22, "CurrentUser.a", "a field of Items or Int"),
        ("INCLUDE ItemID WHERE Items.a <> 1", 30, "<>", "IN, NOT IN, =, <, <=, > or >="),
        ("INCLUDE ItemID WHERE Items.a < ", 32, "the end", "a number or a $PARAMETER"),
        ('INCLUDE ItemID WHERE Items.a < "1"', 32, '"1"', "a number or a $PARAMETER"),
        ("INCLUDE ItemID WHERE Items.a IN (1)", 34, "1", 'a "text" or a $PARAMETER'),
        ('INCLUDE ItemID WHERE Items.a IN ("b"', 37, "the end", ", or )"),
        ('INCLUDE ItemID WHERE Items.a IN ("b', 34, '"', 'a "text" or a $PARAMETER'),
        (
            "INCLUDE ItemID WHERE Items.a < 1 Items.b < 2",
            34,
            "Items.b",
            "AND, OR, IF, | or the end",
        ),
        ("INCLUDE ItemID WHERE Items.a < 1 |", 35, "the end", "INCLUDE or EXCLUDE"),
        (
            'INCLUDE ItemID WHERE Items.a < 1 AND Interactions.event_type IN ("b")',
            38,
            "Interactions.event_type",
            "a field such as Items.NAME, since an expression is about one data set: chain them",
        ),
        (
            "INCLUDE ItemID WHERE Items.a < 1 IF Items.b < 2",
            37,
            "Items.b",
            "a field such as CurrentUser.NAME, since IF asks of the user alone",
        ),
        ("EXCLUDE ItemID WHERE Interactions.device IN ($A)", 22, "Interactions.device", "Interac"),
        (
            'EXCLUDE ItemID WHERE Interactions.event_type NOT IN ("a")',
            46,
            "NOT",
            "IN; leave items out by EXCLUDE",
        ),
    ],
)
def test_what_is_not_covered_is_refused_where_it_stands(
    text: str, position: int, got: str, expected: str
) -> None:
    message = f"filter 'x', position {position}: got {got}, expected {expected}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_filter(text, "filter 'x'")
