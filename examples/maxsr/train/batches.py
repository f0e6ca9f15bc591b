"""The training pairs in memory: random crops, flips and rotations; fixed crops of the held-out pictures."""
import json
import os

import numpy as np
import torch


class Pairs:
    def __init__(self, cache, scale, seed=0):
        folder = os.path.join(cache, "x%d" % scale)
        self.scale, self.rng = scale, np.random.default_rng(seed)
        self.train, held = [], {}
        for entry in json.load(open(os.path.join(folder, "index.json"))):
            pair = tuple(np.load(os.path.join(folder, entry["stem"] + end)) for end in ("_lr.npy", "_hr.npy"))
            if not entry["held_out"]:
                self.train.append(pair)
            else:   # the middle version of a picture is the one to be judged
                held.setdefault((entry["package"], entry["file"]), []).append(pair)
        self.held = [versions[len(versions) // 2] for versions in held.values()]
        weight = np.array([np.sqrt(lr.shape[0] * lr.shape[1]) for lr, _ in self.train])
        self.cumulative = np.cumsum(weight / weight.sum())

    def crop(self, side, s):
        """One crop; nearly flat ones (sky, blur) are drawn again, at most six times."""
        for _ in range(6):
            lr, hr = self.train[min(np.searchsorted(self.cumulative, self.rng.random()), len(self.train) - 1)]
            y = self.rng.integers(lr.shape[0] - side + 1)
            x = self.rng.integers(lr.shape[1] - side + 1)
            low = lr[y:y + side, x:x + side]
            high = hr[y * s:(y + side) * s, x * s:(x + side) * s]
            green = high[..., 1].astype(np.int16)
            if np.abs(green[::s, ::s] - green[1::s, 1::s]).mean() > 4.0:
                break
        return low, high

    def batch(self, count, side):
        """(count, 3, side, side) and its enlarged truth, float in [0, 1], one of eight symmetries each."""
        lows = np.empty((count, side, side, 3), np.uint8)
        highs = np.empty((count, side * self.scale, side * self.scale, 3), np.uint8)
        for i in range(count):
            low, high = self.crop(side, self.scale)
            turn, flip = self.rng.integers(4), self.rng.integers(2)
            for target, part in ((lows, low), (highs, high)):
                part = np.rot90(part, turn)
                target[i] = part[:, ::-1] if flip else part
        return tuple(torch.from_numpy(a).permute(0, 3, 1, 2).float().div_(255) for a in (lows, highs))

    def held_out(self, side=144):
        """Central crops of the held-out pictures as (lr, hr) uint8 arrays."""
        for lr, hr in self.held:
            h, w = (min(side, n) for n in lr.shape[:2])
            y, x, s = (lr.shape[0] - h) // 2, (lr.shape[1] - w) // 2, self.scale
            yield lr[y:y + h, x:x + w], hr[y * s:(y + h) * s, x * s:(x + w) * s]
