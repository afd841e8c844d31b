"""Classifier-free guidance for sound and picture (`vivid/method/README.md`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ...method.conditions import Conditions


def guidance_coefficients(audio_scale: float, image_scale: float) -> tuple[float, float, float]:
    """Weights of the predictions (unconditional, image only, image and audio); a weight of 0 needs no evaluation.

    e = e() + s_img (e(img) - e()) + s_aud (e(img, aud) - e(img)), gathered by prediction: three
    evaluations in general, two when the scales are equal, one when both are 1.
    """
    return 1.0 - image_scale, image_scale - audio_scale, audio_scale


def guided_prediction(
    predict: Callable[[Conditions], Tensor], conditions: Conditions, audio_scale: float, image_scale: float
) -> Tensor:
    """The guided combination of those predictions that the scales need, in float32; same shape as one prediction."""
    unconditional, image, both = guidance_coefficients(audio_scale, image_scale)
    result: Tensor | float = 0.0
    if unconditional:
        result = unconditional * predict(conditions.unconditional(keep_image=False)).float()
    if image:
        result = result + image * predict(conditions.unconditional(keep_image=True)).float()
    if both or not (unconditional or image):
        result = result + both * predict(conditions).float()
    assert isinstance(result, Tensor)
    return result
