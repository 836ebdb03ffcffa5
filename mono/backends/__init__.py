"""What computes a network: torch as it comes, compiled torch, ONNX Runtime or OpenVINO, behind one interface."""
