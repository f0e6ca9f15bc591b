#!/usr/bin/env python3
"""Compiles one .cu file with nvcc and holds its kernels to the budgets that the file states.

    nvcc_budget.py --nvcc NVCC --output FOLDER [--disassembler PROGRAM] SOURCE.cu [nvcc flags]

Lines of the source (each may occur several times; a kernel is chosen by a part of its mangled name, else all of them):

    // ARCH sm_90a                                                   compile for these only (default: sm_80 sm_90a)
    // BUDGET sm_80 registers<=128 spills=0 shared<=49152 [kernel=part]
    // SASS sm_80 HMMA>=64 LDL=0 [kernel=part]
    // HOST                                                          compile the host's side too, which takes as long as the device's

The first word after BUDGET and SASS is an architecture or `all`. BUDGET reads what `-Xptxas -v` says of every entry function:
registers, spills (bytes stored and loaded), stack (bytes), shared (static bytes only: dynamic ones belong into a static_assert),
barriers, parameters (bytes of constant bank 0). SASS counts instructions whose mnemonic is the word, or the word and a dot
(`HMMA`, `LDGSTS`, `LDS.128`); it needs cuobjdump or nvdisasm, and says in one line when there is none.
Exit code 1: does not compile, a budget is exceeded, or a line chooses no kernel.
"""
import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

CHECK = re.compile(r"^([A-Za-z0-9_.]+)(<=|>=|==|=)(\d+)$")
COMPARE = {"<=": int.__le__, ">=": int.__ge__, "==": int.__eq__, "=": int.__eq__}
NUMBERS = {"registers", "spills", "stack", "shared", "barriers", "parameters"}


class Line:
    """One BUDGET or SASS line."""

    def __init__(self, number, text, words):
        self.number, self.text, self.kernel, self.checks = number, text, "", []
        self.arch = words[0] if words else ""
        for word in words[1:]:
            if word.startswith("kernel="):
                self.kernel = word[len("kernel="):]
                continue
            match = CHECK.match(word)
            if not match:
                sys.exit(f"line {number}: '{word}' is not name<=number: {text}")
            self.checks.append((match[1], match[2], int(match[3])))
        if not self.checks:
            sys.exit(f"line {number}: nothing to check: {text}")


def read_lines(source):
    architectures, budgets, sass, host = ["sm_80", "sm_90a"], [], [], False
    for number, text in enumerate(source.read_text().splitlines(), 1):
        host = host or re.fullmatch(r"\s*//\s*HOST\s*", text) is not None
        match = re.match(r"\s*//\s*(ARCH|BUDGET|SASS)\s+(.*)$", text)
        if not match:
            continue
        words = match[2].split()
        if match[1] == "ARCH":
            architectures = words
        else:
            (budgets if match[1] == "BUDGET" else sass).append(Line(number, text.strip(), words))
    for line in budgets:
        unknown = [name for name, _, _ in line.checks if name not in NUMBERS]
        if unknown:
            sys.exit(f"line {line.number}: unknown {unknown}; known: {sorted(NUMBERS)}")
    for line in budgets + sass:
        if line.arch != "all" and line.arch not in architectures:
            sys.exit(f"line {line.number}: architecture '{line.arch}' is not one of {architectures}: {line.text}")
    return architectures, budgets, sass, host


def compile_source(args, architectures, host, folder):
    command = [args.nvcc, "-std=c++20", "--expt-relaxed-constexpr", "-Werror", "all-warnings", "-Xptxas", "-v"]
    for arch in architectures:
        command += ["-gencode", f"arch={arch.replace('sm_', 'compute_')},code={arch}"]
    command += args.flags + ["--keep", "--keep-dir", str(folder), "-c" if host else "-fatbin", str(args.source), "-o", str(folder / "object.o")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout)
        sys.exit("nvcc: " + " ".join(command))
    return done.stdout


def resources(output):
    """{architecture: {kernel: {name: number}}} of what ptxas says."""
    found, current = {}, None
    for line in output.splitlines():
        entry = re.search(r"Compiling entry function '([^']+)' for '([^']+)'", line)
        if entry:
            current = found.setdefault(entry[2], {}).setdefault(entry[1], dict.fromkeys(NUMBERS, 0))
        if current is None:
            continue
        # The functions that an entry calls follow it: what they spill is the entry's.
        stack = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)
        if stack:
            current["stack"] += int(stack[1])
            current["spills"] += int(stack[2]) + int(stack[3])
        used = re.search(r"Used (\d+) registers", line)
        if used:
            current["registers"] = int(used[1])
            for name, pattern in (("barriers", r"used (\d+) barriers"), ("shared", r"(\d+) bytes smem"), ("parameters", r"(\d+) bytes cmem\[0\]")):
                part = re.search(pattern, line)
                current[name] = int(part[1]) if part else 0
    return found


