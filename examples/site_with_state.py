"""How do I serve a site that keeps each visitor's state, not the history?

The site stores the state beside a version, for compare-and-set: of two clicks at the same time none
may be lost. `Store` stands for Redis; the server keeps nothing.
"""

import tempfile
from pathlib import Path

import serving
from tfhrnn import HRNNRecommender
from tfhrnn.data.simulate import simulate_repeats


class Store:
    """Values, written only by whoever read the present version."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, bytes]] = {}

    def get(self, key: str) -> tuple[int, bytes | None]:
        """Version and value; 0 and None at first."""
        return self._held.get(key, (0, None))

    def put_if(self, key: str, version: int, value: bytes) -> bool:
        """Writes unless someone else has written since `version`, and says so."""
        if is_present := self.get(key)[0] == version:
            self._held[key] = (version + 1, value)
        return is_present


def clicked(client: serving.Client, store: Store, visitor: str, item: str, time: int) -> None:
    """Reads, updates and writes, until nobody was faster."""
    while True:
        version, state = store.get(visitor)
        state = client.update(client.start() if state is None else state, [item], [time])
        if store.put_if(visitor, version, state):
            return


def main() -> bool:
    """Whether the state answers what the whole history answers."""
    events, store = simulate_repeats(users=80, items=30, events=30), Store()
    users, items, times = (list(column) for column in zip(*events.rows()[:5], strict=True))
    now = times[-1] + 3600
    with tempfile.TemporaryDirectory() as folder:
        model = HRNNRecommender("hrnn", units=16, epochs=2).fit(events, verbose=0)
        base_path = model.export(Path(folder) / "shop").parent
        with serving.running("shop", base_path) as url, serving.Client(url, "shop") as client:
            for visitor, item, time in zip(users, items, times, strict=True):
                clicked(client, store, visitor, item, time)
            state = store.get(users[0])[1] or b""
            by_state = client.recommend_from_state(state, query_time=now, k=5)
            by_history = client.recommend(items, times, query_time=now, k=5)
    return by_state.items == by_history.items


if __name__ == "__main__":
    print(main())
