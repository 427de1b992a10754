/** The words of the story grammar. Common ones on purpose: most tokenizers know them as one token each. */
const words = (text: string): readonly string[] => text.trim().split(/\s+/)

export const NAMES = words(`
Mara Tom Elena Jonas Ruth Peter Nadia Oscar Clara Simon Alice Henry Laura Martin Julia Robert Emma Daniel Anna Paul
Maria David Helen Frank Irene Victor Rose Walter Grace Leon Ida Hugo Vera Felix Nora Adam Sofia Karl Lena Oliver
`)

export const ADJECTIVES = words(`
quiet old bright narrow golden pale heavy gentle broken distant green silver hollow warm cold curious patient wooden
empty small tall dusty clever honest rough smooth soft sharp deep wide strange plain early late young brave calm dark
dry fresh grey hidden kind large light little lonely long loose loud low modern neat new open perfect poor proud pure
quick rare red rich round secret short simple slow solid steady steep strong sweet thin tired tiny vast weak wet white
wild wise yellow blue brown clean famous fine foreign frozen grand happy
`)

export const NOUNS = words(`
river lantern garden clock letter bridge harbor window teacher farmer mountain story boat market forest kitchen train
painter island road winter summer morning evening village tower mirror bell door table chair candle book song bird
horse dog cat fox fish tree apple stone wall roof street square field valley hill cloud storm wind rain fire ship
captain sailor doctor baker child mother father sister brother friend stranger neighbor king queen soldier guard
library museum school station hotel office factory church castle house room floor corner shelf box bag coat hat shoe
ring coin map key lock rope wheel engine machine radio camera picture paper pencil knife bottle cup plate basket
blanket pillow flag drum piano violin game dance dream memory secret promise question answer lesson journey visitor
`)

export const PLURALS = words(`
rivers lanterns gardens clocks letters bridges windows teachers farmers mountains stories boats markets forests trains
painters islands roads winters summers mornings evenings villages towers mirrors bells doors tables chairs candles books
songs birds horses dogs cats trees apples stones walls roofs streets fields valleys hills clouds storms winds ships
captains sailors doctors children mothers fathers sisters brothers friends strangers neighbors kings queens soldiers
guards libraries schools stations hotels factories churches castles houses rooms floors corners boxes bags coats hats
shoes rings coins maps keys locks ropes wheels engines machines pictures papers bottles cups plates flags drums games
dreams memories secrets promises questions answers lessons visitors
`)

export const TRANSITIVE = words(`
found carried watched followed painted opened closed moved lifted remembered forgot wanted needed feared loved kept
lost sold bought borrowed returned repaired cleaned counted measured studied described visited crossed passed reached
touched shared covered collected built broke chose drew dropped gathered guarded hid noticed ordered planned protected
pulled pushed raised received saved searched sent served showed stopped tested traded understood welcomed
`)

export const INTRANSITIVE = words(`
waited slept laughed listened wandered returned rested worked sang danced walked stayed smiled stood sat arrived
disappeared moved turned changed grew stopped hurried paused traveled whispered dreamed hesitated
`)

export const PLACE_PREPOSITIONS = words(
  'near behind beside under above beyond inside outside across around past before',
)

export const ADVERBS = words(`
slowly quietly often never always soon suddenly carefully gently finally rarely quickly almost simply still once
`)

export const TIMES: readonly string[] = [
  'before the war',
  'after the rain',
  'every year',
  'one evening',
  'in the morning',
  'at midnight',
  'on Sunday',
  'in early spring',
  'during the long winter',
  'for many years',
  'until the sun came up',
  'at the end of the day',
]

export const NUMBERS = words('two three four five six seven eight nine ten twelve twenty forty')

/** Put behind the last word where a few tokens are left; as short and common as words come. */
export const FILLERS = words(`
again today now there here too once more still slowly well away together alone twice soon later first last then yet
instead always often quietly home back down up on along around forever indeed perhaps early late tonight outside
`)

/** Words that no sentence should end with. */
export const LEADING: ReadonlySet<string> = new Set(
  words(`
    the a an of and or but in at on to for with from by near behind beside under above beyond inside outside across
    around past before after until during every one that which who when while because where was were had has his her
    their its as than if it they he she everyone someone nobody into
  `),
)
