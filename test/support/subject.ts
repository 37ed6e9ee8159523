/** The library's own conditional, data and labels for a problem of the oracle. */
import { Effect, type Layer } from "effect"
import {
  Conditional,
  Cotangent,
  DataSource,
  Device,
  Likelihood,
  Network,
  Params,
  Tangent
} from "../../src/index.ts"
import type { Case } from "../oracle/cases.ts"
import type { Matrix } from "../oracle/linear.ts"
import type { OracleLayer } from "../oracle/network.ts"

/** Any network at all: its size is known only when the tests run, so the types cannot tell two of them apart. */
export type Subject = ReturnType<typeof subject>

const likelihoodOf = (name: string): Likelihood.Likelihood => {
  if (name.startsWith("gaussian"))
    return Likelihood.gaussian({ variance: Number(/[\d.]+/.exec(name)?.[0] ?? 1) })
  return name === "bernoulli" ? Likelihood.bernoulli : Likelihood.categorical
}

const layerOf = (layer: OracleLayer) => {
  switch (layer.kind) {
    case "dense":
      return Network.dense(layer.units, { bias: layer.bias })
    case "conv2d": {
      const { kind: _, ...options } = layer
      return Network.conv2d(options)
    }
    case "activation":
      return Network.activations[layer.name]
    case "flatten":
      return Network.flatten
  }
}

export const subject = ({ X, Y, likelihood, net, theta }: Case) => {
  const conditional = Conditional.make(
    Network.sequential(net.image ?? net.features, net.layers.map(layerOf)),
    likelihoodOf(likelihood.name)
  )
  const { space } = conditional.network
  const x = { data: X.flatMap((row) => Array.from(row)), shape: [X.length, net.features] } as const
  return {
    conditional,
    params: Params.make(space, Array.from(theta)),
    tangent: (v: ArrayLike<number>) => Tangent.make(space, Array.from(v)),
    cotangent: (g: ArrayLike<number>) => Cotangent.make(space, Array.from(g)),
    x,
    data: DataSource.fromArrays({ x, y: Y.map((label) => Array.from(label)) })
  }
}

/** Whether there is a BLAS, and koffi to reach it. */
export const hasNative: boolean = await Effect.runPromise(
  Effect.isSuccess(Effect.provide(Effect.void, Device.native))
)

/** The devices that every law runs on. */
export const devices: Readonly<Record<string, Layer.Layer<Device, unknown>>> = {
  cpu: Device.cpu,
  wasm: Device.wasm,
  ...(hasNative && { native: Device.native })
}

/** A flat square matrix as rows. */
export const rows = (flat: ArrayLike<number>): Matrix => {
  const n = Math.sqrt(flat.length)
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => flat[i * n + j]!))
}

/** Runs a program with its layer, to a promise. */
export const runWith =
  <R, E>(layer: Layer.Layer<R, E>) =>
  <A, E2>(program: Effect.Effect<A, E2, R>): Promise<A> =>
    Effect.runPromise(program.pipe(Effect.provide(layer)))
