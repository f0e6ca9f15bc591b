"""tools/convert on checkpoints made here, in PyTorch's formats and without PyTorch."""

import collections
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile

TOOL = os.path.join(sys.argv.pop(1), "convert.py")


class Storage:
    def __init__(self, kind, key, data):
        self.kind, self.key, self.data = kind, key, data


class FakeTensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, tuple(shape), tuple(strides), False, collections.OrderedDict())

    def __reduce__(self):
        return torch_utils._rebuild_tensor_v2, self.arguments


def fake_module(name, **members):
    module = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__, value.__name__ = name, key, key
        setattr(module, key, value)
    sys.modules[name] = module
    return module


def _rebuild(*_):
    raise AssertionError("only its name is stored")


class Unknown:
    pass


def _hostile(path):
    open(path, "w").close()


torch_utils = fake_module("torch._utils", _rebuild_tensor_v2=_rebuild)
torch_module = fake_module("torch", FloatStorage=type("FloatStorage", (), {}), HalfStorage=type("HalfStorage", (), {}))
fake_module("lib")
settings = fake_module("lib.settings", Unknown=Unknown, _hostile=_hostile)


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", getattr(torch_module, value.kind), value.key, "cpu", len(value.data))
        return None


def pickled(value):
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(value)
    return buffer.getvalue()


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


class ConvertTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.folder.name, "out.safetensors")
        self.storages = [Storage("FloatStorage", "0", floats(1, 2, 3, 4, 5, 6)), Storage("HalfStorage", "1", b"\x00\x3c\x00\x40")]
        whole, half = self.storages
        self.weights = collections.OrderedDict(
            [("module.a.weight", FakeTensor(whole, 0, (2, 3), (3, 1))), ("module.a.turned", FakeTensor(whole, 0, (3, 2), (1, 3))),
             ("module.b", FakeTensor(half, 0, (2,), (1,))), ("module.last", FakeTensor(whole, 5, (), ())), ("module.n.num_batches_tracked", FakeTensor(whole, 0, (1,), (1,)))])
        self.weights._metadata = collections.OrderedDict()

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def archive(self, content, name="c.pth"):
        with zipfile.ZipFile(self.path(name), "w") as file:
            file.writestr("c/data.pkl", pickled(content))
            for storage in self.storages:
                file.writestr(f"c/data/{storage.key}", storage.data)
        return self.path(name)

    def run_tool(self, *arguments):
        return subprocess.run([sys.executable, "-B", TOOL, *arguments], capture_output=True, text=True, check=False)

    def read(self):
        with open(self.out, "rb") as file:
            data = file.read()
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__")
        return {name: (t["dtype"], t["shape"], data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]]) for name, t in header.items()}

    def check_weights(self):
        self.assertEqual(self.read(), {
            "a.weight": ("F32", [2, 3], floats(1, 2, 3, 4, 5, 6)), "a.turned": ("F32", [3, 2], floats(1, 4, 2, 5, 3, 6)),
            "b": ("F16", [2], b"\x00\x3c\x00\x40"), "last": ("F32", [], floats(6))})

    def test_archive_with_other_things_beside_the_weights(self):
        unknown = Unknown()
        unknown.anything = [1, {"a": 2}]
        path = self.archive({"epoch": 3, "net": self.weights, "settings": unknown, "stats": collections.OrderedDict(loss=unknown)})
        result = self.run_tool(path, self.out, "--strip", "module.", "--drop", "*.num_batches_tracked")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.check_weights()

    def test_format_before_1_6(self):
        path = self.path("old.pth")
        with open(path, "wb") as file:
            for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
                file.write(pickle.dumps(value, 2))
            buffer = io.BytesIO()
            old = Pickler(buffer, 2)
            old.persistent_id = lambda v: ("storage", getattr(torch_module, v.kind), v.key, "cpu", len(v.data), None) if isinstance(v, Storage) else None
            old.dump({"state_dict": self.weights})
            file.write(buffer.getvalue() + pickle.dumps([s.key for s in self.storages], 2))
            for storage, size in zip(self.storages, (4, 2)):
                file.write(struct.pack("<q", len(storage.data) // size) + storage.data)
        result = self.run_tool(path, self.out, "--strip", "module.", "--drop", "*.num_batches_tracked")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.check_weights()

    def test_nothing_in_a_checkpoint_is_run(self):
        marker = self.path("marker")

        class Hostile:
            def __reduce__(self):
                return settings._hostile, (marker,)

        result = self.run_tool(self.archive({"net": self.weights, "x": Hostile()}), self.out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(os.path.exists(marker))

    def refused(self, reason, *arguments):
        result = self.run_tool(*arguments, self.out)
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertIn(reason, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertFalse(os.path.exists(self.out))

    def test_refusals(self):
        with open(self.path("bad.pth"), "wb") as file:
            file.write(b"garbage")
        self.refused("bad.pth", self.path("bad.pth"))
        self.refused("No such file", self.path("none.pth"))
        self.refused("no tensors", self.archive({"epoch": 3}))
        self.refused("no part called", self.archive({"net": self.weights}), "--part", "ema")
        self.refused("beyond its storage", self.archive({"a": FakeTensor(self.storages[0], 3, (2, 3), (3, 1))}))
        self.refused("choose a part", self.archive({"x": self.weights, "y": self.weights}))

    def test_onnx(self):
        def field(number, data):
            return bytes([number << 3 | 2, len(data)]) + data

        def initialiser(name, shape, data):
            return field(5, b"".join(bytes([8, n]) for n in shape) + bytes([16, 1]) + field(8, name.encode()) + field(9, data))

        graph = initialiser("onnx::MatMul_1", (2, 3), floats(1, 2, 3, 4, 5, 6)) + initialiser("fc.bias", (3,), floats(7, 8, 9))
        with open(self.path("m.onnx"), "wb") as file:
            file.write(bytes([8, 7]) + field(7, graph))
        with open(self.path("names.csv"), "w", encoding="utf-8") as file:
            file.write("onnx_initialiser,name,change\nonnx::MatMul_1,fc.weight,transpose\nfc.bias,fc.bias,\n")
        result = self.run_tool(self.path("m.onnx"), self.out, "--names", self.path("names.csv"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.read(), {"fc.weight": ("F32", [3, 2], floats(1, 4, 2, 5, 3, 6)), "fc.bias": ("F32", [3], floats(7, 8, 9))})
        with open(self.path("names.csv"), "a", encoding="utf-8") as file:
            file.write("missing,x,\n")
        os.unlink(self.out)
        self.refused("another release", self.path("m.onnx"), "--names", self.path("names.csv"))


if __name__ == "__main__":
    unittest.main()
