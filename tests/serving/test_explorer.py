"""The page's routes and headers: what is served, to whom, and when not."""

import asyncio
import html
import json
import re
from pathlib import Path

import httpx
import pytest

from serving.app import Options, RestApp
from serving.explorer import Explorer
from serving.flags import parse, server_options
from serving.metrics import Metrics
from serving.model_config import ModelConfig
from serving.models import Models
from serving.probes import Probes
from serving.rest_api import RestApi
from serving.server import http_server

FOLDER = Path(__file__).parents[2] / "serving" / "explorer_page"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.name != "index.html")
HOSTILE = "a\"b<i>&'"


def _get(path: str, *, method: str = "GET", on: bool = True) -> httpx.Response:
    models = Models([ModelConfig(name, Path("nowhere")) for name in ("films", HOSTILE)])
    parts = RestApi(models), Probes(models), Metrics(), Options()
    app = RestApp(*parts, Explorer(models) if on else None)

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)

    with app:
        return asyncio.run(send())


@pytest.mark.parametrize("path", ["/explore", "/explore/app.js"])
def test_without_the_flag_there_is_no_page(path: str) -> None:
    response = _get(path, on=False)
    assert response.status_code == 404
    assert "content-security-policy" not in response.headers


def test_the_flag_is_off_unless_it_is_given() -> None:
    model = ("--model_name=m", "--model_base_path=d")
    assert not server_options(parse(model)).explorer
    assert server_options(parse([*model, "--explorer"])).explorer
    assert not server_options(parse([*model, "--explorer=false"])).explorer


@pytest.mark.parametrize("explorer", [True, False])
def test_the_server_has_the_page_where_its_options_say_so(explorer: bool) -> None:
    app = http_server(Models([]), Options(explorer=explorer)).config.app

    async def send() -> int:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get("/explore")).status_code

    assert asyncio.run(send()) == (200 if explorer else 404)


def test_the_page_names_the_models_and_nothing_of_theirs_is_read_as_html() -> None:
    response = _get("/explore?model=films")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    told = re.search(r'data-models="([^"]*)"', response.text)
    assert told is not None
    assert json.loads(html.unescape(told[1])) == sorted(("films", HOSTILE))
    assert "<i>" not in response.text


@pytest.mark.parametrize("path", ["/explore", *(f"/explore/{name}" for name in FILES)])
def test_everything_comes_with_a_policy_that_lets_nothing_else_in(path: str) -> None:
    response = _get(path)
    assert response.status_code == 200
    policy = dict(
        part.strip().split(" ", 1)
        for part in response.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", FILES)
def test_files_are_served_as_they_are(name: str) -> None:
    response = _get(f"/explore/{name}")
    assert response.content == (FOLDER / name).read_bytes()
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert response.headers["content-type"].split(";")[0] == types[name.rsplit(".", 1)[1]]


@pytest.mark.parametrize(
    "path",
    [
        "/explore/",
        "/explore/nothing.js",
        "/explore/index.html",
        "/explore/../explorer.py",
        "/explore/%2e%2e/explorer.py",
        "/explorer",
        "/",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    assert _get(path).status_code == 404


def test_what_is_no_url_has_no_page() -> None:
    assert Explorer(Models([])).reply("//[") is None


def test_only_reading_is_served() -> None:
    assert _get("/explore", method="HEAD").status_code == 200
    assert _get("/explore", method="POST").status_code == 404


def test_no_file_names_another_place() -> None:
    """Nor holds a style or script in line, which the policy would refuse."""
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[\w.]+\.\w+/|@import|\burl\(", text), path.name
        assert not re.search(r"<style|\sstyle=|\son\w+=|innerHTML|\beval\(", text), path.name


def test_scripts_and_the_page_ask_for_files_that_there_are() -> None:
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'(?:src|href)="explore/([^"]+)"', page))
    for path in FOLDER.glob("*.js"):
        asked |= set(re.findall(r'from "\./([^"]+)"', path.read_text(encoding="utf-8")))
    assert asked == set(FILES)


def test_a_wheel_has_the_files() -> None:
    """Package data is named in pyproject.toml by patterns."""
    text = (FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    named = re.search(r"\nserving = \[([^\]]*)\]", text)
    assert named is not None and f'"{FOLDER.name}/*"' in named[1]
