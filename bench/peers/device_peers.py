"""PyTorch's attention on a device, serving device.py: one request a line, one line of JSON back.

    list of forms: sdpa-flash, sdpa-cudnn, sdpa-efficient, sdpa-math (scaled_dot_product_attention with one backend each),
    flex (FlexAttention, compiled), compiled (a whole network). Where a map has to be cut into windows first, that is compiled
    around the attention.

The cases are those of heddle_cuda_bench; a case that a form cannot express is left out with its reason.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F

import networks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

BACKENDS = {"sdpa-flash": SDPBackend.FLASH_ATTENTION, "sdpa-cudnn": SDPBackend.CUDNN_ATTENTION,
            "sdpa-efficient": SDPBackend.EFFICIENT_ATTENTION, "sdpa-math": SDPBackend.MATH}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def random(shape, seed, dtype):
    generator = torch.Generator(device="cuda").manual_seed(seed)
    return torch.randn(shape, generator=generator, device="cuda", dtype=torch.float32).to(dtype)


class Sequence:
    """[batch, heads, tokens, dim]; `visible(q, k)` hides pairs, `causal` names the common case."""

    def __init__(self, batch, heads, tokens, dim, keys=None, key_heads=None, causal=False, visible=None):
        self.batch, self.heads, self.tokens, self.dim = batch, heads, tokens, dim
        self.keys, self.key_heads = keys or tokens, key_heads or heads
        self.causal, self.visible = causal, visible

    def inputs(self, dtype):
        return (random((self.batch, self.heads, self.tokens, self.dim), 7, dtype),
                random((self.batch, self.key_heads, self.keys, self.dim), 8, dtype),
                random((self.batch, self.key_heads, self.keys, self.dim), 9, dtype))

    def mask(self):
        if not self.visible:
            return None
        q, k = torch.arange(self.tokens, device="cuda")[:, None], torch.arange(self.keys, device="cuda")[None]
        return self.visible(q, k)

    def call(self, form):
        grouped = self.key_heads != self.heads
        if form == "compiled":
            raise ValueError("flex is the compiled form")
        if form == "flex":
            visible = self.visible or ((lambda q, k: q >= k) if self.causal else None)
            block_mask = None
            if visible:
                block_mask = create_block_mask(lambda b, h, q, k: visible(q, k), None, None, self.tokens, self.keys, device="cuda")
            compiled = torch.compile(flex_attention, dynamic=False)
            return lambda q, k, v: compiled(q, k, v, block_mask=block_mask, enable_gqa=grouped)
        mask = self.mask()

        def sdpa(q, k, v):
            with sdpa_kernel(BACKENDS[form]):
                return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal, enable_gqa=grouped)
        return sdpa

    def expected(self, q, k, v, rows):
        """Some rows of the first batch item in float64."""
        q, k, v = (x[:1].double() for x in (q, k, v))
        k, v = (x.repeat_interleave(self.heads // self.key_heads, 1) for x in (k, v))
        scores = q[:, :, rows] @ k.transpose(-2, -1) / math.sqrt(self.dim)
        visible = self.mask() if self.visible else None
        if self.causal:
            visible = rows[:, None] >= torch.arange(self.keys, device="cuda")[None]
            scores = scores.masked_fill(~visible, -math.inf)
        elif visible is not None:
            scores = scores.masked_fill(~visible[rows], -math.inf)
        return scores.softmax(-1) @ v

    def rows_of(self, out, rows):
        return out[:1, :, rows]

    def row_count(self):
        return self.tokens


class Map:
    """From [batch, side, side, 3, heads, dim] to [batch, side, side, heads dim] by windows, regrouping included."""

    def __init__(self, batch, heads, side, dim, window, kind="window", shift=0, bias=False, cosine=False):
        self.batch, self.heads, self.side, self.dim, self.window = batch, heads, side, dim, window
        self.kind, self.shift, self.cosine = kind, shift, cosine
        self.bias = None
        if bias or shift:
            n = window * window
            table = 0.5 * random((1, heads, n, n), 3, torch.float32) if bias else torch.zeros(1, heads, n, n, device="cuda")
            self.bias = table if not shift else (table[None] + self.regions()[:, None, None]).reshape(-1, heads, n, n)

    def regions(self):
        """[windows, n, n]: minus infinity between regions that meet only through the roll."""
        w, s, regions = self.window, self.shift, torch.zeros(self.side, self.side, device="cuda")
        bounds = [slice(0, -w), slice(-w, -s), slice(-s, None)]
        for index, (a, b) in enumerate((a, b) for a in bounds for b in bounds):
            regions[a, b] = index
        n = self.side // w
        regions = regions.reshape(n, w, n, w).permute(0, 2, 1, 3).reshape(n * n, w * w)
        return torch.where(regions[:, None] == regions[:, :, None], 0.0, -math.inf)

    def inputs(self, dtype):
        return (random((self.batch, self.side, self.side, 3, self.heads, self.dim), 7, dtype),)

    def split(self, x):
        w, h, d, n = self.window, self.heads, self.dim, self.side // self.window
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        if self.kind == "grid":
            x = x.reshape(self.batch, w, n, w, n, 3, h, d).permute(5, 0, 2, 4, 6, 1, 3, 7)
        else:
            x = x.reshape(self.batch, n, w, n, w, 3, h, d).permute(5, 0, 1, 3, 6, 2, 4, 7)
        return x.reshape(3, self.batch * n * n, h, w * w, d).unbind(0)

    def join(self, out):
        w, h, d, n = self.window, self.heads, self.dim, self.side // self.window
        out = out.reshape(self.batch, n, n, h, w, w, d)
        out = out.permute(0, 4, 1, 5, 2, 3, 6) if self.kind == "grid" else out.permute(0, 1, 4, 2, 5, 3, 6)
        out = out.reshape(self.batch, self.side, self.side, h * d)
        return torch.roll(out, (self.shift, self.shift), (1, 2)) if self.shift else out

    def call(self, form, compiled=True):
        def attend(x):
            q, k, v = self.split(x)
            scale = 1 / math.sqrt(self.dim)
            if self.cosine:
                q, k, scale = 10 * F.normalize(q, dim=-1), F.normalize(k, dim=-1), 1.0
            bias = None if self.bias is None else self.bias.to(q.dtype).repeat(self.batch if self.shift else 1, 1, 1, 1)
            if bias is not None:
                bias = bias.expand(q.shape[0], -1, -1, -1)
            return self.join(F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale))
        if form not in BACKENDS:
            raise ValueError("thousands of windows have no block mask")
        whole = torch.compile(attend, dynamic=False) if compiled else attend

        def run(x):
            with sdpa_kernel(BACKENDS[form]):
                return whole(x)
        return run

    def expected(self, x, rows):
        one = Map(1, self.heads, self.side, self.dim, self.window, self.kind, self.shift, False, self.cosine)
        one.bias = None if self.bias is None else self.bias.double()
        return one.call("sdpa-math", False)(x[:1].double()).reshape(1, self.side * self.side, -1)[:, rows]

    def rows_of(self, out, rows):
        return out[:1].reshape(1, self.side * self.side, -1)[:, rows]

    def row_count(self):
        return self.side * self.side


class Network:
    """A whole network of networks.py on one picture, compiled with graphs."""

    def __init__(self, key):
        make, self.side = networks.networks()[key]
        torch.manual_seed(networks.WEIGHTS)
        self.module = make().eval().cuda()

    def inputs(self, dtype):
        self.dtype = dtype
        return (random((1, 3, self.side, self.side), 7, torch.float32),)

    def call(self, form):
        if form != "compiled":
            raise ValueError("a network is compiled whole")
        compiled = torch.compile(self.module, mode="max-autotune-no-cudagraphs")   # the graph is captured by measure

        def run(x):
            with torch.autocast("cuda", self.dtype, enabled=self.dtype != torch.float32):
                return self.outputs(compiled(x))
        return run

    @staticmethod
    def outputs(y):
        parts = y if isinstance(y, (tuple, list)) else (y,)
        return torch.cat([part.float().flatten() for part in parts])

    def expected(self, x, rows):
        with torch.no_grad():
            module = self.module.double()
            y = self.outputs(module(x.double())).double()
            self.module.float()
        return y

    def rows_of(self, out, rows):
        return out

    def row_count(self):
        return 1


def cases():
    every = {"n-mixformerv2-b": lambda: Network("n-mixformerv2-b")}
    for dim in (64, 128):
        for thousands in (2, 4, 8, 16):
            tokens = thousands * 1024
            for name, causal in (("dense", False), ("causal", True)):
                every[f"{name}{dim}-{thousands}k"] = lambda t=tokens, d=dim, c=causal: Sequence(16384 // t, 2048 // d, t, d, causal=c)
    every["sliding64-16k"] = lambda: Sequence(1, 32, 16384, 64, visible=lambda q, k: (q >= k) & (q - k < 1024))
    every["decode128-32k"] = lambda: Sequence(1, 32, 1, 128, keys=32768, key_heads=4)
    for batch in (1, 32):
        for tokens, template in ((298, 98), (456, 128)):
            every[f"mixed{tokens}-{batch}"] = lambda b=batch, n=tokens, t=template: Sequence(b, 12, n, 64, visible=lambda q, k: (q >= t) | (k < t))
    every["evad1568"] = lambda: Sequence(8, 12, 1568, 64)
    for window in (7, 8):
        every[f"swin{window}"] = lambda w=window: Map(64, 3, 56, 32, w, shift=w // 2, bias=True)
    every["swinv2-16"] = lambda: Map(64, 3, 64, 32, 16, shift=8, bias=True, cosine=True)
    for dim in (12, 32):
        for images in (1, 64):
            every[f"block8-d{dim}-{images}"] = lambda d=dim, i=images: Map(i, 4, 256, d, 8)
            every[f"grid8-d{dim}-{images}"] = lambda d=dim, i=images: Map(i, 4, 256, d, 8, kind="grid")
    return every


class Server:
    def __init__(self):
        self.cases, self.forms, self.errors = cases(), {}, {}
        self.key = self.dtype = None

    def prepare(self, key, dtype):
        if key not in self.cases:
            return {"error": "there is no such case"}
        torch._dynamo.reset()
        self.key, self.dtype, self.forms, self.errors, left_out = key, dtype, {}, {}, {}
        case = self.cases[key]()
        self.inputs = case.inputs(DTYPES[dtype])
        count = case.row_count()
        rows = torch.randperm(count, generator=torch.Generator().manual_seed(2))[:min(count, 64)].sort().values.cuda()
        expected = case.expected(*self.inputs, rows)
        for form in (*BACKENDS, "flex", "compiled"):
            try:
                call = case.call(form)
                with torch.no_grad():
                    out = case.rows_of(call(*self.inputs), rows).double()
                error = ((out - expected).abs().max() / expected.abs().max()).item()
                bound = 5e-2 if form == "compiled" else 2e-2   # of 16 bits, through a whole network
                if not error < (1e-4 if dtype == "f32" else bound):
                    raise ValueError(f"the result is wrong: {error:.1e}")
                self.forms[form], self.errors[form] = call, error
            except Exception as problem:   # a form that this device or these sizes do not have
                left_out[form] = str(problem).strip().splitlines()[0][:160] if str(problem).strip() else type(problem).__name__
        return {"ready": key, "forms": list(self.forms), "left_out": left_out}

    def measure(self, form, seconds):
        call = self.forms[form]
        with torch.no_grad():
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(3):
                    call(*self.inputs)
            stream.synchronize()
            once = self.elapsed(lambda: call(*self.inputs))
            calls = int(min(200, max(1, 1e6 / max(once, 1))))
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for _ in range(calls):
                    call(*self.inputs)
            samples, spent = [], 0.0
            while len(samples) < 3 or spent < seconds * 1e9:
                samples.append(self.elapsed(graph.replay))
                spent += samples[-1]
        samples = sorted(s / calls for s in samples)
        return {"peer": "torch", "form": form, "case": self.key, "dtype": self.dtype, "ns_per_iter_min": samples[0],
                "ns_per_iter_median": samples[len(samples) // 2], "rel_err": self.errors[form], "torch": torch.__version__}

    @staticmethod
    def elapsed(work):
        """Nanoseconds on the device."""
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e6


def main():
    if not torch.cuda.is_available():
        print(json.dumps({"error": "PyTorch finds no device"}), flush=True)
        return
    server = Server()
    for line in sys.stdin:
        words = line.split()
        try:
            if words and words[0] == "prepare":
                answer = server.prepare(words[1], words[2])
            elif words and words[0] == "measure":
                answer = server.measure(words[1], float(words[2]))
            else:
                answer = {"error": "requests are: prepare CASE DTYPE, measure FORM SECONDS"}
        except Exception as problem:
            answer = {"error": str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
