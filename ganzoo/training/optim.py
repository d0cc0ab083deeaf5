"""Optimisers and learning-rate schedules as the recipe describes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.recipes import Optimiser


def make_optimiser(
    spec: Optimiser, parameters: Iterable[nn.Parameter], recordable: bool = False
) -> torch.optim.Optimizer:
    """The optimiser of one player.

    recordable: whether its steps may be recorded on the device; then the learning rate is a tensor there.

    Adam runs fused wherever a fused kernel exists: also on the CPU, where the default step of a small network costs
    more than its arithmetic.
    """
    weights = list(parameters)
    if spec.name in ("adam", "adamw"):
        kinds = {(weight.device.type, weight.dtype) for weight in weights}
        fused = len(kinds) == 1 and kinds <= {(device, torch.float32) for device in ("cpu", "cuda")}
        made = FusedAdam if fused else torch.optim.Adam
        rate = torch.tensor(spec.lr, device=weights[0].device) if recordable and fused else spec.lr
        decoupled = spec.name == "adamw"
        return made(
            weights, rate, spec.betas, spec.eps, weight_decay=spec.weight_decay, decoupled_weight_decay=decoupled
        )
    if spec.name == "rmsprop":
        return torch.optim.RMSprop(
            weights, spec.lr, eps=spec.eps, momentum=spec.momentum, weight_decay=spec.weight_decay
        )
    return torch.optim.SGD(weights, spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)


class FusedAdam(torch.optim.Adam):
    """torch.optim.Adam (Kingma & Ba 2015; decoupled: Loshchilov & Hutter 2019) that calls the fused kernel directly.

    For a small network, what torch does before it calls the kernel takes longer than the kernel. For float32 weights on
    one device. found_inf: set it to a scalar on the device that is 1 if the weights must not change.
    """

    found_inf: Tensor | None = None

    # torch's own, without the decorator that keeps them out of compiled code, where they never are: it imports the
    # compiler, which takes more than half as long as importing the rest of torch.
    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    zero_grad = unwrap(torch.optim.Adam.zero_grad)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, fused=True)
        for group in self.param_groups:
            group["rate"] = float(group["lr"])

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            updated = [weight for weight in group["params"] if weight.grad is not None]
            all_updated = len(updated) == len(group["params"])
            new = [weight for weight in updated if not self.state[weight]]
            if new:
                self._make_state(new, together=all_updated and not isinstance(group["lr"], Tensor))
            if not all_updated:
                self._separate_counts(group["params"])
            states = [self.state[weight] for weight in updated]
            steps = [state["step"] for state in states]
            counts = list({id(step): step for step in steps}.values())
            torch._foreach_add_(counts, 1)
            kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
            kernel(
                updated,
                [weight.grad for weight in updated],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
                grad_scale=None,
                found_inf=self.found_inf,
            )
            if self.found_inf is not None:
                torch._foreach_sub_(counts, [self.found_inf] * len(counts))

    # Keeps torch from wrapping it in a check for hooks and profilers, which takes longer than a small step.
    step.hooked = True  # type: ignore[attr-defined]

    def _make_state(self, weights: Sequence[Tensor], together: bool) -> None:
        """Create the state of weights that are updated for the first time.

        together: whether they share one step count, as each count costs a call on a CPU. They do as long as all weights
        of their group are updated, unless steps may be recorded: a recording would continue to count for all of them.
        """
        count = torch.zeros((), device=weights[0].device)
        for weight in weights:
            state: dict[str, Tensor] = self.state[weight]
            state["step"] = count if together else torch.zeros_like(count)
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = torch.zeros_like(weight, memory_format=torch.preserve_format)

    def _separate_counts(self, weights: Iterable[Tensor]) -> None:
        """Give each of these weights its own step count, if some share one."""
        seen = set()
        for state in [self.state[weight] for weight in weights if weight in self.state]:
            if id(state["step"]) in seen:
                state["step"] = state["step"].clone()
            seen.add(id(state["step"]))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups, in place if it is a tensor on a device."""
    for group in optimiser.param_groups:
        if not isinstance(group["lr"], Tensor):
            group["lr"] = rate
        elif group["rate"] != rate:
            # Stored beside the tensor, as reading that would make the host wait.
            group["lr"].fill_(rate)
            group["rate"] = rate


def set_options(optimiser: torch.optim.Optimizer, spec: Optimiser) -> None:
    """Set what a schedule may change in all groups, except for the learning rate, where the optimiser has it."""
    values = {"betas": spec.betas, "eps": spec.eps, "momentum": spec.momentum, "weight_decay": spec.weight_decay}
    for group in optimiser.param_groups:
        group.update({name: value for name, value in values.items() if name in group})


def learning_rate(spec: Optimiser, step: int, steps: int) -> float:
    """The learning rate in step number `step` of `steps`, counted from 0.

    From the schedule's end on, at the latest in the last step, it is `final_lr` times the rate. It is a function of the
    step alone, so resuming needs no state.
    """
    rate = spec.lr
    if step < spec.warmup:
        rate *= (step + 1) / spec.warmup
    begin, last = spec.schedule_start * steps, max(spec.schedule_end * steps - 1, 0)
    if spec.schedule == "constant" or (step <= begin and (step < last or last == 0)):
        return rate
    fraction = 1.0 if step >= last else (step - begin) / (last - begin)
    decay = 1 - fraction if spec.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * fraction))
    return rate * (spec.final_lr + (1 - spec.final_lr) * decay)
