"""MaxSR in plain PyTorch, at one fixed size: what the other runtimes are given.

Parameters have the names of the weight file, so that `load_state_dict` is strict. Everything that depends on the size alone
(padding, windows, resized and expanded bias tables) is done beforehand, as a user who deploys for one size would do it.

Two forms of the same network, because runtimes differ in what they like:
  tokens  maps stay [B, H, W, C]; the 1x1 convolutions are linear layers, nothing is permuted between layers
  maps    maps are [B, C, H, W] (in PyTorch: the channels_last memory format), convolutions are convolutions,
          and attention permutes to tokens and back
and two forms of attention: sdpa (scaled_dot_product_attention) and matmul (two products around a softmax).

Network: "MaxSR: Image Super-Resolution Using Improved MaxViT", arXiv 2307.07240.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

RGB_MEAN = (0.4488, 0.4371, 0.4040)


def root(n):
    """ceil(sqrt(n)), exactly."""
    return math.isqrt(n - 1) + 1


def reflected(n, to):
    """Indices that extend n pixels to `to` by reflection, clamped on very small pictures."""
    return torch.tensor([i if i < n else min(max(2 * n - 2 - i, 0), n - 1) for i in range(to)])


def named(**children):
    """A module that only holds children; keys may be numbers."""
    module = nn.Module()
    for name, child in children.items():
        module.add_module(name.lstrip("_"), child)
    return module


class Attention(nn.Module):
    """x + proj(attention(norm(x))) inside blocks, or over a grid: a dilated pattern that is global."""

    def __init__(self, dim, heads, base, grid):
        super().__init__()
        self.heads, self.base, self.grid = heads, base, grid
        self.norm = nn.LayerNorm(dim)
        self.fn = named(to_qkv=nn.Linear(dim, 3 * dim, bias=False), to_out=nn.Sequential(nn.Linear(dim, dim, bias=False)),
                        rel_pos_bias=nn.Embedding((2 * base - 1) ** 2, heads))

    def fix(self, wh, ww):
        """Makes the bias [1, heads, N, N] of one window size from the table of the base window."""
        table, side = self.fn.rel_pos_bias.weight.detach(), 2 * self.base - 1
        table = table.t().reshape(1, self.heads, side, side)
        if (wh, ww) != (self.base, self.base):
            table = F.interpolate(table, (2 * wh - 1, 2 * ww - 1), mode="bilinear", align_corners=False)
        y, x = (a.flatten() for a in torch.meshgrid(torch.arange(wh), torch.arange(ww), indexing="ij"))
        bias = table[:, :, y[:, None] - y[None] + wh - 1, x[:, None] - x[None] + ww - 1]
        self.register_buffer("bias", bias.contiguous(), persistent=False)
        self.window = wh, ww

    def forward(self, x, use_sdpa):
        _, h, w, c = x.shape                                  # batch 1
        (wh, ww), hd, d = self.window, self.heads, c // self.heads
        gh, gw = h // wh, w // ww
        qkv = self.fn.to_qkv(self.norm(x))
        if self.grid:                                         # pixel (ty * gh + gy, tx * gw + gx) is token (ty, tx) of group (gy, gx)
            q, k, v = qkv.view(wh, gh, ww, gw, 3, hd, d).permute(4, 1, 3, 5, 0, 2, 6).reshape(3, gh * gw, hd, wh * ww, d).unbind(0)
        else:                                                 # pixel (gy * wh + ty, gx * ww + tx)
            q, k, v = qkv.view(gh, wh, gw, ww, 3, hd, d).permute(4, 0, 2, 5, 1, 3, 6).reshape(3, gh * gw, hd, wh * ww, d).unbind(0)
        if use_sdpa:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        else:
            y = (q * d ** -0.5 @ k.transpose(-2, -1) + self.bias).softmax(-1) @ v
        y = y.view(gh, gw, hd, wh, ww, d)
        y = y.permute(3, 0, 4, 1, 2, 5) if self.grid else y.permute(0, 3, 1, 4, 2, 5)
        return x + self.fn.to_out(y.reshape(1, h, w, c))


class FeedForward(nn.Module):
    """x + mlp(norm(x))"""

    def __init__(self, dim, ratio):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = named(net=named(_0=nn.Linear(dim, ratio * dim), _3=nn.Linear(ratio * dim, dim)))

    def forward(self, x):
        first, second = self.fn.net.children()
        return x + second(F.gelu(first(self.norm(x))))


class MBConv(nn.Module):
    """x + project(squeeze_excite(depthwise(expand(x)))), a batch norm after every convolution."""

    def __init__(self, dim, ratio, squeeze):
        super().__init__()
        wide = dim * ratio
        gate = named(_1=nn.Linear(wide, int(wide * squeeze), bias=False), _3=nn.Linear(int(wide * squeeze), wide, bias=False))
        self.fn = named(_0=nn.Conv2d(dim, wide, 1), _1=nn.BatchNorm2d(wide), _3=nn.Conv2d(wide, wide, 3, padding=1, groups=wide),
                        _4=nn.BatchNorm2d(wide), _6=named(gate=gate), _7=nn.Conv2d(wide, dim, 1), _8=nn.BatchNorm2d(dim))

    def fold(self):
        """Folds the batch norms with PyTorch's own helper: eager mode does not do it by itself."""
        f = self.fn
        for conv, norm in (("0", "1"), ("3", "4"), ("7", "8")):
            f.add_module(conv, fuse_conv_bn_eval(getattr(f, conv), getattr(f, norm)))
            f.add_module(norm, nn.Identity())

    def gate(self, mean):
        first, second = self.fn.get_submodule("6").gate.children()
        return torch.sigmoid(second(F.silu(first(mean))))

    def forward_maps(self, x):
        expand, norm1, depthwise, norm2, _, project, norm3 = self.fn.children()
        y = F.gelu(norm1(expand(x)))
        y = F.gelu(norm2(depthwise(y)))
        y = y * self.gate(y.mean((2, 3)))[:, :, None, None]
        return x + norm3(project(y))

    def forward_tokens(self, x):
        """Expects folded batch norms."""
        expand, _, depthwise, _, _, project, _ = self.fn.children()
        y = F.gelu(F.linear(x, expand.weight.flatten(1), expand.bias))
        y = F.gelu(depthwise(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        y = y * self.gate(y.mean((1, 2)))[:, None, None]
        return x + F.linear(y, project.weight.flatten(1), project.bias)


class Block(nn.Module):
    """Convolution, attention inside windows, attention across windows."""

    def __init__(self, dim, heads, base, expansion, squeeze, ratio):
        super().__init__()
        self.add_module("0", MBConv(dim, expansion, squeeze))
        for name, grid in (("1", False), ("2", True)):
            self.add_module(name, named(_1=Attention(dim, heads, base, grid), _2=FeedForward(dim, ratio)))

    def forward(self, x, form, use_sdpa):
        mbconv, block, grid = self.children()
        x = mbconv.forward_tokens(x) if form == "tokens" else mbconv.forward_maps(x).permute(0, 2, 3, 1)
        for part in (block, grid):
            attention, feed_forward = part.children()
            x = feed_forward(attention(x, use_sdpa))
        return x if form == "tokens" else x.permute(0, 3, 1, 2)


class MaxSR(nn.Module):
    """The network for one picture size; `fix` must be called once the weights are loaded."""

    def __init__(self, scale=2, dim=48, heads=4, depth=(2, 2, 2, 2), base_window=8, expansion=4, squeeze=0.25, ratio=4,
                 form="maps", use_sdpa=True):
        super().__init__()
        self.scale, self.form, self.use_sdpa = scale, form, use_sdpa
        self.conv_stem_first = nn.Conv2d(3, dim, 3, padding=1)
        self.conv_stem_second = nn.Conv2d(dim, dim, 3, padding=1)
        block = (dim, heads, base_window, expansion, squeeze, ratio)
        self.stages = nn.ModuleList(nn.ModuleList(Block(*block) for _ in range(n)) for n in depth)
        self.HFFB = nn.Sequential(nn.Conv2d(len(depth) * dim, dim, 1), nn.Conv2d(dim, dim, 3, padding=1))
        steps = [3] if scale == 3 else [2] * int(math.log2(scale))
        self.Upsample = nn.Sequential(*(m for r in steps for m in (nn.Conv2d(dim, r * r * dim, 3, padding=1), nn.PixelShuffle(r))))
        self.conv_last = nn.Conv2d(dim, 3, 3, padding=1)

    def fix(self, height, width, fold):
        """Fixes the size. `fold`: batch norms are folded here; without it the runtime has to (form maps only)."""
        self.eval()
        self.size, window = (height, width), (root(height), root(width))
        self.padded = window[0] ** 2, window[1] ** 2
        self.register_buffer("mean", torch.tensor(RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        for name, n, to in zip(("rows", "columns"), self.size, self.padded):
            self.register_buffer(name, reflected(n, to), persistent=False)
        for m in list(self.modules()):
            if isinstance(m, Attention):
                m.fix(*window)
            if isinstance(m, MBConv) and (fold or self.form == "tokens"):
                m.fold()
        return self

    def forward(self, image):
        """[1, 3, h, w] in [0, 1] -> [1, 3, scale * h, scale * w], not clamped."""
        (h, w), tokens = self.size, self.form == "tokens"
        if h != self.padded[0]:
            image = image.index_select(2, self.rows)
        if w != self.padded[1]:
            image = image.index_select(3, self.columns)
        first = self.conv_stem_first(image - self.mean)
        x = self.conv_stem_second(first)
        x = x.permute(0, 2, 3, 1) if tokens else x
        outputs = []
        for stage in self.stages:
            for block in stage:
                x = block(x, self.form, self.use_sdpa)
            outputs.append(x)
        if tokens:
            fuse = self.HFFB[0]
            x = F.linear(torch.cat(outputs, -1), fuse.weight.flatten(1), fuse.bias).permute(0, 3, 1, 2)
        else:
            x = self.HFFB[0](torch.cat(outputs, 1))
        x = self.conv_last(self.Upsample(self.HFFB[1](x) + first)) + self.mean
        return x[:, :, :h * self.scale, :w * self.scale]


def randomise(net, seed=1):
    """Seeded weights of a trained network's size, with batch statistics that are not trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in list(net.named_parameters()) + list(net.named_buffers()):
            if p.dim() > 1:
                p.copy_(torch.randn(p.shape, generator=generator) / p[0].numel() ** 0.5)
            elif "var" in name or ("weight" in name and p.dim() == 1):
                p.copy_(0.5 + torch.rand(p.shape, generator=generator))
            elif p.is_floating_point():
                p.copy_(0.1 * torch.randn(p.shape, generator=generator))
    return net
