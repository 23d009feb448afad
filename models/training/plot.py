#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the losses of one or more runs against the samples seen.

    plot.py RUN/NAME/log.jsonl ... --output LOSSES.png

Terms of different networks are comparable only where their weights are the same. Needs matplotlib.
"""

import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

COUNTS = {"step", "samples", "seconds_per_sample"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="+", type=pathlib.Path)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    logs = {path.parent.name: [json.loads(line) for line in path.read_text().splitlines()] for path in arguments.log}
    terms = sorted({key for lines in logs.values() for line in lines for key in line} - COUNTS)
    if not terms:
        raise SystemExit("the logs are empty")
    figure, axes = pyplot.subplots(1, len(terms), figsize=(6 * len(terms), 5), squeeze=False)
    for axis, term in zip(axes[0], terms):
        for name, lines in logs.items():
            points = [(line["samples"], line[term]) for line in lines if term in line]
            if points:
                axis.plot(*zip(*points), label=name)
        axis.set(title=term, xlabel="samples", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(arguments.output, dpi=90)


if __name__ == "__main__":
    main()
