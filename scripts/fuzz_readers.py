"""Give damaged files to every reader: each must be read or refused in one sentence, in bounded memory and time.

    python scripts/fuzz_readers.py --cases 3000 --seed 1

Case n of a seed is always the same file: a small whole one of some kind, damaged at a few places (bytes changed,
numbers made extreme, parts cut out, doubled, exchanged or taken from another file; in JSON also values exchanged,
which leaves it readable), under an ending that may be wrong.
Cases run in processes of 100, so that a crash loses nothing. Faults are kept in the folder of `--keep`; the exit code
is 1 when there was any.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

MOST_SECONDS, MOST_BYTES = 20.0, 1_500_000_000
CHUNK = 100
EXTREMES = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 10**6)
STRANGE = (None, True, -1, 10**30, -1e308, float("nan"), float("inf"), "", "9" * 400, "\0\ud800", [], {}, [[]], [0.5])
"""Values that stand nowhere in a whole file of JSON."""


def main() -> int:
    """Parse the options and run all cases, or one chunk of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for files that a reader stumbled over")
    parser.add_argument("--chunk", nargs=2, metavar=("FIRST", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.chunk:
        run_chunk(args.seed, int(args.chunk[0]), min(int(args.chunk[0]) + CHUNK, args.cases), Path(args.chunk[1]))
        return 0
    return run_all(args)


def run_all(args: argparse.Namespace) -> int:
    """All cases in chunks; prints a summary."""
    results: list[dict[str, Any]] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        make_whole_files(folder / "whole")
        first = 0
        while first < args.cases:
            found = list(chunk_results(args, first, folder))
            results += found
            first += len(found)
            bad = sum(result["outcome"] == "fault" for result in results)
            print(f"{first} of {args.cases}, {bad} faults, {time.monotonic() - begun:.0f} s", flush=True)
        left = [path.name for path in (folder / "temporary").iterdir()] + processes_with(name)
    faults = [result for result in results if result["outcome"] == "fault"]
    for fault in faults:
        print(f"case {fault['case']} ({fault['base']}): {fault['why']}")
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{args.seed}_{fault['case']}_{fault['base']}").write_bytes(bytes.fromhex(fault["bytes"]))
    by_reader = Counter((result["reader"], result["outcome"]) for result in results)
    print("\n".join(f"{reader:10s} {outcome:8s} {count}" for (reader, outcome), count in sorted(by_reader.items())))
    print(f"slowest {max(result['seconds'] for result in results):.1f} s")
    print(f"most memory {max(result['peak'] for result in results) / 2**20:.0f} MB in one process; left behind: {left}")
    return 1 if faults or left else 0


def chunk_results(args: argparse.Namespace, first: int, folder: Path) -> Iterator[dict[str, Any]]:
    """The results of one process; when it dies or hangs, the case it was at is a fault and the rest is left."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "--seed", str(args.seed), "--cases", str(args.cases)]
    command += ["--chunk", str(first), str(folder)]
    environment = os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    last = first - 1
    for text in process.stdout:
        result = json.loads(text)
        last = result["case"]
        yield result
    if process.wait() and last + 1 < min(first + CHUNK, args.cases):
        base, data, _ = case_file(args.seed, last + 1, whole_files(folder / "whole"))
        why = f"the process ended with {process.returncode}"
        fault = {"case": last + 1, "base": base, "reader": "all", "outcome": "fault", "why": why, "bytes": data.hex()}
        yield fault | {"seconds": 0.0, "peak": 0}


def run_chunk(seed: int, first: int, last: int, folder: Path) -> None:
    """Cases `first` to before `last`, a line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * MOST_BYTES, 2 * MOST_BYTES))
    whole = whole_files(folder / "whole")
    readers = make_readers()
    for number in range(first, last):
        base, data, ending = case_file(seed, number, whole)
        path = folder / f"case{ending}"
        path.write_bytes(data)
        kind = base.partition("_")[0]
        result: dict[str, Any] = {"case": number, "base": base, "reader": kind}
        begun = time.monotonic()
        result |= outcome_of(readers[kind], path)
        look = outcome_of(readers["any"], path)
        result |= look if look["outcome"] == "fault" else {}
        result["seconds"] = time.monotonic() - begun
        result["peak"] = most_memory()
        if result["outcome"] != "fault" and result["seconds"] > MOST_SECONDS:
            result |= {"outcome": "fault", "why": f"{result['seconds']:.0f} seconds"}
        if result["outcome"] != "fault" and result["peak"] > MOST_BYTES:
            result |= {"outcome": "fault", "why": f"{result['peak'] >> 20} MB"}
        if result["outcome"] == "fault":
            result["bytes"] = data.hex()
        print(json.dumps(result), flush=True)
        path.unlink()


