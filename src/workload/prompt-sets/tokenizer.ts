/** What counts the tokens of a prompt set: a model's own tokenizer, on this machine or on the server. */
export interface Tokenizer {
  /** For people: the file, or the URL and the model. */
  readonly name: string
  /** What it is, so that a set that is continued is counted by the same one. */
  readonly identity: string
  /** Token ids; `special`: with what the tokenizer itself puts around a text (BOS). */
  encode(text: string, special: boolean): Promise<readonly number[]>
  /** Tokens of the text as the one message of a chat, the answer's opening included; null where it cannot be known. */
  chatTokens(text: string): Promise<number | null>
  /** The model's limit of prompt and output, tokens; null if unknown. */
  readonly contextTokens: number | null
}
