"""report.md and report.html from the lines of run.py and of bench/compile/measure.py.

    python report.py LINES.jsonl FOLDER

Lines are JSON objects with a `kind`: `machine`, `limits`, `time`, `compile`, `size`. Of several measurements of one thing the best
counts. The pages need nothing else: pictures are inline SVG.
"""
import glob
import json
import math
import os
import subprocess
import sys

import pictures

NAMES = {"torch": "PyTorch", "torch+mkl512": "PyTorch (AVX-512 MKL)", "ort": "ONNX Runtime", "ov": "OpenVINO", "heddle": "Heddle"}
LENGTHS = {"a1": 196, "d1": 298, "e2": 700, "a2": 1024, "e1": 1568, "a3": 4096}


def read(path):
    lines = []
    with open(path) as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except ValueError:
                raise SystemExit(f"{path}:{number}: this is not a line of JSON")
            if "kind" not in line:
                raise SystemExit(f"{path}:{number}: a line needs a kind")
            lines.append(line)
    return lines


def best_limits(lines):
    best = {}
    for line in lines:
        if line["kind"] == "limits":
            for name, value in line.items():
                if isinstance(value, (int, float)) and name != "threads":
                    best[name] = max(value, best.get(name, 0))
    return best


class Result:
    """One case, type and number of threads: Heddle's best time and the best form of every other library."""

    def __init__(self, key, dtype, threads):
        self.key, self.dtype, self.threads = key, dtype, threads
        self.text, self.flop, self.bytes, self.own, self.others = "", 0, 0, math.inf, {}

    def add(self, line):
        t = line["ns_per_iter_min"]
        if line["peer"] == "heddle":
            self.own = min(self.own, t)
            self.text, self.flop, self.bytes = line.get("text", ""), line["flop"], line["bytes"]
        elif t < self.others.get(line["peer"], (math.inf, ""))[0]:
            self.others[line["peer"]] = (t, line.get("form", ""))

    @property
    def best(self):
        """Time, library and form of the fastest other one."""
        peer = min(self.others, key=lambda p: self.others[p][0])
        return (*self.others[peer][:1], peer, self.others[peer][1])

    @property
    def ratio(self):
        """The best other library's time over ours: above 1 Heddle is faster."""
        return self.best[0] / self.own


def results(lines):
    found = {}
    for line in lines:
        if line["kind"] == "time":
            key = (line["case"], line["dtype"], line["threads"])
            found.setdefault(key, Result(*key)).add(line)
    return [r for r in found.values() if r.own < math.inf and r.others]


def duration(ns):
    if ns < 1e6:
        return f"{ns / 1e3:.1f} µs" if ns >= 1e4 else f"{ns / 1e3:.2f} µs"
    return f"{ns / 1e6:.2f} ms" if ns < 1e8 else f"{ns / 1e6:.0f} ms"


def peak_of(limits, dtype, threads):
    return limits.get("bf16" if dtype == "bf16" else "f32", 0) * threads


def case_rows(group, limits):
    """Header and rows of the table of one type and number of threads."""
    peers = sorted({p for r in group for p in r.others})
    header = ["case", "", "Heddle", "GFLOP/s", "of peak", *[NAMES.get(p, p) for p in peers], "best other / Heddle"]
    rows = []
    for r in group:
        rate = r.flop / r.own
        peak = peak_of(limits, r.dtype, r.threads)
        others = [f"{duration(r.others[p][0])} ({r.others[p][1]})" if p in r.others else "–" for p in peers]
        rows.append([r.key, r.text, duration(r.own), f"{rate:.0f}", f"{100 * rate / peak:.0f} %" if peak else "–", *others, f"{r.ratio:.2f}"])
    return header, rows


def grouped(all_results):
    groups = {}
    for r in all_results:
        kind = "Matrix products" if r.key.startswith("gemm") else "Whole networks" if r.key.startswith("n-") else "Attention and convolution"
        groups.setdefault((kind, r.dtype, r.threads), []).append(r)
    return groups


def compile_rows(lines):
    rows = [[l["program"], f"{l['seconds']:.1f} s", f"{l['megabytes']:.0f} MB", f"{l['object_bytes'] / 1024:.0f} KiB", f"{l['binary_bytes'] / 1024:.0f} KiB"]
            for l in lines if l["kind"] == "compile"]
    sizes = {l["what"]: l["bytes"] for l in lines if l["kind"] == "size"}
    return rows, [[what, f"{size / 2**20:.1f} MiB"] for what, size in sorted(sizes.items(), key=lambda x: -x[1])]


COMPILE_HEADER = ["program", "compiling", "memory", "object", "stripped program"]


def library_sizes(python):
    """Lines of kind `size`: the shared libraries that the other packages bring for the processor."""
    code = "import importlib.util as u; print(*[u.find_spec(m).submodule_search_locations[0] for m in ('torch','onnxruntime','openvino') if u.find_spec(m)], sep='\\n')"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True)
    lines = []
    for folder in answer.stdout.split("\n"):
        for pattern in ("lib/libtorch_cpu.so", "capi/libonnxruntime.so*", "capi/onnxruntime_pybind11_state*.so", "libs/libopenvino.so*",
                        "libs/libopenvino_intel_cpu_plugin.so"):
            for path in glob.glob(os.path.join(folder, pattern)) if folder else []:
                lines.append({"kind": "size", "what": os.path.basename(path), "bytes": os.path.getsize(path)})
    return lines


