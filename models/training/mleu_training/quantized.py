# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a quantised model file in whole numbers, as the C library does (models/FORMAT.md, "Quantised")."""

import numpy as np
import torch
import torch.nn.functional as F

from . import graph

LOGIT = 64  # logits are whole numbers of 1 / LOGIT
SOFTMAX_UNIT, SOFTMAX_TABLE = 65536, 5 * 12 * 64
BIN_UNIT = 64


def _float32(value):
    return torch.as_tensor(value, dtype=torch.float32)


class QuantizedModel:
    """nodes, head: of the graph; quantization: name -> [scale, zero]; tensors: as stored, int8 weights with scales.

    Sums are exact: they are computed in double precision, where whole numbers up to 2^53 are.
    """

    def __init__(self, description, tensors):
        self.nodes, self.head = description["nodes"], description["head"]
        self.quantization = {name: (np.float32(scale), int(zero))
                             for name, (scale, zero) in description["quantization"].items()}
        self.tensors = tensors

    def _range(self, node):
        scale, zero = self.quantization[node["name"]]
        low, high = -zero, 255 - zero
        if graph.field(node, "activation") in ("relu", "relu6"):
            low = 0
        if graph.field(node, "activation") == "relu6":
            high = min(high, int(np.rint(np.float32(6) / scale)))
        return low, high

    def sums(self, node, x):
        """x float64 of bytes -> sums with their bias, float64, and the factor that makes them real numbers, by channel."""
        in_scale, in_zero = self.quantization[node["input"][0]]
        weight = self.tensors[node["weight"]].double()
        weight_scale = self.tensors[node["weight"] + ".scale"].double()
        unit = float(in_scale) * weight_scale
        bias = torch.zeros(len(weight), dtype=torch.float64)
        if "bias" in node:
            bias = torch.round(self.tensors[node["bias"]].double() / unit)
        top, left, bottom, right = graph.field(node, "padding")
        # Centred at its zero, padding is 0.
        centred = F.pad(x - in_zero, (left, right, top, bottom))
        return F.conv2d(centred, weight, bias, graph.field(node, "stride"), 0, graph.field(node, "dilation"),
                        graph.field(node, "groups")), unit

    def _node(self, node, inputs):
        op, name = node["op"], node["name"]
        if op in ("concat", "upsample", "maxpool"):
            return graph.run_node(node, inputs)
        scale, zero = self.quantization[name]
        if op == "affine":
            value = _float32(inputs[0]) * _float32(node["scale"])
            moved = (value + _float32(node["offset"])) / _float32(scale) + zero
            return moved.clamp(0, 255).round().double()
        low, high = self._range(node)
        if op == "conv2d":
            total, unit = self.sums(node, inputs[0])
            factor = _float32(unit / float(scale)).view(1, -1, 1, 1)
            return (total.float() * factor).clamp(low, high).round().double() + zero
        if op == "add":
            parts = []
            for x, source in zip(inputs, node["input"]):
                its_scale, its_zero = self.quantization[source]
                parts.append((x - its_zero).float() * _float32(its_scale / scale))
            return (parts[0] + parts[1]).clamp(low, high).round().double() + zero
        raise ValueError(f"node {name}: {op} has no quantised form")

    def values(self, lightness, keep=None):
        """Name -> bytes as float64, of every node but the last, or of those in `keep`; and the last one's logits."""
        values = {}
        for node in self.nodes[:-1]:
            values[node["name"]] = lightness if node["op"] == "input" else self._node(
                node, [values[name] for name in node["input"]])
        last = self.nodes[-1]
        total, unit = self.sums(last, values[last["input"][0]])
        logits = (total.float() * _float32(unit * LOGIT).view(1, -1, 1, 1)).clamp(-32767, 32767).round()
        return values, logits

    def ab(self, lightness, temperature=None):
        """[n, 1, h, w] L* -> [n, 2, h', w'] a*, b*, without the saturation factor."""
        _, logits = self.values(lightness)
        bins = self.tensors[self.head["bins"]]
        whole = logits[:, : len(bins)].long()
        below = whole.amax(1, keepdim=True) - whole
        steps = torch.arange(SOFTMAX_TABLE, dtype=torch.float64)
        table = torch.round(SOFTMAX_UNIT * torch.exp(-steps / (LOGIT * float(np.float32(
            temperature or self.head["temperature"])))))
        weight = torch.where(below < SOFTMAX_TABLE, table[below.clamp(max=SOFTMAX_TABLE - 1)], 0.0)
        mean = torch.einsum("nchw,cd->ndhw", weight, torch.round(bins * BIN_UNIT).double())
        mean = (mean / (weight.sum(1, keepdim=True) * BIN_UNIT)).float()
        if self.head["type"] == "classes":
            return mean
        regressed = logits[:, len(bins) :] * _float32(self.head["scale"] / LOGIT)
        return mean + _float32(self.head["blend"]) * (regressed - mean)
