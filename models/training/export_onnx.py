#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a model file as ONNX (opset 13), for other runtimes.

    export_onnx.py ../NAME.safetensors NAME.onnx

Input "lightness": float32 [n, 1, h, w] CIE L* 0..100, h and w multiples of 32. Output "ab": float32 [n, 2, h', w'] a*, b*
with the model's own temperature and saturation applied. The weights become float32. Needs the package onnx.
"""

import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mleu_training.graph import field
from run_model import Model


class OnnxGraph:
    """Collects ONNX nodes and constants; every method returns the name of what it made."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op, inputs, name=None, **attributes):
        name = name or f"{op}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def factor(self, x, value):
        return self.add("Mul", [x, self.constant(np.float32(value))])

    def activation(self, x, kind, name):
        if kind == "relu6":
            return self.add("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))], name)
        return self.add({"none": "Identity", "relu": "Relu", "tanh": "Tanh"}[kind], [x], name)


def per_channel(value):
    """A number or one value per channel, to be broadcast over [n, c, h, w]."""
    return np.asarray(value, np.float32).reshape(1, -1, 1, 1)


def add_node(onnx_graph, model, node):
    """One node of the model; its output has the node's name."""
    op, name, inputs = node["op"], node["name"], list(node.get("input", ()))

    def tensor(key):
        return model.tensors[node[key]].numpy() if isinstance(node.get(key), str) else node.get(key)

    if op == "input":
        onnx_graph.add("Identity", ["lightness"], name)
    elif op == "affine":
        scaled = onnx_graph.add("Mul", [inputs[0], onnx_graph.constant(per_channel(tensor("scale")))])
        onnx_graph.add("Add", [scaled, onnx_graph.constant(per_channel(tensor("offset")))], name)
    elif op in ("conv2d", "conv_transpose2d"):
        parameters = [onnx_graph.constant(tensor(key)) for key in ("weight", "bias") if key in node]
        stride, dilation = field(node, "stride"), field(node, "dilation")
        result = onnx_graph.add(
            "Conv" if op == "conv2d" else "ConvTranspose", [inputs[0], *parameters], strides=[stride] * 2,
            dilations=[dilation] * 2, group=field(node, "groups"), pads=field(node, "padding"))
        onnx_graph.activation(result, field(node, "activation"), name)
    elif op == "add":
        onnx_graph.activation(onnx_graph.add("Add", inputs), field(node, "activation"), name)
    elif op == "concat":
        onnx_graph.add("Concat", inputs, name, axis=1)
    elif op == "upsample":
        scales = onnx_graph.constant(np.array([1, 1, node["factor"], node["factor"]], np.float32))
        onnx_graph.add("Resize", [inputs[0], "", scales], name, mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")
    elif op == "maxpool":
        onnx_graph.add("MaxPool", inputs, name, kernel_shape=[2, 2], strides=[2, 2])
    else:
        raise SystemExit(f"node {name}: unknown operator {op}")


def add_head(onnx_graph, model):
    """From the last node to a*, b*."""
    head, x = model.head, model.head["input"]
    if head["type"] == "regression":
        ab = onnx_graph.factor(x, head["scale"])
    else:
        bins = model.tensors[head["bins"]].numpy()
        logits, regressed = x, None
        if head["type"] == "combined":
            sizes = onnx_graph.constant(np.array([len(bins), 2], np.int64))
            logits, regressed = "logits", "regressed"
            onnx_graph.nodes.append(helper.make_node("Split", [x, sizes], [logits, regressed], axis=1))
        probability = onnx_graph.add("Softmax", [onnx_graph.factor(logits, 1 / head["temperature"])], axis=1)
        # The mean over the classes is a 1x1 convolution with their a*, b* as weights.
        ab = onnx_graph.add("Conv", [probability, onnx_graph.constant(bins.T[:, :, None, None])])
        if regressed:
            share = head["blend"]
            ab = onnx_graph.add("Add", [onnx_graph.factor(ab, 1 - share),
                                        onnx_graph.factor(regressed, share * head["scale"])])
    onnx_graph.add("Mul", [ab, onnx_graph.constant(np.float32(head.get("saturation", 1)))], "ab")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("output")
    arguments = parser.parse_args()
    model = Model(arguments.model)
    onnx_graph = OnnxGraph()
    for node in model.graph["nodes"]:
        add_node(onnx_graph, model, node)
    add_head(onnx_graph, model)
    graph = helper.make_graph(
        onnx_graph.nodes, "mleu",
        [helper.make_tensor_value_info("lightness", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("ab", TensorProto.FLOAT, ["n", 2, None, None])],
        initializer=onnx_graph.constants)
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(result)
    onnx.save(result, arguments.output)


if __name__ == "__main__":
    main()
