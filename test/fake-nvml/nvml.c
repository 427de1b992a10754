// A stand-in for libnvidia-ml.so.1 with the energy of test/fake-nvidia-smi's formula: README.md. It is a fake; no GPU is asked.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double number(const char *name, double otherwise) {
  const char *text = getenv(name);
  return text == NULL || *text == 0 ? otherwise : atof(text);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 3 ? "Not Supported" : "Unknown Error"; }

int nvmlSystemGetDriverVersion(char *text, unsigned length) {
  snprintf(text, length, "570.133.20");
  return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  *count = (unsigned)number("FAKE_SMI_GPUS", 2);
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
  *handle = (void *)(size_t)(index + 1);
  return 0;
}

int nvmlDeviceGetUUID(void *handle, char *text, unsigned length) {
  snprintf(text, length, "GPU-fa4e0000-0000-4000-8000-00000000000%zu", (size_t)handle - 1);
  return 0;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned length) {
  snprintf(text, length, "NVIDIA Fake A10");
  return 0;
}

// The integral of (200 + 20 index) + 100 sin(2 pi t / period), in mJ, times FAKE_NVML_SCALE.
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules) {
  if (getenv("FAKE_NVML_NO_ENERGY") != NULL) return 3;
  double period = number("FAKE_SMI_PERIOD_S", 20), turn = 2 * acos(-1.0) / period, t = now();
  // From a moment not long ago, or mJ would not fit a double.
  double start = floor(t / 1e6) * 1e6;
  double energy = (200 + 20 * ((double)(size_t)handle - 1)) * (t - start) + 100 / turn * (cos(turn * start) - cos(turn * t));
  *millijoules = (unsigned long long)(1000 * energy * number("FAKE_NVML_SCALE", 1));
  return 0;
}
