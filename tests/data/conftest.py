"""MovieLens in two of its layouts, invented: three films, three users, seven ratings."""

from __future__ import annotations

from pathlib import Path

import pytest

# user, item, rating, time: ties whose file order is not that of the ids
RATINGS = [
    ("2", "3", "4", "881250949"),
    ("1", "2", "5", "881250949"),
    ("1", "1", "3", "881250949"),
    ("1", "3", "1", "881250900"),
    ("10", "2", "2", "881250999"),
    ("2", "1", "4", "881250949"),
    ("2", "2", "4", "881250949"),
]
FLAGS = {"1": (3, 4), "2": (0,), "3": (8,)}  # positions among ml-100k's 19 genres
TITLES = {"1": "Ärger (1990)", "2": "unknown", "3": 'Quoted "One", The (1985)'}


@pytest.fixture
def ratings() -> list[tuple[str, str, str, str]]:
    """User, item, rating and time, in the order of the file."""
    return list(RATINGS)


@pytest.fixture
def folder_100k(tmp_path: Path) -> Path:
    """The world as GroupLens hands out ml-100k."""
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "u.data").write_text("".join("\t".join(row) + "\n" for row in RATINGS))
    items = [
        "|".join([item, title, "01-Jan-1995", "", "url"])
        + "".join(f"|{int(at in FLAGS[item])}" for at in range(19))
        for item, title in TITLES.items()
    ]
    (folder / "u.item").write_bytes("\n".join(items).encode("latin-1"))
    (folder / "u.user").write_text("1|24|M|writer|1\n2|53|F|other|2\n10|33|M|none|3\n")
    return folder


@pytest.fixture
def atomic_folder(tmp_path: Path) -> Path:
    """The same world as RecBole's atomic files."""
    folder = tmp_path / "atomic"
    folder.mkdir()
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    (folder / "ml-100k.inter").write_text(
        header + "".join("\t".join(row) + "\n" for row in RATINGS)
    )
    (folder / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tÄrger\t1990\tAnimation Children's\n"
        "2\tunkonwn\tunkonwn\tunknown\n"
        '3\tQuoted "One", The\t1985\tDrama\n',
        encoding="utf-8",
    )
    (folder / "ml-100k.user").write_text(
        "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
        "1\t24\tM\twriter\t1\n2\t53\tF\tother\t2\n10\t33\tM\tnone\t3\n"
    )
    return folder
