#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The protocol: measures the colours that the C library gives on colour photographs.

Every photo is made grey by its own luma (8-bit Y' of BT.601, full range), coloured by the program `predict` (libmleu
and nothing else), and compared with the truth at its full size. Two floors are measured with it: "grey" (the same luma,
no chroma) and "mean" (every pixel has the mean a*, b* of the training photos: the sepia wash that a network must beat).

Means are of per-photo values; the colourfulness ratio is mean colourfulness over the truth's. metrics.py says what each
column is. With --curve, temperature and saturation are swept on every fourth photo (--curve-every): PSNR and
CIEDE2000 against the colourfulness ratio, and what each network reaches at the ratio of --at, over its best temperature.

    tests/quality/evaluate.py --predict build/tests/quality/predict --photos FOLDER --model models/NAME.safetensors ... \\
        [--sheet SHEET.png] [--curve CURVE.png] [--json FIGURES.json]

FOLDER may also be a text file with one path a line. Needs Debian's python3-numpy, python3-scipy, python3-pil,
python3-skimage, and python3-matplotlib for the curve.
"""

import argparse
import json
import multiprocessing
import pathlib
import subprocess
import sys
import tempfile

import metrics
import numpy as np
from PIL import Image, ImageDraw
from skimage.color import lab2rgb, rgb2lab

MEAN_AB = (1.93, 7.34)  # mean a*, b* of the photos that the shipped networks are trained on; train.py prints it
TILE = 240  # pixels; side of a picture on the sheet
SHEET_ROWS = 12


def list_photos(source):
    """The photos of a folder, by name, or of a text file, in its order."""
    if source.is_file():
        return [pathlib.Path(line) for line in source.read_text().split("\n") if line]
    paths = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        sys.exit(f"{source}: no .jpg or .png file in this folder")
    return paths


def wash(luma, mean_ab):
    """The grey picture in one a*, b* everywhere, its own lightness kept."""
    lab = rgb2lab(np.repeat(luma[..., None], 3, axis=2))
    lab[..., 1:] = mean_ab
    return np.rint(255 * np.clip(lab2rgb(lab), 0, 1)).astype(np.uint8)


def coloured(arguments, model, grey, folder, temperatures, saturations):
    """What the C library makes of grey.pgm, by (temperature, saturation)."""
    settings = [(t, s) for t in temperatures for s in saturations]
    outputs = [folder / f"out{i}.ppm" for i in range(len(settings))]
    command = [arguments.predict, "--model", model, "--render-size", str(arguments.render_size), "--n-threads", "1",
               "--precision", arguments.precision]
    command += [f"--temperature={t}" for t in temperatures] + [f"--saturation={s}" for s in saturations]
    subprocess.run([*command, grey, *outputs], check=True)
    return {setting: np.asarray(Image.open(path)) for setting, path in zip(settings, outputs)}


def measure_photo(job):
    """Everything about one photo: (its colourfulness, name of a row -> figures, (model, t, s) -> quick figures, tiles)."""
    arguments, path, on_curve, on_sheet = job
    picture = Image.open(path).convert("RGB")
    truth, luma = np.asarray(picture), np.asarray(picture.convert("L"))
    true_lab = rgb2lab(truth)
    grey = np.repeat(luma[..., None], 3, axis=2)
    pictures, points = {"truth": truth, "grey": grey, "mean": wash(luma, arguments.mean_ab)}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        Image.fromarray(luma).save(folder / "grey.pgm")
        for model in arguments.model:
            own = coloured(arguments, model, folder / "grey.pgm", folder, arguments.temperature, arguments.saturation)
            for (t, s), rgb in own.items():
                pictures[row_name(arguments, model, t, s)] = rgb
            if on_curve:
                sweep = coloured(arguments, model, folder / "grey.pgm", folder, arguments.temperatures,
                                 arguments.saturations)
                for (t, s), rgb in sweep.items():
                    points[model.stem, t, s] = metrics.measure(rgb, truth, true_lab, metrics.QUICK)
    figures = {name: metrics.measure(rgb, truth, true_lab) for name, rgb in pictures.items()}
    tiles = {name: tile(rgb) for name, rgb in pictures.items() if name != "mean"} if on_sheet else None
    return metrics.colourfulness(truth), figures, points, tiles


def row_name(arguments, model, temperature, saturation):
    """The model's name, with what was asked for beside its own settings."""
    parts = [model.stem]
    if len(arguments.temperature) > 1 or temperature:
        parts.append(f"T={temperature or 'own'}")
    if len(arguments.saturation) > 1 or saturation != 1:
        parts.append(f"saturation={saturation}")
    return " ".join(parts)


def tile(rgb):
    """A picture of the sheet."""
    image = Image.fromarray(rgb)
    image.thumbnail((TILE, TILE))
    result = Image.new("RGB", (TILE, TILE), "white")
    result.paste(image, (0, 0))
    return result


