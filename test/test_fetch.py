# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope fetch` against a server on this machine."""

import gzip
import hashlib
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dope_ros.cli import main
from dope_ros.cli.download import download
from dope_ros.cli.fetch import unpack, weights_folder
from dope_ros.errors import DopeError

CHECKPOINT = bytes(range(256)) * 4000
NAME = "DOPErealtime_v1_0_0.pth"


def archive_of(members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


class Files(BaseHTTPRequestHandler):
    """Serves `server.content`, from where a range says; stops after `server.breaks_after` bytes once.

    `server.version` is a header that names the version of the content.  Who asks for a range of another one
    gets the whole.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        content = self.server.content
        if content is None:
            self.send_error(404)
            return
        name, version = self.server.version
        is_the_same = self.headers.get("If-Range", version) == version
        gives_range = self.server.knows_ranges and is_the_same
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if gives_range else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header(name, version)
        self.end_headers()
        stop, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(content[start : len(content) if stop is None else start + stop])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        server.content = archive_of({f"models/{NAME}": CHECKPOINT, "models/README": b"read me"})
        server.knows_ranges, server.breaks_after, server.asked = True, None, []
        server.version = ("ETag", '"one"')
        server.url = f"http://127.0.0.1:{server.server_port}/files"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server, *arguments):
    return main(["fetch", "dope-realtime", "--server", server.url, *arguments])


def answer(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_the_licence_is_shown_and_nothing_is_downloaded_without_a_yes(server, monkeypatch, capsys):
    for text in ("no\n", "\n", ""):
        answer(monkeypatch, text)
        assert fetch(server) == 1
    printed = capsys.readouterr().out
    assert "CC BY-NC-SA 4.0" in printed
    assert "commercial" in printed
    assert server.asked == []
    assert not weights_folder().exists()


def test_the_checkpoint_lies_in_the_cache_and_its_sha_256_is_printed(server, monkeypatch, capsys):
    answer(monkeypatch, "yes\n")
    assert fetch(server) == 0
    assert (weights_folder() / NAME).read_bytes() == CHECKPOINT
    assert [path.name for path in weights_folder().iterdir()] == [NAME]
    assert server.asked == [(f"/files/{NAME}.tgz", None)]
    assert hashlib.sha256(CHECKPOINT).hexdigest() in capsys.readouterr().out


def test_what_was_fetched_is_not_fetched_again(server):
    assert fetch(server, "--accept-licence") == 0
    server.content = None
    assert fetch(server, "--accept-licence") == 0
    assert len(server.asked) == 1


@pytest.mark.parametrize("knows_ranges", [True, False], ids=["resumes", "starts over"])
def test_a_download_that_broke_goes_on_the_next_time(server, capsys, knows_ranges):
    server.breaks_after, server.knows_ranges = 1000, knows_ranges
    assert fetch(server, "--accept-licence") == 1
    assert "1000 of" in capsys.readouterr().err
    assert fetch(server, "--accept-licence") == 0
    assert server.asked[1][1] == "bytes=1000-"
    assert (weights_folder() / NAME).read_bytes() == CHECKPOINT


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("ETag", '"one"', '"two"'),
        ("Last-Modified", "Tue, 01 Sep 2020 10:00:00 GMT", "Wed, 02 Sep 2020 10:00:00 GMT"),
    ],
)
def test_a_file_that_changed_on_the_server_is_fetched_from_the_start(server, name, before, after):
    changed, server.version, server.breaks_after = server.content, (name, before), 1000
    server.content = bytes(len(changed))
    assert fetch(server, "--accept-licence") == 1
    server.content, server.version = changed, (name, after)
    assert fetch(server, "--accept-licence") == 0
    assert server.asked[1][1] == "bytes=1000-"
    assert (weights_folder() / NAME).read_bytes() == CHECKPOINT
    assert [path.name for path in weights_folder().iterdir()] == [NAME]


@pytest.mark.parametrize("version", [("Server", "names none"), ("ETag", 'W/"weak"')])
def test_a_file_whose_version_the_server_does_not_tell_is_fetched_from_the_start(server, version):
    server.version, server.breaks_after = version, 1000
    assert fetch(server, "--accept-licence") == 1
    assert fetch(server, "--accept-licence") == 0
    assert [asked[1] for asked in server.asked] == [None, None]
    assert (weights_folder() / NAME).read_bytes() == CHECKPOINT


def test_a_download_that_has_more_than_the_file_is_fetched_from_the_start(server):
    server.breaks_after = 1000
    assert fetch(server, "--accept-licence") == 1
    (weights_folder() / f"{NAME}.tgz.part").write_bytes(bytes(len(server.content) + 1))
    assert fetch(server, "--accept-licence") == 0
    assert len(server.asked) == 3  # the second was refused
    assert (weights_folder() / NAME).read_bytes() == CHECKPOINT


def test_a_file_that_is_not_there_is_said_not_to_be_there(server, capsys):
    server.content = None
    assert fetch(server, "--accept-licence") == 1
    assert f"{NAME}.tgz: the server answers 404" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_no_broken_connection(server, tmp_path):
    (tmp_path / "archive.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        download(server.url, tmp_path / "archive")


def test_a_user_without_a_home_is_told_to_name_a_cache(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    # Nobody's entry in the list of users, as in a container that runs as a number.
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    with pytest.raises(DopeError, match="set XDG_CACHE_HOME"):
        weights_folder()


@pytest.mark.parametrize(
    "content",
    [b"no archive", archive_of({"a.pth": b"1", "b.pth": b"2"}), archive_of({})],
    ids=["no archive", "two", "none"],
)
def test_an_archive_that_is_broken_or_holds_no_single_checkpoint_is_refused(server, capsys, content):
    server.content = content
    assert fetch(server, "--accept-licence") == 1
    error = capsys.readouterr().err
    assert "the archive is broken" in error or "checkpoints, not one" in error
    assert list(weights_folder().iterdir()) == []


def test_a_server_that_refuses_the_whole_file_is_named(server, capsys):
    server.content = b""
    assert fetch(server, "--accept-licence") == 1
    assert "the server answers 416" in capsys.readouterr().err
    assert len(server.asked) == 1


def test_an_archive_whose_checksum_is_another_is_refused(tmp_path):
    packed = bytearray(gzip.compress(gzip.decompress(archive_of({NAME: CHECKPOINT})), compresslevel=0))
    packed[len(packed) // 2] ^= 1  # a bit of the checkpoint: uncompressed, nothing else tells of it
    (tmp_path / "flipped.tgz").write_bytes(packed)
    with pytest.raises(DopeError, match=r"flipped\.tgz: the archive is broken \(CRC check failed"):
        unpack(tmp_path / "flipped.tgz", tmp_path / NAME)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_stayed_is_not_downloaded_again(server):
    weights_folder().mkdir(parents=True)
    (weights_folder() / f"{NAME}.tgz").write_bytes(server.content)
    assert fetch(server, "--accept-licence") == 0
    assert server.asked == []
    assert [path.name for path in weights_folder().iterdir()] == [NAME]


def test_an_archive_whose_checkpoint_cannot_be_written_stays(server, tmp_path):
    archive, shelf = tmp_path / "whole.tgz", tmp_path / "shelf"
    archive.write_bytes(server.content)
    shelf.write_text("no folder")
    with pytest.raises(OSError, match="shelf"):
        unpack(archive, shelf / NAME)
    assert archive.read_bytes() == server.content


def test_no_network_and_a_dead_proxy_are_told_apart(server, monkeypatch, capsys):
    server.shutdown()
    server.server_close()
    assert fetch(server, "--accept-licence") == 1
    assert "127.0.0.1 cannot be reached" in (error := capsys.readouterr().err)
    assert "https_proxy" in error
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    server.url = "http://weights.invalid/files"
    assert fetch(server, "--accept-licence") == 1
    assert f"through the proxy http://127.0.0.1:{server.server_port}" in capsys.readouterr().err
