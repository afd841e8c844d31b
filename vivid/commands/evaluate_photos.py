"""`evaluate photos`: users' own portraits, voices and motions through the command line, measured as files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import InputError
from ..media.outputs import run_folder, write_text
from .motion import add_rate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Writes table.json, table.md, sheets and videos; pairs that are done in --out are not made again."""
    parser.add_argument("--portraits", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--voices", type=Path, required=True, help="folder of sound files")
    parser.add_argument("--motions", nargs="+", required=True, help="folders of clips, clips, or names that ship")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables, sheets and videos")
    parser.add_argument("--every", action="store_true", help="every combination (else each at least once, in turn)")
    parser.add_argument("--size", metavar="WxH", help="width and height (default: the model's own)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each voice")
    parser.add_argument("--model", help="layered, compact, full or a folder (default: the best here)")
    add_rate(parser)


def run(args: argparse.Namespace) -> int:
    """Make, measure, print the table. Exit code 1 when a pair failed: the others stand in the table."""
    portraits, voices = _files(args.portraits, "pictures"), _files(args.voices, "sound files")
    motions = [name for motion in args.motions for name in _clips(motion)]
    with run_folder(args.out):
        from ..evaluation.photos.bench import VideoOptions, combinations_of, mean_row, run_bench, table_of
        from ..evaluation.photos.observer import mediapipe_observer

        options = VideoOptions(args.size, args.seconds, args.model, args.fps)
        rows = []
        for row in run_bench(
            combinations_of(portraits, voices, motions, args.every), options, args.out, mediapipe_observer
        ):
            rows.append(row)
            print(f"{row['name']}: {row['failed']}" if "failed" in row else f"measured {row['name']}", flush=True)
            for notice in row.get("notices", ()):
                print(f"{row['name']}: {notice}", file=sys.stderr)
        good = [row for row in rows if "failed" not in row]
        data = {"rows": rows, "mean": mean_row(good), "options": vars(options)}
        write_text(args.out / "table.json", json.dumps(data, indent=1) + "\n")
        table = table_of(rows)
        write_text(args.out / "table.md", table)
    print(table)
    return 0 if len(good) == len(rows) else 1


def _files(folder: Path, what: str) -> list[Path]:
    """The files of a folder that are pictures, or that may hold sound."""
    from ..media.files import kind_of

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name one with {what} in it.")
    kind = "picture" if what == "pictures" else "media"
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    texts = {".md", ".txt", ".json", ".csv"}
    found = [path for path in files if path.suffix.lower() not in texts and kind_of(path) == kind]
    if not found:
        raise InputError(f"There are no {what} in {folder}: name another folder.")
    return found


def _clips(motion: str) -> list[str]:
    """The clips in a folder; a file, a name that ships, and a folder that is one clip of single frames stay."""
    folder = Path(motion)
    if not folder.is_dir():
        return [motion]
    names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    clips: dict[str, str] = {}
    for path in names:
        if path.is_file() and path.name.lower().endswith((".npz", ".tar.gz", ".mp4", ".mov", ".webm")):
            clips.setdefault(path.name.split(".")[0], str(path))  # of a clip in two forms, the first
    return list(clips.values()) or [motion]
