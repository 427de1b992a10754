"""Models of a few thousand random parameters, made from configs. Imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

LAYERS = 2
HIDDEN = 64
VOCABULARY = 96


def save(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def llama(folder: Path, layers: int = LAYERS) -> Path:
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=False,
    )
    return save(transformers.LlamaForCausalLM(config), folder)


def bert_config() -> Any:
    return transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=48,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        max_position_embeddings=128,
    )


def masked_bert(folder: Path) -> Path:
    return save(transformers.BertForMaskedLM(bert_config()), folder)


def plain_bert(folder: Path) -> Path:
    return save(transformers.BertModel(bert_config()), folder)


def t5(folder: Path) -> Path:
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=HIDDEN, d_kv=32, d_ff=48, num_layers=LAYERS, num_heads=2, decoder_start_token_id=0
    )
    return save(transformers.T5ForConditionalGeneration(config), folder)


def vit(folder: Path) -> Path:
    config = transformers.ViTConfig(
        hidden_size=HIDDEN,
        intermediate_size=48,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
    return save(transformers.ViTModel(config), folder)
