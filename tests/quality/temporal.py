#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Steady colours: a folder's colour clips, made grey and coloured again, per frame, with plain averages over time, and along
the motion as the library does it.

    tests/quality/temporal.py --build BUILD --model models/NAME.safetensors --cache FOLDER CLIPS [--frames 60] \\
        [--backwards] [--curve FILE.png] [--strip FILE.png]

flicker   mean distance in a*, b* of consecutive frames where L* changed by less than 2
second    mean length of the second difference of a*, b* there
warping   mean distance in a*, b* to the frame before, moved by OpenCV's DIS flow between the luma of the two, where the flow
          of both directions agrees
colourf.  colourfulness in percent of per-frame's
CDC       distance of the colour distribution consistency to the true clip's, in thousandths
E2000     mean CIEDE2000 to the true clip

Every row of the library's has its colours settled on the small grid (mleu_guide_settle), "per frame, settled" and the settled
averages too, which tell what that gives from what the motion gives.

Everything is measured on pictures of the network's input size, to which a*, b* are enlarged linearly, the lightness as the
network saw it. Predictions are kept in the cache folder. Then the clips are cut into pieces and joined at random, and the
cuts that the library finds are counted.

--backwards plays the clips from the last of those frames to the first. Smoothing lags behind the network, which costs
CIEDE2000 where the network comes nearer to the truth in the course of a clip, as of a thing that a camera drives up to, and
gains where it goes away from it: what is left in the mean of both directions is not the clip's doing but the smoothing's.

--curve draws flicker and warping over CIEDE2000, a line for the plain averages and one for the library's. --strip shows
frames of every clip as coloured one by one and along the motion, and under them what of a*, b* changed since the frame
before, eightfold; a clip without colours of its own can be looked at too, its figures say nothing.

