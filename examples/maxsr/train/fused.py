"""Fused training layers for CPUs with AMX (fused*.cpp, compiled on first use).

They replace the forward methods of a training network of width 48; evaluation keeps the plain layers.
"""
import os
import types

import torch
import torch.nn.functional as F
from torch.utils.cpp_extension import load

_native = None


def supported():
    try:
        return "amx_bf16" in open("/proc/cpuinfo").read()
    except OSError:
        return False


def native():
    global _native
    if _native is None:
        here = os.path.dirname(os.path.abspath(__file__))
        flags = ["-O3", "-march=sapphirerapids", "-ffast-math", "-fno-math-errno"]
        _native = load("maxsr_fused", [os.path.join(here, n) for n in ("fused.cpp", "fused_mbconv.cpp")],
                       extra_cflags=flags)
    return _native


class FeedForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, *w):
        ctx.save_for_backward(x, *w)
        return native().ffn_forward(x, w)

    @staticmethod
    def backward(ctx, dy):
        x, *w = ctx.saved_tensors
        return tuple(native().ffn_backward(dy.contiguous(), x, w))


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bias, window, *w):
        ctx.save_for_backward(x, bias, *w)
        ctx.window = window
        return native().attention_forward(x, bias, w, *window)

    @staticmethod
    def backward(ctx, dy):
        x, bias, *w = ctx.saved_tensors
        dx, dbias, *dw = native().attention_backward(dy.contiguous(), x, bias, w, *ctx.window)
        return (dx, dbias, None, *dw)


class MBConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, running, *w):
        y, *saved = native().mbconv_forward(x, w, running)
        ctx.save_for_backward(x, *w, *saved)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, *rest = ctx.saved_tensors
        dx, *dw = native().mbconv_backward(dy.contiguous(), x, rest[:14], rest[14:])
        return (dx, None, *(g.reshape(t.shape) for g, t in zip(dw, rest)))


def mbconv_forward(self, x):
    if not self.fn[1].training:   # also when only the statistics are fixed
        return type(self).forward(self, x)
    f = self.fn
    norms = (f[1], f[4], f[8])
    for bn in norms:
        bn.num_batches_tracked += 1
    running = [t for bn in norms for t in (bn.running_mean, bn.running_var)]
    w = [f[0].weight, f[0].bias, f[1].weight, f[1].bias, f[3].weight, f[3].bias, f[4].weight, f[4].bias,
         f[6].gate[1].weight, f[6].gate[3].weight, f[7].weight, f[7].bias, f[8].weight, f[8].bias]
    return MBConv.apply(x.float().contiguous(), running, *(t.contiguous() for t in w))


def attention_forward(self, x, wh, ww):
    """The pre-norm attention sub-layer as a whole; the bias is padded to whole vectors."""
    if not self.training:
        return type(self).forward(self, x, wh, ww)
    n, a = wh * ww, self.fn
    bias = F.pad(a.bias(wh, ww), (0, (16 - n % 16) % 16)).contiguous()
    return Attention.apply(x.float().contiguous(), bias, (wh, ww, a.grid), self.norm.weight, self.norm.bias,
                           a.to_qkv.weight, a.to_out[0].weight)


def feed_forward(self, x):
    if not self.training:
        return type(self).forward(self, x)
    net = self.fn.net
    return FeedForward.apply(x.float().contiguous(), self.norm.weight, self.norm.bias, net[0].weight, net[0].bias,
                             net[3].weight, net[3].bias)


def fuse(net):
    """Switches the layers of a float32 network on the CPU to their fused training form."""
    native()
    for stage in net.stages:
        for mbconv, *parts in stage:
            mbconv.forward = types.MethodType(mbconv_forward, mbconv)
            for part in parts:
                one, two = (getattr(part, i) for i in "12")
                one.forward = types.MethodType(attention_forward, one)
                two.forward = types.MethodType(feed_forward, two)
