import pytest

from serving.errors import ApiError
from serving.routes import Route, VersionOverflow, is_served, route_of


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/v1/models/m", Route("status", "m")),
        ("GET", "/V1/Models/m/Versions/3", Route("status", "m", 3)),
        ("GET", "/v1/models/m/labels/a%20b", Route("status", "m", None, "a b")),
        ("GET", "/v1/models/m/metadata", Route("metadata", "m")),
        ("GET", "/v1/models/m/versions/3/metadata", Route("metadata", "m", 3)),
        ("GET", "/v1/models/m/METADATA", Route("status", "m")),
        ("GET", "/v1/models/m?x=1", Route("status", "m?x=1")),
        ("GET", "/v1/models/metadata", Route("status", "metadata")),
        ("POST", "/v1/models/m:predict", Route("predict", "m")),
        ("POST", "/v1/models/m:classify", Route("classify", "m")),
        ("POST", "/v1/models/m:regress", Route("regress", "m")),
        ("POST", "/v1/models/m/versions/03:predict", Route("predict", "m", 3)),
        ("POST", "/v1/models/m/labels/l:predict", Route("predict", "m", None, "l")),
        ("POST", "/v1/models/a%2Fb%3Ac:predict", Route("predict", "a/b:c")),
        ("POST", "/v1/models/d%C3%A9:predict", Route("predict", "dé")),
        (
            "POST",
            "/v1/models/m/versions/9223372036854775807:predict",
            Route("predict", "m", 2**63 - 1),
        ),
    ],
)
def test_paths_say_what_is_asked(method: str, path: str, route: Route) -> None:
    assert route_of(method, path) == route


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/other"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("POST", "/v1/models/m:predict/"),
        ("POST", "/v1/models/m%3Apredict"),
        ("POST", "/v1/models/m/versions/:predict"),
        ("POST", "/v1/models/m/versions/1/labels/l:predict"),
        ("POST", "/v1/models/m/versions/x:predict"),
        ("PUT", "/v1/models/m:predict"),
        ("HEAD", "/v1/models/m"),
    ],
)
def test_everything_else_is_malformed(method: str, path: str) -> None:
    with pytest.raises(ApiError) as raised:
        route_of(method, path)
    assert raised.value.http_status == 400
    assert raised.value.message == f"Malformed request: {method} {path}"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/versions/3", "/v1/models/labels/l"])
def test_a_model_has_to_be_named(path: str) -> None:
    with pytest.raises(ApiError, match=r"^INVALID_ARGUMENT: Missing model name in request\.$"):
        route_of("GET", path)


@pytest.mark.parametrize("version", ["9223372036854775808", "1" + "0" * 5000])
def test_versions_past_64_bits_are_told_apart(version: str) -> None:
    with pytest.raises(VersionOverflow, match=f"Failed to convert version: {version} to numeric"):
        route_of("POST", f"/v1/models/m/versions/{version}:predict")


def test_only_paths_under_v1_are_served() -> None:
    paths = ["/v1/models/m", "/V1/x", "/v1", "/", "/v2/models", "/monitoring/metrics"]
    assert [is_served(path) for path in paths] == [True, True, False, False, False, False]
