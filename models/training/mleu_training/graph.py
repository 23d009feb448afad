# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network as a list of graph nodes (models/FORMAT.md), and the PyTorch module that executes it.

The same list is trained, exported and read by the C library, so that there is one description of a network. While
training, a convolution may carry a batch norm (`"norm": true`); export folds it.
"""

import torch
import torch.nn.functional as F
from torch import nn

_DEFAULTS = {"stride": 1, "dilation": 1, "groups": 1, "padding": [0, 0, 0, 0], "activation": "none"}


def field(node, name):
    """A field of a node, or its default."""
    return node.get(name, _DEFAULTS.get(name))


def _key(name):
    """A node's name as a key of nn.ModuleDict, which allows no dot."""
    return name.replace(".", "_")


def activate(x, kind):
    if kind == "none":
        return x
    return {"relu": F.relu, "relu6": F.relu6, "tanh": torch.tanh}[kind](x)


def pad_and_rest(node):
    """Padding that convolution does itself (symmetric), and what has to be padded before (left, right, top, bottom)."""
    top, left, bottom, right = field(node, "padding")
    if top == bottom and left == right:
        return (top, left), None
    return (0, 0), (left, right, top, bottom)


def run_node(node, inputs, weight=None, bias=None, scale=None, offset=None):
    """One node of FORMAT.md on [n, c, h, w] tensors."""
    op, x = node["op"], inputs[0]
    if op == "affine":
        shape = (1, -1, 1, 1)
        scale = node["scale"] if scale is None else scale.view(shape)
        offset = node["offset"] if offset is None else offset.view(shape)
        return x * scale + offset
    if op == "conv2d":
        own, before = pad_and_rest(node)
        x = x if before is None else F.pad(x, before)
        x = F.conv2d(x, weight, bias, field(node, "stride"), own, field(node, "dilation"), field(node, "groups"))
    elif op == "conv_transpose2d":
        x = F.conv_transpose2d(x, weight, bias, field(node, "stride"))
        top, left, bottom, right = field(node, "padding")
        x = x[..., top : x.shape[2] - bottom, left : x.shape[3] - right]
    elif op == "add":
        x = x + inputs[1]
    elif op == "concat":
        return torch.cat(inputs, 1)
    elif op == "upsample":
        return F.interpolate(x, scale_factor=node["factor"], mode="nearest")
    elif op == "maxpool":
        return F.max_pool2d(x, 2)
    else:
        raise ValueError(f"node {node['name']}: unknown operator {op}")
    return activate(x, field(node, "activation"))


class GraphModule(nn.Module):
    """Executes a list of nodes; parameters are created from the nodes' own sizes (`in`, `out`, `kernel`)."""

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes
        self.names = {}
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for node in nodes:
            if node["op"] != "conv2d":
                continue
            norm = node.get("norm", False)
            key = _key(node["name"])
            self.names[key] = node["name"]
            self.convolutions[key] = nn.Conv2d(
                node["in"], node["out"], node["kernel"], groups=field(node, "groups"), bias=not norm)
            if norm:
                self.norms[key] = nn.BatchNorm2d(node["out"])
        last = {}
        for i, node in enumerate(nodes):
            for name in node.get("input", ()):
                last[name] = i
        self.last_use = last

    def forward(self, lightness):
        """[n, 1, h, w] L* -> [n, channels, h', w']: the last node's output."""
        values = {}
        for i, node in enumerate(self.nodes):
            if node["op"] == "input":
                values[node["name"]] = lightness
                continue
            inputs = [values[name] for name in node["input"]]
            if node["op"] == "conv2d":
                key = _key(node["name"])
                convolution = self.convolutions[key]
                if key in self.norms:
                    x = run_node({**node, "activation": "none"}, inputs, convolution.weight)
                    x = activate(self.norms[key](x), field(node, "activation"))
                else:
                    x = run_node(node, inputs, convolution.weight, convolution.bias)
            else:
                x = run_node(node, inputs)
            values[node["name"]] = x
            for name in node["input"]:
                if self.last_use[name] == i:
                    del values[name]
        return x

    def owner(self, parameter):
        """The node that a parameter of named_parameters() belongs to."""
        return self.names[parameter.split(".")[1]]

    def load(self, weights):
        """Sets convolutions from name -> (weight, bias)."""
        with torch.no_grad():
            for name, (weight, bias) in weights.items():
                convolution = self.convolutions[_key(name)]
                convolution.weight.copy_(weight)
                convolution.bias.copy_(bias)

    def folded(self):
        """Name -> (weight, bias) of every convolution, batch norm folded in, float32."""
        result = {}
        for node in self.nodes:
            if node["op"] != "conv2d":
                continue
            key = _key(node["name"])
            convolution = self.convolutions[key]
            weight, bias = convolution.weight.detach().double(), convolution.bias
            if key in self.norms:
                norm = self.norms[key]
                factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight = weight * factor[:, None, None, None]
                bias = norm.bias.detach().double() - norm.running_mean.double() * factor
            result[node["name"]] = (weight.float(), bias.detach().float())
        return result
