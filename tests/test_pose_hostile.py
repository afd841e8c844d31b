"""Hostile clip files are refused in one sentence, quickly, and nothing in them is executed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy
from test_pose_clips import random_clip

from vivid.errors import InputError
from vivid.pose import inert_pickle
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.containers import numbered_files
from vivid.pose.foreign import echomimic_of, save_openpose
from vivid.pose.keypoint_json import load_keypoints
from vivid.pose.skeleton import PoseClip


def load_echomimic(path: Path) -> PoseClip:
    """A clip from an EchoMimicV2 folder or an archive of one, as `library.read_motion` opens it."""
    return echomimic_of(numbered_files(path)[1], path.name)


FUZZ = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


def arrays(**changes: Any) -> dict[str, Any]:
    """The contents of a good clip file of two frames, with changes; None leaves an array out."""
    clip = random_clip(2)
    good = {
        "version": np.int32(1),
        "fps": np.float32(24),
        "canvas": np.array([640, 480], np.int32),
        "body": clip.body,
        "hands": clip.hands,
        "face": clip.face,
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def with_value(points: np.ndarray, value: float, column: int = 0) -> np.ndarray:
    points = points.copy()
    points[(1, *[0] * (points.ndim - 2), column)] = value
    return points


BODY = random_clip(2).body
CASES: dict[str, dict[str, Any]] = {
    "objects": {"body": np.array([[{"a": 1}]], object)},
    "pickled version": {"version": np.array({"a": 1}, object)},
    "structured": {"body": np.zeros((2, 18, 3), [("x", "f4")])},
    "strings": {"face": np.zeros((2, 68, 3), "U8")},
    "complex": {"body": np.zeros((2, 18, 3), np.complex64)},
    "long double": {"body": np.zeros((2, 18, 3), np.longdouble)},
    "integers": {"body": np.zeros((2, 18, 3), np.int32)},
    "other shape": {"body": np.zeros((2, 17, 3), np.float32)},
    "flat": {"hands": np.zeros(252, np.float32)},
    "no frames": {"body": np.zeros((0, 18, 3), np.float32)},
    "two lengths": {"body": np.zeros((3, 18, 3), np.float32)},
    "missing": {"face": None},
    "version 2": {"version": np.int32(2)},
    "NaN": {"body": with_value(BODY, np.nan)},
    "infinity": {"body": with_value(BODY, np.inf)},
    "far away": {"body": with_value(BODY, 1e30)},
    "NaN confidence": {"body": with_value(BODY, np.nan, 2)},
    "negative confidence": {"body": with_value(BODY, -1, 2)},
    "no rate": {"fps": np.float32(0)},
    "NaN rate": {"fps": np.float32(np.nan)},
    "canvas of nothing": {"canvas": np.array([0, 480])},
    "canvas without end": {"canvas": np.array([np.inf, 480.0])},
    "huge canvas": {"canvas": np.array([2**40, 480])},
    "three sides": {"canvas": np.array([1, 2, 3])},
}


@pytest.mark.parametrize("name", CASES)
def test_bad_arrays_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    np.savez(path, **arrays(**CASES[name]))
    with pytest.raises(InputError) as refusal:
        load_clip(path)
    assert str(refusal.value).endswith((".", ")")) and "\n" not in str(refusal.value)


def test_bad_points_are_named_by_their_frame(tmp_path: Path) -> None:
    np.savez(tmp_path / "clip.npz", **arrays(**CASES["NaN"]))
    with pytest.raises(InputError, match="body point in frame 1"):
        load_clip(tmp_path / "clip.npz")


def header_of(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": descr})
    return stream.getvalue()


def write_npz(path: Path, body: bytes) -> None:
    """A good clip, but with `body` as the bytes of its body array."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in arrays(body=None).items():
            stream = io.BytesIO()
            np.save(stream, value)
            archive.writestr(f"{key}.npy", stream.getvalue())
        archive.writestr("body.npy", body)


HEADERS = {
    "10^9 frames": header_of((10**9, 18, 3)),
    "10^18 frames": header_of((10**18, 18, 3)),
    "bomb": header_of((2, 18, 3)) + b"\0" * 40_000_000,
    "cut short": header_of((2, 18, 3)) + b"\0" * 10,
    "negative": header_of((2, 18, 3)).replace(b"(2, 18, 3)", b"(-2,18, 3)"),
    "truth": header_of((2, 18, 3)).replace(b"(2, 18, 3)", b"(True,18,3"),
    "no array": b"hello",
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "nested": b"\x93NUMPY\x01\x00\x00\x10" + b"(" * 4096,
    "header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", HEADERS)
def test_bad_headers_cost_no_memory(name: str, tmp_path: Path) -> None:
    write_npz(tmp_path / "clip.npz", HEADERS[name])
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            load_clip(tmp_path / "clip.npz")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def good_npz(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save_clip(random_clip(1), tmp_path_factory.mktemp("good") / "clip.npz").read_bytes()


EDITS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6
)