def markdown_table(header, rows):
    out = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    return "\n".join(out + ["| " + " | ".join(row) + " |" for row in rows])


def html_table(header, rows):
    cells = "".join(f"<th>{pictures.escape(h)}</th>" for h in header)
    body = "".join("<tr>" + "".join(f"<td>{pictures.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(lines, limits):
    machines = [l for l in lines if l["kind"] == "machine"]
    text = []
    for m in machines[-1:]:
        versions = ", ".join(f"{NAMES.get(k, k)} {v}" for k, v in m["versions"].items())
        text.append(f"{m['processor']}, {m['date']}; {versions}. Minima of {m['rounds']} interleaved rounds of {m['seconds']} s, pinned; differences below 5 % are a tie.")
    if limits:
        bf16 = f", bf16 {limits['bf16']:.0f} GFLOP/s" if limits.get("bf16", 0) > limits["f32"] or limits.get("bf16_dot") else ""
        text.append(f"Measured peak of one thread in the same run: f32 {limits['f32']:.0f} GFLOP/s{bf16}; reads from the first-level cache "
                    f"{limits['read_l1']:.0f} GB/s, second-level {limits['read_l2']:.0f}, memory {limits['read_memory']:.1f}.")
    text.append("GFLOP/s count visible pairs only (4 operations a pair and element of a head). Every result was checked before it was timed: the other "
                "libraries against float64, Heddle against its reference. In brackets: the form in which that library was fastest.")
    return text


def scaling(group):
    """GFLOP/s against the number of tokens, one line a library."""
    series = {}
    for r in group:
        if r.key in LENGTHS:
            series.setdefault("heddle", []).append((LENGTHS[r.key], r.flop / r.own))
            for peer, (t, _) in r.others.items():
                series.setdefault(peer, []).append((LENGTHS[r.key], r.flop / t))
    return {NAMES.get(k, k): sorted(v) for k, v in series.items() if len(v) > 1}


def plots(group, limits, dtype, threads):
    bars = [(r.key, r.text, {"Heddle": r.own / r.best[0], **{NAMES.get(p, p): t / r.best[0] for p, (t, _) in r.others.items()}}) for r in group]
    out = [("Time next to the best other library (at 1; left is faster)", pictures.ratios(bars))]
    lengths = scaling(group)
    if lengths:
        out.append(("GFLOP/s with the number of tokens", pictures.lines(lengths, "tokens", "GFLOP/s")))
    peak = peak_of(limits, dtype, threads)
    if peak:
        points = [(r.key, r.flop / r.bytes, r.flop / r.own, r.flop / r.best[0]) for r in group]
        roofs = [(name, limits[key] * threads) for name, key in (("memory", "read_memory"), ("second-level cache", "read_l2")) if limits.get(key)]
        out.append(("Roofline: filled Heddle, hollow the best other library", pictures.roofline(points, peak, roofs)))
    return out


def pages(lines):
    """The text of report.md and of report.html."""
    limits, all_results = best_limits(lines), results(lines)
    compiled, sizes = compile_rows(lines)
    md, html = ["# Heddle next to other libraries", *facts(lines, limits)], ["<h1>Heddle next to other libraries</h1>"]
    html += [f"<p>{pictures.escape(t)}</p>" for t in facts(lines, limits)]
    for (kind, dtype, threads), group in grouped(all_results).items():
        title = f"{kind}, {dtype}, {threads} thread{'s' if threads > 1 else ''}"
        header, rows = case_rows(group, limits)
        md += [f"## {title}", markdown_table(header, rows)]
        html.append(f"<h2>{title}</h2>")
        html += [f"<figure><figcaption>{caption}</figcaption>{svg}</figure>" for caption, svg in plots(group, limits, dtype, threads)]
        html.append(html_table(header, rows))
    if compiled or sizes:
        md.append("## Size and time to compile")
        html.append("<h2>Size and time to compile</h2>")
        for header, rows in ((COMPILE_HEADER, compiled), (["library found in the environment", "size"], sizes)):
            if rows:
                md.append(markdown_table(header, rows))
                html.append(html_table(header, rows))
    return "\n\n".join(md) + "\n", pictures.page("Heddle next to other libraries", "\n".join(html))


def write(path, folder, more=()):
    """Writes both pages; yields what to say."""
    lines = read(path) + list(more)
    compiled = os.path.join(folder, "..", "compile", "lines.jsonl")
    if os.path.exists(compiled):
        lines += read(compiled)
    md, html = pages(lines)
    for name, text in (("report.md", md), ("report.html", html)):
        target = os.path.join(folder, name)
        with open(target, "w") as file:
            file.write(text)
        yield f"heddle: wrote {target}"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: report.py LINES.jsonl FOLDER")
    for sentence in write(sys.argv[1], sys.argv[2]):
        print(sentence)
