"""Whole listings while things come and go."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Auth, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.paging import LOOKS, Page, read_all

SIZE = 2


class Table:
    """Rows that change after the readings whose numbers are in ``drops``."""

    def __init__(self, rows: int, drops: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.rows = list(range(rows))
        self.drops = drops
        self.readings = 0

    def read(self, number: int) -> Page:
        self.readings += 1
        part = self.rows[(number - 1) * SIZE : number * SIZE]
        page = Page([{"id": row} for row in part], len(self.rows), max(1, -(-len(self.rows) // SIZE)))
        if self.readings in self.drops:
            self.rows.pop(0)
        return page

    def all(self) -> list[int]:
        return sorted(item["id"] for item in read_all(self.read, _id, "North"))


def _id(item: dict[str, Any]) -> Any:
    return item["id"]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5])
def test_every_row_is_read_once(rows: int) -> None:
    table = Table(rows)

    assert table.all() == list(range(rows))
    assert table.readings == max(1, -(-rows // SIZE))


def test_a_row_that_moves_to_a_page_already_read_is_not_lost() -> None:
    table = Table(5, drops={1})

    assert table.all() == [1, 2, 3, 4]


def test_a_list_that_never_holds_still_is_an_error_and_not_a_shorter_list() -> None:
    table = Table(100, drops=set(range(1, 1000)))

    with pytest.raises(Transient, match=rf"changed its list .* during each of {LOOKS} readings"):
        table.all()


def test_a_page_that_fails_fails_the_whole() -> None:
    def read(number: int) -> Page:
        if number == 2:
            raise Auth("Revoked.")
        return Page([{"id": number}], 3, 3)

    with pytest.raises(Auth):
        read_all(read, _id, "North")
