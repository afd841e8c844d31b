"""`train`: the diffusion model's parts and the folder that ships, and the layered generator's networks.

The same command runs on a CPU, on one GPU, or on several through `accelerate launch -m vivid train ...`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..media.outputs import reserve, run_folder
from ..training.ablations import ABLATIONS, FULL

if TYPE_CHECKING:
    from ..training.ablations import Ablation
    from ..training.clips import Clip
    from ..training.loop import LoopConfig, TrainingStage
    from ..training.presets import Preset
    from ..training.stages import DiffusionConfig, DiffusionStage

HELD_OUT_EXAMPLES = 96
"""Pictures of held-out people that the clothes parser is scored on at the end."""
SHARDED = ("hcc", "stage1", "stage2")
PARTS = ("vae", "hcc", "stage1", "stage2", "detail", "export", "parsing", "motion", "refine")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run lives in --out: log.jsonl, curves.png, samples/, checkpoint.pt, weights/. It continues where it stopped."""
    parser.add_argument("part", choices=PARTS, help="what to train; export joins trained parts into a model folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run (export: the model folder)")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of videos with labels or poses beside them (parsing: of shards of dressed people; "
        "refine: of pairs)",
    )
    parser.add_argument("--held-out", type=Path, help="refine: folder of pairs that the result is measured on")
    parser.add_argument("--hands", type=Path, help="hcc: folder of hand shards (default: crops cut from --data)")
    parser.add_argument("--cache", type=Path, default=Path("data/cache"), help="decoded frames, latents, features")
    parser.add_argument(
        "--preset", default="compact", choices=["paper", "paper-wav2vec2", "compact", "cpu"], help="size of everything"
    )
    parser.add_argument("--minutes", type=float, help="time budget; the learning rate falls to its end over it")
    parser.add_argument("--steps", type=int, help="step budget, instead of the time budget")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--limit", type=int, help="use only the first clips or shards")
    parser.add_argument("--fresh", action="store_true", help="begin again although the folder has a checkpoint")
    parser.add_argument("--init", type=Path, help="warm start: a run's weights/, a model folder, a file")
    parser.add_argument("--vae", type=Path, help="stages, export: the trained autoencoder (folder with vae/)")
    parser.add_argument("--codebook", type=Path, help="stages, export: the trained codebook (folder with codebook/)")
    parser.add_argument(
        "--ablation", choices=ABLATIONS, help="a row of the paper's Table 2: the same for every part that it changes"
    )
    parser.add_argument("--guidance-audio", type=float, help="export: the model's default audio guidance")
    parser.add_argument("--untrained", nargs="*", default=[], metavar="PART", help="export: parts to report untrained")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches (default: one thread)")
    parser.add_argument(
        "--shard", action="store_true",
        help="hcc, stage1, stage2 on several processes: each holds a part of the networks (FSDP)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")


def _need(path: Path | None, option: str) -> Path:
    if path is None or not path.exists():
        raise InputError(f"{option} is missing or is no folder: give one that exists.")
    return path


def run(args: argparse.Namespace) -> int:
    """Train one part, or join all parts."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from ..devices import keep_memory
    from ..training.presets import preset

    keep_memory()
    if args.shard and args.part not in SHARDED:
        raise InputError(f"--shard is for {', '.join(SHARDED)}: leave it out, every card holds the rest.")
    args.ablation = ABLATIONS.get(args.ablation, FULL)
    args.ablation.check_part(args.part)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.part == "parsing":
        with run_folder(args.out):
            return _parsing(args)
    chosen = preset(args.preset)
    if args.part == "refine":
        with run_folder(args.out):
            return _refine(args, chosen)
    if args.part == "export":
        return _export(args, chosen)
    with run_folder(args.out):
        return _train(args, chosen)


def _export(args: argparse.Namespace, chosen: Preset) -> int:
    """Join trained parts into a model folder."""
    from dataclasses import replace

    from ..training.export import export_model

    untrained = dict.fromkeys((*args.untrained, *args.ablation.untrained))
    info = replace(chosen.info, untrained=tuple(untrained), ablation=args.ablation.title)
    if args.guidance_audio is not None:
        info = replace(info, guidance_audio=args.guidance_audio)
    others = [folder for folder in (args.vae, args.codebook) if folder is not None]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with reserve(args.out) as part:
        export_model(
            args.ablation.model(chosen.model), info, _need(args.init, "--init"), others, part, quantise=chosen.int8
        )
    return 0


def _train(args: argparse.Namespace, chosen: Preset) -> int:
    """Train one part in --out."""
    stage, loop = {"vae": _vae, "hcc": _hcc, "detail": _detail, "motion": _motion}.get(args.part, _stage)(args, chosen)
    from ..training.loop import Trainer

    Trainer(stage, loop, args.out, resume=not args.fresh).run(lambda text: print(text, flush=True))
    return 0


def _with(config: Any, args: argparse.Namespace) -> Any:
    """A stage's settings with what the command line changes."""
    from dataclasses import replace

    from ..training.presets import with_budget

    config = replace(
        config,
        loop=with_budget(
            config.loop, args.minutes, args.steps, args.seed, args.learning_rate, args.workers, args.shard
        ),
    )
    return replace(config, batch=args.batch) if args.batch else config


