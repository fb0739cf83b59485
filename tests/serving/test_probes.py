import json
from pathlib import Path

from serving.model_config import ModelConfig
from serving.models import Models
from serving.probes import Probes
from tests.serving.fake_bundle import FakeBundle


def test_a_server_is_ready_while_its_models_answer(tmp_path: Path) -> None:
    models = Models([ModelConfig("m", tmp_path)], poll_seconds=0, load=FakeBundle)
    probes = Probes(models)
    unready = probes.reply("/readyz")
    assert unready is not None
    assert unready.status == 503
    assert json.loads(unready.body)["reason"] == f"model m under {tmp_path}: no version was found"
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_text("model")
    models.poll()
    ready = probes.reply("/readyz")
    assert ready is not None
    assert ready.status == 200


def test_a_server_that_was_told_to_stop_is_healthy_but_not_ready() -> None:
    probes = Probes(Models([]))
    probes.is_stopping = True
    for path, status in (("/healthz", 200), ("/readyz", 503)):
        reply = probes.reply(path)
        assert reply is not None
        assert reply.status == status


def test_other_paths_are_no_probes() -> None:
    assert Probes(Models([])).reply("/") is None
