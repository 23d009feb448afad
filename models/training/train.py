#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains a network; may be cut off and started again at any time.

    train.py --config configs/mleu-classification.json --data FOLDER --run FOLDER

FOLDER of --data: photos/manifest.json with the photos, encoders/ with the ImageNet network. FOLDER of --run: the
decoded photos, checkpoint.pt (written every --checkpoint-seconds and on SIGINT and SIGTERM, through a temporary file)
and log.jsonl. A run that finds a checkpoint goes on from it, with the same order of photos and the same random numbers.
"""

import argparse
import json
import math
import os
import pathlib
import signal
import time

import torch
import torch.nn.functional as F
from torch import nn

from mleu_training import color, data, graph, network


def device_and_precision():
    """CUDA or CPU; bf16 where the hardware multiplies it (a GPU, a CPU with AMX), float32 elsewhere."""
    if torch.cuda.is_available():
        return torch.device("cuda"), torch.bfloat16
    flags = pathlib.Path("/proc/cpuinfo")
    amx = flags.exists() and "amx_bf16" in flags.read_text()
    return torch.device("cpu"), torch.bfloat16 if amx else torch.float32


class Schedule:
    """Phases of crop size and batch; the learning rate falls by a cosine over the pixels seen, after a warm-up."""

    def __init__(self, training):
        self.phases, self.warmup = training["phases"], training["warmup_steps"]
        self.total = sum(phase["samples"] for phase in self.phases)
        self.pixels = sum(phase["samples"] * phase["crop"] ** 2 for phase in self.phases)

    def phase(self, samples):
        for phase in self.phases:
            if samples < phase["samples"]:
                return phase
            samples -= phase["samples"]
        return self.phases[-1]

    def rate(self, samples, step):
        seen = 0
        for phase in self.phases:
            part = min(samples, phase["samples"])
            seen += part * phase["crop"] ** 2
            samples -= part
        return min(1, (step + 1) / self.warmup) * 0.5 * (1 + math.cos(math.pi * min(1, seen / self.pixels)))


class Run:
    """Everything that a checkpoint holds."""

    def __init__(self, config, arguments):
        self.training = config["training"]
        self.folder = pathlib.Path(arguments.run)
        self.device, self.precision = device_and_precision()
        torch.manual_seed(self.training["seed"])
        data.build_cache(arguments.data / "photos", self.folder, self.training["min_colourfulness"])
        photos = data.Photos(self.folder)
        self.batches = data.Batches(photos, self.training, self.training["seed"])
        self.grid = config["grid"]
        self.schedule = Schedule(self.training)

        nodes, pretrained = network.build_mleu(config, network.find_encoder(arguments.data))
        self.model = graph.GraphModule(nodes)
        self.model.load(pretrained)
        self.model = self.model.to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self._groups(pretrained))
        self.ema = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.samples = self.step = 0

        bins = color.classes()
        mask = color.reachable(bins)
        self.encode = color.SoftEncoding(bins, mask)
        prior = data.measure_prior(photos, self.encode, len(bins), self.grid, self.training["prior_photos"],
                                   self.training["seed"])
        self.weights = color.rarity_weights(prior, bins, mask, self.training["rarity_power"]).to(self.device)
        self.encode.to(self.device)

    def _groups(self, pretrained):
        """AdamW's groups: the ImageNet part at its own rate; decay on the other matrices alone."""
        embedding, matrices, vectors = [], [], []
        for name, parameter in self.model.named_parameters():
            if self.model.owner(name) in pretrained:
                embedding.append(parameter)
            else:
                (matrices if parameter.ndim > 1 else vectors).append(parameter)
        rate = self.training["learning_rate"]
        return [
            {"params": embedding, "base": self.training["embedding_learning_rate"], "weight_decay": 0.0},
            {"params": matrices, "base": rate, "weight_decay": self.training["weight_decay"]},
            {"params": vectors, "base": rate, "weight_decay": 0.0},
        ]

    def save(self):
        state = {"model": self.model.state_dict(), "ema": self.ema, "optimizer": self.optimizer.state_dict(),
                 "samples": self.samples, "step": self.step, "batches": self.batches.state(),
                 "rarity": self.weights.cpu()}
        part = self.folder / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self.folder / "checkpoint.pt")

    def restore(self):
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.ema = state["ema"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.samples, self.step = state["samples"], state["step"]
        self.batches.restore(state["batches"])
        print(f"goes on at sample {self.samples}")

    def loss(self, lightness, target):
        """Weighted cross-entropy against the soft-encoded target; each pixel weighs as its most probable class."""
        index, weight = self.encode(target)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.model(lightness)
        log_p = F.log_softmax(logits.float(), 1).permute(0, 2, 3, 1)
        return -((log_p.gather(3, index) * weight).sum(3) * self.weights[index[..., 0]]).mean()

    def advance(self):
        """One optimiser step; returns its loss."""
        phase = self.schedule.phase(self.samples)
        rate = self.schedule.rate(self.samples, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * rate
        lightness, target = self.batches.next(phase["batch"], phase["crop"], self.grid)
        loss = self.loss(lightness.to(self.device), target.to(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.training["gradient_norm"])
        self.optimizer.step()
        self.samples += phase["batch"]
        self.step += 1
        # Early on the average forgets faster, so that it does not remember the start.
        keep = min(self.training["ema"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.dtype.is_floating_point:
                    self.ema[name].lerp_(value, 1 - keep)
                else:
                    self.ema[name].copy_(value)
        return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--run", required=True, type=pathlib.Path)
    parser.add_argument("--checkpoint-seconds", type=float, default=150)
    parser.add_argument("--samples", type=int, help="stop (with a checkpoint) after this many; the schedule stays")
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)

    run = Run(json.loads(arguments.config.read_text()), arguments)
    run.restore()
    run.model.train()
    end = min(run.schedule.total, arguments.samples or run.schedule.total)
    saved, begin, first, smooth = time.time(), time.time(), run.samples, None
    interrupted = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: interrupted.append(received))
    with open(arguments.run / "log.jsonl", "a") as log:
        while run.samples < end and not interrupted:
            loss = run.advance()
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            if run.step % 20 == 0:
                line = {"step": run.step, "samples": run.samples, "loss": round(smooth, 4),
                        "seconds_per_sample": round((time.time() - begin) / (run.samples - first), 4)}
                log.write(json.dumps(line) + "\n")
                log.flush()
                print(line, flush=True)
            if time.time() - saved > arguments.checkpoint_seconds:
                run.save()
                saved = time.time()
    run.save()


if __name__ == "__main__":
    main()
