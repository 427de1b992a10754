"""What Layerline runs inside the Python environment of an engine in its care."""
