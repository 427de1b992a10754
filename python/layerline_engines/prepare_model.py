"""Makes model folders that vLLM can serve: from a GGUF file, or a tiny one with random weights.

    python prepare_model.py gguf FILE OUT     safetensors and tokenizer out of a GGUF file
    python prepare_model.py tiny OUT          a Llama of 5 M random parameters, for tests

OUT must not exist; it is complete when this ends with status 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

TINY_SEED = 20
TINY_VOCABULARY = 4096
TINY_POSITIONS = 8192
TINY_CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TINY_SPECIAL_TOKENS = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def prepare_gguf(source: Path, out: Path) -> None:
    """Loads a quantised model as plain weights and saves it as bfloat16 safetensors with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16)
    # The weights are plain now; left in place, these would make the folder claim to be quantised.
    for holder, name in ((model.config, "quantization_config"), (model, "hf_quantizer"), (model, "quantization_method")):
        if hasattr(holder, name):
            delattr(holder, name)
    model.is_quantized = False
    tokenizer.save_pretrained(out)
    model.save_pretrained(out)


def prepare_tiny(out: Path) -> None:
    """A model that answers nonsense fast: same seed, same weights; its BPE tokenizer is trained on Python's own help."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TINY_VOCABULARY,
        special_tokens=TINY_SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(local_text(), trainer)
    end = TINY_SPECIAL_TOKENS[0]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=end, pad_token=end)
    tokenizer.chat_template = TINY_CHAT_TEMPLATE

    torch.manual_seed(TINY_SEED)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=TINY_POSITIONS,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    tokenizer.save_pretrained(out)
    model.save_pretrained(out)


def local_text() -> Iterator[str]:
    """English prose that every Python has with it."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield topics[name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    gguf = kinds.add_parser("gguf")
    gguf.add_argument("file", type=Path)
    gguf.add_argument("out", type=Path)
    tiny = kinds.add_parser("tiny")
    tiny.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    if given.kind == "gguf":
        prepare_gguf(given.file, given.out)
    else:
        prepare_tiny(given.out)


if __name__ == "__main__":
    main()
