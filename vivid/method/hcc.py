"""HCC, the hand clarity codebook (paper, section 3.2.2): a VQ-VAE of hands, and the attention to its codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as distributed
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import Decoder, Encoder
from diffusers.utils.accelerate_utils import apply_forward_hook
from einops import rearrange
from torch import Tensor, nn

from .attention import MaskedCrossAttention

COMMITMENT = 0.25
"""Weight beta of the commitment term (paper, section 4.1)."""


@dataclass(frozen=True)
class QuantiserStats:
    """How much of the codebook one batch used; watch it for collapse."""

    perplexity: Tensor
    """exp(entropy) of the batch's code frequencies, a scalar in 1..codes."""
    used: Tensor
    """How many different codes the batch used, a scalar."""
    restarted: Tensor
    """How many dead codes were restarted in this step, a scalar (0 outside training)."""


@dataclass(frozen=True)
class HandCodebookOutput:
    """One pass of the VQ-VAE; `loss` is what is minimised."""

    reconstruction: Tensor
    indices: Tensor
    loss: Tensor
    reconstruction_loss: Tensor
    quantiser_loss: Tensor
    stats: QuantiserStats


class Quantiser(nn.Module):
    """Nearest-neighbour quantiser over `codes` vectors of width `dim` (van den Oord 2017).

    Every code moves to the running mean of the vectors that chose it, so that no gradient is needed. A code that is no
    longer chosen (running count below `restart_below`) moves to a random vector of the current batch, and the first
    training batch places all codes, so that none starts far from the data. Arithmetic is in float32 whatever the input.

    Where several processes train, codes follow the vectors of all of them, as if it were one batch.
    """

    usage: Tensor
    sums: Tensor
    codes: Tensor

    def __init__(self, codes: int, dim: int, decay: float = 0.99, restart_below: float = 0.05) -> None:
        super().__init__()
        self.decay, self.restart_below = decay, restart_below
        start = torch.randn(codes, dim) / dim**0.5
        self.register_buffer("codes", start)
        self.register_buffer("sums", start.clone())
        # Running count of choices a batch; -1 marks codes that no training batch has placed yet.
        self.register_buffer("usage", torch.full((codes,), -1.0))

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor, QuantiserStats]:
        """Replace every vector by its nearest code.

        latents (B, dim, g, g) -> quantised (same shape and type; the gradient passes straight through), indices
        (B, g, g), commitment loss (scalar), statistics.
        """
        size = latents.shape[-1]
        vectors = rearrange(latents, "b c h w -> (b h w) c").float()
        learning = self.training and torch.is_grad_enabled()
        restarted = torch.zeros((), device=latents.device)
        if learning and bool((self.usage < 0).all()):
            self._place(vectors.detach(), torch.ones_like(self.usage, dtype=torch.bool))
        indices = self.nearest(vectors)
        counts = torch.bincount(indices, minlength=len(self.codes)).float()
        chosen = self.codes.float()[indices]
        loss = COMMITMENT * F.mse_loss(vectors, chosen.detach())
        if learning:
            restarted = self._learn(vectors.detach(), indices, counts)
        quantised = rearrange(chosen.detach(), "(b h w) c -> b c h w", h=size, b=len(latents)).to(latents.dtype)
        quantised = latents + (quantised - latents).detach()
        stats = QuantiserStats(perplexity_of(counts), (counts > 0).sum(), restarted)
        return quantised, rearrange(indices, "(b h w) -> b h w", h=size, b=len(latents)), loss, stats

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the nearest code of each vector: (N, dim) float32 -> (N,)."""
        # |v - c|^2 without |v|^2, which is the same for every code; autocast would round the distances
        with torch.no_grad(), torch.autocast(vectors.device.type, enabled=False):
            codes = self.codes.float()
            return torch.addmm(codes.square().sum(1), vectors, codes.T, alpha=-2).argmin(1)

    @torch.no_grad()
    def _learn(self, vectors: Tensor, indices: Tensor, counts: Tensor) -> Tensor:
        """Update running counts and means, then restart dead codes; returns how many."""
        if several := distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(counts)
        self.usage.lerp_(counts, 1 - self.decay)
        sums = torch.zeros_like(self.sums).index_add_(0, indices, vectors)
        if several:
            distributed.all_reduce(sums)
        self.sums.lerp_(sums, 1 - self.decay)
        self.codes.copy_(self.sums / self.usage.clamp(min=1e-5)[:, None])
        dead = self.usage < self.restart_below
        if bool(dead.any()):
            self._place(vectors, dead)
        return dead.sum().float()

    @torch.no_grad()
    def _place(self, vectors: Tensor, which: Tensor) -> None:
        """Move the codes marked in `which` (codes,) bool to random vectors of this batch, as if used once a batch."""
        if several := distributed.is_available() and distributed.is_initialized():
            parts = [torch.empty_like(vectors) for _ in range(distributed.get_world_size())]
            distributed.all_gather(parts, vectors.contiguous())
            vectors = torch.cat(parts)
        count = int(which.sum())
        order = torch.randperm(len(vectors), device=vectors.device)
        picks = order.repeat(-(-count // len(order)))[:count]  # in a small batch, codes share vectors
        places = vectors[picks]
        if count > len(order):  # of equal codes only one would ever be chosen: move them apart a little
            places = places + 0.01 * vectors.std() * torch.randn_like(places)
        if several:  # the first process's choice
            distributed.broadcast(places, 0)
        self.codes[which] = places.to(self.codes.dtype)
        self.usage[which] = 1.0
        self.sums[which] = places.to(self.sums.dtype)


class HandCodebook(ModelMixin, ConfigMixin):
    """VQ-VAE of square hand pictures: residual and self-attention encoder, 1024 x 256 codes, residual decoder.

    Pictures (N, 3, size, size) in -1..1; the grid is size / (patch * 2 ** (len(channels) - 1)): 256 px and five
    levels give 16 x 16, six give 8 x 8. `patch` folds patch x patch pixels into channels before the first convolution
    (and back after the last), which makes the finest level `patch` squared times cheaper.
    """

    quantiser: Quantiser

    @register_to_config
    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 96, 128, 128),
        layers: int = 1,
        codes: int = 1024,
        code_dim: int = 256,
        norm_groups: int = 16,
        image_size: int = 256,
        patch: int = 1,
        decay: float = 0.99,
    ) -> None:
        super().__init__()
        self.grid = image_size // (patch * 2 ** (len(channels) - 1))
        self.patch = patch
        depth = 3 * patch**2
        self.encoder = Encoder(
            depth,
            code_dim,
            ("DownEncoderBlock2D",) * len(channels),
            tuple(channels),
            layers,
            norm_groups,
            double_z=False,
            mid_block_add_attention=True,
        )
        self.quantiser = Quantiser(codes, code_dim, decay)
        self.decoder = Decoder(
            code_dim,
            depth,
            ("UpDecoderBlock2D",) * len(channels),
            tuple(channels),
            max(layers - 1, 0),  # diffusers' decoder adds one resnet per level: this matches the encoder
            norm_groups,
            mid_block_add_attention=False,
        )

    @property
    def perplexity(self) -> float:
        """Effective number of codes in use, from the running counts of training (1 until it has been trained)."""
        return float(perplexity_of(self.quantiser.usage.clamp(min=0)))

    @apply_forward_hook
    def encode(self, images: Tensor) -> Tensor:
        """Pictures (N, 3, size, size) in -1..1 -> unquantised grid (N, code_dim, g, g)."""
        return self.encoder(F.pixel_unshuffle(images, self.patch))

    @apply_forward_hook
    def quantise(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor, QuantiserStats]:
        """(N, code_dim, g, g) -> quantised grid, code indices (N, g, g), quantiser loss, statistics of this batch."""
        return self.quantiser(latents)

    @apply_forward_hook
    def decode(self, quantised: Tensor) -> Tensor:
        """Quantised grid (N, code_dim, g, g) -> pictures (N, 3, size, size), about -1..1 (not clipped)."""
        return F.pixel_shuffle(self.decoder(quantised), self.patch)

    def forward(self, images: Tensor) -> HandCodebookOutput:
        """One training pass: pictures (N, 3, size, size) in -1..1 -> reconstruction and loss (L2 + commitment)."""
        quantised, indices, quantiser_loss, stats = self.quantise(self.encode(images))
        reconstruction = self.decode(quantised)
        reconstruction_loss = F.mse_loss(reconstruction.float(), images.float())
        return HandCodebookOutput(
            reconstruction, indices, reconstruction_loss + quantiser_loss, reconstruction_loss, quantiser_loss, stats
        )

    @apply_forward_hook
    def tokens(self, left: Tensor, right: Tensor) -> Tensor:
        """Codes of both hands as tokens, left first: two (B, 3, size, size) in -1..1 -> (B, 2 * g * g, code_dim).

        The crop of a hand that is not in the picture may hold anything: mask its tokens with `token_mask`.
        """
        quantised = self.quantise(self.encode(torch.cat([left, right])))[0]
        return rearrange(quantised, "(s b) c h w -> b (s h w) c", s=2)

    def token_mask(self, present: Tensor) -> Tensor:
        """Which tokens exist: present (B, 2) bool, left and right -> (B, 2 * g * g) bool."""
        return present.bool().repeat_interleave(self.grid**2, dim=1)


class CodebookAttention(MaskedCrossAttention):
    """The codebook attention of one block (equation 5): the tokens inside M_hand attend to the hands' codes."""


def perplexity_of(counts: Tensor) -> Tensor:
    """Effective number of codes in use: exp(entropy) of how often each was chosen, (codes,) -> a scalar."""
    shares = counts / counts.sum().clamp(min=1e-9)
    return torch.exp(-(shares * shares.clamp(min=1e-9).log()).sum())
