# SPDX-License-Identifier: LGPL-2.1-or-later
"""sRGB <-> CIE Lab (D65), and the colour classes of Zhang et al. 2016 (section 2.2).

All tensors are float32 torch tensors unless said otherwise.
"""

import torch

# a: lowest b, highest b of the classes in gamut, on a grid of step 10; 313 in all.
_CLASS_ROWS = (
    (-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100), (-40, -40, 100), (-30, -50, 100),
    (-20, -50, 100), (-10, -60, 100), (0, -70, 100), (10, -80, 90), (20, -80, 90), (30, -90, 90), (40, -100, 90),
    (50, -100, 80), (60, -110, 80), (70, -110, 80), (80, -110, 70), (90, -110, 70), (100, -90, 0),
)

_XYZ_FROM_RGB = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
) / torch.tensor([[0.95047], [1.0], [1.08883]])

# Luma of BT.601, which is what a photo's own grey version is made with.
LUMA = torch.tensor([0.299, 0.587, 0.114])


def _eotf(value):
    """sRGB code value 0..1 -> linear light."""
    return torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _f(t):
    """CIE Lab's cube root with its linear toe."""
    return torch.where(t > 216 / 24389, t.clamp(min=1e-8) ** (1 / 3), (24389 / 27 * t + 16) / 116)


_LINEAR = _eotf(torch.arange(256) / 255)
_LIGHTNESS = 116 * _f(_LINEAR) - 16


def lab_from_rgb(rgb):
    """uint8 [n, h, w, 3] sRGB -> [n, 3, h, w] Lab."""
    xyz = _f(_LINEAR[rgb.long()] @ _XYZ_FROM_RGB.T)
    x, y, z = xyz.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def luma_from_rgb(rgb):
    """uint8 [n, h, w, 3] sRGB -> [n, h, w] luma 0..1, rounded to 8 bits as a grey picture's samples are."""
    return (rgb.float() @ LUMA).round() / 255


def lightness_from_luma(luma):
    """[...] luma 0..1 -> L* 0..100, through 8-bit samples as the library reads them."""
    return _LIGHTNESS[(luma.clamp(0, 1) * 255).round().long()]


def classes():
    """[313, 2]: a*, b* of the colour classes, by a, then b."""
    return torch.tensor([(a, b) for a, low, high in _CLASS_ROWS for b in range(low, high + 1, 10)], dtype=torch.float32)


def reachable(bins):
    """bool [n]: the classes that are nearest to some sRGB colour (a 33^3 cube of them). The rest get no target mass."""
    steps = torch.linspace(0, 255, 33).round().to(torch.uint8)
    cube = torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 1, 3)
    ab = lab_from_rgb(cube)[0, 1:, :, 0].T
    mask = torch.zeros(len(bins), dtype=torch.bool)
    mask[torch.cdist(ab, bins).argmin(1)] = True
    return mask


class SoftEncoding:
    """ab -> the 5 nearest classes with Gaussian weights (sigma 5) that sum to 1; a table over whole ab values."""

    NEIGHBOURS, SIGMA, LIMIT = 5, 5.0, 110

    def __init__(self, bins, mask):
        side = torch.arange(-self.LIMIT, self.LIMIT + 1).float()
        grid = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
        candidates = torch.where(mask[:, None], bins, torch.full_like(bins, 1e4))
        distance, self.index = torch.cdist(grid, candidates).topk(self.NEIGHBOURS, largest=False)
        weight = torch.exp((distance[:, :1] ** 2 - distance**2) / (2 * self.SIGMA**2))
        self.weight = weight / weight.sum(1, keepdim=True)

    def to(self, device):
        self.index, self.weight = self.index.to(device), self.weight.to(device)
        return self

    def __call__(self, ab):
        """[n, 2, h, w] -> class index [n, h, w, 5] (nearest first) and its weight."""
        whole = (ab.round().clamp(-self.LIMIT, self.LIMIT) + self.LIMIT).long()
        cell = whole[:, 0] * (2 * self.LIMIT + 1) + whole[:, 1]
        return self.index[cell], self.weight[cell]


def rarity_weights(prior, bins, mask, power, uniform=0.5):
    """[n] weights ((1 - uniform) Ps + uniform / n)^-power with mean 1 under the prior (the paper's equation 2).

    Ps is the prior smoothed by a Gaussian of sigma 5 in the ab plane (along the class index, as in the paper, mass leaks
    between columns of a). Classes that no colour reaches take the smallest weight: theirs would be the largest.
    """
    kernel = torch.exp(-torch.cdist(bins, bins) ** 2 / (2 * 5.0**2))
    smooth = (prior @ kernel) / kernel.sum(0)
    smooth = smooth / smooth.sum()
    weight = ((1 - uniform) * smooth + uniform / len(bins)) ** -power
    weight = weight / (prior * weight).sum()
    weight[~mask] = weight[mask].min()
    return weight
