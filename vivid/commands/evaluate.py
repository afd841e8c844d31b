"""`evaluate`: held-out clips through the whole pipeline, measured against the truth and two trivial answers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..media.outputs import run_folder
from . import evaluate_photos

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..evaluation.compare import Case
    from ..pipeline import VividPipeline
    from ..training.clips import Clip

ABLATIONS = ("no-head-stream", "no-codebook", "no-calibration")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Writes table.json, table.md, sheet.png and the videos; finished videos in --out are not made again."""
    actions = parser.add_subparsers(dest="what", metavar="[photos]", help="measure photographs instead of clips")
    evaluate_photos.add_arguments(
        actions.add_parser("photos", help="portraits, voices and motions of a stranger, measured without ground truth")
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--data", type=Path, help="folder of held-out clips with labels")
    what.add_argument("--hands", type=Path, help="folder of held-out hand shards: measure the codebooks instead")
    parser.add_argument(
        "--training", type=Path, help="folder of training clips: the nearest of them, and readers of mouths"
    )
    parser.add_argument("--out", type=Path, help="folder for the table, the sheet and the videos")
    parser.add_argument(
        "--model",
        nargs="+",
        default=["compact", "layered"],
        help="generators and model folders to compare; ablations and probes are of the first",
    )
    parser.add_argument("--clips", type=int, default=6, help="how many held-out clips")
    parser.add_argument("--frames", type=int, default=72, help="frames of each clip")
    parser.add_argument("--steps", type=int, help="sampling steps (default: the model's own)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guidance-audio", type=float, metavar="G")
    parser.add_argument("--guidance-image", type=float, metavar="G")
    parser.add_argument("--ablation", action="append", choices=ABLATIONS, default=[], help="also without this part")
    parser.add_argument("--probes", action="store_true", help="also: other voice, other gestures, silence")
    parser.add_argument("--detector", default="auto", choices=("auto", "mediapipe", "dwpose", "openpose"))
    parser.add_argument("--cache", type=Path, default=Path("data/cache"), help="decoded frames")


def run(args: argparse.Namespace) -> int:
    """Measure videos or codebooks, and print the table."""
    if args.what == "photos":
        return evaluate_photos.run(args)
    if args.out is None or not (args.data or args.hands):
        raise InputError("Name a folder for the table with --out, and clips with --data or hands with --hands.")
    with run_folder(args.out):
        return _codebooks(args) if args.hands else _videos(args)


def _videos(args: argparse.Namespace) -> int:
    """Make the videos of held-out clips, measure, and print the table."""
    from dataclasses import replace

    from ..config import RunSettings
    from ..evaluation.compare import generate, make_case, nearest_training_clip, still_portrait, through_latents
    from ..evaluation.measure import measure
    from ..evaluation.mouth import fit_reader
    from ..evaluation.report import average, contact_sheet, write_table
    from ..pipeline import VividPipeline
    from ..training.clips import load_clips

    clips = load_clips(args.data, args.cache, limit=args.clips)
    training = load_clips(args.training, args.cache) if args.training else []
    cases = [make_case(clip, args.frames) for clip in clips]
    gallery, mean = _gallery(cases, training)
    people = {case.clip.identity for case in cases}
    readers = {person: fit_reader([clip for clip in training if clip.identity == person]) for person in people}
    plain = RunSettings(
        steps=args.steps,
        seed=args.seed,
        guidance_audio=args.guidance_audio,
        guidance_image=args.guidance_image,
        mark=False,
    )
    answers = _answers(args, plain)
    rows: dict[str, list[dict[str, float]]] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    pictures: list[tuple[str, NDArray[np.uint8]]] = []
    pipelines: dict[str, VividPipeline] = {}
    for case in cases:
        name = case.clip.name
        videos = {"truth": case.clip.frames[: case.frames], "still portrait": still_portrait(case)}
        if training:
            videos["nearest training clip"] = nearest_training_clip(case, training)
        size = case.portrait.size
        for answer, (model, chosen) in answers.items():
            settings = replace(chosen, width=size[0], height=size[1])  # a generator's own size would not compare
            if model not in pipelines:
                pipelines[model] = VividPipeline.from_pretrained(model)
            path = args.out / "videos" / f"{name}-{answer.replace(' ', '-')}.mp4"
            path.parent.mkdir(exist_ok=True)
            videos[answer] = generate(pipelines[model], case, settings, path)
        decoded = through_latents(pipelines[args.model[0]], case)
        if decoded is not None:
            videos["truth through the latents"] = decoded
        for answer, frames in videos.items():
            numbers, curve = measure(frames, case, gallery, mean, args.detector, readers[case.clip.identity])
            rows.setdefault(answer, []).append(numbers)
            curves.setdefault(name, {})[answer] = [round(float(value), 4) for value in curve]
            pictures.append((f"{name} {answer}", frames))
        print(f"measured {name}", flush=True)
    details: dict[str, Any] = {
        "clips": [case.clip.name for case in cases],
        "frames": args.frames,
        "each": rows,
        "openness": curves,
        "settings": plain.to_dict(),
    }
    if args.probes:
        width, height = cases[0].portrait.size
        settings = replace(plain, width=width, height=height)
        details["probes"] = _probes(args, pipelines[args.model[0]], cases, settings)
    means = {answer: average(values) | _joined_mouths(cases, curves, answer) for answer, values in rows.items()}
    table = write_table(means, details, args.out)
    contact_sheet(pictures, args.out / "sheet.png")
    print(table)
    if args.probes:
        print(json.dumps(details["probes"], indent=2))
    return 0


def _gallery(cases: list[Case], training: list[Clip]) -> tuple[dict[int, NDArray[np.float32]], NDArray[np.float32]]:
    """One embedding for each person (of a frame with its exact pose), and the mean face."""
    from ..evaluation.people import aligned_face, embeddings, mean_face

    faces = {clip.identity: aligned_face(clip.frames[0], clip.pose.frame(0)) for clip in training}
    faces |= {case.clip.identity: aligned_face(case.portrait.image, case.portrait.pose) for case in cases}
    known = {identity: face for identity, face in faces.items() if face is not None}
    if not known:
        raise InputError("No held-out clip shows a face with eyes and mouth: choose other clips.")
    mean = mean_face(list(known.values()))
    return dict(zip(known, embeddings(list(known.values()), mean), strict=True)), mean


def _joined_mouths(cases: list[Case], curves: dict[str, dict[str, list[float]]], answer: str) -> dict[str, float]:
    """Correlation and lag of the mouth's openness over all clips that speak at once: a clip of two seconds is short."""
    import numpy as np

    from ..evaluation.measure import SILENT_MOUTH
    from ..evaluation.metrics.mouth import correlation_and_lag, joined

    truths = {case.clip.name: case.clip.openness[1 : case.frames] for case in cases}
    speaking = [name for name, truth in truths.items() if truth.std() >= SILENT_MOUTH]
    if not speaking:
        return {"mouth_correlation_joined": float("inf"), "mouth_lag_joined": float("inf")}
    made = joined([np.array(curves[name][answer][1:]) for name in speaking])
    correlation, lag = correlation_and_lag(made, joined([truths[name] for name in speaking]))
    return {"mouth_correlation_joined": correlation, "mouth_lag_joined": float(lag)}


def _answers(args: argparse.Namespace, plain: Any) -> dict[str, tuple[str, Any]]:
    """Name -> (model, settings) of everything that is generated."""
    from dataclasses import replace

    answers = {name: (model, plain) for name, model in _models(args).items()}
    switches = {"no-head-stream": "head_stream", "no-codebook": "codebook", "no-calibration": "calibrate"}
    for ablation in dict.fromkeys(args.ablation):
        answers[ablation.replace("-", " ")] = (args.model[0], replace(plain, **{switches[ablation]: False}))
    return answers


def _models(args: argparse.Namespace) -> dict[str, str]:
    """Name in the table -> generator or model folder."""
    models = {Path(model).name: model for model in args.model}
    if len(models) < len(args.model):
        raise InputError("Two of the models have the same name: rename a folder.")
    return models


def _codebooks(args: argparse.Namespace) -> int:
    """Measure the hand codebooks of the model and its variants."""
    from ..evaluation.codebooks import compare_codebooks
    from ..generators import GENERATORS
    from ..training.export import find_component
    from ..training.hands import load_hand_shards
    from ..weights.hub import model_folder

    codebooks = {}
    folders = {name: model_folder(model) for name, model in _models(args).items() if model not in GENERATORS}
    for name, folder in folders.items():
        codebooks[name] = find_component([folder], "codebook")
        if codebooks[name] is None:
            raise InputError(f"{folder} holds no codebook/: name a run of `vivid train hcc` or a model folder.")
    print(compare_codebooks(codebooks, load_hand_shards(args.hands, args.cache), args.out))
    return 0


def _probes(args: argparse.Namespace, pipeline: VividPipeline, cases: list[Case], settings: Any) -> dict[str, float]:
    """What a swapped voice, swapped gestures and silence change in the first case (mean grey levels, openness)."""
    import numpy as np

    from ..evaluation.compare import generate, with_motion, with_speech
    from ..evaluation.measure import detect, openness, regions_of
    from ..evaluation.metrics.pixels import boxes_to_mask
    from ..pose.regions import hand_boxes
    from ..speech.types import Speech

    case = cases[0]
    other = next((c for c in cases[1:] if c.clip.identity == case.clip.identity), cases[-1])
    folder = args.out / "videos"
    plain = generate(pipeline, case, settings, folder / f"{case.clip.name}-{Path(args.model[0]).name}.mp4")
    voice = generate(pipeline, with_speech(case, other.speech), settings, folder / "probe-voice.mp4")
    gestures_case = with_motion(case, other.motion)
    gestures = generate(pipeline, gestures_case, settings, folder / "probe-gestures.mp4")
    silent_speech = Speech(np.zeros_like(case.speech.samples))
    silent = generate(pipeline, with_speech(case, silent_speech), settings, folder / "probe-silence.mp4")
    regions = regions_of(case)
    moved = boxes_to_mask(hand_boxes(gestures_case.motion).boxes, case.clip.pose.canvas)

    def change(frames: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
        return float(np.abs(frames.astype(np.float32) - plain.astype(np.float32)).mean(-1)[mask].mean())

    curves = {name: openness(detect(frames, args.detector)) for name, frames in (("v", plain), ("s", silent))}
    return {
        "other voice changes mouth by": change(voice, regions.mouth),
        "other voice changes hands by": change(voice, regions.hands),
        "other gestures change hands by": change(gestures, regions.hands | moved),
        "other gestures change mouth by": change(gestures, regions.mouth),
        "openness with speech, mean": float(np.nanmean(curves["v"])),
        "openness with speech, 90th percentile": float(np.nanpercentile(curves["v"], 90)),
        "openness in silence, mean": float(np.nanmean(curves["s"])),
        "openness in silence, 90th percentile": float(np.nanpercentile(curves["s"], 90)),
    }
