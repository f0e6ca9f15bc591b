"""The Python environment of the other libraries: made once, below the build folder, from a list of requirements.

pip finds packages as it is configured on the machine. What HEDDLE_PIP_OPTIONS holds is passed on to `pip install`: an index of
PyTorch builds without GPU libraries saves some gigabytes.
"""
import hashlib
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Large temporaries stay in the heap: giving them back to the system after every call costs page faults.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "2147483648", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "268435456"}


def stamp_of(text, version):
    return hashlib.sha256((text + version).encode()).hexdigest()


def prepare(folder, requirements="requirements.txt"):
    """The interpreter of the environment in `folder`; makes or renews it where it is not what the requirements say."""
    requirements = os.path.join(HERE, requirements)
    python = os.path.join(folder, "bin", "python")
    stamp = os.path.join(folder, "requirements.stamp")
    with open(requirements) as file:
        wanted = stamp_of(file.read(), sys.version)
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == wanted and os.path.exists(python):
                return python
    print(f"heddle: preparing a Python environment in {folder} ({os.path.basename(requirements)}; some minutes)", flush=True)
    log = folder + ".log"
    os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
    options = shlex.split(os.environ.get("HEDDLE_PIP_OPTIONS", ""))
    with open(log, "w") as file:
        for command in ([sys.executable, "-m", "venv", "--clear", folder],
                        [python, "-m", "pip", "install", "--disable-pip-version-check", *options, "-r", requirements]):
            if subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode != 0:
                file.flush()
                with open(log) as written:
                    print("".join(written.readlines()[-5:]), file=sys.stderr)
                sys.exit(f"heddle: the Python environment could not be prepared: {' '.join(command)} (all of it in {log}); "
                         "or give an interpreter that has the libraries with --python")
    with open(stamp, "w") as file:
        file.write(wanted)
    return python
