"""The picture autoencoder: diffusers' AutoencoderKL with a linear shortcut around it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from einops import rearrange
from torch import Tensor, nn

from .layers import with_options_of


class ShortcutAutoencoderKL(AutoencoderKL):
    """AutoencoderKL whose latents and pictures also meet through one linear map of 8 x 8 patches.

    The networks learn what the linear map leaves over, as in the residual autoencoding of DC-AE (Chen et al. 2024).
    With `start_from_patches` the map is the best linear one and the networks add nothing yet, so training begins at
    the quality of principal components instead of noise: on a small budget that decides how mouths and hands look.
    """

    @register_to_config
    @with_options_of(AutoencoderKL)
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        latent_channels = self.config.latent_channels
        patch = 2 ** (len(self.config.block_out_channels) - 1)
        self.patch_in = nn.Conv2d(3, latent_channels, patch, stride=patch)
        self.patch_out = nn.ConvTranspose2d(latent_channels, 3, patch, stride=patch)

    def _encode(self, x: Tensor) -> Tensor:
        if _adds_nothing(self.encoder.conv_out):
            size = self.patch_in.kernel_size[0]
            rest = _bias_of(self.encoder.conv_out, len(x), x.shape[2] // size, x.shape[3] // size)
            rest = rest if self.quant_conv is None else self.quant_conv(rest)
        else:
            rest = super()._encode(x)
        mean, log_variance = rest.chunk(2, dim=1)
        return torch.cat([mean + self.patch_in(x), log_variance], dim=1)

    def _decode(self, z: Tensor, return_dict: bool = True) -> Any:
        linear = self.patch_out(z)
        if _adds_nothing(self.decoder.conv_out):
            decoded = linear + _bias_of(self.decoder.conv_out, len(z), *linear.shape[2:])
        else:
            decoded = linear + super()._decode(z, return_dict=False)[0]
        return DecoderOutput(sample=decoded) if return_dict else (decoded,)

    @torch.no_grad()
    def start_from_patches(self, pictures: Tensor, evenness: float = 0.5, log_variance: float = -6.0) -> None:
        """Set the shortcut to the principal components of patches of `pictures` (N, 3, H, W) in -1..1.

        Component i is divided by its standard deviation to the power `evenness`: 0 keeps the energies of pixels, 1
        makes all latent channels equally strong. The last convolutions of both networks start at zero.
        """
        size = self.patch_in.kernel_size[0]
        patches = rearrange(pictures, "n c (h p) (w q) -> (n h w) (c p q)", p=size, q=size).double()
        centre = patches.mean(0)
        covariance = (patches - centre).T @ (patches - centre) / len(patches)
        energy, directions = torch.linalg.eigh(covariance)
        count = self.config.latent_channels
        energy, directions = energy[-count:].flip(0), directions[:, -count:].flip(1)
        scale = energy.clamp(min=1e-8).sqrt().pow(evenness)
        into = (directions / scale).T  # (latent, 3 * p * q)
        out = (directions * scale).T
        self.patch_in.weight.copy_(rearrange(into, "l (c p q) -> l c p q", p=size, q=size))
        assert self.patch_in.bias is not None and self.patch_out.bias is not None
        self.patch_in.bias.copy_(-into @ centre)
        self.patch_out.weight.copy_(rearrange(out, "l (c p q) -> l c p q", p=size, q=size))
        # One bias for each colour cannot hold a mean that differs within the patch; it hardly does.
        self.patch_out.bias.copy_(rearrange(centre, "(c p q) -> c (p q)", p=size, q=size).mean(1))
        nn.init.zeros_(self.decoder.conv_out.weight)
        nn.init.zeros_(self.decoder.conv_out.bias)
        nn.init.zeros_(self.encoder.conv_out.weight)
        nn.init.zeros_(self.encoder.conv_out.bias)
        if self.quant_conv is not None:
            nn.init.zeros_(self.quant_conv.weight)
            self.quant_conv.bias[:count] = 0
            self.quant_conv.bias[count:] = log_variance
        if self.post_quant_conv is not None:
            nn.init.dirac_(self.post_quant_conv.weight)
            nn.init.zeros_(self.post_quant_conv.bias)


def _adds_nothing(last: nn.Conv2d) -> bool:
    """Whether a network that ends in `last` was never trained: then its cost, most of a decoder's, is saved."""
    return not last.weight.requires_grad and not bool(last.weight.any())


def _bias_of(last: nn.Conv2d, batch: int, height: int, width: int) -> Tensor:
    """What a convolution of zero weights gives everywhere."""
    assert last.bias is not None
    return last.bias[None, :, None, None].expand(batch, -1, height, width)