def outcome_of(reader: Callable[[Path], object], path: Path) -> dict[str, str]:
    """Whether a reader reads a file, refuses it in a sentence, or stumbles."""
    from vivid.errors import InputError

    try:
        reader(path)
    except InputError as error:
        if "\n" in str(error) or not str(error).endswith("."):
            return {"outcome": "fault", "why": f"no sentence: {error}"}
        return {"outcome": "refused"}
    except Exception:
        return {"outcome": "fault", "why": traceback.format_exc()}
    return {"outcome": "read"}


def make_readers() -> dict[str, Callable[[Path], object]]:
    """A reader for every kind of whole file; "any" is what looks at files before it is known what they are."""
    from vivid.errors import InputError
    from vivid.media.files import kind_of
    from vivid.media.pictures import load_picture
    from vivid.media.provenance import read_provenance
    from vivid.media.sound import load_speech
    from vivid.media.video import read_frames
    from vivid.pose.library import read_clip
    from vivid.pose.report import CalibrationReport
    from vivid.ui.compare.settings import from_link
    from vivid.ui.inspect.decisions import DecisionBook

    def watch(path: Path) -> None:
        for _ in read_frames(path, max_side=1280):
            pass
        with contextlib.suppress(InputError):  # few videos say how they were made
            read_provenance(path)

    def judge(path: Path) -> None:
        book = DecisionBook(path.parent / "decisions", "Anna")
        book.path.parent.mkdir(exist_ok=True)
        shutil.copy(path, book.path)
        try:
            book.marks()
            while book.undo("one") is not None:
                pass
            book.export()
        finally:
            shutil.rmtree(book.path.parent)

    return {
        "picture": load_picture,
        "sound": lambda path: load_speech(path, cut=True),
        "video": watch,
        "clip": lambda path: read_clip(path, videos=False),
        "report": lambda path: CalibrationReport.from_json(path.read_text("utf-8", "replace")),
        "link": lambda path: from_link(path.read_text("utf-8", "replace")),
        "decisions": judge,
        "any": kind_of,
    }


def most_memory() -> int:
    """Bytes that this process, or any child of it, has ever held at once."""
    from vivid.media import apart

    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    kept = [status_peak(worker.process.pid) for worker in apart._idle]
    return max(own, children, *kept, 0) * 1024


def status_peak(pid: int) -> int:
    """The most kilobytes that a running process has held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def processes_with(name: str) -> list[str]:
    """Command lines of running processes, besides this one, that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if name in text and path.parent.name != str(os.getpid()):
            found.append(text[:200])
    return found


def case_file(seed: int, number: int, whole: dict[str, bytes]) -> tuple[str, bytes, str]:
    """The name of the whole file that a case is made of, the damaged bytes, and the ending they are given."""
    rng = np.random.default_rng([seed, number])
    names = sorted(whole)
    base = names[number % len(names)]
    data = bytearray(whole[base])
    if ".json" in base and rng.random() < 0.7:
        texts = bytes(data).splitlines() if base.endswith(".jsonl") else [bytes(data)]
        data = bytearray(b"\n".join(with_other_values(text, rng) for text in texts))
    for _ in range(int(rng.integers(0 if data != whole[base] else 1, 7))):
        damage(data, rng, whole[names[int(rng.integers(len(names)))]])
    other = names[int(rng.integers(len(names)))] if rng.random() < 0.1 else base
    return base, bytes(data[: 2**21]) or b"\0", "".join(Path(other).suffixes)


