"""The autoencoder's linear shortcut."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from tests.dummies import ROUNDING
from vivid.method.autoencoder import ShortcutAutoencoderKL
from vivid.method.options import rebuilt

SHAPE = {
    "latent_channels": 8,
    "block_out_channels": (8, 8, 8, 8),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "norm_num_groups": 4,
    "mid_block_add_attention": False,
}


def pictures(count: int = 6, size: int = 64) -> torch.Tensor:
    """Smooth random pictures (N, 3, size, size) in -1..1."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(-1, 1)


def build() -> ShortcutAutoencoderKL:
    torch.manual_seed(0)
    return ShortcutAutoencoderKL(**SHAPE).eval()


@torch.no_grad()
def test_it_starts_better_than_the_best_linear_code_of_single_patches():
    vae, images = build(), pictures()
    vae.start_from_patches(images)
    rebuilt = vae.decode(vae.encode(images).latent_dist.mean).sample
    patches = images.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(-1, 192).double().numpy()
    centred = patches - patches.mean(0)
    energy = np.linalg.svd(centred, compute_uv=False) ** 2
    best = energy[8:].sum() / patches.size
    error = (rebuilt - images).double().square().mean().item()
    assert error < best
    # the way back is the least squares one: no change of it is better
    vae.patch_out.weight.mul_(1.02)
    assert (vae.decode(vae.encode(images).latent_dist.mean).sample - images).double().square().mean().item() > error


@torch.no_grad()
def test_both_paths_add_up_and_gradients_reach_both():
    vae, images = build(), pictures()
    plain = AutoencoderKL.from_config(dict(vae.config))
    plain.load_state_dict({k: v for k, v in vae.state_dict().items() if not k.startswith("patch_")})
    mean = vae.encode(images).latent_dist.mean
    assert torch.allclose(mean, plain.encode(images).latent_dist.mean + vae.patch_in(images), atol=ROUNDING)
    assert torch.allclose(vae.decode(mean).sample, plain.decode(mean).sample + vae.patch_out(mean), atol=ROUNDING)
    with torch.enable_grad():
        vae.decode(vae.encode(images).latent_dist.mean).sample.square().mean().backward()
    unused = [n for n, p in vae.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not unused


@torch.no_grad()
def test_networks_that_add_nothing_are_left_out_with_the_same_result(tmp_path):
    vae, images = build().eval(), pictures()
    assert vae.without_mute_networks() is vae
    vae.start_from_patches(images)
    latents = torch.randn(2, 8, 4, 6, generator=torch.manual_seed(1))
    linear = vae.without_mute_networks()
    assert linear.encoder is None and linear.config.linear
    assert torch.equal(linear.encode(images).latent_dist.parameters, vae.encode(images).latent_dist.parameters)
    assert torch.equal(linear.decode(latents).sample, vae.decode(latents).sample)
    linear.save_pretrained(tmp_path)
    trainable = ShortcutAutoencoderKL.from_pretrained(tmp_path).with_networks().eval()
    assert torch.equal(trainable.encode(images).latent_dist.parameters, vae.encode(images).latent_dist.parameters)
    assert torch.equal(trainable.decode(latents).sample, vae.decode(latents).sample)
    trainable.decoder.conv_out.bias.fill_(0.1)
    assert trainable.without_mute_networks() is trainable


def test_configuration_survives_saving(tmp_path):
    vae = build()
    vae.save_pretrained(tmp_path)
    again = ShortcutAutoencoderKL.from_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(vae.parameters(), again.parameters(), strict=True))
    assert again.config.latent_channels == 8 and tuple(again.config.block_out_channels) == (8, 8, 8, 8)


@torch.no_grad()
def test_details_of_the_portrait_return_where_nothing_moved() -> None:
    vae, images = rebuilt(build(), detail_channels=8).eval(), pictures()[:1]
    details = vae.details_of(images)
    assert details is not None and build().details_of(images) is None
    hands = torch.rand(1, 8, 64, 64, generator=torch.manual_seed(2))
    hands[:, 6, :32] = 0
    frame = vae.decode_beside(details.latents, details, hands)
    assert (frame - images)[..., :32, :].abs().max() < 1e-4  # the picture itself
    covered = images + hands[:, 6:7] * (hands[:, 3:6] - images)
    torch.testing.assert_close(frame, covered, atol=1e-4, rtol=0)  # and below, what is warped over it
    hands[:, 6] = 0
    moved = details.latents.clone()
    moved[..., :4] += 3.0  # the left half of 8 columns; averages and interpolation reach one and a half cells further
    plain = vae.decode(moved / vae.config.scaling_factor).sample
    added = (vae.decode_beside(moved, details, hands) - plain).abs().amax((0, 1, 2))
    assert added[:16].max() < 1e-4 < added[-8:].min()


def test_the_detail_network_learns_and_leaves_the_latents(tmp_path: Path) -> None:
    plain, images = build(), pictures()
    vae = rebuilt(plain, detail_channels=8)
    details = vae.details_of(images[:1])
    assert details is not None
    latents, hands = torch.randn(3, 8, 8, 8, generator=torch.manual_seed(1)), torch.zeros(3, 8, 64, 64)
    frames = vae.decode_beside(latents, details, hands)
    assert frames.shape == (3, 3, 64, 64)
    frames.square().mean().backward()
    assert vae.detail is not None and vae.detail.conv_out.weight.grad.abs().sum() > 0
    torch.nn.init.normal_(vae.detail.conv_out.weight, std=0.1, generator=torch.manual_seed(3))
    frames = vae.decode_beside(latents, details, hands)
    hands[1, :3, 16:24, 16:24] = 1.0  # a hand in the second frame alone
    changed = (vae.decode_beside(latents, details, hands) - frames).abs().amax((1, 2, 3))
    assert changed[1] > 0 and changed[0] == changed[2] == 0
    expected = plain.encode(images).latent_dist.mean  # of another copy of the encoder
    assert torch.allclose(vae.encode(images).latent_dist.mean, expected, atol=ROUNDING)
    vae.save_pretrained(tmp_path)
    again = ShortcutAutoencoderKL.from_pretrained(tmp_path)
    assert again.state_dict().keys() == vae.state_dict().keys() > plain.state_dict().keys()
