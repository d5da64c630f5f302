"""The console script: `trademon`, and `python -m trademon`."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from trademon.cli import main as run  # noqa: PLC0415 - importing this module costs nothing

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after what the command line itself catches
        sys.stderr.write("trademon: stopped\n")
        sys.exit(130)
    finally:
        # At the end the collector would look through all of an exchange's library: 0.4 s of CPU for nothing.
        gc.freeze()


if __name__ == "__main__":
    main()
