/**
 * What NNGeometry takes for the same rows, in the same unit: float32, one thread, OpenBLAS 0.3.21, medians of undisturbed repetitions on a
 * machine where the unit takes 12.7 ms.
 */
const figures: Readonly<Record<string, number>> = {
  "a gradient -": 0.16,
  "a diagonal exact": 1.64,
  "a diagonal mc1": 0.26,
  "a diagonal mc8": 1.44,
  "a kfac exact": 1.54,
  "a kfac mc1": 0.82,
  "a kfac mc8": 1.47,
  "a ekfac exact": 12.0,
  "a product exact": 2.3,
  "b dense exact": 5.1,
  "b dense mc1": 2.7,
  "b dense mc8": 19.5,
  "c gradient -": 1.03,
  "c diagonal exact": 11.1,
  "c kfac exact": 9.0,
  "c ekfac exact": 27.5,
  "d gradient -": 1.83,
  "d kfac exact": 14.8,
  "d kfac mc1": 3.6
}

/** NNGeometry's `u` of a row, where it is known. */
export const peer = (workload: string, what: string, sampler: string): number | undefined =>
  figures[`${workload} ${what} ${sampler}`]
