"""Things that servers need: looked at once, made once, told in words."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.sovereign.fleet.plugins.module_utils.errors import Ambiguous, Auth, Conflict, Transient
from ansible_collections.sovereign.fleet.plugins.module_utils.providers import needs
from ansible_collections.sovereign.fleet.plugins.module_utils.providers.once import Once


class Shelf:
    """A thing that is not there at first. ``errors`` are what making it ends with, one after the other."""

    def __init__(self, *errors: Exception, there_after: int = 99) -> None:
        self._errors = list(errors)
        self._there_after = there_after
        self.looks = 0
        self.made = 0

    def look(self) -> needs.Need:
        self.looks += 1
        if self.looks > self._there_after:
            return needs.Need("7")
        return needs.Need(change="network acme at north", make=self.make)

    def make(self) -> str:
        self.made += 1
        if self._errors:
            raise self._errors.pop(0)
        return "7"


def taken() -> Conflict:
    return Conflict("Taken.", code="taken")


@pytest.mark.parametrize(
    ("errors", "there_after", "told", "looks"),
    [
        pytest.param([], 99, ["network acme at north"], 1, id="made"),
        pytest.param([taken()], 1, [], 2, id="another run was faster"),
        pytest.param([Ambiguous("Lost.")], 1, ["network acme at north"], 2, id="a lost answer, and it was made"),
        pytest.param([Ambiguous("Lost.")], 99, ["network acme at north"], 2, id="a lost answer, and it was not"),
        pytest.param([taken(), taken()], 99, ["network acme at north"], 3, id="taken, and gone when looked at"),
    ],
)
def test_a_thing_is_made_once_and_told_by_whoever_made_it(
    errors: list[Exception], there_after: int, told: list[str], looks: int
) -> None:
    shelf = Shelf(*errors, there_after=there_after)
    made: list[str] = []

    assert needs.settle(shelf.look(), shelf.look, made) == "7"
    assert (made, shelf.looks) == (told, looks)


def test_what_is_there_is_not_made() -> None:
    shelf = Shelf(there_after=0)

    assert needs.settle(shelf.look(), shelf.look, []) == "7"
    assert shelf.made == 0


def test_a_name_that_stays_taken_ends_with_a_sentence() -> None:
    shelf = Shelf(*(taken() for _try in range(9)))

    with pytest.raises(Transient, match="The network acme at north could not be made in 4 tries"):
        needs.settle(shelf.look(), shelf.look, [])


def test_any_other_conflict_is_the_users_to_solve() -> None:
    shelf = Shelf(Conflict("Somebody else's.", code="foreign"))

    with pytest.raises(Conflict, match="Somebody else's"):
        needs.settle(shelf.look(), shelf.look, [])
    assert shelf.made == 1


def test_one_thread_works_and_the_others_wait() -> None:
    once, begun, worked = Once(), threading.Event(), []

    def work() -> str:
        worked.append(1)
        begun.wait(5)
        return "7"

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(once.get, "key", work) for _thread in range(8)]
        begun.set()
        assert {future.result() for future in futures} == {"7"}
    assert len(worked) == 1
    assert (once.known("key"), once.known("other")) == ("7", None)


def test_an_error_is_not_kept() -> None:
    once = Once()

    def fail() -> str:
        raise Auth("Not now.")

    with pytest.raises(Auth):
        once.get("key", fail)
    assert once.get("key", lambda: "7") == "7"
