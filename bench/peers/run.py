"""`./heddle bench --peers`: PyTorch, ONNX Runtime and OpenVINO on the same cases as Heddle, in turns, and a report.

For every case all programs prepare themselves and check their result against float64 (Heddle: against its reference). Then they
take turns, A B C A B C, a fraction of a second each, every one pinned to the same core; the minimum of all turns counts, because
a machine drifts within minutes. A form that is three times slower than the best one after the first round is not run again.
Differences below 5 % are a tie. On a machine that is not idle, put `chrt -f 10` (as root) in front.

Writes lines.jsonl, report.md and report.html to BUILD/peers. Needs only the standard library.
"""
import argparse
import json
import os
import platform
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

import environment
import report

HERE = os.path.dirname(os.path.abspath(__file__))
ATTENTION = "a1 d1 d4 d5 e2 a2 e1 a3 a2c a3c b0 b1 b2 b3 b4 c m1 m2 m3 m4 d2 h1 f1 f2 f3 g".split()
LIBRARIES = ("torch", "ort", "ov")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="heddle bench --peers")
    parser.add_argument("--heddle", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cases", default="attention", help="attention, gemm, networks, all, or keys separated by commas (a1,m2)")
    parser.add_argument("--dtype", default="f32", help="f32, bf16 or f32,bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", help="such as 1 or 0,1; as many as threads, by default the last ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.25, help="of one turn")
    parser.add_argument("--prepare", type=float, default=300, help="seconds that a program may take to prepare a case")
    parser.add_argument("--libraries", default=",".join(LIBRARIES), help="of torch, ort, ov")
    parser.add_argument("--more", action="store_true", help="also PyTorch's compiler and ONNX Runtime's contributed operator (slow to prepare)")
    parser.add_argument("--python", help="interpreter that has the libraries; by default an environment is made below the build folder")
    parser.add_argument("--again", action="store_true", help="add to the figures of earlier runs instead of starting afresh")
    return parser.parse_args()


class Program:
    """A program that answers requests with one line of JSON each."""

    def __init__(self, name, command, extra, cores, log):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
                                        env={**os.environ, **environment.MALLOC, **extra}, preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def ask(self, request, limit=600.0):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            end = time.time() + limit
            while select.select([self.process.stdout], [], [], max(0.0, end - time.time()))[0]:
                line = self.process.stdout.readline()
                if not line:
                    return {"error": "it ended"}
                if line.startswith("{"):
                    return json.loads(line)
            self.stop()
            return {"error": f"no answer within {limit:.0f} s"}
        except (BrokenPipeError, ValueError) as problem:
            return {"error": str(problem) or "it ended"}

    def stop(self):
        self.process.kill()
        self.process.wait()


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            text = file.read()
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"model name\s*: (.*)", text)
    return name.group(1) if name else platform.machine()


def mkl_preload(folder):
    """On AMD processors the MKL inside PyTorch stays on AVX2 unless told otherwise (mkl_full_path.c)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if "AMD" not in processor() or not compiler:
        return {}
    library = os.path.join(folder, "libmklfull.so")
    subprocess.run([compiler, "-shared", "-fPIC", os.path.join(HERE, "mkl_full_path.c"), "-o", library], check=True)
    return {"LD_PRELOAD": library}


def start(options, python, cores, folder, log):
    threads = {"OMP_NUM_THREADS": str(options.threads)}
    programs = [Program("heddle", [options.heddle, "--serve"], threads, cores, log)]
    preload = mkl_preload(folder)
    for library in options.libraries.split(","):
        extra = {**threads, **(preload if library == "torch" else {})}
        tag = ["--tag=+mkl512"] if library == "torch" and preload else []
        command = [python, os.path.join(HERE, "attention_peers.py"), library, "--threads", str(options.threads), *tag]
        programs.append(Program(library, command + (["--more"] if options.more else []), extra, cores, log))
    return programs


def chosen_cases(options, available):
    groups = {"attention": ATTENTION, "gemm": [k for k in available if k.startswith("gemm")]}
    groups["networks"] = [k for k in available if k.startswith("n-")]
    groups["all"] = [*ATTENTION, *groups["gemm"], *groups["networks"]]
    wanted = groups.get(options.cases) or options.cases.split(",")
    return [key for key in wanted if key in available], [key for key in wanted if key not in available]


def run_case(options, programs, key, dtype, record):
    """All programs on one case; every measurement goes to `record`."""
    entries = []
    for program in programs:
        answer = program.ask(f"prepare {key} {dtype} {options.threads}", options.prepare)
        if "error" in answer:
            print(f"  {program.name}: left out, {answer['error']}", flush=True)
            if program.name == "heddle":
                return None
            continue
        for form, why in answer.get("left_out", {}).items():
            print(f"  {program.name} {form}: left out, {why}", flush=True)
        entries += [(program, form) for form in answer["forms"]]
    best = {}
    for turn in range(options.rounds):
        others = [t for (program, _), t in best.items() if program.name != "heddle"]
        for program, form in entries:
            if turn and program.name != "heddle" and best.get((program, form), 0) > 3 * min(others):
                continue
            line = program.ask(f"measure {form} {options.seconds}")
            if "error" in line:
                print(f"  {program.name} {form}: {line['error']}", flush=True)
                best[program, form] = float("inf")
                continue
            record({"kind": "time", **line})
            best[program, form] = min(line["ns_per_iter_min"], best.get((program, form), float("inf")))
    return best


def summary(key, dtype, best):
    own = min(t for (program, _), t in best.items() if program.name == "heddle")
    others = {f"{program.name} {form}": t for (program, form), t in best.items() if program.name != "heddle"}
    if not others:
        return f"{key} {dtype}: heddle {own / 1e3:.1f} us"
    name = min(others, key=others.get)
    return f"{key} {dtype}: heddle {own / 1e3:.1f} us; best other: {name} {others[name] / 1e3:.1f} us, {others[name] / own:.2f} times ours"


def main():
    options = parse()
    folder = os.path.join(options.build, "peers")
    os.makedirs(folder, exist_ok=True)
    python = options.python or environment.prepare(os.path.join(folder, "venv"))
    available = sorted(os.sched_getaffinity(0))
    cores = {int(c) for c in options.cores.split(",")} if options.cores else set(available[-options.threads:])
    path = os.path.join(folder, "lines.jsonl")
    with open(path, "a" if options.again else "w") as lines, tempfile.TemporaryDirectory() as temporary, \
            open(os.path.join(folder, "programs.log"), "w") as log:
        def record(line):
            lines.write(json.dumps(line) + "\n")
            lines.flush()

        programs = start(options, python, cores, temporary, log)
        try:
            heddle, known = programs[0], {}
            for case in heddle.ask("list").get("cases", []):
                known.setdefault(case["dtype"], {})[case["case"]] = case
            versions = programs[1].ask("versions", options.prepare) if len(programs) > 1 else {}
            if "error" in versions:
                sys.exit(f"heddle: {programs[1].name} does not start: {versions['error']} (see {log.name})")
            record({"kind": "machine", "processor": processor(), "date": time.strftime("%Y-%m-%d %H:%M"), "threads": options.threads,
                    "rounds": options.rounds, "seconds": options.seconds, "versions": versions})
            for dtype in options.dtype.split(","):
                keys, missing = chosen_cases(options, known.get(dtype, {}))
                if missing:
                    print(f"heddle: {dtype}: not in this build: {', '.join(missing)}", flush=True)
                for key in keys:
                    record({"kind": "limits", "threads": 1, **heddle.ask("limits")})
                    best = run_case(options, programs, key, dtype, record)
                    if best:
                        print(summary(key, dtype, best), flush=True)
        finally:
            for program in programs:
                program.stop()
    for line in report.write(path, folder, report.library_sizes(python)):
        print(line)


main()
