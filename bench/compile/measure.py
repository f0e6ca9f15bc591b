"""`./heddle bench --compile`: what compositions cost to compile. Seconds, peak memory, size of the object and of the stripped
program for the samples of this folder: one attention, a transformer block, a whole network; and one attention in two units, one
with the kernel and one that calls it (HEDDLE_EXTERN_ATTENTION).

Writes BUILD/compile/lines.jsonl, which the report of `./heddle bench --peers` takes in, and prints a table. Needs only the standard
library and a compiler (CXX, by default g++). The best of --rounds counts.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SAMPLES = [("one attention", ["attention.cpp"]), ("a transformer block", ["block.cpp"]), ("MaxSR-light, with its file reader", ["network.cpp"]),
           ("one attention: the unit with the kernel", ["split_kernel.cpp"]), ("one attention: a unit that calls it", ["split_caller.cpp"])]
LINKED_WITH = {"split_caller.cpp": ["split_kernel.cpp"], "split_kernel.cpp": ["split_caller.cpp"]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="heddle bench --compile")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--flags", default="-O3 -march=native", help="by default %(default)s")
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def eigen():
    """As pkg-config knows it, else where Debian puts it."""
    try:
        answer = subprocess.run(["pkg-config", "--cflags", "eigen3"], capture_output=True, text=True)
        found = [word[2:] for word in shlex.split(answer.stdout) if word.startswith("-I")]
    except OSError:
        found = []
    return found or ["/usr/include/eigen3"]


def run(command):
    """Seconds, and megabytes of the largest process among the compiler and what it starts."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"heddle: {shlex.join(command)} failed\n{message}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(compiler, flags, name, sources, folder, rounds):
    base = [compiler, "-std=c++20", *flags, "-I" + os.path.join(ROOT, "include"), "-I" + os.path.join(ROOT, "kernels"), "-I" + os.path.join(ROOT, "examples")]
    for path in eigen():
        base += ["-isystem", path]
    source = os.path.join(HERE, sources[0])
    target = os.path.join(folder, sources[0][:-4])
    best = None
    for _ in range(rounds):
        figures = run([*base, "-c", source, "-o", target + ".o"])
        best = figures if best is None else tuple(min(pair) for pair in zip(best, figures))
    others = [os.path.join(HERE, other) for other in LINKED_WITH.get(sources[0], [])]
    run([*base, "-s", target + ".o", *others, "-o", target])
    # CPU seconds: those of a busy machine's clock say nothing.
    return {"kind": "compile", "program": name, "seconds": round(best[1], 2), "wall_seconds": round(best[0], 2), "megabytes": round(best[2], 1),
            "object_bytes": os.path.getsize(target + ".o"), "binary_bytes": os.path.getsize(target), "flags": " ".join(flags)}


def main():
    options = parse()
    folder = os.path.join(options.build, "compile")
    os.makedirs(folder, exist_ok=True)
    compiler = os.environ.get("CXX", "g++")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    print(f"{version}, {options.flags}; CPU seconds, least of {options.rounds}")
    print(f"{'program':42} {'compiling':>10} {'memory':>9} {'object':>10} {'stripped program':>17}")
    with open(os.path.join(folder, "lines.jsonl"), "w") as lines:
        for name, sources in SAMPLES:
            line = measure(compiler, shlex.split(options.flags), name, sources, folder, options.rounds)
            lines.write(json.dumps({**line, "compiler": version}) + "\n")
            lines.flush()
            print(f"{name:42} {line['seconds']:8.1f} s {line['megabytes']:6.0f} MB {line['object_bytes'] / 1024:6.0f} KiB {line['binary_bytes'] / 1024:13.0f} KiB", flush=True)


main()
