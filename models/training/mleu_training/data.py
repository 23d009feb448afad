# SPDX-License-Identifier: LGPL-2.1-or-later
"""Photographs: a decoded cache on disk, random crops, and what old film does to a picture."""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from . import color


def build_cache(photos, cache, min_colourfulness):
    """Decodes every photo of FOLDER/manifest.json once into `cache`/pixels.npy with sizes and offsets beside it.

    Photos whose colourfulness is under `min_colourfulness` (grey and toned ones) are left out.
    """
    photos, cache = pathlib.Path(photos), pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    done = cache / "index.npz"
    if done.exists():
        return
    entries = [e for e in json.loads((photos / "manifest.json").read_text()) if e["colorfulness"] >= min_colourfulness]
    if not entries:
        raise SystemExit(f"{photos}/manifest.json: no photo with a colourfulness of {min_colourfulness} or more")
    sizes, offsets = [], [0]
    with open(cache / "pixels.raw", "wb") as out:
        for entry in entries:
            pixels = np.asarray(Image.open(photos / entry["file"]).convert("RGB"))
            pixels.tofile(out)
            sizes.append(pixels.shape[:2])
            offsets.append(offsets[-1] + pixels.size)
    np.savez(cache / "index.part.npz", sizes=sizes, offsets=offsets)
    (cache / "index.part.npz").rename(done)


class Photos:
    """The decoded photos; item i is a uint8 [h, w, 3] view of the mapped file."""

    def __init__(self, cache):
        index = np.load(pathlib.Path(cache) / "index.npz")
        self.sizes, self.offsets = index["sizes"], index["offsets"]
        self.pixels = np.memmap(pathlib.Path(cache) / "pixels.raw", np.uint8, "r")

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, i):
        height, width = self.sizes[i]
        return np.asarray(self.pixels[self.offsets[i] : self.offsets[i + 1]]).reshape(height, width, 3)


def random_crop(photo, side, rng):
    """A square crop of `side` pixels, often of a larger part of the photo, sometimes at its border; mirrored half the time."""
    height, width = photo.shape[:2]
    span = min(int(side * (rng.uniform(1.0, 1.35) if rng.random() < 0.6 else 1.0)), height, width)
    y, x = rng.integers(0, height - span + 1), rng.integers(0, width - span + 1)
    if rng.random() < 0.35:
        # A film frame is seen whole, border and all; crops seldom touch the photo's border by chance.
        y, x = ((0, x), (height - span, x), (y, 0), (y, width - span))[rng.integers(4)]
    crop = torch.from_numpy(photo[y : y + span, x : x + span].copy())
    if rng.random() < 0.5:
        crop = crop.flip(1)
    if span != side:
        planes = crop.permute(2, 0, 1)[None].float()
        planes = F.interpolate(planes, (side, side), mode="bilinear", antialias=True, align_corners=False)[0]
        crop = planes.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return crop


def mirror_edge(rgb, rng):
    """Replaces up to an eighth at the right and the bottom by a reflection, as the library fills a frame up; in place."""
    side = rgb.shape[0]
    right, bottom = rng.integers(1, side // 8 + 1, 2)
    rgb[:, side - right :] = rgb[:, side - 2 * right - 1 : side - right - 1].flip(1)
    rgb[side - bottom :] = rgb[side - 2 * bottom - 1 : side - bottom - 1].flip(0)


def add_bars(rgb, rng):
    """Black bars at the sides, as of a 4:3 film in a 16:9 frame; in place, so that the truth is black there too."""
    side = rgb.shape[1]
    bar, which = int(side * rng.uniform(0.03, 0.2)), rng.integers(3)
    if which != 1:
        rgb[:, :bar] = rgb[:, :bar] // 30
    if which != 0:
        rgb[:, side - bar :] = rgb[:, side - bar :] // 30


def age(luma, rng):
    """Old film: gamma, contrast, soft focus, grain. luma [h, w] 0..1 -> the same, not clipped."""
    if rng.random() < 0.7:
        luma = luma.clamp(1e-4, 1) ** math.exp(rng.uniform(-0.3, 0.3))
    if rng.random() < 0.5:
        luma = (luma - 0.5) * rng.uniform(0.75, 1.2) + 0.5 + rng.uniform(-0.05, 0.05)
    if rng.random() < 0.4:
        sigma = rng.uniform(0.4, 1.3)
        taps = torch.exp(-torch.arange(-3, 4).float() ** 2 / (2 * sigma * sigma))
        taps = taps / taps.sum()
        padded = F.pad(luma[None, None], (3, 3, 3, 3), mode="reflect")
        luma = F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, 7)), taps.view(1, 1, 7, 1))[0, 0]
    if rng.random() < 0.5:
        luma = luma + torch.randn_like(luma) * rng.uniform(0.005, 0.05)
    return luma


class Batches:
    """Endless batches from shuffled photos. Its state (`state`, `restore`) makes a run resumable to the step."""

    def __init__(self, photos, config, seed):
        self.photos, self.config = photos, config
        self.rng = np.random.default_rng(seed)
        self.order, self.position = self.rng.permutation(len(photos)), 0

    def state(self):
        return {"rng": self.rng.bit_generator.state, "order": self.order, "position": self.position,
                "torch": torch.get_rng_state()}

    def restore(self, state):
        self.rng.bit_generator.state = state["rng"]
        self.order, self.position = state["order"], state["position"]
        torch.set_rng_state(state["torch"])

    def next(self, batch, side, grid):
        """L* [batch, 1, side, side] of the aged grey picture, and the true ab [batch, 2, side/grid, side/grid]."""
        rgb = torch.empty(batch, side, side, 3, dtype=torch.uint8)
        for k in range(batch):
            if self.position >= len(self.order):
                self.order, self.position = self.rng.permutation(len(self.photos)), 0
            rgb[k] = random_crop(self.photos[self.order[self.position]], side, self.rng)
            self.position += 1
            if self.rng.random() < self.config["bars"]:
                add_bars(rgb[k], self.rng)
            if self.rng.random() < self.config["mirrored"]:
                mirror_edge(rgb[k], self.rng)
        target = F.avg_pool2d(color.lab_from_rgb(rgb)[:, 1:], grid)
        luma = color.luma_from_rgb(rgb)
        for k in range(batch):
            if self.rng.random() < self.config["aged"]:
                luma[k] = age(luma[k], self.rng)
        return color.lightness_from_luma(luma)[:, None], target


def measure_prior(photos, encode, classes, grid, count, seed):
    """[classes] probability of each colour class over `count` photos, soft-encoded at the target's resolution."""
    total = torch.zeros(classes)
    for i in np.random.default_rng(seed).permutation(len(photos))[:count]:
        photo = photos[i]
        height, width = (side // grid * grid for side in photo.shape[:2])
        lab = color.lab_from_rgb(torch.from_numpy(photo[:height, :width].copy())[None])
        index, weight = encode(F.avg_pool2d(lab[:, 1:], grid))
        total.index_add_(0, index.reshape(-1), weight.reshape(-1))
    return total / total.sum()
