/** What the tests of errors run over: structures whose numbers can be measured, and two problems of 24 examples. */
import { type Fisher, Structure } from "../../src/index.ts"
import { type Case, mlp } from "../oracle/cases.ts"
import { convolution, imageSize } from "../oracle/convolution.ts"
import { bernoulli, categorical } from "../oracle/likelihoods.ts"
import type { OracleNetwork } from "../oracle/network.ts"
import { problem } from "./problems.ts"

/** How many examples the problems have. */
export const examples = 24

const image = { height: 3, width: 4, channels: 2 }
const shared: OracleNetwork = {
  features: imageSize(image),
  image,
  layers: [
    convolution(3, { kernel: [2, 3] }),
    { kind: "activation", name: "tanh" },
    { kind: "flatten" },
    { kind: "dense", units: 2, bias: true }
  ]
}

export const problems: Readonly<Record<string, Case>> = {
  "a categorical of 4 classes": problem(
    { likelihood: categorical, activation: "tanh" },
    mlp(2, [3, 4], "tanh"),
    examples
  ),
  "a convolution of 4 positions": problem({ likelihood: bernoulli, activation: "tanh" }, shared, examples)
}

export type Able = Fisher.Measured
export type AnyAble = Structure.AnyStructure<Able>
export const structures: Readonly<Record<string, AnyAble>> = {
  dense: Structure.dense,
  blockDiagonal: Structure.blockDiagonal,
  diagonal: Structure.diagonal,
  quasiDiagonal: Structure.quasiDiagonal,
  kfac: Structure.kfac,
  ekfac: Structure.ekfac,
  mixed: Structure.mixed([Structure.ekfac, Structure.dense])
}
