"""List the models of the zoo, one record each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """Unaligned score of a model on a dataset, mean over images.

    Attributes:
        dataset: name of the dataset.
        images: number of images.
        abs_rel: mean relative error.
        delta1: share of pixels within 25 %.
        rmse: root mean square error [m]; None: unknown.
        protocol: name of the evaluation protocol.
    """

    dataset: str
    images: int
    abs_rel: float
    delta1: float
    rmse: float | None = None
    protocol: str = "ground truth of 0.1 to 80 m"


@dataclass(frozen=True)
class ModelRecord:
    """Record of a model and its weights.

    Attributes:
        name: zoo name.
        config: config name below mono/configs or mono/configs/HourglassDecoder.
        file: released file name of the checkpoint.
        repository: Hugging Face repository of the file; None: it ships with the package.
        megabytes: size of the checkpoint's tensors [MB].
        parameters: number of parameters, in millions.
        licence: license of the weights.
        paper: publication of the network.
        trained_on: training data of the weights.
        confidence: meaning of the confidence; higher is surer.
        variants: names of further configs of the same network.
        hub_file: name of the file in the repository; None: `file`.
        mark: name and shape of a tensor that identifies the model's checkpoints.
        checksum: SHA-256 of the released file; None: unknown.
        scores: scores of the released file.
        failures: known failures of the released weights, a sentence each.
    """

    name: str
    config: str
    file: str
    repository: str | None
    megabytes: int
    parameters: float
    licence: str
    paper: str
    trained_on: str
    confidence: str
    mark: tuple[str, tuple[int, ...]]
    variants: tuple[str, ...] = ()
    hub_file: str | None = None
    checksum: str | None = None
    scores: tuple[Score, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def license_id(self) -> str:
        """Return the license's identifier, as "bsd-2-clause"."""
        return self.licence.split()[0].strip(",").lower()

    def is_released(self, file: str, checksum: str) -> bool:
        """Tell the released weights from others, by their checksum or, where that is unknown, by their file's name."""
        return checksum == self.checksum if self.checksum else file == self.file

    @property
    def url(self) -> str | None:
        """Return the address of the checkpoint, for download by hand."""
        return self.repository and f"https://huggingface.co/{self.repository}/resolve/main/{self.hub_file or self.file}"


_METRIC3D = "Yin et al., Metric3D, ICCV 2023, arXiv:2307.10984"

_METRIC3D_V2 = "Hu et al., Metric3D v2, TPAMI 2024, arXiv:2404.15506"
_RAW = "a raw value without bounds"


def _vit(name: str, config: str, file: str, megabytes: int, parameters: float, width: int) -> ModelRecord:
    return ModelRecord(
        name=name,
        config=config,
        file=file,
        repository="JUGGHM/Metric3D",
        megabytes=megabytes,
        parameters=parameters,
        licence="BSD-2-Clause, as the Metric3D project's",
        paper=_METRIC3D_V2,
        trained_on="16 million images of 18 datasets, in- and outdoors",
        confidence=f"depth: {_RAW}; normals: above 0.01, without upper bound",
        mark=("encoder.backbone.reg_token", (1, 4, width)),
        failures=("Sky gets some depth, up to 200 m; cut it off before points are used.",),
    )


