"""From a test set and methods to numbers: every clip and method once, resumable, with confidence intervals over clips.

OUT/measures/METHOD/CLIP.json holds the values of one video, CLIP.npz the features of metrics over sets, CLIP.poses.npz
what the detector found, and OUT/pictures/METHOD/CLIP.jpg some of its frames. They are reused as long as the video is
made from the same inputs; a metric whose network was missing is tried again.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media.outputs import write_jpeg, write_text, written_whole
from ..pose.clips import load_clip, save_clip
from ..pose.draw import SHOWN, SHOWN_HEIGHT, overlay, strip, strip_of
from .compare import PORTRAIT_FRAME, Case
from .measure import detect
from .methods import TRUTH, Method
from .metrics import REGISTRY
from .metrics.base import Features, Frames, Labels, Metric, MissingNetworkError, NotMeasuredError, Sample
from .metrics.networks import Networks

PORTRAIT = "portrait and motion"
"""The row of pictures that shows what the videos are made from."""
RESAMPLES = 1000
SET_RESAMPLES = 20
"""For metrics over sets, where every sample takes a decomposition: enough for a standard error."""


@dataclass
class Measured:
    """The numbers of one video: values of metrics over videos, features of those over sets, and why there are none."""

    values: dict[str, float] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """A number of a table: mean or distance, its 95 % interval over clips (None for one clip), and of how many."""

    value: float
    low: float | None
    high: float | None
    clips: int


@dataclass
class MethodRow:
    """One method: a Value for each metric, or a sentence that says why there is none; and clips it could not do."""

    name: str
    competes: bool
    values: dict[str, Value] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Protocol:
    """Measures cases one after the other; `rows` then has the table."""

    def __init__(
        self,
        methods: Sequence[Method],
        metrics: Sequence[str],
        networks: Networks,
        out: Path,
        detector: str = "auto",
        report: Callable[[str], None] = print,
    ) -> None:
        self.methods, self.networks, self.out, self.detector, self.report = methods, networks, out, detector, report
        self.metrics = [REGISTRY[key] for key in metrics]
        self.measured: dict[str, dict[str, Measured]] = {method.name: {} for method in methods}
        self.failed: dict[str, dict[str, str]] = {method.name: {} for method in methods}

    def measure(self, case: Case, labels: Labels | None = None) -> None:
        """All methods on one case. A method that cannot do it is noted, and the others go on."""
        for method in self.methods:
            try:
                self.measured[method.name][case.name] = self._one(method, case, labels)
            except InputError as error:
                self.failed[method.name][case.name] = str(error)
                self.report(f"{case.name}, {method.name}: {error}")
        self.report(f"measured {case.name}")

    def _one(self, method: Method, case: Case, labels: Labels | None) -> Measured:
        folder = self.out / "measures" / file_name(method.name)
        made_of = f"{method.made_of(case)} | {_made_of(case)}"
        measured = _load(folder, case.name, made_of)
        lasting = dict(measured.missing)
        self._say_missing(measured)
        wanted = [m for m in self.metrics if m.key not in {*measured.values, *measured.features, *measured.missing}]
        picture = self.out / "pictures" / file_name(method.name) / f"{case.name}.jpg"
        if not wanted and picture.exists():
            return measured
        frames = method.frames(case)
        write_jpeg(picture, strip_of(frames))
        sample = self._sample(method, case, frames, labels, folder / f"{case.name}.poses.npz")
        for metric in wanted:
            try:
                if metric.features is None:
                    measured.values[metric.key] = float(metric.compute(sample, self.networks))
                else:
                    measured.features[metric.key] = np.asarray(metric.features(sample, self.networks))
            except NotMeasuredError as error:
                measured.missing[metric.key] = str(error)
                if not isinstance(error, MissingNetworkError):
                    lasting[metric.key] = str(error)
        _save(folder, case.name, made_of, measured, lasting)
        return measured

    def _say_missing(self, measured: Measured) -> None:
        """Name the metrics whose networks are missing before a video is made or analysed for them."""
        for metric in self.metrics:
            if metric.key in {*measured.values, *measured.features}:
                continue
            for need in metric.needs:
                try:
                    self.networks.get(need)
                except MissingNetworkError as error:
                    measured.missing[metric.key] = str(error)

    def _sample(self, method: Method, case: Case, frames: Frames, labels: Labels | None, poses: Path) -> Sample:
        found = None
        if poses.exists():
            found = load_clip(poses)
        else:
            with suppress(InputError):  # nobody in it: metrics that need poses say so
                found = detect(frames, self.detector)
                save_clip(found, poses)
        truth = np.array(case.clip.frames[: len(frames)]) if case.own_portrait else None
        own = case.own_portrait or method.name != TRUTH
        return Sample(
            frames,
            None if method.name == TRUTH else truth,
            found,
            case.portrait if own else None,
            case.speech,
            labels,
            first=PORTRAIT_FRAME + 1 if case.own_portrait else 0,
        )

    def rows(self, seed: int = 0) -> list[MethodRow]:
        """The numbers of each method over all cases; competing methods are resampled alike."""
        return [self._row(method, seed) for method in self.methods]

    def _row(self, method: Method, seed: int) -> MethodRow:
        row = MethodRow(method.name, method.competes, failed=self.failed[method.name])
        ours = self.measured[method.name]
        for metric in self.metrics:
            if method.name == TRUTH and metric.compares:
                row.missing[metric.key] = "the others are compared with it"
                continue
            try:
                if metric.features is None:
                    values = {name: one.values[metric.key] for name, one in ours.items() if metric.key in one.values}
                    row.values[metric.key] = mean_of(np.array(list(values.values())), seed)
                else:
                    row.values[metric.key] = distance_of(metric, ours, self.measured[TRUTH], seed)
            except NotMeasuredError as error:
                reasons = Counter(one.missing[metric.key] for one in ours.values() if metric.key in one.missing)
                row.missing[metric.key] = reasons.most_common(1)[0][0] if reasons else str(error)
        return row


def mean_of(values: NDArray[np.floating], seed: int = 0) -> Value:
    """Mean over clips with its bootstrap percentile interval; infinite values (equal pictures) are left out."""
    values = values[np.isfinite(values)]
    if not len(values):
        raise NotMeasuredError("no clip has a finite value")
    mean = float(values.mean())
    if len(values) == 1:
        return Value(mean, None, None, 1)
    draws = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(1), (2.5, 97.5))
    return Value(mean, float(low), float(high), len(values))


def distance_of(metric: Metric, made: Mapping[str, Measured], truth: Mapping[str, Measured], seed: int = 0) -> Value:
    """A metric over sets, with 1.96 bootstrap standard errors to both sides: a resampled set repeats clips, which moves
    such a distance itself, so its percentiles would not lie around it."""
    key = metric.key
    names = [name for name, one in made.items() if key in one.features]
    if metric.compares:
        names = [name for name in names if name in truth and key in truth[name].features]
    if not names:
        raise NotMeasuredError("no clip could be measured")

    def value(chosen: Sequence[str]) -> float:
        others = [truth[name].features[key] for name in chosen] if metric.compares else []
        return float(metric.compute([made[name].features[key] for name in chosen], others))

    whole = value(names)
    if len(names) == 1:
        return Value(whole, None, None, 1)
    rng = np.random.default_rng(seed)
    spread = np.std([value([names[i] for i in rng.integers(0, len(names), len(names))]) for _ in range(SET_RESAMPLES)])
    return Value(whole, whole - 1.96 * float(spread), whole + 1.96 * float(spread), len(names))


def write_portrait_row(case: Case, out: Path) -> None:
    """The portrait and poses that drive the video, in a row as long as the others."""
    picks = np.linspace(0, case.frames - 1, SHOWN).round().astype(int)[1:]
    width, height = case.motion.canvas
    poses = [overlay(np.full((height, width, 3), 24, np.uint8), case.motion.frame(i)) for i in picks]
    path = out / "pictures" / file_name(PORTRAIT) / f"{case.name}.jpg"
    write_jpeg(path, strip([case.portrait.image, *poses], height=SHOWN_HEIGHT, gap=0))


def file_name(name: str) -> str:
    """A method's name as that of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)


