"""Starts the page: `python app.py --help` lists the options. A Space runs this file."""

import os

import vivid  # noqa: F401  (before all others: it tells them to call nobody)

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's own threads would spin beside those that draw frames

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # noqa: F401  (must come before torch)

from vivid.ui.page import main

if __name__ == "__main__":
    main()
