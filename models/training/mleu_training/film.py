# SPDX-License-Identifier: LGPL-2.1-or-later
"""What film stock, lenses, wear and transfer do to a grey picture. Every function takes and gives float32 [h, w] 0..1."""

import io
import math

import numpy as np
from PIL import Image, ImageFilter

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601, which a photo's own grey version is made with
# Orthochromatic stock sees hardly any red; early panchromatic stock too much blue; a red filter darkens skies.
STOCKS = np.array([[0.03, 0.55, 0.42], [0.12, 0.58, 0.30], [0.25, 0.40, 0.35], [0.55, 0.38, 0.07], [0.33, 0.34, 0.33]],
                  np.float32)


def grey(rgb, mix=LUMA):
    """uint8 [h, w, 3] -> luma by the channel mix."""
    return rgb.astype(np.float32) @ mix / 255


def tone(luma, rng):
    """Gamma and contrast of a print or a transfer."""
    luma = np.clip(luma, 1e-4, 1) ** math.exp(rng.uniform(-0.3, 0.3))
    if rng.random() < 0.6:
        luma = (luma - 0.5) * rng.uniform(0.75, 1.2) + 0.5 + rng.uniform(-0.05, 0.05)
    return luma


def soften(luma, rng):
    """An old lens or a copy of a copy: Gaussian blur."""
    picture = Image.fromarray(np.rint(np.clip(luma, 0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3))), np.float32) / 255


def vignette(luma, rng):
    """Light falls off towards the corners, around a centre somewhere near the middle."""
    side_y, side_x = luma.shape
    y = np.linspace(-1, 1, side_y, dtype=np.float32)[:, None] + rng.uniform(-0.3, 0.3)
    x = np.linspace(-1, 1, side_x, dtype=np.float32)[None] + rng.uniform(-0.3, 0.3)
    return luma * (1 - rng.uniform(0.1, 0.5) * np.clip((x * x + y * y) / 2, 0, 1))


def grain(luma, rng):
    """Silver grain: noise, finer or coarser, weaker in black and white than between."""
    noise = rng.standard_normal(luma.shape, np.float32)
    if rng.random() < 0.5:
        noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, (1, 1), (0, 1))) / 2
    strength = rng.uniform(0.005, 0.05) * (0.5 + 2 * np.clip(luma * (1 - luma), 0, 0.25))
    return luma + noise * strength


def scratch(luma, rng):
    """A few upright scratches, white or black, and specks of dust; a copy."""
    luma = luma.copy()
    height, width = luma.shape
    for _ in range(rng.integers(1, 4)):
        x, depth = rng.integers(width), rng.uniform(0.2, 0.8)
        first, last = np.sort(rng.integers(0, height + 1, 2))
        luma[first:last, x] += depth if rng.random() < 0.7 else -depth
    for _ in range(rng.integers(0, 8)):
        y, x, size = rng.integers(height), rng.integers(width), rng.integers(1, 4)
        luma[y : y + size, x : x + size] = rng.integers(2)
    return np.clip(luma, 0, 1)


def comb(luma, rng):
    """Two fields of a moving picture in one frame: every other line is shifted; a copy."""
    luma = luma.copy()
    luma[1::2] = np.roll(luma[1::2], rng.choice([-3, -2, -1, 1, 2, 3]), 1)
    return luma


def compress(luma, rng):
    """Blocks and ringing of a transfer that was compressed too much."""
    data = io.BytesIO()
    Image.fromarray(np.rint(np.clip(luma, 0, 1) * 255).astype(np.uint8)).save(
        data, "JPEG", quality=int(rng.integers(15, 60)))
    return np.asarray(Image.open(data), np.float32) / 255


# In the order in which it happens to a film.
STEPS = {"tone": tone, "soften": soften, "vignette": vignette, "grain": grain, "scratch": scratch, "comb": comb,
         "compress": compress}


def age(rgb, chances, rng):
    """uint8 [h, w, 3] -> luma [h, w] 0..1 of a film of it.

    chances: `aged`, how many pictures age at all; `stock`, how many of those are shot on another stock; and for every
    name in STEPS how many of those suffer it.
    """
    if rng.random() >= chances["aged"]:
        return np.rint(grey(rgb) * 255) / 255
    mix = STOCKS[rng.integers(len(STOCKS))] if rng.random() < chances["stock"] else LUMA
    luma = grey(rgb, mix)
    for name, step in STEPS.items():
        if rng.random() < chances[name]:
            luma = step(luma, rng)
    return np.clip(luma, 0, 1)