_RECORDS = (
    ModelRecord(
        name="lite",
        config="lite.py",
        file="lite.safetensors",
        repository=None,
        megabytes=13,
        parameters=6.4,
        licence="BSD-2-Clause (encoder weights it started from: Apache-2.0)",
        paper="this project, docs/lite-model.md",
        trained_on="rendered scenes, 102 frames of TUM RGB-D, views of panoramas; sky: also 11 photographs",
        confidence="exp(-b), 0 to 1, b the expected error of ln(depth): 0.9 means about 10 %",
        mark=("decoder.fuse_0.coarse.weight", (48, 80, 1, 1)),
        checksum="2df9c157475b04b921839966f2fb2a558f4e80aa98ed5f3aaf878eb3bdf6521e",
        scores=(
            Score("kitti_object", 7, 0.173, 0.747, 4.57),
            Score("ibims1", 25, 0.243, 0.561, 0.94),
            Score("sun3d_demon", 27, 0.246, 0.642, 0.65),
            Score("tum_demon", 13, 0.202, 0.691, 0.46),
            Score("shelf_bin", 15, 0.181, 0.777, 0.12),
        ),
        failures=(
            "Scale of rooms: the ratio of true to predicted depth varies by 11 to 32 % from image to image;"
            " rooms are predicted too far more often than too near.",
            "One of its test sets, tum_demon, shares sensor and laboratory with a part of its training.",
            "Depth of a part of an image differs from that in the whole one, by 11 % (median) in its middle half.",
            "Between 1 and 1.8 m depth is a mixture of two hourglasses; in a video it may jump there.",
            "Its sky, which `--sky invalid` takes out, is missed in part between leaves and in fog.",
            "Closer than 0.25 m, aerial views and fisheyes were not in its training.",
        ),
    ),
    ModelRecord(
        name="lite_detail",
        config="lite_detail.py",
        file="lite_detail.safetensors",
        repository=None,
        megabytes=13,
        parameters=6.4,
        licence="BSD-2-Clause (encoder weights it started from: Apache-2.0)",
        paper="this project, docs/lite-model.md",
        trained_on="rendered scenes, 102 frames of TUM RGB-D, views of panoramas",
        confidence="exp(-b), 0 to 1, b the expected error of ln(depth): 0.9 means about 10 %",
        mark=("decoder.fuse_half.coarse.weight", (24, 64, 1, 1)),
        checksum="81e9cbad8cda2a3e94b6bdbd9666c94c9f4d2bb1dfe4f1ace16eebb6b787d418",
        failures=(
            "Rooms: less sure of their scale than `lite`; a room may be taken for a table top.",
            "One of its test sets, tum_demon, shares sensor and laboratory with a part of its training.",
            "Depth between the cells of its output is interpolated: silhouettes are not exact.",
        ),
    ),
    ModelRecord(
        name="convnext_tiny",
        config="convtiny.0.3_150.py",
        file="convtiny_hourglass_v1.pth",
        repository="JUGGHM/Metric3D",
        megabytes=124,
        parameters=30.9,
        licence="BSD-2-Clause, as the Metric3D project's",
        paper=_METRIC3D,
        trained_on="outdoor (driving) data only",
        confidence=_RAW,
        mark=("encoder.backbone.stem_0.weight", (96, 3, 4, 4)),
        failures=("Trained on driving alone: distances indoors are not to be trusted.",),
    ),
    ModelRecord(
        name="convnext_large",
        config="convlarge.0.3_150.py",
        file="convlarge_hourglass_0.3_150_step750k_v1.1.pth",
        repository="JUGGHM/Metric3D",
        megabytes=813,
        parameters=203.2,
        licence="BSD-2-Clause, as the Metric3D project's",
        paper=_METRIC3D,
        trained_on="8 million images of 11 datasets, in- and outdoors",
        confidence=_RAW,
        mark=("encoder.backbone.stem_0.weight", (192, 3, 4, 4)),
        failures=("Sky gets some depth, up to 150 m; cut it off before points are used.",),
        variants=("test_kitti_convlarge.0.3_150.py", "test_nyu_convlarge.0.3_150.py"),
    ),
    _vit("vit_small", "vit.raft5.small.py", "metric_depth_vit_small_800k.pth", 150, 37.5, 384),
    _vit("vit_large", "vit.raft5.large.py", "metric_depth_vit_large_800k.pth", 1648, 411.9, 1024),
    _vit("vit_giant2", "vit.raft5.giant2.py", "metric_depth_vit_giant2_800k.pth", 5511, 1377.7, 1536),
    ModelRecord(
        name="da3metric_large",
        config="da3metric_large.py",
        file="da3metric_large.safetensors",
        repository="depth-anything/DA3METRIC-LARGE",
        hub_file="model.safetensors",
        megabytes=1337,
        parameters=334.2,
        licence="Apache-2.0, as its authors' table of models says",
        paper="Lin et al., Depth Anything 3, 2025, arXiv:2511.10647",
        trained_on="public academic datasets, as its authors say without listing them",
        confidence="none",
        mark=("decoder.scratch.sky_output_conv2.2.weight", (1, 32, 1, 1)),
        failures=("No confidence; sky is invalid, and depth has no bound of its own.",),
    ),
)

MODELS: dict[str, ModelRecord] = {record.name: record for record in _RECORDS}
