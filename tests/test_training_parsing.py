"""Clothes parsing's training: dressed people and their labels agree, examples are repeatable, the command trains."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch._dynamo  # optimisers load it with a copy of LLVM, which must come before Mesa's or it crashes

pytest.importorskip("moderngl")
pytest.importorskip("scipy")

from vivid import cli
from vivid.commands import synthesize
from vivid.generators.layered.parsing import CLASSES, SIZE, ClothesParser, load_parser
from vivid.synthesis import parts, wardrobe
from vivid.synthesis.basemesh import load_base
from vivid.synthesis.garments import NO_SCOOP, neck_line
from vivid.synthesis.parts import PartRenderer, draw_person
from vivid.synthesis.workers import ClothesJob, identity_files
from vivid.training.parsing import stage as stages
from vivid.training.parsing.looks import MIRRORED_CLASSES, OUTSIDE, make_example
from vivid.training.parsing.stage import ParsingConfig, ParsingStage, Renderings, parsing_loss
from vivid.training.parsing.textures import Textures

FILE = identity_files()[3]
ARM_JOINTS = ((5, 6, 7), (2, 3, 4))


@pytest.fixture(scope="module")
def renderer() -> PartRenderer:
    try:
        return PartRenderer()
    except Exception as error:  # moderngl and glcontext raise plain Exception
        pytest.skip(f"no EGL: {error}")


@pytest.fixture(scope="module")
def folder(renderer: PartRenderer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of six pictures of one person in long sleeves."""
    path = tmp_path_factory.mktemp("clothes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wardrobe, "SLEEVES", {"long": (1.0, 1.8, 1.9)})
        patch.setattr(wardrobe, "NECKS", {"round": 1.0})
        job = ClothesJob(path / "clothes_00000.npz", (FILE,), seed=1, count=6)
        assert not job.done()
        job.work(renderer)
        assert job.done()
    return path


@pytest.fixture(scope="module")
def textures() -> Textures:
    return Textures(0, noises=3, rooms=3)


def test_the_renderer_is_asked_for_whole_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    synthesize.add_arguments(parser)
    args = parser.parse_args(["clothes", "--out", str(tmp_path), "--count", "100", "--seed", "5"])
    synthesize._check(args)
    jobs = synthesize.jobs_of(args)
    assert [(j.path.name, j.seed, j.count) for j in jobs] == [
        (f"clothes_{5 + k:05d}.npz", 5 + k, n) for k, n in enumerate((48, 48, 4))
    ]
    assert cli.main(["synthesize", "clothes", "--out", str(tmp_path), "--size", "128"]) == 2
    (tmp_path / "clothes_00000.npz").write_bytes(b"damaged")
    assert cli.main(["train", "parsing", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "render it again" in capsys.readouterr().err


def distance(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of points (N, 2) from the line a-b, in pixels."""
    along = np.clip((points - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-6), 0, 1)
    return np.linalg.norm(points - (a + along[:, None] * (b - a)), axis=1)


def test_labels_and_rendering_agree(folder: Path) -> None:
    renderings = Renderings(folder)
    assert len(renderings) == 6
    sleeves = 0
    for k in range(6):
        one = renderings[k]
        assert one["rgba"].shape == (SIZE, SIZE, 4) and one["classes"].shape == (SIZE, SIZE)
        assert ((one["classes"] > 0) == (one["rgba"][..., 3] > 127)).mean() > 0.98
        joints = one["points"][:, :2]
        shoulders = np.linalg.norm(joints[2] - joints[5])
        for side in (0, 1):
            at = np.argwhere(one["classes"] == 4 + side)[:, ::-1].astype(float)
            if len(at) < 50:
                continue
            sleeves += 1
            own, other = (
                np.minimum(*(distance(at, joints[a], joints[b]) for a, b in ((arm[0], arm[1]), (arm[1], arm[2]))))
                for arm in (ARM_JOINTS[side], ARM_JOINTS[1 - side])
            )
            assert (own < 0.45 * shoulders).mean() > 0.95
            assert own.mean() < other.mean()
    assert sleeves >= 8


def test_bare_arms_have_no_sleeves_and_the_body_no_holes(
    renderer: PartRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wardrobe, "SLEEVES", {"straps": (1.0, 0.0, 0.0)})
    monkeypatch.setattr(wardrobe, "NECKS", {"round": 1.0})
    seen = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        spec = wardrobe.new_spec(np.random.default_rng(seed), male=True)
        if spec["clothes"]["has_garm"][1]:
            continue
        assert spec["clothes"]["scoop"][0][2] > 0
        (one,) = draw_person(renderer, FILE, rng, poses=1)
        if one["materials"].max() == parts.MATERIALS.index("jacket"):
            continue
        seen += 1
        counts = np.bincount(one["classes"].ravel(), minlength=8)
        assert counts[6] + counts[7] > 200 and counts[4] + counts[5] < 0.05 * (counts[6] + counts[7])
        left, right = one["points"][5, :2], one["points"][2, :2]
        x0, x1 = sorted((int(0.7 * right[0] + 0.3 * left[0]), int(0.3 * right[0] + 0.7 * left[0])))
        y0 = int(max(left[1], right[1]))
        y1 = min(SIZE - 1, y0 + int(0.8 * np.linalg.norm(left - right)))
        assert (one["classes"][y0:y1, x0:x1] > 0).mean() > 0.999
        if seen == 2:
            break
    assert seen == 2


def test_people_without_new_necklines_keep_theirs() -> None:
    canon = load_base().canon
    garment = np.array([0.6, 5.8, 0.5, 0.62])
    plain = neck_line(garment, np.array(NO_SCOOP[0]), canon)
    round_one = neck_line(garment, np.array([0.6, 0.9, 0.0]), canon)
    front = (canon[:, 2] > 1.0) & (np.abs(canon[:, 0]) < 0.5) & (canon[:, 1] < 6)
    assert (round_one[front] < plain[front] - 0.3).all()
    far = np.abs(canon[:, 0]) > 1.3
    assert np.allclose(round_one[far], plain[far])


def test_a_seed_gives_the_same_example(folder: Path, textures: Textures) -> None:
    one = Renderings(folder)[0]
    first, second = (make_example(one, textures, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.picture, second.picture) and np.array_equal(first.labels, second.labels)
    other = make_example(one, textures, np.random.default_rng(6))
    assert not np.array_equal(first.picture, other.picture)
    assert first.picture.shape == (SIZE, SIZE, 3) and first.picture.dtype == np.uint8


def test_key_points_stay_on_the_person_and_sides_are_kept_when_mirrored(folder: Path, textures: Textures) -> None:
    renderings, rng = Renderings(folder), np.random.default_rng(8)
    hits, masks, count = 0, 0, 0
    for k in range(36):
        example = make_example(renderings[k % 6], textures, rng)
        assert (example.picture[example.labels == OUTSIDE] == 128).all()
        if example.mask is not None:
            masks += 1
            assert (example.mask[example.labels == OUTSIDE] == 0).all()
        for side, hand in enumerate((18, 39)):
            x, y = example.points[hand + 9].astype(int)  # knuckle of the middle finger
            if not (example.seen[hand + 9] and 3 < x < SIZE - 4 and 3 < y < SIZE - 4):
                continue
            near = example.labels[y - 3 : y + 4, x - 3 : x + 4]
            own, other = (near == 6 + side).sum(), (near == 7 - side).sum()
            count += 1
            hits += own > other
    assert count > 20 and hits > 0.75 * count  # hands also cover each other
    assert 8 < masks < 28
    assert MIRRORED_CLASSES[CLASSES.index("arm_left")] == CLASSES.index("arm_right")


def test_the_loss_prefers_the_truth_and_asks_nothing_outside() -> None:
    config = ParsingConfig()
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 8, (2, 16, 16), generator=generator, dtype=torch.uint8)
    labels[:, :4] = OUTSIDE
    truth = torch.zeros(2, 8, 16, 16)
    truth.scatter_(1, labels.masked_fill(labels == OUTSIDE, 0)[:, None].long(), 8.0)
    wrong = truth.roll(1, 1)
    assert parsing_loss(truth, labels, config) < 0.1 < parsing_loss(wrong, labels, config)
    outside = truth.clone()
    outside[:, :, :4] = torch.randn(2, 8, 4, 16, generator=generator) * 9
    assert torch.allclose(parsing_loss(outside, labels, config), parsing_loss(truth, labels, config))


def test_batches_are_drawn_from_all_people_but_the_held_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    renderings = Renderings(folder)
    monkeypatch.setattr(Renderings, "__getitem__", lambda self, index: drawn.append(index) or {})
    monkeypatch.setattr(stages, "make_example", lambda *_: None)
    monkeypatch.setattr(stages, "collate", lambda examples: {})
    config = ParsingConfig(batch=3, noises=3, rooms=3, held_out=2)
    stage = ParsingStage(config, renderings, ClothesParser((4, 6)))
    stage.train()  # as the training loop does
    for k in range(12):
        stage.batch(np.random.default_rng(k))
    assert set(drawn) == {0, 1, 2, 3}
    drawn.clear()
    stage.examples(5, 0)
    assert set(drawn) == {4, 5}


def test_a_few_steps_lower_the_loss_of_one_batch(folder: Path) -> None:
    torch.manual_seed(1)
    config = ParsingConfig(batch=2, noises=3, rooms=3, held_out=2)
    stage = ParsingStage(config, Renderings(folder), ClothesParser((8, 12, 16)))
    batch, generator = stage.batch(np.random.default_rng(2)), torch.Generator()
    optimizer = torch.optim.Adam(stage.parameters(), 1e-2)
    losses = []
    for _ in range(6):
        loss, _ = stage(batch, generator, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.85 * losses[0]
    assert stage.sample().shape == (3 * SIZE, 6 * SIZE, 3)


def test_the_command_trains_and_writes_weights_that_load(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = replace(ParsingConfig(), batch=1, noises=3, rooms=3, held_out=2)
    monkeypatch.setattr(stages, "ParsingConfig", lambda: small)
    monkeypatch.setattr("vivid.commands.train.HELD_OUT_EXAMPLES", 2)
    options = ["--data", str(folder), "--out", str(tmp_path / "run"), "--steps", "1"]
    assert cli.main(["train", "parsing", *options]) == 0
    weights = tmp_path / "run" / "weights" / "clothes_parser.safetensors"
    assert weights.stat().st_size <= 2_500_000
    assert sum(p.numel() for p in load_parser(weights).parameters()) > 1_000_000
    assert "IoU of held-out people: room" in capsys.readouterr().out
    assert cli.main(["train", "parsing", "--data", str(tmp_path), "--out", str(tmp_path / "none")]) == 2
    assert "vivid synthesize clothes" in capsys.readouterr().err
