"""Reads the initialisers of an ONNX file without the onnx package."""

import struct

from checkpoint import Tensor

# Number of a type in ONNX -> name in safetensors.
TYPES = {1: "F32", 2: "U8", 3: "I8", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64", 16: "BF16"}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of every field of a message; values of fields with a length are views of their bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            if at + size > len(data):
                raise ValueError("the file ends early")
            value = data[at:at + size]
            at += size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value = data[at:at + size]
            at += size
        else:
            raise ValueError("not an ONNX file")
        yield key >> 3, value


def numbers(value):
    if isinstance(value, int):
        return [value]
    result, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        result.append(number)
    return result


def tensor(data):
    shape, kind, raw, name, floats, integers = [], None, None, "", b"", []
    for number, value in fields(data):
        if number == 1:
            shape += numbers(value)
        elif number == 2:
            kind = value
        elif number == 4:
            floats += bytes(value)
        elif number == 7:
            integers += numbers(value)
        elif number == 8:
            name = bytes(value).decode()
        elif number == 9:
            raw = bytes(value)
        elif number in (13, 14) and value not in (0, b""):
            raise ValueError(f"{name} is stored outside the file, which is not supported")
    if kind not in TYPES:
        return name, None
    if raw is None and kind == 1:
        raw = floats
    if raw is None and kind == 7:
        raw = b"".join(struct.pack("<Q", i) for i in integers)
    return name, Tensor(TYPES[kind], shape, raw) if raw is not None else None


def read(path):
    """The initialisers of a file by name."""
    with open(path, "rb") as file:
        return initialisers(file.read())


def initialisers(model):
    """Those of a model that was read before."""
    data = memoryview(model)
    result = {}
    for number, graph in fields(data):
        if number != 7 or isinstance(graph, int):
            continue
        for inner, value in fields(graph):
            if inner == 5:
                name, found = tensor(value)
                if found is not None:
                    result[name] = found
    if not result:
        raise ValueError("the file holds no initialisers")
    return result