def _clips(args: argparse.Namespace, size: int) -> Any:
    from ..training.clips import load_clips

    return load_clips(_need(args.data, "--data"), args.cache, (size, size), args.limit)


def _parsing(args: argparse.Namespace) -> int:
    """Clothes parsing has one size and data of its own."""
    import torch

    from ..generators.layered.parsing import CLASSES, WEIGHTS, ClothesParser, load_parser
    from ..training.loop import Trainer
    from ..training.parsing.stage import ParsingConfig, ParsingStage, Renderings, intersection_over_union

    config = _with(ParsingConfig(), args)
    torch.manual_seed(config.loop.seed)
    network = ClothesParser()
    if args.init:
        network = load_parser(args.init / WEIGHTS if args.init.is_dir() else args.init)
    stage = ParsingStage(config, Renderings(_need(args.data, "--data"), args.limit), network)
    Trainer(stage, config.loop, args.out, resume=not args.fresh).run(lambda text: print(text, flush=True))
    found = intersection_over_union(load_parser(args.out / "weights" / WEIGHTS), stage.examples(HELD_OUT_EXAMPLES, 0))
    scores = ", ".join(f"{name} {value:.2f}" for name, value in zip(CLASSES, found, strict=True))
    print(f"IoU of held-out people: {scores}")
    return 0


def _refine(args: argparse.Namespace, chosen: Preset) -> int:
    """The networks on top of layered frames; `--steps 0` only measures what --init holds."""
    from dataclasses import replace

    import torch

    from ..devices import default_device
    from ..generators.refined.networks import start_refiner
    from ..speech.encoder import load_speech_encoder
    from ..training.export import load_networks
    from ..training.loop import Trainer
    from ..training.refine.evaluation import evaluate_refiner
    from ..training.refine.pairs import load_pairs
    from ..training.refine.stage import RefineStage, make_ready

    def report(text: str) -> None:
        print(text, flush=True)

    config = replace(_with(chosen.refine, args), ablation=args.ablation)
    torch.manual_seed(config.loop.seed)
    folders = [folder for folder in (_need(args.init, "--init"), args.vae, args.codebook) if folder is not None]
    models = load_networks(chosen.model, folders)
    if not models.denoiser.reads_layers:
        models = start_refiner(models)
    speech = load_speech_encoder(chosen.model.speech).to(default_device())
    models.codebook.to(default_device()).eval()
    held_out = []
    if args.held_out:
        held_out = make_ready(load_pairs(_need(args.held_out, "--held-out")), models, speech, report)
    clips = held_out
    if args.data or not held_out:
        clips = make_ready(load_pairs(_need(args.data, "--data"), args.limit), models, speech, report)
    stage = RefineStage(config, models, clips, held_out)
    if config.loop.steps == 0:
        stage.to(default_device())
    else:
        trainer = Trainer(stage, config.loop, args.out, resume=not args.fresh)
        trainer.run(report)
        trainer.ema.swap(stage)
    if held_out:
        evaluate_refiner(stage, held_out, report)
    return 0


def _vae(args: argparse.Namespace, chosen: Preset) -> tuple[TrainingStage, LoopConfig]:
    from ..method.autoencoder import ShortcutAutoencoderKL
    from ..training.export import find_component
    from ..training.vae import VaeStage

    if chosen.vae is None:
        raise InputError(f"{chosen.info.name} keeps Stable Diffusion's autoencoder: name its folder with --vae.")
    config = _with(chosen.vae, args)
    model = None
    if args.init:
        model = find_component([_need(args.init, "--init")], "vae")
        if not isinstance(model, ShortcutAutoencoderKL):
            raise InputError(f"{args.init} holds no vae/ of this project's kind: name a run or a model folder.")
    return VaeStage(config, _clips(args, chosen.size), model), config.loop


