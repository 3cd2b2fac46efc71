# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the bodies that are rendered: once, with `anny`, into a file that rendering reads without it.

`python -m dope_ros.training.synthetic.bodies FILE` is a process of its own, for anny brings torch.
The mesh is anny's topology "makehuman-full" with the rig "makehuman" (code Apache-2.0, data CC0). Its
vertices are those that MakeHuman's clothes are fitted to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.files import replaced_whole, user_cache

RIG, TOPOLOGY = "makehuman", "makehuman-full"
"""The topology "smplx" is not free to use; this one is."""

BODIES_VERSION = 1
DEFAULT_COUNT = 160
CHILDREN = 0.15
"""The share of children among the bodies."""

LOCAL_CHANGES = 20
"""How many features of a body (a nose, a waist, ...) differ from the average in a way of their own."""

_SAVED_GROUPS = (
    "body",
    *("helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue"),
    *("helper-hair", "helper-skirt", "helper-tights", "joint-head", "joint-head-2"),
)
_TIP_GROUPS = tuple(f"joint-{side}-finger-{finger}-4" for side in "rl" for finger in range(1, 6))


def default_bodies_file() -> Path:
    """Where the bodies are kept if nobody says where: the user's cache; raises as `user_cache`."""
    return user_cache() / f"bodies-v{BODIES_VERSION}-{DEFAULT_COUNT}.npz"


def ensure_bodies(path: Path, count: int = DEFAULT_COUNT) -> None:
    """Make the bodies in a process of its own where the file is missing.

    Raises:
        DatasetError: they cannot be made, most often because anny is not installed.
    """
    if path.exists():
        return
    command = [sys.executable, "-m", __name__, str(path), "--count", str(count)]
    if subprocess.run(command, check=False).returncode != 0:
        raise DatasetError(
            f"{path}: the bodies could not be made (see above). They need anny and torch: "
            "pip install '.[synthetic]' in a checkout of dope_ros"
        )


