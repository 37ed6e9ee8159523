/**
 * Random problems for the laws: network, likelihood, data, sampler, blocks and device, each a pure function of its seed.
 *
 * The seeds are `NATGRAD_SEED_BASE` (0 unless set) and those after it, so every run has the same cases; `NATGRAD_SEED=n` runs the
 * case of that seed alone.
 */
import type { Layer } from "effect"
import { Conditional, type Device, type Likelihood, Sampler } from "../../src/index.ts"
import { type ActivationName, activationNames } from "../oracle/activations.ts"
import type { Case } from "../oracle/cases.ts"
import { convolution, convolved, imageSize, type OracleImage } from "../oracle/convolution.ts"
import { bernoulli, type Label } from "../oracle/likelihoods.ts"
import type { Vector } from "../oracle/linear.ts"
import {
  blocks,
  type OracleLayer,
  type OracleNetwork,
  outputSize,
  outputs as outputsAt,
  size
} from "../oracle/network.ts"
import { type Generator, generator } from "../oracle/random.ts"
import type { Family } from "./families.ts"
import { lawFamilies } from "./lawFamilies.ts"
import { devices, subject } from "./subject.ts"

const whole = (name: string): number | undefined => {
  const text = process.env[name]
  if (text === undefined || text === "") return undefined
  if (!/^\d+$/.test(text)) throw new RangeError(`${name} is ${text}, and a seed is a whole number`)
  return Number(text)
}

/** The first seed of every law. */
export const seedBase = whole("NATGRAD_SEED_BASE") ?? 0

/** The one seed that is asked for, if one is. */
export const onlySeed = whole("NATGRAD_SEED")

export const seedsOf = (count: number): ReadonlyArray<number> =>
  onlySeed === undefined ? Array.from({ length: count }, (_, i) => seedBase + i) : [onlySeed]

type Span = readonly [least: number, most: number]

/** What a law asks of its cases; anything that a case can be, unless said. */
export interface Wishes {
  /** How many dense layers a network without an image has; one with an image has 1 or 2 convolutions and a dense layer. */
  readonly depth?: Span
  /** How many numbers an x has, 0 for a density. */
  readonly features?: Span
  readonly examples?: Span
  readonly activations?: ReadonlyArray<ActivationName>
  readonly families?: ReadonlyArray<Family>
  /**
   * Kernels have the standard deviation gain / sqrt(rows), biases gain / 2. A gain is at most 1, and |z| at most 3, for a likelihood
   * that is no categorical, Bernoulli or Gaussian of fixed variance: rates and precisions are exponentials of z.
   */
  readonly gains?: ReadonlyArray<number>
  /** Of how many cases one is a convolutional network; 4 unless said, 0 for none. */
  readonly images?: number
  readonly samplers?: ReadonlyArray<SamplerName>
  /** A network of one's own; C is then what it has. */
  readonly network?: (random: Generator) => OracleNetwork
  /** Which cases are of use, by what the oracle knows of them. */
  readonly kept?: (c: RandomCase) => boolean
}

export interface RandomCase extends Case {
  readonly seed: number
  /** The library's likelihood. */
  readonly ours: Likelihood.Likelihood
  readonly blockSize: number
  readonly device: Layer.Layer<Device, unknown>
  readonly sampler: Layer.Layer<Sampler, unknown>
  /** For what a law draws besides. */
  readonly random: Generator
  /** All of it in one line. */
  readonly title: string
}

/** One of a list. */
export const oneOf = <A>(random: Generator, list: ReadonlyArray<A>): A => {
  if (list.length === 0) throw new RangeError("nothing to choose from")
  return list[random.integer(list.length)]!
}

const between = (random: Generator, [least, most]: Span): number => least + random.integer(most - least + 1)

/** A number of the span that is none of the others, or any where those are all. */
const apart = (random: Generator, [least, most]: Span, others: ReadonlyArray<number>): number => {
  const all = Array.from({ length: most - least + 1 }, (_, i) => least + i)
  const free = all.filter((n) => !others.includes(n))
  return oneOf(random, free.length > 0 ? free : all)
}

