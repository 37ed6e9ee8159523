/** Several heads, independent given z: the outputs and the labels of each stand one after another. */
import { make, type OracleLikelihood } from "../likelihoods.ts"
import { tabulate, type Vector } from "../linear.ts"

export const heads = (
  parts: ReadonlyArray<{ readonly oracle: OracleLikelihood; readonly outputs: number }>
): OracleLikelihood => {
  let [output, label] = [0, 0]
  const placed = parts.map(({ oracle, outputs }) => {
    const labels = oracle.labelSize(outputs)
    const [z0, y0] = [output, label]
    output += outputs
    label += labels
    return {
      oracle,
      z0,
      outputs,
      ofZ: (z: Vector) => Float64Array.from(z).slice(z0, z0 + outputs),
      ofY: (y: ArrayLike<number>) => Array.from(y).slice(y0, y0 + labels)
    }
  })
  const total = (f: (part: (typeof placed)[number]) => number): number =>
    placed.reduce((sum, part) => sum + f(part), 0)
  const blocks = (matrix: (part: (typeof placed)[number]) => ReadonlyArray<Vector>) =>
    tabulate(output, output, (i, j) => {
      const part = placed.findLast(({ z0 }) => z0 <= i)!
      return j >= part.z0 && j < part.z0 + part.outputs ? matrix(part)[i - part.z0]![j - part.z0]! : 0
    })
  return make({
    name: "heads",
    labelSize: () => label,
    support: (z) => {
      let all: Array<{ y: ReadonlyArray<number>; probability: number }> = [{ y: [], probability: 1 }]
      for (const { ofZ, oracle } of placed) {
        all = all.flatMap((before) =>
          oracle.support(ofZ(z)).map(({ probability, y }) => ({
            y: [...before.y, ...Array.from(y)],
            probability: before.probability * probability
          }))
        )
      }
      return all
    },
    logProbability: (z, y) => total(({ ofY, ofZ, oracle }) => oracle.logProbability(ofZ(z), ofY(y))),
    score: (z, y) =>
      Float64Array.from(placed.flatMap(({ ofY, ofZ, oracle }) => Array.from(oracle.score(ofZ(z), ofY(y))))),
    hessian: (z, y) => blocks(({ ofY, ofZ, oracle }) => oracle.hessian(ofZ(z), ofY(y))),
    closedFormFisher: (z) => blocks(({ ofZ, oracle }) => oracle.closedFormFisher(ofZ(z))),
    kl: (z, other) => total(({ ofZ, oracle }) => oracle.kl(ofZ(z), ofZ(other)))
  })
}
