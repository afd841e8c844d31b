"""Model folders: one layout for every model, from the one that ships to the converted public base.

model_index.json                 a ModelInfo
vae/ reference/ denoiser/ hand_encoder/ codebook/
    config.json                  the class's own diffusers configuration
    *.safetensors                compact: int8 with one fp16 scale a row, files below 10 MB; else 2 GB at most each
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import ModelInfo
from ..errors import InputError

if TYPE_CHECKING:
    import torch

    from ..method.factory import Models

INDEX = "model_index.json"
FORMAT = 2
COMPONENTS = ("vae", "reference", "denoiser", "hand_encoder", "codebook")


def assets_folder() -> Path:
    """The folder of everything that ships with the project."""
    return Path(__file__).resolve().parents[2] / "assets"


def read_info(folder: Path) -> ModelInfo:
    """The ModelInfo of a model folder; InputError when there is none or its format is unknown."""
    path = folder / INDEX
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder} is not a model folder: it has no {INDEX}.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): fetch or convert the model again.") from None
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise InputError(f"{path} has another format than {FORMAT}: fetch, convert or export the model again.")
    names = {field.name for field in fields(ModelInfo)}
    if unknown := sorted(set(data) - names):
        raise InputError(f"{path} has unknown entries {unknown}: use the matching version of the program.")
    data["size"] = tuple(data["size"])
    data["untrained"] = tuple(data.get("untrained", ()))
    return ModelInfo(**data)


def save_model(models: Models, info: ModelInfo, folder: Path, quantise: bool) -> None:
    """Write a model folder; `quantise` stores matrices as int8, otherwise tensors keep their type."""
    from .int8 import save_int8

    for name in COMPONENTS:
        module: Any = getattr(models, name)
        target = folder / name
        if quantise:
            module.save_config(target)
            save_int8(module.state_dict(), target)
        else:
            module.save_pretrained(target, max_shard_size="2GB")
        _forget_origin(target / "config.json")
    (folder / INDEX).write_text(json.dumps({"format": FORMAT, **asdict(info)}, indent=2) + "\n", encoding="utf-8")


def _forget_origin(path: Path) -> None:
    """Drop diffusers' note of the folder that the network was loaded from: it names the maker's machine."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_component(folder: Path, dtype: torch.dtype) -> Any:
    """One network of a model folder in evaluation mode, without initialising it first.

    Every stored tensor must fit a tensor of the network and every tensor of the network must be stored; InputError
    says which does not.
    """
    import torch
    from accelerate import init_empty_weights

    from ..method.factory import component_classes
    from .int8 import load_state

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        cls: Any = component_classes()[config["_class_name"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{folder} has no usable config.json: fetch or convert the model again.") from None
    with init_empty_weights(include_buffers=False):
        module = cls.from_config(config)
    state = load_state(folder, dtype)
    try:
        module.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(f"The weights in {folder} do not fit this program ({reason}).") from None
    # torch's own `to` for the buffers: that of diffusers warns about layers kept in float32, and there are none
    return torch.nn.Module.to(module, dtype).eval().requires_grad_(False)


def load_model(folder: Path, dtype: torch.dtype) -> tuple[Models, ModelInfo]:
    """All networks of a model folder, and what the model is."""
    from ..method.factory import Models

    info = read_info(folder)
    return Models(**{name: load_component(folder / name, dtype) for name in COMPONENTS}), info
