# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the nodes of a network from its configuration.

MLEU (Nguyen-Quynh, Do, Kim 2020): a U-Net whose every encoder level is concatenated with the features that an ImageNet
network has of the same picture at the same resolution. Zhang et al. 2016: a VGG-like stack with dilations, to compare.
"""

from . import embedding


class Builder:
    """Collects nodes; every method returns the new node's name. `channels` knows the width of each."""

    def __init__(self):
        self.nodes = [{"name": "L", "op": "input"}]
        self.channels = {"L": 1}

    def add(self, name, op, inputs, channels, **fields):
        self.nodes.append({"name": name, "op": op, "input": list(inputs), **fields})
        self.channels[name] = channels
        return name

    def conv(self, name, x, out, kernel=3, stride=1, norm=True, activation="relu", groups=1, padding=None, dilation=1):
        side = kernel // 2 * dilation
        return self.add(
            name, "conv2d", [x], out, kernel=kernel, out=out, stride=stride, norm=norm, activation=activation,
            groups=groups, dilation=dilation, padding=padding or [side] * 4, **{"in": self.channels[x]})

    def up(self, name, x, out):
        """Twice the size, by a transposed convolution 4x4."""
        return self.add(name, "conv_transpose2d", [x], out, kernel=4, out=out, stride=2, norm=True, activation="relu",
                        padding=[1, 1, 1, 1], **{"in": self.channels[x]})

    def concat(self, name, inputs):
        return self.add(name, "concat", inputs, sum(self.channels[x] for x in inputs))


def _mleu(builder, config, network):
    """The U-Net. Level 1 is at H, level 2 at H/2 and so on; `encoder` has the widths from the embedding's first tap on.

    Every level: the encoder's two convolutions, concatenated with the tap, which a 1x1 convolution brings to the widths
    of `embedded` where that is given. Without an embedding the levels stay where they are. The bottleneck is at H/32, which
    VGG-16's last tap is not and MobileNetV2's is. The decoder goes up as far as `decoder` has widths. Its up-convolutions are 1x1, which commute with the nearest-neighbour enlargement and so run
    before it at a quarter of the cost.
    """
    first = network.FIRST_TAP if network else config.get("first_level", 1)
    taps = network.build(builder, "L") if network else None
    for node in builder.nodes[1:]:
        if not config["embedding"]["trained"]:
            node["frozen"] = True
        elif node["op"] == "conv2d":
            node["norm"] = config["embedding"].get("normalized", False)
    x = builder.add("x", "affine", ["L"], 1, scale=0.02, offset=-1.0)
    skips = {}
    for i, width in enumerate(config["encoder"]):
        level = first + i
        x = builder.conv(f"enc{level}.a", x, width, stride=1 if level == 1 else 2)
        x = builder.conv(f"enc{level}.b", x, width)
        if taps:
            tap = taps[i]
            if "embedded" in config:
                tap = builder.conv(f"embed{level}", tap, config["embedded"][i], kernel=1)
            x = builder.concat(f"enc{level}", [x, tap])
        skips[level] = x
    stride = 2 if level == 5 else 1
    for i, width in enumerate(config["bottleneck"]):
        x = builder.conv(f"bottleneck.{'ab'[i]}", x, width, stride=stride)
        stride = 1
    level = 6
    for width in config["decoder"]:
        level -= 1
        x = builder.conv(f"dec{level}.up", x, width, kernel=1)
        x = builder.add(f"dec{level}.x2", "upsample", [x], width, factor=2)
        x = builder.concat(f"dec{level}.merge", [x, skips[level]])
        x = builder.conv(f"dec{level}.a", x, width)
        x = builder.conv(f"dec{level}.b", x, width)
    return builder.conv("tail", x, config["tail"], kernel=config["tail_kernel"])


def _zhang2016(builder, config):
    """Zhang, Isola, Efros 2016, table of their appendix: eight blocks, dilation 2 in the fifth and sixth, output at H/4.

    `width` multiplies the paper's widths. Batch norm ends every block there; here it follows every convolution.
    """
    def wide(channels):
        return round(channels * config["width"])

    x = builder.add("x", "affine", ["L"], 1, scale=0.02, offset=-1.0)
    blocks = (  # channels, convolutions, stride of the last, dilation
        (64, 2, 2, 1), (128, 2, 2, 1), (256, 3, 2, 1), (512, 3, 1, 1), (512, 3, 1, 2), (512, 3, 1, 2), (512, 3, 1, 1))
    for block, (channels, count, stride, dilation) in enumerate(blocks, 1):
        for index in range(1, count + 1):
            x = builder.conv(f"conv{block}_{index}", x, wide(channels), stride=stride if index == count else 1,
                             dilation=dilation)
    x = builder.up("conv8_1", x, wide(256))
    for index in (2, 3):
        x = builder.conv(f"conv8_{index}", x, wide(256))
    return x


def build(config, encoders):
    """The nodes of a configuration's network, and its ImageNet weights by node name (empty without an embedding).

    The last node is the output: a logit for every colour class, then a*, b* where the head regresses.
    """
    builder, weights = Builder(), {}
    if config["architecture"] == "mleu":
        network = embedding.load(config["embedding"]["network"], encoders) if config.get("embedding") else None
        x = _mleu(builder, config, network)
        weights = network.weights if network else {}
    elif config["architecture"] == "zhang2016":
        x = _zhang2016(builder, config)
    else:
        raise SystemExit(f'{config["name"]}: unknown architecture "{config["architecture"]}"')
    head = config["head"]
    outputs = {"classes": config.get("classes", 0), "regression": 2, "combined": config.get("classes", 0) + 2}
    if head not in outputs:
        raise SystemExit(f'{config["name"]}: unknown head "{head}"')
    builder.conv("output", x, outputs[head], kernel=1, norm=False,
                 activation="tanh" if head == "regression" else "none")
    return builder.nodes, weights
