"""A graph's refusals in a user's words: what an assertion says, without the graph's nodes."""

import re

_ASSERTION = re.compile(r"assertion failed: \[(?P<told>[^\]]*)\](?: \[(?P<got>.*)\]\s*$)?", re.M)
# "{{function_node f}} text\n\t [[{{node a/b}}]]\n\t [[c/_7]] [Op:Cast] name: d", once or, after
# "2 root error(s) found.", numbered.
_FIRST = re.compile(r"\(0\)\s+(?:[A-Z_]+: )?(?P<first>.*?)\s*(?:\(1\)|\Z)", re.S)
# Where each node was made in Python, up to the blank line before what went wrong.
_PLACES = re.compile(r"\AGraph execution error:.*\n\n", re.S)
_NODES = re.compile(
    r"\s*\[\[(?:\{\{.*?\}\}|\S+/_\d+)\]\]|\s*\{\{function_node .*?\}\}|\s*\[Op:\w+\](?: name: \S*)?"
)


def readable(message: str) -> str:
    r"""What a refusal says, without the graph; a message without a graph's marks as it is.

    >>> readable("assertion failed: [k: expected 1 or more, got] [0]\n\t [[{{node a/b}}]]")
    'k: expected 1 or more, got 0'
    >>> readable("slice index 1 out of bounds\n\t [[{{node a/b}}]]")
    'slice index 1 out of bounds'
    """
    found = _ASSERTION.search(message)
    if found is not None:
        got = found["got"]
        return found["told"] if got is None else f"{found['told']} {got.partition('] [')[0]}"
    if not _NODES.search(message):
        return message
    text = _PLACES.sub("", message)
    first = _FIRST.search(text)
    return _NODES.sub("", text if first is None else first["first"]).strip()
