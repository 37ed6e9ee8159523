/** The moments of groups of examples, side by side: what a block tells of how its examples differ. */
import * as tf from "@tensorflow/tfjs"
import type { BlockScores, Score } from "../../model/Score.ts"
import { partByPart } from "../../tensor/Parts.ts"
import type { Structure } from "../Structure.ts"

/** The examples `from` to before `to` of a block. */
export interface Group {
  readonly from: number
  readonly to: number
}

/** A block cut into groups of at most `size` examples, as equal as whole examples allow. */
export const groupsOf = (examples: number, size: number): ReadonlyArray<Group> => {
  const count = Math.ceil(examples / size)
  const start = (g: number) => Math.floor((g * examples) / count)
  return Array.from({ length: count }, (_, g) => ({ from: start(g), to: start(g + 1) }))
}

/** An example is `positions` rows, one after the other. */
const scoreOf = (score: Score, { from, to }: Group): Score => {
  if (score._tag === "Written") {
    const [columns, , size] = score.gradient.shape
    return { ...score, gradient: tf.slice(score.gradient, [0, from, 0], [columns, to - from, size]) }
  }
  const { cotangent, input, mask, positions } = score
  const [columns, , out] = cotangent.shape
  const width = input.shape[1]
  const [first, rows] = [from * positions, (to - from) * positions]
  return {
    ...score,
    // tfjs slices no tensor without columns.
    input: width === 0 ? (tf.zeros([rows, 0]) as tf.Tensor2D) : tf.slice(input, [first, 0], [rows, width]),
    cotangent: tf.slice(cotangent, [0, first, 0], [columns, rows, out]),
    mask: mask && tf.slice(mask, [from, 0], [to - from, positions])
  }
}

const scoresOf = (scores: BlockScores, group: Group): BlockScores => ({
  ...scores,
  examples: group.to - group.from,
  layers: scores.layers.map((score) => scoreOf(score, group))
})

/** The structure's moments of each group, group after group. It is for sums, and has no operations. */
export const grouped = (structure: Structure<never>, groups: ReadonlyArray<Group>): Structure<never> => ({
  name: `${structure.name}, by groups`,
  constants: structure.constants,
  moments: (space) => groups.flatMap(() => structure.moments(space)),
  reduce: (scores) => partByPart(groups, (group) => structure.reduce(scoresOf(scores, group))),
  operations: () => ({})
})
