"""The networks that metrics use: which package, which weights, where from, and what to do without them.

Weights lie in a folder given by hand, or are fetched once. What their authors publish as pickles is read by torch's
restricted reader, which makes nothing but tensors, and kept as safetensors; only these are read from then on.
Every network is a function of NumPy arrays, so that a test can put another one in its place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .base import MissingNetworkError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Network:
    """One network: what it is, its package and the module in it that must be importable, its published weights.

    file: their name as published; source: "REPOSITORY:PATH" on the model hub, or an address; kept: the name that is
    read; build: (file of `kept`, device) -> the network as a function of arrays.
    """

    title: str
    package: str
    module: str
    file: str
    source: str
    kept: str
    megabytes: int
    licence: str
    build: Callable[[Path, str], Any]
    requirements: str = "requirements-evaluate.txt"

    @property
    def how(self) -> str:
        """How to get the weights, in one sentence."""
        where = self.source if "://" in self.source else f"{self.source.replace(':', ', file ')} on the model hub"
        return f"put {self.file} ({self.megabytes} MB, from {where}) into a folder and name it with --weights-dir"


class Networks:
    """Networks that are ready, loaded when they are first asked for.

    folder: where weights were put by hand; fetch: whether others may be downloaded; ready: networks by key, in the
    place of those of this file.
    """

    def __init__(
        self,
        folder: Path | None = None,
        fetch: bool = False,
        device: str = "cpu",
        ready: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.fetch, self.device = folder, fetch, device
        self._ready: dict[str, Any] = dict(ready or {})
        self._missing: dict[str, str] = {}

    def get(self, key: str) -> Any:
        """The network called `key`. Errors: MissingNetworkError, with what is missing and how to get it."""
        if key in self._missing:  # one attempt is enough: each takes a while where the hub cannot be reached
            raise MissingNetworkError(self._missing[key])
        if key not in self._ready:
            try:
                self._ready[key] = self._load(NETWORKS[key])
            except MissingNetworkError as error:
                self._missing[key] = str(error)  # the error itself would hold on to the frames of whoever asked
                raise
        return self._ready[key]

    def _load(self, network: Network) -> Any:
        if find_spec(network.module) is None:
            raise MissingNetworkError(
                f"it needs the package {network.package}: run `pip install -r {network.requirements}`"
            )
        path = self._weights(network)
        try:
            return network.build(path, self.device)
        except (RuntimeError, ValueError, KeyError) as error:
            if path.parent != self.folder:  # converted or fetched here: the next run would trust it again
                path.unlink()
            raise MissingNetworkError(f"{path} does not hold the weights of {network.title}: {network.how}") from error

    def _weights(self, network: Network) -> Path:
        from ...weights.hub import models_folder

        store = models_folder() / "evaluation"
        for folder in (self.folder, store):
            if folder is not None and (folder / network.kept).is_file():
                return folder / network.kept
            if folder is not None and (folder / network.file).is_file():
                return _keep(folder / network.file, store / network.kept)
        if not self.fetch:
            raise MissingNetworkError(f"it needs the weights of {network.title}: {network.how}, or let them be fetched")
        print(f"fetching {network.title} ({network.megabytes} MB; {network.licence})", file=sys.stderr)
        with TemporaryDirectory() as folder_name:
            return _keep(_download(network, Path(folder_name)), store / network.kept)


def _download(network: Network, folder: Path) -> Path:
    try:
        if "://" not in network.source:
            from huggingface_hub import hf_hub_download

            repository, _, path = network.source.partition(":")
            return Path(hf_hub_download(repository, path))
        from torch.hub import download_url_to_file

        download_url_to_file(network.source, str(folder / network.file), progress=False)
        return folder / network.file
    except Exception as error:  # clients of the hub and of the web raise many kinds of errors
        raise MissingNetworkError(f"the weights of {network.title} could not be fetched: {network.how}") from error


def _keep(published: Path, kept: Path) -> Path:
    """Published weights as the file that is read: a pickle becomes safetensors, ONNX stays what it is."""
    from ...media.outputs import written_whole

    if kept.suffix == ".onnx":
        data = published.read_bytes()
    else:
        from safetensors.torch import save

        from ...weights.echomimic import read_pickle

        try:
            data = save({name: tensor.contiguous().clone() for name, tensor in read_pickle(published).items()})
        except InputError as error:
            raise MissingNetworkError(str(error)) from error
    with written_whole(kept) as file:
        file.write(data)
    return kept


def _state(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _inception(path: Path, device: str) -> Any:
    """Frames (N, H, W, 3) uint8 -> pool features (N, 2048)."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with TemporaryDirectory() as folder:  # the package reads nothing but a pickle: it gets one of tensors read here
        pickle = Path(folder) / "weights.pth"
        torch.save(_state(path), pickle)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(pickle)).to(device)

    def look(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            return network(_pictures(frames, device))[0].float().cpu().numpy()

    return look


def _pictures(frames: NDArray[np.uint8], device: str) -> torch.Tensor:
    import torch
    from einops import rearrange

    return rearrange(torch.from_numpy(np.ascontiguousarray(frames)), "n h w c -> n c h w").to(device)


def _i3d(path: Path, device: str) -> Any:
    """Windows (N, T, H, W, 3) uint8 -> logits (N, 400)."""
    import torch
    from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
    from cdfvd.third_party.i3d.utils import preprocess_i3d

    network = InceptionI3d(400, in_channels=3)
    network.load_state_dict(_state(path))
    network.eval().to(device)

    def look(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            return network(preprocess_i3d(windows).to(device)).float().cpu().numpy()

    return look


def _hyperiqa(path: Path, device: str) -> Any:
    """Frames (N, H, W, 3) uint8 -> scores (N,), 0 to 100."""
    import timm
    import torch
    from pyiqa.archs.hypernet_arch import HyperNet

    # The package always asks timm for a pretrained backbone, which the file then overwrites: this one downloads none.
    def hyperiqa_backbone(pretrained: bool = False, **options: Any) -> Any:
        return timm.create_model("resnet50", pretrained=False, **options)

    hyperiqa_backbone.__module__ = __name__
    timm.models.register_model(hyperiqa_backbone)
    network = HyperNet("hyperiqa_backbone", pretrained=False)
    network.load_state_dict(_state(path))
    network.eval().to(device)

    def look(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            return 100 * network(_pictures(frames, device).float() / 255).flatten().cpu().numpy()

    return look


def _arcface(path: Path, device: str) -> Any:
    """Aligned faces (N, 112, 112, 3) uint8, RGB -> embeddings (N, 512)."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        raise ValueError(f"{path} is no network") from error
    name = session.get_inputs()[0].name

    def look(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        inputs = ((faces.astype(np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2)  # (N, 3, 112, 112)
        return np.concatenate([session.run(None, {name: one[None]})[0] for one in inputs])

    return look


def _upscaler(path: Path, device: str) -> Any:
    """A picture (H, W, 3) uint8, RGB -> (scale * H, scale * W, 3) uint8; its `scale` says how much larger.

    spandrel tells the architecture from the weights: any single-image RGB network that it supports will do.
    """
    import torch
    from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

    from ...media.tensors import from_unit, to_unit

    try:
        network = ModelLoader(torch.device(device)).load_from_state_dict(_state(path))
    except UnsupportedModelError as error:
        raise ValueError(f"{path} is no network that spandrel knows") from error
    if not isinstance(network, ImageModelDescriptor) or (network.input_channels, network.output_channels) != (3, 3):
        raise ValueError(f"{path} does not make RGB pictures of RGB pictures")

    def enlarge(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        with torch.no_grad():
            inputs = to_unit(picture[None], torch.device(device), torch.float32) / 2 + 0.5  # 0..1
            return from_unit(network(inputs) * 2 - 1)[0]

    enlarge.scale = network.scale  # type: ignore[attr-defined]
    return enlarge


def _syncnet(path: Path, device: str) -> Any:
    """See `evaluation/syncnet.py`: lips (N, 5, 224, 224, 3) uint8 and sound (N, 20, 13) -> embeddings (N, 1024)."""
    from ..syncnet import SyncNet

    network = SyncNet()
    network.load_state_dict(_state(path), strict=False)  # its authors' file lacks the counters of batches
    lacking = {name for name, _ in network.named_parameters()} - set(_state(path))
    if lacking:
        raise KeyError(f"{path} lacks {sorted(lacking)[0]}")
    return network.eval().to(device)


NETWORKS = {
    "inception": Network(
        "Inception v3 for FID",
        "torch-fidelity",
        "torch_fidelity",
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "inception.safetensors",
        96,
        "Apache-2.0",
        _inception,
    ),
    "i3d": Network(
        "I3D for FVD",
        "cd-fvd",
        "cdfvd",
        "i3d_pretrained_400.pt",
        "https://github.com/songweige/TATS/raw/main/tats/fvd/i3d_pretrained_400.pt",
        "i3d.safetensors",
        51,
        "see its page",
        _i3d,
    ),
    "hyperiqa": Network(
        "HyperIQA",
        "pyiqa",
        "pyiqa",
        "HyperIQA-resnet50-koniq10k-c96c41b1.pth",
        "chaofengc/IQA-PyTorch-Weights:HyperIQA-resnet50-koniq10k-c96c41b1.pth",
        "hyperiqa.safetensors",
        109,
        "the package's is PolyForm Noncommercial",
        _hyperiqa,
    ),
    "arcface": Network(
        "ArcFace w600k_r50",
        "onnxruntime",
        "onnxruntime",
        "w600k_r50.onnx",
        "immich-app/buffalo_l:recognition/model.onnx",
        "arcface.onnx",
        174,
        "insightface's models are for non-commercial research",
        _arcface,
    ),
    "syncnet": Network(
        "SyncNet",
        "torch",
        "torch",
        "syncnet_v2.model",
        "ByteDance/LatentSync-1.6:auxiliary/syncnet_v2.model",
        "syncnet.safetensors",
        54,
        "see its page",
        _syncnet,
    ),
    "upscaler": Network(
        "Real-ESRGAN x2 for super-resolution",
        "spandrel",
        "spandrel",
        "RealESRGAN_x2plus.pth",
        "https://github.com/xinntao/Real-ESRGAN/releases/download/v0.2.1/RealESRGAN_x2plus.pth",
        "upscaler.safetensors",
        67,
        "BSD-3-Clause",
        _upscaler,
        "requirements-data.txt",
    ),
}
"""Key -> network."""
