/**
 * What NNGeometry (T. George, https://github.com/tfjgeorge/nngeometry) takes for the same rows: float32, one thread, OpenBLAS 0.3.21, the
 * median of repetitions, in units of one product 4096x512 by 512x512 by torch.mm in the same process.
 *
 * theirs: medians of undisturbed repetitions on a machine where the unit takes 12.7 ms. here: the machine of docs/performance.md (AMD EPYC,
 * two cores, the unit 21.9 ms), with Debian 12's torch 1.13.1, by the turns of turns.ts.
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
    "a gradient -": 0.215,
    "a diagonal exact": 1.49,
    "a diagonal mc1": 0.253,
    "a diagonal mc8": 1.28,
    "a kfac exact": 1.33,
    "a kfac mc1": 0.816,
    "a kfac mc8": 1.28,
    "a ekfac exact": 10.6,
    "a product exact": 2.15,
    "b gradient -": 0.029,
    "b dense exact": 4.97,
    "b dense mc1": 2.5,
    "b dense mc8": 18.6,
    "c gradient -": 1.51,
    "c diagonal exact": 11.1,
    "c kfac exact": 7.92,
    "c kfac mc1": 2.3,
    "c ekfac exact": 29.3,
    "d gradient -": 2.08,
    "d kfac exact": 12.9,
    "d kfac mc1": 3.13,
    "d kfac mc8": 11.6
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
