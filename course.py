"""Set the course up and run it, with nothing but Python.

    python course.py lab         open the notebooks in JupyterLab
    python course.py test        run every check
    python course.py COMMAND     any other command of the course, such as doctor, data list, execute

The first run makes the folder .venv beside this file and installs the course into it; later runs start at
once. Nothing outside this folder changes; to undo it all, delete .venv.

Environment variables:
    ARMODELS_TORCH         the version of PyTorch to install, such as 2.13.0 or 2.13.0+cu130
    ARMODELS_TORCH_INDEX   address of the package index to take PyTorch from (for a GPU or a CPU-only build)

This file uses the standard library alone, and only syntax that Python 2.7 and old Pythons 3 can read too:
they are to say what is wrong instead of stopping at a syntax error.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST, NEWEST = (3, 10), (3, 14)
FREE_GB = 3
# Written into .venv when we make it: says that the folder is ours, and may be made anew.
MARKER = "made-by-course.py"
# Written when an install is complete: holds what was installed.
STAMP = "course-stamp.txt"
TORCH_PIN = re.compile(r"^torch==(\S+)$", re.MULTILINE)
NETWORK_TROUBLE = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "getaddrinfo failed",
    "ProxyError",
    "connection broken by",
    "Network is unreachable",
)


class SetupError(Exception):
    """Something the course needs is missing; the message says what mends it."""


def command_line(python="python" if os.name == "nt" else "python3"):
    """What to type to run this again, for messages."""
    return "{0} course.py {1}".format(python, " ".join(sys.argv[1:]) or "lab")


def check_python(version, bits, system, machine):
    """Raise SetupError unless this Python can run the course.

    version: (major, minor, ...); bits: 32 or 64; system and machine: as `platform` names them.
    """
    wanted = "Python {0}.{1} to {2}.{3}".format(*(OLDEST + NEWEST))
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        have = ".".join(str(part) for part in version[:3])
        if system == "Windows":
            mend = (
                "Install Python 3.12 with:  winget install Python.Python.3.12\nthen run:  "
                + command_line("py -3.12")
            )
        elif system == "Darwin":
            mend = (
                "Install Python 3.12 with:  brew install python@3.12\nthen run:  "
                + command_line("python3.12")
            )
        else:
            mend = "Install Python 3.12 with your system's package manager (Debian, Ubuntu:  "
            mend += "sudo apt install python3 python3-venv)\n"
            mend += (
                "or with conda:  conda env create -f environment.yml\nthen run:  "
                + command_line("python3")
            )
        raise SetupError(
            "The course needs {0}; this is Python {1}.\n{2}".format(wanted, have, mend)
        )
    if bits != 64:
        raise SetupError(
            "The course needs a 64-bit Python, because PyTorch has no 32-bit build; this one is 32-bit.\n"
            "Install the 64-bit Python 3.12, then run:  " + command_line()
        )
    if system == "Darwin" and machine == "x86_64":
        raise SetupError(
            "PyTorch has no builds for Intel Macs any more, nor for an Intel Python on Apple silicon.\n"
            "On Apple silicon install the native Python:  brew install python@3.12\n"
            "On an Intel Mac use the notebooks online (Binder, see README.md)."
        )


def check_venv_module(debian):
    """Raise SetupError unless this Python can make virtual environments (Debian packs that part apart)."""
    try:
        import ensurepip
        import venv
    except ImportError as error:
        if debian:
            mend = "Install it with:  sudo apt install python3-venv\n"
            mend += "(for a Python that is not the system's own:  sudo apt install python{0}.{1}-venv)".format(
                *sys.version_info[:2]
            )
        else:
            mend = "Install a complete Python 3.12 (python.org, conda or your system's package manager)."
        raise SetupError(
            "This Python cannot make virtual environments: {0}.\n{1}\nThen run:  {2}".format(
                error, mend, command_line()
            )
        )
    return venv, ensurepip


def check_folder(folder, free_bytes):
    """Raise SetupError when `folder` cannot be written or its disk is almost full."""
    probe = os.path.join(folder, ".course-write-test")
    try:
        with open(probe, "w") as stream:
            stream.write("")
        os.remove(probe)
    except OSError as error:
        raise SetupError(
            "Cannot write to {0} ({1}).\nCopy the course to a folder of your own and run it there:  {2}".format(
                folder, error.strerror, command_line()
            )
        )
    if free_bytes < FREE_GB * 10**9:
        raise SetupError(
            "The course needs about {0} GB of free disk space; {1} has {2:.1f} GB.\n"
            "Free some space, then run:  {3}".format(
                FREE_GB, folder, free_bytes / 1e9, command_line()
            )
        )


def venv_python(venv_folder, windows):
    """The path of the Python inside a virtual environment."""
    if windows:
        return os.path.join(venv_folder, "Scripts", "python.exe")
    return os.path.join(venv_folder, "bin", "python")


def read(*parts):
    """The text of a file of the course, whatever line ends git gave it."""
    with open(os.path.join(ROOT, *parts), "rb") as stream:
        return stream.read().decode("utf-8").replace("\r\n", "\n")


def constraints_text(constraints, torch_version):
    """The constraints with their version of PyTorch replaced by `torch_version`, unless that is None."""
    if torch_version is None:
        return constraints
    return TORCH_PIN.sub(lambda match: "torch==" + torch_version, constraints)


def fingerprint(pyproject, constraints, torch_index, version, root):
    """What .venv depends on. A change in the first line means making it anew, in the second installing again.

    The index counts for the first: pip would keep an installed PyTorch of the same version from another one.
    """
    torch = TORCH_PIN.search(constraints).group(1)
    digest = hashlib.sha256("\0".join([pyproject, constraints, root]).encode("utf-8")).hexdigest()
    first = "Python {0}.{1}, torch {2} {3}".format(version[0], version[1], torch, torch_index or "")
    return "{0}\n{1}\n".format(first.strip(), digest)


def venv_state(venv_folder, python, stamp):
    """What .venv is: "ready", "outdated" (install again), "broken" (make anew), "absent" or "foreign"."""
    if not os.path.isdir(venv_folder) or not os.listdir(venv_folder):
        return "absent"
    if not os.path.isfile(os.path.join(venv_folder, MARKER)):
        return "foreign"
    stamp_file = os.path.join(venv_folder, STAMP)
    if not os.path.isfile(stamp_file) or not os.path.isfile(python):
        return "broken"
    with open(stamp_file) as stream:
        found = stream.read()
    if found == stamp:
        return "ready"
    return "outdated" if found.splitlines()[:1] == stamp.splitlines()[:1] else "broken"


def make_venv(venv_folder):
    """Make .venv anew. The marker comes first, so that an interrupted start is known to be ours."""
    try:
        if os.path.isdir(venv_folder):
            shutil.rmtree(venv_folder)
        os.makedirs(venv_folder)
    except OSError as error:
        raise SetupError(
            "Cannot make {0} anew: {1}.\n"
            "Close JupyterLab and other programs that run from it, then run again:  {2}".format(
                venv_folder, error, command_line()
            )
        )
    with open(os.path.join(venv_folder, MARKER), "w") as stream:
        stream.write("Made by course.py, which may delete this folder and make it again.\n")
    # Not sys.executable: that may be the Python inside the very folder that was just deleted.
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.call([base, "-m", "venv", venv_folder]) != 0:
        raise SetupError("Python could not make {0}; the lines above say why.".format(venv_folder))


def pip_failure(log_file):
    """The message for a failed pip, from the log it wrote."""
    try:
        with open(log_file, "rb") as stream:
            log = stream.read().decode("utf-8", "replace")
    except OSError:
        log = ""
    if any(word in log for word in NETWORK_TROUBLE):
        return (
            "Installing failed: no network, or a proxy that lets nothing through.\n"
            "Connect this machine and run again:  {0}\n"
            "What was downloaded is kept. Behind a proxy, set HTTPS_PROXY first.".format(
                command_line()
            )
        )
    return "Installing failed; pip's lines above say why ({0} has all of them).\nThen run again:  {1}".format(
        log_file, command_line()
    )


def pip_install(python, venv_folder, arguments):
    """Run `pip install` inside .venv; raise SetupError with the likely cause when it fails."""
    log_file = os.path.join(venv_folder, "install.log")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--log", log_file]
    if subprocess.call(command + arguments, cwd=ROOT) != 0:
        raise SetupError(pip_failure(log_file))


def install(python, venv_folder, constraints, torch_index, stamp):
    """Install the course with exact versions into .venv, then leave the stamp."""
    stamp_file = os.path.join(venv_folder, STAMP)
    if os.path.isfile(stamp_file):
        os.remove(stamp_file)
    constraints_file = os.path.join(venv_folder, "constraints.txt")
    with open(constraints_file, "w") as stream:
        stream.write(constraints)
    if torch_index:
        torch = TORCH_PIN.search(constraints).group(0)
        pip_install(python, venv_folder, [torch, "--index-url", torch_index])
    # First the build tool, so that pip need not fetch one unseen: its messages there would hide a missing network.
    pip_install(python, venv_folder, ["-c", constraints_file, "setuptools"])
    pip_install(
        python, venv_folder, ["-c", constraints_file, "--no-build-isolation", "-e", ROOT + "[test]"]
    )
    with open(stamp_file, "w") as stream:
        stream.write(stamp)


def prepare():
    """Make sure that .venv holds the course as it is now; return the path of its Python."""
    venv_folder = os.path.join(ROOT, ".venv")
    python = venv_python(venv_folder, os.name == "nt")
    torch_index = os.environ.get("ARMODELS_TORCH_INDEX") or None
    constraints = constraints_text(
        read("constraints.txt"), os.environ.get("ARMODELS_TORCH") or None
    )
    stamp = fingerprint(read("pyproject.toml"), constraints, torch_index, sys.version_info, ROOT)
    state = venv_state(venv_folder, python, stamp)
    if state == "ready":
        return python
    if state == "foreign":
        raise SetupError(
            "{0} was not made by course.py.\nRename or delete it, then run again:  {1}".format(
                venv_folder, command_line()
            )
        )
    check_venv_module(os.path.isfile("/etc/debian_version"))
    check_folder(ROOT, shutil.disk_usage(ROOT).free)
    if state == "broken":
        print(
            "The last install was not completed, or is for another Python or PyTorch: starting afresh."
        )
    print("Installing the course into {0}: a few minutes, once.".format(venv_folder))
    sys.stdout.flush()
    if state != "outdated":
        make_venv(venv_folder)
    install(python, venv_folder, constraints, torch_index, stamp)
    return python


def hand_over(python, arguments):
    """Run the course's command line in .venv in place of this process; on Windows return its exit code."""
    command = [python, "-m", "armodels_lite.cli"] + arguments
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(python, command)
    child = subprocess.Popen(command)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches the child as well, which decides when to stop.
            continue


def main(arguments):
    """Check, install once, hand over. Returns the exit code."""
    if arguments in ([], ["-h"], ["--help"]):
        print(__doc__)
        print("`python course.py doctor` installs if need be, and says whether all is well.")
        return 0
    try:
        bits = 64 if sys.maxsize > 2**32 else 32
        check_python(sys.version_info, bits, platform.system(), platform.machine())
        return hand_over(prepare(), arguments)
    except SetupError as error:
        sys.stderr.write("\n{0}\n".format(error))
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Run again to go on:  {0}\n".format(command_line()))
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
