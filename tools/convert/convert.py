#!/usr/bin/env python3
"""Turns a checkpoint into safetensors, which Heddle reads.

    convert.py IN OUT.safetensors [--part NAME] [--strip PREFIX] [--drop PATTERN ...] [--names TABLE.csv]

IN is a checkpoint of PyTorch (.pth, .pth.tar, .pt, .bin) or an ONNX file. Tensors keep their names, shapes, and number format.

  --part NAME      take this dictionary of the checkpoint, as net, model or state_dict; without it the only one with tensors, or
                   one of these three names
  --strip PREFIX   remove this from the beginning of names that have it, as module.
  --drop PATTERN   leave out tensors whose names match, as '*.num_batches_tracked'
  --names TABLE    for ONNX: a table with the columns onnx_initialiser,name,change that says which initialisers to take, what to
                   call them, and whether to transpose them (change is empty or transpose)

Needs Python 3.8 and no package. Nothing that a checkpoint contains is run: see checkpoint.py.
"""

import argparse
import csv
import fnmatch
import json
import os
import struct
import sys
import tempfile

import checkpoint
import onnx_file
from checkpoint import Tensor

SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
CELLS = {1: "B", 2: "H", 4: "I", 8: "Q"}   # of so many bytes, whatever they mean


def state(content, part):
    """The dictionary of tensors inside a checkpoint."""
    if part is not None:
        content = content.get(part) if isinstance(content, dict) else None
        if not isinstance(content, dict):
            raise ValueError(f"the checkpoint has no part called {part}")
    if not isinstance(content, dict):
        raise ValueError("the checkpoint holds no dictionary of tensors")

    def count(value):
        return sum(isinstance(v, Tensor) for v in value.values()) if isinstance(value, dict) else 0

    if part is None and count(content) == 0:
        parts = {name: value for name, value in content.items() if count(value) > 0}
        known = [name for name in ("net", "model", "state_dict") if name in parts]
        chosen = list(parts) if len(parts) == 1 else known[:1]
        if not chosen:
            raise ValueError(f"the checkpoint has no tensors; its parts are {', '.join(map(str, content))}" if not parts
                             else f"choose a part with --part: {', '.join(map(str, parts))}")
        content = parts[chosen[0]]
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def transposed(t):
    if len(t.shape) != 2:
        raise ValueError("only matrices can be transposed")
    rows, columns = t.shape
    cells = memoryview(t.data).cast(CELLS[SIZES[t.dtype]])
    return Tensor(t.dtype, (columns, rows), b"".join(cells[c::columns].tobytes() for c in range(columns)))


def by_table(tensors, path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    result = {}
    for row in rows:
        source, name, change = row.get("onnx_initialiser"), row.get("name"), (row.get("change") or "").strip()
        if not source or not name or change not in ("", "transpose"):
            raise ValueError(f"{path}: expected onnx_initialiser,name,change with an empty change or transpose, got {row}")
        if source not in tensors:
            raise ValueError(f"{path}: the file has no initialiser called {source}; is it another release of the network?")
        result[name] = transposed(tensors[source]) if change else tensors[source]
    return result


def renamed(tensors, strip, drop):
    result = {}
    for name, value in tensors.items():
        short = name[len(strip):] if strip and name.startswith(strip) else name
        if any(fnmatch.fnmatchcase(short, pattern) for pattern in drop):
            continue
        if short in result:
            raise ValueError(f"two tensors would be called {short}")
        result[short] = value
    return result


def write(tensors, path):
    """All of the file or nothing: under a temporary name first."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        t = tensors[name]
        count = 1
        for n in t.shape:
            count *= n
        if count * SIZES[t.dtype] != len(t.data):
            raise ValueError(f"{name} has {len(t.data)} bytes, its shape {list(t.shape)} of {t.dtype} needs {count * SIZES[t.dtype]}")
        header[name] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [offset, offset + len(t.data)]}
        offset += len(t.data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), prefix=".heddle-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for name in sorted(tensors):
                file.write(tensors[name].data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def convert(args):
    if args.input.endswith(".onnx"):
        tensors = onnx_file.read(args.input)
        tensors = by_table(tensors, args.names) if args.names else tensors
    else:
        tensors = state(checkpoint.read(args.input), args.part)
    tensors = renamed(tensors, args.strip, args.drop)
    if not tensors:
        raise ValueError("no tensors are left")
    write(tensors, args.output)
    elements = sum(len(t.data) // SIZES[t.dtype] for t in tensors.values())
    print(f"{args.output}: {len(tensors)} tensors, {elements} numbers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", metavar="IN")
    parser.add_argument("output", metavar="OUT.safetensors")
    parser.add_argument("--part")
    parser.add_argument("--strip", default="")
    parser.add_argument("--drop", action="append", default=[])
    parser.add_argument("--names")
    args = parser.parse_args()
    try:
        convert(args)
    except Exception as error:   # a damaged pickle may raise anything
        reason = str(error) if isinstance(error, (ValueError, OSError)) else f"damaged, or of an unknown kind ({type(error).__name__}: {error})"
        print(f"convert.py: {args.input}: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
