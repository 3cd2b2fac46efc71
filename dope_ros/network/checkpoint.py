# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads and writes checkpoints: this package's own, the published ones, and the first compact ones.

Files are only ever read with `weights_only=True`: a pickle that would run code is refused.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dope_ros.errors import ModelError
from dope_ros.files import replaced_durably
from dope_ros.network import first_compact, published
from dope_ros.network.config import AnchorBoxes, NetworkConfig, ProposalSettings
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.layout import Layout, check_tensors, untrained
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import Part

FORMAT = "dope_ros"
FORMAT_VERSION = 4

LATER = {
    1: ("spatial.context.", "spatial.prior", "spatial.hourglass."),
    2: ("spatial.hourglass.",),
    3: (),
    4: (),
}
"""What spatial heads of each version of the format did not have yet."""


_MORE_THAN_WEIGHTS = re.compile(r"unsupported global:? (?:global )?(\S+)", re.IGNORECASE)
"""In what torch says of a pickle that makes other things than tensors, dicts, lists and numbers: which."""

_BROKEN = "not a PyTorch checkpoint, or a broken one"

BAD_SETTINGS = (LookupError, TypeError, ValueError, AttributeError, RuntimeError)
"""What comes of making a network of settings that nobody wrote so; torch's errors are RuntimeErrors."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network with its weights, in evaluation mode, and the settings its proposals are integrated with."""

    network: DopeNetwork
    ppi: Mapping[Part, PpiSettings]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of any layout this package knows; weights in half precision are widened.

    Raises:
        ModelError: the file is missing, would run code, is of no known layout, or its tensors do not
            fit: those that are missing, extra, of the wrong shape or no numbers are named.
    """
    content = _load(path)
    try:
        layout = _layout_of(path.name, content)
        network = DopeNetwork(layout.config)
    except BAD_SETTINGS as error:
        raise ModelError(f"{path.name}: its settings cannot be read: {error!r}") from error
    state = network.state_dict()
    check_tensors(path.name, layout, state)
    network.load_state_dict(layout.tensors(state))
    return Checkpoint(network.eval(), layout.ppi)


def write_checkpoint(
    path: Path,
    network: DopeNetwork,
    ppi: Mapping[Part, PpiSettings],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a checkpoint that `read_checkpoint` reads, all at once or not at all.

    Args:
        path: where to.
        network: its weights and configuration.
        ppi: settings of pose proposals integration.
        dtype: what tensors are kept in; float16 halves the file.

    Raises:
        OSError: it cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "config": plain_config(network.config),
        "ppi": {part.value: asdict(settings) for part, settings in ppi.items()},
        "state_dict": {
            name: tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in network.state_dict().items()
        },
    }
    with replaced_durably(path) as partial:
        torch.save(content, partial)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path.name}: {_refusal(str(error))}") from error
    except Exception as error:  # torch's unpickler raises whatever the bytes of a broken file make it do
        raise ModelError(f"{path.name}: {_BROKEN}: {type(error).__name__}: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise ModelError(f"{path.name}: a checkpoint is a dict with a 'state_dict'; this is none")
    strangers = [
        str(name)
        for name, value in content["state_dict"].items()
        if not isinstance(value, Tensor) or not isinstance(name, str)
    ]
    if strangers:
        listed = ", ".join(strangers[:5])
        raise ModelError(f"{path.name}: entries of its state dict are no tensors with a name: {listed}")
    return content


def _refusal(said: str) -> str:
    """Why torch refuses a pickle, without its advice to read it all the same."""
    stranger = _MORE_THAN_WEIGHTS.search(said)
    return f"refused, for it holds more than weights: {stranger[1]}" if stranger else _BROKEN


def _layout_of(source: str, content: dict[str, Any]) -> Layout:
    if content.get("format") == FORMAT:
        return _own_layout(source, content)
    if published.is_published(content):
        return published.layout(source, content)
    if first_compact.is_first_compact(content):
        return first_compact.layout(content)
    raise ModelError(
        f"{source}: neither a checkpoint of this package nor one of the published layout; "
        f"its entries are: {', '.join(map(str, content))}"
    )


def _own_layout(source: str, content: dict[str, Any]) -> Layout:
    version = content["version"]
    if version not in LATER:
        raise ModelError(
            f"{source}: checkpoint version {version}; this release reads version {FORMAT_VERSION} and older"
        )
    config = config_of(content["config"])
    ppi = {part: PpiSettings.from_metadata(content["ppi"][part.value], part) for part in config.anchors}
    scales = content.get("scales", {})
    tensors = {
        name: tensor * scales[name] if name in scales else tensor
        for name, tensor in content["state_dict"].items()
    }
    if config.spatial and LATER[version]:
        tensors = tensors | untrained(config, LATER[version])
    return Layout(config, ppi, tensors)


def plain_config(config: NetworkConfig) -> dict[str, Any]:
    """A configuration as dicts, lists, strings and numbers."""
    plain = asdict(config)
    plain["anchors"] = {part.value: asdict(anchors) for part, anchors in config.anchors.items()}
    return plain


def config_of(plain: Mapping[str, Any]) -> NetworkConfig:
    """The configuration that `plain_config` made such dicts of.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it made no such thing.
    """
    values = dict(plain)
    boxes = dict(values.pop("boxes"))
    sizes, ratios = tuple(boxes.pop("sizes")), tuple(boxes.pop("ratios"))
    return NetworkConfig(
        anchors={Part(name): AnchorClasses(**anchors) for name, anchors in values["anchors"].items()},
        boxes=AnchorBoxes(sizes=sizes, ratios=ratios, **boxes),
        proposals=ProposalSettings(**values.pop("proposals")),
        **{name: value for name, value in values.items() if name != "anchors"},
    )
