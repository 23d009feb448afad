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
from mleu_training.quantized import QuantizedModel
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


def float_values(model, lightness):
    """Name -> value of every node."""
    values = {}
    for node in model.graph["nodes"]:
        if node["op"] == "input":
            values[node["name"]] = lightness
            continue
        tensors = {key: model.tensors[node[key]] for key in ("weight", "bias", "scale", "offset")
                   if isinstance(node.get(key), str)}
        values[node["name"]] = graph.run_node(node, [values[name] for name in node["input"]], **tensors)
    return values


def groups(nodes):
    """Name -> the name that stands for all that must share its scale."""
    leader = {node["name"]: node["name"] for node in nodes}

    def find(name):
        while leader[name] != name:
            name = leader[name]
        return name

    for node in nodes:
        if node["op"] in ("concat", "upsample", "maxpool"):
            for name in node["input"]:
                leader[find(name)] = find(node["name"])
    return {name: find(name) for name in leader}


def find_ranges(model, photos, tail):
    """Name of a group's leader -> (low, high) of its values on the photos, `tail` of them cut off at either end."""
    leader, lows, highs = groups(model.graph["nodes"]), {}, {}
    for lightness in photos:
        for name, value in float_values(model, lightness).items():
            flat = value.flatten()
            kept = min(max(int(len(flat) * tail), 1), len(flat))
            lows.setdefault(name, []).append(-float((-flat).topk(kept).values[-1]))
            highs.setdefault(name, []).append(float(flat.topk(kept).values[-1]))
    ranges = {}
    for name in lows:
        # The highest of the photos' own ends: a scene of its own kind is not cut off for the others.
        low, high = min(np.min(lows[name]), 0.0), max(np.max(highs[name]), 1e-6)
        before = ranges.get(leader[name], (0.0, 1e-6))
        ranges[leader[name]] = min(before[0], low), max(before[1], high)
    return {name: ranges[leader[name]] for name in leader}


def scale_and_zero(low, high):
    """Of 8-bit values that reach from low <= 0 to high; a range without negatives has zero 0."""
    scale = (high - low) / 255
    return [float(np.float32(scale)), int(round(-low / scale))]


def fit_pairs(weight):
    """int8 [out, in, kh, kw], neighbouring inputs 2i and 2i + 1 of one sign cut to a sum of at most 128; in place."""
    even, odd = weight[:, 0 : weight.shape[1] // 2 * 2 : 2].int(), weight[:, 1::2].int()
    over = torch.where((even > 0) == (odd > 0), (even.abs() + odd.abs() - 128).clamp(min=0), 0)
    # Half from each, so that neither is bent more than it has to be.
    even = even - even.sign() * ((over + 1) // 2)
    odd = odd - odd.sign() * (over // 2)
    weight[:, 0 : weight.shape[1] // 2 * 2 : 2], weight[:, 1::2] = even.to(torch.int8), odd.to(torch.int8)
    return int((over > 0).sum())


def quantise_weights(model):
    """Name -> tensor as stored; how many weights were cut to fit."""
    tensors, cut = {}, 0
    for node in model.graph["nodes"]:
        if node["op"] != "conv2d":
            continue
        whole, scale = safetensors.quantise(model.tensors[node["weight"]])
        if graph.field(node, "groups") == 1:
            cut += fit_pairs(whole)
        tensors[node["weight"]], tensors[node["weight"] + ".scale"] = whole, scale
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
        values = float_values(model, lightness)
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
            values[node["name"]] = lightness if node["op"] == "input" else quantized._node(
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
        ranges = find_ranges(model, pictures(paths, arguments.side), arguments.tail)
        nodes = model.graph["nodes"]
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
