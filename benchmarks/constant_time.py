"""Whether the time of a refusal tells anything: runs the core's statistical test and records what it found."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

from benchmarks import figures

CONTROL = "leaky_compare"
TITLES = {
    "digest_compare": "digest wrong in its first byte or in its last",
    "near_miss_of_digest": "the same through a whole check",
    "near_miss_of_text": "any unknown key, or a genuine one but for one character",
    "near_miss_of_imported": "any text, or an imported secret but for one character",
    CONTROL: "control: a compare that stops at the first difference",
}
MOST_T = 5.0
LEAST_CONTROL_T = 10.0
_RESULT = re.compile(r"^bench (\w+) +\.\.\. : .*max t = ([+-][\d.]+)", re.MULTILINE)


def main() -> int:
    """Run it; 1 if the control was not caught, as then the run shows nothing."""
    parser = argparse.ArgumentParser(prog="benchmarks.constant_time", description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000, help="samples of each test")
    samples: int = parser.parse_args().samples
    command = ["cargo", "bench", "--quiet", "--package", "keystile-core", "--bench", "constant_time"]
    environ = os.environ | {"KEYSTILE_SAMPLES": str(samples)}
    output = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = {name: abs(float(t)) for name, t in _RESULT.findall(output)}
    for name, title in TITLES.items():
        record(name, title, found[name], samples)
    if found[CONTROL] <= LEAST_CONTROL_T:
        print("The leaky compare was not caught: this run shows nothing.", file=sys.stderr)
        return 1
    return 0


def record(name: str, title: str, t: float, samples: int) -> None:
    """Record one |t| and print it."""
    is_control = name == CONTROL
    figure = figures.Figure(
        group="constant time",
        title=title,
        value=t,
        unit="|t|",
        bound="≥" if is_control else "≤",
        target=LEAST_CONTROL_T if is_control else MOST_T,
    )
    figures.record(figure)
    print(f"{name}: max |t| = {t:.2f} in {samples:,} samples (target {figure.bound} {figure.target:g})")


if __name__ == "__main__":
    raise SystemExit(main())
