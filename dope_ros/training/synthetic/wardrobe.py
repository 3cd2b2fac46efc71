# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Dresses people: pieces of different suits mixed, recoloured, cut from other cloth; hair; skin and eyes."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from dope_ros.training.synthetic.assets import Assets, read_texture
from dope_ros.training.synthetic.body import BodyModel, Shape
from dope_ros.training.synthetic.cloth import ClothSource, random_colour
from dope_ros.training.synthetic.garment import Garment
from dope_ros.training.synthetic.mesh import CUT_OUT, Material
from dope_ros.training.synthetic.painted_clothes import PaintedGarment, PaintedWardrobe
from dope_ros.training.synthetic.textures import TextureBank

SKIN_SIZE, CLOTHES_SIZE, SMALL_SIZE = 1024, 512, 128
"""Pixels of textures."""

RECUT_SIZE = 256
"""Pixels of the textures of clothes that are cut from other cloth."""

DARK_SKINNED = 0.45
"""The share of African ancestry from which a body gets a dark skin."""

IRISES = ((92, 62, 38), (70, 45, 28), (48, 32, 22), (70, 105, 140), (88, 112, 84), (110, 118, 122))
SKIN_TONES = ((236, 200, 178), (224, 180, 150), (200, 152, 118), (150, 104, 76), (112, 74, 52), (78, 52, 40))
HAIR_COLOURS = (
    (28, 22, 20),
    (48, 34, 26),
    (84, 56, 36),
    (120, 84, 50),
    (176, 138, 88),
    (120, 52, 30),
    (170, 170, 168),
)


@dataclass(slots=True)
class Outfit:
    """What a person wears and is made of.

    hidden: [V] bool, the skin below clothes that hide it.
    """

    skin: Material
    eyes: Material
    teeth: Material
    hidden: np.ndarray
    garments: list[tuple[Garment, Material]] = field(default_factory=list)
    painted: list[tuple[PaintedGarment, Material]] = field(default_factory=list)

    def wear(self, garment: Garment, material: Material) -> None:
        """Put a garment on, over the skin that it hides."""
        self.garments.append((garment, material))
        self.hidden |= garment.hides

    def paint(self, garment: PaintedGarment, material: Material) -> None:
        """Paint a garment on."""
        self.painted.append((garment, material))


@dataclass(frozen=True, slots=True)
class _Texture:
    """A garment's own texture in the bank, and what is left of it when its colours go: folds and holes."""

    row: int
    folds: np.ndarray | None
    holes: np.ndarray | None


