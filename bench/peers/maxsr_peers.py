"""Times MaxSR-light x2 in another library, at one fixed size, batch 1, f32.

    pip install torch numpy safetensors onnx onnxscript onnxruntime openvino
    python maxsr_peers.py PEER --size 64x64 [--threads 1] [--weights maxsr_light_x2.safetensors] [--form FORM]

PEER is one of
    torch      PyTorch eager, batch norms folded by torch.nn.utils.fusion
    inductor   torch.compile with frozen weights (needs a C++ compiler; takes minutes)
    ort        ONNX Runtime, from torch.onnx.export
    ov         OpenVINO, converted from PyTorch, inference precision f32
FORM is how the same network is written, see maxsr_model.py: {maps,tokens}-{sdpa,matmul}. The default of each peer is the one
it was fastest with. Every peer's result is compared with a float64 run before it is timed; a relative difference above 1e-4 of
the largest output is an error.

PEER files writes what the programs of one comparison share. PEER golden compares every form of the network with the recorded
outputs in --folder ../../tests/golden/maxsr.

One JSON line per measurement: {"peer", "case", "dtype", "threads", "ns_per_iter_min", "ns_per_iter_median", "gflops", ...}.
With --serve the program prepares itself, says {"ready": ...}, and measures for the number of seconds on every line that it
reads: compare.py interleaves several of them that way.

Set MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ as compare.py does: large temporaries that go back to the
system after every call cost page faults, which would flatter whoever keeps a workspace.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import time

DEFAULT_FORM = {"torch": "maps-sdpa", "inductor": "maps-sdpa", "ort": "maps-matmul", "ov": "maps-matmul"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=[*DEFAULT_FORM, "files", "golden"])
    parser.add_argument("--size", default="64x64", help="of the input, HEIGHTxWIDTH")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", help="safetensors file; without one, seeded random weights")
    parser.add_argument("--form")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--tag", default="", help="appended to the peer's name")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--folder", help="PEER files: where to write input, float64 result and weights; golden: the recorded folder; "
                        "others: where to find the result")
    return parser.parse_args()


OPTIONS = parse()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(OPTIONS.threads)
os.environ["TORCHINDUCTOR_FREEZING"] = "1"
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import numpy as np  # noqa: E402  (the variables above must be set first)
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from maxsr_model import MaxSR, randomise  # noqa: E402


def load(net):
    if not OPTIONS.weights:
        return randomise(net)
    net.load_state_dict(load_file(OPTIONS.weights))
    return net


def make_network(size, form, fold):
    layout, attention = form.split("-")
    return load(MaxSR(form=layout, use_sdpa=attention == "sdpa")).fix(*size, fold=fold)


def make_input(size):
    """Smooth colours and some noise, [1, 3, h, w] in [0, 1]."""
    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand((1, 3, 9, 9), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=False)
    return (smooth + 0.05 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def count_flop(size, image):
    """Two per multiply-add of products and convolutions."""
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as counter:
        make_network(size, "maps-matmul", True)(image)
    return counter.get_total_flops()


def write_files(size, folder):
    """What the other programs of a comparison read: weights, input and the float64 result, [h, w, 3], little-endian f32."""
    save_file(load(MaxSR()).state_dict(), os.path.join(folder, "weights.safetensors"))
    image = make_input(size)
    expected = make_network(size, "maps-sdpa", True).double()(image.double()).float()
    for name, tensor in (("input", image), ("expected", expected)):
        tensor[0].permute(1, 2, 0).contiguous().numpy().tofile(os.path.join(folder, name + ".f32"))


def check_golden(folder):
    """Every form, with batch norms folded and not, against the recorded outputs."""
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    names = ("scale", "dim", "heads", "depth", "base_window")
    weights, recorded = (load_file(os.path.join(folder, name + ".safetensors")) for name in ("weights", "io"))
    for form in ("maps", "tokens"):
        for use_sdpa, fold in ((True, True), (True, False), (False, True)):
            worst = 0.0
            for name in (n for n in recorded if n.startswith("input.")):
                images, expected = recorded[name], recorded[name.replace("input.lr", "output.sr")]
                net = MaxSR(*(config[n] for n in names), form=form, use_sdpa=use_sdpa)
                net.load_state_dict(weights)
                net.fix(*images.shape[2:], fold)
                got = torch.cat([net(image[None]) for image in images])
                worst = max(worst, ((got - expected).abs().max() / expected.abs().max()).item())
            print(json.dumps({"form": f"{form}-{'sdpa' if use_sdpa else 'matmul'}", "folded": fold, "rel_err": float(f"{worst:.1e}")}))
            if not worst < 1e-5:
                sys.exit("the network differs from the recorded outputs")


def prepare_torch(net, image):
    image = image.contiguous(memory_format=torch.channels_last)
    net = net.to(memory_format=torch.channels_last)
    return lambda: net(image), lambda: net(image)


def prepare_inductor(net, image):
    return prepare_torch(torch.compile(net, dynamic=False), image)


def prepare_ort(net, image):
    import onnxruntime as ort
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        torch.onnx.export(net, (image,), path, dynamo=True, opset_version=20, verbose=False, external_data=False)
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = OPTIONS.threads, 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: image.numpy()}
    return lambda: session.run(None, feed), lambda: torch.from_numpy(session.run(None, feed)[0])


def prepare_ov(net, image):
    import openvino as ov
    model = ov.convert_model(net, example_input=image, input=[list(image.shape)])
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": OPTIONS.threads, "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    request.set_input_tensor(0, ov.Tensor(np.ascontiguousarray(image.numpy()), shared_memory=True))

    def result():
        request.infer()
        return torch.from_numpy(request.get_output_tensor(0).data.copy())
    return request.infer, result


PREPARE = {"torch": prepare_torch, "inductor": prepare_inductor, "ort": prepare_ort, "ov": prepare_ov}


def check(size, image, got):
    if OPTIONS.folder:
        h, w = got.shape[2:]
        expected = torch.from_numpy(np.fromfile(os.path.join(OPTIONS.folder, "expected.f32"), np.float32))
        expected = expected.view(h, w, 3).permute(2, 0, 1)[None]
    else:
        expected = make_network(size, "maps-matmul", True).double()(image.double())
    error = ((got.double() - expected).abs().max() / expected.abs().max()).item()
    if not error < 1e-4:
        sys.exit(f"{OPTIONS.peer}: the result is wrong, relative difference {error:.1e}")
    return error


def measure(run, seconds):
    """Nanoseconds of every call, at least three of them."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return times