const perceptron = (
  random: Generator,
  features: number,
  depth: number,
  outputs: number,
  activations: ReadonlyArray<ActivationName>
): ReadonlyArray<OracleLayer> =>
  Array.from({ length: depth }, (_, l): ReadonlyArray<OracleLayer> => {
    // Without an input and a bias a layer has no parameter.
    const bias = random.integer(3) > 0 || (l === 0 && features === 0)
    const units = l === depth - 1 ? outputs : between(random, [1, 6])
    const dense = { kind: "dense", units, bias } as const
    return l === 0 ? [dense] : [{ kind: "activation", name: oneOf(random, activations) }, dense]
  }).flat()

/** A convolution that fits on the image. */
const anyConvolution = (random: Generator, image: OracleImage): OracleLayer & { kind: "conv2d" } => {
  const kernel = [
    between(random, [1, Math.min(3, image.height)]),
    between(random, [1, Math.min(2, image.width)])
  ] as const
  const end = () => random.integer(2)
  return convolution(between(random, [1, 3]), {
    kernel,
    stride: [between(random, [1, 2]), between(random, [1, 2])],
    padding: [
      [end(), end()],
      [end(), end()]
    ],
    dilation: [kernel[0] === 2 && image.height > 2 ? between(random, [1, 2]) : 1, 1],
    bias: random.integer(3) > 0
  })
}

/** Convolutions with activations after them, then a dense layer. */
const convolutional = (
  random: Generator,
  depth: number,
  outputs: number,
  activations: ReadonlyArray<ActivationName>
): OracleNetwork => {
  const image = {
    height: between(random, [2, 4]),
    width: between(random, [2, 3]),
    channels: between(random, [1, 2])
  }
  const layers: Array<OracleLayer> = []
  let now: OracleImage = image
  for (let l = 0; l < depth; l++) {
    const layer = anyConvolution(random, now)
    now = convolved(layer, now)
    layers.push(layer, { kind: "activation", name: oneOf(random, activations) })
  }
  layers.push({ kind: "flatten" }, ...perceptron(random, imageSize(now), 1, outputs, activations))
  return { features: imageSize(image), image, layers }
}

const anyNetwork = (
  random: Generator,
  outputs: number,
  { activations = activationNames, depth = [1, 4], features = [0, 5], images = 4 }: Wishes
): OracleNetwork => {
  if (images > 0 && random.integer(images) === 0) {
    return convolutional(random, between(random, [1, 2]), outputs, activations)
  }
  const inputs = between(random, features)
  return {
    features: inputs,
    layers: perceptron(random, inputs, between(random, depth), outputs, activations)
  }
}

const parameters = (random: Generator, net: OracleNetwork, gain: number): Float64Array => {
  const theta = new Float64Array(size(net))
  for (const { inputs, offset, size: numbers, units } of blocks(net)) {
    for (let i = 0; i < numbers; i++) {
      const scale = i < inputs * units ? gain / Math.sqrt(inputs) : gain / 2
      theta[offset + i] = Math.fround(scale * random.normal())
    }
  }
  return theta
}

/** Blocks that do not divide N, and fewer than N examples where that can be. */
const blocksOf = (random: Generator, examples: number): number => {
  const sizes = Array.from({ length: examples }, (_, i) => i + 1).filter((b) => examples % b !== 0)
  return sizes.length === 0 ? examples + 1 : oneOf(random, sizes)
}

/** Weights over 0 that sum to 1, no two alike but by chance, and one that is 0. */
const weighted = (random: Generator, labels: ReadonlyArray<Label>) => {
  const weights = labels.map((_, k) => (k === 1 ? 0 : random.uniform()))
  const total = weights.reduce((a, b) => a + b, 0)
  return labels.map((y, k) => ({ y, weight: weights[k]! / total }))
}

/** A label that the likelihood accepts. It need not follow the model. */
const anyLabel = (random: Generator, { ours, outputs }: Labelled): Float64Array =>
  ours.at(random.normals(outputs)).sample(random.uniform)

interface Labelled {
  readonly ours: Likelihood.Likelihood
  readonly outputs: number
}

interface SamplerInput extends Labelled {
  readonly random: Generator
  /** M, different from N and from C. */
  readonly draws: number
  readonly evenDraws: number
  readonly seed: number
  readonly examples: number
}

