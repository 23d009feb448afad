#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How still the C library's colours are before any smoothing: against grain, and from frame to frame.

    tests/quality/steadiness.py --predict build/tests/quality/predict --model models/NAME.safetensors ... \\
        [--photos FOLDER] [--clip CLIP.mp4 ...]

grain     mean distance in a*, b* between the prediction for a photo and for the same photo with 3 % of Gaussian noise
flicker   on colour video made grey: mean distance between the predictions of consecutive frames, where L* changed by less
          than 2 (on the network's small grid), in brackets the colourfulness of what came out; the last column is the mean
          over the clips of the one in percent of the other

Needs Debian's python3-numpy, python3-pil, python3-skimage, and ffmpeg for clips.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import metrics
import numpy as np
from evaluate import list_photos
from PIL import Image
from planes import read_planes

GRAIN = 0.03
STILL = 2.0  # L*


def predict(arguments, model, pictures, folder, keep=False):
    """L* and a*, b* on the network's grids for uint8 luma pictures; the coloured pictures too where `keep`."""
    command = [arguments.predict, "--model", model, "--lightness", folder / "l", "--ab", folder / "ab"]
    for i, luma in enumerate(pictures):
        Image.fromarray(luma).save(folder / f"{i}.pgm")
        command += [folder / f"{i}.pgm", folder / (f"{i}.ppm" if keep else "out.ppm")]
    subprocess.run(command, check=True)
    coloured = [np.asarray(Image.open(folder / f"{i}.ppm")) for i in range(len(pictures))] if keep else None
    return read_planes(folder / "l", 1), read_planes(folder / "ab", 2), coloured


def measure_grain(arguments, model, paths, folder):
    rng = np.random.default_rng(1)
    distances = []
    for path in paths:
        luma = np.asarray(Image.open(path).convert("L"))
        grained = luma + 255 * GRAIN * rng.standard_normal(luma.shape)
        _, ab, _ = predict(arguments, model, [luma, np.rint(grained.clip(0, 255)).astype(np.uint8)], folder)
        distances.append(np.hypot(*(ab[1] - ab[0])).mean())
    return float(np.mean(distances))


def read_clip(path, count):
    """The first `count` frames of a video, uint8 [h, w, 3]."""
    size = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height",
                           "-of", "csv=p=0", path], check=True, capture_output=True, text=True).stdout
    width, height = (int(number) for number in size.strip().split(",")[:2])
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-frames:v", str(count), "-f", "rawvideo", "-pix_fmt",
                          "rgb24", "-"], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def to_grid(lightness, shape):
    """Mean L* over the cells of the prediction's grid."""
    height, width = shape
    rows, columns = lightness.shape[0] // height, lightness.shape[1] // width
    return lightness.reshape(height, rows, width, columns).mean((1, 3))


def measure_flicker(arguments, model, clip, folder):
    """(flicker, colourfulness) on one clip."""
    frames = read_clip(clip, arguments.frames)
    luma = [np.asarray(Image.fromarray(frame).convert("L")) for frame in frames]
    lightness, ab, coloured = predict(arguments, model, luma, folder, keep=True)
    moves, count = 0.0, 0
    for i in range(1, len(ab)):
        still = np.abs(to_grid(lightness[i][0], ab[i].shape[1:]) - to_grid(lightness[i - 1][0], ab[i].shape[1:])) < STILL
        moves += np.hypot(*(ab[i] - ab[i - 1]))[still].sum()
        count += still.sum()
    return moves / max(count, 1), np.mean([metrics.colourfulness(rgb) for rgb in coloured])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", required=True, help="the program built from tests/quality/predict.c")
    parser.add_argument("--model", required=True, action="append", type=pathlib.Path)
    parser.add_argument("--photos", type=pathlib.Path, help="folder of photographs, or a list; for the grain")
    parser.add_argument("--clip", type=pathlib.Path, action="append", default=[], help="colour video; may be given again")
    parser.add_argument("--limit", type=int, default=40, help="photos, evenly spread")
    parser.add_argument("--frames", type=int, default=60, help="frames of each clip")
    arguments = parser.parse_args()
    if not arguments.photos and not arguments.clip:
        sys.exit("give --photos, --clip or both")
    paths = list_photos(arguments.photos) if arguments.photos else []
    count = min(arguments.limit, len(paths))
    paths = [paths[i * len(paths) // count] for i in range(count)]
    titles = (["grain"] if paths else []) + [f"{clip.stem[:14]}" for clip in arguments.clip]
    print(f"{'':<36}{''.join(f'{title:>16}' for title in titles)}{'flicker, %':>16}")
    for model in arguments.model:
        with tempfile.TemporaryDirectory() as name:
            folder, cells, relative = pathlib.Path(name), [], []
            if paths:
                cells.append(f"{measure_grain(arguments, model, paths, folder):16.3f}")
            for clip in arguments.clip:
                flicker, colourfulness = measure_flicker(arguments, model, clip, folder)
                cells.append(f"{flicker:9.3f} ({colourfulness:4.1f})")
                relative.append(100 * flicker / colourfulness)
            if relative:
                cells.append(f"{np.mean(relative):16.3f}")
            print(f"{model.stem:<36}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
