/**
 * What NNGeometry (T. George, https://github.com/tfjgeorge/nngeometry) takes for the same rows: float32, one thread, OpenBLAS 0.3.21, the
 * median of repetitions, in units of one product 4096x512 by 512x512 by torch.mm in the same process.
 *
 * theirs: medians of undisturbed repetitions on a machine where the unit takes 12.7 ms. here: the machine of docs/performance.md (AMD EPYC,
 * two cores, the unit 21.7 ms), with Debian 12's torch 1.13.1.
 */
const all = {
  theirs: {
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
  },
  here: {
    "a gradient -": 0.22,
    "a diagonal exact": 1.24,
    "a diagonal mc1": 0.239,
    "a diagonal mc8": 1.08,
    "a kfac exact": 1.3,
    "a kfac mc1": 0.768,
    "a kfac mc8": 1.23,
    "a ekfac exact": 10,
    "a product exact": 1.83,
    "b gradient -": 0.0511,
    "b dense exact": 4.66,
    "b dense mc1": 2.27,
    "b dense mc8": 17.6,
    "c gradient -": 1.51,
    "c diagonal exact": 12.1,
    "c kfac exact": 10.7,
    "c kfac mc1": 3.36,
    "c ekfac exact": 38.5,
    "d gradient -": 2.02,
    "d kfac exact": 12.5,
    "d kfac mc1": 3.01,
    "d kfac mc8": 11.3
  }
} satisfies Readonly<Record<string, Readonly<Record<string, number>>>>

export type Machine = keyof typeof all

/** Where NNGeometry was measured, and what a column of it is called. */
export const machines = [
  { machine: "theirs", name: "NNGeometry" },
  { machine: "here", name: "here" }
] as const

/** NNGeometry's `u` of a row on a machine, where it is known. */
export const figures = (
  machine: Machine,
  row: { readonly workload: string; readonly what: string; readonly sampler: string }
): number | undefined => {
  const known: Readonly<Record<string, number>> = all[machine]
  return known[`${row.workload} ${row.what} ${row.sampler}`]
}
