#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recipe of models/training on photographs and an ImageNet network that are made here: small, random, but real runs.

    tests/recipe/test_recipe.py PREDICT      PREDICT: the program built from tests/quality/predict.c

Speaks TAP. Skipped whole where PyTorch is not installed, and the ONNX check where onnx and onnxruntime are not.
"""

import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from PIL import Image
except ImportError as missing:
    print(f"1..1\nok 1 recipe # SKIP {missing}; pip install torch numpy pillow")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINING = ROOT / "models" / "training"
sys.path[:0] = [str(TRAINING), str(ROOT / "tests"), str(ROOT / "tests" / "quality")]

import export  # noqa: E402
import run_model  # noqa: E402
import tap  # noqa: E402
import train  # noqa: E402
from mleu_training import color, config, data, film, held_out, losses, safetensors  # noqa: E402
from mleu_training.quantized import QuantizedModel  # noqa: E402
from planes import read_planes  # noqa: E402

PREDICT = sys.argv[1]
CPU = torch.device("cpu")
SIDE = 96
NETWORK = {"encoder": [4, 4, 6, 6, 8], "embedded": [4, 4, 4, 4, 4], "bottleneck": [8, 8]}
SMALL = {
    "mleu-classification": {**NETWORK, "decoder": [8, 6, 6, 4, 4], "tail": 6},
    "mleu-regression": {**NETWORK, "decoder": [8, 6, 6, 4, 4], "tail": 6},
    "mleu-combined": {**NETWORK, "decoder": [8, 6, 6], "tail": 8},
    "zhang2016": {"width": 1 / 32},
}


class Place:
    """A folder with photographs, an embedding network and configurations."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        rng = np.random.default_rng(7)
        (self.data / "photos").mkdir(parents=True)
        entries = []
        for i in range(70):
            blocks = rng.integers(0, 256, (6, 6, 3), np.uint8)
            if i % 10 == 9:
                blocks[:] = blocks[..., :1]
            picture = Image.fromarray(blocks).resize((SIDE + i % 3, SIDE), Image.Resampling.BICUBIC)
            picture.save(self.data / "photos" / f"{i}.png")
            entries.append({"file": f"{i}.png", "colorfulness": 0.0 if i % 10 == 9 else 60.0})
        (self.data / "photos" / "manifest.json").write_text(json.dumps(entries))
        (self.data / "encoders").mkdir()
        arrays, before = {}, 1
        for block, count in enumerate((2, 2, 3, 3, 3), 1):
            for index in range(1, count + 1):
                arrays[f"{block}_{index}_w"] = (rng.standard_normal((5, before, 3, 3)) * 0.3).astype(np.float16)
                arrays[f"{block}_{index}_b"] = (rng.standard_normal(5) * 0.1).astype(np.float16)
                before = 5
        np.savez(self.data / "encoders" / "vgg16.npz", **arrays)

    def config(self, base, **changes):
        """The shipped configuration `base`, made small."""
        path = self.folder / f"{changes.get('name', base)}.json"
        training = {"phases": [{"samples": 8, "crop": 32, "batch": 2}, {"samples": 4, "crop": 64, "batch": 2}],
                    "warmup_steps": 2, "sampling": {"held_out": 16, "prior_photos": 20}, **changes.pop("training", {})}
        own = {"base": str(TRAINING / "configs" / f"{base}.json"), **SMALL[base], "training": training, **changes}
        path.write_text(json.dumps(own))
        return path

    def train(self, run, *configs, steps=None):
        """Runs train.py; returns the folder of the run."""
        arguments = ["train.py", "--data", str(self.data), "--run", str(self.folder / run)]
        arguments += ["--cache", str(self.folder / "cache")]
        arguments += [f"--config={path}" for path in configs] + ([f"--steps={steps}"] if steps is not None else [])
        call(train.main, arguments)
        return self.folder / run

    def export(self, run, path, output, *more):
        call(export.main, ["export.py", "--data", str(self.data), "--run", str(run), "--config", str(path),
                           "--output", str(output), *more])

    def predict(self, model):
        """What the C library makes of a picture: a*, b* [2, h', w'], and the L* [1, 1, h, w] that the network saw."""
        luma = np.add.outer(np.arange(64) * 2, np.arange(96)).astype(np.uint8)
        Image.fromarray(luma).save(self.folder / "grey.pgm")
        files = [self.folder / name for name in ("l", "ab", "grey.pgm", "out.ppm")]
        subprocess.run([PREDICT, "--model", model, "--render-size=64", "--lightness", files[0], "--ab", *files[1:]], check=True)
        (lightness,), (ab,) = read_planes(files[0], 1), read_planes(files[1], 2)
        return ab, torch.from_numpy(lightness)[None]


