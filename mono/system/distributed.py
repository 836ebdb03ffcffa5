"""Several processes at one run: who does what, and how their results come together."""

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
    """This process among those of a run.

    Attributes:
        rank: its number, from 0.
        world_size: number of processes.
        local: its number on its machine, which picks its GPU.
    """

    rank: int = 0
    world_size: int = 1
    local: int = 0

    def barrier(self) -> None:
        """Waits until all processes are here."""
        if self.world_size > 1:
            import torch.distributed as dist

            dist.barrier()

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, on all processes; what others give is ignored."""
        if self.world_size == 1:
            return value
        import torch.distributed as dist

        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes in the order of their ranks, on rank 0; an empty list elsewhere."""
        if self.world_size == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.world_size
        dist.gather_object(value, values if self.rank == 0 else None)
        return values if self.rank == 0 else []


def join_ranks(launcher: str = "None") -> Ranks:
    """Joins the other processes of the run, if it was started as several.

    Results are gathered with gloo, which needs no GPU; the network itself runs wherever each process's device is.

    Args:
        launcher: "None" is one process, unless torchrun started it; "pytorch" is torchrun; "slurm" is srun.

    Raises:
        ValueError: the launcher is unknown, or its environment is missing.
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
    """Ends the group before the interpreter: threads of gloo that are still there then abort the process."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _translate_slurm() -> None:
    """Gives torch.distributed the names that torchrun would have given."""
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
