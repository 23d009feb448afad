#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the averaged weights of a run as a model file (models/FORMAT.md), and SHA256SUMS beside it.

    export.py --config configs/mleu-classification.json --data FOLDER --run FOLDER --output ../mleu-classification.safetensors

Batch norm is folded; convolution weights are stored as bfloat16, biases and colour classes as float32. The rarity
weights of training make rare colours more probable than they are; `rarity_undone` of them is taken back here, in the
last bias: 0 keeps them, 1 gives the probabilities that training without weights would.
"""

import argparse
import hashlib
import json
import pathlib

import torch

from mleu_training import color, graph, network, safetensors

# Fields of a node that only training needs.
_TRAINING_FIELDS = ("in", "out", "kernel", "norm")


def file_nodes(nodes):
    """The nodes as the file has them: tensors by name, defaults left out."""
    for node in nodes:
        node = {key: value for key, value in node.items() if key not in _TRAINING_FIELDS}
        if node["op"] == "conv2d":
            node["weight"], node["bias"] = node["name"] + ".weight", node["name"] + ".bias"
        yield node


def write_sums(folder):
    """sha256sum's format, for `sha256sum -c SHA256SUMS`."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
             for path in sorted(folder.glob("*.safetensors"))]
    (folder / "SHA256SUMS").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--run", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    arguments = parser.parse_args()

    config = json.loads(arguments.config.read_text())
    nodes, _ = network.build_mleu(config, network.find_encoder(arguments.data))
    module = graph.GraphModule(nodes)
    state = torch.load(arguments.run / "checkpoint.pt", map_location="cpu", weights_only=False)
    module.load_state_dict(state["ema"])

    tensors = {}
    for name, (weight, bias) in module.folded().items():
        tensors[name + ".weight"] = weight.to(torch.bfloat16)
        tensors[name + ".bias"] = bias
    tensors[nodes[-1]["name"] + ".bias"] -= config["rarity_undone"] * state["rarity"].log()
    tensors["bins"] = color.classes()
    head = {"type": "classes", "input": nodes[-1]["name"], "bins": "bins", "temperature": config["temperature"],
            "saturation": config["saturation"]}
    description = {"stride": 32, "nodes": list(file_nodes(nodes)), "head": head}
    safetensors.write(arguments.output, tensors, {
        "mleu.format": "1",
        "mleu.name": config["name"],
        "mleu.description": config["description"],
        "mleu.license": config["license"],
        "mleu.graph": json.dumps(description, separators=(",", ":")),
    })
    write_sums(arguments.output.parent)
    print(f"{arguments.output}: {state['samples']} samples, {arguments.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