def call(main, arguments):
    """A script's main() with these arguments, its output kept back."""
    before, sys.argv = sys.argv, arguments
    try:
        with contextlib.redirect_stdout(io.StringIO()) as text:
            main()
        return text.getvalue()
    finally:
        sys.argv = before


def state(run, name):
    return torch.load(run / name / "checkpoint.pt", weights_only=False)


def same(a, b):
    return all(torch.equal(a["ema"][k], b["ema"][k]) for k in a["ema"])


def test_resume(place):
    """A run that stops and goes on gives the weights of one that does not."""
    path = place.config("mleu-classification")
    whole = place.train("whole", path)
    parts = place.train("parts", path, steps=3)
    assert state(parts, "mleu-classification")["step"] == 3
    place.train("parts", path)
    assert state(parts, "mleu-classification")["step"] == 6
    assert same(state(whole, "mleu-classification"), state(parts, "mleu-classification"))
    (line,) = (whole / "mleu-classification" / "log.jsonl").read_text().splitlines()
    assert set(json.loads(line)) == {"step", "held_out", "saturation"}, "fewer than twenty steps leave the last line alone"


def test_together(place):
    """Networks that are trained together become what each becomes alone."""
    first, second = place.config("mleu-classification"), place.config("mleu-regression")
    both = place.train("both", first, second)
    alone = place.train("alone", second)
    assert same(state(both, "mleu-regression"), state(alone, "mleu-regression"))


def test_other_configuration(place):
    """A run is not taken up with another configuration, and networks with other pictures not trained together."""
    first = place.config("mleu-classification")
    run = place.train("changed", first, steps=1)
    refused(lambda: place.train("changed", place.config("mleu-classification", temperature=0.5)), "another configuration")
    other = place.config("mleu-regression", training={"seed": 2})
    refused(lambda: place.train("apart", place.config("mleu-classification"), other), '"seed"')
    assert (run / "held-out.txt").exists()


def refused(action, words):
    try:
        action()
    except SystemExit as stop:
        assert words in str(stop.code), stop.code
        return
    raise AssertionError(f"not refused: {words}")


def test_held_out(place):
    """Grey photos are left out, and held-out ones are never trained on."""
    cache = place.folder / "cache"
    data.build_cache(place.data / "photos", cache, 8)
    photos = data.Photos(cache, 16, CPU)
    assert len(photos) == 63 and len(photos.held_out) == len(photos.held_out_files) == 4
    assert sorted([*photos.chosen, *photos.held_out]) == list(range(63))
    batches = data.Batches(photos, train.Schedule([{"samples": 200, "crop": 32, "batch": 40}]), {}, 1)
    drawn = np.concatenate([batches._indices(first, 40) for first in range(0, 200, 40)])
    assert set(drawn) == set(photos.chosen)


def test_judge(place):
    """Half of the true colours are worth much at the saturation that brings them to the ratio; no colours are worth nothing."""
    judge = held_out.HeldOut(data.Photos(place.folder / "cache", 16, CPU), side=64, batch=3)
    assert [len(lightness) for lightness, _, _ in judge.batches] == [3, 1]

    def figure(share):
        truths = iter(judge.batches)
        return judge(argparse.Namespace(
            averaged=lambda lightness: share * torch.nn.functional.avg_pool2d(next(truths)[2][:, 1:], 4), config={},
            objective=argparse.Namespace(colours=lambda output, temperature: output), precision=torch.float32))

    known = figure(0.5)
    assert known["held_out"] > 2 and 1.2 < known["saturation"] < 1.8, known
    assert figure(-0.5)["held_out"] < -2
    assert figure(0) == {"held_out": None, "saturation": None}


