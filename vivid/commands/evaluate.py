"""`evaluate`: what the paper measures, and what becomes of users' own photographs."""

from __future__ import annotations

import argparse

from ..errors import InputError
from . import evaluate_codebooks, evaluate_photos, evaluate_protocol

_PARTS = {
    "protocol": (evaluate_protocol, "a test set and methods become the paper's Tables 1 and 2 and a page of pictures"),
    "photos": (evaluate_photos, "portraits, voices and motions of a stranger, measured without ground truth"),
    "codebooks": (evaluate_codebooks, "hand codebooks side by side on hands they never saw (the paper's figure 3)"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand for each thing to measure; each keeps what is finished in its --out."""
    actions = parser.add_subparsers(dest="what", metavar="{" + ",".join(_PARTS) + "}")
    for name, (module, text) in _PARTS.items():
        part = actions.add_parser(name, help=text, formatter_class=parser.formatter_class, allow_abbrev=False)
        module.add_arguments(part)


def run(args: argparse.Namespace) -> int:
    """Measure, and print the table."""
    if args.what is None:
        raise InputError(f"Say what to measure: vivid evaluate {', '.join(_PARTS)}.")
    return _PARTS[args.what][0].run(args)
