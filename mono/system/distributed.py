"""Runs of several processes: their ranks, and collective operations."""

from __future__ import annotations

import atexit
import datetime
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from mono.system.errors import MetricDepthError


@dataclass(frozen=True)
class Ranks:
    """Rank of this process, with the run's collective operations.

    Attributes:
        rank: index of this process, from 0.
        world_size: number of processes.
        local: index of this process on its machine; selects the GPU.
    """

    rank: int = 0
    world_size: int = 1
    local: int = 0

    def barrier(self) -> None:
        """Wait until all processes have arrived."""
        if self.world_size > 1:
            import torch.distributed as dist

            dist.barrier()

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0 on all processes."""
        if self.world_size == 1:
            return value
        import torch.distributed as dist

        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def gather(self, value: Any) -> list[Any]:
        """Collect values on rank 0.

        Args:
            value: contribution of this process; must be picklable.

        Returns:
            Values ordered by rank, on rank 0; an empty list elsewhere.
        """
        if self.world_size == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.world_size
        dist.gather_object(value, values if self.rank == 0 else None)
        return values if self.rank == 0 else []


def join_ranks(launcher: str = "None") -> Ranks:
    """Join the other processes of a distributed run.

    Results are gathered with gloo, which needs no GPU; the network runs on each process's own device.

    Args:
        launcher: "None" (one process, unless torchrun started it), "pytorch" (torchrun) or "slurm" (srun).

    Returns:
        Rank of this process.

    Raises:
        MetricDepthError: the launcher is unknown, or its environment variables are missing.
    """
    environment = os.environ
    name = launcher.lower()
    if name == "none" and "TORCHELASTIC_RUN_ID" not in environment:
        return Ranks()
    if name == "slurm":
        _translate_slurm()
    elif name not in ("none", "pytorch"):
        raise MetricDepthError(f'launcher "{launcher}" is unknown; use None, pytorch or slurm')
    try:
        rank, world_size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    except KeyError as error:
        raise MetricDepthError(
            f"launcher {launcher}: the environment has no {error}; start it with torchrun --nproc_per_node N"
        ) from None
    if world_size > 1:
        import torch.distributed as dist

        atexit.register(_leave)
        dist.init_process_group("gloo", timeout=datetime.timedelta(days=7))  # one rank may have more to do
    return Ranks(rank, world_size, int(environment.get("LOCAL_RANK", 0)))


def _leave() -> None:
    """Leave the process group; gloo threads that outlive the interpreter abort the process."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _translate_slurm() -> None:
    """Set torchrun's environment variables from those of Slurm."""
    environment = os.environ
    try:
        environment["RANK"] = environment["SLURM_PROCID"]
        environment["WORLD_SIZE"] = environment["SLURM_NTASKS"]
        environment["LOCAL_RANK"] = environment["SLURM_LOCALID"]
        nodes = environment["SLURM_NODELIST"]
    except KeyError as error:
        raise MetricDepthError(f"launcher slurm: the environment has no {error}; start it with srun") from None
    if "MASTER_ADDR" not in environment:
        command = ["scontrol", "show", "hostnames", nodes]
        hosts = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        environment["MASTER_ADDR"] = hosts.split()[0]
    environment.setdefault("MASTER_PORT", "29500")
