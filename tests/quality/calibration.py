#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far the class distribution of a model can be believed: its reliability on colour photographs.

    tests/quality/calibration.py --predict build/tests/quality/predict --photos FOLDER --model models/NAME.safetensors

The lightness is the C library's; the distribution is what models/training/run_model.py finds in the file for it (a
quantised model's in whole numbers, as the library). For every cell of the output the class nearest to the truth's mean
a*, b* is compared with the most probable one. Prints, for temperature 1 and the model's own: the expected calibration
error (Guo et al. 2017, equation 3; fifteen bins of equal width), how often the most probable class is right, its mean
probability, and the rank correlation of the distribution's entropy with the error of its mean. Needs PyTorch, NumPy and
Pillow.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "training"))

import run_model  # noqa: E402
from mleu_training import color, quantized, safetensors  # noqa: E402
from planes import read_planes  # noqa: E402

BINS = 15


def load(path):
    """The model, and what gives [1, 1, h, w] L* the logits of its classes [1, n, h', w']."""
    model = run_model.Model(path)
    if model.head["type"] == "regression":
        raise SystemExit(f"{path}: a regression has no classes")
    run, unit = model.logits, 1.0
    if "quantization" in model.graph:
        tensors, _ = safetensors.read(path)
        run, unit = quantized.QuantizedModel(model.graph, tensors).logits, 1 / quantized.LOGIT
    classes = len(model.tensors[model.head["bins"]])
    return model, lambda lightness: run(lightness)[:, :classes].float() * unit


def cells(truth, height, width, grid):
    """The truth's mean a*, b* [2, h', w'] on the network's grid; the picture lies in the middle of its input."""
    scale = min(width / truth.width, height / truth.height)
    content = truth.resize((round(truth.width * scale), round(truth.height * scale)), Image.Resampling.BOX)
    top, left = (height - content.height) // 2, (width - content.width) // 2
    rgb = np.pad(np.asarray(content), ((top, height - content.height - top), (left, width - content.width - left), (0, 0)),
                 "reflect")
    return F.avg_pool2d(color.lab_from_rgb(torch.from_numpy(rgb)[None])[:, 1:], grid)


def ranks(values):
    order = np.empty(len(values))
    order[np.argsort(values)] = np.arange(len(values))
    return order


def report(title, probability, right, entropy, error):
    edges = np.minimum((probability * BINS).astype(int), BINS - 1)
    gap = sum(abs(probability[edges == b].sum() - right[edges == b].sum()) for b in range(BINS)) / len(right)
    rank = np.corrcoef(ranks(entropy), ranks(error))[0, 1]
    print(f"{title:<20} ECE {gap:.3f}  right {right.mean():.3f}  probability {probability.mean():.3f}  "
          f"entropy with error {rank:+.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", required=True, help="the program built from tests/quality/predict.c")
    parser.add_argument("--photos", required=True, type=pathlib.Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=20, help="photographs, evenly spread")
    arguments = parser.parse_args()
    model, run = load(arguments.model)
    bins = model.tensors[model.head["bins"]]
    temperatures = {"T 1": 1.0, "the model's own T": model.head["temperature"]}
    collected = {title: [] for title in temperatures}
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = pathlib.Path(name)
        paths = sorted(arguments.photos.glob("*.jpg"))
        if not paths:
            raise SystemExit(f"{arguments.photos}: no .jpg file in this folder")
        for path in paths[:: max(len(paths) // arguments.count, 1)]:
            picture = Image.open(path).convert("RGB")
            picture.convert("L").save(folder / "in.pgm")
            subprocess.run([arguments.predict, "--model", arguments.model, "--lightness", folder / "l",
                            folder / "in.pgm", folder / "out.ppm"], check=True)
            (lightness,) = read_planes(folder / "l", 1)
            logits = run(torch.from_numpy(lightness)[None])
            truth = cells(picture, *lightness.shape[1:], lightness.shape[1] // logits.shape[2])
            target = torch.cdist(truth[0].flatten(1).T, bins).argmin(1)
            for title, temperature in temperatures.items():
                p = torch.softmax(logits[0].flatten(1).T / temperature, 1)
                best, index = p.max(1)
                entropy = -(p * p.clamp_min(1e-9).log()).sum(1)
                error = (p @ bins - truth[0].flatten(1).T).norm(dim=1)
                collected[title].append(torch.stack([best, (index == target).float(), entropy, error]).numpy())
    for title, parts in collected.items():
        report(title, *np.concatenate(parts, 1))


if __name__ == "__main__":
    main()
