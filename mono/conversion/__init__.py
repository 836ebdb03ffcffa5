"""Convert networks to ONNX, OpenVINO, TorchScript and ExportedProgram files."""
