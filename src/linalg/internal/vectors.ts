/** Vectors of float64, in plain loops. */

export const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** y <- y + c x */
export const addScaled = (y: Float64Array, c: number, x: Float64Array): void => {
  for (let i = 0; i < y.length; i++) y[i] = y[i]! + c * x[i]!
}

/** y <- c y */
export const scale = (y: Float64Array, c: number): void => {
  for (let i = 0; i < y.length; i++) y[i] = y[i]! * c
}

export const largest = (a: Float64Array): number => {
  let max = 0
  for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs(a[i]!))
  return max
}

/** The Euclidean norm, where the squares leave the range of float64 too. */
export const norm = (a: Float64Array): number => {
  const squares = dot(a, a)
  if (squares > 1e-280 && squares < 1e300) return Math.sqrt(squares)
  const unit = largest(a)
  if (unit === 0 || !Number.isFinite(unit)) return unit
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! / unit) ** 2
  return unit * Math.sqrt(sum)
}

/** The mean of the numbers, in their order. */
export const mean = (a: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]!
  return sum / a.length
}

/** Their sample variance, with the divisor length - 1. */
export const variance = (a: ArrayLike<number>): number => {
  const center = mean(a)
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - center) ** 2
  return sum / (a.length - 1)
}
