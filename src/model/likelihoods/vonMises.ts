/**
 * Von Mises: y is C independent angles in radians, z are their mean directions, with the concentration kappa fixed.
 *
 * *Math*: p = exp(kappa cos(y - z)) / (2 pi I_0(kappa)), a density on the circle; score = kappa sin(y - z);
 * Lambda = kappa I_1(kappa) / I_0(kappa); KL(z || w) = Lambda (1 - cos(z - w)). The Hessian of -log p, kappa cos(y - z), is
 * negative on half of the circle.
 *
 * *Source*: Mardia and Jupp 2000, Directional Statistics, section 3.5.4.
 */
import { Schema } from "effect"
import { decodeOrThrow, Moderate } from "../../Options.ts"
import { vonMises as drawVonMises } from "../../random/Distributions.ts"
import { besselRatio, logScaledBessel0 } from "../../random/SpecialFunctions.ts"
import { independent, type One } from "../internal/independent.ts"
import type { Likelihood } from "../Likelihood.ts"

/** `concentration`: kappa, from 1e-300 to 1e300. */
export const VonMisesOptions = Schema.Struct({ concentration: Moderate })

/** An angle as the one of its class in [-pi, pi]. */
const principal = (angle: number): number =>
  Math.abs(angle) <= Math.PI ? angle : Math.atan2(Math.sin(angle), Math.cos(angle))

const make = (kappa: number): ((z: number) => One) => {
  const length = besselRatio(kappa)
  const fisher = kappa * length
  const constant = -Math.log(2 * Math.PI) - logScaledBessel0(kappa)
  return (z) => {
    // A sum or difference with a large z itself would round off the angle.
    const direction = principal(z)
    return {
      // kappa (cos - 1) as -2 kappa sin^2, which does not cancel.
      logProbability: (y) => constant - 2 * kappa * Math.sin((y - direction) / 2) ** 2,
      score: (y) => kappa * Math.sin(y - direction),
      sample: (uniform) => principal(direction + drawVonMises(uniform, kappa)),
      deviation: Math.sqrt(kappa) * Math.sqrt(length),
      klDivergence: (other) => 2 * fisher * Math.sin((z - other) / 2) ** 2
    }
  }
}

/**
 * y is C angles in radians, equal modulo 2 pi; z are their mean directions. Draws lie in [-pi, pi].
 *
 * *Throws*: `InvalidArgument` where the concentration is not a number from 1e-300 to 1e300.
 */
export const vonMises = (options: typeof VonMisesOptions.Type): Likelihood => {
  const { concentration } = decodeOrThrow(VonMisesOptions, options)
  return independent({
    name: `vonMises(concentration ${concentration})`,
    remedy: "A von Mises label is an angle in radians, a finite number.",
    holds: Number.isFinite,
    support: Number.POSITIVE_INFINITY,
    at: make(concentration)
  })
}