def edited(data: bytes, edits: list[tuple[float, bytes]], cut: float) -> bytes:
    mutable = bytearray(data)
    for place, new in edits:
        start = int(place * len(mutable))
        mutable[start : start + len(new)] = new
    return bytes(mutable[: int(len(mutable) * cut)])


CUT = st.one_of(st.just(1.0), st.floats(0, 1))


@FUZZ
@given(edits=EDITS, cut=CUT)
def test_damaged_npz_is_read_or_refused(good_npz: bytes, tmp_path: Path, edits: list[Any], cut: float) -> None:
    path = tmp_path / "clip.npz"
    path.write_bytes(edited(good_npz, edits, cut))
    try:
        assert np.isfinite(load_clip(path).body).all()
    except InputError as refusal:
        assert len(str(refusal)) < 300


def echomimic_frame(seed: int = 0, **changes: Any) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    frame = {
        "bodies": {
            "candidate": generator.random((18, 2)),
            "subset": np.zeros((1, 18)),
            "score": generator.random((1, 18)),
        },
        "hands": generator.random((2, 21, 2)),
        "hands_score": generator.random((2, 21)),
        "faces": generator.random((1, 68, 2)),
        "faces_score": generator.random((1, 68)),
        "num": 0,
        "draw_pose_params": [768, 432, 0, 768, 168, 600],
    }
    return frame | changes


def saved(value: Any, protocol: int = 3) -> bytes:
    """`value` as np.save writes it, with a chosen pickle protocol."""
    return header_of((), "|O") + pickle.dumps(np.array(value, object), protocol)


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("protocol", [3, 4])
def test_echomimic_archive_and_folder(tmp_path: Path, protocol: int) -> None:
    frames = {f"clip/{k}.npy": saved(echomimic_frame(k), protocol) for k in range(11)}
    clip = load_echomimic(packed(tmp_path / "clip.tar.gz", frames))
    assert len(clip) == 11 and clip.fps == 24 and clip.canvas == (768, 768)
    original = echomimic_frame(10)  # frames are in the order of their numbers: 10 comes after 9
    assert np.allclose(clip.body[10, :, 0], original["bodies"]["candidate"][:, 0] * 432 + 168, atol=1e-3)
    assert np.allclose(clip.hands[10, 1, :, 1], original["hands"][1, :, 1] * 768, atol=1e-3)
    assert np.allclose(clip.face[10, :, 2], original["faces_score"][0])
    folder = tmp_path / "clip"
    folder.mkdir()
    for name, data in frames.items():
        (folder / Path(name).name).write_bytes(data)
    assert np.array_equal(load_echomimic(folder).hands, clip.hands)


