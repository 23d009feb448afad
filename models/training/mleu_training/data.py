# SPDX-License-Identifier: LGPL-2.1-or-later
"""Photographs: a decoded cache on disk, random crops, batches that are a function of the seed and their number."""

import functools
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from . import color
from .film import age


def manifest(photos, min_colourfulness):
    """The entries of PHOTOS/manifest.json whose colourfulness is at least `min_colourfulness` (not grey, not toned)."""
    path = photos / "manifest.json"
    if not path.exists():
        raise SystemExit(f"{path}: not found; it lists the photographs as [{{\"file\": ..., \"colorfulness\": ...}}, ...]")
    entries = [e for e in json.loads(path.read_text()) if e["colorfulness"] >= min_colourfulness]
    if not entries:
        raise SystemExit(f"{path}: no photo with a colourfulness of {min_colourfulness} or more")
    return entries


def build_cache(photos, cache, min_colourfulness):
    """Decodes every photo once into `cache`/pixels.raw, with sizes, offsets and files in index.npz."""
    cache.mkdir(parents=True, exist_ok=True)
    done = cache / "index.npz"
    if done.exists():
        return
    entries = manifest(photos, min_colourfulness)
    sizes, offsets = [], [0]
    with open(cache / "pixels.raw", "wb") as out:
        for entry in entries:
            pixels = np.asarray(Image.open(photos / entry["file"]).convert("RGB"))
            pixels.tofile(out)
            sizes.append(pixels.shape[:2])
            offsets.append(offsets[-1] + pixels.size)
    files = [str((photos / entry["file"]).resolve()) for entry in entries]
    np.savez(cache / "index.part.npz", sizes=sizes, offsets=offsets, files=files)
    (cache / "index.part.npz").rename(done)


class Photos:
    """The decoded photos of a cache; item i is a uint8 [h, w, 3] view of the mapped file.

    Every `held_out`-th photo is kept out of training: `held_out` of it are for choosing temperature and saturation.
    """

    def __init__(self, cache, held_out):
        index = np.load(cache / "index.npz")
        self.sizes, self.offsets, self.files = index["sizes"], index["offsets"], index["files"]
        self.pixels = np.memmap(cache / "pixels.raw", np.uint8, "r")
        self.chosen = [i for i in range(len(self.sizes)) if i % held_out]
        self.held_out = [str(file) for file in self.files[::held_out]]

    def __len__(self):
        return len(self.chosen)

    def __getitem__(self, i):
        i = self.chosen[i]
        height, width = self.sizes[i]
        return np.asarray(self.pixels[self.offsets[i] : self.offsets[i + 1]]).reshape(height, width, 3)


