// The words that the project does not use in its texts, each with what to write instead; docs/glossary.md says why.

/** @type {readonly (readonly [RegExp, string])[]} */
export const WORDS = [
  [/\bin our care\b/i, 'managed (engine)'],
  [/\bmend(s|ed|ing)?\b/i, 'fix, fixed'],
  [/\bheld against\b/i, 'compared with'],
  [/\b(tokens?|those) in time\b/i, 'on-time tokens'],
  [/\b(told|said|untold)\b/i, 'reported, logged, recorded, shown'],
  [/\b(the|a|an|its|their|of|at|from|each|every|one|last|first|'s) begins?\b(?! (with|at|by|from|in)\b)/i, 'start'],
  [/\b(of|is|are) (ours|theirs)\b/i, "Layerline's, the other tool's; or leave it out"],
  [/\bof yours\b/i, 'your …'],
  [/\bat hand\b/i, 'available'],
  [/\b(stands|stood)\b(?! for\b)/i, 'is in, exists'],
  [/\b(what|that|it|which|already|not|if|where|who|one) (is|are|was|were) there\b/i, 'exists, is available'],
  [/\b(go(es|ing)?|went|gone) on\b/i, 'resume, continue'],
  [/\brehears\w*/i, 'warm up, self-warm-up'],
  [
    /\b(a|an|one|each) (file|folder|run|row|line|track|part|process|thread|table|column|request|command|worker) an? [a-z]+/i,
    'one … per …',
  ],
  [/\bone an? (target|request|run|file|row|line|process|core|second|rank|model|user|worker|minute)\b/i, 'one per …'],
  [/\b(take|takes|took|taken|taking) out\b/i, 'switch off; remove'],
  [/\b(put|puts|putting) back\b/i, 'switch on'],
  [/\bharm(s|ed|ing|ful)?\b/i, 'injected fault'],
  [/\b(bite|bites)\b/i, 'apply'],
  [/\b(leave|leaves|left|leaving) (\w+ )?out\b/i, 'skip, exclude, omit'],
  [/\bwhose time\b/i, 'attribution'],
  [/\btimes as fast\b/i, 'X times faster'],
  [/\b(become|becomes|became) of\b/i, 'what happens to'],
  [/\bmarks? (in|of) (a|the|its|their) (process|environment)/i, 'tag'],
  [/\b(nobody|whoever|whosoever)\b|\bthat which\b/i, 'name the thing'],
  [/\b(everybody|anybody|somebody)\b/i, 'every client, any process …: name the thing'],
  // One word, one thing.
  [
    /\bprompts? (is|are|was|were|being|get|gets) decoded\b|\bdecod(e|es|ing) (the|a|its|their) prompts?\b/i,
    'prefilled',
  ],
  [
    /\bturns? of the (event )?loop\b|\b(event )?loop('s)? turns?\b/i,
    'pass of the event loop; a turn is of a conversation',
  ],
  [/\b(profiler|kineto|pytorch|vllm)('s)? traces?\b/i, 'profile; a trace is a file of arrivals'],
  // Numbers and units.
  [/(?<![\w.,:/-])\d+ \d{3}(?![\d\w])/, 'thousands are separated by commas: 10,000'],
  [/\d us\b/, 'µs'],
  [
    /(?<![\w.,:/×-])1 (requests|tokens|events|runs|rows|gaps|steps|times|files|workers|users|seconds|lines|errors)\b/,
    'singular',
  ],
]

/** The most words of a sentence. */
export const MOST_WORDS = 40

/**
 * Texts that may hold a word of the list, with the reason.
 * @type {readonly { readonly file: RegExp, readonly text: RegExp, readonly why: string }[]}
 */
export const ALLOWED = [
  { file: /remote-script\.ts$/, text: /./, why: 'programs of other languages, not prose' },
  {
    file: /prompt-sets\/(elements|story|story-words)\.ts$/,
    text: /./,
    why: 'words that generated stories are made of',
  },
  {
    file: /trace\/certify\.ts$/,
    text: /^taken out by --certify$/,
    why: 'the name of a slice: names of the run format stay',
  },
]
