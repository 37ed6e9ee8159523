/**
 * L5: the Fisher matrix is a metric, so the natural step does not depend on the coordinates, to first
 * order.
 */
import type { Case } from "./cases.ts"
import { unitVector } from "./laws.ts"
import {
  addScaled,
  axpy,
  congruence,
  type Matrix,
  matvec,
  meanMatrix,
  norm,
  type Rows,
  solve,
  tabulate,
  transpose,
  type Vector
} from "./linear.ts"
import { outputs } from "./network.ts"
import { generator } from "./random.ts"

/** A smooth change of parameters theta = forward(phi), with its Jacobian dtheta/dphi. */
export interface Chart {
  readonly forward: (phi: Vector) => Float64Array
  readonly jacobian: (phi: Vector) => Rows
  /** The phi of a theta. */
  readonly inverse: (theta: Vector) => Float64Array
}

/**
 * theta = phi + 0.3 sin(A phi), A = I + 0.2 (a random matrix) / sqrt(P): a contraction away from the
 * identity.
 */
export const sineChart = (parameters: number, seed: number): Chart => {
  const noise = generator(seed).normalMatrix(parameters, parameters)
  const A = tabulate(
    parameters,
    parameters,
    (i, j) => (i === j ? 1 : 0) + (0.2 * noise[i]![j]!) / Math.sqrt(parameters)
  )
  const forward = (phi: Vector) => axpy(phi, 0.3, matvec(A, phi).map(Math.sin))
  return {
    forward,
    jacobian: (phi) => {
      const cosine = matvec(A, phi).map(Math.cos)
      return tabulate(parameters, parameters, (i, j) => (i === j ? 1 : 0) + 0.3 * cosine[i]! * A[i]![j]!)
    },
    inverse: (theta) => {
      let phi: Float64Array = Float64Array.from(theta)
      for (let k = 0; k < 200; k++) phi = axpy(phi, 1, axpy(theta, -1, forward(phi)))
      return phi
    }
  }
}

/** L5. The Fisher in phi, with dz/dphi by central differences of z(forward(phi)): it never sees J. */
export const differencedFisher = ({ X, likelihood, net }: Case, chart: Chart, phi: Vector, h = 1e-5): Rows =>
  meanMatrix(X.length, (n) => {
    const at = (t: number, k: number) =>
      outputs(net, chart.forward(axpy(phi, t, unitVector(phi.length, k))), X[n]!)
    const columns = Array.from(phi, (_, k) => axpy(at(h, k), -1, at(-h, k)).map((v) => v / (2 * h)))
    return congruence(transpose(columns), likelihood.fisher(outputs(net, chart.forward(phi), X[n]!)))
  })

/**
 * L5. |forward(phi - t Dphi) - (theta - t Dtheta)| for each length t, where Dtheta = (F + damping)^-1 g
 * scaled to length 1 and Dphi is the natural direction in phi, with the damping matrix `dampingInPhi`
 * there.
 */
export const invarianceDefects = (
  chart: Chart,
  theta: Vector,
  g: Vector,
  fisher: Matrix,
  dampingInTheta: Matrix,
  dampingInPhi: Matrix,
  lengths: ReadonlyArray<number>
): ReadonlyArray<number> => {
  const phi = chart.inverse(theta)
  const J = chart.jacobian(phi)
  const inTheta = solve(addScaled(fisher, 1, dampingInTheta), g)
  const inPhi = solve(addScaled(congruence(J, fisher), 1, dampingInPhi), matvec(transpose(J), g))
  return lengths.map((length) => {
    const t = length / norm(inTheta)
    return norm(axpy(chart.forward(axpy(phi, -t, inPhi)), -1, axpy(theta, -t, inTheta)))
  })
}
