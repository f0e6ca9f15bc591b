"""The cases that Heddle and the other libraries are timed on: shapes of published networks.

Every case is a PyTorch module in several forms, its inputs, and what it has to give in float64. The keys are those of
`heddle_bench --serve`. Forms: `sdpa` (scaled_dot_product_attention) and `math` (two products and a softmax); with `+split` the
problem is cut into two calls as the official trackers do, with `+chunked` a sliding window into chunks.
"""
import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

import networks


class Attention(nn.Module):
    """softmax(q k^T scale + bias [+ mask of each window]) v on [batch, heads, tokens, dim]; causal, cosine, or with hidden pairs."""

    def __init__(self, form, dim, bias=None, window_mask=None, visible=None, causal=0, temperature=None):
        super().__init__()
        self.form, self.scale, self.causal = form, 1 / math.sqrt(dim), causal
        parts = [part for part in (bias, window_mask) if part is not None]
        if visible is not None:
            parts.append(torch.zeros(visible.shape).masked_fill(~visible, -math.inf))
        if causal and form == "math":
            parts.append(torch.full((causal, causal), -math.inf).triu(1)[None, None])
        if form == "math" and bias is not None and window_mask is not None:
            self.register_buffer("bias", bias)             # two small additions instead of one table for every window
            self.register_buffer("window_mask", window_mask)
        else:
            self.register_buffer("bias", sum(parts[1:], parts[0]).contiguous() if parts else None)
            self.register_buffer("window_mask", None)
        self.register_buffer("temperature", temperature)

    def forward(self, q, k, v):
        scale = self.scale
        if self.temperature is not None:
            q, k, scale = F.normalize(q, dim=-1) * self.temperature, F.normalize(k, dim=-1), 1.0
        if self.form == "sdpa":
            return F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias, is_causal=bool(self.causal), scale=scale)
        scores = torch.matmul(q * scale, k.transpose(-2, -1))
        if self.bias is not None:
            scores = scores + self.bias
        if self.window_mask is not None:
            scores = scores + self.window_mask
        return torch.matmul(scores.softmax(-1), v)


class Split(nn.Module):
    """The template's rows see the template, the others everything: two calls."""

    def __init__(self, form, dim, template):
        super().__init__()
        self.inner, self.template = Attention(form, dim), template

    def forward(self, q, k, v):
        t = self.template
        return torch.cat([self.inner(q[:, :, :t], k[:, :, :t], v[:, :, :t]), self.inner(q[:, :, t:], k, v)], 2)


