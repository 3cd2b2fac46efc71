# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cuts hands and people out of photographs with a plain background."""

from __future__ import annotations

import cv2
import numpy as np

from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.datasets.labels import PartLabels

FLATNESS = 2
"""Degree of the polynomial in x and y that a plain background's light follows, in each colour."""

BORDER = 0.06
"""Of the shorter side of a picture: so far from its top and sides it is background for the most part."""

ROUNDS = 2
"""Of GrabCut."""

CUT_SIDE = 128
"""Pixels of the longer side that a picture is cut at: GrabCut's time grows with their number."""

MOST_ON_EDGE = 0.1
"""Of the pixels along the top and the upper half of the sides: if more are in the mask, cutting failed."""

LEAST_SHARE, MOST_SHARE = 0.04, 0.85
"""Of the picture that something takes up; if the mask says otherwise, cutting failed."""

LEAST_COVERED = 0.9
"""Share of the joints that lie in the mask; if less do, cutting failed."""


def cut_out(picture: np.ndarray, part: Part, labels: PartLabels) -> np.ndarray | None:
    """How much each pixel shows of what the labelled part belongs to (GrabCut, Rother et al., 2004).

    What differs from the light of the picture's edge is its first guess; bones are part of it surely.

    Args:
        picture: uint8 [H, W, 3], RGB.
        labels: of a hand or a face.

    Returns:
        uint8 [H, W], 0 to 255, soft at the edge; None where it cannot be cut out cleanly.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, CUT_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    points = labels.keypoints_2d * (np.array(size) / (width, height))
    surely = _surely(small.shape[:2], part, points, labels.known_2d)
    solid = _grab(small, surely)
    clean = LEAST_SHARE <= solid.mean() <= MOST_SHARE and _on_edge(solid) <= MOST_ON_EDGE
    if not clean or _covered(solid, points[labels.known_2d]) < LEAST_COVERED:
        return None
    soft = cv2.GaussianBlur(solid * np.uint8(255), (0, 0), 0.7)
    return cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)


def _grab(picture: np.ndarray, surely: np.ndarray) -> np.ndarray:
    """uint8 [H, W], 1 where a picture shows what the pixels in `surely` belong to."""
    mask = np.where(_differs(picture), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[surely > 0] = cv2.GC_FGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, mask, (0, 0, 0, 0), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return _connected(((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8), surely)


def _differs(picture: np.ndarray) -> np.ndarray:
    """[H, W] bool, which pixels differ from a smooth light fitted to the picture's top and sides."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float64)
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([x**i * y**j for i in range(FLATNESS + 1) for j in range(FLATNESS + 1 - i)], axis=-1)
    depth = max(2, round(BORDER * min(height, width)))
    edge = np.zeros((height, width), bool)
    edge[:depth], edge[:, :depth], edge[:, -depth:] = True, True, True
    fitted = terms @ _robust_fit(terms[edge], lab[edge])
    distance = np.linalg.norm(lab - fitted, axis=2)
    scaled = np.clip(distance * 2, 0, 255).astype(np.uint8)
    _, differs = cv2.threshold(scaled, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return differs.astype(bool)


def _robust_fit(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[T, 3], by least squares, reweighted: an arm or shoulders may reach the edge."""
    weights = np.ones((len(terms), 1))
    for _ in range(5):
        weighted = (terms * weights).T
        found: np.ndarray = np.linalg.solve(weighted @ terms, weighted @ values)
        residuals = np.linalg.norm(values - terms @ found, axis=1)
        scale = max(float(np.median(residuals)), 1.0)
        weights = 1 / (1 + (residuals[:, None] / (2 * scale)) ** 4)
    return found


def _surely(shape: tuple[int, int], part: Part, points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """uint8 [H, W]: a hand's bones; the inside of a face; of joints that are known, [J] bool."""
    mask = np.zeros(shape, np.uint8)
    corners = np.round(points).astype(np.int32)
    if part is Part.FACE:
        cv2.fillConvexPoly(mask, cv2.convexHull(corners[known]), 1)
        return mask
    width = max(1, round(0.04 * float(np.ptp(points[known], axis=0).max())))
    for first, second in SKELETONS[part].bones:
        if not (known[first] and known[second]):
            continue
        cv2.line(mask, corners[first].tolist(), corners[second].tolist(), 1, width)
    return mask


def _connected(mask: np.ndarray, surely: np.ndarray) -> np.ndarray:
    """The pieces of a mask that what is surely part of it touches."""
    _, pieces = cv2.connectedComponents(mask)
    touched = np.unique(pieces[(surely > 0) & (mask > 0)])
    return np.isin(pieces, touched[touched > 0]).astype(np.uint8)


def _on_edge(mask: np.ndarray) -> float:
    """The share of the edge in the mask: of its top, and of its sides above the middle; arms enter below."""
    half = len(mask) // 2
    return float(np.concatenate([mask[0], mask[:half, 0], mask[:half, -1]]).mean())


def _covered(mask: np.ndarray, points: np.ndarray) -> float:
    """The share of points that lie in the mask, or beside it."""
    height, width = mask.shape
    columns, rows = np.round(points).astype(int).T
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    return float((near[rows[inside], columns[inside]] > 0).sum() / max(len(rows), 1))
