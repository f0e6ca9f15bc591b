"""Finds test pictures inside training candidates by grey template matching (also mirrored)."""
import os

import numpy as np
from PIL import Image

LIMIT = 0.93
CANDIDATE = (32, 64, 128)   # long side of the shrunk candidate
SHARES = (1.0, 0.75, 0.5)   # how much of its fitting size the test picture may take


def load(paths):
    return [(os.path.basename(p), Image.open(p).convert("L")) for p in paths]


def correlate(image, template):
    """Best normalised cross-correlation of a template at any place inside a grey image."""
    view = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    t = template - template.mean()
    mean = view.mean((2, 3))
    top = np.einsum("ijkl,kl->ij", view, t, optimize=True)
    variance = (view ** 2).mean((2, 3)) - mean ** 2
    return float((top / np.sqrt(np.maximum(variance, 4) * t.size * (t * t).sum())).max())


def best_match(image, tests):
    """(score, name) of the test picture that fits best; whole pictures and large parts are found."""
    best = (0.0, "")
    grey = image.convert("L")
    for side in CANDIDATE[:2] if tests else ():
        factor = side / max(grey.size)
        size = [max(12, round(n * factor)) for n in grey.size]
        small = np.asarray(grey.resize(size, Image.BOX if factor > 1 else Image.LANCZOS), np.float32)
        for name, test in tests:
            fit = min(size[0] / test.width, size[1] / test.height)
            for share in SHARES:
                w, h = int(test.width * fit * share), int(test.height * fit * share)
                if min(w, h) < 12 or max(w, h) < 18:
                    continue
                t = np.asarray(test.resize((w, h), Image.LANCZOS), np.float32)
                for flipped in (t, t[:, ::-1]):
                    best = max(best, (correlate(small, flipped), name))
    return best