class Chunked(nn.Module):
    """A causal sliding window in chunks of `w` queries against 2 w keys."""

    def __init__(self, form, heads, length, dim, w):
        super().__init__()
        self.heads, self.length, self.dim, self.w = heads, length, dim, w
        i, j = torch.arange(w)[:, None] + w, torch.arange(2 * w)[None]
        visible = ((j <= i) & (j > i - w)).expand(length // w, 1, w, 2 * w).clone()
        visible[0, :, :, :w] = False
        self.inner = Attention(form, dim, visible=visible)

    def chunks(self, x):
        n, w = self.length // self.w, self.w
        x = F.pad(x[0], (0, 0, w, 0)).reshape(self.heads, n + 1, w, self.dim)
        return torch.cat([x[:, :-1], x[:, 1:]], 2).transpose(0, 1)

    def forward(self, q, k, v):
        q = q.reshape(self.heads, self.length // self.w, self.w, self.dim).transpose(0, 1)
        out = self.inner(q, self.chunks(k), self.chunks(v))
        return out.transpose(0, 1).reshape(1, self.heads, self.length, self.dim)


class MapAttention(nn.Module):
    """From a projected map [1, h, w, 3 C] to [1, h, w, C], regrouping included: windows (shifted) or a grid."""

    def __init__(self, form, kind, side, heads, dim, window, shift=0, **attention):
        super().__init__()
        self.kind, self.side, self.heads, self.dim, self.window, self.shift = kind, side, heads, dim, window, shift
        self.inner = Attention(form, dim, **attention)

    def forward(self, x):
        w, h, d, n = self.window, self.heads, self.dim, self.side // self.window
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        if self.kind == "grid":
            x = x.reshape(w, n, w, n, 3, h, d).permute(4, 1, 3, 5, 0, 2, 6)
        else:
            x = x.reshape(n, w, n, w, 3, h, d).permute(4, 0, 2, 5, 1, 3, 6)
        q, k, v = x.reshape(3, n * n, h, w * w, d).unbind(0)
        out = self.inner(q, k, v).reshape(n, n, h, w, w, d)
        out = out.permute(3, 0, 4, 1, 2, 5) if self.kind == "grid" else out.permute(0, 3, 1, 4, 2, 5)
        out = out.reshape(1, self.side, self.side, h * d)
        return torch.roll(out, (self.shift, self.shift), (1, 2)) if self.shift else out


def shift_mask(side, window, shift):
    """[windows, 1, n, n]: -100 between regions that meet only through the roll, as Swin's official code has it."""
    regions, bounds = torch.zeros(side, side), [slice(0, -window), slice(-window, -shift), slice(-shift, None)]
    for index, (a, b) in enumerate((a, b) for a in bounds for b in bounds):
        regions[a, b] = index
    n = side // window
    regions = regions.reshape(n, window, n, window).permute(0, 2, 1, 3).reshape(-1, window * window)
    return torch.where(regions[:, None, :] == regions[:, :, None], 0.0, -100.0)[:, None]


class Case:
    """`make(form)` gives the module; `inputs()` its operands; `forms` what it can be written as."""

    def __init__(self, make, shapes, forms=("sdpa", "math")):
        self.make, self.shapes, self.forms = make, shapes, forms

    def inputs(self):
        generator = torch.Generator().manual_seed(1)
        return tuple(torch.randn(shape, generator=generator) for shape in self.shapes)

    def expected(self, inputs, rows=256):
        """The result in float64 and where it lies in that of a run: all of it, or a sample of query rows of a long problem."""
        module = self.make("math").double().eval()
        inputs = tuple(x.double() for x in inputs)
        if len(inputs) != 3 or inputs[0].numel() * inputs[1].shape[2] < 2e8:
            return module(*inputs), lambda out: out
        q, k, v = inputs
        picked = torch.randperm(q.shape[2], generator=torch.Generator().manual_seed(2))[:rows].sort().values
        scores = torch.matmul(q[:, :, picked] * module.scale, k.transpose(-2, -1))
        if module.bias is not None:
            scores = scores + module.bias[:, :, picked]
        return torch.matmul(scores.softmax(-1), v), lambda out: out[:, :, picked]


def build():
    """Every case by its key."""
    torch.manual_seed(0)
    cases = {}

    def bias(heads, length):
        return 0.5 * torch.randn(1, heads, length, length)

    def attention(key, batch, heads, queries, keys, dim, forms=("sdpa", "math"), **how):
        shapes = [(batch, heads, n, dim) for n in (queries, keys, keys)]
        cases[key] = Case(lambda form: Attention(form, dim, **how), shapes, forms)
        return cases[key]

    for key, heads, length in (("a1", 12, 196), ("d1", 12, 298), ("e2", 12, 700), ("a2", 12, 1024), ("e1", 12, 1568), ("a3", 8, 4096)):
        attention(key, 1, heads, length, length, 64)
    attention("a2c", 1, 12, 1024, 1024, 64, causal=1024)
    attention("a3c", 1, 8, 4096, 4096, 64, causal=4096)
    attention("d4", 1, 12, 200, 298, 64)
    attention("d5", 1, 12, 328, 456, 64)
    attention("g", 1, 32, 1, 2048, 128)

    attention("b0", 64, 4, 49, 49, 32)
    attention("b1", 64, 4, 49, 49, 32, bias=bias(4, 49))
    attention("b2", 64, 4, 49, 49, 32, bias=bias(4, 49), window_mask=shift_mask(56, 7, 3))
    attention("b3", 16, 4, 256, 256, 32, bias=16 * torch.sigmoid(bias(4, 256)), temperature=torch.full((1, 4, 1, 1), 10.0))
    attention("b4", 64, 4, 64, 64, 32, bias=16 * torch.sigmoid(bias(4, 64)), temperature=torch.full((1, 4, 1, 1), 10.0))
    attention("c", 64, 4, 64, 64, 16)

    def segments(template, length):
        visible = torch.ones(1, 1, length, length, dtype=torch.bool)
        visible[:, :, :template, template:] = False
        return visible

    def mixed(form):
        base, _, split = form.partition("+")
        return Split(base, 64, 128) if split else Attention(base, 64, visible=segments(128, 452))

    cases["d2"] = Case(mixed, [(1, 12, 452, 64)] * 3, ("sdpa", "math", "sdpa+split", "math+split"))

    def sliding(form):
        base, _, chunked = form.partition("+")
        i = torch.arange(4096)
        visible = ((i[:, None] >= i[None]) & (i[:, None] - i[None] < 256))[None, None]
        return Chunked(base, 8, 4096, 64, 256) if chunked else Attention(base, 64, visible=visible)

    cases["h1"] = Case(sliding, [(1, 8, 4096, 64)] * 3, ("sdpa", "sdpa+chunked", "math+chunked"))

    def from_map(key, kind, side, heads, dim, window, **how):
        cases[key] = Case(lambda form: MapAttention(form, kind, side, heads, dim, window, **how), [(1, side, side, 3 * heads * dim)])

    from_map("m1", "window", 56, 4, 32, 7, bias=bias(4, 49))
    from_map("m2", "window", 56, 4, 32, 7, shift=3, bias=bias(4, 49), window_mask=shift_mask(56, 7, 3))
    from_map("m3", "window", 64, 4, 16, 8)
    from_map("m4", "grid", 64, 4, 16, 8)

    def depthwise(key, channels, frames, side):
        torch.manual_seed(3)
        module = nn.Conv3d(channels, channels, 5, padding=2, groups=channels)
        cases[key] = Case(lambda form: copy.deepcopy(module), [(1, channels, frames, side, side)], ("math",))

    for key, channels, frames, side in (("f1", 64, 8, 28), ("f2", 64, 8, 56), ("f3", 128, 8, 28)):
        depthwise(key, channels, frames, side)

    def product(rows, outputs, inputs):
        torch.manual_seed(4)
        module = nn.Linear(inputs, outputs)
        cases[f"gemm{rows}x{outputs}x{inputs}"] = Case(lambda form: copy.deepcopy(module), [(rows, inputs)], ("math",))

    for shape in ((128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (196, 2304, 768), (196, 768, 3072), (196, 3072, 768),
                  (196, 768, 768), (320, 768, 768), (3136, 96, 96), (3136, 288, 96), (65536, 40, 40), (65536, 160, 40), (32, 384, 384),
                  (32, 1536, 384), (128, 384, 384), (1, 4096, 4096), (49, 49, 32), (196, 196, 64), (196, 64, 196), (64, 64, 16)):
        product(*shape)

    for key, (make, side) in networks.networks().items():
        cases[key] = Case(networks.seeded(make), [(1, 3, side, side)], ("sdpa",))
    return cases
