import pytest

from serving.version_policy import VersionPolicy, every_version, latest, specific


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (latest(), {12}),
        (latest(2), {9, 12}),
        (latest(9), {3, 9, 12}),
        (every_version(), {3, 9, 12}),
        (specific([3, 4]), {3}),
        (specific([4]), set()),
    ],
)
def test_policies_choose_among_what_is_found(policy: VersionPolicy, wanted: set[int]) -> None:
    assert policy({3, 12, 9}) == wanted
    assert policy(set()) == set()