def _hcc(args: argparse.Namespace, chosen: Preset) -> tuple[TrainingStage, LoopConfig]:
    import torch

    from ..method.factory import build_codebook
    from ..training.export import find_component
    from ..training.hands import crops_of_clips, load_hand_shards
    from ..training.hcc import HccStage

    config = _with(chosen.hcc, args)
    if args.hands:
        crops = load_hand_shards(_need(args.hands, "--hands"), args.cache)
    else:
        crops = crops_of_clips(_clips(args, chosen.size), every=8)
    torch.manual_seed(config.loop.seed)
    if args.init:
        codebook = find_component([_need(args.init, "--init")], "codebook")
        if codebook is None:
            raise InputError(f"{args.init} holds no codebook/: name a run or a model folder.")
    else:
        codebook = build_codebook(args.ablation.model(chosen.model))
    args.ablation.check_codebook(codebook)
    return HccStage(config, crops, codebook), config.loop


def _motion(args: argparse.Namespace, chosen: Preset) -> tuple[TrainingStage, LoopConfig]:
    from copy import deepcopy
    from dataclasses import replace

    from ..generators.layered.speech_motion import FILE, load_speech_motion
    from ..training.motion.stage import MotionConfig, MotionStage, encode_recordings

    config = _with(MotionConfig(), args)
    if args.limit:
        config = replace(config, recordings=args.limit)
    # a copy, because the loaded one is shared
    network = deepcopy(load_speech_motion(_need(args.init, "--init") / FILE)) if args.init else None
    recordings = None
    if config.loop.steps > 0:
        recordings = encode_recordings(config, args.cache, lambda text: print(text, flush=True))
    return MotionStage(config, recordings, network), config.loop


def _stage(args: argparse.Namespace, chosen: Preset) -> tuple[TrainingStage, LoopConfig]:
    config = _with(chosen.stage1 if args.part == "stage1" else chosen.stage2, args)
    stage, _ = _diffusion(args, chosen, config)
    return stage, config.loop


def _detail(args: argparse.Namespace, chosen: Preset) -> tuple[TrainingStage, LoopConfig]:
    from ..devices import default_device
    from ..method.autoencoder import ShortcutAutoencoderKL
    from ..training.detail import DetailStage, predict

    config = _with(chosen.detail, args)
    _need(args.init, "--init")
    stage, clips = _diffusion(args, chosen, chosen.stage2 if config.motion else chosen.stage1)
    vae = stage.frozen["vae"]
    if not isinstance(vae, ShortcutAutoencoderKL):
        raise InputError("Only this project's own autoencoder has a place for details: name its run with --vae.")
    predictions = predict(stage.to(default_device()), stage.clips, config, lambda text: print(text, flush=True))
    return DetailStage(config, vae, clips, stage.clips, predictions), config.loop


def _diffusion(args: argparse.Namespace, chosen: Preset, config: DiffusionConfig) -> tuple[DiffusionStage, list[Clip]]:
    """The denoiser and what belongs to it, warm from --init, and the clips."""
    from dataclasses import replace

    import torch

    from ..method.factory import build_codebook
    from ..speech.encoder import load_speech_encoder
    from ..training.audio import fit_summary, start_audio_tokens
    from ..training.export import find_component, follow, load_networks
    from ..training.prepare import prepare_clips
    from ..training.stages import DiffusionStage

    ablation: Ablation = args.ablation
    config = replace(config, ablation=ablation)
    torch.manual_seed(config.loop.seed)
    warm = [_need(args.init, "--init")] if args.init else []
    models = load_networks(chosen.model, warm, need=("denoiser", "reference", "hand_encoder") if warm else ())
    if args.part != "detail":  # which is for a model as it was trained
        models = follow(chosen.model, models)
    own = [folder for folder in (args.vae, args.init) if folder is not None]
    if (vae := find_component(own, "vae")) is None:
        raise InputError("The stages need a trained autoencoder: name its run or a model folder with --vae.")
    own = [folder for folder in (args.codebook, args.init) if folder is not None]
    codebook = find_component(own, "codebook")
    if codebook is None and not (ablation.online_codebook or "codebook" in ablation.without):
        raise InputError("The stages need a trained codebook: name its run or a model folder with --codebook.")
    if codebook is None or (ablation.online_codebook and codebook.grid != ablation.codebook_grid):
        codebook = build_codebook(ablation.model(chosen.model))  # trained along, or never looked at
    ablation.check_codebook(codebook)
    models = replace(models, vae=vae, codebook=codebook)
    speech = load_speech_encoder(chosen.model.speech)
    clips = _clips(args, chosen.size)
    prepared = prepare_clips(clips, models.vae, models.codebook, speech, args.cache / "prepared")
    if not warm:
        start_audio_tokens(models.denoiser, prepared)
        explained = fit_summary(models.denoiser, prepared)
        print(f"speech explains {explained:.0%} of the faces' motion in the training clips", flush=True)
    return DiffusionStage(config, models, prepared), clips
