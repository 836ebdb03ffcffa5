"""Run networks in torch, compiled torch, ONNX Runtime or OpenVINO, behind one interface."""
