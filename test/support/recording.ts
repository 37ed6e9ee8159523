/** A sampler that keeps what it draws, by the index of the example in the data. */
import { Effect, Layer } from "effect"
import { Sampler } from "../../src/index.ts"
import type { Vector } from "../oracle/linear.ts"

/** For each example its draws, one label after another. */
export type Drawn = Map<number, ReadonlyArray<Vector>>

/** `base`, writing what it draws to `record`. Exact columns are kept as they are. */
export const recording = <E>(base: Layer.Layer<Sampler, E>, record: Drawn): Layer.Layer<Sampler, E> =>
  Layer.effect(
    Sampler,
    Effect.map(Sampler, (inner) =>
      Sampler.of({
        name: inner.name,
        draw: (outputs, round) =>
          Effect.tap(inner.draw(outputs, round), (draws) =>
            Effect.sync(() => {
              const { examples, indices } = outputs.batch
              const flat = draws._tag === "Labels" ? draws.labels : draws.cotangents
              const width = flat.length / (draws.columns * examples)
              for (const [n, index] of indices.entries()) {
                const at = (k: number) =>
                  flat.slice((k * examples + n) * width, (k * examples + n + 1) * width)
                record.set(
                  index,
                  Array.from({ length: draws.columns }, (_, k) => at(k))
                )
              }
            })
          )
      })
    )
  ).pipe(Layer.provide(base))
