"""`python -m vivid`."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's own threads would spin beside those that draw frames

from .cli import main

sys.exit(main(sys.argv[1:]))