class Evil:
    """Unpickled freely, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_pickles_that_call_are_refused_and_not_executed(tmp_path: Path) -> None:
    target = tmp_path / "made"
    payloads = {
        "frame": Evil(target),
        "value": echomimic_frame(hands=Evil(target)),
        "key": {Evil(target): 1},
        "array": echomimic_frame(hands=np.array([Evil(target)], object)),
        "ragged": echomimic_frame(hands=np.array([[1], [1, 2]], object)),
        "class": echomimic_frame(num=Path("/")),
        "function": echomimic_frame(num=np.load),
        "complex": echomimic_frame(hands=np.zeros((2, 21, 2), complex)),
        "set": echomimic_frame(num={1, 2}),
    }
    for name, payload in payloads.items():
        archive = packed(tmp_path / "clip.tar.gz", {"0.npy": saved(payload)})
        with pytest.raises(InputError, match="frame 0"):
            load_echomimic(archive)
        assert not target.exists(), name


def test_arrays_that_announce_more_than_they_hold_are_refused() -> None:
    array = pickle.dumps(np.zeros((2, 21, 2)), 3)
    for old, new in ((b"K\x15", b"K\x16"), (b"K\x15", b"J\xff\xff\xff\x7f"), (b"f8", b"f2"), (b"f8", b"O8")):
        assert old in array
        with pytest.raises(inert_pickle.RefusedPickleError):
            inert_pickle.read(array.replace(old, new))
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(inert_pickle.RefusedPickleError):
        inert_pickle.read(pickle.dumps(loop))
    # An index of the memo that makes Python's unpickler allocate 32 GB.
    assert inert_pickle.read(b"\x80\x03]r" + struct.pack("<I", 2**31) + b".") == []


def test_archives_with_links_or_doubles_or_gaps_are_refused(tmp_path: Path) -> None:
    good = saved(echomimic_frame())
    cases = {
        "twice": {"a/0.npy": good, "b/0.npy": good},
        "Frame 1 is missing": {"0.npy": good, "2.npy": good},
        "no poses": {"readme.txt": b"hello"},
        "too large": {"0.npy": b"\0" * 2_000_000},
        "canvas changes": {"0.npy": good, "1.npy": saved(echomimic_frame(draw_pose_params=[512, 512, 0, 512, 0, 512]))},
    }
    for message, members in cases.items():
        with pytest.raises(InputError, match=message):
            load_echomimic(packed(tmp_path / "clip.tar.gz", members))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with tarfile.open(tmp_path / "link.tar.gz", "w:gz") as archive:
            info = tarfile.TarInfo("0.npy")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        with pytest.raises(InputError, match="link or device"):
            load_echomimic(tmp_path / "link.tar.gz")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "0.npy").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="link"):
        load_echomimic(folder)


def test_tar_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivid.pose.containers.MAX_UNPACKED", 8 * 2**20)
    with pytest.raises(InputError, match="unpacks to more"):
        load_echomimic(packed(tmp_path / "clip.tar.gz", {"notes.txt": bytes(9 * 2**20)}))


@FUZZ
@given(edits=EDITS, cut=CUT)
def test_damaged_pickle_is_read_or_refused(edits: list[Any], cut: float) -> None:
    with contextlib.suppress(inert_pickle.RefusedPickleError):
        inert_pickle.read(edited(pickle.dumps(echomimic_frame(), 3), edits, cut))


@FUZZ
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused_everywhere(tmp_path: Path, data: bytes) -> None:
    for name, reader in (("a.npz", load_clip), ("a.tar.gz", load_echomimic), ("a.json", load_keypoints)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            reader(tmp_path / name)


@FUZZ
@given(edits=EDITS, cut=CUT)
def test_damaged_archive_is_read_or_refused(tmp_path: Path, edits: list[Any], cut: float) -> None:
    path = packed(tmp_path / "clip.tar.gz", {"0.npy": saved(echomimic_frame())})
    path.write_bytes(edited(path.read_bytes(), edits, cut))
    try:
        load_echomimic(path)
    except InputError as refusal:
        assert len(str(refusal)) < 400


@pytest.mark.parametrize("name", ["clip.json", "folder"])
def test_openpose_json_comes_back(tmp_path: Path, name: str) -> None:
    clip = random_clip(12, fps=30)
    back = load_keypoints(save_openpose(clip, tmp_path / name)).clip
    assert (back.canvas, back.fps, len(back)) == (clip.canvas, clip.fps, len(clip))
    for part in ("body", "hands", "face"):
        assert np.allclose(getattr(back, part), getattr(clip, part), atol=1e-3)
    with pytest.raises(InputError, match="already holds"):
        save_openpose(clip, tmp_path)


def test_openpose_body_25_and_several_people(tmp_path: Path) -> None:
    big = np.outer(range(25), [10.0, 20.0, 0.0]) + [0, 0, 0.9]
    small = np.outer(range(18), [1.0, 1.0, 0.0]) + [0, 0, 0.9]
    people = [
        {"pose_keypoints_2d": small.ravel().tolist()},
        {"pose_keypoints_2d": big.ravel().tolist(), "face_keypoints_2d": [1.0] * 210},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"people": people}))
    clip = load_keypoints(tmp_path / "a.json").clip
    assert clip.body[0, 8, 0] == 90 and clip.body[0, 17, 0] == 180  # hip and ear lie one further in BODY_25
    assert clip.canvas == (180, 360) and not clip.hands.any() and clip.face[0, 0, 0] == 1


BAD_JSON = {
    "nesting": "[" * 100_000,
    "NaN": '{"people": [{"pose_keypoints_2d": [' + "NaN," * 53 + "1]}]}",
    "overflow": json.dumps({"people": [{"pose_keypoints_2d": [1e300] * 54}]}),
    "long number": '{"people": [{"pose_keypoints_2d": [' + "1," * 53 + "9" * 4000 + "]}]}",
    "short": json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 53}]}),
    "words": json.dumps({"people": [{"pose_keypoints_2d": ["1"] * 54}]}),
    "no people": "{}",
    "a number": "5",
    "no frames": "[]",
    "canvas": json.dumps({"people": [], "canvas_width": -5, "canvas_height": 10**30}),
    "rate": json.dumps({"people": [], "fps": 1e9}),
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_bad_json_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_text(BAD_JSON[name])
    with pytest.raises(InputError) as refusal:
        load_keypoints(tmp_path / "a.json")
    assert len(str(refusal.value)) < 300


def test_real_archives_equal_the_converted_clips() -> None:
    motions = Path(__file__).parents[1].parent / "shared" / "real" / "motions"
    if not motions.is_dir():
        pytest.skip("the recorded clips are not here")
    for archive in motions.glob("*.tar.gz"):
        clip = load_echomimic(archive)
        expected = load_clip(archive.with_name(archive.name.replace(".tar.gz", ".npz")))
        assert clip.canvas == expected.canvas
        for part in ("body", "hands", "face"):
            assert np.array_equal(getattr(clip, part), getattr(expected, part))
