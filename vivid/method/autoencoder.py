"""The picture autoencoder: diffusers' AutoencoderKL with a linear shortcut around it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from einops import rearrange
from torch import Tensor, nn

from .detail import DetailNetwork, PictureDetails
from .options import rebuilt, with_options_of

LOG_VARIANCE = -6.0
"""Log variance of the latents before training."""
EVENNESS = 0.5
"""Of the linear latents at the start: 0 keeps the energies of pixels, 1 makes all channels equally strong."""


def encode_pictures(vae: Any, pictures: Tensor) -> Tensor:
    """Scaled latents (N, C, H/8, W/8) of pictures (N, 3, H, W) in -1..1: the mean of the posterior, no noise."""
    return vae.encode(pictures).latent_dist.mean * vae.config.scaling_factor


def decode_latents(vae: Any, latents: Tensor) -> Tensor:
    """Pictures (N, 3, H, W), about -1..1, of scaled latents (N, C, H/8, W/8)."""
    return vae.decode(latents / vae.config.scaling_factor).sample


class ShortcutAutoencoderKL(AutoencoderKL):
    """AutoencoderKL with a linear map of 8 x 8 patches added to the encoder and to the decoder.

    The linear decoder also reads each patch's neighbours, which hides the seams: the maps form a lapped transform. The
    networks learn the residual of the linear maps, as in the residual autoencoding of DC-AE (Chen et al. 2024).
    `detail_channels` adds a network of that width for what the latents cannot hold (`detail.py`); `linear` leaves the
    networks out, for models in which they were never trained.
    `start_from_patches` sets the maps to the best linear ones while the networks add nothing yet, so training starts at
    the quality of principal components instead of noise; on a small budget this decides how mouths and hands look.
    """

    @register_to_config
    @with_options_of(AutoencoderKL)
    def __init__(self, *, detail_channels: int = 0, linear: bool = False, **options: Any) -> None:
        super().__init__(**options)
        latent_channels = self.config.latent_channels
        patch = 2 ** (len(self.config.block_out_channels) - 1)
        self.patch_in = nn.Conv2d(3, latent_channels, patch, stride=patch)
        self.patch_out = nn.ConvTranspose2d(latent_channels, 3, 3 * patch, stride=patch, padding=patch)
        self.detail = DetailNetwork(latent_channels, detail_channels, patch) if detail_channels else None
        if linear:
            for part in ("encoder", "decoder", "quant_conv", "post_quant_conv"):
                setattr(self, part, None)

    def without_mute_networks(self) -> ShortcutAutoencoderKL:
        """The same autoencoder without its networks if they add nothing, else itself."""
        if self.config.linear:
            return self
        last = [*self.encoder.conv_out.parameters(), *self.decoder.conv_out.parameters()]
        if self.quant_conv is not None:
            last.append(self.quant_conv.bias[: self.config.latent_channels])
        return self if any(bool(parameter.any()) for parameter in last) else rebuilt(self, linear=True)

    def with_networks(self) -> ShortcutAutoencoderKL:
        """The same autoencoder with networks to train; new networks add nothing yet."""
        if not self.config.linear:
            return self
        extended = rebuilt(self, linear=False)
        extended.mute_networks()
        return extended

    @apply_forward_hook
    def details_of(self, picture: Tensor) -> PictureDetails | None:
        """What `decode_beside` takes from a picture (1, 3, H, W) in -1..1; None without a detail network."""
        if self.detail is None:
            return None
        latents = self.encode(picture).latent_dist.mean
        lost = picture - self.decode(latents).sample
        return PictureDetails(latents * self.config.scaling_factor, lost)

    @apply_forward_hook
    def decode_beside(self, latents: Tensor, details: PictureDetails, hands: Tensor) -> Tensor:
        """Frames (N, 3, H, W) from scaled latents (N, C, h, w), with the picture's details where they still fit.

        hands: (N, 8, H, W), the hands in the frames, as `PictureDetails` describes.
        """
        assert self.detail is not None
        return self.detail(latents, decode_latents(self, latents), details, hands)

    def _encode(self, x: Tensor) -> Tensor:
        mean = self.patch_in(x)
        if self.config.linear:
            return torch.cat([mean, torch.full_like(mean, LOG_VARIANCE)], dim=1)
        rest, log_variance = super()._encode(x).chunk(2, dim=1)
        return torch.cat([mean + rest, log_variance], dim=1)

    def _decode(self, z: Tensor, return_dict: bool = True) -> Any:
        decoded = self.patch_out(z)
        if not self.config.linear:
            decoded = decoded + super()._decode(z, return_dict=False)[0]
        return DecoderOutput(sample=decoded) if return_dict else (decoded,)

    @torch.no_grad()
    def start_from_patches(self, pictures: Tensor) -> None:
        """Set the shortcut to the principal components of patches of `pictures` (N, 3, H, W) in -1..1; fit the decoder.

        Component i is divided by its standard deviation to the power EVENNESS. The last convolutions of both networks
        start at zero.
        """
        size = self.patch_in.kernel_size[0]
        patches = rearrange(pictures, "n c (h p) (w q) -> (n h w) (c p q)", p=size, q=size).double()
        centre = patches.mean(0)
        covariance = (patches - centre).T @ (patches - centre) / len(patches)
        energy, directions = torch.linalg.eigh(covariance)
        count = self.config.latent_channels
        energy, directions = energy[-count:].flip(0), directions[:, -count:].flip(1)
        scale = energy.clamp(min=1e-8).sqrt().pow(EVENNESS)
        into = (directions / scale).T  # (latent, 3 * p * q)
        self.patch_in.weight.copy_(rearrange(into, "l (c p q) -> l c p q", p=size, q=size))
        assert self.patch_in.bias is not None
        self.patch_in.bias.copy_(-into @ centre)
        self.mute_networks()
        self.fit_patch_out(pictures)

    @torch.no_grad()
    def mute_networks(self) -> None:
        """Make both networks add nothing, as at the start of training."""
        nn.init.zeros_(self.decoder.conv_out.weight)
        nn.init.zeros_(self.decoder.conv_out.bias)
        nn.init.zeros_(self.encoder.conv_out.weight)
        nn.init.zeros_(self.encoder.conv_out.bias)
        if self.quant_conv is not None:
            nn.init.zeros_(self.quant_conv.weight)
            self.quant_conv.bias[: self.config.latent_channels] = 0
            self.quant_conv.bias[self.config.latent_channels :] = LOG_VARIANCE
        if self.post_quant_conv is not None:
            nn.init.dirac_(self.post_quant_conv.weight)
            nn.init.zeros_(self.post_quant_conv.bias)

    @torch.no_grad()
    def fit_patch_out(self, pictures: Tensor) -> None:
        """Set the linear decoder to the least-squares solution on `pictures` (N, 3, H, W) in -1..1.

        Each patch is predicted from its own latents and those of its eight neighbours.
        """
        size = self.patch_in.kernel_size[0]
        count = 9 * self.config.latent_channels + 1
        gram = torch.zeros(count, count, dtype=torch.double, device=pictures.device)
        product = torch.zeros(count, 3 * size**2, dtype=torch.double, device=pictures.device)
        for part in pictures.split(8):
            around = F.unfold(self.encode(part).latent_dist.mean, 3, padding=1)  # (n, latent * 9, patches)
            around = rearrange(F.pad(around, (0, 0, 0, 1), value=1.0), "n f l -> (n l) f").double()
            gram += around.T @ around
            product += around.T @ rearrange(F.unfold(part, size, stride=size), "n f l -> (n l) f").double()
        gram += 1e-9 * gram.diagonal().mean() * torch.eye(count, dtype=torch.double, device=pictures.device)
        # The layer has one bias per colour: first the best bias of every pixel of a patch, averaged, ...
        bias = rearrange(torch.linalg.solve(gram, product)[-1], "(c p) -> c p", c=3).mean(1)
        # ... then the weights that fit best with these biases.
        rest = product - gram[:, -1:] * bias.repeat_interleave(size**2)
        solution = torch.linalg.solve(gram[:-1, :-1], rest[:-1])
        solution = rearrange(solution, "(l a b) (c p q) -> l c a p b q", a=3, b=3, c=3, p=size)
        # what a patch takes from the neighbour above it is what that neighbour gives to the patch below it
        self.patch_out.weight.copy_(rearrange(solution.flip(2, 4), "l c a p b q -> l c (a p) (b q)"))
        assert self.patch_out.bias is not None
        self.patch_out.bias.copy_(bias)
