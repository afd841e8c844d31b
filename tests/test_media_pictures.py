"""Pictures from outside: every kind comes out upright, opaque and 8 bits; bad ones get one sentence."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from vivid.config import Limits
from vivid.errors import InputError
from vivid.media import apart, children, pictures
from vivid.media.pictures import BACKGROUND, count_scans, fit_picture, load_picture

RED, GREEN, BLUE, WHITE = (220, 30, 20), (20, 200, 40), (30, 40, 210), (250, 250, 250)


def quarters(width: int = 96, height: int = 80) -> Image.Image:
    """Four colours: red and green above, blue and white below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, WHITE
    return Image.fromarray(pixels)


def corners(image: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(v) for v in image[y, x]) for y in (8, -8) for x in (8, -8)]


def close(found: list[tuple[int, ...]], expected: list[tuple[int, ...]], tolerance: int = 12) -> bool:
    return np.abs(np.array(found) - np.array(expected)).max() <= tolerance


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tiff"])
def test_common_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    quarters().save(path)
    image = load_picture(path)
    assert image.shape == (80, 96, 3) and image.dtype == np.uint8
    assert close(corners(image), [RED, GREEN, BLUE, WHITE], 40 if suffix == "webp" else 12)


def test_phone_pictures_stand_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying; to be turned a quarter clockwise
    quarters().save(path, exif=exif, quality=95)
    image = load_picture(path)
    assert image.shape == (96, 80, 3)
    assert close(corners(image), [BLUE, RED, WHITE, GREEN])


def test_transparency_is_laid_on_grey(tmp_path: Path) -> None:
    clear = quarters().convert("RGBA")
    clear.putalpha(Image.fromarray(np.repeat(np.array([[0], [255]], np.uint8), 40, 0).repeat(96, 1)))
    clear.save(tmp_path / "rgba.png")
    assert close(corners(load_picture(tmp_path / "rgba.png")), [BACKGROUND, BACKGROUND, BLUE, WHITE], 0)
    palette = quarters().quantize(4)
    palette.info["transparency"] = palette.getpixel((0, 0))
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((0, 0)))
    assert close(corners(load_picture(tmp_path / "palette.png")), [BACKGROUND, GREEN, BLUE, WHITE])
    quarters().convert("LA").save(tmp_path / "la.png")
    assert load_picture(tmp_path / "la.png").shape == (80, 96, 3)


def test_cmyk_and_profiles_become_srgb(tmp_path: Path) -> None:
    quarters().convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert close(corners(load_picture(tmp_path / "cmyk.jpg")), [RED, GREEN, BLUE, WHITE], 20)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    quarters().save(tmp_path / "srgb.png", icc_profile=profile)
    assert close(corners(load_picture(tmp_path / "srgb.png")), [RED, GREEN, BLUE, WHITE], 1)
    quarters().save(tmp_path / "broken.png", icc_profile=b"not a profile")
    assert close(corners(load_picture(tmp_path / "broken.png")), [RED, GREEN, BLUE, WHITE], 0)


def test_sixteen_bits_and_floats(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 96).astype(np.uint16)[None].repeat(80, 0)
    Image.fromarray(ramp).save(tmp_path / "sixteen.png")
    Image.fromarray(ramp).save(tmp_path / "sixteen.tiff")
    Image.fromarray((ramp / 65535).astype(np.float32)).save(tmp_path / "float.tiff")
    for name in ("sixteen.png", "sixteen.tiff", "float.tiff"):
        image = load_picture(tmp_path / name)
        assert image[0, 0].tolist() == [0, 0, 0] and image[0, -1].tolist() == [255, 255, 255]
        assert abs(int(image[0, 48, 0]) - 128) <= 2


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    other = Image.new("RGB", (96, 80), GREEN)
    for suffix in ("gif", "webp", "png"):
        path = tmp_path / f"animation.{suffix}"
        quarters().save(path, save_all=True, append_images=[other], duration=100)
        assert close(corners(load_picture(path)), [RED, GREEN, BLUE, WHITE], 40)


