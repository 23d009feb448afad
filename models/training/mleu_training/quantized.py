# SPDX-License-Identifier: LGPL-2.1-or-later
"""Quantised networks (models/FORMAT.md, "Quantised"): scales, weights, and the run in whole numbers as the C library does it."""

import numpy as np
import torch
import torch.nn.functional as F

from . import graph, safetensors

LOGIT = 64  # logits are whole numbers of 1 / LOGIT
SOFTMAX_UNIT, SOFTMAX_TABLE = 65536, 5 * 12 * 64
BIN_UNIT = 64


def _float32(value):
    return torch.as_tensor(value, dtype=torch.float32)


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


def find_ranges(nodes, tensors, pictures, tail):
    """Name -> (low, high) of its group's values on the pictures [n, 1, h, w], `tail` of them cut off at either end."""
    leader, lows, highs = groups(nodes), {}, {}
    for lightness in pictures:
        for name, value in graph.run_nodes(nodes, tensors, lightness).items():
            flat = value.flatten()
            kept = min(max(int(len(flat) * tail), 1), len(flat))
            lows.setdefault(name, []).append(-float((-flat).topk(kept).values[-1]))
            highs.setdefault(name, []).append(float(flat.topk(kept).values[-1]))
    ranges = {}
    for name in lows:
        # The furthest of the pictures' own ends: a scene of its own kind is not cut off for the others.
        low, high = min(np.min(lows[name]), 0.0), max(np.max(highs[name]), 1e-6)
        before = ranges.get(leader[name], (0.0, 1e-6))
        ranges[leader[name]] = min(before[0], low), max(before[1], high)
    return {name: ranges[leader[name]] for name in leader}


def scale_and_zero(low, high):
    """Of 8-bit values that reach from low <= 0 to high; a range without negatives has zero 0."""
    scale = (high - low) / 255
    return [float(np.float32(scale)), int(round(-low / scale))]


def fit_pairs(weight):
    """int8 [out, in, kh, kw], neighbouring inputs 2i and 2i + 1 of one sign cut to a sum of at most 128; in place.

    Returns how many pairs were cut, as a tensor: asking for the number would make a GPU wait.
    """
    even, odd = weight[:, 0 : weight.shape[1] // 2 * 2 : 2].int(), weight[:, 1::2].int()
    over = torch.where((even > 0) == (odd > 0), (even.abs() + odd.abs() - 128).clamp(min=0), 0)
    # Half from each, so that neither is bent more than it has to be.
    even = even - even.sign() * ((over + 1) // 2)
    odd = odd - odd.sign() * (over // 2)
    weight[:, 0 : weight.shape[1] // 2 * 2 : 2], weight[:, 1::2] = even.to(torch.int8), odd.to(torch.int8)
    return (over > 0).sum()


def quantise_weight(weight, groups):
    """float32 [out, ...] -> int8 that keeps to the rules, the float32 scale [out], and how many pairs were cut."""
    whole, scale = safetensors.quantise(weight)
    return whole, scale, fit_pairs(whole) if groups == 1 else 0


class FakeQuantizedModule(graph.GraphModule):
    """A network without batch norm that computes in float32 what its quantised form will, up to the rounding of sums.

    Gradients pass the rounding as if it were not there (Jacob et al. 2018), and end where a value is cut off.
    quantization: name -> [scale, zero], as in the file; it stays as it is.
    """

    def __init__(self, nodes, quantization):
        super().__init__([{**node, "norm": False} for node in nodes])
        self.quantization = quantization

    def _node(self, node, inputs):
        if node["op"] in ("concat", "upsample", "maxpool"):
            return graph.run_node(node, inputs)
        if node["op"] == "conv2d":
            convolution = self.convolutions[self.key(node)]
            whole, scale, _ = quantise_weight(convolution.weight.detach(), node["groups"])
            rounded = whole.float() * scale.view(-1, 1, 1, 1)
            x = graph.run_node(node, inputs, convolution.weight + (rounded - convolution.weight).detach(),
                               convolution.bias)
        else:
            x = graph.run_node(node, inputs)
        if node["name"] not in self.quantization:
            return x
        scale, zero = self.quantization[node["name"]]
        return torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, 0, 255)


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

    def run_node(self, node, inputs):
        """One node but the last; values are bytes as float64, but for the input's."""
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

    def logits(self, lightness):
        """[n, 1, h, w] L* -> the last node's output, in units of 1 / LOGIT."""
        values = {}
        for node in self.nodes[:-1]:
            values[node["name"]] = lightness if node["op"] == "input" else self.run_node(
                node, [values[name] for name in node["input"]])
        last = self.nodes[-1]
        total, unit = self.sums(last, values[last["input"][0]])
        return (total.float() * _float32(unit * LOGIT).view(1, -1, 1, 1)).clamp(-32767, 32767).round()

    def ab(self, lightness, temperature=None):
        """[n, 1, h, w] L* -> [n, 2, h', w'] a*, b*, without the saturation factor."""
        logits = self.logits(lightness)
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
