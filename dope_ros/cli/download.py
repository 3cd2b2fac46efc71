# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Downloads that resume where they stopped."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
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

    What arrived before a failure stays beside `path`, and the next call goes on from there.

    Raises:
        DownloadError: the host cannot be reached, refuses, or stops before the end.
        OSError: there is no place for the file, or it cannot be written.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url}: not an address that begins with http:// or https://")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    have = partial.stat().st_size if partial.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE:
            partial.unlink()
            download(url, path)
            return
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise DownloadError(f"{_host(url)} cannot be reached: {error.reason}. {_proxy_hint(url)}") from error
    except (OSError, HTTPException) as error:
        raise _broken(url, error) from error
    with response:
        _receive(url, response, partial, resume=response.status == PARTIAL_CONTENT)
    partial.replace(path)


def _receive(url: str, response: HTTPResponse, partial: Path, resume: bool) -> None:
    with partial.open("ab" if resume else "wb") as file:
        before = file.tell() if resume else 0
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
    return DownloadError(f"{url}: the connection broke: {reason}. Run it again to go on from there")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _proxy_hint(url: str) -> str:
    proxy = getproxies().get(urlsplit(url).scheme)
    if proxy:
        return f"It was tried through the proxy {proxy}"
    return "Is there a network? A proxy is taken from https_proxy and http_proxy, which are not set"
