"""The networks of the method on top of layered frames: they predict what the layers miss, in one step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ...method.autoencoder import ShortcutAutoencoderKL
from ...method.conditions import Conditions
from ...method.denoiser import Denoiser
from ...method.factory import Models
from ...method.options import rebuilt

LAST_STEP = 999
"""Step of the schedule at which the sample is pure noise; here it is set to zero, which makes this a regression."""
DETAIL_CHANNELS = 128
UNUSED_HANDS = 5
"""Channels of the detail network for arms carried from the portrait: the layers have already drawn the arms."""


def start_refiner(models: Models) -> Models:
    """The networks of a trained model as a refiner that changes nothing yet; `models` stays as it is.

    Raises TypeError for any autoencoder but this project's own: others cannot carry details.
    """
    if not isinstance(models.vae, ShortcutAutoencoderKL):
        raise TypeError("only this project's own autoencoder keeps the details of a layered frame")
    channels = models.vae.config.detail_channels or DETAIL_CHANNELS
    vae = rebuilt(models.vae, detail_channels=channels)
    assert vae.detail is not None
    for parameter in vae.detail.conv_out.parameters():
        nn.init.zeros_(parameter)
    return replace(models, vae=vae, denoiser=with_layers(models.denoiser))


def with_layers(denoiser: Denoiser) -> Denoiser:
    """The same denoiser without motion modules; it also reads layered frames and, at first, returns just these."""
    channels = denoiser.config.in_channels
    more = rebuilt(denoiser, in_channels=channels + denoiser.config.out_channels, concat_layers=True, motion=False)
    with torch.no_grad():
        more.conv_in.weight.zero_()[:, :channels] = denoiser.conv_in.weight
        for parameter in more.conv_out.parameters():
            parameter.zero_()
    return more


def refine(
    vae: ShortcutAutoencoderKL, denoiser: Any, layered: Tensor, hand_maps: Tensor, conditions: Conditions
) -> tuple[Tensor, Tensor]:
    """Refined pictures (N, 3, H, W) of layered ones in -1..1, and the refined scaled latents (N, C, H/8, W/8).

    hand_maps: (N, 3, H, W) in 0..1; conditions: of N videos of one frame each, without layered latents. Details that
    the latents lose are carried past them, where the detail network finds that they still fit: the result is the
    layered frame plus a difference, which is zero before training.
    """
    with torch.autocast(layered.device.type, enabled=False):  # what is carried past the latents must come out exact
        details = vae.details_of(layered)
    assert details is not None
    conditions = replace(conditions, layered_latents=details.latents[:, :, None])
    sample = torch.zeros_like(details.latents)[:, :, None]
    velocity = denoiser(sample, torch.full((len(layered),), LAST_STEP, device=layered.device), conditions)
    latents = -velocity[:, :, 0].to(layered.dtype)  # at the last step a picture is minus its velocity
    hands = torch.cat([hand_maps, hand_maps.new_zeros(len(layered), UNUSED_HANDS, *hand_maps.shape[2:])], 1)
    with torch.autocast(layered.device.type, enabled=False):
        return vae.decode_beside(latents, details, hands), latents
