"""`python -m vivid weights`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import InputError

LICENCES = {
    "compact": "CC0; comes with the project",
    "full": "EchoMimicV2: code Apache-2.0, see the hub page for the weights; autoencoder MIT",
    "full-acc": "as full; distilled to 6 steps without guidance",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `weights`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|fetch|convert|check")
    actions.add_parser("list", help="models and speech encoders, where they are, and what to do about missing ones")
    fetch = actions.add_parser("fetch", help="download the public base and convert it, or a speech encoder alone")
    fetch.add_argument("name", choices=("full", "full-acc", "whisper-tiny", "wav2vec2"))
    convert = actions.add_parser("convert", help="convert public files that are on this machine already")
    convert.add_argument("source", type=Path, help="folder with the .pth files of EchoMimicV2")
    convert.add_argument("--vae", type=Path, required=True, help="folder of stabilityai/sd-vae-ft-mse")
    convert.add_argument("--variant", choices=("base", "acc"), default="base", help="acc: distilled to 6 steps")
    convert.add_argument("--out", type=Path, default=None, help="model folder to write (default: where full belongs)")
    check = actions.add_parser("check", help="read a model completely and say whether it is sound")
    check.add_argument("model", help="compact, full, full-acc, or a model folder")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; results on stdout."""
    {"list": _list, "fetch": _fetch, "convert": _convert, "check": _check}[args.action](args)
    return 0


def _list(args: argparse.Namespace) -> None:
    from ..weights.hub import FULL_MODELS, SPEECH_REPOSITORIES, cached, default_model, folder_of, is_present
    from ..weights.store import assets_folder, read_info

    for name in ("compact", *FULL_MODELS):
        folder = folder_of(name)
        print(f"{name}: {LICENCES[name]}")
        if is_present(name):
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            untrained = ", ".join(read_info(folder).untrained) or "nothing"
            print(f"  in {folder}, {size / 2**20:.0f} MiB; not trained: {untrained}")
        elif name in FULL_MODELS:
            print(f"  not here; `python -m vivid weights fetch {name}` downloads about 9 GB and converts them")
        else:
            print(f"  not here; it belongs in {folder}")
    print(f"Used when none is named: {default_model()}\n\nSpeech encoders (a model names the one it was trained with):")
    print(f"whisper-tiny.en: MIT; comes with the project\n  in {assets_folder() / 'speech' / 'whisper-tiny.en'}")
    for name, repository in SPEECH_REPOSITORIES.items():
        print(f"{name}: {repository.licence}; {repository.name} on the hub")
        megabytes = f"{1000 * repository.gigabytes:.0f} MB"
        fetch = f"not here; `python -m vivid weights fetch {name}` downloads {megabytes}"
        print("  " + ("in the hub's cache" if cached(repository) else fetch))


def _fetch(args: argparse.Namespace) -> None:
    from ..weights.hub import fetch

    print(fetch(args.name))


def _convert(args: argparse.Namespace) -> None:
    from ..weights.echomimic import convert
    from ..weights.hub import FULL_MODELS, folder_of

    for folder in (args.source, args.vae):
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder: name the one that holds the downloaded files.")
    names = {variant: name for name, variant in FULL_MODELS.items()}
    target = args.out or folder_of(names[args.variant])
    if target.exists() and any(target.iterdir()):
        raise InputError(f"{target} is not empty: remove it, or choose another folder with --out.")
    print(convert(args.source, args.vae, target, args.variant).summary())


def _check(args: argparse.Namespace) -> None:
    import torch

    from ..weights.hub import folder_of
    from ..weights.store import COMPONENTS, load_component, read_info

    folder = folder_of(args.model)
    info = read_info(folder)
    for component in COMPONENTS:
        state = load_component(folder / component, torch.float32).state_dict()
        unsound = [key for key, value in state.items() if not bool(torch.isfinite(value).all())]
        if unsound:
            raise InputError(f"{folder / component} holds values that are not numbers in {unsound[0]}: get it again.")
        count = sum(value.numel() for value in state.values())
        print(f"{component}: {len(state)} tensors, {count / 1e6:.2f} M numbers, sound")
    print(f"{info.name}: speech encoder {info.speech_encoder}, not trained: {', '.join(info.untrained) or 'nothing'}")