const samplers = {
  exact: () => Sampler.exact,
  empirical: () => Sampler.empirical,
  monteCarlo: ({ draws, seed }: SamplerInput) => Sampler.monteCarlo({ draws, seed }),
  stratified: ({ draws, seed }: SamplerInput) => Sampler.stratified({ draws, seed }),
  antithetic: ({ evenDraws, seed }: SamplerInput) => Sampler.antithetic({ draws: evenDraws, seed }),
  curvaturePropagation: ({ draws, seed }: SamplerInput) => Sampler.curvaturePropagation({ draws, seed }),
  untilPrecise: ({ draws, seed }: SamplerInput) =>
    Sampler.untilPrecise({ relativeError: 0.2, maxDraws: draws, seed }),
  /** Other numbers of draws for every other example. */
  fromRule: ({ draws, examples, ours, outputs, random }: SamplerInput) => {
    const drawn = Array.from({ length: examples }, (_, n) =>
      weighted(
        random,
        Array.from({ length: n % 2 === 0 ? draws : 1 + (draws % 3) }, () =>
          anyLabel(random, { ours, outputs })
        )
      )
    )
    return Sampler.fromRule("rule", ({ example }) => drawn[example]!)
  }
} satisfies Readonly<Record<string, (input: SamplerInput) => Layer.Layer<Sampler, unknown>>>

export type SamplerName = keyof typeof samplers

const samplerNames = Object.keys(samplers) as ReadonlyArray<SamplerName>

/** One case of 15 has a pilot: it draws a thousand y. */
const usualSamplers = [...samplerNames, ...samplerNames.filter((name) => name !== "untilPrecise")]

const rounded = (v: Vector): Float64Array => Float64Array.from(v, Math.fround)

/** Whether z may be of any size: the others take exponentials of it, or are integrated over y. */
const anyScale = (name: string): boolean => /^(categorical|bernoulli|gaussian)/.test(name)

const withinScale = ({ X, likelihood, net, theta }: RandomCase): boolean =>
  anyScale(likelihood.name) || X.every((x) => outputsAt(net, theta, x).every((z) => Math.abs(z) <= 3))

/** The case of a seed: the first of those that it gives which is kept. M, N and C are different wherever there is a choice. */
export const randomCase = (seed: number, wishes: Wishes = {}): RandomCase => {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const c = drawCase(seed, seed + attempt * 2 ** 20, wishes)
    if (withinScale(c) && (wishes.kept?.(c) ?? true)) return c
  }
  throw new RangeError(`no case of seed ${seed} is as it should be`)
}

const drawCase = (seed: number, key: number, wishes: Wishes): RandomCase => {
  const random = generator(key)
  const { oracle: likelihood, ours, outputs: due } = oneOf(random, wishes.families ?? lawFamilies)
  const net = wishes.network?.(random) ?? anyNetwork(random, due, wishes)
  const outputs = outputSize(net)
  const examples = apart(random, wishes.examples ?? [1, 9], [outputs])
  const gains = wishes.gains ?? [0.01, 0.1, 0.5, 1, 3, 10]
  const gain = oneOf(random, anyScale(likelihood.name) ? gains : gains.filter((each) => each <= 1))
  const theta = parameters(random, net, gain)
  const X = Array.from({ length: examples }, () => rounded(random.normals(net.features)))
  const Y = X.map(() => rounded(anyLabel(random, { ours, outputs })))
  const draws = apart(random, [1, 5], [examples, outputs])
  const evenDraws = 2 * apart(random, [1, 3], [examples / 2, outputs / 2])
  const name = oneOf(random, wishes.samplers ?? usualSamplers)
  const blockSize = blocksOf(random, examples)
  const [place, device] = oneOf(random, Object.entries(devices))
  const c = { net, likelihood, theta, X, Y }
  const { signature } = networkOf(c).conditional.network.space
  return {
    ...c,
    seed,
    ours,
    blockSize,
    device,
    sampler: samplers[name]({ random, draws, evenDraws, seed, ours, outputs, examples }),
    random,
    title:
      `${ours.name}, ${signature}, gain ${gain}, C = ${outputs}, N = ${examples} in blocks of ${blockSize}, ` +
      `${name} of ${name === "antithetic" ? evenDraws : draws}, ${place}`
  }
}

/** The library's network, parameters and data; the likelihood is another. */
const networkOf = (c: Case) => subject({ ...c, likelihood: bernoulli })

/** The library's conditional, its parameters and data. */
export const libraryOf = (c: RandomCase) => {
  const own = networkOf(c)
  return { ...own, conditional: Conditional.make(own.conditional.network, c.ours) }
}
