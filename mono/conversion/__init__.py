"""Networks as ONNX, OpenVINO, TorchScript and ExportedProgram files."""
