"""`python -m vivid agreement FOLDER`: how far annotators agree, and what each has decided in the end."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("decisions", type=Path, help="folder of a server's decisions (its --decisions)")


def run(args: argparse.Namespace) -> int:
    """Print counts, Cohen's kappa of every two annotators, Fleiss' of all, disagreements and how they were settled."""
    from ..ui.inspect.agreement import agreement_of, settled_in, verdicts_in

    found = agreement_of(verdicts_in(args.decisions)) | {"settled": settled_in(args.decisions)}
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return 0
