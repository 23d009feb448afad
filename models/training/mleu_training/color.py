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

# a* and b* of sRGB colours lie within -LIMIT..LIMIT; tables are over whole values in that range.
LIMIT = 110


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
    linear = _LINEAR.to(rgb.device)[rgb.long()]
    xyz = _f(linear @ _XYZ_FROM_RGB.T.to(rgb.device))
    x, y, z = xyz.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def rgb_from_lab(lab):
    """[n, 3, h, w] Lab -> sRGB 0..1 of the same shape, colours out of gamut cut off."""
    y = (lab[:, 0] + 16) / 116
    xyz = torch.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], -1)
    xyz = torch.where(xyz > 6 / 29, xyz**3, (116 * xyz - 16) * 27 / 24389)
    linear = (xyz @ torch.linalg.inv(_XYZ_FROM_RGB).T.to(lab.device)).clamp(0, 1)
    value = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055)
    return value.permute(0, 3, 1, 2)


def lightness_from_luma(luma):
    """[...] luma 0..1 -> L* 0..100, through 8-bit samples as the library reads them."""
    return _LIGHTNESS.to(luma.device)[(luma.clamp(0, 1) * 255).round().long()]


def grid_classes():
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


def clustered(histogram, count, seed):
    """[count, 2]: colour classes where photos have colours: k-means over the ab plane (Lloyd 1982), by a, then b.

    histogram: of data.ab_histogram(). Every cell counts with the square root of its frequency: by the frequency itself
    nearly all classes would crowd around grey.
    """
    generator = torch.Generator().manual_seed(seed)
    side = torch.arange(-LIMIT, LIMIT + 1).float()
    cells = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    weight = histogram.reshape(-1).sqrt()
    cells, weight = cells[weight > 0], weight[weight > 0]
    centres = cells[torch.multinomial(weight, count, generator=generator)] + 0.0
    for _ in range(50):
        nearest = torch.cdist(cells, centres).argmin(1)
        mass = torch.zeros(count).index_add_(0, nearest, weight)
        sums = torch.zeros(count, 2).index_add_(0, nearest, cells * weight[:, None])
        centres = torch.where(mass[:, None] > 0, sums / mass.clamp(min=1e-12)[:, None], centres)
    order = sorted(range(count), key=lambda i: tuple(centres[i].tolist()))
    return centres[order]


def cells(ab):
    """[n, 2, h, w] -> [n, h, w]: the cell of a table over whole a*, b* from -LIMIT to LIMIT, a* first."""
    whole = (ab.round().clamp(-LIMIT, LIMIT) + LIMIT).long()
    return whole[:, 0] * (2 * LIMIT + 1) + whole[:, 1]


def mean_ab(histogram):
    """Mean a*, b* of a histogram over cells()."""
    side = torch.arange(-LIMIT, LIMIT + 1).float()
    return float(histogram.sum(1) @ side), float(histogram.sum(0) @ side)


class SoftEncoding:
    """ab -> the 5 nearest classes with Gaussian weights (sigma 5) that sum to 1; a table over whole ab values."""

    NEIGHBOURS, SIGMA = 5, 5.0

    def __init__(self, bins, mask):
        side = torch.arange(-LIMIT, LIMIT + 1).float()
        grid = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
        candidates = torch.where(mask[:, None], bins, torch.full_like(bins, 1e4))
        distance, self.index = torch.cdist(grid, candidates).topk(self.NEIGHBOURS, largest=False)
        weight = torch.exp((distance[:, :1] ** 2 - distance**2) / (2 * self.SIGMA**2))
        self.weight = weight / weight.sum(1, keepdim=True)
        self.classes = len(bins)

    def to(self, device):
        self.index, self.weight = self.index.to(device), self.weight.to(device)
        return self

    def __call__(self, ab):
        """[n, 2, h, w] -> class index [n, h, w, 5] (nearest first) and its weight."""
        cell = cells(ab)
        return self.index[cell], self.weight[cell]

    def prior(self, histogram):
        """[classes] probability of every class where a*, b* are distributed as in the histogram."""
        mass = self.weight * histogram.reshape(-1, 1)
        return torch.zeros(self.classes).index_add_(0, self.index.reshape(-1), mass.reshape(-1))


def smooth_prior_by_index(prior):
    """The paper's: the prior interpolated to 1000 samples along the class index, Gaussian of sigma 5 samples."""
    n, samples = len(prior), 1000
    dense = torch.nn.functional.interpolate(prior[None, None], samples, mode="linear", align_corners=True)
    taps = torch.exp(-torch.arange(-20, 21).float() ** 2 / (2 * 5.0**2))
    padded = torch.nn.functional.pad(dense, (20, 20), mode="replicate")
    dense = torch.nn.functional.conv1d(padded, (taps / taps.sum()).view(1, 1, -1))
    return torch.nn.functional.interpolate(dense, n, mode="linear", align_corners=True)[0, 0]


def smooth_prior_in_plane(prior, bins):
    """A Gaussian of sigma 5 in the ab plane: along the index, mass leaks between columns of a."""
    kernel = torch.exp(-torch.cdist(bins, bins) ** 2 / (2 * 5.0**2))
    return (prior @ kernel) / kernel.sum(0)


def rarity_weights(prior, bins, mask, power, smoothing, uniform=0.5):
    """[n] weights ((1 - uniform) Ps + uniform / n)^-power with mean 1 under the prior (the paper's equation 2).

    smoothing: "index" (the paper's equation 1) or "plane". Classes that no colour reaches take the smallest weight:
    theirs would be the largest. power 0: all weights are 1.
    """
    smooth = smooth_prior_by_index(prior) if smoothing == "index" else smooth_prior_in_plane(prior, bins)
    smooth = smooth / smooth.sum()
    weight = ((1 - uniform) * smooth + uniform / len(bins)) ** -power
    weight = weight / (prior * weight).sum()
    weight[~mask] = weight[mask].min()
    return weight