def _made_of(case: Case) -> str:
    stat = case.clip.video.stat()
    height, width = case.clip.frames.shape[1:3]
    return f"{stat.st_size} {stat.st_mtime_ns} {case.frames} frames of {width}x{height} {case.portrait.image.sum()}"


def _load(folder: Path, name: str, made_of: str) -> Measured:
    """What is stored about a video; nothing when the video has changed, and then what was stored is deleted."""
    path = folder / f"{name}.json"
    try:
        known: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if known["made_of"] != made_of:
            raise ValueError
        with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
            features = {key: stored[key] for key in stored.files}
        return Measured(known["values"], features, known["missing"])
    except (OSError, ValueError, KeyError):
        for ending in (".json", ".npz", ".poses.npz"):
            (folder / f"{name}{ending}").unlink(missing_ok=True)
        picture = folder.parents[1] / "pictures" / folder.name / f"{name}.jpg"
        picture.unlink(missing_ok=True)
        return Measured()


def _save(folder: Path, name: str, made_of: str, measured: Measured, missing: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / f"{name}.npz") as file:
        np.savez(file, **measured.features)  # type: ignore[arg-type]
    content = {"made_of": made_of, "values": measured.values, "missing": missing}
    write_text(folder / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def fresh_folder(folder: Path) -> Path:
    """An empty folder; what a killed run left there is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