def exported(place):
    """(name, model file) of every kind of network after a few steps."""
    variants = [("mleu-classification", {}), ("mleu-regression", {}), ("mleu-combined", {}), ("zhang2016", {}),
                ("mleu-combined", {"name": "clustered", "bins": "clustered", "classes": 40, "render_size": 64}),
                ("mleu-classification", {"name": "alone", "embedding": None, "embedded": None}),
                ("mleu-combined", {"name": "normalized", "embedding": {"network": "vgg16", "trained": True, "normalized": True}})]
    paths = [place.config(name, **changes) for name, changes in variants]
    run = place.train("every", *paths)
    for path, (name, changes) in zip(paths, variants):
        shared = [] if name == "zhang2016" or "embedding" in changes else ["--shared", str(place.folder / "trunk.safetensors")]
        output = path.with_suffix(".safetensors")
        place.export(run, path, output, *shared)
        yield path.stem, output


def test_library(place):
    """What is exported, the C library runs as PyTorch does."""
    for name, path in exported(place):
        actual, lightness = place.predict(path)
        with torch.no_grad():
            expected = run_model.Model(path).ab(lightness)[0].numpy()
        assert np.abs(actual - expected).max() < 0.01, f"{name}: {np.abs(actual - expected).max()}"
        assert expected.std() > 1e-3, f"{name} says the same everywhere"
    shared = safetensors.read(place.folder / "mleu-combined.safetensors")[1]["mleu.shared"]
    assert shared == "trunk.safetensors"


def test_quantized(place):
    """A network that goes on training in its quantised form: exported, the C library runs it to the bit as Python does."""
    base = place.config("mleu-combined")
    place.train("q8", base)
    path = place.config("mleu-combined", name="q8", continues="mleu-combined", quantized=True)
    run = place.train("q8", path, steps=2)
    place.train("q8", path)
    assert state(run, "q8")["step"] == 6
    output = place.folder / "q8.safetensors"
    place.export(run, path, output)
    tensors, metadata = safetensors.read(output)
    model = QuantizedModel(json.loads(metadata["mleu.graph"]), tensors)
    actual, lightness = place.predict(output)
    with torch.no_grad():
        expected = model.ab(lightness)[0].numpy()
    assert np.array_equal(actual, expected) and expected.std() > 1e-3
    refused(lambda: place.train("none", path), "mleu-combined")


def test_mean(place):
    """A network may begin with the mean of others' weights, with no step of its own; not of networks of other layers."""
    names = {"one": 0.25, "another": 0.75}
    run = place.train("mean", *(place.config("mleu-combined", name=name, losses={"mean": factor})
                                for name, factor in zip(names, (0.1, 5.0))))
    path = place.config("mleu-combined", name="both", continues=names)
    place.train("mean", path, steps=0)
    both, one, another = (state(run, name)["ema"] for name in ("both", *names))
    moved = 0
    for key, value in both.items():
        if value.dtype.is_floating_point:
            assert torch.allclose(value, 0.25 * one[key] + 0.75 * another[key], atol=1e-6), key
            moved += not torch.equal(one[key], another[key])
    assert moved > 10
    place.export(run, path, place.folder / "both.safetensors")
    refused(lambda: place.train("mean", place.config("mleu-combined", name="worse", continues=names | {"none": 1.0}), steps=0), "none")
    other = place.config("mleu-combined", name="other", bottleneck=[6, 6], continues="one")
    refused(lambda: place.train("mean", other, steps=0), "not the same layers")


