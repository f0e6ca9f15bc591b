"""NGswin in plain PyTorch, at one fixed size: what the other runtimes are given.

Parameters have the names of the official weights, so that `load_state_dict` is strict. What depends on the size or the weights
alone (bias tables laid out, masks of shifted windows, temperatures) is made beforehand by `fix`, as a user who deploys for one size
would do it. Maps stay [1, H, W, C] between layers.

Network: Choi et al., "N-Gram in Swin Transformers for Efficient Lightweight Image Super-Resolution", CVPR 2023.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

MEAN = (0.4485, 0.4375, 0.4045)
DEVIATION = {2: (0.2397, 0.2290, 0.2389), 3: (0.2373, 0.2265, 0.2367), 4: (0.2352, 0.2244, 0.2349)}


def windows(x, side):
    """[1, H, W, C] to [windows, side * side, C]."""
    _, h, w, c = x.shape
    return x.view(h // side, side, w // side, side, c).permute(0, 2, 1, 3, 4).reshape(-1, side * side, c)


def joined(x, h, w):
    """The reverse: [windows, side * side, C] to [1, h, w, C]."""
    side = math.isqrt(x.shape[1])
    return x.view(h // side, w // side, side, side, -1).permute(0, 2, 1, 3, 4).reshape(1, h, w, -1)


class CosineAttention(nn.Module):
    """Attention of normalised queries and keys, with a temperature for each head and a table of biases."""

    def __init__(self, dim, heads, side):
        super().__init__()
        self.heads, self.side, self.width = heads, side, dim // heads
        self.qkv, self.proj = nn.Linear(dim, 3 * heads * self.width), nn.Linear(heads * self.width, dim)
        self.logit_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
        self.relative_position_bias_table = nn.Parameter(0.02 * torch.randn((2 * side - 1) ** 2, heads))

    def fix(self, mask=None):
        """Lays out bias and mask [1 or windows, heads, N, N]."""
        y, x = (a.flatten() for a in torch.meshgrid(torch.arange(self.side), torch.arange(self.side), indexing="ij"))
        index = (y[:, None] - y[None] + self.side - 1) * (2 * self.side - 1) + x[:, None] - x[None] + self.side - 1
        bias = self.relative_position_bias_table.detach()[index].permute(2, 0, 1)[None]
        self.register_buffer("bias", (bias if mask is None else bias + mask[:, None]).contiguous(), persistent=False)
        self.register_buffer("temperature", self.logit_scale.detach().clamp(max=math.log(100.0)).exp()[None], persistent=False)

    def forward(self, x):
        groups, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(groups, tokens, 3, self.heads, self.width).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = F.normalize(q, dim=-1) * self.temperature, F.normalize(k, dim=-1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias.expand(groups, -1, -1, -1), scale=1.0)
        return self.proj(out.transpose(1, 2).reshape(groups, tokens, -1))


class NGramContext(nn.Module):
    """One token for each window, attended to in its 2 x 2 neighbourhood of windows, forward and backward."""

    def __init__(self, dim, heads, window):
        super().__init__()
        self.unigram_embed = nn.Conv2d(dim, dim // 2, window, window, groups=dim // 2)
        self.ngram_attn = CosineAttention(dim // 2, heads, 2)
        self.merge = nn.Conv2d(dim, dim, 1)

    def mean_of_neighbours(self, u):
        """[1, h + 1, w + 1, C] to [1, h, w, C]."""
        _, h, w, c = u.shape
        cells = torch.stack([u[0, y:h - 1 + y, x:w - 1 + x] for y in (0, 1) for x in (0, 1)], 2).reshape(-1, 4, c)
        return self.ngram_attn(cells).mean(1).view(1, h - 1, w - 1, c)

    def forward(self, x):
        u = self.unigram_embed(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        ahead = torch.cat([u, u[:, -2:-1]], 1)
        ahead = torch.cat([ahead, ahead[:, :, -2:-1]], 2)
        back = torch.cat([u[:, 1:2], u], 1)
        back = torch.cat([back[:, :, 1:2], back], 2)
        both = torch.cat([self.mean_of_neighbours(ahead), self.mean_of_neighbours(back)], 3)
        return F.linear(both, self.merge.weight[:, :, 0, 0], self.merge.bias)


class Block(nn.Module):
    def __init__(self, dim, heads, window, shift):
        super().__init__()
        self.window, self.shift = window, shift
        self.ngram_window_partition = nn.Module()
        self.ngram_window_partition.ngram_context = NGramContext(dim, heads, window)
        self.attn = CosineAttention(dim, heads, window)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.ffn = nn.Module()
        self.ffn.fc1, self.ffn.fc2 = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def fix(self, h, w):
        mask = None
        if self.shift:
            rows, columns = ((torch.arange(n) >= n - self.window).long() + (torch.arange(n) >= n - self.shift).long() for n in (h, w))
            region = windows((rows[:, None] * 3 + columns[None]).view(1, h, w, 1), self.window)[:, :, 0]
            mask = torch.where(region[:, :, None] == region[:, None], 0.0, -100.0)
        self.attn.fix(mask)
        self.ngram_window_partition.ngram_context.ngram_attn.fix()

    def forward(self, x):
        _, h, w, c = x.shape
        side = self.window
        context = self.ngram_window_partition.ngram_context(x)
        y = (x.view(1, h // side, side, w // side, side, c) + context[:, :, None, :, None]).view(1, h, w, c)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = joined(self.attn(windows(y, side)), h, w)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + self.norm1(y)
        return x + self.norm2(self.ffn.fc2(F.gelu(self.ffn.fc1(x))))


def cells(x, side):
    """[1, H, W, C] to [1, H / side, side, W / side, side, C]."""
    _, h, w, c = x.shape
    return x.view(1, h // side, side, w // side, side, c)


class Merging(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * dim), nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x):
        return self.reduction(self.norm(cells(x, 2).permute(0, 1, 3, 2, 4, 5).flatten(3)))


class Stage(nn.Module):
    def __init__(self, dim, inputs, depth, heads, window, merges):
        super().__init__()
        if inputs != dim:
            self.across_cascade_proj = nn.Linear(inputs, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, window, window // 2 * (i % 2)) for i in range(depth))
        if merges:
            self.downsample = Merging(dim)

    def forward(self, x):
        """The output, and the merged one where the stage merges."""
        if hasattr(self, "across_cascade_proj"):
            x = self.across_cascade_proj(x)
        previous = 0
        for block in self.blocks:
            entering = x + previous
            x, previous = block(entering), entering
        return (x, self.downsample(x + previous)) if hasattr(self, "downsample") else x


class Bottleneck(nn.Module):
    def __init__(self, dim):
        super().__init__()
        width = dim + dim // 4 + dim // 16
        self.depthwise, self.pointwise, self.norm = nn.Conv2d(width, width, 3, padding=1, groups=width), nn.Linear(width, dim), nn.LayerNorm(dim)

    def forward(self, features, outputs):
        """Features [1, C, H, W], outputs of the three stages [1, h, w, C]."""
        parts = []
        for i, output in enumerate(outputs):
            if i:
                features = F.max_pool2d(features, 2)
            parts.append(F.pixel_shuffle(output.permute(0, 3, 1, 2) + F.leaky_relu(features), 2 ** i))
        x = F.gelu(self.depthwise(torch.cat(parts, 1)))
        return self.norm(self.pointwise(x.permute(0, 2, 3, 1)))


class NGswin(nn.Module):
    """[1, 3, h, w] in [0, 1] to [1, 3, scale * h, scale * w], not clamped."""

    def __init__(self, scale=2, side=64, dim=64, depth=(6, 4, 4), heads=(6, 4, 4), window=8):
        super().__init__()
        self.scale, self.dim = scale, dim
        self.shallow_extract = nn.Module()
        self.shallow_extract.conv1 = nn.Conv2d(3, dim, 3, padding=1)
        for i in range(3):
            self.add_module(f"encoder_layer{i + 1}", Stage(dim, (i + 1) * dim, depth[i], heads[i], window, i < 2))
        self.bottleneck = Bottleneck(dim)
        self.decoder_layer1 = Stage(dim, dim, depth[0], heads[0], window, False)
        self.norm = nn.LayerNorm(dim)
        self.to_target = nn.Module()
        self.to_target.before_shuffle, self.to_target.to_origin = nn.Conv2d(dim, 3 * scale ** 2, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION[scale]).view(1, 3, 1, 1), persistent=False)
        self.fix(side)

    def fix(self, side):
        """Makes what depends on weights and size: again after other weights are loaded."""
        for stage, at in ((self.encoder_layer1, side), (self.encoder_layer2, side // 2), (self.encoder_layer3, side // 4), (self.decoder_layer1, side)):
            for block in stage.blocks:
                block.fix(at, at)

    def forward(self, image):
        features = self.shallow_extract.conv1((image - self.mean) / self.deviation)
        first = features.permute(0, 2, 3, 1).contiguous()
        out1, down1 = self.encoder_layer1(first)
        second = torch.cat([F.max_pool2d(features, 2).permute(0, 2, 3, 1), down1], 3)
        out2, down2 = self.encoder_layer2(second)
        pooled = F.max_pool2d(second.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        out3 = self.encoder_layer3(torch.cat([pooled, down2], 3))
        y = self.decoder_layer1(self.bottleneck(features, (out1, out2, out3)) + out1)
        y = (self.norm(y) + first).permute(0, 3, 1, 2)
        y = self.to_target.to_origin(F.pixel_shuffle(self.to_target.before_shuffle(y), self.scale))
        return y * self.deviation + self.mean
