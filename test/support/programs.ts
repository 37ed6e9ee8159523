/** Every public function that touches the device, as a program of its own; each is run to its end, or stopped on its way. */
import { Effect, Layer, Stream } from "effect"
import {
  Accumulator,
  Conditional,
  Damping,
  DataSource,
  type Device,
  Draws,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Tangent,
  Training
} from "../../src/index.ts"
import { params, small, space, x, y } from "./small.ts"
import { structures as byName, type Common, mixture } from "./structures.ts"

export type Program<E = unknown> = Effect.Effect<unknown, E, DataSource | Sampler | Device>

const batch = {
  x: Float32Array.from(x.flat()),
  examples: x.length,
  features: 3,
  indices: Float64Array.of(0, 1, 2, 3),
  labels: { values: Float32Array.from(y), labelSize: 1 }
}

type Linearized = Effect.Success<ReturnType<typeof linearizedAt>>
const linearizedAt = (at: typeof params) =>
  Effect.flatMap(Conditional.load(small, at), (loaded) => Conditional.linearize(loaded, batch))

/** What `linearize` gives at a block, handed to `use` while it lives. */
const linearized = <A, E, R>(use: (made: Linearized) => Effect.Effect<A, E, R>, at = params) =>
  Effect.scoped(Effect.flatMap(linearizedAt(at), use))

const cotangents = new Float32Array(16).fill(0.5)

/** Every structure of one pass, and a mixture for so many layers. */
export const onePass = (layers: number): ReadonlyArray<Structure.Structure<Common>> => [
  ...Object.values(byName),
  mixture<Common>(layers, [Structure.gram, Structure.quasiDiagonal]) as Structure.Structure<Common>
]

/** Every structure, for so many layers: those, and those of two passes. */
export const everyStructure = (layers: number): ReadonlyArray<Structure.AnyStructure<Common>> => [
  ...onePass(layers),
  Structure.ekfac,
  mixture<Common>(layers, [Structure.ekfac, Structure.kfac])
]

const settings = { learningRate: 0.05, damping: Damping.absolute(0.1), momentum: 0.5 }

/** At these parameters. */
export const programs = (at: typeof params): Readonly<Record<string, Program>> => ({
  "Conditional.load": Effect.scoped(Conditional.load(small, at)),
  "Conditional.evaluate": Effect.scoped(
    Effect.flatMap(Conditional.load(small, at), (loaded) => Conditional.evaluate(loaded, batch))
  ),
  "Conditional.linearize": linearized(() => Effect.void, at),
  "Linearization.backprop": linearized(({ backprop }) => backprop(cotangents, 2), at),
  "Linearization.pullback": linearized(({ pullback }) => pullback(cotangents.subarray(8)), at),
  "Linearization.pushforward": linearized(
    ({ pushforward }) => pushforward(Tangent.make(space, params.values)),
    at
  ),
  "Conditional.sumScores": linearized(
    ({ backprop }) => Effect.flatMap(backprop(cotangents, 2), Conditional.sumScores),
    at
  ),
  "Conditional.blockGradient": Effect.scoped(
    Effect.flatMap(Conditional.load(small, at), (loaded) => Conditional.blockGradient(loaded, batch))
  ),
  "Conditional.labelGradient": linearized((made) => Conditional.labelGradient(made, batch.labels), at),
  "Conditional.predict": Conditional.predict(small, at, x),
  "Conditional.gradient": Conditional.gradient(small, at, { blockSize: 2 }),
  "Conditional.lossAndGradient": Conditional.lossAndGradient(small, at, { blockSize: 3 }),
  "Conditional.negativeLogLikelihood": Conditional.negativeLogLikelihood(small, at, { blockSize: 1 }),
  "Conditional.klDivergence": Conditional.klDivergence(small, at, params, { blockSize: 2 }),
  ...Object.fromEntries(
    onePass(space.blocks.length).flatMap(
      (structure): ReadonlyArray<readonly [string, Program]> => [
        [
          `Accumulator.reduce, ${structure.name}`,
          linearized(
            ({ backprop }) =>
              Effect.flatMap(backprop(cotangents, 2), (scores) => Accumulator.reduce(structure, scores)),
            at
          )
        ],
        [
          `Training.run, ${structure.name}`,
          Training.run(small, at, { ...settings, structure }).pipe(Stream.take(3), Stream.runDrain)
        ]
      ]
    )
  ),
  ...Object.fromEntries(
    everyStructure(space.blocks.length).flatMap(
      (structure): ReadonlyArray<readonly [string, Program]> => [
        [`Fisher.estimate, ${structure.name}`, Fisher.estimate(small, at, structure, { blockSize: 2 })],
        [
          `Fisher.estimate, ${structure.name}, concurrency 4`,
          Fisher.estimate(small, at, structure, { blockSize: 1, concurrency: 4 })
        ]
      ]
    )
  )
})

/** The samplers, and two of one's own. */
export const samplers: Readonly<Record<string, Layer.Layer<Sampler, unknown>>> = {
  exact: Sampler.exact,
  monteCarlo: Sampler.monteCarlo({ draws: 3, seed: 0 }),
  empirical: Sampler.empirical,
  fromRule: Sampler.fromRule("mine", ({ example }) => [{ y: [example % 2], weight: 1 }]),
  own: Layer.succeed(Sampler, {
    name: "own",
    draw: ({ batch, size }) =>
      Effect.succeed(
        Draws.Cotangents({ columns: 1, cotangents: new Float32Array(batch.examples * size).fill(0.1) })
      )
  })
}

/** Large enough that the pure operations of the wasm kernels go through tensors too. */
export const wide = Conditional.make(
  Network.sequential(80, [Network.dense(80), Network.relu, Network.dense(2)]),
  Likelihood.categorical
)
export const wideParams = Conditional.init(wide, { seed: 0 })

const many = 64
const endless = {
  x: Array.from({ length: many }, (_, n) => [n % 3, n % 5, n % 7].map((value) => value - 2)),
  y: Array.from({ length: many }, (_, n) => n % 2)
}

/** A source without an end: nothing that walks over it stops by itself. */
export const endlessSource = DataSource.fromStream({
  pass: () =>
    Stream.iterate(0, (n) => n + 1).pipe(
      Stream.map(() => endless),
      Stream.rechunk(1)
    )
})
