"""PSNR and SSIM of a weight file on a benchmark folder, in float32.

    python evaluate.py --weights maxsr_light_x2.safetensors --hr Set5/HR --lr Set5/LR_bicubic/X2

Luma, result rounded to 8 bits, a border of `scale` pixels cut off.  Every picture is run twice: as a whole (the
window then follows its size) and in tiles (the window of the training crops).
"""
import argparse
import glob
import os

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import metrics
import resample
from model import LIGHT, MaxSR


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


def partner(folder, name, scale):
    """The benchmarks call the small picture name.png or namex2.png."""
    paths = [os.path.join(folder, name + end) for end in (".png", "x%d.png" % scale)]
    return next(p for p in paths if os.path.exists(p))


def to_tensor(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float().div(255)


def starts(length, tile, margin):
    """First pixels of tiles that overlap by twice the margin and end with the picture."""
    if length <= tile:
        return [0]
    return list(range(0, length - tile, tile - 2 * margin)) + [length - tile]


def enlarge_tiled(net, image, tile, margin):
    """Every output pixel comes from one tile; the margin of a tile's inner sides is dropped."""
    h, w, s = *image.shape[:2], net.scale
    out = torch.empty(1, 3, h * s, w * s)
    for y in starts(h, tile, margin):
        for x in starts(w, tile, margin):
            part = image[y:y + tile, x:x + tile]
            result = net(to_tensor(part))
            top, left = (margin if y else 0), (margin if x else 0)
            out[:, :, (y + top) * s:(y + part.shape[0]) * s, (x + left) * s:(x + part.shape[1]) * s] = \
                result[:, :, top * s:, left * s:]
    return out


def to_image(tensor):
    return tensor[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()


@torch.no_grad()
def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--weights", required=True)
    parse.add_argument("--hr", required=True)
    parse.add_argument("--lr", required=True)
    parse.add_argument("--scale", type=int, default=2)
    parse.add_argument("--tile", type=int, default=64)
    parse.add_argument("--margin", type=int, default=8)
    args = parse.parse_args()
    net = MaxSR(args.scale, **LIGHT).eval()
    net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(args.weights).items()})
    table = []
    print("| picture | bicubic | whole picture | %d-pixel tiles |" % args.tile)
    print("|---|---|---|---|")
    for path in sorted(glob.glob(args.hr + "/*.png")):
        name = os.path.splitext(os.path.basename(path))[0]
        hr, lr = read(path), read(partner(args.lr, name, args.scale))
        hr = hr[:lr.shape[0] * args.scale, :lr.shape[1] * args.scale]
        results = (resample.resize(lr, *hr.shape[:2]), to_image(net(to_tensor(lr))),
                   to_image(enlarge_tiled(net, lr, args.tile, args.margin)))
        row = [(metrics.psnr(r, hr, args.scale), metrics.ssim(r, hr, args.scale)) for r in results]
        table.append(row)
        print("| %s | %s |" % (name, " | ".join("%.2f / %.4f" % pair for pair in row)), flush=True)
    print("| mean | %s |" % " | ".join("%.3f / %.4f" % tuple(pair) for pair in np.mean(table, axis=0)))


if __name__ == "__main__":
    main()
