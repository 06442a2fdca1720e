"""The net of examples/serve as an ONNX file, for bench/serve.mjs: python serve_onnx.py net.safetensors net.onnx"""
import json
import struct
import sys

import torch
from torch import nn


def load(path):
    """A safetensors file, by its format: the length of the header, the header, the values."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        values = file.read()
    types = {"F32": torch.float32, "I64": torch.int64}
    state = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(values[start:end]), dtype=types[entry["dtype"]])
        state[name] = flat.reshape(entry["shape"])
    return state


source, target = sys.argv[1:]
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Linear(100, 10))
net.load_state_dict(load(source))
torch.onnx.export(
    net.eval(),
    (torch.randn(2, 784),),
    target,
    input_names=["x"],
    output_names=["y"],
    dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
    # The one that needs no package besides PyTorch.
    dynamo=False,
)
