"""Reads the tensors of PyTorch checkpoints (.pth, .pth.tar, .pt, .bin) without PyTorch, and without running what is in them.

A checkpoint is a pickle, which may name any function to be called. Here only the few that make tensors are known; everything
else becomes an inert placeholder, so that a checkpoint with an optimiser, statistics or settings beside its weights is read
as well, and a hostile one does nothing.
"""

import io
import pickle
import struct
import zipfile

# Storage class -> (name in safetensors, bytes of an element).
STORAGES = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8), "IntStorage": ("I32", 4), "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1), "BoolStorage": ("BOOL", 1),
}


class Tensor:
    """Elements in row-major order, as bytes."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, tuple(shape), data


class View:
    """A tensor whose storage may not have been read yet."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)

    def resolve(self, storages):
        dtype, size = STORAGES[self.storage[0]]
        whole = storages[self.storage[1]]
        count = 1
        for n in self.shape:
            count *= n
        if count == 0:
            return Tensor(dtype, self.shape, b"")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if min(self.strides, default=0) < 0 or (last + 1) * size > len(whole):
            raise ValueError("a tensor reaches beyond its storage")
        if self._contiguous():
            return Tensor(dtype, self.shape, bytes(whole[self.offset * size:(self.offset + count) * size]))
        out = bytearray()
        for index in self._offsets():
            out += whole[index * size:(index + 1) * size]
        return Tensor(dtype, self.shape, bytes(out))

    def _contiguous(self):
        expected = 1
        for n, s in zip(reversed(self.shape), reversed(self.strides)):
            if n != 1 and s != expected:
                return False
            expected *= n
        return True

    def _offsets(self):
        offsets = [self.offset]
        for n, s in zip(self.shape, self.strides):
            offsets = [o + i * s for o in offsets for i in range(n)]
        return offsets


class Placeholder(dict):
    """Stands for an object of an unknown class: swallows whatever the pickle does with it."""

    def __init__(self, *_, **__):
        super().__init__()

    def __setstate__(self, _):
        pass

    def append(self, _):
        pass

    def extend(self, _):
        pass

    def __call__(self, *_, **__):
        return Placeholder()


class Ordered(dict):
    """An OrderedDict without the attributes that PyTorch hangs on it."""

    def __setstate__(self, _):
        pass


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if module.startswith("torch") and name in STORAGES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: View(storage, offset, shape, strides)
        if (module, name) == ("torch._utils", "_rebuild_tensor"):
            return lambda storage, offset, shape, strides: View(storage, offset, shape, strides)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if (module, name) == ("collections", "OrderedDict"):
            return Ordered
        return type(name, (Placeholder,), {})

    def persistent_load(self, identity):
        kind, storage, key = identity[0], identity[1], identity[2]
        if kind != "storage" or storage not in STORAGES:
            raise ValueError("the checkpoint refers to something that is not a storage")
        if len(identity) > 5 and identity[5] is not None:   # the old format: a part of another storage
            raise ValueError("a checkpoint with views of storages is not supported")
        return (storage, key)


def read_zip(file):
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [n for n in names if n.endswith("data.pkl")]
        if len(pickles) != 1:
            raise ValueError("not a checkpoint of PyTorch: the archive holds no data.pkl")
        folder = pickles[0][: -len("data.pkl")]
        if folder + "byteorder" in names and archive.read(folder + "byteorder") != b"little":
            raise ValueError("the checkpoint was written on a big-endian machine")
        content = Reader(io.BytesIO(archive.read(pickles[0]))).load()

        class Storages:
            def __getitem__(self, key):
                return archive.read(f"{folder}data/{key}")

        return resolved(content, Storages())


def read_old(file):
    """The format before PyTorch 1.6: pickles one after the other, then the storages."""
    if Reader(file).load() != 0x1950A86A20F9469CFC6C:
        raise ValueError("not a checkpoint of PyTorch")
    Reader(file).load()   # version of the format
    Reader(file).load()   # sizes of the writer's integers
    kinds = {}

    class Old(Reader):
        def persistent_load(self, identity):
            storage = super().persistent_load(identity)
            kinds[storage[1]] = storage[0]
            return storage

    content = Old(file).load()
    storages = {}
    for key in Reader(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = file.read(count * STORAGES[kinds[key]][1])
    return resolved(content, storages)


def resolved(content, storages):
    if isinstance(content, View):
        return content.resolve(storages)
    if isinstance(content, dict) and not isinstance(content, Placeholder):
        return {key: resolved(value, storages) for key, value in content.items()}
    return None


def read(path):
    """What the file holds: dictionaries of dictionaries and tensors; everything else is None."""
    with open(path, "rb") as file:
        if zipfile.is_zipfile(file):
            file.seek(0)
            return read_zip(file)
        file.seek(0)
        return read_old(file)
