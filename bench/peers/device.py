"""`./heddle bench --cuda --peers`: PyTorch's attention on the same device and the same cases, in turns, and a table.

For every case both programs prepare themselves and check their result (Heddle against its reference, PyTorch against float64 on
a sample of rows). Then they take turns, A B A B; each is timed by the device's own clock over a captured graph, so that what the
host needs to launch work does not count. The minimum of all turns counts. Differences below 5 % are a tie.

Writes device.jsonl and device.md to BUILD/peers. Keep what belongs to a release under bench/results.
"""
import argparse
import json
import os
import re
import subprocess
import sys

import environment
from run import Program

HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="heddle bench --cuda --peers")
    parser.add_argument("--heddle", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cases", default=".", help="a regular expression over the keys")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one turn")
    parser.add_argument("--prepare", type=float, default=900, help="seconds that a program may take to prepare a case")
    parser.add_argument("--python", help="interpreter that has PyTorch with CUDA; by default an environment is made below the build folder")
    return parser.parse_args()


def machine():
    """What the driver says of the device: name, driver, clocks and power as found."""
    fields = "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.limit,temperature.gpu"
    try:
        answer = subprocess.run(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"], capture_output=True, text=True, check=True)
        return dict(zip(fields.split(","), (v.strip() for v in answer.stdout.splitlines()[0].split(","))))
    except (OSError, subprocess.CalledProcessError, IndexError):
        return {}


def run_case(options, programs, case, record):
    """The best time of every form, in nanoseconds."""
    key, dtype = case["case"], case["dtype"]
    forms = []
    for program in programs:
        answer = program.ask(f"prepare {key} {dtype}", options.prepare)
        if "error" in answer:
            print(f"  {program.name}: left out, {answer['error']}", flush=True)
            continue
        for form, why in answer.get("left_out", {}).items():
            print(f"  {program.name} {form}: left out, {why}", flush=True)
        forms += [(program, form) for form in answer["forms"]]
    best = {}
    for _ in range(options.rounds):
        for program, form in forms:
            line = program.ask(f"measure {form} {options.seconds}", options.prepare)
            if "error" in line:
                print(f"  {program.name} {form}: {line['error']}", flush=True)
                continue
            record({"kind": "time", **line})
            name = "heddle" if program.name == "heddle" else form
            if name not in best or line["ns_per_iter_min"] < best[name]["ns_per_iter_min"]:
                best[name] = line
    return best


def row_of(case, best):
    own = best.get("heddle")
    others = {name: line for name, line in best.items() if name != "heddle"}
    if not own:
        return f"| {case['case']} | {case['text']} | {case['dtype']} | - | - | - | - | - |"
    peer = min(others, key=lambda name: others[name]["ns_per_iter_min"]) if others else None
    time = own["ns_per_iter_min"]
    ratio = f"{others[peer]['ns_per_iter_min'] / time:.2f}" if peer else "-"
    other = f"{others[peer]['ns_per_iter_min'] / 1e3:.1f} ({peer})" if peer else "-"
    return (f"| {case['case']} | {case['text']} | {case['dtype']} | {time / 1e3:.1f} | {own['gflops'] / 1e3:.1f} | {own['gbytes']:.0f} "
            f"| {other} | {ratio} |")


def main():
    options = parse()
    folder = os.path.join(options.build, "peers")
    os.makedirs(folder, exist_ok=True)
    python = options.python or environment.prepare(os.path.join(folder, "device-environment"), "requirements-device.txt")
    cores = os.sched_getaffinity(0)
    with open(os.path.join(folder, "device.log"), "w") as log, open(os.path.join(folder, "device.jsonl"), "w") as lines:
        def record(line):
            lines.write(json.dumps(line) + "\n")
            lines.flush()

        own = Program("heddle", [options.heddle, "--serve"], {}, cores, log)
        device = own.ask("device", 60)
        if "error" in device:
            sys.exit(f"bench --cuda: heddle_cuda_bench {device['error']} ({log.name} has its words)")
        record({"kind": "device", **device, "as_found": machine()})
        torch = Program("torch", [python, os.path.join(HERE, "device_peers.py")], {}, cores, log)
        rows = []
        for case in own.ask("list")["cases"]:
            if not re.search(options.cases, case["case"]):
                continue
            print(f"{case['case']} {case['dtype']}", flush=True)
            rows.append(row_of(case, run_case(options, [own, torch], case, record)))
            print(rows[-1], flush=True)
        own.stop()
        torch.stop()
    with open(os.path.join(folder, "device.md"), "w") as file:
        file.write(f"{device['device']}, {json.dumps(machine())}\n\n| case | | type | Heddle, us | TFLOP/s | GB/s | best of PyTorch, us | ratio |\n"
                   "|---|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n")
    print(f"heddle: {os.path.join(folder, 'device.md')}")


if __name__ == "__main__":
    main()
