# SPDX-License-Identifier: LGPL-2.1-or-later
"""What film stock, lenses, wear and transfer do to grey pictures. Every step takes and gives float32 [n, h, w], 0..1, on
any device; what differs from picture to picture is drawn from `rng` (NumPy's), noise from `noise` (torch's, of the device).
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601, which a photo's own grey version is made with
# Orthochromatic stock sees hardly any red; early panchromatic stock too much blue; a red filter darkens skies.
STOCKS = np.array([[0.03, 0.55, 0.42], [0.12, 0.58, 0.30], [0.25, 0.40, 0.35], [0.55, 0.38, 0.07], [0.33, 0.34, 0.33]],
                  np.float32)
# JPEG's luma table (ITU-T T.81, table K.1).
JPEG_TABLE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80,
    62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,
    112, 100, 103, 99], np.float32).reshape(8, 8)


def of_pictures(values, like):
    """A number for each picture, [n] -> [n, 1, 1] on the device of `like`."""
    return torch.as_tensor(np.asarray(values), dtype=torch.float32).to(like.device).view(-1, 1, 1)


def grey(rgb, mixes):
    """uint8 [n, h, w, 3] -> luma by the channel mix [3] or [n, 3]."""
    mixes = torch.from_numpy(np.broadcast_to(mixes, (len(rgb), 3)) / 255).float().to(rgb.device)
    return torch.einsum("nhwc,nc->nhw", rgb.float(), mixes)


def tone(luma, rng, noise):
    """Gamma and contrast of a print or a transfer."""
    n = len(luma)
    luma = luma.clamp(1e-4, 1) ** of_pictures(np.exp(rng.uniform(-0.3, 0.3, n)), luma)
    changed = rng.random(n) < 0.6
    contrast = np.where(changed, rng.uniform(0.75, 1.2, n), 1)
    offset = np.where(changed, rng.uniform(-0.05, 0.05, n), 0)
    return (luma - 0.5) * of_pictures(contrast, luma) + of_pictures(0.5 + offset, luma)


def soften(luma, rng, noise):
    """An old lens or a copy of a copy: Gaussian blur."""
    n, radius = len(luma), 4
    sigma = rng.uniform(0.4, 1.3, n)[:, None]
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = torch.from_numpy(kernel / kernel.sum(1, keepdims=True)).float().to(luma.device)
    padded = F.pad(luma[None], [radius] * 4, mode="reflect")
    across = F.conv2d(padded, kernel.view(n, 1, 1, -1), groups=n)
    return F.conv2d(across, kernel.view(n, 1, -1, 1), groups=n)[0]


def vignette(luma, rng, noise):
    """Light falls off towards the corners, around a centre somewhere near the middle."""
    n, height, width = luma.shape
    y = torch.linspace(-1, 1, height, device=luma.device)[:, None] + of_pictures(rng.uniform(-0.3, 0.3, n), luma)
    x = torch.linspace(-1, 1, width, device=luma.device) + of_pictures(rng.uniform(-0.3, 0.3, n), luma)
    return luma * (1 - of_pictures(rng.uniform(0.1, 0.5, n), luma) * ((x * x + y * y) / 2).clamp(0, 1))


def grain(luma, rng, noise):
    """Silver grain: noise, finer or coarser, weaker in black and white than between."""
    n = len(luma)
    fine = torch.randn(luma.shape, generator=noise, device=luma.device)
    coarse = (fine + fine.roll(1, 1) + fine.roll(1, 2) + fine.roll((1, 1), (1, 2))) / 2
    silver = torch.lerp(fine, coarse, of_pictures(rng.random(n) < 0.5, luma))
    strength = of_pictures(rng.uniform(0.005, 0.05, n), luma) * (0.5 + 2 * (luma * (1 - luma)).clamp(0, 0.25))
    return luma + silver * strength


def scratch(luma, rng, noise):
    """A few upright scratches, white or black, and specks of dust."""
    n, height, width = luma.shape
    y = torch.arange(height, device=luma.device)[:, None]
    x = torch.arange(width, device=luma.device)
    count = rng.integers(1, 4, n)
    for i in range(3):
        depth = rng.uniform(0.2, 0.8, n) * np.where(rng.random(n) < 0.7, 1, -1) * (i < count)
        ends = np.sort(rng.integers(0, height + 1, (2, n)), 0)
        first, last, column = (of_pictures(v, luma) for v in (*ends, rng.integers(0, width, n)))
        luma = luma + of_pictures(depth, luma) * ((x == column) & (y >= first) & (y < last))
    count = rng.integers(0, 8, n)
    for i in range(7):
        size = np.where(i < count, rng.integers(1, 4, n), 0)
        top, left = rng.integers(0, height, n), rng.integers(0, width, n)
        top, left, bottom, right, dust = (of_pictures(v, luma) for v in (
            top, left, top + size, left + size, rng.integers(0, 2, n)))
        luma = torch.where((y >= top) & (y < bottom) & (x >= left) & (x < right), dust, luma)
    return luma.clamp(0, 1)


def comb(luma, rng, noise):
    """Two fields of a moving picture in one frame: every other line is shifted."""
    n, height, width = luma.shape
    shift = of_pictures(rng.choice([-3, -2, -1, 1, 2, 3], n), luma).long()
    odd = torch.arange(height, device=luma.device)[:, None] % 2
    source = (torch.arange(width, device=luma.device) - shift * odd) % width
    return luma.gather(2, source)


def compress(luma, rng, noise):
    """Blocks and ringing of a transfer that was compressed too much: JPEG's, of whole blocks of 8 x 8."""
    n, height, width = luma.shape
    quality = rng.integers(15, 60, n)
    percent = np.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    steps = np.clip((JPEG_TABLE * percent[:, None, None] + 50) // 100, 1, 255) / 255
    steps = torch.from_numpy(steps).float().to(luma.device).view(n, 1, 1, 8, 8)
    k = np.arange(8)
    dct = np.cos(np.pi * k[:, None] * (2 * k + 1) / 16) * np.where(k[:, None], 0.5, math.sqrt(0.125))
    dct = torch.from_numpy(dct).float().to(luma.device)
    middle = 128 / 255
    blocks = (luma.clamp(0, 1) - middle).view(n, height // 8, 8, width // 8, 8).transpose(2, 3)
    coefficients = torch.round(dct @ blocks @ dct.T / steps) * steps
    return (dct.T @ coefficients @ dct).transpose(2, 3).reshape(n, height, width) + middle


# In the order in which it happens to a film.
STEPS = {"tone": tone, "soften": soften, "vignette": vignette, "grain": grain, "scratch": scratch, "comb": comb,
         "compress": compress}


def flicker(luma, rng, noise):
    """What two frames of one still scene differ by at the least: exposure, and the noise of grain and of the transfer."""
    n = len(luma)
    gain = of_pictures(np.exp(0.03 * rng.standard_normal(n)), luma)
    strength = of_pictures(rng.uniform(0, 0.015, n), luma)
    return (luma * gain + strength * torch.randn(luma.shape, generator=noise, device=luma.device)).clamp(0, 1)


def age(rgb, chances, rng, noise):
    """uint8 [n, h, w, 3] -> luma [n, h, w] 0..1 of films of them.

    chances: `aged`, how many pictures age at all; `stock`, how many of those are shot on another stock; and for every
    name in STEPS how many of those suffer it.
    """
    n = len(rgb)
    aged = rng.random(n) < chances["aged"]
    other = aged & (rng.random(n) < chances["stock"])
    luma = grey(rgb, np.where(other[:, None], STOCKS[rng.integers(0, len(STOCKS), n)], LUMA))
    for name, step in STEPS.items():
        chosen = np.flatnonzero(aged & (rng.random(n) < chances[name]))
        if len(chosen):
            chosen = torch.from_numpy(chosen).to(luma.device)
            luma[chosen] = step(luma[chosen], rng, noise)
    return luma.clamp(0, 1)
