"""All campaigns of `make soak`, one after the other; exit code 1 if one failed. Arguments: which ones, by name.

A campaign is a program of this directory. It prints its progress and, last, one line that sums it up; its exit code
is its verdict. Each runs alone too: PYTHONPATH=.:tests/support .venv/bin/python tests/soak/rtu_campaign.py
"""

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main(wanted: list[str]) -> int:
    campaigns = {path.stem: path for path in sorted(HERE.glob("*.py")) if path.stem != "run"}
    unknown = [name for name in wanted if name not in campaigns]
    if unknown:
        print(f"no campaign {', '.join(unknown)}; there are {', '.join(campaigns)}", file=sys.stderr)
        return 2
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"}
    failed = []
    for name in wanted or campaigns:
        started_s = time.monotonic()
        code = subprocess.run([sys.executable, campaigns[name]], cwd=ROOT, env=environment, check=False).returncode
        print(
            f"soak: {name} {'passed' if code == 0 else 'FAILED'} after {time.monotonic() - started_s:.0f} s\n",
            flush=True,
        )
        if code:
            failed.append(name)
    print(f"soak: {'failed: ' + ', '.join(failed) if failed else 'all passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
