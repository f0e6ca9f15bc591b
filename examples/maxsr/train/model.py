"""MaxSR / MaxSR-light: single-image super-resolution with block and grid attention.

The parameter names are those of the safetensors files that Heddle reads.  Everything runs channels-last,
tokens (B, H, W, C), so that the 1x1 convolutions are matrix products and no layout changes between layers.
Source: "MaxSR: Image Super-Resolution Using Improved MaxViT" (arXiv 2307.07240).
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

RGB_MEAN = (0.4488, 0.4371, 0.4040)
LIGHT = dict(dim=48, heads=4, depth=(2, 2, 2, 2), base_window=8)


def pointwise(x, conv):
    """A 1x1 convolution on channels-last tokens as a matrix product."""
    return F.linear(x, conv.weight.flatten(1), conv.bias)


def convolve(x, conv):
    """Any other convolution; the permutes are views in the channels-last memory format."""
    return conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def normalise(x, bn):
    """Batch norm over channels-last tokens."""
    return bn(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Gate(nn.Module):
    """Squeeze-and-excitation; the even gate entries hold no parameters and only fix the names."""

    def __init__(self, dim):
        super().__init__()
        self.gate = nn.Sequential(nn.Identity(), nn.Linear(dim, dim // 4, bias=False), nn.SiLU(),
                                  nn.Linear(dim // 4, dim, bias=False), nn.Sigmoid())

    def forward(self, x):
        return x * self.gate(x.mean((1, 2))).to(x.dtype)[:, None, None]


class MBConv(nn.Module):
    def __init__(self, dim):
        super().__init__()
        hidden = 4 * dim
        self.fn = nn.Sequential(
            nn.Conv2d(dim, hidden, 1), nn.BatchNorm2d(hidden), nn.GELU(),
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden), nn.BatchNorm2d(hidden), nn.GELU(),
            Gate(hidden), nn.Conv2d(hidden, dim, 1), nn.BatchNorm2d(dim))

    def forward(self, x):
        f = self.fn
        y = f[2](normalise(pointwise(x, f[0]), f[1]))
        y = f[5](normalise(convolve(y, f[3]), f[4]))
        return x + normalise(pointwise(f[6](y), f[7]), f[8])


class Attention(nn.Module):
    """Multi-head attention inside windows ("block") or over a dilated grid ("grid")."""

    def __init__(self, dim, heads, base_window, grid):
        super().__init__()
        self.heads, self.base, self.grid = heads, base_window, grid
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Sequential(nn.Linear(dim, dim, bias=False))
        self.rel_pos_bias = nn.Embedding((2 * base_window - 1) ** 2, heads)
        self.indices = {}

    def bias(self, wh, ww):
        """Relative bias (heads, N, N); the table is resized where the window is not the base window."""
        table, side = self.rel_pos_bias.weight, 2 * self.base - 1
        if (wh, ww) != (self.base, self.base):
            table = table.t().reshape(1, self.heads, side, side)
            table = F.interpolate(table, (2 * wh - 1, 2 * ww - 1), mode="bilinear", align_corners=False)
            table = table.reshape(self.heads, -1).t()
        if (wh, ww) not in self.indices:
            y, x = torch.meshgrid(torch.arange(wh), torch.arange(ww), indexing="ij")
            y, x = y.flatten(), x.flatten()
            rows = (y[:, None] - y[None] + wh - 1) * (2 * ww - 1) + x[:, None] - x[None] + ww - 1
            self.indices[wh, ww] = rows.to(table.device)
        n = wh * ww
        return table[self.indices[wh, ww].flatten()].t().reshape(self.heads, n, n)

    def forward(self, x, wh, ww):
        b, h, w, c = x.shape
        gh, gw, hd, d = h // wh, w // ww, self.heads, c // self.heads
        qkv = self.to_qkv(x)
        if self.grid:   # pixel (ty * gh + gy, tx * gw + gx) is token (ty, tx) of group (gy, gx)
            qkv = qkv.view(b, wh, gh, ww, gw, 3, hd, d).permute(5, 0, 2, 4, 6, 1, 3, 7)
        else:           # pixel (gy * wh + ty, gx * ww + tx)
            qkv = qkv.view(b, gh, wh, gw, ww, 3, hd, d).permute(5, 0, 1, 3, 6, 2, 4, 7)
        q, k, v = qkv.reshape(3, b * gh * gw, hd, wh * ww, d)
        bias = self.bias(wh, ww).to(q.dtype)[None]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        y = y.view(b, gh, gw, hd, wh, ww, d)
        y = y.permute(0, 4, 1, 5, 2, 3, 6) if self.grid else y.permute(0, 1, 4, 2, 5, 3, 6)
        return self.to_out(y.reshape(b, h, w, c))


class FeedForward(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Identity(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        return self.net(x)


class PreNorm(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(dim), fn

    def forward(self, x, *window):
        return x + self.fn(self.norm(x), *window)


class AttentionBlock(nn.Module):
    """Attention and its feed-forward, named 1 and 2 as in the weights."""

    def __init__(self, dim, heads, base_window, grid):
        super().__init__()
        self.add_module("1", PreNorm(dim, Attention(dim, heads, base_window, grid)))
        self.add_module("2", PreNorm(dim, FeedForward(dim)))

    def forward(self, x, wh, ww):
        return getattr(self, "2")(getattr(self, "1")(x, wh, ww))


class MaxBlock(nn.ModuleList):
    """Adaptive MaxViT block: MBConv, block attention, grid attention."""

    def __init__(self, dim, heads, base_window):
        super().__init__([MBConv(dim), AttentionBlock(dim, heads, base_window, False),
                          AttentionBlock(dim, heads, base_window, True)])

    def forward(self, x, wh, ww):
        return self[2](self[1](self[0](x), wh, ww), wh, ww)


class MaxSR(nn.Module):
    def __init__(self, scale=2, dim=48, heads=4, depth=(2, 2, 2, 2), base_window=8):
        super().__init__()
        self.scale = scale
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.conv_stem_first = nn.Conv2d(3, dim, 3, padding=1)
        self.conv_stem_second = nn.Conv2d(dim, dim, 3, padding=1)
        self.stages = nn.ModuleList(
            nn.ModuleList(MaxBlock(dim, heads, base_window) for _ in range(n)) for n in depth)
        self.HFFB = nn.Sequential(nn.Conv2d(len(depth) * dim, dim, 1), nn.Conv2d(dim, dim, 3, padding=1))
        steps = [3] if scale == 3 else [2] * int(math.log2(scale))
        self.Upsample = nn.Sequential(*(layer for r in steps for layer in
                                        (nn.Conv2d(dim, r * r * dim, 3, padding=1), nn.PixelShuffle(r))))
        self.conv_last = nn.Conv2d(dim, 3, 3, padding=1)

    def forward(self, image):
        """(B, 3, h, w) in [0, 1] -> (B, 3, scale h, scale w), not clamped."""
        h, w = image.shape[2:]
        wh, ww = math.isqrt(h - 1) + 1, math.isqrt(w - 1) + 1
        x = reflect(image, wh * wh - h, ww * ww - w) - self.mean
        x = x.contiguous(memory_format=torch.channels_last)
        first = self.conv_stem_first(x)
        x = self.conv_stem_second(first).permute(0, 2, 3, 1)
        outputs = []
        for stage in self.stages:
            for block in stage:
                x = block(x, wh, ww)
            outputs.append(x)
        x = pointwise(torch.cat(outputs, -1), self.HFFB[0]).permute(0, 3, 1, 2)
        x = self.HFFB[1](x) + first
        x = self.conv_last(self.Upsample(x)).float() + self.mean
        return x[:, :, :h * self.scale, :w * self.scale]


def reflect(image, bottom, right):
    """Pads by reflection without repeating the edge; the index is clamped on very small images."""
    def rows(n, more):
        tail = [min(max(2 * n - 2 - i, 0), n - 1) for i in range(n, n + more)]
        return torch.tensor(list(range(n)) + tail, device=image.device)
    h, w = image.shape[2:]
    if bottom:
        image = image.index_select(2, rows(h, bottom))
    return image.index_select(3, rows(w, right)) if right else image


@torch.no_grad()
def interpolate_at_start(net):
    """Makes a fresh network an interpolation: colour travels in channels 0..2, the branches begin small.

    Training then starts near the bicubic result.  The branches must really be small, because batch norm in
    training mode would otherwise blow them up before its running statistics have settled.
    """
    def identity(conv):
        conv.weight[:3] = 0
        conv.bias[:3] = 0
        for c in range(3):
            conv.weight[c, c, 1, 1] = 1
    identity(net.conv_stem_first)
    net.HFFB[1].weight *= 0.02
    net.HFFB[1].weight[:3] = 0
    net.HFFB[1].bias.zero_()
    for stage in net.stages:
        for mbconv, block, grid in stage:
            mbconv.fn[8].weight.fill_(0.1)
            for part in (block, grid):
                attention, forward = (getattr(part, i).fn for i in "12")
                attention.to_out[0].weight *= 0.1
                attention.rel_pos_bias.weight.normal_(0, 0.02)
                forward.net[3].weight *= 0.1
    for conv in net.Upsample:
        if isinstance(conv, nn.Conv2d):
            upsample_start(conv)
    net.conv_last.weight[:] *= 0.1
    identity(net.conv_last)


def upsample_start(conv):
    """Every sub-pixel phase starts alike, and the colour channels with a quadratic interpolation kernel."""
    dim = conv.in_channels
    r = math.isqrt(conv.out_channels // dim)
    weight = conv.weight.view(dim, r * r, dim, 3, 3)
    weight[:] = weight[:, :1].clone()
    conv.bias.view(dim, r * r)[:] = conv.bias.view(dim, r * r)[:, :1].clone()
    weight[:3] = 0
    conv.bias[:3 * r * r] = 0
    for a in range(r):
        for b in range(r):
            taps = [quadratic((i + 0.5) / r - 0.5) for i in (a, b)]
            for c in range(3):
                weight[c, a * r + b, c] = torch.outer(torch.tensor(taps[0]), torch.tensor(taps[1]))


def quadratic(t):
    """Weights of the pixels -1, 0, 1 for the parabola through them at offset t."""
    return [t * (t - 1) / 2, 1 - t * t, t * (t + 1) / 2]
