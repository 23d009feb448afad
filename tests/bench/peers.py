#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same network by other runtimes, beside bench-network's rows: milliseconds of a run at 256 x 256.

    peers.py BENCH_NETWORK EXPORT_ONNX MODEL...

ONNX Runtime runs the exported file in float32, and in 8-bit integers after its own static quantisation (u8 activations,
s8 weights per channel, ranges from gradients); OpenVINO runs both, and what its tool NNCF makes of the file. One thread and two.
What is not installed is skipped by name.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS, SIDE = 11, 256


def load(name):
    try:
        return __import__(name)
    except ImportError:
        print(f"skipped: {name} is not installed")
        return None


def picture(seed):
    import numpy as np

    y, x = np.mgrid[0:SIDE, 0:SIDE]
    wave = np.sin(x * (0.02 + 0.01 * seed)) * np.cos(y * (0.05 - 0.003 * seed))
    return (50 + 50 * wave).astype(np.float32)[None, None]


def onnxruntime_runner(onnxruntime, path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    lightness = picture(0)
    return lambda: session.run(None, {"lightness": lightness})


def openvino_runner(openvino, model, threads):
    compiled = openvino.Core().compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    lightness = picture(0)
    return lambda: request.infer({0: lightness})


def quantise(onnxruntime, path):
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.pictures = iter([{"lightness": picture(seed)} for seed in range(8)])

        def get_next(self):
            return next(self.pictures, None)

    prepared, whole = path.with_suffix(".prepared.onnx"), path.with_suffix(".int8.onnx")
    quantization.quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    quantization.quantize_static(
        str(prepared), str(whole), Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8, reduce_range=True)
    return whole


def quantise_by_nncf(nncf, model):
    nncf.set_log_level(40)
    pictures = nncf.Dataset([picture(seed) for seed in range(8)])
    return nncf.quantize(model, pictures, subset_size=8, preset=nncf.QuantizationPreset.PERFORMANCE)


def measure(rows):
    """Prints the median CPU and wall-clock time of each row, all rows in turn."""
    times = {name: [] for name in rows}
    for round_ in range(ROUNDS + 1):
        for name, run in rows.items():
            cpu, wall = time.process_time(), time.perf_counter()
            run()
            if round_ > 0:
                times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    for name, values in times.items():
        cpu, wall = (1e3 * statistics.median(column) for column in zip(*values))
        print(f"  {name:34} {cpu:8.1f} ms CPU {wall:8.1f} ms wall")


def bench_own(bench, model):
    """This library: CPU time of one thread, wall-clock time of two."""
    for threads in ("1", "2"):
        print(f"this library x{threads}")
        subprocess.run([bench, "--threads", threads, model], check=True)


def main():
    bench, export, *models = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)
    onnxruntime, openvino, nncf, onnx, torch = (load(name) for name in ("onnxruntime", "openvino", "nncf", "onnx", "torch"))
    for model in models:
        bench_own(bench, model)
        if onnx is None or torch is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.onnx"
            subprocess.run([sys.executable, export, model, path], check=True, stdout=subprocess.DEVNULL)
            paths = {"float32": path}
            if onnxruntime is not None:
                paths["int8"] = quantise(onnxruntime, path)
            graphs = {}
            if openvino is not None:
                graphs = {precision: openvino.Core().read_model(str(file)) for precision, file in paths.items()}
                if nncf is not None:
                    graphs["int8 by NNCF"] = quantise_by_nncf(nncf, graphs["float32"])
            rows = {}
            for threads in (1, 2):
                if onnxruntime is not None:
                    for precision, file in paths.items():
                        rows[f"ONNX Runtime {onnxruntime.__version__} {precision} x{threads}"] = onnxruntime_runner(
                            onnxruntime, file, threads)
                for precision, graph in graphs.items():
                    version = openvino.__version__.split("-")[0]
                    rows[f"OpenVINO {version} {precision} x{threads}"] = openvino_runner(openvino, graph, threads)
            measure(rows)
        bench_own(bench, model)


if __name__ == "__main__":
    main()
