from pathlib import Path

import pytest

from serving.model_config import ModelConfig, read_model_config
from serving.text_proto import ConfigError

_FOUND = {1, 2, 3, 4}


def _read(tmp_path: Path, models: str) -> list[ModelConfig]:
    path = tmp_path / "models.config"
    path.write_text(f"model_config_list {{ {models} }}")
    return read_model_config(path)


def _one(tmp_path: Path, text: str = "") -> ModelConfig:
    plain = 'name: "m" base_path: "/models/m" model_platform: "tensorflow"'
    (model,) = _read(tmp_path, f"config {{ {plain} {text} }}")
    return model


def test_a_model_has_name_base_path_and_labels(tmp_path: Path) -> None:
    labels = 'version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }'
    model = _one(tmp_path, labels)
    assert (model.name, model.base_path) == ("m", Path("/models/m"))
    assert model.labels == {"stable": 1, "canary": 2}
    assert not model.is_withdrawn


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", {4}),
        ("latest {}", {4}),
        ("latest { num_versions: 2 }", {3, 4}),
        ("all {}", {1, 2, 3, 4}),
        ("specific { versions: 2 versions: 3 versions: 9 }", {2, 3}),
    ],
)
def test_the_policy_says_which_versions(tmp_path: Path, policy: str, wanted: set[int]) -> None:
    assert _one(tmp_path, f"model_version_policy {{ {policy} }}").policy(_FOUND) == wanted


def test_models_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    texts = [
        f'config {{ name: "{name}" base_path: "/{name}" model_platform: "tensorflow" }}'
        for name in ("b", "a")
    ]
    assert [model.name for model in _read(tmp_path, " ".join(texts))] == ["b", "a"]
    assert _read(tmp_path, "") == []


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ('base_path: "/m" model_platform: "tensorflow"', "model '': expected a name"),
        ('name: "a/b" base_path: "/m" model_platform: "tensorflow"', "expected a name without '/'"),
        ('name: "m" base_path: "/m"', "got model_platform '', expected 'tensorflow'"),
        (
            'name: "m" base_path: "m" model_platform: "tensorflow"',
            "model 'm': got base_path 'm', expected an absolute path",
        ),
        ('name: "m" base_path: "/m" model_type: TENSORFLOW', "model_type is not supported"),
        (
            'name: "m" base_path: "/m" model_platform: "tensorflow" '
            "model_version_policy { specific {} }",
            "the policy 'specific' names no version",
        ),
        (
            'name: "m" base_path: "/m" model_platform: "tensorflow" '
            "logging_config { sampling_config { sampling_rate: 0.1 } }",
            "logging_config is not supported",
        ),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path: Path, model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _read(tmp_path, f"config {{ {model} }}")


def test_a_name_stands_for_one_model(tmp_path: Path) -> None:
    model = 'config { name: "m" base_path: "/m" model_platform: "tensorflow" }'
    with pytest.raises(ConfigError, match="model 'm' is listed 2 times"):
        _read(tmp_path, f"{model} {model}")


@pytest.mark.parametrize(
    ("text", "got"), [("custom_model_config {}", "custom_model_config"), ("", "nothing")]
)
def test_other_configurations_are_refused(tmp_path: Path, text: str, got: str) -> None:
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"got {got}, expected model_config_list"):
        read_model_config(path)