def find_disassembler(given, nvcc):
    """Path of cuobjdump or nvdisasm: given, beside nvcc, on the path, or in a Python package that brings one."""
    candidates = [given] if given else []
    for name in ("cuobjdump", "nvdisasm"):
        candidates += [str(pathlib.Path(nvcc).resolve().parent / name), shutil.which(name) or ""]
    try:
        packages = [importlib.util.find_spec(name) for name in ("triton", "nvidia")]
    except (ImportError, ValueError):
        packages = []
    for spec in packages:
        for place in (spec.submodule_search_locations or []) if spec else []:
            for name in ("cuobjdump", "nvdisasm"):
                candidates += map(str, sorted(pathlib.Path(place).glob(f"backends/nvidia/bin/{name}")))
                candidates += map(str, sorted(pathlib.Path(place).glob(f"*/bin/{name}")))
    return next((c for c in candidates if c and os.access(c, os.X_OK)), None)


def instructions(disassembler, cubin):
    """{kernel: [mnemonics]}"""
    command = [disassembler, "-sass", str(cubin)] if "cuobjdump" in pathlib.Path(disassembler).name else [disassembler, "-c", str(cubin)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout)
        sys.exit(" ".join(command))
    found, current = {}, None
    for line in done.stdout.splitlines():
        entry = re.match(r"\s*Function : (\S+)", line) or re.match(r"\s*\.section\s+\.text\.([^,\s]+)", line)
        if entry:
            current = found.setdefault(entry[1].strip('"'), [])
            continue
        code = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.a-z]*)", line)
        if code and current is not None:
            current.append(code[1])
    return found


def check(line, arch, kernels, number_of):
    """Failures of one line."""
    chosen = [k for k in kernels if line.kernel in k]
    if not chosen:
        return [f"line {line.number}: no kernel of {arch} has '{line.kernel}' in its name: {line.text}"]
    failures = []
    for kernel in chosen:
        for name, relation, limit in line.checks:
            value = number_of(kernel, name)
            if not COMPARE[relation](value, limit):
                failures.append(f"line {line.number}: {arch}: {name} is {value}, wanted {relation}{limit}: {kernel}")
    return failures


def demangle(names):
    tool = shutil.which("c++filt")
    if not tool or not names:
        return list(names)
    return subprocess.run([tool], input="\n".join(names), stdout=subprocess.PIPE, text=True).stdout.splitlines()


def shorter(name):
    for part in ("heddle::v0::", "device::detail::entry", "void "):
        name = name.replace(part, "")
    return name.rsplit("(", 1)[0][:240]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--disassembler", default=os.environ.get("HEDDLE_DISASSEMBLER"))
    parser.add_argument("source", type=pathlib.Path)
    args, args.flags = parser.parse_known_args()
    architectures, budgets, sass, host = read_lines(args.source)
    folder = args.output / args.source.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    output = compile_source(args, architectures, host, folder)
    failures = [line for line in output.splitlines() if "serialized" in line]

    used = resources(output)
    for arch in architectures:
        kernels = used.get(arch, {})
        for kernel, shown in zip(kernels, demangle(list(kernels))):
            print(f"{arch}: " + ", ".join(f"{name} {kernels[kernel][name]}" for name in ("registers", "spills", "stack", "shared")) + f": {shorter(shown)}")
        for line in budgets:
            if line.arch in ("all", arch):
                failures += check(line, arch, kernels, lambda kernel, name: kernels[kernel][name])

    disassembler = find_disassembler(args.disassembler, args.nvcc)
    if sass and not disassembler:
        print("SASS lines are not checked: neither cuobjdump nor nvdisasm was found")
    for arch in architectures if disassembler else []:
        lines = [line for line in sass if line.arch in ("all", arch)]
        if not lines:
            continue
        cubins = sorted(folder.glob(f"*{arch.removeprefix('sm_')}.cubin")) or sorted(folder.glob("*.cubin"))
        if not cubins:
            sys.exit(f"nvcc kept no cubin for {arch}")
        code = instructions(disassembler, cubins[0])
        count = lambda kernel, name: sum(1 for m in code[kernel] if m == name or m.startswith(name + "."))
        for line in lines:
            failures += check(line, arch, code, count)
            counts = [f"{name} {count(k, name)}" for k in code if line.kernel in k for name, _, _ in line.checks]
            print(f"{arch}: line {line.number}: " + ", ".join(counts[:24]))
    for file in folder.iterdir():
        if file.suffix != ".cubin":
            file.unlink()
    if failures:
        print("\n".join(failures))
        sys.exit(1)


main()
