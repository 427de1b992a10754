"""What Layerline's readings of a real NVIDIA GPU are worth, line by line: the program behind scripts/gpu-check."""
