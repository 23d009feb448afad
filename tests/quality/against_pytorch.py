#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the C library's predictions with PyTorch's on photographs: the same model file, the same network input.

    tests/quality/against_pytorch.py --predict build/tests/quality/predict --photos FOLDER --model models/NAME.safetensors

Prints mean and largest |difference| of a*, b* over the small grid, photo by photo and in all; fails at
a mean of 0.05. A quantised model is computed in whole numbers, as the library does, and has to be the same to the bit.
Needs PyTorch, NumPy and Pillow.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "training"))

import run_model  # noqa: E402
from mleu_training import quantized, safetensors  # noqa: E402
from planes import read_planes  # noqa: E402


def load(path):
    """The model, and the mean difference that is too much."""
    tensors, metadata = safetensors.read(path)
    description = json.loads(metadata["mleu.graph"])
    if "quantization" in description:
        return quantized.QuantizedModel(description, tensors), 0
    return run_model.Model(path), 0.05


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", required=True)
    parser.add_argument("--photos", required=True, type=pathlib.Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=20)
    arguments = parser.parse_args()

    model, most = load(arguments.model)
    means = []
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = pathlib.Path(name)
        for path in sorted(arguments.photos.glob("*.jpg"))[: arguments.count]:
            Image.open(path).convert("L").save(folder / "in.pgm")
            subprocess.run([arguments.predict, "--model", arguments.model, "--lightness", folder / "l", "--ab", folder / "ab",
                            folder / "in.pgm", folder / "out.ppm"], check=True)
            (lightness,), (ab,) = read_planes(folder / "l", 1), read_planes(folder / "ab", 2)
            difference = np.abs(ab - model.ab(torch.from_numpy(lightness)[None])[0].numpy())
            means.append(difference.mean())
            print(f"{path.stem}: mean {difference.mean():.2e}, largest {difference.max():.2e}")
    if not means:
        sys.exit(f"{arguments.photos}: no .jpg file in this folder")
    print(f"{len(means)} photos: mean |ab| difference {np.mean(means):.2e}")
    sys.exit(int(np.mean(means) > most))


if __name__ == "__main__":
    main()
