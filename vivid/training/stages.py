"""Stage 1 (single frames) and stage 2 (windows) of the denoiser with ReferenceNet and hand encoder (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from ..generators.diffusion.noise import initial_noise
from ..media.tensors import pixels_to_unit
from ..method.attention import KeyValues
from ..method.conditions import Conditions
from ..method.factory import Models
from ..method.hand_encoder import maps_from_pixels
from ..method.options import rebuilt
from ..method.schedule import make_scheduler
from .ablations import FULL, Ablation
from .batches import Batch
from .loop import LoopConfig, TrainingStage
from .prepare import PreparedClip, decode_frames
from .windows import DropRates, WindowSampler, WindowShape, fixed_batch


@dataclass(frozen=True)
class DiffusionConfig:
    """One stage of the diffusion training; the defaults are stage 2 at compact size.

    `last_step_share` of the draws are at the step of pure noise (zero terminal SNR), which decides the layout in the
    first step of sampling; the other draws are uniform. Weights of the loss are on latent cells, relative to 1.
    """

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(minutes=10, learning_rate=5e-4, ema_decay=0.999))
    window: WindowShape = field(default_factory=WindowShape)
    batch: int = 2
    motion: bool = True
    spatial_rate: float = 1.0
    """Factor on the learning rate of everything but the motion modules."""
    separate_frames: bool = False
    """Each frame of a window is a video of its own that shares the window's reference: for models of single frames,
    without running the ReferenceNet for each."""
    same_head: bool = False
    """Choose references whose head is about where it is in the window; see `WindowSampler`."""
    drops: DropRates = field(default_factory=DropRates)
    snr_gamma: float | None = 5.0
    """None weighs all noise levels alike, as equation 3 does."""
    last_step_share: float = 0.2
    last_step_noise: float = 1.0
    """Scale of the noise at the step of pure noise. 0 turns that step into a regression on the conditions (the target
    there does not depend on the noise): learnt many times faster, sampled in one step from zeros, with no variety."""
    mouth_weight: float = 6.0
    hand_weight: float = 2.0
    gradient_checkpointing: bool = False
    """Compute the denoiser's activations again in the backward pass: more arithmetic, a fraction of the memory."""
    ablation: Ablation = FULL
    sample_steps: int = 6


PAPER_STAGE_1 = DiffusionConfig(
    LoopConfig(steps=100_000, learning_rate=1e-5, final_rate=1.0, warmup_steps=0, betas=(0.9, 0.999), precision="bf16"),
    window=WindowShape(1), batch=8, motion=False, mouth_weight=1.0, hand_weight=1.0, last_step_share=0.0,
    snr_gamma=None, sample_steps=30,
)  # fmt: skip
PAPER_STAGE_2 = replace(PAPER_STAGE_1, window=WindowShape(24), batch=4, motion=True, spatial_rate=0.0,
                        gradient_checkpointing=True)  # fmt: skip
COMPACT_STAGE_1 = DiffusionConfig(
    LoopConfig(minutes=4, learning_rate=1e-3, precision="bf16"), WindowShape(4, stride=6), batch=64, motion=False
)
COMPACT_STAGE_2 = DiffusionConfig(
    LoopConfig(minutes=5, learning_rate=5e-4, precision="bf16"), WindowShape(24), batch=12, spatial_rate=0.5
)
CPU_STAGE_1 = DiffusionConfig(
    LoopConfig(minutes=80, learning_rate=1e-3, ema_decay=0.99, warmup_steps=30),
    WindowShape(4, stride=14, crop=16, face_share=0.35, hand_share=0.5), batch=4, motion=False, separate_frames=True,
    same_head=True, drops=DropRates(0.1, 0.02, 0.05, 0.0), last_step_share=1.0, last_step_noise=0.0,
    mouth_weight=20.0, hand_weight=4.0, sample_steps=1,
)  # fmt: skip
CPU_STAGE_2 = replace(
    CPU_STAGE_1,
    loop=LoopConfig(minutes=25, learning_rate=1e-3, ema_decay=0.99, warmup_steps=10),
    window=WindowShape(12, crop=16, whole_share=0.4), batch=1, motion=True, separate_frames=False,
)  # fmt: skip


def loss_weight(alphas: Tensor, gamma: float) -> Tensor:
    """Weight of the v-prediction error at signal share `alphas` (alpha bar): (min(SNR, gamma) + 1) / (SNR + 1).

    Min-SNR weighting (Hang et al. 2023) in its form for v-prediction, shifted by one so that the step of pure noise,
    whose SNR is 0, is learnt as well.
    """
    snr = alphas / (1 - alphas).clamp(min=1e-8)
    return (snr.clamp(max=gamma) + 1) / (snr + 1)