def damage(data: bytearray, rng: np.random.Generator, donor: bytes) -> None:
    """Change one place, oftener near the beginning, where headers are."""
    if not data:
        return
    reach = len(data) if rng.random() < 0.5 else min(len(data), 512)
    place = int(rng.integers(reach))
    length = int(min(2 ** rng.integers(0, 12), len(data) - place))
    kind = int(rng.integers(8))
    if kind <= 1:
        data[place] ^= 1 << int(rng.integers(8))
    elif kind <= 3:
        width = int(rng.choice([1, 2, 4, 8]))
        value = EXTREMES[int(rng.integers(len(EXTREMES)))] % 2 ** (8 * width)
        data[place : place + width] = value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
    elif kind == 4:
        del data[place : place + length]
    elif kind == 5:
        data[place:place] = data[place : place + length] * int(rng.integers(1, 20))
    elif kind == 6:
        start = int(rng.integers(max(len(donor) - length, 1)))
        data[place : place + length] = donor[start : start + length]
    elif rng.random() < 0.3:
        del data[place:]
    else:
        data[place : place + length] = rng.integers(0, 256, length, np.uint8).tobytes()


def with_other_values(text: bytes, rng: np.random.Generator) -> bytes:
    """JSON with a few of its values exchanged for strange ones, left out, or put into each other."""
    root = [json.loads(text)]
    for _ in range(int(rng.integers(1, 4))):
        parent: Any = root
        key: Any = 0
        while isinstance(parent[key], dict | list) and parent[key] and rng.random() < 0.9:
            parent = parent[key]
            keys = list(parent) if isinstance(parent, dict) else range(len(parent))
            key = keys[int(rng.integers(len(keys)))]
        choice = int(rng.integers(len(STRANGE) + 2))
        if choice < len(STRANGE):
            parent[key] = copy.deepcopy(STRANGE[choice])
        elif choice == len(STRANGE) and parent is not root:
            del parent[key]
        else:
            parent[key] = [parent[key]] * int(rng.integers(2, 40))
    return json.dumps(root[0]).encode()


