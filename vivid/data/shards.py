"""WebDataset shards: tar files whose members NAME.mp4, NAME.npz (poses), NAME.speech.npz (the speech encoder's states)
and NAME.json (record) are one clip."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

from ..errors import InputError
from ..media.outputs import reserve
from ..speech.states import SUFFIX

PER_SHARD = 64
_MEMBER = re.compile(r"[\w\-]{1,200}\.(mp4|npz|speech\.npz|json)")


def write_shards(clips: Path, records: Path, out: Path, per_shard: int = PER_SHARD) -> list[Path]:
    """Move finished clips of the folder `clips` into new shards in `out`, numbered on; those packed are deleted.

    A shard appears whole. A clip that an earlier, killed run has already packed is only deleted.
    """
    packed = {name for shard in sorted(out.glob("shard-*.tar")) for name in names_in(shard)}
    waiting = []
    for video in sorted(clips.glob("*.mp4")):
        if video.stem in packed:
            _remove(video)
        elif video.with_suffix(".npz").is_file():
            waiting.append(video)
    first = 1 + max((int(shard.stem.split("-")[1]) for shard in out.glob("shard-*.tar")), default=-1)
    written = []
    for number, begin in enumerate(range(0, len(waiting), per_shard), first):
        target, group = out / f"shard-{number:06d}.tar", waiting[begin : begin + per_shard]
        with reserve(target) as part, tarfile.open(part, "w") as tar:
            for video in group:
                beside = (video.with_suffix(".npz"), video.with_suffix(SUFFIX), records / f"{video.stem}.json")
                for member in (video, *filter(Path.is_file, beside)):
                    tar.add(member, member.name)
        for video in group:
            _remove(video)
        written.append(target)
    return written


def _remove(video: Path) -> None:
    for suffix in (".npz", SUFFIX):
        video.with_suffix(suffix).unlink(missing_ok=True)
    video.unlink()


def names_in(shard: Path) -> set[str]:
    """The clips of a shard. Errors: InputError."""
    try:
        with tarfile.open(shard) as tar:
            return {Path(name).stem for name in tar.getnames() if name.endswith(".mp4")}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{shard} is damaged: delete it and prepare its videos again.") from error


def unpack_shard(shard: Path, cache: Path) -> Path:
    """The folder with a shard's clips, unpacked into the cache once. Errors: InputError for what is no such shard."""
    stat = shard.stat()
    target = cache / "shards" / f"{shard.stem}-{stat.st_size}-{stat.st_mtime_ns}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with reserve(target, replace=True) as part:
        part.mkdir()
        try:
            with tarfile.open(shard) as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isfile() and _MEMBER.fullmatch(member.name) else None
                    if file is None:
                        raise InputError(f"{shard} holds {member.name[:80]!r}, which is no part of a clip: remove it.")
                    with (part / member.name).open("wb") as out:
                        shutil.copyfileobj(file, out)
        except (tarfile.TarError, EOFError) as error:
            raise InputError(f"{shard} is damaged: prepare its videos again.") from error
    return target