def test_arrays_and_images() -> None:
    array = np.asarray(quarters())
    for source in (array, array / 255.0, array.astype(np.uint16) * 257, quarters(), array.astype(np.float32) / 255):
        assert np.abs(load_picture(source).astype(int) - array).max() <= 1
    assert load_picture(array[..., 0]).shape == (80, 96, 3)
    clear = np.dstack([array, np.zeros((80, 96), np.uint8)])
    assert (load_picture(clear) == BACKGROUND).all()
    loaded = load_picture(array)
    assert not np.shares_memory(loaded, array)
    for wrong in (array * 2.0, np.full((80, 96, 3), np.nan), array[..., :2], array.astype(np.int64), array[:0]):
        with pytest.raises(InputError):
            load_picture(wrong)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(10_000, 5_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    monkeypatch.setattr(pictures, "_decode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"limit is 40 megapixels|cannot be read"):
        load_picture(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.png", b"", "empty"),
        ("text.png", b"This is a letter, not a picture.\n" * 20, "cannot be read as a picture"),
        ("cut.png", None, "damaged or incomplete"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + b"\0" * 100, "HEIC"),
        ("evil.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "cannot be read as a picture"),
        ("vector.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read as a picture"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is None:
        buffer = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 255, (80, 96, 3), np.uint8)
        Image.fromarray(noise).save(buffer, "PNG")
        content = buffer.getvalue()[:6000]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_picture(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "none.png", "no picture at"), (tmp_path, "not a file"), ("a\0b.png", "a.b.png")):
        with pytest.raises(InputError, match=message):
            load_picture(path)
    quarters().save(tmp_path / "large.bmp")
    with pytest.raises(InputError, match="limit is 10 kB"):
        load_picture(tmp_path / "large.bmp", Limits(upload_bytes=10 * 1024))
    quarters(40, 40).save(tmp_path / "tiny.png")
    with pytest.raises(InputError, match="at least 64"):
        load_picture(tmp_path / "tiny.png")


@settings(max_examples=60)
@given(data=st.data())
def test_damage_gives_a_picture_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    quarters().save(buffer, data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"])))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        assert load_picture(path).ndim == 3
    except InputError as error:
        assert str(error) and "\n" not in str(error)


@settings(max_examples=60)
@given(st.integers(64, 300), st.integers(64, 300), st.integers(1, 4), st.integers(1, 4))
def test_fitting_keeps_shapes_and_maps_points(width: int, height: int, columns: int, rows: int) -> None:
    size = (columns * 64, rows * 64)
    image, fit = fit_picture(np.zeros((height, width, 3), np.uint8), size)
    assert image.shape == (size[1], size[0], 3)
    points = np.array([[0, 0, 0.5], [width, height, 0.25], [width / 2, height / 2, 1]], np.float32)
    mapped = fit.map_points(points)
    assert np.allclose(mapped[2, :2], np.array(size) / 2, atol=1e-2)  # the centre stays the centre
    span = mapped[1, :2] - mapped[0, :2]
    assert np.allclose(span / [width, height], fit.scale, rtol=1e-4)  # one scale: never squashed
    assert (span >= np.array(size) - 0.01).all()  # no border is left empty
    assert mapped[:, 2].tolist() == points[:, 2].tolist()


def test_pixels_land_where_the_fit_says() -> None:
    image = np.zeros((400, 600, 3), np.uint8)
    image[180:220, 480:520] = 255
    fitted, fit = fit_picture(image, (128, 128), centre=(560, 200))
    x, y = fit.map_points(np.array([500.0, 200.0], np.float32))
    rows, columns = np.nonzero(fitted[..., 0] > 128)
    assert abs(rows.mean() + 0.5 - y) < 0.6 and abs(columns.mean() + 0.5 - x) < 0.6
    assert fit.corner[0] == pytest.approx(200)  # as far right as the border allows
    same, fit = fit_picture(fitted, (128, 128))
    assert (same == fitted).all() and fit.scale == 1 and fit.corner == (0, 0)


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A grey progressive JPEG whose scans each look at every coefficient and change none, a few bytes a scan."""
    blocks = -(-width // 8) * -(-height // 8)

    def packed(bits: str) -> bytes:
        bits += "1" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    def scan(spectrum: bytes, bits: str) -> bytes:
        return b"\xff\xda\0\x08\x01\x01\0" + spectrum + packed(bits)

    head = b"\xff\xd8\xff\xdb\0\x43\0" + b"\x01" * 64
    head += b"\xff\xc2\0\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\0"
    head += b"\xff\xc4\0\x14\0\x01" + b"\0" * 15 + b"\0" + b"\xff\xc4\0\x14\x10\x01" + b"\0" * 15 + b"\xe0"
    bits = ""
    while blocks > 0:  # runs of blocks without anything new
        bits += "0" + format(min(blocks, 32_767) - 16_384 if blocks > 16_384 else 0, "014b")
        blocks -= min(max(blocks, 16_384), 32_767)
    first = scan(b"\0\0\0", "0" * (-(-width // 8) * -(-height // 8)))
    return head + first + scan(b"\x01\x3f\x10", bits) * scans + b"\xff\xd9"


def test_a_jpeg_of_a_thousand_passes_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "many.jpg").write_bytes(many_scans(6_000, 6_000, 1_000))
    begun = time.monotonic()
    with pytest.raises(InputError, match="1001 passes"):
        load_picture(tmp_path / "many.jpg")
    assert time.monotonic() - begun < 10
    (tmp_path / "small.jpg").write_bytes(many_scans(100, 100, 1_000))  # odd, but no trouble
    assert load_picture(tmp_path / "small.jpg").shape == (100, 100, 3)


def test_passes_are_counted_in_the_picture_alone(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    image.save(tmp_path / "a.jpg", progressive=True, comment=b"\xff\xda" * 100)
    content = (tmp_path / "a.jpg").read_bytes()
    assert count_scans(content) == count_scans(content + b"\xff\xda" * 100) == 10
    image.save(tmp_path / "b.jpg")
    assert count_scans((tmp_path / "b.jpg").read_bytes()) == 1


def ended(pid: int) -> bool:
    """Whether there is no such process (any more)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarters().save(tmp_path / "good.png")
    load_picture(tmp_path / "good.png")
    worker = apart._idle[-1]
    pid = worker.process.pid
    os.kill(pid, signal.SIGSTOP)  # a decoder that does not come back
    monkeypatch.setattr(apart, "SECONDS", 0.5)
    with pytest.raises(InputError, match="takes too long to decode"):
        load_picture(tmp_path / "good.png")
    assert worker not in apart._idle and ended(pid)
    monkeypatch.setattr(apart, "SECONDS", 60.0)
    assert load_picture(tmp_path / "good.png").shape == (80, 96, 3)


def test_a_worker_that_has_died_meanwhile_is_replaced(tmp_path: Path) -> None:
    quarters().save(tmp_path / "good.png")
    load_picture(tmp_path / "good.png")
    for worker in apart._idle:
        worker.process.kill()
        worker.process.wait()
    assert load_picture(tmp_path / "good.png").shape == (80, 96, 3)


def test_a_picture_may_take_only_so_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (6_000, 6_000)).save(tmp_path / "large.png")
    monkeypatch.setattr(apart, "limit", lambda pid: children.limit(pid, memory=400 * 2**20))
    while apart._idle:
        apart._idle.pop().end()
    with pytest.raises(InputError, match="too much memory"):
        load_picture(tmp_path / "large.png")
    while apart._idle:
        apart._idle.pop().end()


def test_no_worker_outlives_its_program(tmp_path: Path) -> None:
    quarters().save(tmp_path / "good.png")
    code = (
        "import os, signal, sys; from vivid.media import apart; from vivid.media.pictures import load_picture\n"
        "while not apart._idle: load_picture(sys.argv[1])  # on a busy machine it takes too long to be kept\n"
        "print(apart._idle[0].process.pid, flush=True)\n"
        "if sys.argv[2] == 'kill': os.kill(os.getpid(), signal.SIGKILL)"
    )
    for how in ("end", "kill"):
        command = [sys.executable, "-c", code, str(tmp_path / "good.png"), how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        pid = int(done.stdout)
        deadline = time.monotonic() + 10
        while not ended(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ended(pid)


def test_avif_and_heic_are_told_apart_by_all_their_brands(tmp_path: Path) -> None:
    quarters().save(tmp_path / "a.avif")
    content = (tmp_path / "a.avif").read_bytes()
    assert content[8:12] == b"avif" and b"mif1" in content[12:64]
    (tmp_path / "b.avif").write_bytes(content[:8] + b"mif1" + content[12:])
    assert load_picture(tmp_path / "b.avif").shape == (80, 96, 3)
    for brands in (b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"heix\0\0\0\0mif1"):
        (tmp_path / "c.jpg").write_bytes(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"\0" * 100)
        with pytest.raises(InputError, match="HEIC"):
            load_picture(tmp_path / "c.jpg")
