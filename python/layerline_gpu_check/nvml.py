"""NVML by ctypes: names, and the energy counter that a driver keeps by itself."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass

from layerline_gpu_check.outcome import NotPossible

LIBRARY = "libnvidia-ml.so.1"


@dataclass(frozen=True)
class Device:
    index: int
    uuid: str
    name: str
    handle: ctypes.c_void_p


class Nvml:
    """Throws NotPossible where there is no library, no driver or no GPU."""

    def __init__(self) -> None:
        name = os.environ.get("LAYERLINE_NVML", LIBRARY)
        try:
            self.lib = ctypes.CDLL(name)
        except OSError as error:
            raise NotPossible(f"no NVML: {error}; it comes with the NVIDIA driver") from None
        self.lib.nvmlErrorString.restype = ctypes.c_char_p
        self.call("nvmlInit_v2")
        count = ctypes.c_uint()
        self.call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        if count.value == 0:
            raise NotPossible("NVML finds no GPU")
        self.devices = [self.device(index) for index in range(count.value)]

    def call(self, name: str, *args: object) -> None:
        code = getattr(self.lib, name)(*args)
        if code != 0:
            raise NotPossible(f"{name}: {self.lib.nvmlErrorString(code).decode()}")

    def device(self, index: int) -> Device:
        handle = ctypes.c_void_p()
        self.call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
        uuid, name = (ctypes.create_string_buffer(96) for _ in range(2))
        self.call("nvmlDeviceGetUUID", handle, uuid, ctypes.c_uint(96))
        self.call("nvmlDeviceGetName", handle, name, ctypes.c_uint(96))
        return Device(index, uuid.value.decode(), name.value.decode(), handle)

    def driver(self) -> str:
        text = ctypes.create_string_buffer(96)
        self.call("nvmlSystemGetDriverVersion", text, ctypes.c_uint(96))
        return text.value.decode()

    def energy_j(self, device: Device) -> float:
        """Energy since the driver was loaded. GPUs before Volta have no counter."""
        millijoules = ctypes.c_ulonglong()
        self.call("nvmlDeviceGetTotalEnergyConsumption", device.handle, ctypes.byref(millijoules))
        return millijoules.value / 1000


class EnergyLog:
    """Reads the counter of each GPU every 10 ms until it is stopped."""

    PERIOD_S = 0.01

    def __init__(self, nvml: Nvml) -> None:
        self.nvml = nvml
        self.readings: dict[str, list[tuple[float, float]]] = {device.uuid: [] for device in nvml.devices}
        self.stopping = threading.Event()
        for device in nvml.devices:
            nvml.energy_j(device)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        while not self.stopping.wait(self.PERIOD_S):
            for device in self.nvml.devices:
                before = time.time()
                energy = self.nvml.energy_j(device)
                self.readings[device.uuid].append(((before + time.time()) / 2, energy))

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join()

    def between(self, start: float, end: float) -> float | None:
        """Energy of all GPUs between two moments of Unix time, J; None where the counter was not read around them."""
        total = 0.0
        for readings in self.readings.values():
            at = [value_at(readings, moment) for moment in (start, end)]
            if at[0] is None or at[1] is None:
                return None
            total += at[1] - at[0]
        return total


def value_at(readings: list[tuple[float, float]], moment: float) -> float | None:
    """Between two readings, on the line that joins them."""
    place = bisect_left(readings, (moment, float("-inf")))
    if place == 0 or place == len(readings):
        return None
    (t0, v0), (t1, v1) = readings[place - 1], readings[place]
    return v0 + (v1 - v0) * ((moment - t0) / (t1 - t0) if t1 > t0 else 0)