class Wardrobe:
    """All there is to wear. Textures that are made for one picture are painted into `bank`.

    painted: cuts the clothes that are painted on, and puts them on.
    """

    def __init__(self, assets: Assets, model: BodyModel, bank: TextureBank, cloth: ClothSource) -> None:
        self._assets = assets
        self._model = model
        self._bank = bank
        self._cloth = cloth
        self.painted = PaintedWardrobe(model)
        self.white = bank.add(np.full((4, 4, 3), 255, np.uint8))
        self._eyes = [bank.add(_eye(iris)) for iris in IRISES]
        self._skins = [(bank.add(read_texture(skin.path, SKIN_SIZE)), skin) for skin in assets.skins]
        self._textures: dict[str, _Texture] = {}
        clothes = (*assets.tops, *assets.bottoms, *assets.wholes, *assets.shoes, *assets.hats, *assets.hairs)
        for garment in clothes:
            self._register(garment, CLOTHES_SIZE)
        for garment in (*assets.brows, *assets.lashes):
            self._register(garment, SMALL_SIZE)

    def dress(self, shape: Shape, rng: np.random.Generator) -> Outfit:
        """An outfit for a body."""
        eyes = Material(self._eyes[rng.integers(len(self._eyes))], gloss=0.4)
        teeth = Material(self.white, (0.75, 0.7, 0.62), 0.2)
        hidden = np.zeros(self._model.vertex_count, bool)
        outfit = Outfit(self._skin(shape, rng), eyes, teeth, hidden)
        self._clothe(outfit, shape, rng)
        self._shoe(outfit, rng)
        hair = self._hair_tint(shape, rng)
        self._give_hair(outfit, shape, hair, rng)
        self._give_brows(outfit, hair, rng)
        return outfit

    def _clothe(self, outfit: Outfit, shape: Shape, rng: np.random.Generator) -> None:
        style = rng.choice(["mixed", "whole", "painted"], p=[0.62, 0.1, 0.28])
        if style == "mixed" and self._assets.tops and self._assets.bottoms:
            self._wear_one_of(outfit, self._assets.tops, shape, rng)
            if shape.sex > 0.5 and rng.random() < 0.15:
                outfit.paint(self.painted.skirt(rng), self.cloth(rng))
            self._wear_one_of(outfit, self._assets.bottoms, shape, rng)
        elif style == "whole" and self._assets.wholes:
            self._wear_one_of(outfit, self._assets.wholes, shape, rng)
            if not any(garment.name.startswith("male") for garment, _ in outfit.garments):
                self._paint_clothes(outfit, shape, rng)
        else:
            self._paint_clothes(outfit, shape, rng)

    def _wear_one_of(
        self, outfit: Outfit, garments: tuple[Garment, ...], shape: Shape, rng: np.random.Generator
    ) -> None:
        prefix = "female" if shape.sex > 0.5 else "male"
        matching = [garment for garment in garments if garment.name.startswith(prefix)]
        choice = matching if matching and rng.random() < 0.85 else list(garments)
        garment = choice[rng.integers(len(choice))]
        outfit.wear(garment, self._garment_material(garment, rng))

    def _paint_clothes(self, outfit: Outfit, shape: Shape, rng: np.random.Generator) -> None:
        loose = rng.random() < 0.6
        dress = shape.sex > 0.5 and rng.random() < 0.35
        below = self.cloth(rng)
        outfit.paint(self.painted.trousers(rng, loose and not dress), below)
        if rng.random() < 0.94 or shape.sex > 0.5:
            outfit.paint(self.painted.shirt(rng, loose), below if rng.random() < 0.15 else self.cloth(rng))
        if dress:
            outfit.paint(self.painted.skirt(rng), self.cloth(rng))

    def _shoe(self, outfit: Outfit, rng: np.random.Generator) -> None:
        if rng.random() < 0.15:
            return
        if self._assets.shoes:
            shoes = self._assets.shoes[rng.integers(len(self._assets.shoes))]
            outfit.wear(shoes, self._garment_material(shoes, rng))
        else:
            outfit.paint(self.painted.shoes(), self.plain(rng))

    def _give_hair(self, outfit: Outfit, shape: Shape, tint: np.ndarray, rng: np.random.Generator) -> None:
        if rng.random() < (0.14 if shape.sex < 0.5 and not shape.is_child else 0.02):
            return  # bald
        drawn = rng.random() < 0.12
        if not self._assets.hairs or drawn:
            long = rng.random() < (0.75 if shape.sex > 0.5 else 0.05)
            painted = self.painted.long_hair(rng) if long else self.painted.short_hair(rng)
            outfit.paint(painted, self._mottled(tint, rng))
        else:
            hair = self._one_of_hairs(shape, rng)
            outfit.wear(hair, self._tinted(hair, tint))
        if self._assets.hats and drawn:
            hat = self._assets.hats[rng.integers(len(self._assets.hats))]
            outfit.wear(hat, self.cloth(rng))

    def _one_of_hairs(self, shape: Shape, rng: np.random.Generator) -> Garment:
        for_men = ("short", "afro")
        short = [hair for hair in self._assets.hairs if hair.name.startswith(for_men)]
        long = [hair for hair in self._assets.hairs if not hair.name.startswith(for_men)]
        wants_long = rng.random() < (0.85 if shape.sex > 0.5 else 0.08)
        choice = (long if wants_long else short) or list(self._assets.hairs)
        return choice[rng.integers(len(choice))]

    def _give_brows(self, outfit: Outfit, tint: np.ndarray, rng: np.random.Generator) -> None:
        for garments in (self._assets.brows, self._assets.lashes):
            if garments:
                garment = garments[rng.integers(len(garments))]
                outfit.wear(garment, self._tinted(garment, 0.7 * tint))

    def _skin(self, shape: Shape, rng: np.random.Generator) -> Material:
        tint = np.clip(rng.normal(1, 0.06, 3) * rng.normal(1, 0.12), 0.55, 1.35)
        gloss = float(rng.uniform(0.02, 0.14))
        dark = shape.african > DARK_SKINNED
        rows = [row for row, skin in self._skins if skin.female == (shape.sex > 0.5) and skin.dark == dark]
        if rows or self._skins:
            row = rows[rng.integers(len(rows))] if rows else self._skins[rng.integers(len(self._skins))][0]
            return Material(row, tuple(tint), gloss)
        tones = SKIN_TONES[3:] if dark else SKIN_TONES[:4]
        tone = np.array(tones[rng.integers(len(tones))]) * tint**0.5
        return Material(self._bank.paint(_noisy(tone, 4.0, rng)), gloss=gloss)

    def _garment_material(self, garment: Garment, rng: np.random.Generator) -> Material:
        """The garment's own texture, tinted, or other cloth with the garment's folds."""
        own = self._textures[garment.name]
        alpha = CUT_OUT if own.holes is not None else 0
        if own.folds is None or rng.random() < 0.5:
            recut = self._recut(own, rng)
            return Material(self._bank.paint(recut), gloss=float(rng.uniform(0, 0.08)), alpha=alpha)
        bright = rng.uniform(0.5, 1.3)
        tint = np.clip(rng.uniform(0.3, 1.6, 3), 0, 2) if rng.random() < 0.55 else np.full(3, bright)
        return Material(own.row, tuple(tint), float(rng.uniform(0, 0.08)), alpha)

    def _recut(self, own: _Texture, rng: np.random.Generator) -> np.ndarray:
        repeats = rng.uniform(1, 4)
        cloth = self._cloth.sample(rng)
        across = np.linspace(0, repeats, RECUT_SIZE, endpoint=False) * len(cloth) % len(cloth)
        cloth = cloth[across.astype(int)[:, None], across.astype(int)]
        if own.folds is not None:
            cloth = np.clip(cloth * own.folds[..., None], 0, 255).astype(np.uint8)
        return cloth if own.holes is None else np.dstack([cloth, own.holes])

    def cloth(self, rng: np.random.Generator) -> Material:
        """Any cloth."""
        return Material(self._bank.paint(self._cloth.sample(rng)), gloss=float(rng.uniform(0, 0.1)))

    def plain(self, rng: np.random.Generator, gloss: float = 0.15) -> Material:
        """Any colour, such as paint, metal, leather or plastic."""
        colour = (random_colour(rng) / 255) ** 2
        return Material(self.white, tuple(np.maximum(colour, 0.005)), float(rng.uniform(0, 2 * gloss)))

    def _hair_tint(self, shape: Shape, rng: np.random.Generator) -> np.ndarray:
        old = shape.age > 0.85 and rng.random() < 0.6
        colour = HAIR_COLOURS[-1] if old else HAIR_COLOURS[rng.integers(len(HAIR_COLOURS) - 1)]
        if rng.random() < 0.04:
            colour = tuple(random_colour(rng))
        return (np.array(colour) / 255) ** 2 * rng.uniform(0.7, 1.4)

    def _tinted(self, garment: Garment, tint: np.ndarray) -> Material:
        """Hair in a colour: its texture's brightness is kept, about its mean."""
        own = self._textures[garment.name]
        mean = 1.0 if own.folds is None else 0.35
        colour = np.clip(tint / mean, 0, 3)
        return Material(own.row, tuple(colour), 0.08, CUT_OUT if own.holes is not None else 0)

    def _mottled(self, tint: np.ndarray, rng: np.random.Generator) -> Material:
        strands = cv2.resize(rng.uniform(120, 255, (6, 64)), (64, 64), interpolation=cv2.INTER_LINEAR)
        picture = np.repeat(strands[..., None], 3, axis=2).astype(np.uint8)
        return Material(self._bank.paint(picture), tuple(1.8 * tint), 0.1)

    def _register(self, garment: Garment, size: int) -> None:
        if garment.name in self._textures:
            return
        if garment.texture is None:
            self._textures[garment.name] = _Texture(self.white, None, None)
            return
        picture = read_texture(garment.texture, size)
        holes = picture[..., 3] if picture.shape[2] == 4 and picture[..., 3].min() < CUT_OUT else None
        small = cv2.resize(picture, (RECUT_SIZE, RECUT_SIZE), interpolation=cv2.INTER_AREA)
        row = self._bank.add(picture)
        self._textures[garment.name] = _Texture(row, _folds(small), None if holes is None else small[..., 3])


def _folds(picture: np.ndarray) -> np.ndarray:
    """Light and dark of a texture about its middle, float32, as factors."""
    grey = picture[..., :3].astype(np.float32).mean(axis=2) + 8
    around = cv2.GaussianBlur(grey, (0, 0), 24)
    return np.clip(grey / around, 0.45, 1.5)


def _noisy(colour: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A colour with blotches: uint8 [128, 128, 3]."""
    blotches = cv2.resize(rng.normal(0, strength, (16, 16, 3)), (128, 128), interpolation=cv2.INTER_CUBIC)
    return np.clip(colour + blotches + rng.normal(0, strength / 2, (128, 128, 3)), 0, 255).astype(np.uint8)


def _eye(iris: tuple[int, int, int]) -> np.ndarray:
    """An eyeball seen from the front: uint8 [128, 128, 3]."""
    y, x = np.mgrid[:128, :128]
    radius = np.hypot(x - 63.5, y - 63.5) / 64
    eye = np.full((128, 128, 3), (238, 232, 225), np.uint8)
    eye[radius < 0.52] = np.array(iris) * 0.6
    eye[radius < 0.47] = iris
    eye[radius < 0.2] = 8
    eye[np.hypot(x - 50, y - 48) < 6] = 250
    return eye