def test_statistics_kept(place):
    """Batch norms may keep the statistics that they came with, while all else is trained."""
    run = place.train("kept", place.config("mleu-combined"))
    path = place.config("mleu-combined", name="kept", continues="mleu-combined", training={"statistics_kept": True})
    place.train("kept", path)
    before, after = state(run, "mleu-combined")["ema"], state(run, "kept")["model"]
    moved = {key for key, value in after.items() if not torch.equal(value, before[key])}
    norms = {key for key in after if key.startswith("norms.")}
    assert not [key for key in norms & moved if "running" in key or "batches" in key]
    assert any(key.endswith(".bias") for key in norms & moved) and moved - norms


def test_onnx(place):
    """The ONNX file gives what PyTorch gives."""
    try:
        import onnxruntime

        import export_onnx
    except ImportError as missing:
        return f"SKIP {missing}"
    lightness = 100 * torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(3))
    for name, path in exported(place):
        output = path.with_suffix(".onnx")
        call(export_onnx.main, ["export_onnx.py", str(path), str(output)])
        session = onnxruntime.InferenceSession(str(output), providers=["CPUExecutionProvider"])
        (actual,) = session.run(None, {"lightness": lightness.numpy()})
        model = run_model.Model(path)
        with torch.no_grad():
            expected = model.ab(lightness).numpy() * model.head["saturation"]
        assert np.abs(actual - expected).max() < 0.01, f"{name}: {np.abs(actual - expected).max()}"
    return None


def test_optimizers(place):
    """The paper's optimisers run, and an unknown one is refused by name."""
    for name in ("adam", "sgd", "rmsprop"):
        training = {"phases": [{"samples": 4, "crop": 32, "batch": 2}], "optimizer": {"name": name, "learning_rate": 0.004},
                    "sampling": {"held_out": 16, "prior_photos": 20}}
        run = place.train("optimizers", place.config("mleu-regression", name=name, training=training))
        assert all(value.isfinite().all() for value in state(run, name)["ema"].values())
    refused(lambda: place.train("optimizers", place.config("mleu-regression", name="x", training={
        "optimizer": {"name": "lion"}, "sampling": {"held_out": 16}})), "lion")


def test_film(_):
    """Every wear keeps size and range and changes the pictures that suffer it alone; an unaged one is its own luma."""
    rgb = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (6, 64, 48, 3), np.uint8))
    plain = dict.fromkeys([*film.STEPS, "aged", "stock"], 0)
    noise = torch.Generator().manual_seed(3)
    luma = film.age(rgb, plain, np.random.default_rng(2), noise)
    assert torch.allclose(luma, rgb.float() @ torch.from_numpy(film.LUMA) / 255, atol=1e-6)
    for name in [*film.STEPS, "stock"]:
        aged = film.age(rgb, {**plain, "aged": 1, name: 0.5}, np.random.default_rng(5), noise)
        assert aged.shape == luma.shape and aged.dtype == torch.float32 and aged.min() >= 0 and aged.max() <= 1, name
        change = (aged - luma).abs().amax((1, 2))
        assert change.max() > 0.01 and change.min() == 0, name


def test_compression(_):
    """Compressed pictures are what libjpeg makes of them, but for coefficients that lie between two steps."""
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).resize((64, 48), Image.Resampling.BICUBIC)
    luma = torch.from_numpy(np.asarray(picture, np.float32) / 255)[None]
    actual = film.compress(luma, np.random.default_rng(3), None)
    compressed = io.BytesIO()
    picture.save(compressed, "JPEG", quality=int(np.random.default_rng(3).integers(15, 60, 1)[0]))
    expected = np.asarray(Image.open(compressed), np.float32) / 255
    error, loss = (np.abs(expected - picture).mean() for picture in (actual[0].clamp(0, 1).numpy(), luma[0].numpy()))
    assert error < 0.5 / 255 and error < loss / 4, (error, loss)


