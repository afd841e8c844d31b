"""Agreement with the public base: numbers of its own networks at micro width, names and shapes at full width."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import init_empty_weights
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor, nn

from vivid.method.conditions import Conditions
from vivid.method.denoiser import Denoiser
from vivid.method.factory import FULL, MICRO, build_denoiser, build_hand_encoder, build_reference, build_vae
from vivid.weights.echomimic import our_name

SHARED = Path(__file__).parents[1].parent / "shared"
pytestmark = pytest.mark.skipif(not (SHARED / "parity").is_dir(), reason="the public fixture is not here")


def manifest(*names: str) -> dict[str, tuple[int, ...]]:
    tensors = {}
    for name in names:
        content = json.loads((SHARED / "facts" / f"{name}.json").read_text())["tensors"]
        tensors |= {key: tuple(shape) for key, (shape, _) in content.items()}
    return tensors


def load_recipe(module: nn.Module, tag: str, *manifests: str, device: str = "cpu") -> None:
    """Fill a network with the fixture's weights, which depend on the original names, and move it to `device`."""
    spec = importlib.util.spec_from_file_location("recipe", SHARED / "parity" / "weights_recipe.py")
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    state = module.state_dict()
    added = module.added_names() if isinstance(module, Denoiser) else set()
    left = {key for key in state if key not in added and not key.endswith(".pe")}
    for key in manifest(*manifests):
        ours = our_name(key)
        if ours is None or ours not in left:
            continue
        left.remove(ours)
        state[ours].copy_(torch.from_numpy(recipe.make(key, tuple(state[ours].shape), tag)))
    assert not left, left
    nn.Module.to(module, device).eval()


@pytest.fixture(scope="module")
def fixture() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    folder = SHARED / "parity"
    return (
        load_file(folder / "micro_forward_inputs.safetensors"),
        load_file(folder / "micro_forward_outputs.safetensors"),
    )


def error(got: Tensor, wanted: Tensor) -> float:
    """Largest deviation; a share of the largest value where values exceed one.

    Those of ref_out reach 12: in float64, ours are still 1.3e-5 from the fixture, which is the fixture's own rounding.
    """
    assert got.shape == wanted.shape
    got, wanted = got.cpu(), wanted.cpu()
    return float((got - wanted).abs().max() / wanted.abs().max().clamp(min=1))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@torch.no_grad()
def test_micro_fixture(fixture, device, monkeypatch):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # float32 as the fixture has it
    inputs, wanted = fixture
    inputs = {name: value.to(device) for name, value in inputs.items()}
    frames = inputs["latents"].shape[2]
    errors = {}

    encoder = build_hand_encoder(MICRO)
    load_recipe(encoder, "pose", "pose_encoder", device=device)
    features = rearrange(encoder(rearrange(inputs["pose_map"], "b c f h w -> (b f) c h w")), "f c h w -> 1 c f h w")
    errors["pose_fea"] = error(features, wanted["pose_fea"])

    reference = build_reference(MICRO)
    load_recipe(reference, "ref", "reference_unet", device=device)
    bank: dict[str, Tensor] = {}
    out = reference(inputs["ref_latents"], 0, None, cross_attention_kwargs={"bank": bank}).sample
    errors["ref_out"] = error(out, wanted["ref_out"])
    assert {f"bank.{name}" for name in bank} == {key for key in wanted if key.startswith("bank.")}
    errors["bank"] = max(error(tokens, wanted[f"bank.{name}"]) for name, tokens in bank.items())

    denoiser = build_denoiser(MICRO)
    load_recipe(denoiser, "den", "denoising_unet_without_motion", "motion_module", device=device)
    seen: dict[str, list[Tensor]] = {}
    hooks = [
        denoiser.get_submodule(key[4:]).register_forward_hook(
            lambda _module, _inputs, out, key=key: seen.setdefault(key, []).append(
                out[0] if isinstance(out, tuple) else getattr(out, "sample", out)
            )
        )
        for key in wanted
        if key.startswith("act.")
    ]
    conditions = Conditions(audio=inputs["audio"], hand_features=features, reference=denoiser.project_reference(bank))
    for t in (999, 333):
        seen.clear()
        absent = denoiser(inputs["latents"], t, conditions.unconditional(keep_image=False))
        present = denoiser(inputs["latents"], t, conditions)
        errors[f"cfg {t}"] = error(torch.cat([absent, present]), wanted[f"pred_cfg_bankfp32_t{t}"])
        errors[f"nocfg {t}"] = error(present, wanted[f"pred_nocfg_bankfp32_t{t}"])
    for hook in hooks:
        hook.remove()
    acts = {key: activations(values, frames) for key, values in seen.items()}  # the fixture has those of t = 333
    acts["act.conv_in"][1] -= features[0]  # and the first convolution's before the hands are added
    act_errors = {key: error(value, wanted[key]) for key, value in acts.items()}
    print({name: f"{value:.1e}" for name, value in (errors | act_errors).items()})
    assert max(errors.values()) < 1e-5
    assert max(act_errors.values()) < 1e-4

    # the same numbers with what does not change computed beforehand, as the pipeline does
    prepared = denoiser.prepare(conditions)
    assert error(denoiser(inputs["latents"], 333, prepared), present) < 1e-5
    assert error(denoiser(inputs["latents"], 333, prepared.unconditional(keep_image=False)), absent) < 1e-5

    # and in one batch where the first video has no reference and silence
    both = replace(
        conditions,
        audio=torch.cat([torch.zeros_like(inputs["audio"]), inputs["audio"]]),
        hand_features=torch.cat([torch.zeros_like(features), features]),
        reference={name: tuple(kv.repeat(2, 1, 1) for kv in pair) for name, pair in conditions.reference.items()},
        reference_present=torch.tensor([False, True], device=device),
    )
    batch = denoiser(inputs["latents"].repeat(2, 1, 1, 1, 1), 333, both)
    assert error(batch, wanted["pred_cfg_bankfp32_t333"]) < 1e-5


def activations(values: list[Tensor], frames: int) -> Tensor:
    """What a hook saw of both guidance halves, in the fixture's shape."""
    both = torch.cat(values)
    return both if both.ndim == 2 else rearrange(both, "(b f) c h w -> b c f h w", f=frames)


def test_full_width_names_and_shapes():
    with init_empty_weights(include_buffers=True):
        networks = {
            "reference_unet": build_reference(FULL),
            "pose_encoder": build_hand_encoder(FULL),
            "vae_sd-vae-ft-mse_diffusers031": build_vae(FULL),
            "vae_sd-vae-ft-mse_legacy_keys": build_vae(FULL),
        }
        denoiser = build_denoiser(FULL)
    for name, network in networks.items():
        theirs = {our_name(key): shape for key, shape in manifest(name).items()}
        assert theirs == {key: tuple(value.shape) for key, value in network.state_dict().items()}, name
    names = manifest("denoising_unet_without_motion", "motion_module")
    theirs = {our_name(key): shape for key, shape in names.items()}
    assert len(theirs) - 1 == 686 + 588 - 21 and None in theirs  # None stands for the 21 second position tables
    del theirs[None]
    ours = {
        key: tuple(value.shape) for key, value in denoiser.state_dict().items() if key not in denoiser.added_names()
    }
    assert theirs == ours
