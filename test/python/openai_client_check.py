"""What the OpenAI client does with an engine of ours: argv is the base URL and the model."""

import json
import sys

import openai

base_url, model = sys.argv[1:3]
client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=120)
found = {}

found["models"] = [entry.id for entry in client.models.list()]
found["retrieved"] = client.models.retrieve(model).id

chat = client.chat.completions.create(
    model=model,
    messages=[
        {"role": "system", "content": "You answer in one short sentence."},
        {"role": "user", "content": [{"type": "text", "text": "What is the sky?"}]},
    ],
    max_completion_tokens=16,
    temperature=0,
    seed=7,
    stream=True,
    stream_options={"include_usage": True},
)
chunks = list(chat)
found["chat"] = {
    "role": chunks[0].choices[0].delta.role,
    "text": "".join(c.choices[0].delta.content or "" for c in chunks if c.choices),
    "reasons": [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason],
    "with_text": sum(1 for c in chunks if c.choices and c.choices[0].delta.role is None),
    "completion_tokens": chunks[-1].usage.completion_tokens,
    "total_is_sum": chunks[-1].usage.total_tokens
    == chunks[-1].usage.prompt_tokens + chunks[-1].usage.completion_tokens,
}

whole = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": "Say hello."}], max_tokens=4, temperature=0
)
found["whole"] = {
    "object": whole.object,
    "role": whole.choices[0].message.role,
    "text": whole.choices[0].message.content,
    "completion_tokens": whole.usage.completion_tokens,
    "request_id": whole._request_id is not None and whole.id.endswith(whole._request_id),
}

completion = client.completions.create(
    model=model, prompt="1, 2, 3, 4,", max_tokens=12, temperature=0, stop=[" 7"]
)
found["completion"] = {"text": completion.choices[0].text, "reason": completion.choices[0].finish_reason}
found["streamed"] = "".join(
    c.choices[0].text
    for c in client.completions.create(
        model=model, prompt="1, 2, 3, 4,", max_tokens=12, temperature=0, stop=[" 7"], stream=True
    )
)

try:
    client.completions.create(model="no-such-model", prompt="a")
except openai.NotFoundError as error:
    found["not_found"] = [error.status_code, error.code, error.param]
try:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "a"}], n=3)
except openai.BadRequestError as error:
    found["bad_request"] = [error.status_code, error.code, error.param]
try:
    client.completions.create(model=model, prompt="word " * 5000, max_tokens=5)
except openai.BadRequestError as error:
    found["too_long"] = error.code

print(json.dumps(found))
