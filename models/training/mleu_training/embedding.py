# SPDX-License-Identifier: LGPL-2.1-or-later
"""ImageNet networks whose features MLEU's encoder embeds, as graph nodes with their weights.

Each reads the grey picture and offers `build(builder, lightness)`: it adds its nodes and returns its taps, finest first.
`weights` then has (weight, bias) by node name.
"""

import numpy as np
import torch


class VGG16:
    """VGG-16's convolutions (Simonyan and Zisserman 2014), from the file that import_vgg16.py writes.

    The taps are the last activations before every pooling: H .. H/16 with 64, 128, 256, 512, 512 channels.
    """

    CONVOLUTIONS = (2, 2, 3, 3, 3)
    # L* to (0..255 - mean of the three means that the original subtracts) / 100.
    SCALE, OFFSET = 0.0255, -1.14799
    FILES, FIRST_TAP = "vgg16*.npz", 1

    def __init__(self, path):
        self.arrays = np.load(path)
        self.weights = {}

    def build(self, builder, lightness):
        x = builder.add("embed.x", "affine", [lightness], 1, scale=self.SCALE, offset=self.OFFSET)
        taps = []
        for block, count in enumerate(self.CONVOLUTIONS, 1):
            if taps:
                x = builder.add(f"embed.pool{block - 1}", "maxpool", [x], builder.channels[x])
            for index in range(1, count + 1):
                name = f"embed.conv{block}_{index}"
                weight, bias = (torch.tensor(self.arrays[f"{block}_{index}_{kind}"]).float() for kind in "wb")
                x = builder.conv(name, x, weight.shape[0], norm=False)
                self.weights[name] = weight, bias
            taps.append(x)
        return taps


class MobileNetV2:
    """MobileNetV2 1.0 (Sandler et al. 2018), batch norm folded, from a file of arrays NN_conv_w, NN_dw_w, NN_conv_b,
    NN_stride, NN_act.

    TensorFlow's SAME padding: stride-2 layers pad nothing before and 1 after. The taps are the last block outputs at
    H/2 .. H/32 with 16, 24, 32, 96, 320 channels.
    """

    LAYERS = 51
    FILES, FIRST_TAP = "mobilenet_v2*.npz", 2

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
        self.weights[name] = weight, bias
        return name

    def build(self, builder, lightness):
        x = builder.add("embed.x", "affine", [lightness], 1, scale=0.02, offset=-1.0)
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


NETWORKS = {"vgg16": VGG16, "mobilenetv2": MobileNetV2}


def load(name, folder):
    """The embedding network `name` from the one file in `folder` that holds it."""
    if name not in NETWORKS:
        raise SystemExit(f'embedding "{name}": there is none of this name, only {", ".join(NETWORKS)}')
    network = NETWORKS[name]
    files = sorted(folder.glob(network.FILES))
    if not files:
        raise SystemExit(f"{folder}: no {network.FILES} in this folder")
    return network(files[0])
