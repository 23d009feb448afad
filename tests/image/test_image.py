#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/image: a photograph in, the photograph in colour out, by libmleu alone.

    test_image.py IMAGE-PROGRAM MODEL
"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap  # noqa: E402

try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    print(f"1..1\nok 1 image # SKIP {missing}; apt-get install python3-numpy python3-pil")
    sys.exit(0)

PROGRAM, MODEL = sys.argv[1:3]


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)


def scene():
    """A grey picture, 75 x 50, with some structure."""
    y, x = np.mgrid[0:50, 0:75]
    return (60 + 100 * (((x // 13) + (y // 11)) % 2) + x / 2).astype(np.uint8)


def luma(picture):
    return np.asarray(picture.convert("RGB"), float) @ [0.299, 0.587, 0.114]


def test_colours(folder):
    grey = Image.fromarray(scene())
    grey.save(folder / "in.png")
    done = run(MODEL, folder / "in.png", folder / "out.png")
    assert done.returncode == 0, done.stderr
    out = Image.open(folder / "out.png")
    assert out.size == grey.size and out.mode == "RGB"
    pixels = np.asarray(out).astype(int)
    assert (pixels.max(2) - pixels.min(2)).mean() > 2
    assert np.abs(luma(out) - luma(grey)).max() < 1.5
    assert sorted(p.name for p in folder.iterdir()) == ["in.png", "out.png"]


def test_alpha(folder):
    """The transparency of a picture stays."""
    picture = Image.fromarray(scene()).convert("RGBA")
    alpha = Image.fromarray(np.arange(50 * 75).reshape(50, 75).astype(np.uint8))
    picture.putalpha(alpha)
    picture.save(folder / "in.png")
    assert run(MODEL, folder / "in.png", folder / "out.png").returncode == 0
    assert np.array_equal(np.asarray(Image.open(folder / "out.png"))[..., 3], np.asarray(alpha))


def test_orientation(folder):
    """A photograph that a camera stored lying is written upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene()).convert("RGB").save(folder / "in.jpg", exif=exif, quality=95)
    assert run(MODEL, folder / "in.jpg", folder / "out.jpg").returncode == 0
    assert Image.open(folder / "out.jpg").size == (50, 75)


def test_refusals(folder):
    """Each names what is wrong, and nothing is written."""
    Image.fromarray(scene()).save(folder / "in.png")
    (folder / "no.png").write_text("no picture")
    (folder / "old.png").write_text("old")
    cases = [
        ((MODEL, folder / "nothing.png", folder / "out.png"), "nothing.png"),
        ((MODEL, folder / "no.png", folder / "out.png"), "no.png"),
        ((MODEL, folder / "in.png", folder / "out.bmp"), ".png or .jpg"),
        ((MODEL, folder / "in.png", folder / "no-folder" / "out.png"), "no-folder"),
        ((folder / "in.png", folder / "in.png", folder / "out.png"), "in.png"),
        ((MODEL, folder / "in.png"), "Usage"),
        ((MODEL, folder / "no.png", folder / "old.png"), "no.png"),
    ]
    before = sorted(folder.iterdir())
    for arguments, words in cases:
        done = run(*arguments)
        assert done.returncode != 0 and words in done.stderr, (arguments, done.stderr)
    assert sorted(folder.iterdir()) == before and (folder / "old.png").read_text() == "old"


def in_a_folder(function):
    with tempfile.TemporaryDirectory() as name:
        return function(pathlib.Path(name))


if __name__ == "__main__":
    tap.run(globals(), in_a_folder)
