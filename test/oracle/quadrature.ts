/** Gauss-Hermite quadrature for the standard normal, and product measures. */
export interface Node {
  readonly value: number
  readonly weight: number
}

/** He_n(x), the probabilists' Hermite polynomial: He_{k+1} = x He_k - k He_{k-1}. */
const hermite = (n: number, x: number): number => {
  let [previous, current] = [0, 1]
  for (let k = 0; k < n; k++) [previous, current] = [current, x * current - k * previous]
  return current
}

/** The root of He_n between two points where its signs differ, by bisection to the last bit. */
const bisect = (n: number, from: number, to: number): number => {
  let [low, high] = [from, to]
  const sign = Math.sign(hermite(n, low))
  for (;;) {
    const middle = (low + high) / 2
    const value = hermite(n, middle)
    if (value === 0 || middle === low || middle === high) return middle
    if (Math.sign(value) === sign) low = middle
    else high = middle
  }
}

/**
 * The roots of He_n, ascending: each lies between two neighbouring roots of He_{n-1}, all within 2 sqrt(n).
 */
const roots = (n: number): ReadonlyArray<number> => {
  if (n === 0) return []
  const bound = 2 * Math.sqrt(n)
  const ends = [-bound, ...roots(n - 1), bound]
  return Array.from({ length: n }, (_, k) => bisect(n, ends[k]!, ends[k + 1]!))
}

/**
 * The n nodes and weights with sum_k w_k f(x_k) = E[f(x)], x ~ N(0, 1), for every polynomial f up to degree
 * 2n - 1: w_k = (n - 1)! / (n He_{n-1}(x_k)^2) (Abramowitz and Stegun 25.4.46, for the normal weight).
 */
export const gaussHermite = (n: number): ReadonlyArray<Node> => {
  let factorial = 1
  for (let k = 2; k < n; k++) factorial *= k
  return roots(n).map((value) => ({ value, weight: factorial / (n * hermite(n - 1, value) ** 2) }))
}

const largestSupport = 2 ** 20

/** The product measure: every combination of one node from each coordinate. */
export const product = (
  coordinates: ReadonlyArray<ReadonlyArray<Node>>
): ReadonlyArray<{ readonly y: ReadonlyArray<number>; readonly probability: number }> => {
  const count = coordinates.reduce((total, nodes) => total * nodes.length, 1)
  if (count > largestSupport) throw new RangeError(`a support of ${count} labels is too large to enumerate`)
  let all: Array<{ y: ReadonlyArray<number>; probability: number }> = [{ y: [], probability: 1 }]
  for (const nodes of coordinates) {
    all = all.flatMap(({ probability, y }) =>
      nodes.map(({ value, weight }) => ({ y: [...y, value], probability: probability * weight }))
    )
  }
  return all
}
