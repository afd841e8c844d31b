"""A video says that it is AI-generated, in the picture and in the file, and how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import video

from vivid.cli import main
from vivid.errors import InputError
from vivid.media.provenance import Provenance, _tags, read_provenance, sha256_of, stamp
from vivid.media.video import VideoWriter

NOTE = Provenance("compact", 2**53 + 1, {"steps": 6, "odd": 'a=b;#c\\d\n"é声"', "none": None}, {"portrait": "0" * 64})


def marked(path: Path) -> Path:
    with VideoWriter(path, (128, 128), provenance=NOTE) as writer:
        writer.write(stamp(np.full((3, 128, 128, 3), 90, np.uint8)))
    return path


def test_the_note_comes_back_whole(tmp_path: Path) -> None:
    note = read_provenance(marked(tmp_path / "out.mp4"))
    assert note["model"] == NOTE.model and note["seed"] == NOTE.seed
    assert note["settings"] == NOTE.settings and note["inputs_sha256"] == NOTE.inputs_sha256
    assert note["ai_generated"] is True and note["program"] == "VividAnimator"


def test_inspect_prints_it_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(marked(tmp_path / "out.mp4"))]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["seed"] == NOTE.seed and printed["video"]["width"] == 128
    assert main(["inspect", str(video(tmp_path / "other.mp4"))]) == 2
    captured = capsys.readouterr()
    assert "does not say how it was made" in captured.err and captured.err.count("\n") == 1
    (tmp_path / "text.mp4").write_text("no video")
    for path, reason in (("text.mp4", "cannot be read as a video"), ("none.mp4", "There is no video")):
        assert main(["inspect", str(tmp_path / path)]) == 2
        assert reason in capsys.readouterr().err


@given(st.dictionaries(st.text("ab=;#\\\nc", min_size=1), st.text("ab=;#\\\nc"), max_size=4))
def test_escaped_tags(tags: dict[str, str]) -> None:
    def escape(text: str) -> str:
        return "".join("\\" + c if c in "=;#\\\n" else c for c in text)

    text = ";FFMETADATA1\n" + "".join(f"{escape(key)}={escape(value)}\n" for key, value in tags.items())
    assert _tags(text) == tags


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (768, 512), (1024, 1024), (64, 1024)])
def test_the_mark_is_small_legible_and_in_the_corner(size: tuple[int, int]) -> None:
    width, height = size
    for value in (0, 120, 255):
        frames = np.full((2, height, width, 3), value, np.uint8)
        stamped = stamp(frames)
        assert (frames == value).all() and stamped.dtype == np.uint8
        assert (stamped[0] == stamped[1]).all()
        assert (stamp(frames[0]) == stamped[0]).all()
        changed = (stamped[0] != value).any(axis=2)
        rows, columns = np.nonzero(changed)
        assert rows.min() > 0.75 * height and columns.min() > 0.3 * width
        assert changed.mean() < 0.06
        assert columns.max() < width - 2 and rows.max() < height - 2
        if value != 120:
            plate = stamped[0, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(int)
            assert plate.max() - plate.min() > 80  # letters stand out on black and on white
    with pytest.raises(ValueError, match="no room"):
        stamp(np.zeros((1, 8, 8, 3), np.uint8))


def test_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert (
        sha256_of(tmp_path / "a")
        == sha256_of(b"abc")
        == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    )
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert sha256_of(array) == sha256_of(np.asfortranarray(array)) != sha256_of(array.T)
    assert sha256_of(array) != sha256_of(array.astype(np.float64))


@settings(max_examples=10)
@given(st.binary(max_size=300))
def test_other_files_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_provenance(path)
