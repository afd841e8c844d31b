"""Pictures in: any common file becomes upright RGB; fitting to the size of a video."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from ..config import Limits
from ..errors import InputError, Message
from .apart import Answer, Refusals, call_apart
from .files import check_file

Picture = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF")
"""Decoders that are tried, if Pillow was built with them; its others are left out: some start other programs."""
BACKGROUND = (192, 192, 192)
"""What transparent pixels become."""
SMALLEST_SIDE = 64
LONGEST_SIDE = 1536
"""`shrink` scales larger pictures down to this: no model here makes larger videos, and it keeps the page fast."""
_LARGEST_PROFILE = 4 * 2**20
_HEIC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"}
_AVIF = {b"avif", b"avis"}
_ANY_HEIF = {b"mif1", b"msf1"}
"""Brands of files that may be HEIC or AVIF."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_USUAL_SCANS = 12
_MOST_SCANNED_PIXELS = 1e9
"""Scans times pixels; decoding them takes some three seconds."""


_REFUSALS = Refusals(
    slow="{} takes too long to decode: save it again as JPEG or PNG.",
    large="{} takes too much memory to decode: scale it down.",
)


@dataclass(frozen=True)
class Fit:
    """How `fit_picture` placed a picture: p becomes (p - corner) * scale, in pixels."""

    scale: float
    corner: tuple[float, float]
    source: tuple[int, int]
    target: tuple[int, int]

    def map_points(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Points (..., 2 or more) of the source on the target; values after x and y (confidence) stay."""
        mapped = np.array(points, np.float32)
        mapped[..., :2] = (mapped[..., :2] - np.asarray(self.corner, np.float32)) * np.float32(self.scale)
        return mapped


def load_picture(source: str | Path | Image.Image | NDArray[np.generic], limits: Limits | None = None) -> Picture:
    """A picture as upright sRGB, uint8 (H, W, 3), with values 0..255.

    `source` is a file, a PIL image or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, uint16 or
    floats in 0..1. EXIF rotation is applied, transparency is put on grey, colour profiles are converted, and of an
    animation the first frame is used. Size is checked before any pixel is decoded. Files are decoded in a process of
    their own, with a memory limit and a deadline. Errors: InputError.
    """
    limits = limits or Limits()
    if isinstance(source, np.ndarray):
        return _check_size_of(_from_array(source, limits))
    if isinstance(source, Image.Image):
        _check_pixels(source.size, limits)
        return _check_size_of(_decode(source, "The picture"))
    path = check_file(source, "picture", limits)
    _, (picture,) = call_apart(_read, path, _REFUSALS, pixels=limits.picture_pixels)
    return picture


def _read(path: Path, pixels: int) -> Answer:
    """`decode_file` for another process to call."""
    return {}, [decode_file(path, Limits(picture_pixels=pixels))]


def decode_file(path: Path, limits: Limits) -> Picture:
    """`load_picture` for a file in the current process, without a deadline or a memory limit."""
    kind, brands = _brands(path)
    if kind in _HEIC or (kind in _ANY_HEIF and _AVIF.isdisjoint(brands) and not _HEIC.isdisjoint(brands)):
        raise InputError("{} is a HEIC picture, which cannot be read here: save it as JPEG or PNG.", path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked below, and broken EXIF is no reason to refuse
            Image.init()
            with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as image:
                _check_pixels(image.size, limits)
                _check_scans(path, image)
                return _check_size_of(_decode(image, path.name))
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise InputError("{} is too large: {}.", path.name, _pixel_limit(limits)) from error
    except Exception as error:  # decoders raise whatever a broken file makes them raise
        raise InputError("{} cannot be read as a picture: use a JPEG, PNG or WebP file.", path.name) from error


def _brands(path: Path) -> tuple[bytes, set[bytes]]:
    """The major brand of a file of the MP4 family and those it is compatible with; b"" of others."""
    with path.open("rb") as file:
        head = file.read(8)
        if head[4:] != b"ftyp":
            return b"", set()
        rest = file.read(min(int.from_bytes(head[:4], "big"), 512) - 8 if head[:4] != b"\0\0\0\0" else 504)
    return rest[:4], {rest[place : place + 4] for place in range(8, len(rest) - 3, 4)}


def _check_scans(path: Path, image: Image.Image) -> None:
    """Refuse a JPEG with so many scans that decoding takes minutes; 10 are usual."""
    if image.format not in ("JPEG", "MPO"):
        return
    scans = count_scans(path.read_bytes())
    if scans > _USUAL_SCANS and scans * image.size[0] * image.size[1] > _MOST_SCANNED_PIXELS:
        raise InputError(
            "{} is stored in {} passes, too many to decode: save it again as JPEG or PNG.", path.name, scans
        )


def count_scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has."""
    place, scans = 2, 0
    while (found := _MARKER.search(data, place)) is not None:
        marker, place = found[0][1], found.end()
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        if marker != 0x01:  # all others state their length; a scan's header is followed by its data
            place += int.from_bytes(data[place : place + 2], "big")
    return scans


def shrink(image: Picture, longest: int = LONGEST_SIDE) -> Picture:
    """The picture (H, W, 3), at most `longest` pixels on a side."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0))


def fit_picture(
    image: Picture, size: tuple[int, int], centre: tuple[float, float] | None = None
) -> tuple[Picture, Fit]:
    """`image` (H, W, 3) scaled to cover `size` (width, height) and cropped, never squashed; the Fit says how.

    The crop is central, or as near to `centre` (x, y in source pixels) as the borders allow.
    """
    width, height = size
    source_height, source_width = image.shape[:2]
    fit = fit_of((source_width, source_height), size, centre)
    if (source_width, source_height) == (width, height):
        return image.copy(), fit
    box = (
        fit.corner[0],
        fit.corner[1],
        min(fit.corner[0] + width / fit.scale, source_width),
        min(fit.corner[1] + height / fit.scale, source_height),
    )
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.array(resized), fit


def fit_of(source: tuple[int, int], size: tuple[int, int], centre: tuple[float, float] | None = None) -> Fit:
    """How `fit_picture` brings pictures of `source` (width, height) to `size`."""
    (source_width, source_height), (width, height) = source, size
    scale = max(width / source_width, height / source_height)
    spare = (source_width - width / scale, source_height - height / scale)
    if centre is None:
        corner = (spare[0] / 2, spare[1] / 2)
    else:
        corner = (
            min(max(centre[0] - width / scale / 2, 0.0), max(spare[0], 0.0)),
            min(max(centre[1] - height / scale / 2, 0.0), max(spare[1], 0.0)),
        )
    return Fit(scale, (max(corner[0], 0.0), max(corner[1], 0.0)), source, size)


def _pixel_limit(limits: Limits) -> str:
    return Message("the limit is {} megapixels, scale it down", f"{limits.picture_pixels / 1e6:.0f}")


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.picture_pixels:
        raise InputError("The picture has {} x {} pixels: {}.", size[0], size[1], _pixel_limit(limits))


def _check_size_of(image: Picture) -> Picture:
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise InputError(
            "The picture has only {} x {} pixels: choose one of at least {} on each side.", width, height, SMALLEST_SIDE
        )
    return image


def _decode(image: Image.Image, name: str) -> Picture:
    """First frame, upright, without alpha, 8 bits, sRGB."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise InputError("{} is damaged or incomplete: save or download it again.", name) from error
    profile = image.info.get("icc_profile")
    image = _upright(image)
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        backdrop = Image.new("RGBA", rgba.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(backdrop, rgba).convert("RGB")
    return np.array(_to_srgb(image, profile))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF says nothing about the pixels
        return image


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    if image.mode == "F":
        scale = 255.0 if values.max(initial=0.0) <= 1.0 else 1.0
    else:
        # Mode I holds 16-bit files too; 8-bit values in it are rare and stay as they are.
        scale = 1 / 257 if image.mode != "I" or values.max(initial=0.0) > 255 else 1.0
    values *= np.float32(scale)
    return Image.fromarray(np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    usable = image.mode in {"RGB", "CMYK"} and profile and len(profile) <= _LARGEST_PROFILE
    if usable:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))  # type: ignore[arg-type]
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a wrong or broken profile: the plain conversion is the best that is left
    return image.convert("RGB")


def _from_array(array: NDArray[Any], limits: Limits) -> Picture:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in {1, 3, 4} or 0 in array.shape:
        raise InputError(f"The picture is an array of shape {array.shape}: give (height, width, 3).")
    _check_pixels((array.shape[1], array.shape[0]), limits)
    if array.dtype == np.uint16:
        values = np.rint(array / 257)
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise InputError("The picture is an array of floats outside 0..1: scale it, or give uint8.")
        values = np.rint(array.astype(np.float64) * 255)
    elif array.dtype == np.uint8:
        values = array
    else:
        raise InputError(f"The picture is an array of {array.dtype}: give uint8, uint16 or floats in 0..1.")
    pixels = values.astype(np.uint8)
    if pixels.shape[-1] == 1:
        return np.repeat(pixels, 3, axis=-1)
    if pixels.shape[-1] == 3:
        return pixels.copy()
    return _decode(Image.fromarray(pixels, "RGBA"), "The picture")
