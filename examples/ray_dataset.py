"""Add depth to a table of photos with Ray Data.

python examples/ray_dataset.py [folder of photos] [output folder]
"""

import sys
from pathlib import Path

import ray

from mono.scale_out.mapper import DepthMapper

photos = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "data/wild_demo"
out = Path(sys.argv[2] if len(sys.argv) > 2 else "outputs/ray_dataset")

if __name__ == "__main__":
    if out.is_dir() and any(out.iterdir()):
        sys.exit(f"{out} holds files already, and Ray would add to them: give another output folder")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    table = ray.data.read_binary_files(str(photos), include_paths=True, file_extensions=["jpg"])
    table = table.rename_columns({"bytes": "image"})
    # DepthMapper takes the bytes out of the table, and puts depth, mask and camera in.
    table = table.map_batches(
        DepthMapper,
        fn_constructor_kwargs={"model": "lite"},
        batch_size=4,
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    table.write_parquet(str(out.resolve()))
    rows = ray.data.read_parquet(str(out.resolve())).take_all()
    for row in rows:
        print(f"{Path(row['path']).name}: {len(row['depth'])} bytes of depth, {row['error'] or 'no error'}")