def separate_frames(batch: Batch) -> Batch:
    """A batch of B windows of F frames as one of B * F windows of one frame each; the references stay B."""
    frames = batch["latents"].shape[1]
    each = ("latents", "audio", "rhythm", "hand_maps", "hand_mask", "mouth_mask")
    separate = {k: batch[k].flatten(0, 1)[:, None] for k in each}
    shared = {k: v.repeat_interleave(frames, 0) for k, v in batch.items() if k not in separate and k != "reference"}
    return {**separate, **shared, "reference": batch["reference"]}


def _repeated(pairs: KeyValues, times: int) -> KeyValues:
    """Keys and values of B videos for B * times."""
    return {name: (k.repeat_interleave(times, 0), v.repeat_interleave(times, 0)) for name, (k, v) in pairs.items()}


class DiffusionStage(TrainingStage):
    """Denoiser, ReferenceNet and hand encoder under one loss; VAE and codebook stay as they are."""

    def __init__(self, config: DiffusionConfig, models: Models, clips: list[PreparedClip]) -> None:
        super().__init__()
        self.config, self.clips = config, clips
        self.denoiser = models.denoiser
        if self.denoiser.config.motion != config.motion:
            self.denoiser = rebuilt(models.denoiser, motion=config.motion)
        if config.gradient_checkpointing:
            self.denoiser.enable_gradient_checkpointing()
        self.reference, self.hand_encoder = models.reference, models.hand_encoder
        # not registered: frozen networks belong neither to the optimiser nor to checkpoints
        self.frozen = {"vae": models.vae.eval(), "codebook": models.codebook.eval()}
        self.codebook = models.codebook.train() if config.ablation.online_codebook else None
        self.predicts_noise = self.denoiser.config.prediction_type == "epsilon"
        self.scheduler = make_scheduler(prediction_type=self.denoiser.config.prediction_type)
        self.alphas = self.scheduler.alphas_cumprod.clone()
        self.head_window = self.denoiser.dsaa.head_window
        self.sampler = WindowSampler(clips, config.window, config.batch, config.same_head, head_window=self.head_window)
        motion = {p for module in self.denoiser.motion_modules() for p in module.parameters()}
        self.rates = {p: config.spatial_rate for p in self.parameters() if p not in motion}
        if config.spatial_rate == 0:
            for parameter in self.rates:
                parameter.requires_grad_(False)

    def batch(self, rng: np.random.Generator) -> Batch:
        return self.sampler.draw(rng, self.config.drops)

    def hand_tokens(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | float]:
        """Codebook tokens (B, 2*g*g, dim), which of them exist (B, 2*g*g), and the codebook's own loss (online)."""
        loss: Tensor | float = 0.0
        if self.codebook is None:
            codes = self.frozen["codebook"].quantiser.codes.to(batch["hand_indices"].device)
            tokens = codes[batch["hand_indices"]]  # (B, 2, g, g, dim)
        else:
            pictures = pixels_to_unit(rearrange(batch["hand_pictures"], "b s h w c -> (b s) h w c"))
            quantised, _, loss, _ = self.codebook.quantise(self.codebook.encode(pictures))
            rebuilt = self.codebook.decode(quantised)
            loss = loss + (rebuilt.float() - pictures).square().mean()
            tokens = rearrange(quantised, "(b s) d h w -> b s h w d", s=2)
        count = tokens.shape[2] * tokens.shape[3]
        present = batch["hand_present"].repeat_interleave(count, 1)
        return rearrange(tokens, "b s h w d -> b (s h w) d"), present, loss

    def conditions(self, batch: Batch) -> tuple[Conditions, Tensor | float]:
        """Conditions of a batch, without those drawn to be dropped, and the loss of a jointly trained codebook."""
        reference = batch["reference"].float() * batch["keep_image"][:, None, None, None]
        bank = self.denoiser.project_reference(self.reference.bank(reference))
        tokens, mask, codebook_loss = self.hand_tokens(batch)
        codes = self.denoiser.project_codes(tokens)
        if self.config.separate_frames:
            each = batch["latents"].shape[1]
            batch, reference = separate_frames(batch), reference.repeat_interleave(each, 0)
            mask, bank, codes = mask.repeat_interleave(each, 0), _repeated(bank, each), _repeated(codes, each)
        frames = batch["latents"].shape[1]
        keep_image = batch["keep_image"]
        maps = self.hand_encoder(maps_from_pixels(batch["hand_maps"].flatten(0, 1)))
        hands = rearrange(maps, "(b f) c h w -> b c f h w", f=frames)
        keep_hands = batch["keep_hands"]
        conditions = Conditions(
            audio=batch["audio"].float() * batch["keep_audio"][:, None, None, None],
            rhythm=batch["rhythm"].float() * batch["keep_audio"][:, None, None, None],
            hand_features=hands * keep_hands[:, None, None, None, None],
            reference=bank,
            reference_latents=reference,
            reference_present=None if bool(keep_image.all()) else keep_image,
            hand_tokens=codes,
            hand_token_mask=mask & keep_hands[:, None],
            head_mask=batch["head_mask"][:, None].expand(-1, frames, -1, -1),
            hand_mask=batch["hand_mask"],
        )
        return self.config.ablation.conditions(conditions), codebook_loss

    def draws(self, clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noise levels (B,) and noise of the shape of `clean` (B, C, F, h, w)."""
        config, device, count = self.config, clean.device, len(clean)
        steps = torch.randint(0, 1000, (count,), generator=generator, device=device)
        last = torch.rand(count, generator=generator, device=device) < config.last_step_share
        steps = torch.where(last, torch.full_like(steps, 999), steps)
        noise = torch.randn(clean.shape, generator=generator, device=device)
        scale = torch.where(steps == 999, config.last_step_noise, 1.0)
        return steps, noise * scale[:, None, None, None, None]

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        conditions, codebook_loss = self.conditions(batch)
        if config.separate_frames:
            batch = separate_frames(batch)
        clean = rearrange(batch["latents"].float(), "b f c h w -> b c f h w")
        steps, noise = self.draws(clean, generator)
        alphas = self.alphas.to(clean.device)[steps]
        signal, sigma = (part.sqrt()[:, None, None, None, None] for part in (alphas, 1 - alphas))
        noisy = signal * clean + sigma * noise
        target = noise if self.predicts_noise else signal * noise - sigma * clean
        error = (self.denoiser(noisy, steps, conditions).float() - target).square()
        cells = torch.ones_like(error[:, 0])  # (B, F, h, w)
        # the places of the reference's hands are as hard as those of the frame's: they must be painted over
        changed = batch["hand_mask"] | batch["reference_hand_mask"][:, None]
        cells = cells + (config.mouth_weight - 1) * batch["mouth_mask"] + (config.hand_weight - 1) * changed
        each = (error.mean(1) * cells).sum((1, 2, 3)) / cells.sum((1, 2, 3))
        weight = torch.ones_like(each) if config.snr_gamma is None else loss_weight(alphas, config.snr_gamma)
        plain = error.detach().mean(1)
        mouth, hands = batch["mouth_mask"], batch["hand_mask"]
        numbers = {
            "whole": plain.mean(),
            "mouth": (plain * mouth).sum() / mouth.sum().clamp(min=1),
            "hands": (plain * hands).sum() / hands.sum().clamp(min=1),
        }
        return (each * weight).mean() + codebook_loss, numbers

    @torch.no_grad()
    def generate(self, batch: Batch, steps: int, seed: int = 0) -> Tensor:
        """Sample latents (B, F, C, h, w) for the conditions of a batch, without guidance."""
        self.scheduler.set_timesteps(steps)
        conditions = self.conditions(batch)[0]
        shown = separate_frames(batch) if self.config.separate_frames else batch
        shape = shown["latents"].transpose(1, 2).shape
        clamp = 0.0 if self.config.last_step_noise == 0 else None
        sample = initial_noise(shape, seed, batch["latents"].device, torch.float32, clamp)
        for step in self.scheduler.timesteps:
            times = step.to(sample.device).expand(len(sample))
            sample = self.scheduler.step(self.denoiser(sample, times, conditions), step, sample).prev_sample
        return rearrange(sample, "(b n) c f h w -> b (n f) c h w", b=len(batch["latents"]))

    @torch.no_grad()
    def sample(self) -> np.ndarray:
        """For four windows: every n-th true frame above the generated one."""
        device = next(self.denoiser.parameters()).device
        longest = min(len(clip) for clip in self.clips)
        frames = min(12, longest, self.denoiser.config.motion_max_seq_length)  # half a second is enough to see
        batch = {k: v.to(device) for k, v in fixed_batch(self.clips, frames, 4, self.head_window).items()}
        latents = self.generate(batch, self.config.sample_steps)
        rows = []
        shown = np.linspace(0, frames - 1, 6).round().astype(int)
        vae = self.frozen["vae"].to(device)
        for video in range(len(latents)):
            for source in (batch["latents"][video].float(), latents[video]):
                rows.append(np.concatenate(list(decode_frames(vae, source[shown])), 1))
        return np.concatenate(rows, 0)

    def export(self, folder: Path) -> None:
        names = ["denoiser", "reference", "hand_encoder"] + ["codebook"] * self.config.ablation.online_codebook
        for name in names:
            network: nn.Module = getattr(self, name)
            network.save_pretrained(folder / name, max_shard_size="9MB")  # type: ignore[operator]
