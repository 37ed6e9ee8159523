/** A small network with its data: what the tests of leaks and of bad input run on. */
import { Effect, Layer } from "effect"
import { Conditional, DataSource, Device, Likelihood, Network, Sampler } from "../../src/index.ts"

/** A network whose widths are numbers to the compiler: the types cannot tell two of them apart. */
export const ofWidth = (width: number) =>
  Conditional.make(
    Network.sequential(3 as number, [Network.dense(width), Network.tanh, Network.dense(2 as number)]),
    Likelihood.categorical
  )

export const small = ofWidth(4)
export const { network } = small
export const { space } = network
export const params = Conditional.init(small, { seed: 0 })

export const x = [
  [1, 2, 3],
  [4, -5, 6],
  [-7, 8, 9],
  [1, 0, 1]
]
export const y = [0, 1, 1, 0]
export const arrays = DataSource.fromArrays({ x, y, batchSize: 3 })

/** For arguments that the types refuse. */
export const wrong = (value: unknown): never => value as never

/** The same vector with this number as its first component: `make` would refuse NaN. */
export const spoilt = <V extends { readonly values: Float32Array }>(vector: V, value: number): V => ({
  ...vector,
  values: vector.values.map((old, i) => (i === 0 ? value : old))
})

export interface Services {
  readonly source?: Layer.Layer<DataSource, unknown> | undefined
  readonly sampler?: Layer.Layer<Sampler, unknown> | undefined
  readonly device?: Layer.Layer<Device, unknown> | undefined
}

/** With these services; the arrays, the exact sampler and the cpu unless said. */
export const given =
  ({ device = Device.cpu, sampler = Sampler.exact, source = arrays }: Services = {}) =>
  <A, E>(program: Effect.Effect<A, E, DataSource | Sampler | Device>): Effect.Effect<A, unknown> =>
    program.pipe(Effect.provide(Layer.mergeAll(source, sampler, device)))
