"""The one error of the embedded stack: its text is what the person at the terminal reads."""

from __future__ import annotations


class EmbeddedError(Exception):
    """An embedded part cannot start or run; the message says why and what to do."""
