"""Check of torch: whether it works and can use this machine's GPUs, if there are any."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, size, warning
from memscore.doctor.versions import installed

LEAST_FREE = 2e9  # bytes
SMI = ("nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader")
SMI_SECONDS = 8.0


def check(context: Context) -> Iterator[Diagnosis]:
    """Check torch and the packages that must match it, the driver, and each GPU."""
    try:
        import torch
    except Exception as error:  # also OSError: a missing or mismatched library
        reason = " ".join(str(error).split())[:300]
        if context.settings.launcher == "local":
            remedy = "pip install torch: jobs train on this machine"
            yield problem("torch", f"torch cannot be imported: {reason}", remedy)
        else:
            yield ok("torch", f"torch cannot be imported ({reason}), but is not needed here: jobs run on the cluster")
        return
    yield _fitting(torch)
    driver, trouble = _driver()
    if trouble is not None:
        yield problem("GPU driver", trouble, "reinstall the driver or restart the machine, then try nvidia-smi")
    if not torch.cuda.is_available():
        if driver is None:
            yield ok("GPU", "this machine has none, so jobs train on its cores")
            return
        why = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is a build without CUDA"
        yield warning(
            "GPU",
            f"there is a GPU (driver {driver}), but torch {torch.__version__}, which {why}, cannot use it",
            "install the build of torch that matches the driver; for a container, pass the GPUs (--gpus all)",
        )
        return
    version = f"torch {torch.__version__}, CUDA {torch.version.cuda or torch.version.hip}, driver {driver or 'unknown'}"
    yield ok("GPU driver", version)
    for number in range(torch.cuda.device_count()):
        yield _gpu(torch, number)


def _fitting(torch: Any) -> Diagnosis:
    """Use torch, torchvision and NumPy together, since mismatched builds only fail in use.

    Only the compiled part of torchvision is loaded: only that can mismatch, and the rest is slower to load than torch.
    """
    here = f"torch {torch.__version__}, torchvision {installed('torchvision')} and NumPy {installed('numpy')}"
    found = find_spec("torchvision")
    try:
        torch.zeros(1).numpy()
        for folder in (found.submodule_search_locations or []) if found else []:
            for library in Path(folder).glob("_C*.so"):
                torch.ops.load_library(library)
                torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        return problem(
            "torch",
            f"{here} do not match: {type(error).__name__}: {reason}",
            "install matching releases of torch and torchvision from one index, as in requirements.lock",
        )
    return ok("torch", f"{here} work together")


def _gpu(torch: Any, number: int) -> Diagnosis:
    about = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    capability = (about.major, about.minor)
    subject = f"GPU {number}"
    found = f"{about.name}, compute capability {about.major}.{about.minor}, {size(free)} of {size(total)} free"
    if torch.version.hip is None and not supported(capability, torch.cuda.get_arch_list()):
        return problem(subject, f"{found}; this torch has no code for it", "install a build of torch for that GPU")
    if free < LEAST_FREE:
        return warning(subject, found, "check with nvidia-smi who uses it: workers may run out of memory")
    return ok(subject, found)


def supported(capability: tuple[int, int], architectures: list[str]) -> bool:
    """Whether code for one of the architectures (sm_90, compute_90) runs on a GPU of this compute capability.

    Machine code runs on the same major version from its minor version upwards, PTX on all later versions.
    """
    for architecture in architectures:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", architecture)
        if found is None:
            continue
        major, minor = int(found[2]), int(found[3])
        if found[1] == "sm" and capability[0] == major and capability[1] >= minor:
            return True
        if found[1] == "compute" and capability >= (major, minor):
            return True
    return False


def _driver() -> tuple[str | None, str | None]:
    """The version of NVIDIA's driver, if any, and its problem, if any."""
    if shutil.which(SMI[0]) is None:
        return None, None
    try:
        answer = subprocess.run(SMI, capture_output=True, text=True, timeout=SMI_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, f"nvidia-smi did not answer within {SMI_SECONDS:g} s"
    except OSError as error:
        return None, f"nvidia-smi cannot be run: {error.strerror}"
    lines = (answer.stdout or answer.stderr).strip().splitlines()
    if answer.returncode != 0:
        return None, f"nvidia-smi fails: {lines[0][:200] if lines else answer.returncode}"
    return (lines[0].partition(",")[0], None) if lines else (None, None)