Needs Debian's python3-numpy, python3-pil, python3-skimage, python3-scipy, python3-opencv; python3-matplotlib to plot; ffmpeg.
"""

import argparse
import pathlib
import subprocess

import cv2
import metrics
import numpy as np
from PIL import Image
from planes import read_planes
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from steadiness import read_clip

STILL = 2.0  # L*
CONSTANTS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)  # seconds
SMOOTHINGS = (0.1, 0.2, 0.3, 0.5, 1.0)
DEFAULT = 0.5  # the library's smoothing
SETTLED = (0.3, 1.0)
INTERVALS = (2, 4)
LOOKAHEADS = (2, 4, 8, 16)
STRIP = 8  # frames


def predictions(arguments, clip):
    """Paths of stored L* and a*, b*, made where they are not there; and the true frames of the same size, as Lab."""
    direction = "-backwards" if arguments.backwards else ""
    stem = arguments.cache / f"{clip.stem}-{arguments.model.stem}-{arguments.frames}{direction}"
    lightness, ab = stem.with_suffix(".l"), stem.with_suffix(".ab")
    frames = read_clip(clip, arguments.frames)[:: -1 if arguments.backwards else 1]
    if not ab.exists():
        arguments.cache.mkdir(parents=True, exist_ok=True)
        command = [arguments.build / "tests/quality/predict", "--model", arguments.model, "--lightness", lightness, "--ab",
                   stem.with_suffix(".part")]
        names = []
        for i, frame in enumerate(frames):
            names.append(arguments.cache / f"{i}.pgm")
            Image.fromarray(frame).convert("L").save(names[-1])
            command += [names[-1], arguments.cache / "out.ppm"]
        subprocess.run(command, check=True)
        for name in names:
            name.unlink()
        stem.with_suffix(".part").rename(ab)
    height, width = read_planes(lightness, 1)[0].shape[1:]
    # The content lies in the middle, reflected borders around it.
    scale = min(width / frames.shape[2], height / frames.shape[1])
    size = round(frames.shape[2] * scale), round(frames.shape[1] * scale)
    truth = [rgb2lab(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)).astype(np.float32) for frame in frames]
    return lightness, ab, truth


def frame_rate(clip):
    text = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=r_frame_rate", "-of",
                           "csv=p=0", clip], check=True, capture_output=True, text=True).stdout.strip().strip(",")
    numerator, denominator = text.split("/")
    return int(numerator) / int(denominator)


def replay(arguments, fps, lightness, ab, smoothing=DEFAULT, interval=1, lookahead=0):
    """a*, b* of all frames, and what the program printed."""
    out = arguments.cache / "out.ab"
    text = subprocess.run([arguments.build / "tests/quality/replay", "--fps", str(fps), "--smoothing", str(smoothing),
                           "--interval", str(interval), "--lookahead", str(lookahead), lightness, ab, out], check=True,
                          capture_output=True, text=True).stdout
    return read_planes(out, 2), text.splitlines()


def average(planes, fps, constant):
    """The plain exponential average."""
    share, result = 1 - np.exp(-1 / fps / constant), [planes[0]]
    for plane in planes[1:]:
        result.append(result[-1] + share * (plane - result[-1]))
    return result


def settle(arguments, fps, lightness, planes):
    """What the library settles each frame to, without a look at the others."""
    path = arguments.cache / "in.ab"
    with path.open("wb") as file:
        for ab in planes:
            file.write(np.array(ab.shape[:0:-1], "<u4").tobytes() + ab.astype("<f4").tobytes())
    return replay(arguments, fps, lightness, path, smoothing=0)[0]


def judge(means, name):
    """Of the plain averages that are no farther from the truth than that row, those that are steadier."""
    own = means[name]
    rivals = {n: row for n, row in means.items() if n.startswith("average") and "settled" not in n and row["E2000"] <= own["E2000"]}
    better = [n for n, row in rivals.items() if row["flicker"] < own["flicker"] or row["warping"] < own["warping"]]
    return (f"{name}: CIEDE2000 no worse than its {own['E2000']:.3f} have {', '.join(rivals) or 'no plain averages'}; "
            f"steadier of them: {', '.join(better) or 'none'}")


def divergence(p, q):
    middle = (p + q) / 2
    half = lambda x: np.sum(x[x > 0] * np.log(x[x > 0] / middle[x > 0]))
    return (half(p) + half(q)) / 2


def consistency(pictures):
    """CDC of Liu et al. 2021: distances of the colour histograms 1, 2 and 4 frames apart."""
    histograms = [[np.bincount(p[..., c].ravel(), minlength=256) / p[..., c].size for c in range(3)] for p in pictures]
    return np.mean([np.mean([divergence(a[c], b[c]) for a, b in zip(histograms, histograms[d:]) for c in range(3)])
                    for d in (1, 2, 4)])


class Clip:
    """What the figures of one clip are measured against."""

    def __init__(self, lightness, truth):
        size = truth[0].shape[:2]
        planes = [plane[0] for plane in read_planes(lightness, 1)]
        self.padded = planes[0].shape
        top, left = (self.padded[0] - size[0]) // 2, (self.padded[1] - size[1]) // 2
        self.inside = np.s_[top : top + size[0], left : left + size[1]]
        self.lightness = [plane[self.inside] for plane in planes]
        self.truth = truth
        self.still = [np.abs(b - a) < STILL for a, b in zip(self.lightness, self.lightness[1:])]
        self.flow = [self._flow(b, a) for a, b in zip(self.lightness, self.lightness[1:])]
        self.true_cdc = consistency([self._rgb(lab) for lab in truth])

    @staticmethod
    def _rgb(lab):
        return np.rint(255 * lab2rgb(lab.astype(np.float64)).clip(0, 1)).astype(np.uint8)

    @staticmethod
    def _flow(now, before):
        """Map from each pixel to its place in the frame before, and where it is to be trusted."""
        search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        now, before = ((2.55 * plane).astype(np.uint8) for plane in (now, before))
        back, forth = search.calc(now, before, None), search.calc(before, now, None)
        rows, columns = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
        place = columns + back[..., 0], rows + back[..., 1]
        returned = cv2.remap(forth, *place, cv2.INTER_LINEAR)
        inside = (place[0] >= 0) & (place[0] < now.shape[1]) & (place[1] >= 0) & (place[1] < now.shape[0])
        return place, inside & (np.hypot(*np.moveaxis(back + returned, 2, 0)) < 1)

    def enlarge(self, planes):
        size = self.padded[::-1]
        return [np.stack([cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p in ab], 2)[self.inside] for ab in planes]

    def strip(self, planes):
        """STRIP frames in a row, and under each what changed since the frame before: uint8 [2 h, STRIP w, 3]."""
        ab = self.enlarge(planes)
        chosen = np.linspace(1, len(ab) - 1, STRIP).astype(int)
        change = lambda i: np.dstack([np.full_like(self.lightness[i], 50), 8 * (ab[i] - ab[i - 1])])
        return np.hstack([np.vstack([self._rgb(np.dstack([self.lightness[i], ab[i]])), self._rgb(change(i))]) for i in chosen])

    def measure(self, planes):
        ab = self.enlarge(planes)
        lab = [np.dstack([lightness, x]) for lightness, x in zip(self.lightness, ab)]
        rgb = [self._rgb(x) for x in lab]
        length = lambda x: np.hypot(x[..., 0], x[..., 1])
        moved = [length(b - cv2.remap(a, *flow, cv2.INTER_LINEAR))[good].mean()
                 for a, b, (flow, good) in zip(ab, ab[1:], self.flow)]
        return {
            "flicker": np.mean([length(b - a)[still].mean() for a, b, still in zip(ab, ab[1:], self.still)]),
            "second": np.mean([length(a - 2 * b + c)[s & t].mean()
                               for a, b, c, s, t in zip(ab, ab[1:], ab[2:], self.still, self.still[1:])]),
            "warping": np.mean(moved),
            "colourf.": np.mean([metrics.colourfulness(x) for x in rgb]),
            "CDC": 1000 * abs(consistency(rgb) - self.true_cdc),
            "E2000": np.mean([deltaE_ciede2000(t, x).mean() for t, x in zip(self.truth[::4], lab[::4])]),
        }


def draw_curves(path, means):
    """Flicker and warping over CIEDE2000."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5))
    for axis, figure_of in zip(axes, ("flicker", "warping")):
        for start in ("average", "along motion", "per frame"):
            points = {name[len(start) :]: row for name, row in means.items() if name.startswith(start) and "settled" not in name}
            axis.plot([row["E2000"] for row in points.values()], [row[figure_of] for row in points.values()], "o-", label=start)
            for name, row in points.items():
                axis.annotate(name, (row["E2000"], row[figure_of]), fontsize=7)
        axis.set(xlabel="CIEDE2000", ylabel=figure_of)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def count_cuts(arguments, stored, pieces=120, seed=1):
    """(found, missed, invented) in a film of short pieces of the clips, a third of them reversed in time."""
    rng, film, cuts = np.random.default_rng(seed), [], []
    clips = [read_planes(lightness, 1) for lightness in stored]
    sizes = [c[0].shape[1:] for c in clips]
    last = -1
    for _ in range(pieces):
        which = rng.choice([i for i in range(len(clips)) if i != last]) if len(clips) > 1 else 0
        last, length = which, int(rng.integers(5, 25))
        begin = int(rng.integers(0, max(len(clips[which]) - length, 1)))
        piece = clips[which][begin : begin + length]
        cuts.append(len(film))
        film += piece[:: -1 if rng.random() < 1 / 3 else 1]
    common = min(s[0] for s in sizes), min(s[1] for s in sizes)
    lightness, ab = arguments.cache / "joined.l", arguments.cache / "joined.ab"
    with lightness.open("wb") as l, ab.open("wb") as c:
        for plane in film:
            l.write(np.array(common[::-1], "<u4").tobytes() + plane[0, : common[0], : common[1]].astype("<f4").tobytes())
            c.write(np.array((common[1] // 4, common[0] // 4), "<u4").tobytes()
                    + np.zeros((2, common[0] // 4, common[1] // 4), "<f4").tobytes())
    _, lines = replay(arguments, 25, lightness, ab)
    found = {int(line.split()[1]) for line in lines if line.startswith("cut")}
    return len(found & set(cuts)), len(set(cuts) - found), len(found - set(cuts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=pathlib.Path, help="folder of colour clips")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder")
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder for predictions")
    parser.add_argument("--frames", type=int, default=60, help="of each clip")
    parser.add_argument("--backwards", action="store_true", help="each clip from its last frame to its first")
    parser.add_argument("--quick", action="store_true", help="the default smoothing and per-frame alone")
    parser.add_argument("--curve", type=pathlib.Path, help="write the curves here, as a picture")
    parser.add_argument("--strip", type=pathlib.Path, help="write the strips here, as a picture")
    arguments = parser.parse_args()

    rows, times, stored, used, strips = {}, [], [], {}, []
    for path in sorted(arguments.clips.glob("*.mp4")):
        lightness, ab, truth = predictions(arguments, path)
        stored.append(lightness)
        clip, fps, raw = Clip(lightness, truth), frame_rate(path), read_planes(ab, 2)
        systems = {"per frame": raw}
        if not arguments.quick:
            systems |= {f"average {c:g} s": average(raw, fps, c) for c in CONSTANTS}
            systems |= {f"average {c:g} s, settled": settle(arguments, fps, lightness, systems[f"average {c:g} s"]) for c in SETTLED}
            systems["per frame, settled"] = settle(arguments, fps, lightness, raw)
        for smoothing in (DEFAULT,) if arguments.quick else SMOOTHINGS:
            systems[f"along motion {smoothing:g} s"], lines = replay(arguments, fps, lightness, ab, smoothing)
            times += [float(line.split()[1]) for line in lines if line.startswith("ms")]
        for interval in INTERVALS:
            name = f"every {interval}nd" if interval == 2 else f"every {interval}th"
            systems[name], lines = replay(arguments, fps, lightness, ab, interval=interval)
            used.setdefault(name, []).append(lines[-1])
        for frames in () if arguments.quick else LOOKAHEADS:
            systems[f"looking {frames} ahead"], _ = replay(arguments, fps, lightness, ab, lookahead=frames)
        strips += [clip.strip(systems[name]) for name in ("per frame", f"along motion {DEFAULT:g} s")] if arguments.strip else []
        for name, planes in systems.items():
            rows.setdefault(name, []).append(clip.measure(planes))

    titles = list(next(iter(rows.values()))[0])
    means = {name: {t: np.mean([row[t] for row in of]) for t in titles} for name, of in rows.items()}
    print(f"{'':<24}" + "".join(f"{t:>10}" for t in titles))
    whole = means["per frame"]["colourf."]
    for name, row in means.items():
        row["colourf."] *= 100 / whole
        print(f"{name:<24}" + "".join(f"{row[t]:10.3f}" for t in titles))
    for name in (f"along motion {DEFAULT:g} s", "looking 8 ahead"):
        if name in means and len(means) > 5:
            print(judge(means, name))
    print(f"CPU of a frame: {np.mean(times):.2f} ms (worst clip {max(times):.2f})")
    for name, lines in used.items():
        print(f"{name}: {', '.join(lines)}")
    print("joined clips: %d cuts found, %d missed, %d invented" % count_cuts(arguments, stored))
    if arguments.curve:
        draw_curves(arguments.curve, means)
    if arguments.strip:
        width = max(strip.shape[1] for strip in strips)
        Image.fromarray(np.vstack([np.pad(s, ((0, 4), (0, width - s.shape[1]), (0, 0))) for s in strips])).save(arguments.strip)


if __name__ == "__main__":
    main()
