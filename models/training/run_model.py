#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a model file in PyTorch, from the file alone: what the C library is compared with.

    run_model.py MODEL --l INPUT.npy --ab OUTPUT.npy [--temperature T]

INPUT: float32 [h, w] L* 0..100, sides multiples of the model's stride. OUTPUT: float32 [2, h', w'] a*, b*.
"""

import argparse
import json

import numpy as np
import torch

from mleu_training import graph, safetensors


class Model:
    """A model file: its nodes, weights as float32, and head."""

    def __init__(self, path, device="cpu"):
        tensors, metadata = safetensors.read(path)
        self.graph = json.loads(metadata["mleu.graph"])
        self.head = self.graph["head"]
        self.tensors = {}
        for name, tensor in tensors.items():
            if not name.endswith(".scale") or tensor.dtype != torch.float32 or name[:-6] not in tensors:
                value = tensor.float()
                if tensor.dtype == torch.int8:
                    value = value * tensors[name + ".scale"].view(-1, *[1] * (tensor.ndim - 1))
                self.tensors[name] = value.to(device)

    def logits(self, lightness):
        """[n, 1, h, w] L* -> what the head reads."""
        return graph.run_nodes(self.graph["nodes"], self.tensors, lightness)[self.head["input"]]

    def ab(self, lightness, temperature=None):
        """[n, 1, h, w] L* -> [n, 2, h', w'] a*, b*, without the saturation factor."""
        x, head = self.logits(lightness), self.head
        if head["type"] == "regression":
            return x * head["scale"]
        bins = self.tensors[head["bins"]]
        mean = annealed_mean(x[:, : len(bins)], bins, temperature or head["temperature"])
        if head["type"] == "classes":
            return mean
        return torch.lerp(mean, x[:, len(bins) :] * head["scale"], head["blend"])


def annealed_mean(logits, bins, temperature):
    """softmax(logits / T) . bins over dimension 1 (Zhang et al. 2016, equation 5)."""
    return torch.einsum("nchw,cd->ndhw", torch.softmax(logits / temperature, 1), bins)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--l", required=True)
    parser.add_argument("--ab", required=True)
    parser.add_argument("--temperature", type=float)
    arguments = parser.parse_args()
    with torch.no_grad():
        lightness = torch.from_numpy(np.load(arguments.l))[None, None]
        np.save(arguments.ab, Model(arguments.model).ab(lightness, arguments.temperature)[0].numpy())


if __name__ == "__main__":
    main()