def test_batches(place):
    """A batch depends on the seed and its number alone, and crops keep to the photo's colours."""
    photos = data.Photos(place.folder / "cache", 16, CPU)
    settings = config.load(TRAINING / "configs" / "mleu-classification.json")["training"]
    schedule = train.Schedule([{"samples": 64, "crop": 32, "batch": 8}])
    first = data.Batches(photos, schedule, settings["sampling"], 1)[5]
    again = data.Batches(photos, schedule, settings["sampling"], 1)[5]
    other = data.Batches(photos, schedule, settings["sampling"], 2)[5]
    assert all(torch.equal(a, b) for a, b in zip(first[:2], again)) and first[2] is None
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == (8, 32, 32, 3) and first[1].shape == (8, 32, 32)


def test_pairs(place):
    """The second half of a batch is the first, moved; colours that move with it are consistent, others are not."""
    photos = data.Photos(place.folder / "cache", 16, CPU)
    settings = config.load(TRAINING / "configs" / "mleu-classification.json")["training"]["sampling"]
    settings |= {"pairs": {"step": 4, "most": 8, "object": 0.5}}
    batches = data.Batches(photos, train.Schedule([{"samples": 64, "crop": 32, "batch": 4}]), settings, 1)
    objective = losses.Objective({"name": "x", "head": "regression", "losses": {"consistency": 1.0}}, None)
    moved = covered = 0
    for i in range(8):
        rgb, luma, pair = batches[i]
        ab = color.lab_from_rgb(rgb)[:, 1:] / 110
        apart = float(objective(ab, ab, pair)["consistency"])
        assert apart < 1e-9
        assert not torch.equal(luma[0], luma[2])
        if pair.shift.any():
            moved += 1
            assert float(objective(ab, ab, pair._replace(shift=-pair.shift))["consistency"]) > 0.01
        if pair.hidden.any():
            covered += 1
            assert not pair.hidden.all()
            assert float(objective(ab, ab, pair._replace(hidden=torch.zeros_like(pair.hidden)))["consistency"]) > apart
            cells = pair.on_grid(4)
            assert torch.equal(4 * cells.shift, pair.shift)
            assert torch.equal(cells.hidden, pair.hidden.unfold(1, 4, 4).unfold(2, 4, 4).any(-1).any(-1))
        # It is a part of the chroma: paler colours are as unsteady.
        wrong = pair._replace(shift=pair.shift + 8)
        whole, pale = (float(objective(s * ab, ab, wrong)["consistency"]) for s in (1, 0.5))
        assert abs(whole - pale) < 0.1 * whole
    assert moved > 4 and covered > 2

    # Frames of one film that stands still: on one stock and print, and yet not the same.
    aged = {**settings["film"], "aged": 1, "stock": 1, "tone": 1, "grain": 0}
    settings |= {"film": aged, "pairs": {"step": 4, "most": 0, "object": 0}}
    batches = data.Batches(photos, train.Schedule([{"samples": 64, "crop": 32, "batch": 4}]), settings, 1)
    for i in range(8):
        _, luma, _ = batches[i]
        assert 0 < (luma[:2] - luma[2:]).abs().mean() < 0.06


