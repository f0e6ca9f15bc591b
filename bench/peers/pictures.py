"""Plots as inline SVG, readable on a phone, in light and dark: text and colours come from the page's style."""
import html
import math

escape = html.escape
WIDTH = 420
COLOURS = ["own", "first", "second", "third", "fourth"]

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c1c1e; --faint: #6b6b70; --line: #d8d8dc; --own: #c2410c; --first: #1d4ed8;
  --second: #15803d; --third: #7c3aed; --fourth: #64748b; }
@media (prefers-color-scheme: dark) { :root { --back: #141416; --text: #ececee; --faint: #9a9aa0; --line: #3a3a3e; --own: #fb923c;
  --first: #7aa2ff; --second: #5ed08a; --third: #b79cff; --fourth: #9fb0c6; } }
body { background: var(--back); color: var(--text); font: 16px/1.45 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } figure { margin: 1rem 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--text); font: 11px system-ui, sans-serif; } svg .faint { fill: var(--faint); }
svg .axis { stroke: var(--line); fill: none; } svg .mark { stroke: var(--faint); fill: none; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; } th, td { border-bottom: 1px solid var(--line); padding: .3rem .5rem;
  text-align: left; white-space: nowrap; } th { font-weight: 600; }
"""
STYLE += "".join(f"svg .{c} {{ fill: var(--{c}); }} svg .{c}-line {{ stroke: var(--{c}); fill: none; stroke-width: 2; }}\n" for c in COLOURS)


def page(title, body):
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n")


def svg(height, parts, label):
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def text(x, y, content, anchor="start", kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(str(content))}</text>'


def segment(x1, y1, x2, y2, kind="axis"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def dot(x, y, kind, title, radius=4.0):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{kind}"><title>{escape(title)}</title></circle>'


def colours(names):
    """Heddle has its own colour; the others in the order of their names."""
    others = sorted(n for n in names if n != "Heddle")
    return {"Heddle": "own", **{n: COLOURS[1 + i % 4] for i, n in enumerate(others)}}


def legend(names, y=12):
    parts, x = [], 4
    for name, colour in names.items():
        parts += [dot(x + 4, y - 4, colour, name), text(x + 12, y, name)]
        x += 24 + 6.2 * len(name)
    return parts


def logarithmic(low, high, start, end):
    """A scale from values to pixels."""
    a, b = math.log(low), math.log(high)
    return lambda value: start + (math.log(min(max(value, low), high)) - a) / (b - a) * (end - start)


def ticks(low, high):
    """Round numbers between two bounds for a logarithmic axis: 1, 2 and 5 times powers of ten."""
    found = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        found += [m * 10.0 ** power for m in (1, 2, 5) if low <= m * 10.0 ** power <= high]
    return found


def ratios(rows):
    """One line a case: the time of every library, the best other one at 1, on a logarithmic axis. Rows: (key, text, {name: ratio})."""
    names = colours({n for _, _, values in rows for n in values})
    top, step, left = 34, 20, 58
    height = top + step * len(rows) + 18
    every = [v for _, _, values in rows for v in values.values()]
    low, high = min(0.5, *every) * 0.93, min(8.0, max(2.0, *every) * 1.07)
    scale = logarithmic(low, high, left, WIDTH - 12)
    parts = legend(names)
    for tick in ticks(low, high):
        parts += [segment(scale(tick), top - 8, scale(tick), height - 16, "mark" if tick == 1 else "axis"), text(scale(tick), height - 4, f"{tick:g}", "middle", "faint")]
    for index, (key, what, values) in enumerate(rows):
        y = top + step * index + 8
        parts.append(text(left - 6, y + 4, key[4:] if key.startswith("gemm") else key, "end"))
        for name in sorted(values, key=lambda n: n == "Heddle"):
            over = " (beyond the axis)" if values[name] > high else ""
            parts.append(dot(scale(values[name]), y, names[name], f"{key} {what}: {name} {values[name]:.2f}{over}", 5 if name == "Heddle" else 4))
    return svg(height, parts, "time of every library relative to the best other one, case by case")


def lines(series, x_name, y_name):
    """Lines over a logarithmic x axis. Series: {name: [(x, y), ...]}."""
    names = colours(series)
    xs = [x for points in series.values() for x, _ in points]
    high = 1.08 * max(y for points in series.values() for _, y in points)
    left, top, bottom, height = 40, 26, 208, 240
    x_of = logarithmic(min(xs), max(xs), left + 8, WIDTH - 14)
    y_of = lambda y: bottom - y / high * (bottom - top)
    parts = legend(names)
    step = max(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if s == 1 or high / s >= 4)
    for i in range(int(high / step) + 1):
        parts += [segment(left, y_of(i * step), WIDTH - 8, y_of(i * step)), text(left - 5, y_of(i * step) + 4, f"{i * step:g}", "end", "faint")]
    for x in sorted(set(xs)):
        parts.append(text(x_of(x), bottom + 14, x, "middle", "faint"))
    parts += [text(WIDTH - 8, bottom + 28, x_name, "end", "faint"), text(left, bottom + 28, y_name, "start", "faint")]
    for name, points in series.items():
        path = " L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" class="{names[name]}-line"/>')
        parts += [dot(x_of(x), y_of(y), names[name], f"{name}, {x} {x_name}: {y:.0f} {y_name}", 3) for x, y in points]
    return svg(height, parts, f"{y_name} over {x_name}")


def roofline(points, peak, roofs):
    """GFLOP/s over operations a byte. Points: (key, intensity, own, other); roofs: (name, GB/s)."""
    left, top, bottom, height = 40, 12, 222, 254
    x_low, x_high = min(p[1] for p in points) / 1.6, max(p[1] for p in points) * 1.6
    y_low, y_high = min(min(p[2], p[3]) for p in points) / 1.6, peak * 1.5
    x_of, y_of = logarithmic(x_low, x_high, left, WIDTH - 10), logarithmic(y_low, y_high, bottom, top)
    parts = []
    for tick in ticks(y_low, y_high):
        parts += [segment(left, y_of(tick), WIDTH - 10, y_of(tick)), text(left - 5, y_of(tick) + 4, f"{tick:g}", "end", "faint")]
    for tick in ticks(x_low, x_high):
        parts.append(text(x_of(tick), bottom + 14, f"{tick:g}", "middle", "faint"))
    for name, rate in roofs:
        ridge = min(max(peak / rate, x_low), x_high)
        start = max(x_low, y_low / rate)
        if start < ridge:
            parts += [segment(x_of(start), y_of(start * rate), x_of(ridge), y_of(ridge * rate), "mark"),
                      text(x_of(start) + 4, y_of(start * rate) - 6, f"{name} {rate:.0f} GB/s", "start", "faint")]
    parts += [segment(x_of(min(max(peak / max([r for _, r in roofs], default=peak), x_low), x_high)), y_of(peak), WIDTH - 10, y_of(peak), "mark"),
              text(WIDTH - 12, y_of(peak) - 5, f"peak {peak:.0f} GFLOP/s", "end", "faint"),
              text(WIDTH - 10, bottom + 28, "operations a byte", "end", "faint"), text(left, bottom + 28, "GFLOP/s", "start", "faint")]
    for key, intensity, own, other in points:
        x = x_of(intensity)
        parts.append(f'<circle cx="{x:.1f}" cy="{y_of(other):.1f}" r="3.5" class="first-line"><title>{escape(key)}: best other library {other:.0f} GFLOP/s</title></circle>')
        parts.append(dot(x, y_of(own), "own", f"{key}: Heddle {own:.0f} GFLOP/s, {intensity:.0f} operations a byte"))
    return svg(height, parts, "roofline")
