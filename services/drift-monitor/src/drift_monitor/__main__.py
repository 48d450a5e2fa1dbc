"""`python -m drift_monitor` is the command `drift-monitor`."""

import sys

from drift_monitor.cli import main

sys.exit(main())
