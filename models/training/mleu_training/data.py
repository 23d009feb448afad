# SPDX-License-Identifier: LGPL-2.1-or-later
"""Photographs: a decoded cache on disk, random crops, batches that are a function of the seed and their number."""

import functools
import json
import math
import multiprocessing.pool
import os
import typing

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from . import color
from .film import age, flicker, of_pictures


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
    """Decodes every photo once into `cache`/pixels.raw, four bytes a pixel, with sizes, offsets and files in index.npz."""
    cache.mkdir(parents=True, exist_ok=True)
    done = cache / "index.npz"
    if done.exists():
        return
    files = [photos / entry["file"] for entry in manifest(photos, min_colourfulness)]
    sizes = []
    with open(cache / "pixels.raw", "wb") as out, multiprocessing.pool.ThreadPool(os.cpu_count()) as pool:
        for pixels in pool.imap(lambda file: np.asarray(Image.open(file).convert("RGBX")), files, 16):
            pixels.tofile(out)
            sizes.append(pixels.shape[:2])
    offsets = np.concatenate([[0], np.cumsum(np.prod(sizes, 1))])
    np.savez(cache / "index.part.npz", sizes=sizes, offsets=offsets, files=[str(file.resolve()) for file in files])
    (cache / "index.part.npz").rename(done)


class Photos:
    """The decoded photos of a cache: item i is uint8 [h, w, 3]. On a GPU they lie in its memory.

    Every `held_out`-th photo is kept out of training: these are for choosing temperature and saturation.
    """

    def __init__(self, cache, held_out, device):
        index = np.load(cache / "index.npz")
        self.sizes, self.offsets, files = index["sizes"], index["offsets"], index["files"]
        # Copy on write: torch wants memory that could be written.
        self.pixels = torch.from_numpy(np.memmap(cache / "pixels.raw", np.int32, "c")).to(device)
        self.chosen = np.array([i for i in range(len(self.sizes)) if i % held_out])
        self.held_out = np.arange(0, len(self.sizes), held_out)
        self.held_out_files = [str(file) for file in files[self.held_out]]

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, i):
        height, width = self.sizes[i]
        pixels = self.pixels[self.offsets[i] : self.offsets[i] + height * width]
        return pixels.view(torch.uint8).view(height, width, 4)[:, :, :3]

    def sample(self, indices, x, y, apart):
        """uint8 [n, h, w, 3]: the photos `indices` at x, y [n, h, w], in pixels, 0 at the first one's centre; every value
        is the mean of four, `apart` [n, 1, 1] pixels from each other, and each of these is interpolated."""
        device = self.pixels.device
        heights, widths = (torch.from_numpy(self.sizes[indices, i].astype(np.int32)).to(device).view(-1, 1, 1) for i in (0, 1))
        starts = torch.from_numpy(self.offsets[indices]).to(device).view(-1, 1, 1)
        sums = torch.zeros((3, *x.shape), device=device)
        for down in (-0.5, 0.5):
            for right in (-0.5, 0.5):
                at_x = torch.minimum((x + right * apart).clamp(min=0), widths - 1)
                at_y = torch.minimum((y + down * apart).clamp(min=0), heights - 1)
                left, top = at_x.int(), at_y.int()
                part_x, part_y = at_x - left, at_y - top
                for row, of_row in ((top, 1 - part_y), (torch.minimum(top + 1, heights - 1), part_y)):
                    begin = starts + row * widths
                    for column, of_column in ((left, 1 - part_x), (torch.minimum(left + 1, widths - 1), part_x)):
                        pixel, weight = self.pixels[begin + column], of_row * of_column
                        for channel in range(3):
                            sums[channel] += weight * (pixel >> (8 * channel) & 255)
        return (sums / 4).round().to(torch.uint8).permute(1, 2, 3, 0)