def make_bodies(path: Path, count: int, seed: int = 0) -> None:
    """Make `count` bodies of random shape, age and sex and write them to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _place_for_anny(path.parent):
        _make_bodies(path, count, seed)


@contextmanager
def _place_for_anny(folder: Path) -> Iterator[None]:
    """A place in `folder` for the 1.5 GB that anny writes and reads but once; ANNY_CACHE_DIR keeps it."""
    if "ANNY_CACHE_DIR" in os.environ:
        yield
        return
    from anny.paths import get_anny_cache_path, set_anny_cache_path

    before = get_anny_cache_path()
    with TemporaryDirectory(prefix="anny-", dir=folder) as place:
        set_anny_cache_path(place)
        try:
            yield
        finally:
            set_anny_cache_path(before)


def _make_bodies(path: Path, count: int, seed: int) -> None:
    import torch

    model = _load_model()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        shapes = [_random_shape(model, rng) for _ in _progress(range(count), "bodies")]
        actions = [
            _action_delta(model, name) for name in _progress(model.facial_action_labels, "expressions")
        ]
    vertices = np.stack([shape["vertices"] for shape in shapes])
    mean = vertices.mean(axis=0)
    arrays: dict[str, Any] = {
        "mean": mean,
        "deltas": (vertices - mean).astype(np.float16),
        "heads": np.stack([shape["heads"] for shape in shapes]),
        **{
            trait: np.array([shape[trait] for shape in shapes])
            for trait in ("sex", "age", "african", "asian")
        },
        "actions": np.stack(actions).astype(np.float16),
        "action_names": np.array(list(model.facial_action_labels)),
        **_rig_of(model),
        **_mesh_of(model),
        **_vertex_groups(),
    }
    with replaced_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load_model() -> Any:
    import anny
    import torch

    model = anny.Anny(
        rig=RIG, topology=TOPOLOGY, local_changes="default", facial_actions="all", phenotypes="all"
    )
    return model.to(torch.float32)


def _random_shape(model: Any, rng: np.random.Generator) -> dict[str, Any]:
    phenotype = _random_phenotype(model.phenotype_labels, rng)
    changed = rng.choice(list(model.local_change_labels), LOCAL_CHANGES, replace=False)
    output = model(
        phenotype_kwargs=phenotype,
        local_changes_kwargs={str(name): float(rng.uniform(0, 0.4)) for name in changed},
    )
    return {
        "vertices": output["rest_vertices"][0].numpy().astype(np.float32),
        "heads": output["rest_bone_heads"][0].numpy().astype(np.float32),
        "sex": phenotype["gender"],
        "age": phenotype["age"],
        "african": phenotype["african"],
        "asian": phenotype["asian"],
    }


def _random_phenotype(labels: Iterable[str], rng: np.random.Generator) -> dict[str, float]:
    """Traits of anny, 0 to 1: gender from male to female as MakeHuman has it, age from newborn to old."""
    phenotype = {name: float(np.clip(rng.normal(0.5, 0.2), 0.05, 0.95)) for name in labels}
    phenotype["gender"] = float(rng.uniform(0, 0.15) if rng.random() < 0.5 else rng.uniform(0.85, 1))
    child = rng.random() < CHILDREN
    phenotype["age"] = float(rng.uniform(0.3, 0.5) if child else rng.uniform(0.6, 0.95))
    phenotype["height"] = float(np.clip(rng.normal(0.38, 0.1), 0.15, 0.65))
    origin = rng.dirichlet([0.5, 0.5, 0.5])
    phenotype |= dict(zip(("african", "asian", "caucasian"), map(float, origin), strict=True))
    return phenotype


def _action_delta(model: Any, action: str) -> np.ndarray:
    average = dict.fromkeys(model.phenotype_labels, 0.5)
    moved = model(phenotype_kwargs=average, facial_actions={action: 1.0})["rest_vertices"][0]
    still = model(phenotype_kwargs=average)["rest_vertices"][0]
    return (moved - still).numpy()


def _rig_of(model: Any) -> dict[str, np.ndarray]:
    weights = model.vertex_bone_weights.numpy().astype(np.float32)
    order = np.argsort(-weights, axis=1, kind="stable")
    return {
        "bones": np.array(list(model.bone_labels)),
        "parents": np.array(list(model.bone_parents), np.int16),
        "weights": np.take_along_axis(weights, order, axis=1),
        "weight_bones": np.take_along_axis(model.vertex_bone_indices.numpy(), order, axis=1).astype(np.int16),
    }


def _mesh_of(model: Any) -> dict[str, np.ndarray]:
    return {
        "quads": np.asarray(model.faces.tolist(), np.int32),
        "uvs": model.texture_coordinates.numpy().astype(np.float32),
        "uv_quads": np.asarray(model.face_texture_coordinate_indices.tolist(), np.int32),
    }


def _vertex_groups() -> dict[str, np.ndarray]:
    source = resources.files("anny") / "data/mpfb2/mesh_metadata/basemesh_vertex_groups.json"
    groups = json.loads(source.read_text(encoding="utf-8"))
    tips = np.array([_members(groups[name]) for name in _TIP_GROUPS])
    return {"group_tips": tips} | {f"group_{name}": _members(groups[name]) for name in _SAVED_GROUPS}


def _members(ranges: list[Any]) -> np.ndarray:
    spans = (entry if isinstance(entry, list) else (entry, entry) for entry in ranges)
    return np.concatenate([np.arange(first, last + 1) for first, last in spans])


def _progress(items: Iterable[Any], what: str) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(items, desc=f"making {what}", unit="", dynamic_ncols=True)


def main() -> int:
    """Make a file of bodies."""
    parser = argparse.ArgumentParser(description=make_bodies.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        make_bodies(arguments.file, arguments.count, arguments.seed)
    except ImportError as error:
        print(f"dope: {error.name} is not installed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
