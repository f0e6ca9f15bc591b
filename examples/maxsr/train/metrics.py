"""PSNR and SSIM on the luma channel, as the super-resolution benchmarks compute them."""
import numpy as np


def luma(image, border):
    """uint8 (H, W, 3) -> float luma of BT.601 in [16, 235], without the border."""
    x = image[border:image.shape[0] - border, border:image.shape[1] - border].astype(np.float64) / 255
    return 16 + x @ np.array([65.481, 128.553, 24.966])


def psnr(a, b, border):
    difference = luma(a, border) - luma(b, border)
    return 20 * np.log10(255 / np.sqrt((difference ** 2).mean()))


def smooth(x):
    """11 x 11 Gaussian of deviation 1.5, valid part only."""
    k = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5 ** 2))
    k /= k.sum()
    x = sum(k[i] * x[i:x.shape[0] - 10 + i] for i in range(11))
    return sum(k[i] * x[:, i:x.shape[1] - 10 + i] for i in range(11))


def ssim(a, b, border):
    a, b = luma(a, border), luma(b, border)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = smooth(a), smooth(b)
    va, vb, vab = smooth(a * a) - ma * ma, smooth(b * b) - mb * mb, smooth(a * b) - ma * mb
    return float((((2 * ma * mb + c1) * (2 * vab + c2)) / ((ma ** 2 + mb ** 2 + c1) * (va + vb + c2))).mean())
