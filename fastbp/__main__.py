"""`python -m fastbp` is the program `fastbp`."""

import sys

from fastbp.cli import main

sys.exit(main())
