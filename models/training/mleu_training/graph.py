# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network as a list of graph nodes (models/FORMAT.md), and the PyTorch module that executes it.

The same list is trained, exported and read by the C library, so that there is one description of a network. While
training, a convolution may carry a batch norm (`"norm": true`); export folds it.
"""

import torch
import torch.nn.functional as F
from torch import nn

DEFAULTS = {"stride": 1, "dilation": 1, "groups": 1, "padding": [0, 0, 0, 0], "activation": "none"}


def field(node, name):
    """A field of a node, or its default."""
    return node.get(name, DEFAULTS.get(name))


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


def run_nodes(nodes, tensors, lightness):
    """Name -> value of every node of a file, in float32. tensors: name -> what the nodes' fields name."""
    values = {}
    for node in nodes:
        if node["op"] == "input":
            values[node["name"]] = lightness
            continue
        own = {key: tensors[node[key]] for key in ("weight", "bias", "scale", "offset") if isinstance(node.get(key), str)}
        values[node["name"]] = run_node(node, [values[name] for name in node["input"]], **own)
    return values


CONVOLUTIONS = {"conv2d": nn.Conv2d, "conv_transpose2d": nn.ConvTranspose2d}


def file_nodes(nodes):
    """Nodes as a file has them: tensors by name, defaults and what only training needs left out."""
    for node in nodes:
        file_node = {key: value for key, value in node.items()
                     if key not in ("in", "out", "kernel", "norm", "frozen") and value != DEFAULTS.get(key)}
        if node["op"] in CONVOLUTIONS:
            file_node["weight"], file_node["bias"] = node["name"] + ".weight", node["name"] + ".bias"
        yield file_node


