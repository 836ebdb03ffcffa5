"""What TensorRT needs of an ONNX file, checked without it: networks alone with a fixed size and batch."""

import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

# Operators of NVIDIA's parser (onnx-tensorrt) that need no control flow or shapes that depend on values.
SUPPORTED = set(
    """Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
    ConvTranspose Cos CumSum DepthToSpace Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm
    GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity
    InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean
    Min Mod Mul Neg Not Or PRelu Pad Pow Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Shape Sigmoid Sign Sin Slice Softmax
    Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh Tile Transpose Unsqueeze Where Xor""".split()  # noqa: SIM905
)
# Inputs that are sizes or places in ONNX, for which the parser takes int64.
SHAPES = {
    "ConstantOfShape": {0}, "Expand": {1}, "Gather": {1}, "Pad": {1, 3}, "ReduceL2": {1}, "ReduceMax": {1},
    "ReduceMean": {1}, "ReduceSum": {1}, "Reshape": {1}, "Resize": {3}, "Slice": {1, 2, 3, 4}, "Split": {1},
    "Squeeze": {1}, "Tile": {1}, "Unsqueeze": {1},
}  # fmt: skip


@pytest.mark.parametrize("name", ["lite", "vit"])
def test_a_fixed_network_has_what_tensorrt_takes(network_file, name):
    path, agreements = network_file(name, "onnx")
    assert all(a.within for a in agreements)
    graph = onnx.load(path).graph
    assert {node.op_type for node in graph.node} <= SUPPORTED and not {node.domain for node in graph.node} - {""}
    assert not any(a.type == onnx.AttributeProto.GRAPH for node in graph.node for a in node.attribute)
    for port in (*graph.input, *graph.output):
        assert port.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert all(axis.dim_value > 0 for axis in port.type.tensor_type.shape.dim), port.name
    wide = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.INT64}
    wide |= {
        node.output[0] for node in graph.node if node.op_type == "Constant"
        for a in node.attribute if a.name == "value" and a.t.data_type == onnx.TensorProto.INT64
    }  # fmt: skip
    used = {(node.op_type, place) for node in graph.node for place, x in enumerate(node.input) if x in wide}
    assert {(kind, place) for kind, place in used if place not in SHAPES.get(kind, ())} == set()
