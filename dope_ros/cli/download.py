# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Downloads that resume where they stopped."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, urlopen

from dope_ros.errors import DopeError

TIMEOUT_SECONDS = 30.0

PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416


class DownloadError(DopeError):
    """A file cannot be downloaded; the message says why, and what to do."""


def download(url: str, path: Path) -> None:
    """Download a file over http or https, through the proxies that the environment names.

    What arrived before a failure stays beside `path`, and the next call goes on from there, if the server
    says that the file is still the same.

    Raises:
        DownloadError: the host cannot be reached, refuses, or stops before the end.
        OSError: there is no place for the file, or it cannot be written.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url}: not an address that begins with http:// or https://")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _PartialFile(path)
    rest = partial.range_headers()
    try:
        response = urlopen(Request(url, headers=rest), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE and rest:
            partial.delete()
            download(url, path)
            return
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise DownloadError(f"{_host(url)} cannot be reached: {error.reason}. {_proxy_hint(url)}") from error
    except (OSError, HTTPException) as error:
        raise _broken(url, error) from error
    with response:
        if response.status != PARTIAL_CONTENT:
            partial.begin(response.headers)
        _receive(url, response, partial.path)
    partial.complete(path)


class _PartialFile:
    """What has arrived of a file, and which version of the file that is of.

    A file may change on the server between two calls: the rest of another version does not fit.

    Args:
        path: of the whole file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._version = path.with_name(f"{path.name}.part.version")

    def range_headers(self) -> dict[str, str]:
        """What asks for the rest of that version, or for the whole of another; empty to ask for all."""
        if not self.path.exists() or not self._version.exists():
            return {}
        have, version = self.path.stat().st_size, self._version.read_text(encoding="latin-1")
        return {"Range": f"bytes={have}-", "If-Range": version} if have else {}

    def begin(self, headers: HTTPMessage) -> None:
        """Start with nothing, of the version that a response's headers name."""
        self.path.write_bytes(b"")
        self._version.unlink(missing_ok=True)
        version = _version_of(headers)
        if version:
            self._version.write_text(version, encoding="latin-1")

    def complete(self, path: Path) -> None:
        """Put what is whole now where it belongs."""
        self.path.replace(path)
        self._version.unlink(missing_ok=True)

    def delete(self) -> None:
        """Forget what has arrived."""
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)


def _version_of(headers: HTTPMessage) -> str:
    """What `If-Range` takes (RFC 9110, 13.1.5): a strong tag, or a date where there is no tag; else empty."""
    tag = headers.get("ETag", "")
    if not tag:
        return headers.get("Last-Modified", "")
    return tag if tag.startswith('"') else ""


def _receive(url: str, response: HTTPResponse, partial: Path) -> None:
    """Append what comes."""
    with partial.open("ab") as file:
        before = file.tell()
        for block in _blocks(url, response):
            file.write(block)
        received = file.tell() - before
    expected = response.headers.get("Content-Length")
    if expected is not None and received < int(expected):
        raise _broken(url, f"{received} of {expected} bytes came")


def _blocks(url: str, response: HTTPResponse) -> Iterator[bytes]:
    """What comes; errors of the file that it is written to are none of the connection."""
    try:
        while block := response.read(1 << 20):
            yield block
    except (OSError, HTTPException) as error:
        raise _broken(url, error) from error


def _broken(url: str, reason: object) -> DownloadError:
    return DownloadError(f"{url}: the connection broke: {reason}. Run it again")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _proxy_hint(url: str) -> str:
    proxy = getproxies().get(urlsplit(url).scheme)
    if proxy:
        return f"It was tried through the proxy {proxy}"
    return "Is there a network? A proxy is taken from https_proxy and http_proxy, which are not set"
