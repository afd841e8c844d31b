"""What a run is: constants, limits and settings shared by every part."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .errors import InputError

FPS = 24
"""Frames a second of every video and every clip inside the program."""
SAMPLE_RATE = 16_000
"""Hertz of speech inside the program (Whisper's and wav2vec2's rate)."""


@dataclass(frozen=True)
class Limits:
    """What is accepted from outside; a server may set other limits."""

    upload_bytes: int = 64 * 2**20
    picture_pixels: int = 40_000_000
    speech_seconds: float = 60.0
    motion_seconds: float = 60.0


@dataclass(frozen=True)
class ModelInfo:
    """What a model is besides its networks; stored as `model_index.json`.

    `untrained` names the parts that stay without effect because they have no trained weights; `domain` says what kind
    of portraits the model was made for; `refines_layers`: whether it refines frames drawn by the layered generator;
    `ablation`: the title of its row in a table of ablations.
    """

    name: str
    speech_encoder: str
    domain: str
    size: tuple[int, int]
    window: int
    overlap: int
    steps: int
    guidance_audio: float
    guidance_image: float
    solver: str = "ddim"
    noise_clamp: float | None = None
    untrained: tuple[str, ...] = ()
    refines_layers: bool = False
    ablation: str = ""

    @property
    def switches(self) -> tuple[str, ...]:
        """The run settings that change something: of trained parts, and the calibration."""
        parts = ("head_stream", "lip_stream", "codebook", "calibrate")
        return tuple(name for name in parts if name not in self.untrained)


@dataclass(frozen=True)
class RunSettings:
    """Everything that decides a video besides its three inputs.

    `width`, `height`, `steps` and the guidance scales left at None take the generator's own values; `Generator.resolve`
    says which others it accepts. The switches are the paper's ablations (section 4.3), and the lip stream. `crop`, 0 to
    1, says which part of a portrait of another shape is shown, from its left or upper end to the other, as far as the
    face stays in the picture; None is for head and hands. `from_layers`, 0 to 1, starts sampling from the layered
    generator's frames, noised to that degree; None and 1 start it from pure noise.
    """

    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_audio: float | None = None
    guidance_image: float | None = None
    seed: int = 0
    seconds: float | None = None
    head_stream: bool = True
    lip_stream: bool = True
    codebook: bool = True
    calibrate: bool = True
    mark: bool = True
    from_layers: float | None = None
    crop: float | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError("The {} is {}: choose a number of pixels.", name, value)
        if self.steps is not None and self.steps < 1:
            raise InputError("The number of steps is {}: choose 1 or more.", self.steps)
        for name in ("guidance_audio", "guidance_image"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 20:
                raise InputError("{} is {}: choose 0 to 20 (1 is no guidance).", name, value)
        if self.seconds is not None and not self.seconds > 0:
            raise InputError("The length is {} seconds: choose more than 0.", self.seconds)
        if self.from_layers is not None and not 0 <= self.from_layers <= 1:
            raise InputError(f"The strength of noise on the layers is {self.from_layers}: choose 0 to 1.")
        if self.crop is not None and not 0 <= self.crop <= 1:
            raise InputError("The place of the crop is {}: choose 0 to 1.", self.crop)
        if not 0 <= self.seed < 2**63:
            raise InputError("The seed is {}: choose a whole number from 0 on.", self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ResolvedSettings(RunSettings):
    """Settings of a run with the generator's own values where none were given: see `Generator.resolve`."""

    width: int = 0
    height: int = 0

    @property
    def guidance(self) -> tuple[float, float]:
        """Scales for sound and looks; 1, no guidance, where the generator has none."""
        audio, image = self.guidance_audio, self.guidance_image
        return 1.0 if audio is None else audio, 1.0 if image is None else image
