# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The labels of all pictures of a batch in a few tensors: a GPU wants few and large things to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dope_ros.skeleton import Part
from dope_ros.training.loading.targets import Instances, PartTargets, Targets


@dataclass(frozen=True, slots=True, eq=False)
class JoinedTargets:
    """All bodies, hands or faces of B pictures.

    Boxes are padded with such as have no extent, which overlap nothing.

    instances: T of them, picture after picture.
    boxes: [B, G, 4] float32, those of each picture.
    rows: [B, G] int64, the row of `instances` that a box belongs to; T where there is none.
    ignored, labelled: [B, I, 4] float32 and [B] bool, as in `PartTargets`.
    """

    instances: Instances
    boxes: Tensor
    rows: Tensor
    ignored: Tensor
    labelled: Tensor

    @classmethod
    def of(cls, pictures: Sequence[PartTargets]) -> JoinedTargets:
        """Of the targets of one part in each picture."""
        joined = Instances.concatenated([targets.instances for targets in pictures])
        counts, device = [len(targets.instances) for targets in pictures], joined.boxes.device
        rows = torch.arange(len(joined), device=device).split(counts)
        return cls(
            joined,
            _padded([targets.instances.boxes for targets in pictures]),
            _padded(rows, len(joined)),
            _padded([targets.ignored for targets in pictures]),
            torch.tensor([targets.labelled for targets in pictures], device=device),
        )

    @property
    def pictures(self) -> int:
        """How many there are."""
        return len(self.labelled)

    def of_picture(self, index: int) -> PartTargets:
        """The targets of one of the pictures."""
        rows, ignored = self.rows[index], self.ignored[index]
        return PartTargets(
            self.instances.rows(rows[rows < len(self.instances)]),
            ignored[has_extent(ignored)],
            bool(self.labelled[index]),
        )

    def to(self, device: torch.device) -> JoinedTargets:
        """The same on a device."""
        return JoinedTargets(
            self.instances.to(device),
            self.boxes.to(device),
            self.rows.to(device),
            self.ignored.to(device),
            self.labelled.to(device),
        )


class BatchTargets(Mapping[Part, JoinedTargets]):
    """What the pictures of a batch show of each part."""

    def __init__(self, parts: Mapping[Part, JoinedTargets]) -> None:
        self._parts = dict(parts)

    @classmethod
    def of(cls, pictures: Sequence[Targets]) -> BatchTargets:
        """Of the targets of each picture."""
        return cls({part: JoinedTargets.of([targets[part] for targets in pictures]) for part in pictures[0]})

    def __getitem__(self, part: Part) -> JoinedTargets:
        return self._parts[part]

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def by_picture(self) -> list[Targets]:
        """The targets of each picture."""
        of_parts = [[part.of_picture(index) for index in range(part.pictures)] for part in self.values()]
        return [dict(zip(self, of_picture, strict=True)) for of_picture in zip(*of_parts, strict=True)]

    def to(self, device: torch.device) -> BatchTargets:
        """The same on a device."""
        return BatchTargets({part: targets.to(device) for part, targets in self.items()})

    def all_boxes(self) -> Tensor:
        """The boxes of all parts, [B, L, 4], those of each picture before its padding."""
        boxes = torch.cat([targets.boxes for targets in self.values()], dim=1)
        order = has_extent(boxes).int().argsort(dim=1, descending=True, stable=True)
        return boxes.take_along_dim(order[..., None], dim=1)

    def all_ignored(self) -> Tensor:
        """The ignored boxes of all parts, [B, I, 4]."""
        return torch.cat([targets.ignored for targets in self.values()], dim=1)


def has_extent(boxes: Tensor) -> Tensor:
    """[...] bool, which of the boxes [..., 4] are no padding."""
    return (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)


def _padded(rows: Sequence[Tensor], value: int = 0) -> Tensor:
    """[B, n, ...] of B tensors [n or fewer, ...]; n is 1 at least."""
    width = max(1, *(len(row) for row in rows))
    one_more = rows[0].new_full((width, *rows[0].shape[1:]), value)
    return pad_sequence([*rows, one_more], batch_first=True, padding_value=value)[:-1]
