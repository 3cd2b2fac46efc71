# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture from a seed and its number: the one place that shows the whole way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from dope_ros.training.synthetic.assets import Assets, load_assets
from dope_ros.training.synthetic.background import WALLPAPER_FOLDERS, BackgroundSource, find_pictures
from dope_ros.training.synthetic.body import BodyModel
from dope_ros.training.synthetic.cloth import ClothSource
from dope_ros.training.synthetic.drawing import draw, lit
from dope_ros.training.synthetic.effects import photographed
from dope_ros.training.synthetic.files import read_photograph
from dope_ros.training.synthetic.format import PictureLabels
from dope_ros.training.synthetic.joint_ranges import Anatomy
from dope_ros.training.synthetic.labels import label_picture
from dope_ros.training.synthetic.light import random_lights
from dope_ros.training.synthetic.people import PeopleSource
from dope_ros.training.synthetic.postures import PostureSampler
from dope_ros.training.synthetic.scene import SceneComposer
from dope_ros.training.synthetic.scene_mix import EVERYTHING, Framing, SceneMix
from dope_ros.training.synthetic.textures import TextureBank
from dope_ros.training.synthetic.wardrobe import Wardrobe

GROUND_SHADOWS = 0.6
"""The share of pictures in which shadows fall on the ground."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture and all that is known of it.

    picture: uint8 [H, W, 3], RGB. mask: uint8 [H, W], 0 nobody, p + 1 where person p is seen.
    """

    picture: np.ndarray
    labels: PictureLabels
    mask: np.ndarray
    framing: Framing


@dataclass(frozen=True, slots=True)
class Sources:
    """What pictures are made from.

    bodies: the file of `bodies.make_bodies`. assets: see `assets`; without, clothes are painted.
    backgrounds: folders of pictures without people; with none, the wallpapers that are installed.
    mix: how often which scenes come.
    """

    bodies: Path
    assets: Path | None = None
    backgrounds: tuple[Path, ...] = field(default=())
    mix: SceneMix = EVERYTHING


class Renderer:
    """Renders pictures; loading takes seconds, so keep it."""

    def __init__(self, sources: Sources, size: int) -> None:
        self.size = size
        model = BodyModel(sources.bodies)
        anatomy = Anatomy(model)
        self.assets: Assets = load_assets(sources.assets, model, anatomy)
        cloth = ClothSource(self.assets.garment_photographs)
        pictures = find_pictures(sources.backgrounds or WALLPAPER_FOLDERS)
        self.backgrounds = BackgroundSource(pictures, cloth)
        self._bank = TextureBank()
        wardrobe = Wardrobe(self.assets, model, self._bank, cloth)
        self._bank.seal()
        self._mix = sources.mix
        postures = PostureSampler(anatomy, self.assets.poses, self._mix)
        people = PeopleSource(model, anatomy, postures, wardrobe)
        self._composer = SceneComposer(people, wardrobe, self._mix)

    def render(self, seed: int, index: int, framing: Framing | None = None) -> Rendered:
        """Picture `index` of the set of a seed; it depends on nothing else."""
        rng = np.random.default_rng([seed, index])
        self._bank.forget_painted()
        framing = framing or self._mix.framing(rng)
        scene = self._composer.compose(framing, self.size, rng)
        background = self._background(framing, rng)
        lights = random_lights(scene.view.up, background.mean(axis=(0, 1)), rng)
        drawing = draw(scene.geometry, scene.intrinsics, self.size, self._bank)
        ground = (scene.ground, rng.uniform(0.2, 0.7)) if rng.random() < GROUND_SHADOWS else None
        picture = lit(drawing, background, lights, scene.intrinsics, ground, self._bank)
        owners = drawing.owners()
        return Rendered(
            picture=photographed(picture, owners >= 0, rng),
            labels=label_picture(scene.people, drawing, scene.intrinsics, self.size),
            mask=(owners + 1).astype(np.uint8),
            framing=framing,
        )

    def _background(self, framing: Framing, rng: np.random.Generator) -> np.ndarray:
        background = self.backgrounds.sample(self.size, rng)
        if framing is Framing.GARMENT:
            return self._with_garments(background, rng)
        return background

    def _with_garments(self, background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Photographs of garments, one over the whole picture or some within it."""
        photographs = self.assets.garment_photographs
        if not photographs:
            return background
        for _ in range(rng.integers(1, 4)):
            photograph = read_photograph(photographs[rng.integers(len(photographs))])
            if photograph is None:
                continue
            turns = int(rng.integers(4)) if rng.random() < 0.3 else 0
            turned = np.rot90(photograph, turns)
            side = int(self.size * rng.choice([1.0, rng.uniform(0.3, 0.9)]))
            top, left = rng.integers(self.size - side + 1, size=2)
            small = cv2.resize(np.ascontiguousarray(turned), (side, side), interpolation=cv2.INTER_AREA)
            background[top : top + side, left : left + side] = small.astype(np.float32) / 255
        return background
