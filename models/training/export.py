#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the averaged weights of a run as a model file (models/FORMAT.md), and SHA256SUMS beside it.

    export.py --config configs/NAME.json --data FOLDER --run FOLDER --output ../NAME.safetensors [--shared ../TRUNK.safetensors]

The run is the folder that train.py was given. Batch norm is folded. Convolution weights are stored as the
configuration's `storage` says for the embedding and for the rest: "int8" (a scale for each output channel; the last layer,
depthwise and transposed convolutions bfloat16 all the same) or "bf16"; biases and colour classes are float32. With --shared, frozen
layers go to a file of their own, which several models may name. A network that was trained quantised (`quantized`)
is stored as int8 whole, with the scales of its activations.

The rarity weights of training make rare colours more probable than they are; `rarity_undone` of them is taken back
here, in the last bias: 0 keeps them, 1 gives the probabilities that training without weights would.
"""

import argparse
import hashlib
import json
import pathlib

import torch
from mleu_training import config, graph, losses, network, quantized, safetensors


def stored(node, weight, storage, is_quantized):
    """Suffix -> tensor of a convolution's weight as the file stores it."""
    part = "embedding" if node["name"].startswith("embed.") else "rest"
    is_depthwise = weight.shape[1] == 1 and graph.field(node, "groups") > 1
    if is_quantized:
        whole, scale, _ = quantized.quantise_weight(weight, graph.field(node, "groups"))
    elif storage[part] == "int8" and node["op"] == "conv2d" and node["name"] != "output" and not is_depthwise:
        whole, scale = safetensors.quantise(weight)
    else:
        return {".weight": weight.to(torch.bfloat16)}
    return {".weight": whole, ".weight.scale": scale}


def head_of(configuration):
    """The graph's `head`."""
    head = {"type": configuration["head"], "input": "output", "saturation": configuration.get("saturation", 1.0)}
    if configuration["head"] != "regression":
        head |= {"bins": "bins", "temperature": configuration["temperature"]}
    if configuration["head"] != "classes":
        head["scale"] = losses.regression_scale(configuration["head"])
    if configuration["head"] == "combined":
        head["blend"] = configuration["blend"]
    return head


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
    parser.add_argument("--encoders", type=pathlib.Path, help="folder of the ImageNet networks (default: DATA/encoders)")
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path, help="file for the frozen layers, in the folder of the output")
    arguments = parser.parse_args()
    if arguments.shared and arguments.shared.resolve().parent != arguments.output.resolve().parent:
        parser.error("--shared has to lie in the folder of --output")

    configuration = config.load(arguments.config)
    nodes, pretrained = network.build(configuration, arguments.encoders or arguments.data / "encoders")
    checkpoint = arguments.run / configuration["name"] / "checkpoint.pt"
    if not checkpoint.exists():
        raise SystemExit(f"{checkpoint}: no such file; train.py writes it")
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    quantization = state["quantization"]
    module = graph.GraphModule(nodes) if quantization is None else quantized.FakeQuantizedModule(nodes, quantization)
    if module.frozen_names():
        module.load(pretrained)
    module.load_state_dict(state["ema"], strict=False)

    by_name = {node["name"]: node for node in nodes}
    tensors, frozen = {}, {}
    for name, (weight, bias) in module.folded().items():
        if name == "output" and configuration["head"] != "regression":
            classes = len(state["bins"])
            bias[:classes] -= losses.undone(configuration, state["rarity"])
        place = frozen if arguments.shared and by_name[name].get("frozen", False) else tensors
        for suffix, tensor in stored(by_name[name], weight, configuration["storage"], quantization is not None).items():
            place[name + suffix] = tensor
        place[name + ".bias"] = bias
    if configuration["head"] != "regression":
        tensors["bins"] = state["bins"]

    metadata = {"mleu.format": "1", "mleu.license": configuration["license"]}
    shared = {}
    if arguments.shared:
        before = safetensors.digest(arguments.shared)
        digest = safetensors.write(arguments.shared, frozen, {
            **metadata, "mleu.name": arguments.shared.stem,
            "mleu.description": f'the {configuration["embedding"]["network"]} that several models embed'})
        if before not in (None, digest):
            print(f"{arguments.shared}: other weights than before; export the models that share it again")
        shared = {"mleu.shared": arguments.shared.name, "mleu.shared.sha256": digest}
    description = {"stride": 32, "nodes": list(graph.file_nodes(nodes)), "head": head_of(configuration)}
    if quantization is not None:
        description["quantization"] = quantization
    if "render_size" in configuration:
        description["render_size"] = configuration["render_size"]
    safetensors.write(arguments.output, tensors, {
        **metadata, **shared, "mleu.name": configuration["name"], "mleu.description": configuration["description"],
        "mleu.graph": json.dumps(description, separators=(",", ":"))})
    write_sums(arguments.output.parent)
    print(f"{arguments.output}: {state['step']} steps, {arguments.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
