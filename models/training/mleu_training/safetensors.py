# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes and reads the model file of models/FORMAT.md (a safetensors file; see there)."""

import hashlib
import json
import os
import pathlib
import struct

import torch

_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I8": torch.int8}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def write(path, tensors, metadata):
    """Writes through a temporary file, so that `path` never holds half a model. Adds the SHA-256 of the data, and
    returns it."""
    header, data = {}, bytearray()
    for name, tensor in tensors.items():
        raw = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    sha256 = hashlib.sha256(data).hexdigest()
    header["__metadata__"] = {**metadata, "mleu.sha256": sha256}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    part = f"{path}.part"
    with open(part, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)
    os.replace(part, path)
    return sha256


def digest(path):
    """The SHA-256 of a file's data, as its header states it; None where there is no such file."""
    if not path.exists():
        return None
    return _read_one(path)[1]["mleu.sha256"]


def _read_one(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__")
    if hashlib.sha256(data).hexdigest() != metadata["mleu.sha256"]:
        raise SystemExit(f"{path}: the weights do not have the SHA-256 of the header: the file is damaged")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data[begin:end], dtype=_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


def read(path):
    """Name -> tensor, those of the shared file included, and the metadata."""
    path = pathlib.Path(path)
    tensors, metadata = _read_one(path)
    if "mleu.shared" in metadata:
        shared, its = _read_one(path.parent / metadata["mleu.shared"])
        if its["mleu.sha256"] != metadata["mleu.shared.sha256"]:
            raise SystemExit(f"{path}: {metadata['mleu.shared']} holds other weights than the model was made with")
        tensors |= shared
    return tensors, metadata


def quantise(weight):
    """float32 [out, ...] -> int8 of the same shape and the float32 scale [out]: weight = int8 x scale."""
    largest = weight.abs().amax(tuple(range(1, weight.ndim)))
    # A channel that sees nothing has a bias all the same, which has to be a number of its units.
    scale = torch.maximum(largest, (1e-4 * largest.max()).clamp(min=1e-12)) / 127
    return (weight / scale.view(-1, *[1] * (weight.ndim - 1))).round().to(torch.int8), scale
