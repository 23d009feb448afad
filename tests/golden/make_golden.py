#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the golden networks: small random models of every kind, an input each, and what PyTorch makes of it.

    tests/golden/make_golden.py        (needs PyTorch; the tests themselves do not)

Writes NAME.safetensors, and NAME.golden: uint32 width, height, grid width, grid height; float32 input L*, then a*, b*.
"""

import json
import pathlib
import struct
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models" / "training"))

import run_model  # noqa: E402
from mleu_training import safetensors  # noqa: E402
from mleu_training.quantized import QuantizedModel, fit_pairs, groups  # noqa: E402


class Net:
    """A graph and its tensors, with random weights scaled so that activations keep their size."""

    def __init__(self, seed, stride):
        self.random = torch.Generator().manual_seed(seed)
        self.nodes, self.tensors, self.width = [{"name": "L", "op": "input"}], {}, {"L": 1}
        self.stride = stride

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.random)

    def add(self, op, inputs, width, **fields):
        name = f"n{len(self.nodes)}"
        self.nodes.append({"name": name, "op": op, "input": inputs, **fields})
        self.width[name] = width
        return name

    def tensor(self, value, dtype=torch.float32):
        name = f"t{len(self.tensors)}"
        if dtype == torch.int8:
            scale = value.abs().amax(tuple(range(1, value.ndim))) / 127
            self.tensors[name] = (value / scale.view(-1, *[1] * (value.ndim - 1))).round().to(torch.int8)
            self.tensors[name + ".scale"] = scale
        else:
            self.tensors[name] = value.to(dtype)
        return name

    def start(self):
        return self.add("affine", ["L"], 1, scale=0.02, offset=-1.0)

    def conv(self, x, out, kernel=(3, 3), stride=1, dilation=1, groups=1, padding=None, activation="relu",
             dtype=torch.float32, bias=True):
        fan = self.width[x] // groups * kernel[0] * kernel[1]
        weight = self.normal(out, self.width[x] // groups, *kernel) * (2 / fan) ** 0.5
        fields = {"weight": self.tensor(weight, dtype), "activation": activation}
        if bias:
            fields["bias"] = self.tensor(self.normal(out) * 0.2)
        fields.update(stride=stride, dilation=dilation, groups=groups)
        reach = [dilation * (k - 1) for k in kernel]
        fields["padding"] = padding or [reach[0] // 2, reach[1] // 2, reach[0] - reach[0] // 2, reach[1] - reach[1] // 2]
        return self.add("conv2d", [x], out, **fields)

    def transpose(self, x, out, activation="none"):
        weight = self.normal(self.width[x], out, 4, 4) * (1 / (4 * self.width[x])) ** 0.5
        return self.add("conv_transpose2d", [x], out, weight=self.tensor(weight), bias=self.tensor(self.normal(out) * 0.2),
                        stride=2, padding=[1, 1, 1, 1], activation=activation)

    def concat(self, *inputs):
        return self.add("concat", list(inputs), sum(self.width[x] for x in inputs))

    def upsample(self, x, factor=2):
        return self.add("upsample", [x], self.width[x], factor=factor)

    def norm(self, x):
        """A batch norm after an activation, which no convolution can take in at its padded border."""
        return self.add("affine", [x], self.width[x], scale=self.tensor(1 + 0.2 * self.normal(self.width[x])),
                        offset=self.tensor(0.2 * self.normal(self.width[x])))

    def write(self, name, head, width, height, shared=(), quantization=None):
        """shared: names of tensors that lie in a file of their own, NAME-shared. quantization: as the file has it."""
        metadata = {}
        if shared:
            apart = {tensor: self.tensors.pop(tensor) for tensor in shared}
            beside = HERE / f"{name}-shared.safetensors"
            digest = safetensors.write(beside, apart, {"mleu.format": "1", "mleu.name": beside.stem})
            metadata = {"mleu.shared": beside.name, "mleu.shared.sha256": digest}
        graph = {"stride": self.stride, "nodes": self.nodes, "head": {"input": self.nodes[-1]["name"], **head}}
        if quantization:
            graph["quantization"] = quantization
        path = HERE / f"{name}.safetensors"
        safetensors.write(path, self.tensors, {"mleu.format": "1", "mleu.name": name, "mleu.graph": json.dumps(graph),
                                               **metadata})
        lightness = 100 * torch.rand(1, 1, height, width, generator=self.random)
        with torch.no_grad():
            ab = (QuantizedModel(graph, self.tensors) if quantization else run_model.Model(path)).ab(lightness)
        with open(HERE / f"{name}.golden", "wb") as out:
            out.write(struct.pack("<4I", width, height, ab.shape[3], ab.shape[2]))
            out.write(lightness.numpy().tobytes() + ab.numpy().tobytes())
        print(name, tuple(ab.shape), f"spread {ab.std():.1f}")


def classes(net, x, count=23):
    net.conv(x, count, (1, 1), padding=[0] * 4, activation="none")
    return {"type": "classes", "bins": net.tensor(60 * net.normal(count, 2)), "temperature": 0.38}


def mobile():
    """Depthwise blocks with ReLU6 and residuals embedded at every level; decoder to a quarter; I8 and BF16 weights."""
    net = Net(1, 16)
    x = net.start()
    embed = net.conv(x, 6, stride=2, padding=[0, 0, 1, 1], activation="relu6")
    taps = [embed]
    for stride in (2, 1, 2):
        y = net.conv(embed, 18, (1, 1), padding=[0] * 4, activation="relu6", dtype=torch.int8)
        y = net.conv(y, 18, stride=stride, groups=18, activation="relu6",
                     padding=[0, 0, 1, 1] if stride == 2 else [1] * 4)
        y = net.conv(y, 6, (1, 1), padding=[0] * 4, activation="none", dtype=torch.bfloat16)
        embed = net.add("add", [embed, y], 6, activation="none") if stride == 1 else y
        if stride == 1:
            taps.append(embed)
    taps.append(embed)
    skips = []
    for i, tap in enumerate(taps):
        x = net.conv(x, 5 + i, stride=2, padding=[1] * 4)
        x = net.concat(net.conv(x, 5 + i), tap)
        skips.append(x)
    x = net.conv(net.upsample(net.conv(x, 9, (1, 1), padding=[0] * 4)), 9)
    x = net.conv(net.concat(x, skips[1]), 12, dtype=torch.float16)
    net.write("mobile", classes(net, x), 64, 48)


def vgg():
    """Plain convolutions and max-pooling embedded at levels H, H/2, H/4; decoder to full resolution; regression."""
    net = Net(2, 8)
    x = embed = net.start()
    skips = []
    for level in range(3):
        if level > 0:
            embed = net.add("maxpool", [embed], net.width[embed])
        embed = net.conv(net.conv(embed, 4 + 2 * level), 4 + 2 * level)
        x = net.conv(net.conv(x, 4 + 2 * level, stride=1 if level == 0 else 2, padding=[1] * 4), 4 + 2 * level)
        x = net.concat(x, embed)
        skips.append(x)
    x = net.conv(net.conv(x, 12, stride=2, padding=[1] * 4), 12)
    for level in (2, 1, 0):
        x = net.concat(net.conv(net.upsample(x), 6), skips[level])
        x = net.conv(net.conv(x, 6), 6)
    net.conv(x, 2, (1, 1), padding=[0] * 4, activation="tanh")
    net.write("vgg", {"type": "regression", "scale": 110.0}, 40, 24)


def dilated():
    """Zhang et al. 2016 in small: batch norm after ReLU, dilated convolutions, a transposed one; half resolution."""
    net = Net(3, 8)
    x = net.start()
    x = net.norm(net.conv(net.conv(x, 6), 6, stride=2, padding=[1] * 4))
    x = net.norm(net.conv(net.conv(x, 8), 8, stride=2, padding=[1] * 4))
    for dilation in (2, 3):
        x = net.norm(net.conv(x, 10, dilation=dilation))
    x = net.transpose(x, 7, activation="relu")
    net.write("dilated", classes(net, x), 56, 32)


def shapes():
    """Odd kernels, groups, uneven padding, no bias, tensors read twice, one input of two concatenations, factor 3."""
    net = Net(4, 12)
    x = net.start()
    a = net.conv(x, 4, (5, 1), padding=[2, 0, 2, 0], activation="none")
    b = net.conv(x, 4, (1, 3), padding=[0, 2, 0, 0], bias=False)
    c = net.concat(a, b)
    d = net.conv(c, 6, (3, 3), groups=2, activation="relu6")
    e = net.concat(b, d, b)
    f = net.conv(e, 8, (2, 2), stride=2, padding=[0] * 4)
    g = net.conv(f, 8, (3, 3), stride=3, padding=[1, 0, 0, 2])
    h = net.upsample(g, 3)
    i = net.add("add", [f, h], 8, activation="relu")
    j = net.conv(net.concat(i, net.norm(i), h), 5, (7, 7), activation="tanh")
    net.write("shapes", classes(net, j, 5), 48, 36)


def combined():
    """Classes and regression in one head; the first convolution's weights in a file that other models may share."""
    net = Net(5, 8)
    x = net.conv(net.start(), 6, stride=4, padding=[1] * 4, dtype=torch.int8)
    first = list(net.tensors)
    net.conv(net.conv(x, 8), 23 + 2, (1, 1), padding=[0] * 4, activation="none")
    head = {"type": "combined", "bins": net.tensor(60 * net.normal(23, 2)), "temperature": 0.6, "scale": 20.0,
            "blend": 0.3}
    net.write("combined", head, 56, 40, shared=first)


