#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains networks; may be cut off and started again at any time.

    train.py --config configs/mleu-classification.json --data FOLDER --run FOLDER
    train.py --config A.json --config B.json --data FOLDER --run FOLDER

FOLDER of --data: photos/manifest.json with the photographs, encoders/ with the ImageNet networks. FOLDER of --run: a
folder for every network with checkpoint.pt (written every --checkpoint-seconds and on SIGINT and SIGTERM, through a
temporary file) and log.jsonl; held-out.txt, the photographs that were not trained on. A run that finds checkpoints goes
on from them, with the same pictures.

Several networks are trained on the same pictures at once; those that embed the same frozen ImageNet network share its
features, which is most of the time. Each becomes what it would have become alone. Their `seed` and `sampling` must agree.
"""

import argparse
import copy
import json
import math
import os
import pathlib
import signal
import time

import numpy as np
import torch
import torch.nn.functional as F
import run_model
from torch import nn

from mleu_training import color, config, data, film, graph, held_out, losses, network, quantized


def device_and_precision():
    """CUDA or CPU; bf16 where the hardware multiplies it (a GPU, a CPU with AMX), float32 elsewhere."""
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        return torch.device("cuda"), torch.bfloat16
    flags = pathlib.Path("/proc/cpuinfo")
    amx = flags.exists() and "amx_bf16" in flags.read_text()
    return torch.device("cpu"), torch.bfloat16 if amx else torch.float32


# Pictures that the ranges and the spreads of activations are found on.
CALIBRATION = 144
MODELS = pathlib.Path(__file__).resolve().parent.parent


class Schedule:
    """Phases of crop size and batch; the learning rate falls by a cosine over the pixels seen, after a warm-up."""

    def __init__(self, phases):
        self.phases = phases
        self.starts = np.cumsum([0] + [phase["samples"] // phase["batch"] for phase in phases])
        self.steps = int(self.starts[-1])
        pixels = np.concatenate([np.full(b - a, phase["batch"] * phase["crop"] ** 2)
                                 for phase, a, b in zip(phases, self.starts, self.starts[1:])])
        self.progress = np.cumsum(pixels) / pixels.sum()

    def at(self, step):
        """The phase of a step, and the number of samples before it."""
        i = int(np.searchsorted(self.starts, step, "right")) - 1
        before = sum(phase["samples"] // phase["batch"] * phase["batch"] for phase in self.phases[:i])
        return self.phases[i], before + (step - int(self.starts[i])) * self.phases[i]["batch"]

    def rate(self, step, warmup):
        return min(1, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * self.progress[step]))


OPTIMIZERS = {
    "adamw": lambda groups, c: torch.optim.AdamW(groups),
    "adam": lambda groups, c: torch.optim.Adam(groups),
    "sgd": lambda groups, c: torch.optim.SGD(groups, lr=c["learning_rate"], momentum=c.get("momentum", 0)),
    "rmsprop": lambda groups, c: torch.optim.RMSprop(groups),
}


class Trainee:
    """One network in training, and everything that its checkpoint holds."""

    def __init__(self, configuration, arguments, histogram, pictures, device, precision):
        self.config, self.training = configuration, configuration["training"]
        self.folder = arguments.run / configuration["name"]
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.training["seed"])
        nodes, pretrained = network.build(configuration, arguments.encoders or arguments.data / "encoders")
        self.model = graph.GraphModule(nodes).to(device, memory_format=torch.channels_last)
        if (configuration.get("embedding") or {}).get("normalized"):
            self.model.unfold(pretrained, pictures)
        else:
            self.model.load(pretrained)
        if "continues" in configuration:
            others = configuration["continues"]
            self._take_over(arguments, others if isinstance(others, dict) else {others: 1.0})
        self.objective = losses.Objective(configuration, histogram)
        self.quantization, self.precision, self.teacher_precision = None, precision, precision
        if configuration.get("quantized"):
            self._quantise(pictures)
            # In bf16 a quantised value would be rounded once more.
            self.precision = torch.float32
        self.teachers = [self._teacher(arguments, name, device) for name in configuration.get("teachers", ())]
        # What is given away: the weights' running average.
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.model.train()
        if self.training.get("statistics_kept"):
            # Those of a mean of weights, or of larger batches, are better than those of a few pictures.
            self.model.norms.eval()
        if arguments.compile:
            self.model.compile()
        self.objective.to(device)
        optimizer = self.training["optimizer"]
        if optimizer["name"] not in OPTIMIZERS:
            raise SystemExit(f'{configuration["name"]}: unknown optimizer "{optimizer["name"]}"')
        self.optimizer = OPTIMIZERS[optimizer["name"]](self._groups(pretrained, optimizer), optimizer)
        self.step, self.smooth = 0, None

    def _take_over(self, arguments, shares):
        """Goes on from the averaged weights of another network of the run, of the same nodes, or from the mean of several
        networks' weights: name -> share."""
        wanted, sums = self.model.trained_state(), {}
        for name, share in shares.items():
            path = arguments.run / name / "checkpoint.pt"
            if not path.exists():
                raise SystemExit(f'{path}: no such file; train "{name}" in this run first')
            state = torch.load(path, map_location="cpu", weights_only=False)["ema"]
            if {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in wanted.items()}:
                raise SystemExit(f'{path}: not the same layers as "{self.config["name"]}", which needs it')
            for key, value in state.items():
                # Numbers of batches, which are whole, are of no use: the last network's will do.
                is_float = value.dtype.is_floating_point
                sums[key] = sums.get(key, 0) + share * value if is_float else value
        self.model.load_state_dict(sums, strict=False)

    def _teacher(self, arguments, name, device):
        """A model file to learn from: one of the run's folder, or one that ships."""
        for folder in (arguments.run, MODELS):
            path = folder / f"{name}.safetensors"
            if path.exists():
                return run_model.Model(path, device)
        raise SystemExit(f'{arguments.run / name}.safetensors: no such file; train "{name}" and export it to there first')

    def _quantise(self, pictures):
        """Goes on in the quantised form of the weights so far."""
        folded = self.model.eval().folded()
        nodes = list(graph.file_nodes(self.model.nodes))
        tensors = {f"{name}.{kind}": value for name, pair in folded.items() for kind, value in zip(("weight", "bias"), pair)}
        with torch.no_grad():
            ranges = quantized.find_ranges(nodes, tensors, pictures, self.training["range_tail"])
        self.quantization = {node["name"]: quantized.scale_and_zero(*ranges[node["name"]]) for node in nodes[1:-1]}
        device = next(self.model.parameters()).device
        self.model = quantized.FakeQuantizedModule(self.model.nodes, self.quantization)
        self.model.load(folded)
        self.model.to(device, memory_format=torch.channels_last)

    def _groups(self, pretrained, optimizer):
        """Parameter groups: the ImageNet part at its own rate; weight decay on the other matrices alone."""
        embedding, matrices, vectors = [], [], []
        for name, parameter in self.model.named_parameters():
            if not parameter.requires_grad:
                continue
            if self.model.owner(name) in pretrained:
                embedding.append(parameter)
            else:
                (matrices if parameter.ndim > 1 else vectors).append(parameter)
        rate = optimizer["learning_rate"]
        groups = [
            {"params": embedding, "base": optimizer.get("embedding_learning_rate", rate), "weight_decay": 0.0},
            {"params": matrices, "base": rate, "weight_decay": optimizer.get("weight_decay", 0.0)},
            {"params": vectors, "base": rate, "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]

    def save(self):
        state = {"model": self.model.trained_state(), "ema": self.averaged.trained_state(), "optimizer": self.optimizer.state_dict(),
                 "step": self.step, "smooth": self.smooth, "bins": self.objective.bins,
                 "rarity": self.objective.weights, "quantization": self.quantization, "config": self.config}
        part = self.folder / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self.folder / "checkpoint.pt")

    def restore(self):
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        device = next(self.model.parameters()).device
        state = torch.load(path, map_location=device, weights_only=False)
        if state["config"] != self.config:
            raise SystemExit(f"{path}: this run was started with another configuration; give another --run")
        self.model.load_state_dict(state["model"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.averaged.load_state_dict(state["ema"], strict=False)
        self.step, self.smooth = state["step"], state["smooth"]
        if self.quantization is not None:
            self.quantization = self.model.quantization = self.averaged.quantization = state["quantization"]

    def advance(self, lightness, unaged, ab, pair, frozen, rate, rng):
        """One optimiser step. Teachers see the pictures as they were before they aged."""
        sample, grid = None, self.config["grid"]
        if self.config.get("loss_stride", 1) > 1:
            # The loss of a random part of the pixels is that of all of them in the mean, and much cheaper.
            stride = self.config["loss_stride"]
            sample = (stride, *rng.integers(stride, size=2).tolist())
            target = ab[:, :, sample[1]::stride, sample[2]::stride]
        else:
            target = F.avg_pool2d(ab, grid) if grid > 1 else ab
        with torch.autocast(lightness.device.type, self.precision, enabled=self.precision != torch.float32):
            output = self.model(lightness, frozen, sample)
        with torch.autocast(lightness.device.type, self.teacher_precision, enabled=self.teacher_precision != torch.float32):
            taught = [teacher.logits(unaged) for teacher in self.teachers]
        if sample:
            taught = [theirs[:, :, sample[1]::stride, sample[2]::stride] for theirs in taught]
        terms = self.objective(output, target, pair and pair.on_grid(grid), taught)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * rate
        self.optimizer.zero_grad()
        sum(terms.values()).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.training["gradient_norm"])
        self.optimizer.step()
        self.step += 1
        # Early on the average forgets faster, so that it does not remember the start.
        keep = min(self.training["ema"], (1 + self.step) / (10 + self.step))
        averages, values = self.averaged.trained_state(), self.model.trained_state()
        floats = [name for name, value in values.items() if value.dtype.is_floating_point]
        with torch.no_grad():
            torch._foreach_lerp_([averages[name] for name in floats], [values[name] for name in floats], 1 - keep)
        terms = {name: term.detach() for name, term in terms.items()}
        self.smooth = terms if self.smooth is None else {
            name: 0.98 * self.smooth[name] + 0.02 * term for name, term in terms.items()}


def agreed(configurations, key):
    """What all configurations say of `key` in their training section."""
    first = configurations[0]
    for other in configurations[1:]:
        if other["training"][key] != first["training"][key]:
            raise SystemExit(f'{first["name"]} and {other["name"]}: the "{key}" of their training differ; '
                             "train them in runs of their own")
    return first["training"][key]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, type=pathlib.Path, action="append")
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--run", required=True, type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, help="folder of the decoded photos (default: RUN/cache)")
    parser.add_argument("--encoders", type=pathlib.Path, help="folder of the ImageNet networks (default: DATA/encoders)")
    parser.add_argument("--checkpoint-seconds", type=float, default=300)
    parser.add_argument("--compile", action="store_true", help="compile the networks first (for a GPU)")
    parser.add_argument("--steps", type=int, help="stop (with a checkpoint) after this many; the schedule stays")
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)

    configurations = [config.load(path) for path in arguments.config]
    seed, sampling = agreed(configurations, "seed"), agreed(configurations, "sampling")
    schedule = Schedule(agreed(configurations, "phases"))
    device, precision = device_and_precision()
    cache = arguments.cache or arguments.run / "cache"
    data.build_cache(arguments.data / "photos", cache, sampling["min_colourfulness"])
    photos = data.Photos(cache, sampling["held_out"], device)
    (arguments.run / "held-out.txt").write_text("".join(f"{file}\n" for file in photos.held_out_files))
    histogram = data.ab_histogram(photos, sampling["prior_photos"], seed)
    mean_a, mean_b = color.mean_ab(histogram)
    print(f"{len(photos)} photos, mean a*, b* {mean_a:.2f}, {mean_b:.2f}; {len(photos.held_out)} of them held out")

    batches = data.Batches(photos, schedule, sampling, seed)
    pictures = []
    calibrated = any(c.get("quantized") or (c.get("embedding") or {}).get("normalized") for c in configurations)
    while calibrated and sum(map(len, pictures)) < CALIBRATION and len(pictures) < schedule.starts[1]:  # of one size
        pictures.append(color.lightness_from_luma(batches[len(pictures)][1])[:, None])
    judge = held_out.HeldOut(photos)
    trainees = [Trainee(c, arguments, histogram, pictures, device, precision) for c in configurations]
    for trainee in trainees:
        trainee.restore()
    start = trainees[0].step
    if any(trainee.step != start for trainee in trainees):
        raise SystemExit(f"{arguments.run}: the checkpoints are not of the same step; remove the newer ones")
    if start:
        print(f"goes on at step {start}")
    end = schedule.steps if arguments.steps is None else min(schedule.steps, arguments.steps)
    interrupted = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: interrupted.append(received))

    logs = [open(trainee.folder / "log.jsonl", "a") for trainee in trainees]

    def report(trainee, log, line):
        line = json.dumps(line)
        log.write(line + "\n")
        log.flush()
        print(trainee.config["name"], line, flush=True)

    def save():
        for trainee, log in zip(trainees, logs):
            trainee.save()
            report(trainee, log, {"step": trainee.step, **judge(trainee)})

    saved = begin = time.time()
    first = schedule.at(start)[1] if start < schedule.steps else 0
    for step in range(start, end):
        if interrupted:
            break
        rgb, luma, pair = batches[step]
        ab = color.lab_from_rgb(rgb)[:, 1:]
        lightness, unaged = (color.lightness_from_luma(value)[:, None].contiguous(memory_format=torch.channels_last)
                             for value in (luma, film.grey(rgb, film.LUMA)))
        shared = {}
        for trainee in trainees:
            # The quantised form of an embedding is a network's own.
            embedding = json.dumps([trainee.config.get("embedding"), trainee.quantization])
            if trainee.model.frozen_names() and embedding not in shared:
                with torch.autocast(device.type, trainee.precision, enabled=trainee.precision != torch.float32):
                    shared[embedding] = trainee.model.frozen_values(lightness)
            rate = schedule.rate(step, trainee.training["warmup_steps"])
            rng = np.random.default_rng([seed, step, 2])
            trainee.advance(lightness, unaged, ab, pair, shared.get(embedding), rate, rng)
        if (step + 1) % 20 == 0:
            samples = schedule.at(step)[1] + len(rgb)
            seconds = round((time.time() - begin) / (samples - first), 4)
            for trainee, log in zip(trainees, logs):
                terms = {name: round(float(term), 4) for name, term in trainee.smooth.items()}
                report(trainee, log, {"step": step + 1, "samples": samples, **terms, "seconds_per_sample": seconds})
        if time.time() - saved > arguments.checkpoint_seconds:
            save()
            saved = time.time()
    save()


if __name__ == "__main__":
    main()
