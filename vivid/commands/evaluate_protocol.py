"""`evaluate protocol`: the paper's section 4.2 from a test set and methods to tables, plots and a page of pictures."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..media.outputs import run_folder, write_text

if TYPE_CHECKING:
    from ..evaluation.compare import Case
    from ..evaluation.protocol import MethodRow
    from ..evaluation.testset import Reference, Stretch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Writes index.html, table*.md, .csv, .tex, results.json and, for the next run, measures, pictures and videos."""
    parser.add_argument(
        "--clips", type=Path, required=True, help="folder of videos, or a list of clips (CSV; EMTD's too)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for everything; what is done there is kept")
    parser.add_argument("--videos", type=Path, help="where a list's videos lie (default: beside it)")
    parser.add_argument(
        "--method", action="append", default=[], metavar="[NAME=]WHAT",
        help="a folder of finished videos named as the clips, or a generator or model folder with ablations (compact,"
        "no-hcc), or still, nearest, latents; again for each (default: still, compact, layered)",
    )  # fmt: skip
    parser.add_argument(
        "--portraits", type=Path,
        help="pictures instead of each clip's first frame: a folder, or a CSV file with file, age, gender, ...",
    )  # fmt: skip
    parser.add_argument("--metrics", default="paper", help="paper, all, or keys such as psnr,hkc")
    parser.add_argument("--weights-dir", type=Path, help="folder with weights of metrics' networks")
    parser.add_argument("--no-fetch", action="store_true", help="compute only what needs no download")
    parser.add_argument("--training", type=Path, help="training clips: for nearest, and readers of rendered mouths")
    parser.add_argument("--size", metavar="WxH", help="fit every clip to this size, never squashed (default: its own)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N clips")
    parser.add_argument("--frames", type=int, help="only so many frames of each clip")
    parser.add_argument("--steps", type=int, help="sampling steps (default: the model's own)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guidance-audio", type=float, metavar="G")
    parser.add_argument("--guidance-image", type=float, metavar="G")
    parser.add_argument(
        "--probes", metavar="MODEL", help="also: what other voice, other gestures, silence change in it"
    )
    parser.add_argument("--detector", default="auto", choices=("auto", "mediapipe", "dwpose", "openpose"))
    parser.add_argument("--device", help="for metrics' networks: cpu, cuda (default: the best here)")
    parser.add_argument("--cache", type=Path, default=Path("data/cache"), help="decoded training clips")


def run(args: argparse.Namespace) -> int:
    """Measure, write, print the tables. Exit code 1 when a clip or a method failed: the others stand in the tables."""
    if (args.limit is not None and args.limit < 1) or (args.frames is not None and args.frames < 2):
        raise InputError("Choose at least 1 clip and 2 frames.")
    with run_folder(args.out):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from ..config import RunSettings
    from ..devices import default_device, keep_memory
    from ..evaluation.measure import face_of, gallery_of, labels_of
    from ..evaluation.methods import Methods
    from ..evaluation.metrics.networks import Networks
    from ..evaluation.protocol import Protocol, write_portrait_row
    from ..evaluation.testset import balance, read_references, read_test_set
    from ..training.clips import load_clips

    keep_memory()
    keys = _metrics(args.metrics)
    stretches, skipped = read_test_set(args.clips, args.videos)
    stretches = stretches[: args.limit]
    references = read_references(args.portraits) if args.portraits else []
    table, complaints = balance(references) if references else ("", [])
    training = load_clips(args.training, args.cache) if args.training else []
    plain = RunSettings(
        steps=args.steps,
        seed=args.seed,
        guidance_audio=args.guidance_audio,
        guidance_image=args.guidance_image,
        mark=False,
    )
    methods = Methods(args.out, plain, training)
    chosen = [methods.truth(), *(methods.parse(text) for text in args.method or ("still", "compact", "layered"))]
    if len({method.name for method in chosen}) < len(chosen):
        raise InputError("Two of the methods have the same name: give them others with NAME=WHAT.")
    device = args.device or str(default_device())
    protocol = Protocol(chosen, keys, Networks(args.weights_dir, not args.no_fetch, device), args.out, args.detector)
    faces = {clip.identity: face_of(clip) for clip in training}
    if {"identity_own", "identity_others"} & set(keys):  # of everybody, before the first is compared with the others
        faces |= {case.clip.identity: face_of(case.clip) for case in _cases(args, stretches, [], [])}
    cases: list[str] = []
    for case in _cases(args, stretches, references, skipped, print):
        write_portrait_row(case, args.out)
        protocol.measure(case, labels_of(case, gallery_of(faces, case.clip.identity), training))
        cases.append(case.name)
    if not cases:
        raise InputError("No clip could be used. " + " ".join(skipped[:3]))
    rows = protocol.rows(args.seed)
    _write(args, rows, keys, cases, skipped, table, complaints)
    if args.probes:
        from ..evaluation.probes import probes

        pair = [case for case, _ in zip(_cases(args, stretches, [], []), range(2), strict=False)]
        found = probes(methods.pipeline(args.probes), pair, plain, args.out / "videos" / "probes", args.detector)
        write_text(args.out / "probes.json", json.dumps(found, indent=2) + "\n")
        print(json.dumps(found, indent=2))
    shutil.rmtree(args.out / "decoded", ignore_errors=True)
    return 1 if skipped or any(row.failed for row in rows) else 0