class Pair(typing.NamedTuple):
    """How the second half of a batch belongs to the first: as the next frames of its scenes. What is at (y, x) of the first is
    at (y - shift[0], x - shift[1]) of the second, unless it is hidden there behind something that came into the picture."""

    shift: torch.Tensor  # int64 [2], y and x
    hidden: torch.Tensor  # bool [n / 2, h, w], of the second frames

    def on_grid(self, cell):
        """The same for planes of cells of `cell` x `cell` pixels; a cell is hidden where any of its pixels is."""
        return Pair(self.shift // cell, F.max_pool2d(self.hidden[:, None].float(), cell)[:, 0] > 0)


@functools.lru_cache(maxsize=2)
def _shuffle(seed, epoch, count):
    """The order of `count` photos in an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class Batches:
    """Batch i of a run: uint8 pictures [n, side, side, 3], the grey, aged luma [n, side, side] that belongs to them, both on
    the photos' device, and the Pair that the halves are, or None where every photo is another.

    With `pairs` in the sampling, the second half of a batch has the photos of the first again, as the next frame of a film
    would: moved by a whole number of `step` pixels up to `most`, on the same stock with the same wear, with other grain and
    exposure; in a part of them, `object`, something has come into the picture.

    It depends on the seed and on i alone, so that a run goes on where it stopped.
    """

    def __init__(self, photos, schedule, sampling, seed):
        self.photos, self.schedule, self.sampling, self.seed = photos, schedule, sampling, seed

    def _indices(self, first, count):
        """Photos number `first` and following of an endless series of shuffles."""
        chosen = self.photos.chosen
        positions = (divmod(position, len(chosen)) for position in range(first, first + count))
        return np.array([chosen[_shuffle(self.seed, epoch, len(chosen))[place]] for epoch, place in positions])

    def _mirrored(self, count, side, chance, rng):
        """[n, side] positions of rows or columns: at the end of some pictures up to an eighth is a reflection, as the
        library fills a frame up."""
        kept = side - np.where(rng.random(count) < chance, rng.integers(1, side // 8 + 1, count), 0)[:, None]
        positions = np.arange(side)[None]
        return torch.from_numpy(np.where(positions < kept, positions, 2 * (kept - 1) - positions)).to(self.photos.pixels.device)

    def _crops(self, indices, rows, columns, rng):
        """uint8 [n, side, side, 3]: squares of parts of photos up to `reduction` times as large, turned now and then by up
        to `rotation` degrees, some stretched, often at the photo's border, mirrored half the time. rows, columns: [n, side]."""
        n, side = columns.shape
        sampling, pixels = self.sampling, self.photos.pixels
        heights, widths = self.photos.sizes[indices].T
        shorter = np.minimum(heights, widths)
        angle = np.radians(np.where(rng.random(n) < sampling["rotated"], rng.uniform(-1, 1, n) * sampling["rotation"], 0))
        # A turned square needs a larger upright one around it.
        wider = np.cos(angle) + np.abs(np.sin(angle))
        span = side * np.exp(rng.uniform(*np.log(sampling["reduction"]), n))
        around = np.minimum(span * wider, shorter)
        span = around / wider
        y, x = rng.random(n) * (heights - around), rng.random(n) * (widths - around)
        # A film frame is seen whole, border and all; crops seldom touch the photo's border by chance.
        border = np.where(rng.random(n) < sampling["at_border"], rng.integers(0, 4, n), -1)
        y = np.select([border == 0, border == 1], [0, heights - around], y)
        x = np.select([border == 2, border == 3], [0, widths - around], x)
        # Some photos come squashed; some films are projected through the wrong lens.
        across, along = np.where(rng.random(n) < sampling["stretched"], rng.uniform(0.75, 1, (2, n)), 1)
        across *= np.where(rng.random(n) < 0.5, -1, 1)
        down, right = ((v.view(n, *shape) + 0.5) / side - 0.5 for v, shape in ((rows, (side, 1)), (columns, (1, side))))
        centre_x, centre_y, right_x, right_y, down_x, down_y = (of_pictures(v, pixels) for v in (
            x + around / 2 - 0.5, y + around / 2 - 0.5, across * span * np.cos(angle), across * span * np.sin(angle),
            -along * span * np.sin(angle), along * span * np.cos(angle)))
        return self.photos.sample(indices, centre_x + right * right_x + down * down_x,
                                  centre_y + right * right_y + down * down_y,
                                  of_pictures(np.maximum(span / side - 1, 0), pixels))

    def _ellipses(self, n, side, chance, rng):
        """bool [n, side, side]: in some an ellipse, anywhere, from an eighth of the side to all of it across."""
        height, width = np.where(rng.random(n) < chance, rng.uniform(0.06, 0.5, (2, n)) * side, 1e-6)
        y, x = rng.uniform(-0.1, 1.1, (2, n)) * side
        y, x, height, width = (of_pictures(v, self.photos.pixels) for v in (y, x, height, width))
        place = torch.arange(side, device=self.photos.pixels.device) + 0.5
        return ((place[:, None] - y) / height) ** 2 + ((place - x) / width) ** 2 < 1

    def _pairs(self, first, n, side, rng, noise):
        chances = self.sampling["pairs"]
        most = chances["most"] // chances["step"]
        shift = rng.integers(-most, most + 1, 2) * chances["step"]
        room = side + int(np.abs(shift).max())
        rows, columns = (self._mirrored(n // 2, room, 0, rng) for _ in range(2))
        crops = self._crops(self._indices(first, n // 2), rows, columns, rng)
        y, x = np.maximum(-shift, 0)
        before = crops[:, y : y + side, x : x + side]
        after = crops[:, y + shift[0] :, x + shift[1] :][:, :side, :side]
        hidden = self._ellipses(n // 2, side, chances["object"], rng)
        rgb = torch.cat([before, torch.where(hidden[..., None], before.roll(1, 0), after)])
        # The film is one, so both are drawn alike; noise is not.
        film = int(rng.integers(2**63))
        luma = torch.cat([age(half, self.sampling["film"], np.random.default_rng(film), noise) for half in rgb.chunk(2)])
        return rgb, flicker(luma, rng, noise), Pair(torch.from_numpy(shift), hidden)

    def _singles(self, first, n, side, rng, noise):
        rows, columns = (self._mirrored(n, side, self.sampling["mirrored"], rng) for _ in range(2))
        rgb = self._crops(self._indices(first, n), rows, columns, rng)
        # Black bars at the sides, as of a 4:3 film in a 16:9 frame; the truth is black there too.
        bar = np.where(rng.random(n) < self.sampling["bars"], side * rng.uniform(0.03, 0.2, n), 0).astype(int)
        which = rng.integers(0, 3, n)
        left, right = (of_pictures(v, columns)[:, 0] for v in (bar * (which != 1), side - bar * (which != 0)))
        barred = ((columns < left) | (columns >= right))[:, None, :, None]
        rgb = torch.where(barred, rgb // 30, rgb)
        return rgb, age(rgb, self.sampling["film"], rng, noise), None

    def __getitem__(self, step):
        phase, first = self.schedule.at(step)
        rng = np.random.default_rng([self.seed, step, 1])
        noise = torch.Generator(self.photos.pixels.device).manual_seed(int(rng.integers(2**63)))
        make = self._pairs if "pairs" in self.sampling else self._singles
        return make(first, phase["batch"], phase["crop"], rng, noise)


def ab_histogram(photos, count, seed):
    """float32 [221, 221]: how often a*, b* (rounded, -110..110) occur in `count` photos, every photo counting the same."""
    side = 2 * color.LIMIT + 1
    total = torch.zeros(side * side)
    for i in np.random.default_rng(seed).permutation(photos.chosen)[:count]:
        lab = color.lab_from_rgb(photos[i][None])
        # The target is at most as fine as the network's output; single noisy pixels are not colours.
        cell = color.cells(F.avg_pool2d(lab[:, 1:], 2)).reshape(-1)
        total += torch.bincount(cell, minlength=side * side).cpu() / len(cell)
    return (total / total.sum()).view(side, side)
