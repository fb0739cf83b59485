"""`python -m tfhrnn`."""

import sys

from tfhrnn.cli import main

sys.exit(main())
