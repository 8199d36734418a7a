"""The one error a person sees: a sentence that says what was tried, why it failed and what to do."""

from __future__ import annotations


class LabError(Exception):
    """A failure with a message made for the person at the terminal."""
