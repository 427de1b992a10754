"""Programs of known behaviour for Layerline's view of the operating system."""
