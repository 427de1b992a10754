// Replaces libcudart.so where there is no CUDA: each call fails as it does without a GPU (100: no device).
int cudaMalloc(void **pointer, unsigned long bytes) {
  (void)bytes;
  *pointer = 0;
  return 100;
}
int cudaFree(void *pointer) { return pointer != 0; }
int cudaStreamSynchronize(void *stream) { return stream == 0 ? 100 : 0; }
