/**
 * A small transformer that learns a short text character by character, by natural gradient with K-FAC: at each of 16 places it gives the
 * distribution of the next character, seen what is before. Then it writes.
 */
import { Effect, Stream } from "effect"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Training
} from "natgrad"

export const text =
  "the model gives a distribution for each place of a text. a step of steepest descent in the distance of two " +
  "distributions is a step of natural gradient."
const alphabet = [...new Set(text)].sort()
const ids = Array.from(text, (character) => alphabet.indexOf(character))

const length = 16
// Every place of the text, in steps of 37: a batch is of all parts of it.
const places = ids.length - length
const starts = Array.from({ length: places }, (_, n) => (37 * n) % places)
const x = starts.map((from) => ids.slice(from, from + length))
const y = starts.map((from) => ids.slice(from + 1, from + length + 1))

const vocabulary = alphabet.length
const [channels, heads] = [24, 3]
const network = Network.sequential(length, [
  Network.embedding({ vocabulary, size: channels }),
  Network.positionalEmbedding,
  Network.residual([Network.layerNorm(), Network.selfAttention({ heads, causal: true })]),
  Network.residual([Network.layerNorm(), Network.dense(48), Network.gelu, Network.dense(channels)]),
  Network.layerNorm(),
  Network.dense(vocabulary)
])
const writer = Conditional.make(
  network,
  Likelihood.positions(Likelihood.categorical, { outputs: vocabulary })
)

const start = Conditional.init(writer, { seed: 1 })
type Start = typeof start

/** The likeliest next character, again and again. */
const write = Effect.fnUntraced(function* (params: Start, prompt: string, characters: number) {
  const written = Array.from(prompt, (character) => alphabet.indexOf(character))
  while (written.length < prompt.length + characters) {
    const seen = written.slice(-length)
    const at = seen.length - 1
    const padded = [...seen, ...new Array<number>(length - seen.length).fill(0)]
    const z = yield* Conditional.predict(writer, params, [padded])
    const scores = z.subarray(at * vocabulary, (at + 1) * vocabulary)
    written.push(scores.indexOf(Math.max(...scores)))
  }
  return written.map((id) => alphabet[id]).join("")
}, Effect.scoped)

export const program = Effect.gen(function* () {
  const perCharacter = (params: typeof start) =>
    Effect.map(Conditional.negativeLogLikelihood(writer, params), (loss) => loss / length)
  const before = yield* perCharacter(start)
  const reports = yield* Training.run(writer, start, {
    structure: Structure.kfac,
    damping: Damping.factored(1e-1),
    learningRate: 0.5,
    maxKL: 0.5,
    average: 0.95,
    refresh: 5
  }).pipe(Stream.take(80), Stream.runCollect)
  const { params } = reports.at(-1)!
  return { before, after: yield* perCharacter(params), sample: yield* write(params, "the model gives ", 80) }
}).pipe(
  Effect.provide([
    DataSource.fromArrays({ x, y, batchSize: 64 }),
    Sampler.monteCarlo({ draws: 1, seed: 3 }),
    Device.wasm
  ])
)

if (import.meta.main) console.log(await Effect.runPromise(program))
