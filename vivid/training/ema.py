"""The averaged weights that a run samples with and exports."""

from __future__ import annotations

import torch
from torch import nn

from .sharding import own


class Ema:
    """Exponential moving average of a module's floating parameters and buffers, with a warm-up of the decay.

    Of split parameters, each process averages its own part.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.count = 0
        self.shadow = {k: own(v.detach()).clone() for k, v in module.state_dict().items() if v.is_floating_point()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's weights."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        state = module.state_dict()
        old, new = list(self.shadow.values()), [own(state[name].detach()) for name in self.shadow]
        torch._foreach_lerp_(old, new, 1 - decay)

    @torch.no_grad()
    def swap(self, module: nn.Module) -> None:
        """Exchange the module's weights with the average (call twice to undo)."""
        state = module.state_dict()
        for name, value in self.shadow.items():
            current = own(state[name].detach())
            kept = current.clone()
            current.copy_(value)
            value.copy_(kept)
