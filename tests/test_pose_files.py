"""Clip files of other programs: one person, one door, whatever the file is called."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import ffmpeg, video
from test_pose_clips import random_clip
from test_pose_detect import walking_clip
from test_pose_hostile import echomimic_frame, packed, saved

from vivid.cli import main
from vivid.config import Limits
from vivid.errors import InputError
from vivid.inputs import load_motion
from vivid.media.files import kind_of
from vivid.media.video import read_frames
from vivid.pose import skeleton as sk
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.containers import number_in
from vivid.pose.foreign import save_openpose
from vivid.pose.keypoint_json import load_keypoints
from vivid.pose.library import read_clip, read_motion


def body_at(x: float, size: float = 100.0) -> list[float]:
    """An OpenPose body of 18 points around (x, 200)."""
    shape = np.random.default_rng(0).random((18, 2)) * size
    return np.concatenate([shape + [x - size / 2, 200.0], np.full((18, 1), 0.9)], 1).ravel().tolist()


def record(*places: float, **more: Any) -> dict[str, Any]:
    """An OpenPose frame with people there."""
    return {"people": [{"pose_keypoints_2d": body_at(x)} for x in places], **more}


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_one_person_is_followed_whatever_the_order(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(40) % 2
    frames = [record(*((200 + k, 500) if first else (500, 200 + k))) for k, first in enumerate(order)]
    found = load_keypoints(written(tmp_path / "a.json", frames))
    neck = found.clip.body[:, sk.NECK, 0]
    assert np.abs(np.diff(neck)).max() <= 1 and found.people == 2
    _, notices = read_clip(tmp_path / "a.json")
    assert any("2 people" in text for text in notices) and any("frames a second" in text for text in notices)
    # The followed one is missing for a while: the other one does not take that place.
    frames = [record(500) if 10 <= k < 15 else record(200, 500) for k in range(40)]
    neck = load_keypoints(written(tmp_path / "b.json", frames)).clip.body[:, sk.NECK]
    assert (neck[10:15, 2] == 0).all() and len(set(neck[neck[:, 2] > 0, 0])) == 1


def test_gaps_are_filled_as_in_videos_and_said(tmp_path: Path) -> None:
    frames = [record(*(() if 10 <= k < 14 or 25 <= k < 36 else (200 + k,)), fps=24) for k in range(50)]
    clip, notices = read_clip(written(tmp_path / "a.json", frames))
    neck = clip.body[:, sk.NECK]
    assert np.allclose(np.diff(neck[:24, 0]), 1, atol=1e-3) and (neck[25:36, 2] == 0).all()
    said = "\n".join(notices)
    assert "Nobody is seen in frames 10-13 (0.4-0.6 s) of a.json" in said
    assert "The body is not seen in frames 25-35 (1.0-1.5 s) of a.json" in said
    assert "frames a second" not in said
    with pytest.raises(InputError, match="only 4 of the 20 frames"):
        read_clip(written(tmp_path / "b.json", [record(*((200,) if k < 4 else ())) for k in range(20)]))


def test_the_rate_is_told_or_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.json", [record(200 + k) for k in range(60)])
    assert main(["motion", "import", str(path), str(tmp_path / "a.npz")]) == 0
    said = capsys.readouterr()
    assert "does not tell its frames a second: 24 are assumed" in said.err and "60 frames" in said.out
    assert main(["motion", "import", str(path), str(tmp_path / "b.npz"), "--fps", "60"]) == 0
    said = capsys.readouterr()
    assert "frames a second" not in said.err and "24 frames, 1.00 seconds" in said.out
    assert main(["motion", "info", str(tmp_path / "a.npz"), "--fps", "12"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 120
    for wrong in ("0", "nan", "1e9"):
        assert main(["motion", "info", str(path), "--fps", wrong]) == 2
    assert main(["motion", "info", str(video(tmp_path / "v.mp4")), "--fps", "30"]) == 2
    assert "leave out --fps" in capsys.readouterr().err


def test_every_command_with_a_pose_file_takes_its_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vivid.pipeline import VividPipeline

    seconds = []

    class Pipeline:
        def animate(self, portrait: Any, speech: Any, motion: Any, *_: Any) -> Any:
            seconds.append(motion.seconds)
            raise InputError("That is enough.")

    monkeypatch.setattr(VividPipeline, "from_pretrained", lambda *_: Pipeline())
    examples = Path(__file__).parents[1] / "examples"
    portrait, voice = str(examples / "portraits" / "ada.jpg"), str(examples / "voices" / "hello_slt.mp3")
    animate = ["animate", "--portrait", portrait, "--audio", voice, "--out", str(tmp_path / "o.mp4")]
    fit = ["calibrate", "--portrait", portrait, "--out", str(tmp_path / "c.npz")]
    frames = json.loads(save_openpose(walking_clip(60), tmp_path / "told.json").read_text())
    path = str(written(tmp_path / "a.json", [{"people": frame["people"]} for frame in frames]))
    assert main([*animate, "--motion", path]) == 2 and "24 are assumed" in capsys.readouterr().err
    assert main([*animate, "--motion", path, "--fps", "60"]) == 2
    assert "frames a second" not in capsys.readouterr().err and seconds == [2.5, 1.0]
    assert main([*fit, "--motion", path, "--fps", "60"]) == 0
    assert "frames a second" not in capsys.readouterr().err and len(load_clip(tmp_path / "c.npz")) == 24
    for command in (animate, [*fit[:-1], str(tmp_path / "d.npz")], ["motion", "info"]):
        named = ["wave"] if command[0] == "motion" else ["--motion", "wave"]
        assert main([*command, *named, "--fps", "60"]) == 2
        assert "wave ships with the program and tells its own frames a second" in capsys.readouterr().err


def test_any_number_in_a_name(tmp_path: Path) -> None:
    assert number_in("take2_000000000012_keypoints.json") == 12 and number_in("00000000000000000007.json") == 7
    assert number_in("notes.json") is None and number_in("._0.npy") is None and number_in("frame-3.npy") == 3
    names = {
        "of": [f"clip_{k:012d}_keypoints.json" for k in range(100, 130)],
        "ms": [f"{k * 40}.json" for k in range(30)],
    }
    names["long"] = [f"{10**18 + k}.json" for k in range(30)]
    for name, listed in names.items():
        folder = tmp_path / name
        folder.mkdir()
        for k, file in enumerate(listed):
            written(folder / file, record(200 + k, fps=24))
        (folder / "notes.json").write_text("{}")
        clip, notices = read_motion(folder)
        assert len(clip) == 30 and np.allclose(np.diff(clip.body[:, sk.NECK, 0]), 1) and notices == SILENT_PARTS(name)
    for k in (104, 105, 106):
        (tmp_path / "of" / f"clip_{k:012d}_keypoints.json").unlink()
    clip, notices = read_motion(tmp_path / "of")
    assert len(clip) == 30 and "Nobody is seen in frames 4-6" in "\n".join(notices)


def SILENT_PARTS(name: str) -> tuple[str, ...]:  # noqa: N802
    """What is said of bodies without hands and face."""
    parts = {
        "left hand": "keep the hand in the picture if the gesture needs it",
        "right hand": "keep the hand in the picture if the gesture needs it",
        "face": "cut this part out, or look towards the camera there",
    }
    return tuple(f"The {part} is not seen in {name}: {remedy}." for part, remedy in parts.items())


def coco(count: int, x: float = 0.0) -> np.ndarray:
    """Points (count, 3) that tell their number: x = number + `x`, y = 2 * number."""
    return np.stack([np.arange(count) + x, 2.0 * np.arange(count), np.full(count, 0.8)], 1)


@pytest.mark.parametrize("count", [17, 26, 133, 136])
def test_alphapose(tmp_path: Path, count: int) -> None:
    entries = [
        {"image_id": f"frame_{k:05d}.jpg", "category_id": 1, "score": 2.0, "keypoints": coco(count, x).ravel().tolist()}
        for k in range(5)
        for x in ((0.0, 900.0) if k % 2 else (900.0, 0.0))
    ]
    found = load_keypoints(written(tmp_path / "alphapose-results.json", entries))
    clip = found.clip
    start = clip.body[0, sk.NOSE, 0]
    assert len(clip) == 5 and found.people == 2 and not found.rate_told and (clip.body[:, sk.NOSE, 0] == start).all()
    assert (clip.body[:, sk.LEFT_ELBOW, 0] - start == 7).all() and (clip.body[:, sk.NECK, 0] - start == 5.5).all()
    assert clip.hands.any() == clip.face.any() == (count > 26)
    if count == 136:  # Halpe: face from 26, left hand from 94
        assert clip.face[0, 0, 0] - start == 26 and clip.hands[0, sk.LEFT, 0, 0] - start == 94
    if count == 133:
        assert clip.face[0, 0, 0] - start == 23 and clip.hands[0, sk.RIGHT, 0, 0] - start == 112


def test_alphapose_by_picture(tmp_path: Path) -> None:
    frames = {f"{k}.jpg": {"version": "AlphaPose v0.2", "bodies": [{"joints": body_at(200 + k)}]} for k in range(12)}
    neck = load_keypoints(written(tmp_path / "a.json", frames)).clip.body[:, sk.NECK, 0]
    assert len(neck) == 12 and np.allclose(np.diff(neck), 1)


def test_mmpose(tmp_path: Path) -> None:
    def instance(x: float) -> dict[str, Any]:
        points = coco(133, x)
        return {"keypoints": points[:, :2].tolist(), "keypoint_scores": points[:, 2].tolist(), "bbox": [[0, 0, 9, 9]]}

    frames = [{"frame_id": k + 1, "instances": [instance(k)] if k != 3 else []} for k in range(6)]
    for name, value in (("list", frames), ("info", {"meta_info": {}, "instance_info": frames})):
        clip = load_keypoints(written(tmp_path / f"{name}.json", value)).clip
        assert len(clip) == 6 and clip.body[5, sk.NOSE, 0] == 5 and not clip.body[3].any()
        assert clip.hands[0, sk.LEFT, 0, 0] == 91 and clip.face[2, 0, 0] == 25
    assert len(load_keypoints(written(tmp_path / "one.json", [instance(4)])).clip) == 1


@pytest.mark.parametrize(
    "value",
    [
        [{"image_id": "0.jpg", "keypoints": [1.0] * 50}],
        [{"image_id": "name.jpg", "keypoints": [1.0] * 51}],
        [{"image_id": "0.jpg", "keypoints": [1.0] * 51}] * 300,
        [{"frame_id": 0, "instances": [{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 16}]}],
        [{"frame_id": 0, "instances": [{"keypoints": [[]] * 17, "keypoint_scores": [1] * 17}]}],
        [{"frame_id": 0, "instances": 5}],
        {"instance_info": [5]},
        {"instance_info": [{}]},
        {"annotations": [{"keypoints": [1] * 51}]},
        {"0.jpg": {"people": []}, "x.jpg": {"people": []}},
        [[]] * 3_000_000,
    ],
)
def test_odd_json_is_refused_in_a_sentence(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InputError) as refusal:
        load_keypoints(written(tmp_path / "a.json", value))
    assert len(str(refusal.value)) < 300


def test_every_kind_comes_through_one_door_whatever_its_name(tmp_path: Path) -> None:
    clip = walking_clip(30)
    npz = save_clip(clip, tmp_path / "a.npz")
    save_openpose(clip, tmp_path / "a.json")
    save_openpose(clip, tmp_path / "frames")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in (tmp_path / "frames").iterdir():
            archive.write(file, f"frames/{file.name}")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "frames", "frames")
    expected = load_motion(npz)
    for name in ("a.npz", "a.json", "a.zip", "a.tar"):
        renamed = tmp_path / f"upload_{name.replace('.', '_')}"
        shutil.copy(tmp_path / name, renamed)
        for path in (tmp_path / name, renamed):
            found, _ = read_clip(path, videos=False)
            assert len(found) == len(expected) and np.allclose(found.body, expected.body, atol=2e-3)
    frames = {f"{k}.npy": saved(echomimic_frame(k)) for k in range(3)}
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name, data in frames.items():
            archive.writestr(f"pose/{name}", data)
    one, other = read_clip(tmp_path / "b.zip")[0], read_clip(packed(tmp_path / "b.npz", frames))[0]
    assert len(one) == 3 and np.array_equal(one.hands, other.hands)
    for path, words in (
        (video(tmp_path / "v.json", "-f", "mp4"), "no gesture clip"),
        (_png(tmp_path / "p.npz"), "does not move"),
    ):
        with pytest.raises(InputError, match=words):
            read_clip(path, videos=False)
    with pytest.raises(InputError, match=r"limit is 0\.5"):
        read_clip(npz, limits=Limits(motion_seconds=0.5))


def _png(path: Path) -> Path:
    return video(path, "-frames:v", "1", "-c:v", "png", "-f", "image2pipe")


def test_archives_that_made_their_readers_stumble(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = b"L", 1
    (tmp_path / "deep.tar").write_bytes((info.tobuf(tarfile.GNU_FORMAT) + b"a".ljust(512, b"\0")) * 3000)
    packed(tmp_path / "list.tgz", {"0.npy": saved({"bodies": np.zeros((1, 18)), "hands": 0})})
    with zipfile.ZipFile(tmp_path / "large.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.json", b"[" + b" " * 10_000_000)
    for name in ("deep.tar", "list.tgz", "large.zip"):
        with pytest.raises(InputError):
            read_clip(tmp_path / name)


def test_pictures_that_move_are_told_from_those_that_do_not(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)) for _ in range(3)]
    for ending in ("gif", "png", "webp", "avif"):
        frames[0].save(tmp_path / f"still.{ending}")
        frames[0].save(tmp_path / f"moving.{ending}", save_all=True, append_images=frames[1:], duration=100)
        assert kind_of(tmp_path / f"still.{ending}") == "picture", ending
        assert kind_of(tmp_path / f"moving.{ending}") == "moving picture", ending
        assert len(list(read_frames(tmp_path / f"moving.{ending}"))) == pytest.approx(7, abs=1), ending
    for ending in ("jpg", "bmp", "tiff"):
        frames[0].save(tmp_path / f"still.{ending}")
        assert kind_of(tmp_path / f"still.{ending}") == "picture", ending
    assert kind_of(video(tmp_path / "v.png", "-f", "mp4")) == "media"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", tmp_path / "s.wav")
    assert kind_of(tmp_path / "s.wav") == "media"
    (tmp_path / "cut.gif").write_bytes((tmp_path / "still.gif").read_bytes()[:40])
    assert kind_of(tmp_path / "cut.gif") == "picture"


def test_a_random_clip_has_no_gaps_to_fill(tmp_path: Path) -> None:
    clip = random_clip(6)
    assert np.array_equal(load_motion(save_clip(clip, tmp_path / "a.npz")).body, clip.body)


def test_the_command_line_hears_all_notices_and_cuts_before_it_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vivid.pipeline import VividPipeline

    def stop(*_: object) -> None:
        raise InputError("That is enough.")

    monkeypatch.setattr(VividPipeline, "from_pretrained", stop)
    ffmpeg("-f", "lavfi", "-i", "sine=duration=70", tmp_path / "long.mp3")
    portrait = Path(__file__).parents[1] / "examples" / "portraits" / "ada.jpg"
    motion = written(tmp_path / "two.json", [record(200, 500) for _ in range(30)])
    arguments = ["animate", "--portrait", str(portrait), "--audio", str(tmp_path / "long.mp3"), "--motion", str(motion)]
    assert main([*arguments, "--out", str(tmp_path / "o.mp4"), "--seconds", "1"]) == 2
    said = capsys.readouterr().err
    assert "2 people" in said and "frames a second" in said and "That is enough." in said
    assert main([*arguments, "--out", str(tmp_path / "o.mp4")]) == 2
    assert "the limit is 60 seconds" in capsys.readouterr().err
    calibrated = ["calibrate", "--portrait", str(portrait), "--motion", str(motion), "--out", str(tmp_path / "c.npz")]
    assert main(calibrated) == 0
    assert "2 people" in capsys.readouterr().err


def test_detect_goes_by_contents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    from vivid.inputs import load_portrait

    photo = Path(__file__).parents[1] / "examples" / "portraits" / "ada.jpg"
    shutil.copy(photo, tmp_path / "photo")
    assert main(["detect", "--input", str(tmp_path / "photo"), "--out", str(tmp_path / "a.npz")]) == 0
    assert "1 frame on" in capsys.readouterr().out
    image = Image.open(photo)
    frames = [image.rotate(angle) for angle in (0, 2, 4)]
    frames[0].save(tmp_path / "moving.jpg.png", "GIF", save_all=True, append_images=frames[1:], duration=100)
    assert "moving.jpg.png is a moving picture" in load_portrait(tmp_path / "moving.jpg.png").notices[0]
    frames[0].save(tmp_path / "moving.png.gif", save_all=True, append_images=frames[1:], duration=100)
    assert main(["detect", "--input", str(tmp_path / "moving.png.gif"), "--out", str(tmp_path / "b.npz")]) == 0
    assert "7 frames on" in capsys.readouterr().out


def test_commands_say_what_the_page_says_of_a_portrait(tmp_path: Path) -> None:
    from PIL import Image

    from vivid.inputs import load_portrait
    from vivid.pose.portrait import SENTENCES
    from vivid.ui.strings import chinese
    from vivid.ui.verdicts import examine

    photo = Image.open(Path(__file__).parents[1] / "examples" / "portraits" / "ada.jpg")
    dark = photo.point(lambda value: value // 12)
    far = Image.new("RGB", (1024, 1024), (120, 130, 120))
    far.paste(photo.resize((160, 160)), (430, 800))
    for name, picture, about in (("dark", dark, "dark"), ("far", far, "head_tiny")):
        picture.save(tmp_path / f"{name}.png")
        portrait = load_portrait(tmp_path / f"{name}.png")
        start = SENTENCES[about].split("{")[0]
        assert any(text.startswith(start) for text in portrait.notices), (name, portrait.notices)
        assert f"portrait_{about}" in {finding.key for finding in examine(portrait.image).findings}
    assert all(chinese(text) != text for text in portrait.notices)
    photo.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "turned.png")
    try:
        assert SENTENCES["upside_down"] in load_portrait(tmp_path / "turned.png").notices
    except InputError as refusal:
        assert "turn it by 180 degrees" in str(refusal)


def test_the_api_takes_what_it_advertises(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from vivid.ui.api import CALIBRATE_TEXT
    from vivid.ui.api import read_motion as taken

    context: Any = SimpleNamespace(options=SimpleNamespace(limits=Limits()))
    clip = walking_clip(12)
    files = {
        ".npz": save_clip(clip, tmp_path / "a.npz"),
        "OpenPose .json": save_openpose(clip, tmp_path / "a.json"),
        "EchoMimicV2 .tar.gz": packed(tmp_path / "a.tar.gz", {f"{k}.npy": saved(echomimic_frame(k)) for k in range(3)}),
    }
    for advertised, path in files.items():
        assert advertised in CALIBRATE_TEXT
        clip, said = taken(context, str(path), None)
        assert len(clip) >= 3 and not said
    unrated = written(tmp_path / "b.json", [record(200 + k) for k in range(9)])
    assert "frames a second" in taken(context, str(unrated), None)[1][0]


def test_a_text_given_as_a_clip_is_told_what_a_clip_is(tmp_path: Path) -> None:
    (tmp_path / "notes.npz").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.npz is no gesture clip that can be read: use a video"):
        read_motion(tmp_path / "notes.npz")
