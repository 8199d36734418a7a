# Copyright: (c) 2026, the sovereign.fleet authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are found out once, however many threads want to know them at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Answers by key. Who asks while somebody else finds out waits for that answer, or for its failure.

    A failure is not kept: whoever comes later tries anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """What ``find`` said for this key."""
        with self._lock:
            answer: Future[T] | None = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if mine:
            try:
                answer.set_result(find())
            except BaseException as error:
                with self._lock:
                    del self._answers[key]
                answer.set_exception(error)
                raise
        return answer.result()

    def known(self, key: Hashable) -> Any:
        """What is known for this key already, else None; nobody is asked."""
        with self._lock:
            answer = self._answers.get(key)
        return answer.result() if answer is not None and answer.done() else None
