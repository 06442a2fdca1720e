"""Writes src/onnx/descriptor.generated.ts from the description of ONNX's messages in PyPI's onnx package.

Usage: pip install onnx && python scripts/onnx-descriptor.py
"""

import base64
import pathlib
import textwrap

import onnx
from google.protobuf import descriptor_pb2
from onnx import onnx_ml_pb2

FILE = pathlib.Path(__file__).parent.parent / "src/onnx/descriptor.generated.ts"


def main() -> None:
    described = descriptor_pb2.FileDescriptorProto()
    described.ParseFromString(onnx_ml_pb2.DESCRIPTOR.serialized_pb)
    described.name = "onnx.proto"
    index = [m.name for m in described.message_type].index("ModelProto")
    text = base64.b64encode(described.SerializeToString()).decode().rstrip("=")
    lines = " +\n".join(f"  '{line}'" for line in textwrap.wrap(text, 100))
    FILE.write_text(
        f"// Written by scripts/onnx-descriptor.py from onnx {onnx.__version__} of PyPI (Apache-2.0): change nothing here.\n\n"
        "/** Which of the messages is ModelProto. */\n"
        f"export const MODEL = {index}\n\n"
        "/** onnx.proto, as a FileDescriptorProto in base64. */\n"
        f"export const DESCRIPTOR =\n{lines}\n"
    )


if __name__ == "__main__":
    main()
