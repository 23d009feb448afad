#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the colours that the C library gives on a folder of colour photographs.

Every photo is made grey by its own luma (8-bit Y' of BT.601, full range), coloured by the program `predict` (libmleu
and nothing else), and compared with the truth. Two floors are measured with it: "grey" (the same luma, no chroma) and
"mean" (every pixel has the photos' own mean a*, b*: an oracle's sepia wash that a network must beat).

Means are of per-photo values; the colourfulness ratio is mean colourfulness over the truth's mean. Metrics: PSNR on
RGB, PSNR on a*b* (peak 255), SSIM on RGB (Gaussian window, sigma 1.5), CIEDE2000, colourfulness (Hasler and
Suesstrunk 2003, equation of M^(3)), mean a*, b*.

    tests/quality/evaluate.py --predict build/tests/quality/predict --photos FOLDER --model models/NAME.safetensors

Needs Debian's python3-numpy, python3-pil and python3-skimage.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from skimage.metrics import structural_similarity

COLUMNS = ("psnr", "psnr_ab", "ssim", "ciede2000", "ratio", "mean_a", "mean_b")
HEADER = ("PSNR", "PSNR ab", "SSIM", "CIEDE2000", "colourf.", "mean a", "mean b")


def colourfulness(rgb):
    """Hasler and Suesstrunk's M^(3) of an 8-bit RGB picture."""
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def psnr(difference):
    """PSNR in dB of a difference on a scale with peak 255; a perfect match counts as 100 dB."""
    mse = np.mean(np.square(difference, dtype=np.float64))
    return 100.0 if mse < 1e-6 else 10.0 * np.log10(255.0**2 / mse)


class Photo:
    """One photograph: the truth, its luma and its Lab values."""

    def __init__(self, path, folder):
        picture = Image.open(path).convert("RGB")
        self.name = path.stem
        self.rgb = np.asarray(picture)
        self.luma = np.asarray(picture.convert("L"))
        self.lab = rgb2lab(self.rgb)
        self.colourfulness = colourfulness(self.rgb)
        self.grey_path = folder / f"{self.name}.pgm"
        self.out_path = folder / f"{self.name}.ppm"
        Image.fromarray(self.luma).save(self.grey_path)

    def grey(self):
        return np.repeat(self.luma[..., None], 3, axis=2)

    def measure(self, rgb):
        """The figures of one coloured version, an 8-bit RGB array."""
        lab = rgb2lab(rgb)
        return {
            "psnr": psnr(rgb.astype(np.float64) - self.rgb),
            "psnr_ab": psnr(lab[..., 1:] - self.lab[..., 1:]),
            "ssim": structural_similarity(self.rgb, rgb, channel_axis=2, gaussian_weights=True, sigma=1.5,
                                          use_sample_covariance=False),
            "ciede2000": float(np.mean(deltaE_ciede2000(self.lab, lab))),
            "ratio": colourfulness(rgb),
            "mean_a": float(lab[..., 1].mean()),
            "mean_b": float(lab[..., 2].mean()),
        }


def average(photos, rows):
    """Means of per-photo figures; the colourfulness becomes its ratio to the truth's."""
    figures = {key: float(np.mean([row[key] for row in rows])) for key in COLUMNS}
    figures["ratio"] /= np.mean([photo.colourfulness for photo in photos])
    return figures


def mean_wash(photos):
    """Every photo in the mean a*, b* of the truth, its own lightness kept."""
    mean = np.mean([photo.lab[..., 1:].mean(axis=(0, 1)) for photo in photos], axis=0)
    for photo in photos:
        lab = np.array(rgb2lab(photo.grey()))
        lab[..., 1:] = mean
        yield np.rint(255 * np.clip(lab2rgb(lab), 0, 1)).astype(np.uint8)


def coloured(photos, arguments, model, temperature, saturation):
    """The photos as the C library colours them."""
    command = [arguments.predict, "--model", model, "--render-size", str(arguments.render_size)]
    command += ["--temperature", str(temperature), "--saturation", str(saturation)]
    for photo in photos:
        command += [photo.grey_path, photo.out_path]
    subprocess.run(command, check=True)
    return [np.asarray(Image.open(photo.out_path)) for photo in photos]


def print_row(name, figures, floor):
    cells = [f"{figures[key]:9.3f}" for key in COLUMNS]
    print(f"{name:<44}{''.join(cells)}{figures['psnr'] - floor['psnr']:+9.3f}", flush=True)


def write_sheet(path, photos, columns):
    """Photos as rows; truth, grey and every system as columns, each picture 240 pixels wide."""
    rows = []
    for i, photo in enumerate(photos):
        pictures = [photo.rgb, photo.grey()] + [column[i] for column in columns]
        tiles = []
        for picture in pictures:
            image = Image.fromarray(picture)
            image.thumbnail((240, 240))
            tile = Image.new("RGB", (240, 240), "white")
            tile.paste(image, (0, 0))
            tiles.append(np.asarray(tile))
        rows.append(np.hstack(tiles))
    Image.fromarray(np.vstack(rows)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", required=True, help="the program built from tests/quality/predict.c")
    parser.add_argument("--photos", required=True, type=pathlib.Path, help="folder of colour photographs")
    parser.add_argument("--model", required=True, action="append", help="model file; may be given again")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.0], help="0: the model's own")
    parser.add_argument("--saturation", type=float, nargs="+", default=[1.0])
    parser.add_argument("--render-size", type=int, default=256)
    parser.add_argument("--limit", type=int, help="only the first N photos, by name")
    parser.add_argument("--sheet", type=pathlib.Path, help="write a contact sheet of the first 12 photos here")
    arguments = parser.parse_args()

    paths = sorted(p for p in arguments.photos.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        sys.exit(f"{arguments.photos}: no .jpg or .png file in this folder")
    with tempfile.TemporaryDirectory() as folder:
        photos = [Photo(path, pathlib.Path(folder)) for path in paths[: arguments.limit]]
        print(f"{len(photos)} photos, render-size {arguments.render_size}")
        print(f"{'':<44}{''.join(f'{title:>9}' for title in HEADER)}{'dB/grey':>9}")
        truth = average(photos, [photo.measure(photo.rgb) for photo in photos])
        floor = average(photos, [photo.measure(photo.grey()) for photo in photos])
        print_row("truth", truth, floor)
        print_row("grey", floor, floor)
        print_row("mean", average(photos, [p.measure(rgb) for p, rgb in zip(photos, mean_wash(photos))]), floor)
        sheet_columns = []
        for model in arguments.model:
            for temperature in arguments.temperature:
                for saturation in arguments.saturation:
                    pictures = coloured(photos, arguments, model, temperature, saturation)
                    figures = average(photos, [p.measure(rgb) for p, rgb in zip(photos, pictures)])
                    name = f"{pathlib.Path(model).stem} T={temperature or 'own'} saturation={saturation}"
                    print_row(name, figures, floor)
                    sheet_columns.append(pictures[:12])
        if arguments.sheet:
            write_sheet(arguments.sheet, photos[:12], sheet_columns)


if __name__ == "__main__":
    main()
