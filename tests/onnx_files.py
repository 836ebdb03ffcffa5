"""Small networks in ONNX files."""


def write(path, shape=("b", 3, "h", "w"), dtype="FLOAT", extra=False, keep=True, two=False, own=False):
    """A network whose depth is the mean of the channels of its input."""
    import onnx

    kind = getattr(onnx.TensorProto, dtype)
    axis = 3 if shape[-1] == 3 else 1
    nodes = [
        onnx.helper.make_node("Cast", ["image"], ["values"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["values", "axis"], ["predicted_depth"], keepdims=int(keep)),
        onnx.helper.make_node("ReduceMax", ["values"], ["brightest"], keepdims=0),
    ]
    make = onnx.helper.make_tensor_value_info
    inputs = [make("image", kind, shape)] + [make("other", kind, [1])] * two
    outputs = [make("brightest", onnx.TensorProto.FLOAT, None)] * extra
    outputs.append(make("predicted_depth", onnx.TensorProto.FLOAT, None))
    constant = onnx.helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [axis])
    graph = onnx.helper.make_graph(nodes, "mean", inputs, outputs, [constant])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    if own:
        model.metadata_props.add(key="metricdepth", value="{}")
    path.write_bytes(model.SerializeToString())
    return path
