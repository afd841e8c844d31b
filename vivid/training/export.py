"""From the folders of training runs to networks, and to the model folder that ships."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..config import ModelInfo
from ..errors import InputError
from ..method.autoencoder import ShortcutAutoencoderKL
from ..method.factory import ModelConfig, Models, build_models
from ..method.options import rebuilt
from ..weights.store import COMPONENTS, load_component, save_model


def find_component(folders: Sequence[Path], name: str) -> Any:
    """A network from the first folder that holds it, directly or under weights/; None when none does.

    Reads runs (diffusers' own files) and model folders (int8) alike.
    """
    candidates = [place for folder in folders for place in (folder / name, folder / "weights" / name)]
    folder = next((place for place in candidates if (place / "config.json").is_file()), None)
    if folder is None:
        return None
    return load_component(folder, torch.float32).train().requires_grad_(True)


def load_networks(config: ModelConfig, folders: Sequence[Path], need: Sequence[str] = COMPONENTS) -> Models:
    """All networks: from the first folder that has them, otherwise with seeded random weights.

    Raises InputError when a component in `need` is in none of the folders.
    """
    models = build_models(config)
    # an untrained network should predict the reference, which it does exactly while its output is zero
    torch.nn.init.zeros_(models.denoiser.conv_out.weight)
    torch.nn.init.zeros_(models.denoiser.conv_out.bias)
    found = {name: find_component(folders, name) for name in COMPONENTS}
    for name in need:
        if found[name] is None:
            raise InputError(f"No folder given holds {name}/: train it first, or name its run.")
    return replace(models, **{name: network for name, network in found.items() if network is not None})


def follow(config: ModelConfig, models: Models, report: Callable[[str], None] = print) -> Models:
    """The networks of a warm start, set to the prediction and the speech encoder of `config`; weights stay as they are.

    Changes are reported, because the network has to learn them.
    """
    stored = models.denoiser.config
    wanted = {name: getattr(config, name) for name in ("prediction_type", "head_window", "speech_width")}
    changed = {name: value for name, value in wanted.items() if stored[name] != value}
    if not changed:
        return models
    report("To be learnt anew: " + ", ".join(f"{name} {stored[name]} -> {value}" for name, value in changed.items()))
    return replace(models, denoiser=rebuilt(models.denoiser, **changed))


def export_model(
    config: ModelConfig,
    info: ModelInfo,
    stage: Path,
    others: Sequence[Path],
    target: Path,
    quantise: bool = True,
    report: Callable[[str], None] = print,
) -> ModelInfo:
    """Join the parts of several runs into a model folder that the pipeline opens; returns the stored ModelInfo.

    info: what the model is (see the presets); stage: the run with denoiser, reference and hand encoder; others: the
    runs with vae and codebook, which come before those of a stage that is a whole model; quantise: int8, in files below
    10 MB. Parts that add nothing are left out. A model without motion modules makes frames one by one, and one that
    reads layered frames refines them, against `info`.
    """
    models = load_networks(config, [stage, *others], [name for name in COMPONENTS if name not in info.untrained])
    named = {name: find_component(others, name) for name in ("vae", "codebook")}
    models = replace(models, **{name: network for name, network in named.items() if network is not None})
    if isinstance(models.vae, ShortcutAutoencoderKL):
        models = replace(models, vae=models.vae.without_mute_networks())
    if models.denoiser.reads_layers:  # trained for one step
        info = replace(
            info, name="refined", steps=1, noise_clamp=0.0, guidance_audio=1.0, guidance_image=1.0, refines_layers=True
        )
    if not models.denoiser.config.motion:
        info = replace(info, window=1, overlap=0, untrained=(*info.untrained, "motion"))
    save_model(models, info, target, quantise=quantise)
    total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    report(f"{target}: {total / 2**20:.1f} MiB")
    return info
