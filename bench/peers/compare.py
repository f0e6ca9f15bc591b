"""MaxSR-light x2 in Heddle and in other libraries, side by side: the same network, weights, input and machine, one table.

    pip install torch numpy safetensors onnx onnxscript onnxruntime openvino
    cmake --preset bench && cmake --build --preset bench --target maxsr_time
    python bench/peers/compare.py --heddle build/bench/bench/peers/maxsr_time --weights examples/maxsr/weights/maxsr_light_x2.safetensors

Every program is started once, prepares itself and checks its result against float64. Then they take turns, A B C A B C, for a
second each; the minimum of all turns counts, because the machine drifts within minutes. A ratio below 1 means that Heddle is
faster. Differences under 5 % are a tie. Needs only the standard library; the peers run under --python. On a machine that is
not idle, put `chrt -f 10` (as root) in front.
"""
import argparse
import json
import math
import os
import platform
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "2147483648", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "268435456"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heddle", required=True, help="the program maxsr_time")
    parser.add_argument("--weights", help="safetensors file; without one, seeded random weights")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the other libraries")
    parser.add_argument("--sizes", nargs="+", default=["64x64", "128x128"], metavar="HEIGHTxWIDTH")
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--peers", nargs="+", default=["torch", "torch:maps-matmul", "ort", "ov", "ov:maps-sdpa"],
                        help="of torch inductor ort ov; a form may follow, as in ov:maps-sdpa; the best form of each counts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one turn")
    parser.add_argument("--prepare", type=float, default=300, help="seconds that a peer may take to prepare itself")
    parser.add_argument("--cores", help="such as 1 or 0,1; as many as threads, by default the last ones")
    parser.add_argument("--markdown", help="file for the table")
    parser.add_argument("--lines", help="file to which the JSON lines are appended")
    return parser.parse_args()


class Program:
    """A program that measures when told to."""

    def __init__(self, command, environment, cores, limit):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        bufsize=1, env={**os.environ, **ENVIRONMENT, **environment},
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        try:
            self.name = self.answer(limit)["ready"]
        except Exception:
            self.stop()
            raise

    def answer(self, limit):
        end = time.time() + limit
        while select.select([self.process.stdout], [], [], max(0.0, end - time.time()))[0]:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("it ended (run it alone to see why)")
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"no answer within {limit:.0f} s")

    def measure(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.answer(600)

    def stop(self):
        self.process.kill()
        self.process.wait()


def processor():
    """Its name, and whether AMD made it."""
    try:
        with open("/proc/cpuinfo") as file:
            text = file.read()
    except OSError:
        return platform.processor(), False
    name = re.search(r"model name\s*: (.*)", text)
    return name.group(1) if name else platform.machine(), "AuthenticAMD" in text


def mkl_preload(folder):
    """See mkl_full_path.c."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not processor()[1] or not compiler:
        return {}
    library = os.path.join(folder, "libmklfull.so")
    subprocess.run([compiler, "-shared", "-fPIC", os.path.join(HERE, "mkl_full_path.c"), "-o", library], check=True)
    return {"LD_PRELOAD": library}


def start_all(options, size, threads, cores, folder):
    """Heddle first, then the peers; says which could not be started."""
    base = [options.python, os.path.join(HERE, "maxsr_peers.py")]
    common = ["--size", size, "--threads", str(threads), "--folder", folder, "--weights", os.path.join(folder, "weights.safetensors")]
    programs = [Program([options.heddle, folder, size, str(threads), "0"], {"OMP_NUM_THREADS": str(threads)}, cores, options.prepare)]
    preload = mkl_preload(folder)
    for peer in options.peers:
        name, _, form = peer.partition(":")
        more = (["--form", form] if form else []) + ["--serve"]
        of_torch = name in ("torch", "inductor")
        tag = ["--tag=+mkl512"] if preload and of_torch else []
        try:
            programs.append(Program(base + [name] + common + more + tag, preload if of_torch else {}, cores, options.prepare))
        except RuntimeError as problem:
            print(f"{peer}, {size}, {threads} threads: left out, {problem}", flush=True)
    return programs


def run_case(options, size, threads, folder):
    """The best line of every program, Heddle's first."""
    available = sorted(os.sched_getaffinity(0))
    cores = {int(c) for c in options.cores.split(",")} if options.cores else set(available[-threads:])
    command = [options.python, os.path.join(HERE, "maxsr_peers.py"), "files", "--size", size, "--folder", folder]
    if subprocess.run(command + (["--weights", options.weights] if options.weights else [])).returncode != 0:
        sys.exit("compare.py: the input and its float64 result could not be made (--python needs torch, numpy and safetensors)")
    programs = start_all(options, size, threads, cores, folder)
    best = {}
    print(f"{size}, {threads} threads: {len(programs)} programs are ready", flush=True)
    try:
        for _ in range(options.rounds):
            for index, program in enumerate(programs):
                line = program.measure(options.seconds)
                if index not in best or line["ns_per_iter_min"] < best[index]["ns_per_iter_min"]:
                    best[index] = line
                time.sleep(0.25)          # threads of the last one stop spinning
    finally:
        for program in programs:
            program.stop()
    lines = [best[i] for i in range(len(programs))]
    for line in lines:
        print(json.dumps(line), flush=True)
    return lines


def rows(all_lines):
    """The table as markdown: one row per case, ratios of Heddle to each peer and to the best of them."""
    peers = []
    for lines in all_lines:
        for line in lines[1:]:
            if line["peer"] not in peers:
                peers.append(line["peer"])
    yield "| case | threads | heddle, ms | " + " | ".join(f"{p}, ms" for p in peers) + " | heddle / best peer |"
    yield "|---" * (len(peers) + 4) + "|"
    for lines in all_lines:
        own, others = lines[0], {}
        for line in lines[1:]:                    # a peer may be there in several forms: its best one counts
            others[line["peer"]] = min(line["ns_per_iter_min"], others.get(line["peer"], math.inf))
        cells = [f"{others[p] / 1e6:.1f}" if p in others else "-" for p in peers]
        ratio = f"{own['ns_per_iter_min'] / min(others.values()):.2f}" if others else "-"
        yield f"| {own['case']} | {own['threads']} | {own['ns_per_iter_min'] / 1e6:.1f} | " + " | ".join(cells) + f" | {ratio} |"


def main():
    options = parse()
    all_lines = []
    for threads in options.threads:
        for size in options.sizes:
            with tempfile.TemporaryDirectory() as folder:
                all_lines.append(run_case(options, size, threads, folder))
    table = "\n".join(rows(all_lines))
    print("\n" + table)
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(f"{processor()[0]}, {time.strftime('%Y-%m-%d')}; minima of {options.rounds} interleaved rounds.\n\n{table}\n")
    if options.lines:
        with open(options.lines, "a") as file:
            file.writelines(json.dumps(line) + "\n" for lines in all_lines for line in lines)


main()
