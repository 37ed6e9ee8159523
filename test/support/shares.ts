/**
 * Problems whose data is shared out: 75 examples in 11 blocks of 7, the last of 5; 3 draws; networks of 4-5-3.
 *
 * In the second the blocks differ in scale by up to 2^20, so that a sum of float64 loses bits at every step.
 */
import { Effect, Layer, type Scope } from "effect"
import {
  type Accumulator,
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  type ParamSpace,
  Sampler,
  type Structure
} from "../../src/index.ts"
import { generator } from "../oracle/random.ts"

export const N = 75
export const blockSize = 7
export const blocks = Math.ceil(N / blockSize)
const features = 4
const random = generator(31)

const examples = (scale: (block: number) => number) =>
  Array.from({ length: N }, (_, n) =>
    Array.from(random.normals(features), (value) => value * scale(Math.floor(n / blockSize)))
  )

export const network = Network.sequential(features, [Network.dense(5), Network.relu, Network.dense(3)])

const share = (likelihood: Likelihood.Likelihood, scale: (block: number) => number) => {
  const conditional = Conditional.make(network, likelihood)
  const x = examples(scale)
  return {
    conditional,
    params: Conditional.init(conditional, { seed: 3 }),
    x,
    source: DataSource.fromArrays({ x, batchSize: 16 })
  }
}

export const problems = {
  "categorical, one scale": share(Likelihood.categorical, () => 1),
  "gaussian, scales 2^-10 to 2^10": share(
    Likelihood.gaussian({ variance: 0.49 }),
    (block) => 2 ** (2 * block - 10)
  )
}
export type Problem = (typeof problems)[keyof typeof problems]

export interface Services {
  readonly source?: Layer.Layer<DataSource, unknown>
  readonly sampler?: Layer.Layer<Sampler, unknown>
  readonly device?: Layer.Layer<Device, unknown>
}

/** With the data of a problem and these services; 3 draws of seed 0 and the cpu unless said. */
export const given =
  (problem: Problem, services: Services = {}) =>
  <A, E>(program: Effect.Effect<A, E, DataSource | Sampler | Device | Scope.Scope>): Promise<A> => {
    const {
      device = Device.cpu,
      sampler = Sampler.monteCarlo({ draws: 3, seed: 0 }),
      source = problem.source
    } = services
    return Effect.runPromise(Effect.provide(Effect.scoped(program), Layer.mergeAll(source, sampler, device)))
  }

/** The sums of whole blocks: `from` to before `to`. */
export const accumulated = (
  { conditional, params }: Problem,
  structure: Structure.Structure<never>,
  from: number,
  to: number
) =>
  Fisher.accumulate(conditional, params, structure, {
    blockSize,
    from: from * blockSize,
    to: Math.min(N, to * blockSize)
  })

export type Space = typeof network.space extends ParamSpace.ParamSpace<infer S> ? S : never
export type Sums = Accumulator.Accumulator<Space, never>

/** All bits of some sums. */
export const bitsOf = ({ origin, rests, sums, weight }: Sums) => ({
  weight,
  origin,
  sums: sums.map(bytes),
  rests: rests.map(bytes)
})

export const bytes = ({ buffer, byteLength, byteOffset }: Float64Array | Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64")