class GraphModule(nn.Module):
    """Executes a list of nodes; parameters are created from the nodes' own sizes (`in`, `out`, `kernel`).

    Frozen nodes (`"frozen": true`) have no gradient and may be computed once for several networks (`frozen_values`).
    """

    def __init__(self, nodes):
        super().__init__()
        self.nodes = nodes
        self.names = {}
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for node in nodes:
            if node["op"] not in CONVOLUTIONS:
                continue
            norm = node.get("norm", False)
            key = _key(node["name"])
            self.names[key] = node["name"]
            groups = {"groups": node["groups"]} if "groups" in node else {}
            convolution = CONVOLUTIONS[node["op"]](node["in"], node["out"], node["kernel"], bias=not norm, **groups)
            self.convolutions[key] = convolution.requires_grad_(not node.get("frozen", False))
            if norm:
                self.norms[key] = nn.BatchNorm2d(node["out"])
        self.last_use = {name: i for i, node in enumerate(nodes) for name in node.get("input", ())}

    def frozen_names(self):
        """The frozen nodes whose value another node reads."""
        frozen = {node["name"] for node in self.nodes if node.get("frozen", False)}
        read = {name for node in self.nodes if node["name"] not in frozen for name in node.get("input", ())}
        return frozen & read

    def frozen_values(self, lightness):
        """[n, 1, h, w] L* -> name -> value of frozen_names()."""
        names = self.frozen_names()
        with torch.no_grad():
            values = self._run([n for n in self.nodes if n["op"] == "input" or n.get("frozen", False)],
                               {"L": lightness}, names)
        return {name: values[name] for name in names}

    def forward(self, lightness, frozen=None, sample=None):
        """[n, 1, h, w] L* -> [n, channels, h', w']: the last node's output.

        frozen: what frozen_values() gave, of this or of an equal embedding. sample = (step, y, x): the last node, a 1x1
        convolution, sees every step-th position only, from y, x on.
        """
        values = {"L": lightness, **(self.frozen_values(lightness) if frozen is None else frozen)}
        rest = [node for node in self.nodes[:-1] if not node.get("frozen", False)]
        values = self._run(rest, values, set(self.nodes[-1]["input"]))
        if sample:
            step, y, x = sample
            (name,) = self.nodes[-1]["input"]
            values[name] = values[name][:, :, y::step, x::step].contiguous(memory_format=torch.channels_last)
        return self._run(self.nodes[-1:], values, {self.nodes[-1]["name"]})[self.nodes[-1]["name"]]

    def _run(self, nodes, values, keep):
        """Runs `nodes` on the named values; drops what no later node reads and `keep` does not name."""
        for node in nodes:
            if node["op"] != "input":
                values[node["name"]] = self._node(node, [values[name] for name in node["input"]])
            for name in node.get("input", ()):
                if self.nodes[self.last_use[name]] is node and name not in keep:
                    del values[name]
        return values

    def _node(self, node, inputs):
        if node["op"] not in CONVOLUTIONS:
            return run_node(node, inputs)
        key = self.key(node)
        convolution = self.convolutions[key]
        if key not in self.norms:
            return run_node(node, inputs, convolution.weight, convolution.bias)
        x = run_node({**node, "activation": "none"}, inputs, convolution.weight)
        return activate(self.norms[key](x), field(node, "activation"))

    @staticmethod
    def key(node):
        """Of a node in `convolutions` and `norms`."""
        return _key(node["name"])

    def owner(self, parameter):
        """The node that a parameter of named_parameters() belongs to."""
        return self.names[parameter.split(".")[1]]

    def trained_state(self):
        """state_dict() without what is frozen."""
        frozen = {_key(node["name"]) for node in self.nodes if node.get("frozen", False)}
        return {name: value for name, value in self.state_dict().items() if name.split(".")[1] not in frozen}

    def load(self, weights):
        """Sets convolutions from name -> (weight, bias)."""
        with torch.no_grad():
            for name, (weight, bias) in weights.items():
                convolution = self.convolutions[_key(name)]
                convolution.weight.copy_(weight)
                convolution.bias.copy_(bias)

    def unfold(self, weights, pictures):
        """Sets convolutions and batch norms from folded name -> (weight, bias), so that they compute what these do: all, or
        as many as come first.

        A norm gets the mean and the spread that its convolution has on the pictures, [n, 1, h, w] each, and its weights
        the size of freshly made ones: training goes on as if it had always been there.
        """
        values = {"L": torch.cat(pictures)}
        with torch.no_grad():
            for node in self.nodes[1:]:
                inputs = [values[name] for name in node["input"]]
                if node["op"] not in CONVOLUTIONS:
                    values[node["name"]] = run_node(node, inputs)
                    continue
                if node["name"] not in weights:
                    break
                key = self.key(node)
                convolution = self.convolutions[key]
                weight, bias = (value.to(convolution.weight.device) for value in weights[node["name"]])
                plain = run_node({**node, "activation": "none"}, inputs, weight)
                values[node["name"]] = activate(plain + bias.view(1, -1, 1, 1), field(node, "activation"))
                if key not in self.norms:
                    convolution.weight.copy_(weight)
                    convolution.bias.copy_(bias)
                    continue
                channel = (-1, 1, 1, 1) if node["op"] == "conv2d" else (1, -1, 1, 1)
                size = weight.square().mean([i for i in range(4) if channel[i] == 1]).sqrt().clamp(min=1e-12)
                factor = convolution.weight.square().mean().sqrt() / size
                norm = self.norms[key]
                convolution.weight.copy_(weight * factor.view(channel))
                norm.running_mean.copy_(plain.mean((0, 2, 3)) * factor)
                norm.running_var.copy_(plain.var((0, 2, 3)) * factor.square())
                norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps) / factor)
                norm.bias.copy_(bias + norm.running_mean / factor)

    def folded(self):
        """Name -> (weight, bias) of every convolution, batch norm folded in, float32."""
        result = {}
        for node in self.nodes:
            if node["op"] not in CONVOLUTIONS:
                continue
            key = _key(node["name"])
            convolution = self.convolutions[key]
            weight, bias = convolution.weight.detach().double(), convolution.bias
            if key in self.norms:
                norm = self.norms[key]
                factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
                # A transposed convolution's weight is [in, out, kh, kw].
                weight = weight * factor.view((-1, 1, 1, 1) if node["op"] == "conv2d" else (1, -1, 1, 1))
                bias = norm.bias.detach().double() - norm.running_mean.double() * factor
            result[node["name"]] = (weight.float(), bias.detach().float())
        return result
