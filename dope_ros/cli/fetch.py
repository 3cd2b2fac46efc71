# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope fetch`: the published weights."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dope_ros.cli.download import DownloadError, download
from dope_ros.files import replaced_durably, user_cache

SERVER = "https://download.europe.naverlabs.com/ComputerVision/DOPE_models"

LICENCE = """\
These weights were published by NAVER LABS Europe with the paper "DOPE: Distillation Of Part Experts for
whole-body 3D pose estimation in the wild" (ECCV 2020). They are no part of this
package, and under another licence:

    Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0)
    https://creativecommons.org/licenses/by-nc-sa/4.0/

You may not use them, or models made of them, for commercial purposes. You have to name their authors, and to
share what you make of them under the same licence."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Published weights.

    archive: a gzipped tar file on the server with the checkpoint in it.
    description: what they are.
    """

    archive: str
    description: str

    @property
    def checkpoint(self) -> str:
        """The checkpoint's file name."""
        return self.archive.removesuffix(".tgz")


PUBLISHED = {
    "dope": Weights("DOPE_v1_0_0.pth.tgz", "the paper's model, 800 pixels, 1,000 proposals"),
    "dope-realtime": Weights("DOPErealtime_v1_0_0.pth.tgz", "the real-time model, 400 pixels, 50 proposals"),
}


def add_parser(verbs: Any) -> None:
    """Add the verb `fetch`."""
    parser = verbs.add_parser(
        "fetch",
        help="download the published weights",
        description="Downloads published weights, which are for non-commercial use, after asking.",
        epilog="; ".join(f"{name}: {weights.description}" for name, weights in PUBLISHED.items()),
    )
    parser.add_argument("name", choices=PUBLISHED, help="which")
    parser.add_argument("--accept-licence", action="store_true", help="do not ask: I have read it and agree")
    parser.add_argument(
        "--server", default=SERVER, help="URL of the folder with the files (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; 1 if the licence is not accepted."""
    weights = PUBLISHED[arguments.name]
    checkpoint = weights_folder() / weights.checkpoint
    if not checkpoint.exists():
        print(LICENCE)
        if not arguments.accept_licence and not _agreed():
            print("Nothing was downloaded.")
            return 1
        archive = weights_folder() / weights.archive
        if not archive.exists():  # it stays where there was no place for the checkpoint
            download(f"{arguments.server.rstrip('/')}/{weights.archive}", archive)
        unpack(archive, checkpoint)
        archive.unlink()
    print(f"{checkpoint}\nSHA-256 {sha256(checkpoint)}")
    print(f"Make a model of it: dope export {checkpoint} --out {arguments.name}.onnx")
    return 0


def weights_folder() -> Path:
    """Where weights are kept, in the user's cache; raises as `user_cache`."""
    return user_cache() / "weights"


def unpack(archive: Path, checkpoint: Path) -> None:
    """Take the only checkpoint out of a gzipped tar file, whatever its folder in there.

    Raises:
        DownloadError: the archive is broken, or does not hold exactly one checkpoint; it is deleted.
        OSError: the checkpoint cannot be written; the archive stays.
    """
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            members = [member for member in tar if member.isfile() and member.name.endswith((".pth", ".pt"))]
            _read_to_the_end(stream)
            if len(members) != 1:
                archive.unlink()
                raise DownloadError(f"{archive.name}: holds {len(members)} checkpoints, not one")
            source = tar.extractfile(members[0])
            assert source is not None  # it is a file
            with replaced_durably(checkpoint) as partial, partial.open("wb") as target:
                shutil.copyfileobj(source, target)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        archive.unlink()
        raise DownloadError(f"{archive.name}: the archive is broken ({error}); run it again") from error


def _read_to_the_end(stream: gzip.GzipFile) -> None:
    """There gzip has the checksum of all that it holds; tar stops before."""
    while stream.read(1 << 20):
        pass


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _agreed() -> bool:
    try:
        return input("Do you agree? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
