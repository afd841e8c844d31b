"""Where a model's folder is, and how the public base gets there from the model hub."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import InputError
from .store import INDEX, assets_folder

FULL_MODELS: dict[str, Literal["base", "acc"]] = {"full": "base", "full-acc": "acc"}
"""Models made from the hub -> variant of the public base: 30 steps with guidance, or distilled to 6 without."""


@dataclass(frozen=True)
class Repository:
    """A repository on the hub, what is known about its licence, and what to do when the hub cannot be reached."""

    name: str
    files: tuple[str, ...]
    gigabytes: float
    licence: str
    otherwise: str


def _by_hand(files: tuple[str, ...]) -> str:
    return f"put {', '.join(files)} into a folder and run `python -m vivid weights convert`"


def base_repository(variant: str) -> Repository:
    """EchoMimicV2's weights, of the variant "base" or "acc"."""
    suffix = "_acc" if variant == "acc" else ""
    files = (f"denoising_unet{suffix}.pth", "reference_unet.pth", f"motion_module{suffix}.pth", "pose_encoder.pth")
    return Repository(
        "BadToBest/EchoMimicV2",
        files,
        8.5,
        "code Apache-2.0, its page adds a note on academic use; read the licence of the weights on their hub page "
        "before you use results in public",
        _by_hand(files),
    )


_VAE_FILES = ("diffusion_pytorch_model.safetensors", "config.json")
VAE_REPOSITORY = Repository("stabilityai/sd-vae-ft-mse", _VAE_FILES, 0.33, "MIT", _by_hand(_VAE_FILES))
_SPEECH_FILES = ("config.json", "model.safetensors")
_ANOTHER_MODEL = "choose a model whose speech encoder comes with the project"
SPEECH_REPOSITORIES = {
    "whisper-tiny": Repository("openai/whisper-tiny", _SPEECH_FILES, 0.15, "MIT", _ANOTHER_MODEL),
    "wav2vec2": Repository("facebook/wav2vec2-base-960h", _SPEECH_FILES, 0.38, "Apache-2.0", _ANOTHER_MODEL),
}
"""Speech encoders that are read from the hub's cache; the public base was trained with whisper-tiny."""


def models_folder() -> Path:
    """Where converted models are kept: $VIVID_MODELS, or `vividanimator` in the user's cache folder."""
    if chosen := os.environ.get("VIVID_MODELS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vividanimator"


def folder_of(name: str) -> Path:
    """The folder that the model called `name` has or will have: a known name, or the path of a folder."""
    if name == "compact":
        return assets_folder() / "compact"
    return models_folder() / name if name in FULL_MODELS else Path(name)


def is_present(name: str) -> bool:
    """Whether that model can be loaded without a network."""
    return (folder_of(name) / INDEX).is_file()


def needs_gpu(name: str) -> bool:
    """Whether that model is made for a GPU."""
    return name in FULL_MODELS


def default_model() -> str:
    """ "full" where a CUDA device and its weights are present, otherwise "layered", which needs neither."""
    if not is_present("full"):
        return "layered"
    import torch

    return "full" if torch.cuda.is_available() else "layered"


def model_folder(name: str | Path) -> Path:
    """The folder of "compact", "full", "full-acc" or a path; fetches and converts the public base when it must."""
    name = str(name)
    folder = folder_of(name)
    if is_present(name):
        return folder
    if name in FULL_MODELS:
        return fetch(name)
    if name == "compact":
        raise InputError(f"The compact model is not in {folder}: install the project with its assets folder.")
    raise InputError(f"There is no model in {folder}: name a folder, or one of layered, compact, full, full-acc.")


def fetch(name: str) -> Path:
    """Download a speech encoder, or the public base, which becomes a model folder; returns the folder.

    Errors: InputError with one sentence when the hub cannot be reached.
    """
    if name in SPEECH_REPOSITORIES:
        repositories = [SPEECH_REPOSITORIES[name]]
    elif name in FULL_MODELS:
        repositories = [base_repository(FULL_MODELS[name]), VAE_REPOSITORY, SPEECH_REPOSITORIES["whisper-tiny"]]
    else:
        raise InputError(f"{name} is not on the hub: choose one of {', '.join((*FULL_MODELS, *SPEECH_REPOSITORIES))}.")
    for repository in repositories:
        print(f"{repository.name} ({repository.gigabytes} GB; {repository.licence})", file=sys.stderr)
    source, *others = map(download, repositories)
    if not others:
        return source
    from .echomimic import convert

    vae = others[0]
    report = convert(source, vae, folder_of(name), FULL_MODELS[name])
    print(report.summary(), file=sys.stderr)
    return folder_of(name)


def download(repository: Repository) -> Path:
    """The files of a repository in the hub's cache; returns their folder. Errors: InputError."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError

    try:
        paths = [Path(hf_hub_download(repository.name, file)) for file in repository.files]
    except GatedRepoError as error:
        raise InputError(f"{repository.name} asks for a login: run `hf auth login`, then try again.") from error
    except Exception as error:  # the hub's client raises many kinds of network errors
        raise InputError(
            f"{repository.name} cannot be fetched from the model hub: connect to the internet and try again, "
            f"or {repository.otherwise}."
        ) from error
    return paths[0].parent


def cached(repository: Repository) -> bool:
    """Whether `download` would need no network."""
    from huggingface_hub import try_to_load_from_cache

    return all(isinstance(try_to_load_from_cache(repository.name, file), str) for file in repository.files)
