"""Profiles a small transformer on the CPU; writes the trace, and what torch.profiler itself says of its operators, as JSON on standard output."""

import json
import sys

import torch
from torch.profiler import ProfilerActivity, profile, record_function

torch.manual_seed(0)
torch.set_num_threads(1)
layer = torch.nn.TransformerEncoderLayer(d_model=64, nhead=4, dim_feedforward=128, batch_first=True)
model = torch.nn.Sequential(torch.nn.Embedding(100, 64), torch.nn.TransformerEncoder(layer, 2), torch.nn.Linear(64, 100)).train()
tokens = torch.randint(0, 100, (2, 24))

with profile(activities=[ProfilerActivity.CPU], record_shapes=False) as profiler:
    for _ in range(3):
        with record_function("step"):
            model(tokens).sum().backward()
            q = torch.randn(1, 4, 16, 16)
            torch.nn.functional.scaled_dot_product_attention(q, q, q)
profiler.export_chrome_trace(sys.argv[1])
totals = profiler.key_averages()
json.dump({total.key: [total.count, total.self_cpu_time_total] for total in totals}, sys.stdout)