def test_teacher(place):
    """A pupil is told what its teachers say of the pictures before they aged, and by how much it differs from their mean."""
    names = ["mleu-combined", "plain"]
    taught = [place.config("mleu-combined"), place.config("mleu-combined", name="plain", head="classes",
                                                          losses={"regression": None, "mean": None})]
    run = place.train("taught", *taught)
    pupil = place.config("mleu-combined", name="pupil", continues="mleu-combined", teachers=names, rarity_undone=0.7,
                         losses={"classes": None, "regression": None, "mean": None, "teacher": 1.0})
    refused(lambda: place.train("taught", pupil), "mleu-combined.safetensors")
    for name, path in zip(names, taught):
        place.export(run, path, run / f"{name}.safetensors")
    files = [run_model.Model(run / f"{name}.safetensors") for name in names]
    arguments = argparse.Namespace(run=run, data=place.data, encoders=None, compile=False)
    histogram = data.ab_histogram(data.Photos(place.folder / "cache", 16, CPU), 20, 1)
    trainee = train.Trainee(config.load(pupil), arguments, histogram, [], CPU, torch.float32)
    before = {name: value.clone() for name, value in trainee.model.state_dict().items()}
    aged, unaged = 100 * torch.rand(2, 2, 1, 64, 64, generator=torch.Generator().manual_seed(4))
    objective, heard = trainee.objective, []
    trainee.objective = lambda output, ab, pair, taught: heard.append(taught) or objective(output, ab, pair, taught)
    trainee.advance(aged, unaged, torch.zeros(2, 2, 64, 64), None, None, 1.0, np.random.default_rng(1))
    with torch.no_grad():
        said, of_aged = ([file.logits(pictures) for file in files] for pictures in (unaged, aged))
    for its, its_of_aged, heard_of_it in zip(said, of_aged, heard[0], strict=True):
        assert torch.allclose(heard_of_it, its, atol=1e-4) and not torch.allclose(its, its_of_aged, atol=1e-3)
    assert not same({"ema": before}, {"ema": trainee.model.state_dict()})

    # Networks that have hardly been trained differ by little. The second regresses nothing.
    undone = losses.undone(trainee.config, objective.weights).view(1, -1, 1, 1)
    pupils, (one, another) = 30 * said[0], (30 * its for its in of_aged)
    q, p, r = (torch.softmax(logits[:, :313].double(), 1) for logits in (pupils[:, :313] - undone, one, another))
    divergence = ((p + r) / 2 * (((p + r) / 2).log() - q.log())).sum(1).mean()
    regression = ((pupils - one)[:, 313:] ** 2).mean()
    term = objective(pupils, torch.zeros(2, 2, 16, 16), taught=[one, another])["teacher"]
    assert abs(float(term - divergence - regression)) < 1e-4 and float(divergence) > 1e-3 and float(regression) > 1e-3
    of_itself = torch.cat([pupils[:, :313] - undone, pupils[:, 313:]], 1)
    assert abs(float(objective(pupils, torch.zeros(2, 2, 16, 16), taught=[of_itself])["teacher"])) < 1e-6


def test_sampled_teacher(place):
    """Where the loss is of a part of the pixels, a teacher is heard on these: one that is the pupil itself has nothing to say."""
    run = place.train("sampled", place.config("mleu-classification"))
    place.export(run, place.folder / "mleu-classification.json", run / "mleu-classification.safetensors")
    pupil = config.load(place.config("mleu-classification", name="sampled", continues="mleu-classification",
                                     teachers=["mleu-classification"], losses={"classes": None, "teacher": 1.0}))
    assert pupil["loss_stride"] > 1
    arguments = argparse.Namespace(run=run, data=place.data, encoders=None, compile=False)
    histogram = data.ab_histogram(data.Photos(place.folder / "cache", 16, CPU), 20, 1)
    trainee = train.Trainee(pupil, arguments, histogram, [], CPU, torch.float32)
    trainee.model.eval()
    heard, objective = [], trainee.objective
    trainee.objective = lambda output, ab, pair, taught: heard.append((output, *taught)) or objective(output, ab, pair, taught)
    lightness = 100 * torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(4))
    trainee.advance(lightness, lightness, torch.zeros(2, 2, 64, 64), None, None, 1.0, np.random.default_rng(1))
    (output, taught), = heard
    assert output.shape == taught.shape and output.shape[2] < 64
    apart = (output - objective.device_undone - taught).abs().max()
    assert apart < 0.1 < taught.abs().max(), apart


