/** What the comparisons with the reference files share. */
import { denseFisher, type KfacFactor, kfacFactors, negativeLogLikelihood } from "./fisher.ts"
import type { Fixture } from "./fixtures.ts"
import type { Rows, Vector } from "./linear.ts"
import { ekfacDense, ekfacLayers } from "./structures.ts"

/** The relative errors of one comparison. */
export type Check = (fixture: Fixture) => ReadonlyArray<number>

export const fisherOf = ({ X, likelihood, net, theta }: Fixture): Rows =>
  denseFisher(net, likelihood, theta, X)
export const factorsOf = ({ X, likelihood, net, theta }: Fixture): ReadonlyArray<KfacFactor> =>
  kfacFactors(net, likelihood, theta, X)
export const ekfacOf = ({ X, likelihood, net, theta }: Fixture): Rows =>
  ekfacDense(ekfacLayers(net, likelihood, theta, X))

/** Their Gaussian loss leaves out the constant C/2 log(2 pi). */
export const loss = ({ X, Y, likelihood, name, net, outputs: z }: Fixture, theta: Vector): number =>
  negativeLogLikelihood(net, likelihood, theta, X, Y) -
  (name === "mlp_gaussian" ? (z[0]!.length / 2) * Math.log(2 * Math.PI) : 0)
