#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The protocol on pictures that are made here: each metric where its value is known, and evaluate.py from end to end.

    tests/quality/test_protocol.py PREDICT MODEL

Speaks TAP. Skipped whole where Debian's python3-skimage or python3-matplotlib is missing.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import tap  # noqa: E402

try:
    import evaluate
    import matplotlib  # noqa: F401: what evaluate.py draws the curve with
    import metrics
    import numpy as np
    from PIL import Image
    from skimage.color import rgb2lab
except ImportError as missing:
    print(f"1..1\nok 1 protocol # SKIP {missing}")
    sys.exit(0)


def picture(seed, side=48):
    """Colour blocks of 16 pixels."""
    blocks = np.random.default_rng(seed).integers(0, 256, (side // 16, side // 16, 3), np.uint8)
    return np.kron(blocks, np.ones((16, 16, 1), np.uint8))


def test_perfect():
    """The truth itself: 100 dB, SSIM 1, no colour difference, its own colourfulness."""
    truth = picture(1)
    figures = metrics.measure(truth, truth, rgb2lab(truth))
    assert figures["psnr"] == figures["psnr_ab"] == 100
    assert abs(figures["ssim"] - 1) < 1e-9 and figures["ciede2000"] == 0
    assert metrics.average([figures], [metrics.colourfulness(truth)])["ratio"] == 1


def test_known():
    """A difference of one code value is 48.13 dB; grey has no colourfulness; flat red has that of its opponent axes."""
    truth = picture(2).clip(0, 254)
    assert abs(metrics.psnr((truth + 1.0) - truth) - 48.1308) < 1e-3
    assert metrics.colourfulness(np.full((8, 8, 3), 90, np.uint8)) == 0
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert abs(metrics.colourfulness(red) - 0.3 * np.hypot(200, 100)) < 1e-9


def test_noise():
    """Noise counts where the lightness is smooth, and there alone."""
    rng = np.random.default_rng(3)
    lab = np.zeros((64, 64, 3))
    lab[..., 1] = rng.normal(0, 3, (64, 64))
    lightness = np.full((64, 64), 50.0)
    # The variance of a window of 49 is 48/49 of that of the noise.
    assert abs(metrics.noise(lab, lightness) - 9 * 48 / 49) < 0.5
    assert metrics.noise(lab, rng.normal(50, 20, (64, 64))) == 0
    lab[..., 1] = 40
    assert metrics.noise(lab, lightness) < 1e-9


def test_interpolation():
    """Figures at a ratio between two points of a curve, and none outside of it."""
    points = [{"ratio": 0.8, "psnr": 22, "ciede2000": 12}, {"ratio": 0.4, "psnr": 24, "ciede2000": 10}]
    middle = evaluate.at_ratio(points, 0.6)
    assert abs(middle["psnr"] - 23) < 1e-9 and abs(middle["ciede2000"] - 11) < 1e-9
    assert evaluate.at_ratio(points, 0.9) is None


def test_whole():
    """evaluate.py: floors, rows, curve, sheet and figures; a folder without photos is refused."""
    predict, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = [sys.executable, HERE / "evaluate.py", "--predict", predict, "--model", model, "--photos", folder]
        empty = subprocess.run(command, capture_output=True, text=True)
        assert empty.returncode != 0 and "no .jpg or .png" in empty.stderr
        for i in range(5):
            Image.fromarray(picture(i, 64)).save(folder / f"{i}.png")
        command += ["--sheet", folder / "sheet.png", "--curve", folder / "curve.png", "--json", folder / "figures.json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        figures = json.loads((folder / "figures.json").read_text())
        stem = pathlib.Path(model).stem
        assert set(figures["table"]) == {"truth", "grey", "mean", stem}
        assert figures["table"]["truth"]["psnr"] == 100 and figures["table"]["grey"]["ratio"] == 0
        assert abs(figures["table"]["mean"]["mean_b"] - evaluate.MEAN_AB[1]) < 2
        assert figures["table"][stem]["ratio"] > 0
        # More saturation, more colour.
        for points in figures["curves"][stem].values():
            ratios = [p["ratio"] for p in sorted(points, key=lambda p: p["saturation"])]
            assert ratios == sorted(ratios) and ratios[0] < ratios[-1]
        assert Image.open(folder / "sheet.png").size == (3 * evaluate.TILE, 20 + 5 * evaluate.TILE)
        assert Image.open(folder / "curve.png").size[0] > 1000


if __name__ == "__main__":
    tap.run(globals())
