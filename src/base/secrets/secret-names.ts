const WORDS =
  'auth|authorization|authentication|cookie|credentials?|jwt|passphrase|passwd|password|pass|pwd|secret|sig|signature|token|key|apikey'
/**
 * A whole word in `X-Api-Key`, `accessToken`, `db_password`; or the end of one, as in `apikey`. Not `max_tokens`,
 * `tokenizer`, `author`.
 */
const SECRET_NAME = new RegExp(`(^|[^a-z])(${WORDS})([^a-z]|$)|(key|token|secret|password|signature)$`)

/** `api_key_file` is the path of a key, not a key. */
const BESIDE_A_SECRET = /[-_](file|path|dir|name|ids?|type|source)$/

/** Whether a header, field, query parameter, option or variable of this name holds a secret. */
export function isSecretName(name: string): boolean {
  const words = name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
  return SECRET_NAME.test(words) && !BESIDE_A_SECRET.test(words)
}

/** The shapes of services' keys: their prefixes, and long runs of letters and digits that names do not have. */
const KEY_LIKE = /^(sk|pk|rk|hf|nvapi|gsk|ghp|gho|github_pat|xox[abp]|AKIA|AIza|eyJ)[-_A-Za-z0-9]{8,}/
const RANDOM_RUN = /^(?=[^\d]*\d)(?=[^a-z]*[a-z])[A-Za-z0-9]{24,}$/

/** Whether a text looks like a key, whatever it is called. */
export function looksLikeKey(text: string): boolean {
  return KEY_LIKE.test(text) || RANDOM_RUN.test(text)
}

/** A custom header may carry a key under any name; a model's name is not one. */
export function isSecretHeader(name: string, value: string): boolean {
  if (isSecretName(name) || looksLikeKey(value)) return true
  return !/model|agent|accept|content/i.test(name) && /^(?=[^\d]*\d)(?=[^a-z]*[a-z])[^\s/]{16,}$/i.test(value)
}
