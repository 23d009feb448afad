# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the nodes of a network from its configuration.

MLEU (Nguyen-Quynh, Do, Kim 2020): a U-Net whose every encoder level is concatenated with the features that an ImageNet
network has of the same picture at the same resolution.
"""

import numpy as np
import torch


class Builder:
    """Collects nodes; every method returns the new node's name. `channels` knows the width of each."""

    def __init__(self):
        self.nodes = [{"name": "L", "op": "input"}]
        self.channels = {"L": 1}

    def add(self, name, op, inputs, channels, **fields):
        self.nodes.append({"name": name, "op": op, "input": list(inputs), **fields})
        self.channels[name] = channels
        return name

    def conv(self, name, x, out, kernel=3, stride=1, norm=True, activation="relu", groups=1, padding=None):
        side = kernel // 2
        return self.add(
            name, "conv2d", [x], out, kernel=kernel, out=out, stride=stride, norm=norm, activation=activation,
            groups=groups, padding=padding or [side] * 4, **{"in": self.channels[x]})

    def concat(self, name, inputs):
        return self.add(name, "concat", inputs, sum(self.channels[x] for x in inputs))


class MobileNetV2:
    """MobileNetV2 1.0, batch norm folded, from a file of arrays NN_conv_w, NN_dw_w, NN_conv_b, NN_stride, NN_act.

    TensorFlow's SAME padding: stride-2 layers pad nothing before and 1 after. The taps are the last block outputs at
    H/2 .. H/32 with 16, 24, 32, 96, 320 channels.
    """

    LAYERS = 51

    def __init__(self, path):
        self.arrays = np.load(path)
        self.weights = {}

    def _layer(self, builder, x, i):
        depthwise = f"{i:02d}_dw_w" in self.arrays.files
        stem = f"{i:02d}_{'dw' if depthwise else 'conv'}"
        weight, bias = torch.tensor(self.arrays[stem + "_w"]), torch.tensor(self.arrays[stem + "_b"])
        if i == 0:
            # The picture is grey: its three equal channels are one, with the summed weights.
            weight = weight.sum(1, keepdim=True)
        stride, kernel = int(self.arrays[f"{i:02d}_stride"]), weight.shape[2]
        padding = [0, 0, 1, 1] if stride == 2 else [kernel // 2] * 4
        activation = "relu6" if int(self.arrays[f"{i:02d}_act"]) == 3 else "none"
        name = f"embed.{i:02d}"
        builder.conv(name, x, weight.shape[0], kernel, stride, norm=False, activation=activation,
                     groups=weight.shape[0] if depthwise else 1, padding=padding)
        self.weights[name] = (weight, bias)
        return name

    def build(self, builder, x):
        """Adds the layers; returns the names of the five taps, finest first."""
        taps = []
        for i in range(3):
            x = self._layer(builder, x, i)
        for i in range(3, self.LAYERS, 3):
            strided = int(self.arrays[f"{i + 1:02d}_stride"]) == 2
            if strided:
                taps.append(x)
            y = x
            for layer in range(i, i + 3):
                y = self._layer(builder, y, layer)
            if not strided and builder.channels[y] == builder.channels[x]:
                y = builder.add(f"embed.{i + 2:02d}.add", "add", [x, y], builder.channels[y], activation="none")
            x = y
        return taps + [x]


def find_encoder(data):
    """The ImageNet network in DATA/encoders."""
    files = sorted((data / "encoders").glob("mobilenet_v2*.npz"))
    if not files:
        raise SystemExit(f"{data}/encoders: no mobilenet_v2*.npz in this folder")
    return files[0]


def build_mleu(config, encoder_path):
    """MLEU with a MobileNetV2 embedding, encoder levels at H/2 .. H/32, decoder to H/4.

    Returns the nodes and the ImageNet weights by node name. The decoder's up-convolutions are 1x1, which commute with
    the nearest-neighbour enlargement and so run before it at a quarter of the cost.
    """
    builder = Builder()
    x = builder.add("x", "affine", ["L"], 1, scale=0.02, offset=-1.0)
    embedding = MobileNetV2(encoder_path)
    taps = embedding.build(builder, x)
    skips = []
    for level, (width, tap) in enumerate(zip(config["encoder"], taps)):
        x = builder.conv(f"enc{level}.a", x, width, stride=2)
        x = builder.conv(f"enc{level}.b", x, width)
        x = builder.concat(f"enc{level}", [x, tap])
        skips.append(x)
    x = builder.conv("bottleneck", x, config["bottleneck"])
    for width, level in zip(config["decoder"], (3, 2, 1)):
        x = builder.conv(f"dec{level}.up", x, width, kernel=1)
        x = builder.add(f"dec{level}.x2", "upsample", [x], width, factor=2)
        x = builder.concat(f"dec{level}.merge", [x, skips[level]])
        x = builder.conv(f"dec{level}.a", x, width)
        x = builder.conv(f"dec{level}.b", x, width)
    x = builder.conv("tail", x, config["tail"], kernel=1)
    builder.conv("logits", x, config["classes"], kernel=1, norm=False, activation="none")
    return builder.nodes, embedding.weights
