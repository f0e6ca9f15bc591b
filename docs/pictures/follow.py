#!/usr/bin/env python3
"""Draws docs/images/tracking.jpg: what the tracker of examples/vittrack follows while a camera pans over a photograph.

    python3 docs/pictures/follow.py PHOTOGRAPH WEIGHTS [IMAGE]

PHOTOGRAPH  astronaut.png of scikit-image (NASA, public domain), 512 x 512
WEIGHTS     the network's official weights as safetensors (examples/track/README.md)
Needs Pillow. The frames are made here, the boxes come from ./heddle track.
"""
import csv
import math
import os
import subprocess
import sys
import tempfile

from PIL import Image, ImageDraw

FRAMES, SHOWN = 90, (0, 25, 45, 70)
BOX = "205,2,50,192"   # the shuttle in the first frame


def pan(photograph, folder):
    """A camera that turns, zooms and moves over the photograph: frames of 320 x 240."""
    for frame in range(FRAMES):
        t = frame / (FRAMES - 1)
        width = 512 * (0.60 - 0.16 * math.sin(math.pi * t))
        height = width * 0.75
        x, y = 330 + 26 * math.sin(2 * math.pi * t), 190 + 30 * math.sin(4 * math.pi * t)
        turned = photograph.rotate(10 * math.sin(2 * math.pi * t), resample=Image.BICUBIC, center=(x, y))
        seen = [min(512.0, max(0.0, v)) for v in (x - width / 2, y - height / 2, x + width / 2, y + height / 2)]
        turned.resize((320, 240), Image.BICUBIC, box=tuple(seen)).save(os.path.join(folder, f"{frame:03d}.png"))


def draw(folder, rows):
    strip = Image.new("RGB", (320 * len(SHOWN) + 6 * (len(SHOWN) - 1), 240), "white")
    for place, frame in enumerate(SHOWN):
        picture = Image.open(os.path.join(folder, f"{frame:03d}.png"))
        pen = ImageDraw.Draw(picture)
        x, y, w, h = (float(rows[frame][k]) for k in "xywh")
        pen.rectangle((x, y, x + w, y + h), outline=(255, 220, 0), width=2)
        label = f"frame {frame}" if frame == 0 else f"frame {frame}, score {float(rows[frame]['score']):.2f}"
        pen.text((6, 224), label, fill="white", stroke_width=2, stroke_fill="black")
        strip.paste(picture, (place * 326, 0))
    return strip


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    target = sys.argv[3] if len(sys.argv) == 4 else os.path.join(root, "docs", "images", "tracking.jpg")
    with tempfile.TemporaryDirectory() as folder:
        frames, table = os.path.join(folder, "frames"), os.path.join(folder, "boxes.csv")
        os.mkdir(frames)
        pan(Image.open(sys.argv[1]).convert("RGB"), frames)
        subprocess.run([os.path.join(root, "heddle"), "track", "--weights", os.path.abspath(sys.argv[2]), "--box", BOX, frames,
                        "--csv", table], check=True)
        with open(table, newline="") as file:
            rows = {int(row["frame"]): row for row in csv.DictReader(file)}
        draw(frames, rows).save(target, quality=88)


main()
