"""Pages of another address that may send from a browser: CORS, for the form of the page for integrators."""

from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

HEADERS = ("Authorization", "Content-Type", "X-Source")


def allow_pages(app: FastAPI, public_url: str) -> None:
    """Let the pages of this address, and of no other, ask and send; a key is needed all the same."""
    allowed = [origin(public_url)]
    app.add_middleware(CORSMiddleware, allow_origins=allowed, allow_methods=["GET", "POST"], allow_headers=HEADERS)


def origin(url: str) -> str:
    """An address as browsers compare them: without path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
