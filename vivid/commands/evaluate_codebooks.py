"""`evaluate codebooks`: hand codebooks side by side on held-out hands."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import InputError
from ..media.outputs import run_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Writes codebooks.md and codebooks.png."""
    parser.add_argument("--hands", type=Path, required=True, help="folder of held-out hand shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for the table and the picture")
    parser.add_argument("--model", nargs="+", default=["compact"], help="model folders, or runs of `vivid train hcc`")
    parser.add_argument("--cache", type=Path, default=Path("data/cache"), help="decoded pictures")


def run(args: argparse.Namespace) -> int:
    """Measure the codebook of each model, and print the table."""
    from ..evaluation.codebooks import compare_codebooks
    from ..training.export import find_component
    from ..training.hands import load_hand_shards
    from ..weights.hub import folder_of

    names = {Path(model).name: model for model in args.model}
    if len(names) < len(args.model):
        raise InputError("Two of the models have the same name: rename a folder.")
    with run_folder(args.out):
        codebooks = {}
        for name, model in names.items():
            folder = folder_of(model)
            codebooks[name] = find_component([folder], "codebook")
            if codebooks[name] is None:
                raise InputError(f"{folder} holds no codebook/: name a run of `vivid train hcc` or a model folder.")
        print(compare_codebooks(codebooks, load_hand_shards(args.hands, args.cache), args.out))
    return 0
