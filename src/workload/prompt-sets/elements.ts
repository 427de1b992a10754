/** What the stories are about: a hundred things, each once. */
export const ELEMENTS: readonly string[] = list(`
a lighthouse, a broken clock, a night train, a lost letter, an orchard in winter, a paper boat, a mountain pass,
a market at dawn, a borrowed violin, a stray cat, an empty theatre, a beekeeper, a glass bridge, a hidden staircase,
a ferry in the fog, a blue door, a village well, a wooden horse, a desert radio station, a map with no names,
a baker's last loaf, a snowed-in inn, a retired diver, a library under the sea, a kite festival, an old telescope,
a silent bell, a river that turns back, a travelling circus, a garden on a roof, a cracked mirror, a postman's bicycle,
a harbour strike, a robot gardener, a long staircase, a forgotten birthday, a storm at harvest, a chess game by mail,
a ship in a bottle, a tunnel of lanterns, a midnight bus, an umbrella seller, a cloud painter, a weaver's debt,
a fox in the city, a key without a lock, a frozen waterfall, a watchmaker's apprentice, a choir of strangers,
a salt mine, a house on stilts, a comet, a missing statue, a tea caravan, a ladder to the moon, a silver coin,
a fence between neighbours, an island of birds, a runaway balloon, a mechanic's dream, a school on a boat,
a pot of soup, a secret recipe, a painter of signs, a quiet volcano, a pair of red boots, a bridge keeper,
a message in chalk, a drummer, a flooded street, a rocking chair, a wind farm, a jar of fireflies, a goat on a roof,
a whale watcher, an elevator operator, a puppet maker, a wall of photographs, a cartographer, a walled garden,
a satellite, a swimming lesson, a sleepless night, a stone giant, a printing press, an ice cream van, a greenhouse,
a wrong number, a rope bridge, a deaf musician, a bowl of oranges, a train of camels, a seed bank, a shadow,
a ghost in the archive, a paper crown, a thousand stairs, a lamp lighter, a homesick sailor, a walk without end
`)

function list(text: string): string[] {
  return text
    .trim()
    .split(/,\s*/)
    .map((name) => name.trim())
}
