"""What TensorFlow Serving's refusals say, told without the graph."""

from __future__ import annotations

import pytest

from serving.client.refusals import readable

NODE = "\n\t [[{{node StatefulPartitionedCall/assert_k/Assert/AssertGuard/Assert}}]]"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            f"assertion failed: [k: expected 1 or more, got] [0]{NODE}",
            "k: expected 1 or more, got 0",
        ),
        (f"assertion failed: [filter: unknown]{NODE}\n\t [[Identity/_17]]", "filter: unknown"),
        # Several rows; a list of values ends at the first.
        (f"assertion failed: [a: got] [1 2 3...] [x]{NODE}", "a: got 1 2 3..."),
        (
            "2 root error(s) found.\n  (0) INVALID_ARGUMENT: assertion failed: [no state]"
            f"{NODE}\n\t [[a/_5]]\n  (1) INVALID_ARGUMENT: assertion failed: [no state]{NODE}\n"
            "0 successful operations.\n0 derived errors ignored.",
            "no state",
        ),
        (
            f"2 root error(s) found.\n  (0) INVALID_ARGUMENT: Bad shape{NODE}\n\t [[a/_5]]\n"
            f"  (1) INVALID_ARGUMENT: Bad shape{NODE}\n0 successful operations.",
            "Bad shape",
        ),
        (f"Matrix size-incompatible: In[0]: [1,3]{NODE}", "Matrix size-incompatible: In[0]: [1,3]"),
        (
            "{{function_node __inference_pruned_12}} {{function_node __wrapped__Cast_device_/x:0}}"
            " Bad cast [Op:Cast] name: y",
            "Bad cast",
        ),
    ],
)
def test_a_graphs_refusal_is_told_in_its_own_words(message: str, words: str) -> None:
    assert readable(message) == words
    assert readable(words) == words


@pytest.mark.parametrize(
    "message",
    [
        'Serving signature name: "X" not found in signature def',
        "JSON Value: [[1, 2], [3]] Type: Array\n is not object",
        "JSON Value: [[1]] Type: Array is not of expected type: int32",
        "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
        "",
    ],
)
def test_what_is_not_of_a_graph_stays_as_it_is(message: str) -> None:
    assert readable(message) == message