def _metrics(text: str) -> list[str]:
    from ..evaluation.metrics import REGISTRY, TABLE_1, TABLE_2

    if text == "all":
        return list(REGISTRY)
    keys = list(dict.fromkeys((*TABLE_1, *TABLE_2))) if text == "paper" else text.split(",")
    if unknown := [key for key in keys if key not in REGISTRY]:
        raise InputError(f"There is no metric {unknown[0]!r}: choose from {', '.join(REGISTRY)}.")
    return keys


def _cases(
    args: argparse.Namespace,
    stretches: list[Stretch],
    references: list[Reference],
    skipped: list[str],
    report: Callable[[str], None] = lambda text: None,
) -> Iterator[Case]:
    """The cases one after the other, each with its frames decoded on disk; every clip and every portrait at least once.

    What cannot be used is noted in `skipped`.
    """
    from ..evaluation.compare import make_case
    from ..evaluation.protocol import fresh_folder
    from ..evaluation.testset import ready_clip
    from ..inputs import load_portrait
    from ..training.clips import load_clip_folder
    from .animate import parse_size

    size = parse_size(args.size) if args.size else None
    for number in range(max(len(stretches), len(references))):
        stretch = stretches[number % len(stretches)]
        reference = references[number % len(references)] if references else None
        try:
            video = ready_clip(stretch, args.out / "clips", args.detector, report)
            clip = load_clip_folder(video, fresh_folder(args.out / "decoded"), size)
            if reference is None:
                yield make_case(clip, args.frames)
            else:
                portrait = load_portrait(reference.picture, args.detector)
                yield make_case(clip, args.frames, portrait, f"{stretch.name}__{reference.picture.stem}")
        except InputError as error:
            skipped.append(f"{stretch.name}: {error}")
            report(skipped[-1])


def _write(
    args: argparse.Namespace,
    rows: list[MethodRow],
    keys: list[str],
    cases: list[str],
    skipped: list[str],
    table: str,
    complaints: list[str],
) -> None:
    from ..evaluation.page import write_page
    from ..evaluation.tables import as_csv, columns_of, latex, markdown, notes

    lead = [
        f"{len(cases)} clips, {len(rows) - 1} methods. In brackets or small: 95 % intervals by bootstrap over clips. "
        "Bold is best, underlined second, among the methods; the recordings (truth) do not compete."
    ]
    lead += skipped
    for title, columns in columns_of(keys).items():
        name = title.lower().replace(" ", "")
        said = notes(rows, columns, len(cases))
        text = markdown(rows, columns) + "".join(f"\n{note}" for note in ["", *said] if said)
        for ending, content in (("md", text + "\n"), ("csv", as_csv(rows, columns)), ("tex", latex(rows, columns))):
            write_text(args.out / f"{name}.{ending}", content)
        print(f"{title}\n\n{text}\n")
    results = [asdict(row) for row in rows]
    details = {"rows": results, "clips": cases, "skipped": skipped, "portraits_out_of_balance": complaints}
    write_text(args.out / "results.json", json.dumps(details, indent=1, ensure_ascii=False) + "\n")
    extra = (
        [("Balance of the portraits", table + "".join(f"\n{c}" for c in complaints or ["Balanced."]))] if table else []
    )
    for complaint in complaints:
        print(f"Portraits out of balance: {complaint}")
    write_page(rows, keys, cases, lead, extra, args.out)
    print(f"{args.out / 'index.html'} has the tables, plots and pictures.")