def write_sheet(path, rows):
    """Photos as rows; truth, grey and every network as columns, with their names above."""
    names = list(rows[0])
    sheet = Image.new("RGB", (TILE * len(names), 20 + TILE * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for x, name in enumerate(names):
        draw.text((TILE * x + 4, 4), name, fill="black")
        for y, row in enumerate(rows):
            sheet.paste(row[name], (TILE * x, 20 + TILE * y))
    sheet.save(path)


def at_ratio(points, ratio):
    """Figures interpolated along the saturation to a colourfulness ratio; None where the curve does not reach it."""
    points = sorted(points, key=lambda p: p["ratio"])
    ratios = [p["ratio"] for p in points]
    if not ratios[0] <= ratio <= ratios[-1]:
        return None
    return {name: float(np.interp(ratio, ratios, [p[name] for p in points])) for name in metrics.QUICK}


def print_at(curves, ratio, photos, grey):
    """What every network reaches at one colourfulness ratio, at its best temperature. grey: the floor's PSNR."""
    print(f"\nat a colourfulness ratio of {ratio} ({photos} photos), best temperature for PSNR:")
    for model, by_temperature in curves.items():
        reached = {t: at_ratio(points, ratio) for t, points in by_temperature.items()}
        reached = {t: figures for t, figures in reached.items() if figures}
        if not reached:
            print(f"{model:<44} does not reach it")
            continue
        best = max(reached, key=lambda t: reached[t]["psnr"])
        figures = reached[best]
        print(f"{model:<44}  PSNR {figures['psnr']:.3f}  dB/grey {figures['psnr'] - grey:+.3f}  "
              f"CIEDE2000 {figures['ciede2000']:.3f}  T {best or 'own'}")


def draw_curve(path, curves):
    """PSNR and CIEDE2000 against the colourfulness ratio: a line for every network and temperature."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(14, 6))
    for number, (model, by_temperature) in enumerate(curves.items()):
        for depth, (temperature, points) in enumerate(sorted(by_temperature.items())):
            points = sorted(points, key=lambda p: p["ratio"])
            for axis, name in zip(axes, ("psnr", "ciede2000")):
                axis.plot([p["ratio"] for p in points], [p[name] for p in points], ".-", color=f"C{number}",
                          alpha=1 / (1 + 0.6 * depth), label=f"{model} T {temperature or 'own'}")
    for axis, title in zip(axes, ("PSNR, dB", "CIEDE2000")):
        axis.set(xlabel="colourfulness ratio", ylabel=title)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", required=True, help="the program built from tests/quality/predict.c")
    parser.add_argument("--photos", required=True, type=pathlib.Path, help="folder of colour photographs, or a list")
    parser.add_argument("--model", required=True, action="append", type=pathlib.Path, help="model file; may be given again")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.0], help="0: the model's own")
    parser.add_argument("--saturation", type=float, nargs="+", default=[1.0])
    parser.add_argument("--render-size", type=int, default=0, help="0: the model's own")
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bf16", "int8"])
    parser.add_argument("--mean-ab", type=float, nargs=2, default=MEAN_AB, metavar=("A", "B"),
                        help="mean a*, b* of the training photos (train.py prints it)")
    parser.add_argument("--limit", type=int, help="only N photos, evenly spread")
    parser.add_argument("--sheet", type=pathlib.Path, help=f"write a contact sheet of {SHEET_ROWS} photos here")
    parser.add_argument("--curve", type=pathlib.Path, help="sweep, and draw the curve here")
    parser.add_argument("--curve-every", type=int, default=4, metavar="N", help="sweep on every N-th photo")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.2, 0.38, 0.7, 1.0], help="of the curve")
    parser.add_argument("--saturations", type=float, nargs="+", default=[0.7, 1.0, 1.3, 1.7, 2.2], help="of the curve")
    parser.add_argument("--at", type=float, default=0.65, help="colourfulness ratio to compare networks at")
    parser.add_argument("--json", type=pathlib.Path, help="write every figure here")
    arguments = parser.parse_args()

    paths = list_photos(arguments.photos)
    if arguments.limit and arguments.limit < len(paths):
        paths = [paths[i * len(paths) // arguments.limit] for i in range(arguments.limit)]
    sheet_every = max(len(paths) // SHEET_ROWS, 1)
    jobs = [(arguments, path, arguments.curve is not None and i % arguments.curve_every == 0, arguments.sheet is not None and
             i % sheet_every == 0) for i, path in enumerate(paths)]
    with multiprocessing.Pool() as pool:
        results = pool.map(measure_photo, jobs, chunksize=1)

    true_colourfulness = [result[0] for result in results]
    table = {name: metrics.average([result[1][name] for result in results], true_colourfulness) for name in results[0][1]}
    print(f"{len(paths)} photos, render-size {arguments.render_size or 'own'}")
    print(f"{'':<44}{''.join(f'{title:>10}' for title in metrics.TITLES.values())}{'dB/grey':>10}")
    for name, figures in table.items():
        cells = "".join(f"{figures[key]:10.3f}" for key in metrics.TITLES)
        print(f"{name:<44}{cells}{figures['psnr'] - table['grey']['psnr']:+10.3f}")

    curves = {}
    swept = [result for result in results if result[2]]
    for model, temperature, saturation in swept[0][2] if swept else ():
        point = metrics.average([r[2][model, temperature, saturation] for r in swept], [r[0] for r in swept])
        curves.setdefault(model, {}).setdefault(temperature, []).append({**point, "saturation": saturation})
    if curves:
        grey = np.mean([r[1]["grey"]["psnr"] for r in swept])
        print_at(curves, arguments.at, len(swept), grey)
        draw_curve(arguments.curve, curves)
    if arguments.sheet:
        write_sheet(arguments.sheet, [result[3] for result in results if result[3]][:SHEET_ROWS])
    if arguments.json:
        arguments.json.write_text(json.dumps({"table": table, "curves": curves}, indent=1) + "\n")


if __name__ == "__main__":
    main()
