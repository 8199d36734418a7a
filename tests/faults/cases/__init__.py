"""All cases, class by class."""

from __future__ import annotations

from tests.faults.cases import (
    api_answers,
    capacity,
    concurrency,
    credentials,
    drift,
    inventory,
    nodes,
    partial,
    secrets,
    transport,
)
from tests.faults.scorecard import FaultCase

CASES: tuple[FaultCase, ...] = (
    *api_answers.CASES,
    *transport.CASES,
    *partial.CASES,
    *capacity.CASES,
    *credentials.CASES,
    *concurrency.CASES,
    *nodes.CASES,
    *inventory.CASES,
    *drift.CASES,
    *secrets.CASES,
)
