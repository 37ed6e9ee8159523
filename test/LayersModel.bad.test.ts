/** Bad input: models of tfjs's layers that are none, were disposed of, or are frozen in ways that are no constant maps. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Conditional, Likelihood, Params } from "../src/index.ts"
import { fails } from "./support/refusals.ts"
import { wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)
afterAll(() => tf.disposeVariables())

const l = tf.layers
const sequential = (...layers: ReadonlyArray<tf.layers.Layer>) => tf.sequential({ layers: [...layers] })
const imported = (model: unknown, frozen: ReadonlyArray<string> = []) =>
  Conditional.fromLayersModel(wrong(model), Likelihood.gaussian({ variance: 1 }), { frozen })
const run = (model: tf.LayersModel, frozen?: ReadonlyArray<string>) =>
  Effect.runPromise(imported(model, frozen))

/** Models are made before a test counts tensors. */
const models = await (async () => {
  await tf.setBackend("cpu")
  const memory = () => l.lstm({ units: 2, name: "memory" })
  const two = tf.input({ shape: [3, 2] })
  const spoilt = sequential(l.dense({ inputShape: [4], units: 2, name: "spoilt" }))
  spoilt.setWeights([tf.fill([4, 2], Number.NaN), tf.zeros([2])])
  const disposed = sequential(l.dense({ inputShape: [4], units: 2, name: "gone" }))
  disposed.dispose()
  const held = sequential(l.dense({ inputShape: [4], units: 2 }))
  held.trainable = false
  return {
    spoilt,
    disposed,
    held,
    tokens: sequential(
      l.embedding({ inputDim: 4, outputDim: 3, inputLength: 6, maskZero: true, name: "tokens" }),
      memory(),
      l.dense({ units: 1 })
    ),
    masks: sequential(
      l.masking({ inputShape: [4, 2], maskValue: 0, name: "masks" } as never),
      memory(),
      l.dense({ units: 1 })
    ),
    flat: sequential(
      l.conv2d({ inputShape: [3, 4, 2], filters: 3, kernelSize: 2 }),
      l.flatten({ dataFormat: "channelsFirst", name: "flat" }),
      l.dense({ units: 1 })
    ),
    joined: tf.model({
      inputs: two,
      outputs: l.concatenate({ axis: 1, name: "joined" }).apply([two, two]) as tf.SymbolicTensor
    })
  }
})()

describe("models that cannot be read", () => {
  fails([
    ["nothing", () => imported(undefined), "InvalidArgument", "undefined", "tf.LayersModel"],
    ["a promise", () => imported(Promise.resolve()), "InvalidArgument", "Promise", "await"],
    ["a graph model", () => imported(new tf.GraphModel("url")), "InvalidArgument", "GraphModel"],
    ["a layer", () => imported(l.dense({ units: 2 })), "InvalidArgument", "Dense"],
    ["one that was disposed of", () => imported(models.disposed), "InvalidArgument", "gone", "disposed"],
    ["a weight that is NaN", () => imported(models.spoilt), "NonFinite", "NaN"],
    ["one that is not trainable", () => imported(models.held), "ShapeMismatch", "Leave one free"],
    ["an image that is flattened channels first", () => imported(models.flat), "UnsupportedLayer", "flat"],
    [
      "what has two inputs",
      () => imported(models.joined, ["joined"]),
      "UnsupportedLayer",
      "axis 1",
      ". Use Conditional.fromFunction"
    ],
    [
      "frozen tokens with a mask",
      () => imported(models.tokens, ["tokens", "memory"]),
      "UnsupportedLayer",
      "tokens",
      "mask"
    ],
    [
      "a frozen layer of masks",
      () => imported(models.masks, ["masks", "memory"]),
      "UnsupportedLayer",
      "masks",
      "mask"
    ]
  ])

  it("control: without the mask, the frozen ones are taken", async () => {
    const model = sequential(
      l.embedding({ inputDim: 4, outputDim: 3, inputLength: 6, name: "ids" }),
      l.lstm({ units: 2, name: "cells" }),
      l.dense({ units: 1 })
    )
    expect((await run(model, ["ids", "cells"])).params.values.length).toBe(3)
  })

  it("parameters are not written to a model that was disposed of; control: before that they are", async () => {
    const model = sequential(l.dense({ inputShape: [4], units: 2 }))
    const { params, write } = await run(model)
    await Effect.runPromise(write(params))
    model.dispose()
    expect((await Effect.runPromise(Effect.flip(write(params))))._tag).toBe("InvalidArgument")
  })
})

describe("parameters of another network", () => {
  for (const frozen of [[], ["held"]]) {
    it(`are not written with ${frozen.length} frozen layers, and the weights stay; control: its own are`, async () => {
      const of = (activation: "tanh" | "relu") =>
        sequential(l.dense({ inputShape: [4], units: 3, activation }), l.dense({ units: 2, name: "held" }))
      const [model, other] = [of("tanh"), of("relu")]
      const weights = () => model.getWeights().map((weight) => Array.from(weight.dataSync()))
      const before = weights()
      const { params, write } = await run(model, frozen)
      const error = await Effect.runPromise(Effect.flip(write((await run(other, frozen)).params)))
      expect(error._tag).toBe("ShapeMismatch")
      expect(weights()).toEqual(before)
      const moved = params.values.map((value) => value + 1)
      await Effect.runPromise(write(Params.make(params.space, moved)))
      expect(weights()).not.toEqual(before)
    })
  }
})

