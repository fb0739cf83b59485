"""The page at `/explore`: a model moved by hand, through the REST API alone.

The page is made of the files of `explorer_page`, read once. All that it is told by the server is
the names of the models; the rest it asks the API for. Its policy lets it run and load nothing
but those files, and speak to nobody but this server.
"""

import json
from html import escape
from importlib.resources import files

from serving.errors import Reply
from serving.models import Models

PATH = "/explore"
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),  # a server of another release may follow on the same port
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGE = "index.html"
_MODELS = "MODEL_NAMES"  # what the page has in place of the names


class Explorer:
    """Answers with the page and its files.

    Args:
      models: those that the page lets its reader choose from.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        folder = files("serving") / "explorer_page"
        found = {file.name: file.read_bytes() for file in folder.iterdir()}
        self._page = found.pop(_PAGE).decode()
        self._files = {f"{PATH}/{name}": (body, _type(name)) for name, body in found.items()}

    def reply(self, path: str) -> Reply | None:
        """The answer to a GET of a path, with its query; nothing if the page has no such file."""
        path = path.partition("?")[0]
        if path == PATH:
            names = escape(json.dumps(self._models.names))
            body = self._page.replace(_MODELS, names).encode()
            return Reply(200, body, _type(_PAGE), headers=HEADERS)
        if path not in self._files:
            return None
        return Reply(200, *self._files[path], headers=HEADERS)


def _type(name: str) -> str:
    return _TYPES[name[name.rindex(".") :]]
