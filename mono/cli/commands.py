"""Table of commands: where they are implemented, and their help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """Command of the program.

    Attributes:
        name: the word that calls it.
        module: module of `mono.cli` with `add_parser`, imported when the command is called.
        group: heading it stands under in the program's help.
        summary: one line of help, in the imperative.
        example: command line that works.
    """

    name: str
    module: str
    group: str
    summary: str
    example: str


_TABLE = (
    Command(
        "predict", "predict", "predict", "predict metric depth, normals and point clouds of photos and videos",
        "metricdepth predict photo.jpg -o out --save depth,vis,pcd",
    ),
    Command(
        "shards", "shards", "predict", "predict depth of tar or Parquet shards, by processes or by Ray (resumes)",
        "metricdepth shards laion/ -o laion_depth --workers 8",
    ),
    Command(
        "app", "app", "predict", "look at depth and measure in photos, in a browser (metricdepth[app])",
        "metricdepth app --open",
    ),
    Command(
        "view", "view", "predict", "look at the results of a run in a browser (metricdepth[app])",
        "metricdepth view out --open",
    ),
    Command(
        "measure", "measure", "predict", "measure distances, paths and areas between pixels of a photo",
        "metricdepth measure photo.jpg 410,220 415,905",
    ),
    Command(
        "align", "align", "predict", "bring saved depth to known distances, a depth map, a cloud or a COLMAP model",
        "metricdepth align out --camera-height 1.5 -o aligned",
    ),
    Command(
        "calibrate", "calibrate", "predict", "fit a camera's correction of a model to images with known distances",
        "metricdepth calibrate known.json -o camera.json",
    ),
    Command("models", "models", "predict", "list the models and which are on disk", "metricdepth models"),
    Command(
        "download", "models", "predict", "download a released checkpoint into weight/",
        "metricdepth download vit_small",
    ),
    Command(
        "annotate", "annotate", "data", "write and check annotation files of datasets",
        "metricdepth annotate check data/kitti_demo/test_annotations.json",
    ),
    Command(
        "scenes", "scenes", "data", "render procedural scenes with exact depth (package metricdepth-scenes)",
        "metricdepth scenes --help",
    ),
    Command(
        "evaluate", "evaluate", "evaluate", "score a model or saved predictions on an annotated dataset",
        "metricdepth evaluate data/kitti_demo/test_annotations.json --protocol kitti_eigen_garg",
    ),
    Command(
        "compare", "compare", "evaluate", "compare evaluations with intervals, or rank several",
        "metricdepth compare out_a/metrics.json out_b/metrics.json",
    ),
    Command(
        "bench", "bench", "evaluate", "measure the speed of models, backends and precisions on this machine",
        "metricdepth bench --models lite --backends eager --runs 5",
    ),
    Command(
        "train", "train", "train", "train a depth network on annotated images (resumes automatically)",
        "metricdepth train lite.py --data my/annotations.json -o runs/my --minutes 60",
    ),
    Command(
        "finetune", "finetune", "train", "fine-tune a model on your own images with depth (resumes automatically)",
        "metricdepth finetune --data my/annotations.json -o runs/mine",
    ),
    Command(
        "train-focal", "train_focal", "train", "train the network that estimates focal lengths from pictures",
        "metricdepth train-focal --data views -o focal.safetensors --val other_views --minutes 30",
    ),
    Command(
        "average", "average", "train", "average the weights of several runs from the same start",
        "metricdepth average a/model.safetensors=0.7 b/model.safetensors=0.3 -o mean.safetensors",
    ),
    Command(
        "slam", "slam", "video and SLAM", "estimate the metric camera path of a video or of ordered frames",
        "metricdepth slam walk.mp4 --every 5 -o walk",
    ),
    Command(
        "rescale", "rescale", "video and SLAM", "recover metric scale for a trajectory or COLMAP model from its frames",
        "metricdepth rescale trajectory.txt --frames frames/ --focal-px 718.9 -o scaled",
    ),
    Command(
        "fuse", "fuse", "video and SLAM", "fuse depth maps and poses into one colored point cloud and mesh",
        "metricdepth fuse out --poses trajectory.txt -o cloud.ply",
    ),
    Command(
        "eval-odom", "eval_odom", "video and SLAM", "compare a trajectory with ground truth (ATE, RPE, KITTI drift)",
        "metricdepth eval-odom estimate.txt ground_truth.txt --plots plots",
    ),
    Command(
        "pack", "pack", "deploy", "write results as nerfstudio, 3DGS, TUM, KITTI, Open3D, COLMAP or ROS 2 read them",
        "metricdepth pack out --as tum --to packed",
    ),
    Command(
        "export", "export", "deploy", "export a model as one file for other programs",
        "metricdepth export onnx -o lite.onnx",
    ),
)  # fmt: skip

COMMANDS = {command.name: command for command in _TABLE}
