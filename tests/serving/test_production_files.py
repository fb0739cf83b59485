"""The files for production are what TensorFlow Serving's own messages, and ours, read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.batch_config import read_batch_config
from serving.model_config import read_model_config
from serving.monitoring_config import read_metrics_path

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "serving" / "tensorflow_serving"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The manifest's objects by kind."""
    objects = yaml.safe_load_all((_FOLDER / "kubernetes.yaml").read_text())
    return {one["kind"]: one for one in objects}


def _command() -> list[str]:
    """The flags that the image starts the server with."""
    text = (_FOLDER / "Dockerfile").read_text()
    found = re.search(r"^CMD (\[.*?\])$", text, re.M | re.S)
    assert found is not None
    flags: list[str] = json.loads(found[1].replace("\\\n", ""))
    return flags


def test_both_readers_of_the_model_configuration_agree() -> None:
    path = _FOLDER / "models.config"
    message = text_format.Parse(path.read_text(), ModelServerConfig())
    (theirs,) = message.model_config_list.config
    (ours,) = read_model_config(path)
    assert (ours.name, str(ours.base_path)) == (theirs.name, theirs.base_path)
    assert theirs.model_platform == "tensorflow"
    assert theirs.model_version_policy.latest.num_versions == 2
    assert ours.policy({1, 2, 3}) == {2, 3}


def test_what_the_comments_suggest_is_read_too(tmp_path: Path) -> None:
    text = (_FOLDER / "models.config").read_text()
    text = re.sub(r"latest \{[^}]*\}", "", text)
    text = re.sub(r"# +(specific \{.*)", r"model_version_policy { \1 }", text)
    text = re.sub(r"# +(version_labels .*)", r"\1", text)
    (tmp_path / "models.config").write_text(text.replace("model_version_policy {  }", ""))
    (model,) = read_model_config(tmp_path / "models.config")
    assert model.labels == {"stable": 3, "canary": 4}
    assert model.policy({2, 3, 4, 5}) == {3, 4}


def test_requests_are_batched_without_padding() -> None:
    config = read_batch_config(_FOLDER / "batching.config")
    assert (config.max_rows, config.timeout_seconds, config.num_threads) == (64, 0.001, 2)
    assert not config.pads


def test_metrics_are_where_the_manifest_says(manifest: dict[str, Any]) -> None:
    annotations = manifest["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    path = read_metrics_path(_FOLDER / "monitoring.config")
    assert annotations["prometheus.io/path"] == path
    assert f"--rest_api_port={annotations['prometheus.io/port']}" in _command()


def test_the_image_names_files_that_it_has() -> None:
    text = (_FOLDER / "Dockerfile").read_text()
    copied = re.findall(r"serving/tensorflow_serving/(\S+\.config)", text)
    named = re.findall(r"/etc/tensorflow_serving/(\S+?)\"", "".join(map(json.dumps, _command())))
    assert sorted(copied) == sorted(named) == sorted(p.name for p in _FOLDER.glob("*.config"))


def test_probes_ask_for_the_model_that_is_configured(manifest: dict[str, Any]) -> None:
    (model,) = read_model_config(_FOLDER / "models.config")
    (container,) = manifest["Deployment"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {f"--port={ports['grpc']}", f"--rest_api_port={ports['rest']}"} <= set(_command())
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked == {"path": f"/v1/models/{model.name}", "port": "rest"}


def test_an_update_takes_no_server_away_before_its_successor_is_ready(
    manifest: dict[str, Any],
) -> None:
    spec = manifest["Deployment"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pod = spec["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > pause
    for kind in ("Service", "PodDisruptionBudget"):
        selector = manifest[kind]["spec"]["selector"]
        labels = selector.get("matchLabels", selector)
        assert labels == spec["template"]["metadata"]["labels"]