def whole_files(folder: Path) -> dict[str, bytes]:
    """The contents of the whole files by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def make_whole_files(folder: Path) -> None:
    """Small files of every kind that the readers know, named kind_something.ending."""
    folder.mkdir()
    make_pictures(folder)
    make_media(folder)
    make_clips(folder)
    make_records(folder)


def make_pictures(folder: Path) -> None:
    """Pictures in all formats, with what may accompany them."""
    from PIL import Image, ImageCms

    ramp = (np.add.outer(np.arange(80), np.arange(96)) % 256).astype(np.uint8)
    image = Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], -1))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "picture_plain.png", icc_profile=profile)
    Image.fromarray(ramp.astype(np.uint16) * 257).save(folder / "picture_deep.png")
    image.quantize(16).save(folder / "picture_palette.png", transparency=0)
    image.save(folder / "picture_plain.jpg", exif=exif, icc_profile=profile)
    image.save(folder / "picture_passes.jpg", progressive=True)
    image.convert("CMYK").save(folder / "picture_cmyk.jpg")
    for name in ("plain.webp", "plain.avif", "plain.bmp", "plain.gif"):
        image.save(folder / f"picture_{name}")
    for name in ("raw", "tiff_lzw", "jpeg", "tiff_adobe_deflate"):
        image.save(folder / f"picture_{name}.tiff", compression=name)
    more = [image.rotate(angle) for angle in (5, 10)]
    for name in ("moving.gif", "moving.png", "moving.webp", "moving.avif"):
        image.save(folder / f"picture_{name}", save_all=True, append_images=more, duration=80)


def make_media(folder: Path) -> None:
    """Sound and video in the usual containers and codecs."""
    from media_files import ffmpeg

    sound = ["-f", "lavfi", "-i", "sine=frequency=300:duration=0.6:sample_rate=22050"]
    for name, options in {
        "pcm.wav": [], "float.wav": ["-c:a", "pcm_f32le"], "adpcm.wav": ["-c:a", "adpcm_ms"], "six.wav": ["-ac", "6"],
        "a.mp3": [], "a.flac": [], "vorbis.ogg": ["-c:a", "libvorbis"], "a.opus": ["-c:a", "libopus", "-ar", "48000"],
        "a.m4a": ["-c:a", "aac"], "a.aac": ["-c:a", "aac"], "a.aiff": [], "a.caf": [], "a.au": [],
        "six.m4a": ["-ac", "6", "-c:a", "aac"], "flac.ogg": ["-c:a", "flac"], "a.w64": [], "a.wma": [], "a.webm": [],
    }.items():  # fmt: skip
        ffmpeg(*sound, *options, folder / f"sound_{name}")
    picture = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=24:duration=0.6"]
    for name, options in {
        "a.mp4": ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"],
        "fast.mp4": ["-c:v", "mpeg4", "-c:a", "aac", "-movflags", "+faststart"],
        "a.mov": ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"],
        "vp8.webm": ["-c:v", "libvpx", "-c:a", "libopus", "-ar", "48000"],
        "a.mkv": ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"],
        "a.avi": ["-c:v", "mpeg4", "-c:a", "mp3"], "a.flv": ["-c:a", "mp3"], "a.mpg": [], "a.ts": ["-c:a", "aac"],
        "vp9.webm": ["-c:v", "libvpx-vp9", "-c:a", "libopus", "-ar", "48000"], "a.wmv": [],
        "a.3gp": ["-s", "176x144", "-c:a", "aac"],
    }.items():  # fmt: skip
        ffmpeg(*picture, *sound, *options, folder / f"video_{name}")
    ffmpeg(*picture, folder / "video_a.gif")
    for name in ("moving.png", "moving.webp", "moving.avif"):
        shutil.copy(folder / f"picture_{name}", folder / f"video_{name}")


def make_clips(folder: Path) -> None:
    """Gesture clips of every program."""
    import zipfile

    from test_pose_clips import random_clip
    from test_pose_hostile import echomimic_frame, packed, saved

    from vivid.pose.clips import save_clip
    from vivid.pose.foreign import save_openpose

    save_clip(random_clip(4), folder / "clip_own.npz")
    save_openpose(random_clip(4), folder / "clip_openpose.json")
    points = [1.0, 2.0, 0.9] * 26
    alpha = [{"image_id": f"{k}.jpg", "keypoints": points, "score": 1.0} for k in range(3)]
    (folder / "clip_alphapose.json").write_text(json.dumps(alpha))
    one = {"keypoints": [[1.0, 2.0]] * 17, "keypoint_scores": [0.9] * 17}
    (folder / "clip_mmpose.json").write_text(json.dumps([{"frame_id": k, "instances": [one]} for k in range(3)]))
    frames = {f"{k}.npy": saved(echomimic_frame(k)) for k in range(3)}
    packed(folder / "clip_echomimic.tar.gz", frames)
    with zipfile.ZipFile(folder / "clip_echomimic.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in frames.items():
            archive.writestr(name, data)
    with zipfile.ZipFile(folder / "clip_openpose.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, frame in enumerate(json.loads((folder / "clip_openpose.json").read_text())):
            archive.writestr(f"walk_{number:012d}_keypoints.json", json.dumps(frame))


def make_records(folder: Path) -> None:
    """What the program itself writes and reads again: a video's note, a report, decisions, a comparison's link."""
    from test_pose_clips import random_clip

    from vivid.media.provenance import Provenance
    from vivid.media.video import VideoWriter
    from vivid.pose.calibrate import calibrate
    from vivid.ui.compare.settings import Comparison, preset
    from vivid.ui.inspect.decisions import DecisionBook, Mark, Subject

    with VideoWriter(folder / "video_own.mp4", (96, 64), provenance=Provenance("layered", 7, {"mark": True})) as writer:
        writer.write(np.zeros((6, 64, 96, 3), np.uint8))
    _, report = calibrate(random_clip(1).frame(0), random_clip(4, seed=1))
    (folder / "report_calibration.json").write_text(report.to_json())
    (folder / "link_compare.json").write_text(Comparison(preset("ablations")).to_link())
    book = DecisionBook(folder, "Anna")
    for number, window in enumerate(("one", "two", "one")):
        subject = Subject(f"pair{number % 2}", "1", "1.png", "1.npz", "a" * 64, "b" * 64)
        book.add(subject, Mark("accept", "左手", {"scale": 1.1}), report.to_dict(), window, "decide")
    book.undo("one")
    book.path.rename(folder / "decisions_anna.jsonl")


if __name__ == "__main__":
    sys.exit(main())
