"""How every generator resolves the settings of a run: its own values where none were given, refusals of bad ones."""

from __future__ import annotations

from dataclasses import asdict

from ..config import ResolvedSettings, RunSettings
from ..errors import InputError
from . import Capabilities


def resolve(can: Capabilities, settings: RunSettings, size: tuple[int, int]) -> ResolvedSettings:
    """The settings of a run, resolved for a generator with these capabilities; `size` is its default for the portrait.

    Parts without trained weights come out switched off. Errors: InputError for a value that the generator does not
    accept, in a sentence that says what it accepts. A seed is always accepted: it does no harm where nothing is random.
    """
    width, height = settings.width or size[0], settings.height or size[1]
    check_size(width, height, can.size_multiple, can.largest_side)
    _check_steps(can, settings.steps)
    audio, image = can.guidance or (None, None)
    if can.guidance is None and (settings.guidance_audio is not None or settings.guidance_image is not None):
        raise InputError("Guidance has no effect on {}: leave it out.", can.name)
    if settings.from_layers is not None and not can.takes_layers:
        raise InputError(f"{can.name} does not sample from noise in steps: leave the layers to start from out.")
    for name, title in (("head_stream", "head stream"), ("lip_stream", "lip stream"), ("codebook", "hand codebook")):
        if not getattr(settings, name) and name not in can.switches + can.untrained:
            raise InputError("{} has no {} to switch off: leave it out.", can.name, title)
    resolved = {
        "width": width,
        "height": height,
        "steps": can.steps if settings.steps is None else settings.steps,
        "guidance_audio": audio if settings.guidance_audio is None else settings.guidance_audio,
        "guidance_image": image if settings.guidance_image is None else settings.guidance_image,
        "head_stream": settings.head_stream and "head_stream" in can.switches,
        "lip_stream": settings.lip_stream and "lip_stream" in can.switches,
        "codebook": settings.codebook and "codebook" in can.switches,
    }
    return ResolvedSettings(**asdict(settings) | resolved)


def check_size(width: int, height: int, multiple: int, largest: int) -> None:
    """InputError unless both sides are multiples of `multiple`, from `multiple` to `largest`."""
    if any(side % multiple or not multiple <= side <= largest for side in (width, height)):
        raise InputError("The size is {} x {}: choose multiples of {} up to {}.", width, height, multiple, largest)


def _check_steps(can: Capabilities, steps: int | None) -> None:
    if steps is None:
        return
    if can.steps is None or can.most_steps is None:
        raise InputError("{} has no sampling steps: leave their number out.", can.name)
    if steps > can.most_steps:
        if can.most_steps == 1:
            raise InputError(
                "{} makes a video in one step: {} steps are not possible, leave them out.", can.name, steps
            )
        raise InputError("The number of steps is {}: choose 1 to {}.", steps, can.most_steps)
