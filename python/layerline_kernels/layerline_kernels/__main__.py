"""The command line: `python -m layerline_kernels COMMAND --help`."""

from __future__ import annotations

import sys

from layerline_kernels.commands import main

if __name__ == "__main__":
    sys.exit(main())