@torch.no_grad()
def main():
    torch.set_num_threads(OPTIONS.threads)
    size = tuple(int(n) for n in OPTIONS.size.split("x"))
    if OPTIONS.peer == "files":
        return write_files(size, OPTIONS.folder)
    if OPTIONS.peer == "golden":
        return check_golden(OPTIONS.folder)
    form = OPTIONS.form or DEFAULT_FORM[OPTIONS.peer]
    image = make_input(size)
    net = make_network(size, form, fold=OPTIONS.peer == "torch")
    flop = count_flop(size, image)
    start = time.time()
    run, result = PREPARE[OPTIONS.peer](net, image)
    error = check(size, image, result())
    facts = {"peer": OPTIONS.peer + OPTIONS.tag, "case": f"maxsr_light_x2 {OPTIONS.size}", "dtype": "fp32", "threads": OPTIONS.threads}
    more = {"flop": flop, "rel_err": float(f"{error:.1e}"), "form": form, "prepare_s": round(time.time() - start, 1)}
    run()

    def report(times):
        best = min(times)
        print(json.dumps({**facts, "ns_per_iter_min": best, "ns_per_iter_median": int(statistics.median(times)),
                          "gflops": round(flop / best, 2), **more}), flush=True)
    if not OPTIONS.serve:
        return report(measure(run, OPTIONS.seconds))
    print(json.dumps({"ready": facts["peer"]}), flush=True)
    for line in sys.stdin:
        report(measure(run, float(line)))


main()
