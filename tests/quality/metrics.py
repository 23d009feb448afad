# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a coloured picture is measured by. Pictures are uint8 [h, w, 3] sRGB; lab is float64 [h, w, 3] of skimage (D65)."""

import numpy as np
from scipy.ndimage import uniform_filter
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

# Name of a figure -> its title in a table.
TITLES = {"psnr": "PSNR", "psnr_ab": "PSNR ab", "ssim": "SSIM", "ciede2000": "CIEDE2000", "ratio": "colourf.",
          "noise": "noise", "mean_a": "mean a", "mean_b": "mean b"}
# Of a curve's points, for they are many.
QUICK = ("psnr", "ciede2000", "ratio")

WINDOW = 7  # pixels; side of the neighbourhood that `noise` looks at
SMOOTH = 2.0  # L*; standard deviation under which such a neighbourhood is a smooth area


def colourfulness(rgb):
    """M^(3) of Hasler and Suesstrunk 2003."""
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def psnr(difference):
    """dB, of a difference on a scale with peak 255; a perfect match counts as 100 dB."""
    mse = np.mean(np.square(difference, dtype=np.float64))
    return 100.0 if mse < 1e-6 else 10.0 * np.log10(255.0**2 / mse)


def _variance(plane):
    """Variance over the window around every pixel."""
    return np.maximum(uniform_filter(plane * plane, WINDOW) - uniform_filter(plane, WINDOW) ** 2, 0)


def noise(lab, true_lightness):
    """"Red noise": the mean local variance of a* and b*, added, where the picture is smooth; 0 where it nowhere is."""
    smooth = _variance(true_lightness) < SMOOTH**2
    return float((_variance(lab[..., 1]) + _variance(lab[..., 2]))[smooth].mean()) if smooth.any() else 0.0


def measure(rgb, truth, true_lab, names=tuple(TITLES)):
    """Name -> figure of a coloured picture. `ratio` is its colourfulness; average() makes the ratio of it."""
    lab = rgb2lab(rgb)
    figures = {
        "psnr": lambda: psnr(rgb.astype(np.float64) - truth),
        "psnr_ab": lambda: psnr(lab[..., 1:] - true_lab[..., 1:]),
        "ssim": lambda: structural_similarity(truth, rgb, channel_axis=2, gaussian_weights=True, sigma=1.5,
                                              use_sample_covariance=False),
        "ciede2000": lambda: float(np.mean(deltaE_ciede2000(true_lab, lab))),
        "ratio": lambda: colourfulness(rgb),
        "noise": lambda: noise(lab, true_lab[..., 0]),
        "mean_a": lambda: float(lab[..., 1].mean()),
        "mean_b": lambda: float(lab[..., 2].mean()),
    }
    return {name: figures[name]() for name in names}


def average(rows, true_colourfulness):
    """Means of per-photo figures; the colourfulness becomes the ratio of its mean to the truth's mean."""
    figures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    figures["ratio"] /= np.mean(true_colourfulness)
    return figures