def random_crop(photo, side, sampling, rng):
    """A square of `side` pixels from a part of the photo up to `reduction` times that, turned now and then by up to
    `rotation` degrees, often at the photo's border, mirrored half the time."""
    height, width = photo.shape[:2]
    shorter = min(height, width)
    low, high = sampling["reduction"]
    span = min(side * math.exp(rng.uniform(math.log(low), math.log(high))), shorter)
    angle = rng.uniform(-1, 1) * sampling["rotation"] if rng.random() < sampling["rotated"] else 0.0
    # A turned square needs a larger upright one around it.
    wider = math.cos(math.radians(angle)) + math.sin(math.radians(abs(angle)))
    around = min(int(round(span * wider)), shorter)
    y, x = rng.integers(0, height - around + 1), rng.integers(0, width - around + 1)
    if rng.random() < sampling["at_border"]:
        # A film frame is seen whole, border and all; crops seldom touch the photo's border by chance.
        y, x = ((0, x), (height - around, x), (y, 0), (y, width - around))[rng.integers(4)]
    size = int(round(side * wider))
    picture = Image.fromarray(photo[y : y + around, x : x + around])
    if around != size:
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    if angle:
        picture = picture.rotate(angle, Image.Resampling.BILINEAR)
        edge = (size - side) // 2
        picture = picture.crop((edge, edge, edge + side, edge + side))
    pixels = np.asarray(picture)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def mirror_edge(rgb, rng):
    """Replaces up to an eighth at the right and the bottom by a reflection, as the library fills a frame up; in place."""
    side = rgb.shape[0]
    right, bottom = rng.integers(1, side // 8 + 1, 2)
    rgb[:, side - right :] = rgb[:, side - 2 * right - 1 : side - right - 1][:, ::-1]
    rgb[side - bottom :] = rgb[side - 2 * bottom - 1 : side - bottom - 1][::-1]


def add_bars(rgb, rng):
    """Black bars at the sides, as of a 4:3 film in a 16:9 frame; in place, so that the truth is black there too."""
    side = rgb.shape[1]
    bar, which = int(side * rng.uniform(0.03, 0.2)), rng.integers(3)
    if which != 1:
        rgb[:, :bar] //= 30
    if which != 0:
        rgb[:, side - bar :] //= 30


@functools.lru_cache(maxsize=2)
def _shuffle(seed, epoch, count):
    """The order of `count` photos in an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class Batches(torch.utils.data.Dataset):
    """Batch i of a run: uint8 pictures [n, side, side, 3], the grey, aged luma [n, side, side] that belongs to them, and
    the shift [2] in pixels, y then x.

    With `pairs` in the sampling, the second half of a batch has the photos of the first again, as the next frame of a film
    would: moved by the shift, a whole number of its `step` up to its `most`, and aged anew. What is at (y, x) of the first
    is at (y - shift, x - shift) of the second. Without, the shift is 0 and every photo another.

    It depends on the seed and on i alone, so that a run goes on where it stopped, and workers may make batches ahead.
    """

    def __init__(self, photos, schedule, sampling, seed):
        self.photos, self.schedule, self.sampling, self.seed = photos, schedule, sampling, seed

    def __len__(self):
        return self.schedule.steps

    def _photo(self, position):
        """Photo number `position` of an endless series of shuffles."""
        epoch, place = divmod(position, len(self.photos))
        return self.photos[_shuffle(self.seed, epoch, len(self.photos))[place]]

    def __getitem__(self, step):
        phase, first = self.schedule.at(step)
        rng = np.random.default_rng([self.seed, step, 1])
        side, sampling = phase["crop"], self.sampling
        rgb = np.empty((phase["batch"], side, side, 3), np.uint8)
        luma = np.empty(rgb.shape[:3], np.float32)
        pairs = sampling.get("pairs")
        shift = np.zeros(2, np.int64)
        if pairs:
            most = pairs["most"] // pairs["step"]
            shift = rng.integers(-most, most + 1, 2) * pairs["step"]
        room, half = np.abs(shift), phase["batch"] // 2
        y, x = np.maximum(-shift, 0)
        for k in range(half if pairs else phase["batch"]):
            crop = random_crop(self._photo(first + k), side + int(room.max()), sampling, rng)
            rgb[k] = crop[y : y + side, x : x + side]
            if pairs:
                rgb[half + k] = crop[y + shift[0] :, x + shift[1] :][:side, :side]
        for k in range(phase["batch"]):
            if rng.random() < sampling["bars"] and not pairs:
                add_bars(rgb[k], rng)
            if rng.random() < sampling["mirrored"] and not pairs:
                mirror_edge(rgb[k], rng)
            luma[k] = age(rgb[k], sampling["film"], rng)
        return torch.from_numpy(rgb), torch.from_numpy(luma), torch.from_numpy(shift)


def ab_histogram(photos, count, seed):
    """float32 [221, 221]: how often a*, b* (rounded, -110..110) occur in `count` photos, every photo counting the same."""
    side = 2 * color.LIMIT + 1
    total = torch.zeros(side * side)
    for i in np.random.default_rng(seed).permutation(len(photos))[:count]:
        lab = color.lab_from_rgb(torch.from_numpy(photos[i].copy())[None])
        # The target is at most as fine as the network's output; single noisy pixels are not colours.
        cell = color.cells(F.avg_pool2d(lab[:, 1:], 2)).reshape(-1)
        total += torch.bincount(cell, minlength=side * side) / len(cell)
    return (total / total.sum()).view(side, side)
