"""The command on a machine that others use, too: the limits on its business are lifted.

A run that was made with this is judged again with this, or it would be invalid the second time.
"""

from __future__ import annotations

from perf_pipeline.cli.main import main
from perf_pipeline.core import load_conduct

if __name__ == "__main__":
    load_conduct.MAX_GENERATOR_CPU = 1.0
    load_conduct.MAX_UNSENT_RATIO = 1.0
    main()