def test_objective_of_what_is_shipped(_):
    """The mean term is of the distribution that the file gives; consistency is of the blend of both heads."""
    configuration = config.load(TRAINING / "configs" / "mleu-efficientnet.json") | {
        "losses": {"mean": 1.0, "consistency": 1.0}}
    histogram = torch.zeros(221, 221)
    histogram[90:140, 90:150] = 1 / 3000
    objective = losses.Objective(configuration, histogram).to("cpu")
    torch.manual_seed(1)
    logits = torch.randn(2, 313, 2, 2)
    file_mean = run_model.annealed_mean(
        logits - losses.undone(configuration, objective.weights).view(1, -1, 1, 1), objective.bins, 1.0)
    # Both heads move apart from the truth by as much, in opposite directions.
    regressed = (2 * file_mean[:1] - file_mean) / losses.SPREAD
    output = torch.cat([logits, regressed], 1)
    still = data.Pair(torch.zeros(2, dtype=torch.int64), torch.zeros(1, 2, 2, dtype=torch.bool))
    terms = objective(output, file_mean, still)
    assert float(terms["mean"]) < 1e-9
    assert float(losses.undone(configuration, objective.weights).abs().max()) > 0.1
    assert float(terms["consistency"]) < 1e-9
    assert float(objective(torch.cat([logits, 2 * regressed], 1), file_mean, still)["consistency"]) > 1e-4

    configuration |= {"errors": "logarithmic", "losses": {"regression": 1.0}}
    objective = losses.Objective(configuration, histogram).to("cpu")
    truth = torch.cat([torch.full((1, 2, 2, 2), 10.0), torch.zeros(1, 2, 2, 2)])
    expected = (np.log(0.25 + losses.FLOOR) + np.log(losses.FLOOR)) / 2
    output = torch.cat([logits[:1].repeat(2, 1, 1, 1), torch.zeros(2, 2, 2, 2)], 1)
    assert abs(float(objective(output, truth)["regression"]) - expected) < 1e-5


def test_rarity(_):
    """Weights have mean 1 under the prior; strength 0 gives 1 everywhere; the rare weigh more; smoothing flattens."""
    bins = color.grid_classes()
    mask = color.reachable(bins)
    assert len(bins) == 313 and 40 < int((~mask).sum()) < 60
    prior = torch.exp(-bins.norm(dim=1) / 15) * mask
    prior = prior / prior.sum()
    grey = int(bins.norm(dim=1).argmin())
    for smoothing in ("index", "plane"):
        weights = color.rarity_weights(prior, bins, mask, 1.0, smoothing)
        assert abs(float((weights * prior).sum()) - 1) < 1e-5
        assert weights[grey] == weights.min()
        assert torch.allclose(color.rarity_weights(prior, bins, mask, 0.0, smoothing), torch.ones(313))
    assert color.smooth_prior_by_index(prior).max() < prior.max()


def test_clustered(_):
    """Clusters lie where the colours are: dense there, and none where there is nothing."""
    histogram = torch.zeros(221, 221)
    histogram[100:121, 100:121] = 100.0
    histogram[150:171, 110:131] = 1.0
    bins = color.clustered(histogram, 20, 1)
    assert torch.equal(bins, color.clustered(histogram, 20, 1))
    common = ((bins.abs() <= 10).all(1)).sum()
    rare = ((bins[:, 0] >= 39) & (bins[:, 0] <= 61)).sum()
    assert common + rare == 20 and common > rare > 0


def test_soft_encoding(_):
    """Five neighbours whose weights sum to 1, the nearest first, none unreachable."""
    bins = color.grid_classes()
    mask = color.reachable(bins)
    encode = color.SoftEncoding(bins, mask)
    ab = torch.tensor([[0.0, 0.0], [37.0, -21.0], [-60.0, 60.0]]).view(3, 2, 1, 1)
    index, weight = encode(ab)
    assert torch.allclose(weight.sum(3), torch.ones(3, 1, 1)) and mask[index].all()
    assert bins[index[0, 0, 0, 0]].tolist() == [0, 0]
    assert (weight[..., 0] >= weight[..., 1]).all()


def in_a_place(function):
    """Calls a test with a place of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(pathlib.Path(folder))
        data.build_cache(place.data / "photos", place.folder / "cache", 8)
        return function(place)


if __name__ == "__main__":
    torch.set_num_threads(1)
    tap.run(globals(), in_a_place)