def quantized():
    """8-bit: every operator that has such a form, zeros that are not 0, a concatenation within one and one that copies."""
    net = Net(6, 8)
    x = net.start()
    a = net.conv(x, 7, stride=2, padding=[1] * 4, dtype=torch.int8)
    b = net.conv(a, 7, groups=7, activation="relu6", dtype=torch.int8)
    b = net.conv(b, 7, (5, 5), groups=7, activation="none", dtype=torch.int8)
    c = net.add("add", [a, b], 7, activation="relu")
    d = net.concat(c, b)
    e = net.concat(d, a)
    f = net.add("maxpool", [e], net.width[e])
    g = net.conv(f, 18, dilation=2, dtype=torch.int8)
    h = net.conv(net.upsample(g), 19, (1, 1), padding=[0] * 4, activation="none", dtype=torch.int8)
    i = net.conv(net.concat(h, e), 21, padding=[0, 0, 1, 1], stride=2, dtype=torch.int8, bias=False)
    net.conv(i, 23 + 2, (1, 1), padding=[0] * 4, activation="none", dtype=torch.int8)
    for node in net.nodes:
        if node["op"] == "conv2d" and node["groups"] == 1:
            fit_pairs(net.tensors[node["weight"]])
    # What a concatenation, an enlargement and a pooling join has one scale.
    joined, scales = groups(net.nodes), {}
    for node in net.nodes[1:-1]:
        scales.setdefault(joined[node["name"]], [0.02 + 0.003 * len(scales), 40 * (len(scales) % 3)])
    quantization = {node["name"]: scales[joined[node["name"]]] for node in net.nodes[1:-1]}
    head = {"type": "combined", "bins": net.tensor(60 * net.normal(23, 2)), "temperature": 0.6, "scale": 20.0,
            "blend": 0.3}
    net.write("quantized", head, 56, 40, quantization=quantization)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for make in (mobile, vgg, dilated, shapes, combined, quantized):
        make()
