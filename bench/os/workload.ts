/** Loads a model from safetensors and generates greedily; prints wall and CPU seconds of just that, and of the whole process. */
export const GENERATE = `import json, resource, sys, time
import torch
from transformers import AutoModelForCausalLM
torch.manual_seed(0)
torch.set_num_threads(int(sys.argv[3]))
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
began, cpu_began = time.perf_counter(), cpu()
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16)
with torch.inference_mode():
    model.generate(torch.arange(16)[None], max_new_tokens=int(sys.argv[2]), min_new_tokens=int(sys.argv[2]), do_sample=False, pad_token_id=0)
print("@" + json.dumps({"wall_s": time.perf_counter() - began, "cpu_s": cpu() - cpu_began}), file=sys.stderr)`

/** Locks a page so many times, as evenly as it can over so many seconds: each is an event that is streamed. */
export const LOCK = `import ctypes, mmap, sys, time
libc = ctypes.CDLL(None, use_errno=True)
page = mmap.mmap(-1, mmap.PAGESIZE)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
calls, seconds = int(sys.argv[1]), float(sys.argv[2])
began = time.perf_counter()
for done in range(calls):
    ahead = done / calls * seconds - (time.perf_counter() - began)
    if ahead > 0.001: time.sleep(ahead)
    if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE)) != 0: sys.exit(f"mlock: errno {ctypes.get_errno()}")
print("@" + '{"wall_s": %f}' % (time.perf_counter() - began), file=sys.stderr)`

/** Keeps a core busy, and maps, reads and locks beside, until its input ends. */
export const BUSY = `import mmap, os, sys, threading
def until_end():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=until_end).start()
print("ready", flush=True)
total = 0
while True:
    for i in range(200000): total += i
    with open("/proc/self/stat") as file: file.read()
    mmap.mmap(-1, 1 << 20)`
