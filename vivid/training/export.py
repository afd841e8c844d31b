"""From the folders of training runs to networks, and to the model folder that ships."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..config import ModelInfo
from ..errors import InputError
from ..method.factory import ModelConfig, Models, build_models, component_classes
from ..weights.store import COMPONENTS, save_model

FRAMES_WINDOW, FRAMES_OVERLAP = 24, 6


def load_component(folders: Sequence[Path], name: str) -> Any:
    """A network from the first folder that holds it, directly or under weights/; None when none does.

    Reads runs (diffusers' own files) and model folders (int8) alike.
    """
    from ..weights.int8 import is_int8_folder, load_int8

    candidates = [place for folder in folders for place in (folder / name, folder / "weights" / name)]
    folder = next((place for place in candidates if (place / "config.json").is_file()), None)
    if folder is None:
        return None
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    cls: Any = component_classes()[stored["_class_name"]]
    if not is_int8_folder(folder):
        return cls.from_pretrained(folder)
    module = cls.from_config(cls.load_config(folder))
    module.load_state_dict(load_int8(folder), strict=True)
    return module


def load_networks(config: ModelConfig, folders: Sequence[Path], need: Sequence[str] = COMPONENTS) -> Models:
    """All networks: from the first folder that has them, otherwise with seeded random weights.

    Raises InputError when a component in `need` is in none of the folders.
    """
    models = build_models(config)
    # an untrained network predicts "as the reference": with no output yet it is exactly that
    torch.nn.init.zeros_(models.denoiser.conv_out.weight)
    torch.nn.init.zeros_(models.denoiser.conv_out.bias)
    found = {name: load_component(folders, name) for name in COMPONENTS}
    for name in need:
        if found[name] is None:
            raise InputError(f"No folder given holds {name}/: train it first, or name its run.")
    return replace(models, **{name: network for name, network in found.items() if network is not None})


def export_model(
    config: ModelConfig,
    stage: Path,
    others: Sequence[Path],
    target: Path,
    steps: int = 6,
    noise_clamp: float | None = None,
    window: int = FRAMES_WINDOW,
    guidance_audio: float = 1.0,
    quantise: bool = True,
    untrained: tuple[str, ...] = (),
    report: Callable[[str], None] = print,
) -> ModelInfo:
    """Join the parts of several runs into a model folder (int8, files below 10 MB) that the pipeline opens.

    stage: the run with denoiser, reference and hand encoder; others: the runs with vae and codebook. steps and
    noise_clamp are the model's defaults for sampling (a clamp of 0: it was trained to start from zeros). A model of
    single frames (stage 1 alone) has window 1: its head stream pooled over nothing else in training. A denoiser that
    reads layered frames makes a model that refines them, whatever those settings are.
    """
    models = load_networks(config, [stage, *others])
    refines = models.denoiser.reads_layers
    if refines:  # it was trained frame by frame, for one step, without the motion modules
        steps, noise_clamp, window, guidance_audio, untrained = 1, 0.0, 1, 1.0, ("motion",)
    info = ModelInfo(
        name="refined" if refines else "embedded",
        speech_encoder=config.speech,
        domain="rendered",
        size=(config.sample_size, config.sample_size),
        window=window,
        overlap=FRAMES_OVERLAP if window == FRAMES_WINDOW else window // 4,
        steps=steps,
        guidance_audio=guidance_audio,
        guidance_image=1.0,
        noise_clamp=noise_clamp,
        untrained=untrained,
        refines_layers=refines,
    )
    save_model(models, info, target, quantise=quantise)
    total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    report(f"{target}: {total / 2**20:.1f} MiB")
    return info
