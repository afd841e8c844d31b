"""The ablations of section 4.3: one name for what changes in every training and in the videos of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..method.conditions import Conditions
    from ..method.factory import ModelConfig
    from ..method.hcc import HandCodebook


@dataclass(frozen=True)
class Ablation:
    """What is left out or done otherwise; the default leaves nothing out.

    title: of its row in the tables; without: parts that are left out, named as the switches of `RunSettings`;
    online_codebook: the codebook is trained along with stage 1 and 2 instead of beforehand; codebook_grid: codes along
    each side of a hand.
    """

    title: str = ""
    without: tuple[str, ...] = ()
    online_codebook: bool = False
    codebook_grid: int = 16

    @property
    def untrained(self) -> tuple[str, ...]:
        """Networks that its training leaves alone."""
        return tuple(part for part in self.without if part != "calibrate")

    @property
    def switches(self) -> dict[str, bool]:
        """The run settings of its videos. Errors: InputError for one that only training can make."""
        if not self.without:
            raise InputError(f"{self.title} is a matter of training: name a model trained with --ablation.")
        return dict.fromkeys(self.without, False)

    def check_part(self, part: str) -> None:
        """InputError when this part of the training (`vivid train PART`) would be as without the ablation."""
        if self == FULL:
            return
        if not (self.untrained or self.online_codebook or self.codebook_grid != FULL.codebook_grid):
            raise InputError(f"{self.title} changes no training: name it behind a model, `--method MODEL,no-pct`.")
        if part == "hcc" and (self.untrained or self.online_codebook):
            raise InputError(f"{self.title} takes no codebook of its own: leave this part out.")
        if part == "refine" and not self.untrained:
            raise InputError("The refiner knows the ablations that leave something out: choose one of those.")
        if part not in ("hcc", "stage1", "stage2", "detail", "refine", "export"):
            raise InputError(f"{part} has no part in any ablation: leave --ablation out.")

    def model(self, config: ModelConfig) -> ModelConfig:
        """The model with this ablation's grid of codes: one more level halves it."""
        if self.codebook_grid == FULL.codebook_grid:
            return config
        return replace(config, codebook_channels=(*config.codebook_channels, config.codebook_channels[-1]))

    def check_codebook(self, codebook: HandCodebook) -> None:
        """InputError for a codebook with another grid."""
        if "codebook" not in self.without and codebook.grid != self.codebook_grid:
            grids = f"{codebook.grid} x {codebook.grid} codes, and {self.codebook_grid} x {self.codebook_grid}"
            raise InputError(f"The codebook has {grids} are wanted: train it with the same --ablation (`train hcc`).")

    def conditions(self, conditions: Conditions) -> Conditions:
        """The conditions of a training step without the parts that are left out; silence stands for the lip stream."""
        if "head_stream" in self.without:
            conditions = replace(conditions, head_mask=None)
        if "codebook" in self.without:
            conditions = replace(conditions, hand_tokens=None, hand_token_mask=None)
        if "lip_stream" in self.without and conditions.audio is not None:
            conditions = replace(conditions, audio=0 * conditions.audio)
        return conditions


FULL = Ablation()
ABLATIONS = {
    "online-hcc-8x8": Ablation("HCC (online 8x8)", online_codebook=True, codebook_grid=8),
    "online-hcc-16x16": Ablation("HCC (online 16x16)", online_codebook=True),
    "offline-hcc-8x8": Ablation("HCC (offline 8x8)", codebook_grid=8),
    "no-hcc": Ablation("w/o HCC", ("codebook",)),
    "no-head-stream": Ablation("w/o Head Aware", ("head_stream",)),
    "no-lip-stream": Ablation("w/o Lip-Sync", ("lip_stream",)),
    "no-pct": Ablation("w/o PCT", ("calibrate",)),
}
"""The rows of Table 2 with their titles there, and the two other parts of the method."""
