"""One-time conversion of EchoMimicV2's public weights into a model folder.

The files are pickles, which can run code when they are opened: they are read with `weights_only`, converted, and never
opened again. Networks are built without allocating memory and take the files' tensors directly from disk, so that the
conversion needs little more memory than one file.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn

from ..config import ModelInfo
from ..errors import InputError
from ..method.denoiser import Denoiser

if TYPE_CHECKING:
    from ..method.factory import ModelConfig, Models

PublicVariant = Literal["base", "acc"]

UNTRAINED = ("head_stream", "codebook")
"""Parts of the method that the public base does not have; they start without effect."""

_RENAMES = (
    # AnimateDiff's motion modules -> diffusers' (spatial names are the same)
    (re.compile(r"\.temporal_transformer\."), "."),
    (re.compile(r"\.attention_blocks\.0\.pos_encoder\.pe$"), ".pos_embed.pe"),
    (re.compile(r"\.attention_blocks\.0\."), ".attn1."),
    (re.compile(r"\.attention_blocks\.1\."), ".attn2."),
    (re.compile(r"\.norms\.0\."), ".norm1."),
    (re.compile(r"\.norms\.1\."), ".norm2."),
    (re.compile(r"\.ff_norm\."), ".norm3."),
    # the autoencoder's attention under its names of 2022
    (re.compile(r"(mid_block\.attentions\.0)\.query\."), r"\1.to_q."),
    (re.compile(r"(mid_block\.attentions\.0)\.key\."), r"\1.to_k."),
    (re.compile(r"(mid_block\.attentions\.0)\.value\."), r"\1.to_v."),
    (re.compile(r"(mid_block\.attentions\.0)\.proj_attn\."), r"\1.to_out.0."),
)
_SECOND_POSITIONS = re.compile(r"\.attention_blocks\.1\.pos_encoder\.pe$")


def our_name(key: str) -> str | None:
    """The name that a tensor of the public files has in our networks; None for a repeated position table."""
    if _SECOND_POSITIONS.search(key):
        return None
    for pattern, name in _RENAMES:
        key = pattern.sub(name, key)
    return key


@dataclass
class ConversionReport:
    """What happened to the tensors."""

    variant: PublicVariant
    folder: Path
    taken: int = 0
    extra: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)
    untrained: tuple[str, ...] = UNTRAINED

    def summary(self) -> str:
        """A few lines for people."""
        lines = [f"Converted the {self.variant} weights to {self.folder}: {self.taken} tensors taken."]
        if self.filled:
            lines.append(f"{len(self.filled)} position tables were not in the files and were computed.")
        if self.extra:
            lines.append(f"{len(self.extra)} tensors are of no use here and were left out, such as {self.extra[0]}.")
        lines.append(f"Not trained, without effect: {', '.join(self.untrained)}.")
        return "\n".join(lines)


def source_files(variant: PublicVariant) -> dict[str, tuple[str, ...]]:
    """Network -> the files it is made of."""
    suffix = "_acc" if variant == "acc" else ""
    return {
        "reference": ("reference_unet.pth",),
        "denoiser": (f"denoising_unet{suffix}.pth", f"motion_module{suffix}.pth"),
        "hand_encoder": ("pose_encoder.pth",),
    }


def full_info(variant: PublicVariant) -> ModelInfo:
    """How its authors run the public base: in windows of 12 frames that overlap by 3."""
    distilled = variant == "acc"
    guidance = 1.0 if distilled else 2.5
    return ModelInfo(
        name="full-acc" if distilled else "full",
        speech_encoder="whisper-tiny",
        domain="any",
        size=(512, 512),
        window=12,
        overlap=3,
        steps=6 if distilled else 30,
        guidance_audio=guidance,
        guidance_image=guidance,
        noise_clamp=1.5,
        untrained=UNTRAINED,
    )


def convert(
    source: Path, vae: Path, target: Path, variant: PublicVariant = "base", config: ModelConfig | None = None
) -> ConversionReport:
    """Write the model folder `target` from the folders of the public files and of sd-vae-ft-mse.

    Every tensor of ours must be in the files, apart from position tables, which are computed, and from the parts the
    base does not have, which start without effect. Surplus tensors are reported. Nothing is left in `target` when
    something fails. Errors: InputError.
    """
    from ..method import factory

    config = config or factory.FULL
    report = ConversionReport(variant, target)
    files = source_files(variant)
    missing = [file for names in files.values() for file in names if not (source / file).is_file()]
    if missing:
        raise InputError(f"{source} lacks {', '.join(missing)}: download them from BadToBest/EchoMimicV2.")
    with init_empty_weights(include_buffers=False):  # position tables are buffers and are really allocated
        reference, denoiser = factory.build_reference(config), factory.build_denoiser(config)
        hand_encoder, autoencoder = factory.build_hand_encoder(config), factory.build_vae(config)
    networks: dict[str, nn.Module] = {"reference": reference, "denoiser": denoiser, "hand_encoder": hand_encoder}
    for part, names in files.items():
        state: dict[str, Tensor] = {}
        for name in names:
            state |= read_pickle(source / name)
        _assign(networks[part], state, " + ".join(names), report)
    _assign(autoencoder, read_autoencoder(vae), str(vae), report)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        denoiser.reset_added_parts()
        codebook = factory.build_codebook(config)
    _save(factory.Models(autoencoder, reference, denoiser, hand_encoder, codebook), full_info(variant), target)
    return report


def read_pickle(path: Path) -> dict[str, Tensor]:
    """A state dict from a .pth file, its tensors left on disk until they are used; refuses everything else."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{path} is not a plain weights file, or is damaged: download it again.") from error
    for wrapper in ("state_dict", "params_ema", "params"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} does not hold weights by name: download it again.")
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def read_autoencoder(folder: Path) -> dict[str, Tensor]:
    """The state dict of sd-vae-ft-mse from its folder, as safetensors or, failing that, as a pickle."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    safe, pickled = folder / "diffusion_pytorch_model.safetensors", folder / "diffusion_pytorch_model.bin"
    if safe.is_file():
        try:
            return load_file(safe)
        except SafetensorError as error:
            raise InputError(f"{safe} is damaged: download it again.") from error
    if pickled.is_file():
        return read_pickle(pickled)
    raise InputError(f"{folder} lacks {safe.name}: download it from stabilityai/sd-vae-ft-mse.")


def _assign(network: nn.Module, state: Mapping[str, Tensor], source: str, report: ConversionReport) -> None:
    """Give a network the tensors of `state` under our names; see `convert` for what is checked."""
    ours = network.state_dict()
    added = network.added_names() if isinstance(network, Denoiser) else set()
    taken: dict[str, Tensor] = {}
    for key, value in state.items():
        name = our_name(key)
        if name is None:
            continue
        if name not in ours or name in added:
            report.extra.append(key)
        elif value.shape != ours[name].shape:
            raise InputError(
                f"{key} of {source} has shape {tuple(value.shape)} instead of {tuple(ours[name].shape)}: "
                "this is another model."
            )
        else:
            taken[name] = value
    left = [name for name in ours if name not in taken and name not in added]
    report.filled += [name for name in left if name.endswith(".pos_embed.pe")]
    lacking = [name for name in left if not name.endswith(".pos_embed.pe")]
    if lacking:
        raise InputError(f"{source} lacks {len(lacking)} tensors, such as {lacking[0]}: download it again.")
    network.load_state_dict(taken, strict=False, assign=True)
    report.taken += len(taken)


def _save(models: Models, info: ModelInfo, target: Path) -> None:
    """Write beside the target, then move into place: a failure leaves no half-written model."""
    from ..media.outputs import reserve
    from .store import save_model

    target.parent.mkdir(parents=True, exist_ok=True)
    with reserve(target) as part:
        save_model(models, info, part, quantise=False)
