"""Builds the training set from packaged photographs.

    python data.py --cache FOLDER [--against FOLDER_OF_TEST_PICTURES ...]

Writes FOLDER/x2/*.npy (one pair per picture version), FOLDER/x2/index.json and FOLDER/pictures.csv.
Every picture is shrunk, so that the traces of lossy compression vanish, in several sizes.  With --against, a
picture in which one of the test pictures is found is dropped.
"""
import argparse
import csv
import glob
import json
import os
import zlib

import numpy as np
from PIL import Image

import leaks
import resample
import sources

MULTIPLE = 12   # sides divide by 2, 3 and 4


def sizes(image, name):
    """Short sides of the versions of a picture, so that none keeps the pixels of a lossy file."""
    short = min(image.size)
    if short >= 1500:
        return [1080, 720, 480]
    if short >= 1000:
        return [720, 480]
    if short >= 750:
        return [480, 360]
    if name.endswith(".png"):
        return [short, round(0.6 * short)]
    return [round(0.6 * short)]


def version(image, short):
    """The picture with the given short side, cut to a multiple of 12, as uint8 (H, W, 3)."""
    w, h = image.size
    factor = short / min(w, h)
    if factor < 1:
        image = image.resize((round(w * factor), round(h * factor)), Image.LANCZOS)
    w, h = (n - n % MULTIPLE for n in image.size)
    return np.asarray(image.crop((0, 0, w, h)))


def is_held_out(package, name):
    """One picture in 16, by a checksum of its name; series and stereo pairs stay in training."""
    series = ("aloe", "leuven", "graf", "motorcycle", "scenetext", "aero", "Elephants")
    stem = os.path.basename(name)
    return zlib.crc32((package + stem).encode()) % 16 == 5 and not any(s in stem for s in series)


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--cache", required=True)
    parse.add_argument("--scale", type=int, default=2)
    parse.add_argument("--against", action="append", default=[], help="folder of test pictures to keep out")
    parse.add_argument("--list", action="store_true", help="only check and write pictures.csv")
    args = parse.parse_args()
    sources.download(args.cache)
    tests = leaks.load(p for folder in args.against for p in sorted(glob.glob(folder + "/*.png")))
    out = os.path.join(args.cache, "x%d" % args.scale)
    os.makedirs(out, exist_ok=True)
    index, rows, pixels = [], [], 0
    for package, name, image, (licence, holders) in sources.pictures(args.cache):
        if min(image.size) < 250 or (package == "gcompris-qt-data" and min(image.size) < 380):
            continue
        if image.mode in ("RGBA", "LA", "P"):
            rgba = image.convert("RGBA")
            if np.asarray(rgba)[..., 3].min() < 255:
                continue
            image = rgba
        image = image.convert("RGB")
        score, test = leaks.best_match(image, tests)
        if score > leaks.LIMIT:
            print("dropped: %s %s matches %s (%.3f)" % (package, name, test, score), flush=True)
            continue
        held = is_held_out(package, name)
        for short in sizes(image, name):
            if args.list:
                break
            hr = version(image, short)
            stem = "%04d" % len(index)
            np.save(os.path.join(out, stem + "_hr.npy"), hr)
            np.save(os.path.join(out, stem + "_lr.npy"),
                    resample.resize(hr, hr.shape[0] // args.scale, hr.shape[1] // args.scale))
            index.append(dict(stem=stem, package=package, file=name, height=hr.shape[0], width=hr.shape[1],
                              held_out=held))
            pixels += hr.shape[0] * hr.shape[1]
        rows.append([package, name, licence, holders, *image.size, "held out" if held else "training",
                     "%.2f" % score])
    if not args.list:
        json.dump(index, open(os.path.join(out, "index.json"), "w"), indent=0)
    with open(os.path.join(args.cache, "pictures.csv"), "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow("package file licence holder width height use best_match_with_test".split())
        writer.writerows(rows)
    print("%d pictures (%d held out), %d versions, %.1f Mpx" % (
        len(rows), sum(r[6] == "held out" for r in rows), len(index), pixels / 1e6))


if __name__ == "__main__":
    main()