describe("what has no counterpart", () => {
  const importOf = (model: tf.LayersModel, frozen?: ReadonlyArray<string>) =>
    Effect.runPromise(
      Effect.flip(
        Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }), frozen ? { frozen } : {})
      )
    )
  const first = (units = 3) => l.dense({ inputShape: [4], units })

  const refused: ReadonlyArray<readonly [string, () => tf.LayersModel, string, string]> = [
    [
      "a recurrent layer",
      () => sequential(l.lstm({ inputShape: [3, 2], units: 2, name: "memory" }), l.dense({ units: 1 })),
      "UnsupportedLayer",
      "memory is a LSTM"
    ],
    [
      "a parametric relu",
      () => sequential(first(), l.prelu({ name: "slopes" })),
      "UnsupportedLayer",
      "slopes"
    ],
    [
      "an activation that is not known",
      () => sequential(l.dense({ inputShape: [4], units: 2, activation: "hardSigmoid", name: "hard" })),
      "UnsupportedLayer",
      "hard is a Dense with the activation"
    ],
    [
      "channels first",
      () =>
        sequential(
          l.conv2d({
            inputShape: [2, 5, 5],
            filters: 2,
            kernelSize: 2,
            dataFormat: "channelsFirst",
            name: "turned"
          })
        ),
      "UnsupportedLayer",
      "turned"
    ],
    [
      "masked zeros",
      () =>
        sequential(
          l.embedding({ inputDim: 3, outputDim: 2, inputLength: 4, maskZero: true, name: "tokens" })
        ),
      "UnsupportedLayer",
      "tokens"
    ],
    [
      "open sizes",
      () => sequential(l.conv2d({ inputShape: [null, 5, 1] as never, filters: 1, kernelSize: 2 })),
      "UnsupportedLayer",
      "leaves a size open"
    ],
    ["no input yet", () => tf.sequential(), "ShapeMismatch", "inputShape"],
    [
      "two outputs",
      () => {
        const x = tf.input({ shape: [4] })
        const outputs = [1, 2].map((units) => l.dense({ units }).apply(x) as tf.SymbolicTensor)
        return tf.model({ inputs: x, outputs })
      },
      "ShapeMismatch",
      "2 outputs"
    ],
    ["no parameter", () => sequential(l.flatten({ inputShape: [2, 2] })), "ShapeMismatch", "no parameters"]
  ]
  for (const [name, make, tag, said] of refused) {
    it(`${name} is refused with ${tag}, which says "${said}"`, async () => {
      const error = await importOf(make())
      expect(error._tag).toBe(tag)
      expect(error.message).toContain(said)
    })
  }

  it("a name in frozen that no layer has is refused, with those that there are", async () => {
    const error = await importOf(sequential(l.dense({ inputShape: [4], units: 2, name: "only" })), ["other"])
    expect(error._tag).toBe("InvalidArgument")
    expect(error.message).toContain("only")
  })
})

describe("models inside models", () => {
  const made = (change: (base: tf.Sequential) => void = () => {}) => {
    const innermost = sequential(l.dense({ inputShape: [3], units: 3 }))
    const base = tf.sequential()
    for (const layer of [l.dense({ inputShape: [4], units: 3 }), innermost, l.batchNormalization()])
      base.add(layer)
    change(base)
    return { base, model: sequential(base, l.dense({ units: 2, name: "above" })) }
  }
  const sizes = async ({ model }: ReturnType<typeof made>, frozen?: ReadonlyArray<string>) =>
    (await run(model, frozen)).conditional.network.space.blocks.map(({ columns, rows }) => rows * columns)

  it("one that is not trainable is frozen with all of its layers; control: one that is trainable", async () => {
    const held = (base: tf.Sequential) => {
      base.trainable = false
    }
    expect(await sizes(made(held))).toEqual([8])
    expect(await sizes(made())).toEqual([15, 12, 6, 8])
  })

  it("one that is named in frozen is frozen with all of its layers; control: one of its layers is", async () => {
    const named = made()
    expect(await sizes(named, [named.base.name])).toEqual([8])
    expect(await sizes(named, [named.base.layers[0]!.name])).toEqual([12, 6, 8])
  })

  it("layers of a frozen one that are not known are constant maps; control: of one that is not, refused", async () => {
    const inner = tf.sequential({
      name: "recurrent",
      layers: [l.simpleRNN({ inputShape: [3, 2], units: 4, name: "cells" })]
    })
    const model = sequential(inner, l.dense({ units: 2 }))
    expect((await run(model, ["recurrent"])).params.values.length).toBe(10)
    expect((await Effect.runPromise(Effect.flip(imported(model))))._tag).toBe("UnsupportedLayer")
  })
})

describe("constant maps", () => {
  it("of other weights are other networks; control: of the same weights the same network", async () => {
    const model = sequential(
      l.simpleRNN({ inputShape: [3, 2], units: 4, name: "rnn" }),
      l.dense({ units: 2 })
    )
    const signature = async () => (await run(model, ["rnn"])).conditional.network.space.signature
    const before = await signature()
    expect(await signature()).toBe(before)
    const weights = model.layers[0]!.getWeights().map((weight) => tf.add(weight, 1))
    model.layers[0]!.setWeights(weights)
    tf.dispose(weights)
    expect(await signature()).not.toBe(before)
  })
})
