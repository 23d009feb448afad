# SPDX-License-Identifier: LGPL-2.1-or-later
"""How near a network's colours are to those of photographs that it is not trained on, during training."""

import numpy as np
import torch
import torch.nn.functional as F

from . import color, film

SATURATIONS = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.1, 2.5)
# The share of the truth's colourfulness at which networks are compared: PSNR alone is best for pale colours.
RATIO = 0.65


def colourfulness(rgb):
    """[n, 3, h, w] 0..1 -> [n], of Hasler and Süsstrunk 2003."""
    red, green, blue = (255 * rgb).flatten(2).unbind(1)
    rg, yb = red - green, (red + green) / 2 - blue
    return torch.sqrt(rg.var(1) + yb.var(1)) + 0.3 * torch.sqrt(rg.mean(1) ** 2 + yb.mean(1) ** 2)


def psnr(rgb, truth):
    """[n, 3, h, w] -> [n] dB."""
    return -10 * torch.log10(((rgb - truth) ** 2).mean((1, 2, 3)))


class HeldOut:
    """The held-out photographs' middle squares, `side` pixels each."""

    def __init__(self, photos, side=192, batch=64):
        self.batches = []
        for first in range(0, len(photos.held_out), batch):
            indices = photos.held_out[first : first + batch]
            height, width = photos.sizes[indices].T
            span = np.minimum(height, width)
            y, x = (film.of_pictures((size - span) / 2, photos.pixels) for size in (height, width))
            step = film.of_pictures(span / side, photos.pixels)
            at = (torch.arange(side, device=photos.pixels.device) + 0.5) * step - 0.5
            rgb = photos.sample(indices, (x + at).expand(-1, side, -1), y + at.transpose(1, 2).expand(-1, -1, side),
                                (step - 1).clamp(min=0))
            self.batches.append((color.lightness_from_luma(film.grey(rgb, film.LUMA))[:, None],
                                 rgb.permute(0, 3, 1, 2) / 255, color.lab_from_rgb(rgb)))

    @torch.no_grad()
    def __call__(self, trainee):
        """Of a train.Trainee: `held_out`, PSNR over grey in dB at a colourfulness of RATIO of the truth's (null where the strongest saturation is
        too weak), and the `saturation` that gives it."""
        gains, ratios = [], []
        for lightness, truth, lab in self.batches:
            with torch.autocast(lightness.device.type, trainee.precision, enabled=trainee.precision != torch.float32):
                output = trainee.averaged(lightness.contiguous(memory_format=torch.channels_last))
            ab = trainee.objective.colours(output.float(), trainee.config.get("temperature", 1.0))
            ab = F.interpolate(ab, lab.shape[2:], mode="bilinear")
            grey = psnr(color.rgb_from_lab(torch.cat([lab[:, :1], torch.zeros_like(ab)], 1)), truth)
            pictures = [color.rgb_from_lab(torch.cat([lab[:, :1], saturation * ab], 1)) for saturation in SATURATIONS]
            gains.append(torch.stack([psnr(rgb, truth) - grey for rgb in pictures]))
            ratios.append(torch.stack([colourfulness(rgb) for rgb in [*pictures, truth]]))
        gains, ratios = torch.cat(gains, 1).mean(1).cpu().numpy(), torch.cat(ratios, 1).mean(1).cpu().numpy()
        ratios = ratios[:-1] / ratios[-1]
        if ratios[-1] < RATIO:
            return {"held_out": None, "saturation": None}
        return {"held_out": round(float(np.interp(RATIO, ratios, gains)), 3),
                "saturation": round(float(np.interp(RATIO, ratios, SATURATIONS)), 3)}
