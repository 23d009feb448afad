#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Quantises a model file: finds scales for the activations on photographs, and stores every weight as int8.

    quantize.py ../NAME.safetensors --photos FILES.txt --output ../NAME.safetensors [--count 48] [--side 256]

FILES.txt has a path a line (train.py writes held-out.txt). Weights get a scale for each output channel; neighbours of one
sign that would not fit the rules of models/FORMAT.md are made smaller. Every activation gets the scale of the range that
it has on the photographs, but for the share of `--tail` of its values that lies beyond; what a concatenation joins, and what
an enlargement or a pooling reads, shares one. Biases are then corrected, layer by layer, for the mean error of the layers'
outputs (Nagel et al. 2019, section 4.2).
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from mleu_training import color, graph, safetensors
from mleu_training.quantized import QuantizedModel, find_ranges, quantise_weight, scale_and_zero
from PIL import Image
from run_model import Model


def pictures(paths, side):
    """[1, 1, h, w] L* of the photographs, their short side `side` pixels, both sides multiples of 32."""
    for path in paths:
        picture = Image.open(path).convert("L")
        scale = side / min(picture.size)
        size = [round(length * scale) // 32 * 32 for length in picture.size]
        luma = torch.from_numpy(np.array(picture.resize(size, Image.Resampling.BOX)))
        yield color.lightness_from_luma(luma / 255)[None, None]


def quantise_weights(model):
    """Name -> tensor as stored; how many weights were cut to fit."""
    tensors, cut = {}, 0
    for node in model.graph["nodes"]:
        if node["op"] != "conv2d":
            continue
        whole, scale, over = quantise_weight(model.tensors[node["weight"]], graph.field(node, "groups"))
        tensors[node["weight"]], tensors[node["weight"] + ".scale"] = whole, scale
        cut += int(over)
        if "bias" in node:
            tensors[node["bias"]] = model.tensors[node["bias"]].clone()
    for name, tensor in model.tensors.items():
        if name not in tensors and name + ".scale" not in tensors:
            tensors[name] = tensor
    return tensors, cut


def correct_biases(model, quantized, photos):
    """Moves every bias by the mean difference between the float layer's output before activation and the quantised one's.

    Layer by layer in the order of execution, each after those before it have been corrected.
    """
    photos = list(photos)
    wanted, running = [], []
    for lightness in photos:
        values = graph.run_nodes(model.graph["nodes"], model.tensors, lightness)
        wanted.append({})
        for node in model.graph["nodes"]:
            if node["op"] == "conv2d":
                x = graph.run_node({**node, "activation": "none"}, [values[node["input"][0]]],
                                   model.tensors[node["weight"]], model.tensors[node["bias"]])
                wanted[-1][node["name"]] = x.mean((0, 2, 3))
        running.append({})
    for node in quantized.nodes:
        if node["op"] == "conv2d":
            shift = 0
            for values, target in zip(running, wanted):
                total, unit = quantized.sums(node, values[node["input"][0]])
                shift = shift + (target[node["name"]] - (total * unit.view(1, -1, 1, 1)).mean((0, 2, 3)).float())
            quantized.tensors[node["bias"]] += shift / len(photos)
        if node is quantized.nodes[-1]:
            break
        for values, lightness in zip(running, photos):
            values[node["name"]] = lightness if node["op"] == "input" else quantized.run_node(
                node, [values[name] for name in node["input"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--photos", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--tail", type=float, default=1e-4)
    arguments = parser.parse_args()

    model = Model(arguments.model)
    paths = arguments.photos.read_text().split("\n")[: arguments.count]
    with torch.no_grad():
        nodes = model.graph["nodes"]
        ranges = find_ranges(nodes, model.tensors, pictures(paths, arguments.side), arguments.tail)
        description = {**model.graph, "quantization": {
            node["name"]: scale_and_zero(*ranges[node["name"]]) for node in nodes[1:-1]}}
        tensors, cut = quantise_weights(model)
        quantized = QuantizedModel(description, tensors)
        correct_biases(model, quantized, pictures(paths[:8], arguments.side))
    _, metadata = safetensors.read(arguments.model)
    metadata = {key: value for key, value in metadata.items() if not key.startswith(("mleu.shared", "mleu.sha256"))}
    metadata["mleu.graph"] = json.dumps(description, separators=(",", ":"))
    safetensors.write(arguments.output, tensors, metadata)
    print(f"{arguments.output}: {len(description['quantization'])} activations, {cut} pairs of weights cut, "
          f"{arguments.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
