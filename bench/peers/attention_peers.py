"""One other library on the cases of cases.py, on request:

    python attention_peers.py {torch,ort,ov} [--threads 1] [--more]

Answers, line by line, the requests that `heddle_bench --serve` answers, so that run.py can let several programs take turns:

    prepare CASE DTYPE THREADS   {"ready": CASE, "forms": [...], "rel_err": {...}, "left_out": {...}} or {"error": "..."}
    measure FORM SECONDS         {"peer", "form", "case", "dtype", "threads", "ns_per_iter_min", "ns_per_iter_median", ...}

Every form is compared with float64 before it is timed, and left out where it is wrong. --more adds PyTorch's compiler and ONNX
Runtime's contributed operator. Set MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ as run.py does: large
temporaries that go back to the system after every call cost page faults, which would flatter whoever keeps a workspace.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import time


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=["torch", "ort", "ov"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--tag", default="", help="appended to the library's name")
    return parser.parse_args()


OPTIONS = parse()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(OPTIONS.threads)
os.environ["TORCHINDUCTOR_FREEZING"] = "1"
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)                                  # exporters print to the standard output: only answers may

import numpy as np  # noqa: E402  (the variables above must be set first)
import torch  # noqa: E402

import cases as definitions  # noqa: E402

TOLERANCE = {"f32": 1e-4, "bf16": 6e-2}


def torch_form(module, inputs, dtype):
    if dtype == "bf16":
        module, inputs = module.bfloat16(), tuple(x.bfloat16() for x in inputs)

    def run():
        return module(*inputs)
    return run, run


def inductor_form(module, inputs, dtype):
    torch._dynamo.reset()
    return torch_form(torch.compile(module, dynamic=False), inputs, dtype)


def ort_session(model):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = OPTIONS.threads, 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ort_run(session, feed):
    bound = session.io_binding()
    for name, array in feed.items():
        bound.bind_cpu_input(name, array)
    bound.bind_output(session.get_outputs()[0].name, "cpu")
    return lambda: session.run_with_iobinding(bound), lambda: torch.from_numpy(session.run(None, feed)[0])


def ort_form(module, inputs, dtype, sdpa):
    if dtype != "f32":
        raise ValueError("no bf16 on processors")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.onnx")
        # The operator Attention exists from opset 23 on.
        torch.onnx.export(module, inputs, path, dynamo=True, opset_version=23 if sdpa else 20, verbose=False, external_data=False)
        session = ort_session(path)
    return ort_run(session, {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs)})


def ort_contributed(module, inputs, dtype):
    """MultiHeadAttention on [batch, tokens, heads * dim]."""
    import onnx
    from onnx import TensorProto, helper
    if dtype != "f32" or not isinstance(module, definitions.Attention) or module.temperature is not None:
        raise ValueError("not what the operator computes")
    batch, heads, queries, dim = inputs[0].shape
    names, weights = ["q", "k", "v"], []
    if module.bias is not None:
        names += ["", "", "bias"]
        weights = [onnx.numpy_helper.from_array(module.bias.clamp(min=-1e30).numpy(), "bias")]
    node = helper.make_node("MultiHeadAttention", names, ["out"], domain="com.microsoft", num_heads=heads, unidirectional=int(bool(module.causal)))
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [batch, x.shape[2], heads * dim]) for n, x in zip("qkv", inputs)]
    result = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, queries, heads * dim])]
    model = helper.make_model(helper.make_graph([node], "case", values, result, weights), ir_version=9,
                              opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)])
    feed = {n: x.transpose(1, 2).reshape(batch, x.shape[2], heads * dim).contiguous().numpy() for n, x in zip("qkv", inputs)}
    run, out = ort_run(ort_session(model.SerializeToString()), feed)
    return run, lambda: out().reshape(batch, queries, heads, dim).transpose(1, 2)


def ov_form(module, inputs, dtype):
    import openvino as ov
    model = ov.convert_model(module, example_input=inputs, input=[list(x.shape) for x in inputs])
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": OPTIONS.threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": dtype}
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    for index, x in enumerate(inputs):
        request.set_input_tensor(index, ov.Tensor(np.ascontiguousarray(x.numpy()), shared_memory=True))

    def result():
        request.infer()
        return torch.from_numpy(request.get_output_tensor(0).data.copy())
    return request.infer, result


def prepare_form(case, form, inputs, dtype):
    base = form.partition("/")
    module = case.make(base[0]).eval()
    if OPTIONS.library == "ov":
        return ov_form(module, inputs, dtype)
    if OPTIONS.library == "ort":
        return ort_contributed(module, inputs, dtype) if base[2] else ort_form(module, inputs, dtype, base[0].startswith("sdpa"))
    return inductor_form(module, inputs, dtype) if base[2] else torch_form(module, inputs, dtype)


def forms_of(case):
    more = {"torch": [f"{case.forms[-1]}/inductor"], "ort": ["sdpa/mha"] if case.forms[0] == "sdpa" else [], "ov": []}
    return [*case.forms, *(more[OPTIONS.library] if OPTIONS.more else [])]


class Server:
    """The case that is prepared, and what can be run of it."""

    def __init__(self):
        self.cases = definitions.build()
        self.forms, self.key, self.dtype = {}, None, None

    def prepare(self, key, dtype):
        self.forms, self.key, self.dtype = {}, key, dtype
        if key not in self.cases:
            return {"error": "there is no such case"}
        case = self.cases[key]
        inputs = case.inputs()
        expected, pick = case.expected(inputs)
        errors, left_out = {}, {}
        for form in forms_of(case):
            try:
                run, result = prepare_form(case, form, inputs, dtype)
                error = ((pick(result()).double() - expected).abs().max() / expected.abs().max()).item()
                if not error < TOLERANCE[dtype]:
                    raise ArithmeticError(f"the result is wrong: {error:.1e}")
                self.forms[form], errors[form] = run, float(f"{error:.1e}")
            except Exception as problem:  # a form that a library cannot do is no reason to stop
                left_out[form] = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:160]
        return {"ready": key, "forms": list(self.forms), "rel_err": errors, "left_out": left_out}

    def measure(self, form, seconds):
        run = self.forms[form]
        run()
        start = time.perf_counter_ns()
        run()
        calls = max(1, int(1e6 / max(1, time.perf_counter_ns() - start)))     # short calls are timed several at once
        times, end = [], time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter_ns()
            for _ in range(calls):
                run()
            times.append((time.perf_counter_ns() - start) / calls)
            if times[-1] > 1e9 * seconds:
                break
        return {"peer": OPTIONS.library + OPTIONS.tag, "form": form, "case": self.key, "dtype": self.dtype, "threads": OPTIONS.threads,
                "ns_per_iter_min": round(min(times)), "ns_per_iter_median": round(statistics.median(times))}


def versions():
    import onnxruntime
    import openvino
    return {"torch": torch.__version__, "ort": onnxruntime.__version__, "ov": openvino.__version__.split("-")[0]}


@torch.no_grad()
def main():
    torch.set_num_threads(OPTIONS.threads)
    server = Server()
    for line in sys.stdin:
        request, *words = line.split()
        if request == "versions":
            answer = versions()
        elif request == "prepare":
            answer = server.prepare(words[0], words[1])
        elif request == "measure" and words[0] in server.forms:
            answer = server.measure(words[0], float(words[1]))
        else:
            answer = {"error": "requests are: versions, prepare CASE DTYPE THREADS, measure FORM SECONDS"}
        ANSWERS.write(json.dumps(answer) + "\n")


main()
