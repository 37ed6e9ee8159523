/**
 * Quantiles of Student's t for a whole number of degrees of freedom.
 *
 * *Source*: Student 1908; Abramowitz and Stegun 1964, 26.7.3 and 26.7.4, the finite series of the distribution.
 */

/** P(|t| <= sqrt(degrees) tan(angle)), exact to rounding. *Cost*: degrees / 2 terms. */
const within = (angle: number, degrees: number): number => {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)]
  const odd = degrees % 2 === 1
  let term = odd ? cosine : 1
  let sum = degrees === 1 ? 0 : term
  for (let k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= (cosine * cosine * (k - 1)) / k
    sum += term
  }
  return odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum
}

/** From here on t is normal to a relative 1e-5. */
const mostDegrees = 1e5

/** The t with P(|t| <= t) = level, for 0 < level < 1 and degrees of at least 1, which are rounded down. */
export const studentT = (level: number, degrees: number): number => {
  const whole = Math.min(mostDegrees, Math.floor(degrees))
  let [low, high] = [0, Math.PI / 2]
  // The angle is halved until it is one float64 number.
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (within(middle, whole) < level) low = middle
    else high = middle
  }
  return Math.sqrt(whole) * Math.tan(low)
}
