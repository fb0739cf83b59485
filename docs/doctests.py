"""Shows doctests of docstrings as Python, not as nested quotations, which `>>>` is in Markdown."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Object


class FencedDoctests(Extension):
    """Puts a fence around each run of lines that begins with a prompt and ends at a blank line."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrites an object's docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """The docstring with its doctests in fences, indented as they were."""
    lines: list[str] = []
    close = ""
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if not close and line.lstrip().startswith(">>> "):
            lines += ["", f"{indent}```pycon"]
            close = f"{indent}```"
        elif close and not line.strip():
            lines.append(close)
            close = ""
        lines.append(line)
    return "\n".join([*lines, close] if close else lines)
