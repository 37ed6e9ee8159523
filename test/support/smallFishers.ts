/** The Fishers of every structure on the small network, for tests of bad input: made once, and never written to. */
import { Effect } from "effect"
import {
  Conditional,
  Damping,
  Fisher,
  Likelihood,
  Network,
  type ParamSpace,
  Structure
} from "../../src/index.ts"
import { given, params, small, space, wrong } from "./small.ts"
import { type Common, type Spectral, spectralOf, structuresOf } from "./structures.ts"

/** The network's name in the types. */
export type S = typeof space extends ParamSpace.ParamSpace<infer Own> ? Own : never

export type Named<Op extends Structure.Operation> = ReadonlyArray<
  readonly [name: string, fisher: Fisher.Fisher<S, Op>]
>

/** The Fishers of these structures, of a network like the small one. */
export const estimated = <Op extends Structure.Operation>(
  of: typeof small,
  structures: Readonly<Record<string, Structure.AnyStructure<Op>>>
): Promise<Named<Op>> =>
  Effect.runPromise(
    given()(
      Effect.forEach(Object.entries(structures), ([name, structure]) =>
        Effect.map(
          Fisher.estimate<S, Op>(of, Conditional.init(of, { seed: 0 }), structure),
          (fisher) => [name, fisher] as const
        )
      )
    )
  )

const layers = space.blocks.length

export const common: Named<Common> = await estimated(small, structuresOf(layers))
export const spectral: Named<Spectral> = await estimated(small, spectralOf(layers))
export const kfac = await Effect.runPromise(given()(Fisher.estimate(small, params, Structure.kfac)))

/** As many parameters as the small network, in the same places: only the name tells it apart. */
export const alike = Conditional.make(
  Network.sequential(3 as number, [
    Network.dense(4 as number),
    wrong(Network.relu) as typeof Network.tanh,
    Network.dense(2 as number)
  ]),
  Likelihood.categorical
)

export const half = Damping.absolute(0.5)

const shared = [...common, ...spectral, ["kfac", kfac] as const].flatMap(([, { means, structure }]) => [
  ...means,
  ...structure.constants
])

/** What all of those Fishers hold, bit by bit. */
export const bits = (): ReadonlyArray<ReadonlyArray<number>> =>
  shared.map((values) => Array.from(new Uint32Array(values.slice().buffer)))
