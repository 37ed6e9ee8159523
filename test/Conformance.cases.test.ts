/** `npm run conformance`: what it says of the reference files, and that it says so of nothing else. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { mixing, spectralSums } from "../scripts/conformance/cluster.ts"
import { difference, type Row, type Verdict } from "../scripts/conformance/compare.ts"
import { conformance, holds, type Outcome } from "../scripts/conformance/run.ts"
import { generator } from "./oracle/random.ts"

const root = join(import.meta.dirname, "..")
const given = (name: string) => join(root, "test/fixtures/nngeometry", `${name}.json`)
const others = (name: string) => join(root, "test/fixtures/conformance", `${name}.json`)
const names = ["mlp_softmax", "mlp_gaussian", "mlp_bernoulli1", "convnet_softmax"]

const folder = mkdtempSync(join(tmpdir(), "conformance-"))
afterAll(() => rmSync(folder, { recursive: true }))

type Json = Record<string, unknown>
// biome-ignore lint/suspicious/noExplicitAny: a damaged file is damaged at any place
type Damaged = any

const parsed = (file: string): Json => JSON.parse(readFileSync(file, "utf8"))

const written = (name: string, text: string): string => {
  const file = join(folder, `${name}.json`)
  writeFileSync(file, text)
  return file
}

/** A copy of a file with something done to it. */
const damaged = (name: string, of: string, damage: (json: Damaged) => void): string => {
  const json = parsed(of)
  damage(json)
  return written(name, JSON.stringify(json))
}

const run = (...files: ReadonlyArray<string>): Promise<Outcome> => Effect.runPromise(conformance(files))
const rowsOf = ({ reports }: Outcome): ReadonlyArray<Row> => reports.flatMap((report) => report.rows)
const named = (outcome: Outcome, verdict: Verdict): ReadonlyArray<string> =>
  rowsOf(outcome)
    .filter((row) => row.verdict === verdict)
    .map((row) => row.quantity)

/** The paths of all leaves that hold a number, arrays of numbers as one. */
const numericLeaves = (value: unknown, path: string): ReadonlyArray<string> => {
  if (typeof value === "number") return [path]
  if (Array.isArray(value)) {
    if (value.every((entry) => typeof entry === "object" && entry !== null && !Array.isArray(entry))) {
      return value.flatMap((entry, i) => numericLeaves(entry, `${path}[${i}]`))
    }
    return value.flat(9).some((entry) => typeof entry === "number") ? [path] : []
  }
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    numericLeaves(inner, path === "" ? key : `${path}.${key}`)
  )
}

/** What a file computes its figures from. */
const input = /^(theta|x|x_shape|y|v|regul|natural_gradient_step\.(lr|damping)|mc\d+\.y_samples)$/

const figuresOf = (file: string): ReadonlyArray<string> =>
  numericLeaves(parsed(file), "").filter((path) => !input.test(path))

/** A row's name without what is said of ours. */
const bare = (quantity: string): string => quantity.replace(/ \(.*\)$/, "")

/** The sections that a file has, so that none is forgotten by both the file and the table. */
const sections = [
  "outputs dense diag blockdiag quasidiag kfac ekfac lowrank implicit natural_gradient_step",
  "perm_torch_to_tfjs layers num_params num_outputs n"
].flatMap((line) => line.split(" "))
const more: Readonly<Record<string, ReadonlyArray<string>>> = {
  mlp_softmax: ["jacobian", "ntk", "empirical_fisher", "mc1", "mc8"],
  mlp_gaussian: ["jacobian", "ntk"],
  mlp_bernoulli1: ["jacobian", "ntk"],
  convnet_softmax: ["empirical_fisher"]
}

/** 1e-3 more of a number, or 1 for 0. */
const changed = (value: number): number => (value === 0 ? 1 : value * 1.001)

/** Changes the number at the end of a path, in an array its largest. */
const change = (json: Damaged, path: string): void => {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== "")
  const last = keys.pop()!
  const holder = keys.reduce((at, key) => at[key], json)
  if (typeof holder[last] === "number") {
    holder[last] = changed(holder[last])
    return
  }
  let largest: { array: Array<number>; index: number } | undefined
  const visit = (array: Array<number> | Array<Damaged>): void => {
    for (const [index, entry] of array.entries()) {
      if (Array.isArray(entry)) visit(entry)
      else if (largest === undefined || Math.abs(entry) > Math.abs(largest.array[largest.index]!)) {
        largest = { array: array as Array<number>, index }
      }
    }
  }
  visit(holder[last])
  const { array, index } = largest!
  array[index] = changed(array[index]!)
}

describe.each(names)("%s", (name) => {
  it("every figure is within its bound, and every number of the file that is no input has its row", async () => {
    const outcome = await run(given(name))
    const quantities = rowsOf(outcome).map(({ quantity }) => quantity)
    expect(named(outcome, "ok")).toEqual(quantities)
    expect(holds(outcome)).toBe(true)
    const figures = figuresOf(given(name))
    // dense.solve is compared twice: with the dense solve, and with that through the rows.
    expect(quantities.map(bare).toSorted()).toEqual([...figures, "dense.solve"].toSorted())
    expect(new Set(figures.map((path) => path.split(/[.[]/)[0]!))).toEqual(
      new Set([...sections, ...more[name]!])
    )
    for (const row of rowsOf(outcome)) {
      expect([0, 1e-5, 2e-4]).toContain(row.bound)
      expect(row.error).toBeLessThanOrEqual(row.bound!)
    }
  })

  it("control: with every figure changed by 1e-3 at its largest number, every row is off", async () => {
    const file = damaged(`changed-${name}`, given(name), (json) => {
      for (const path of figuresOf(given(name))) change(json, path)
    })
    const outcome = await run(file)
    // Scales are scaled and counts are exact: no row rests on another figure of the file but for ncol, which scales A and G.
    expect(named(outcome, "ok")).toEqual([])
    expect(holds(outcome)).toBe(false)
  })
})

describe("networks of other layers", () => {
  it("strides, padding, dilation, rectangular kernels, no bias, ReLU and Sigmoid, three sigmoids, a flat x: within bounds", async () => {
    const outcome = await run(others("convnet_bernoulli"))
    expect(named(outcome, "off")).toEqual([])
    expect(named(outcome, "left out")).toEqual([])
    expect(rowsOf(outcome).map(({ quantity }) => bare(quantity))).toEqual(
      expect.arrayContaining([...figuresOf(others("convnet_bernoulli"))])
    )
    expect(holds(outcome)).toBe(true)
  })

  it.each([
    ["stride and padding", "stride=(2, 1), padding=(1, 0)", "stride=(1, 1)"],
    ["padding and dilation", "padding=(0, 2), dilation=(1, 2)", "padding=(0, 1)"],
    ["the activation", "Sigmoid()", "Tanh()"]
  ])(
    "control: with another %s that leave every shape as it is, outputs and Fishers are off",
    async (_, is, other) => {
      const file = damaged("architecture", others("convnet_bernoulli"), (json) => {
        json.architecture = json.architecture.map((module: string) => module.replace(is, other))
      })
      const off = named(await run(file), "off").map(bare)
      expect(off).toEqual(
        expect.arrayContaining(["outputs", "dense.F", "kfac.mv", "implicit.mv", "jacobian.values"])
      )
    }
  )

  it("a low-rank solve in a span that is rounding is not ours, with the reason; every other figure is within its bound", async () => {
    const outcome = await run(others("mlp_dependent"))
    expect(named(outcome, "not ours").map(bare)).toEqual(["lowrank.solve_in_span"])
    expect(rowsOf(outcome).find((row) => row.verdict === "not ours")!.note).toMatch(/rows of J are dependent/)
    expect(named(outcome, "off")).toEqual([])
    expect(holds(outcome)).toBe(true)
    // The control: where the rows are independent the same figure is compared, and off when it is changed.
    const file = damaged("span", given("mlp_bernoulli1"), (json) => change(json, "lowrank.solve_in_span"))
    expect(named(await run(file), "off").map(bare)).toEqual(["lowrank.solve_in_span"])
  })
})

describe("files that say more or less", () => {
  const base = given("mlp_bernoulli1")

  it("one figure that is changed is off, and named, and no other", async () => {
    const three = ["kfac.factors[1].G_mean", "implicit.trace", "natural_gradient_step.ekfac.loss_after"]
    const outcome = await run(
      damaged("three", base, (json) => {
        for (const path of three) change(json, path)
      })
    )
    expect(named(outcome, "off").toSorted()).toEqual(three.toSorted())
    expect(holds(outcome)).toBe(false)
  })

  it("a figure that no field is known for is left out, at any depth; a text is not", async () => {
    const outcome = await run(
      damaged("unknown", base, (json) => {
        json.diag.kurtosis = 3
        json.kfac.factors[1].B = [[1, 2]]
        json.spectrum = { values: [1, null] }
        json.made_by = "another library"
      })
    )
    expect(named(outcome, "left out").toSorted()).toEqual([
      "diag.kurtosis",
      "kfac.factors[1].B",
      "spectrum.values"
    ])
    expect(named(outcome, "no figure")).toEqual(["made_by"])
    expect(holds(outcome)).toBe(false)
  })

  it("sections may be missing; figures whose input is missing are left out, and name it", async () => {
    const less = await run(
      damaged("less", base, (json) => {
        for (const key of ["perm_torch_to_tfjs", "jacobian", "ntk", "dense", "name", "layers", "y"])
          delete json[key]
        delete json.natural_gradient_step
        delete json.kfac.ncol
      })
    )
    expect(named(less, "ok")).toEqual(rowsOf(less).map(({ quantity }) => quantity))
    expect(holds(less)).toBe(true)
    const lacking = await run(
      damaged("lacking", base, (json) => {
        delete json.v
        delete json.y
      })
    )
    const notes = new Map(rowsOf(lacking).map(({ note, quantity }) => [quantity, note]))
    expect(notes.get("diag.mv")).toMatch(/needs v/)
    expect(notes.get("natural_gradient_step.grad")).toMatch(/needs y/)
    expect(named(lacking, "off")).toEqual([])
    expect(holds(lacking)).toBe(false)
  })

  it("x may be flat; a permutation that is not that of the architecture is off", async () => {
    const file = damaged("perm", given("convnet_softmax"), (json) => {
      json.x = json.x.flat(9)
      const p = json.perm_torch_to_tfjs
      ;[p[1], p[2]] = [p[2], p[1]]
    })
    expect(named(await run(file), "off")).toEqual(["perm_torch_to_tfjs"])
  })

  it("a text, too few numbers or a label that cannot be is off, with the reason", async () => {
    const outcome = await run(
      damaged("wrong", base, (json) => {
        json.diag.trace = "3"
        json.dense.mv.pop()
        json.y[2] = [7]
      })
    )
    const notes = new Map(rowsOf(outcome).map(({ note, quantity }) => [quantity, note]))
    expect(notes.get("diag.trace")).toMatch(/no number/)
    expect(notes.get("dense.mv")).toMatch(/30 numbers in the file, 31 ours/)
    expect(notes.get("natural_gradient_step.grad")).toMatch(/label of example 2 is 7/)
    expect(holds(outcome)).toBe(false)
  })

  it("what cannot be compared at all is one line that names the file, beside the tables of the others", async () => {
    const text = readFileSync(base, "utf8")
    const pooled = (json: Damaged): void => {
      json.architecture.splice(1, 0, "AdaptiveAvgPool2d(output_size=(2, 2))")
    }
    const unusable: ReadonlyArray<readonly [file: string, reason: RegExp]> = [
      [join(folder, "missing.json"), /cannot be read/],
      [written("cut", text.slice(0, 1000)), /not JSON/],
      [written("nan", text.replace(/"regul":\s*[^,}]+/, '"regul": NaN')), /not JSON/],
      [written("empty", "{}"), /"head" is missing/],
      [damaged("head", base, (json) => (json.head = "poisson")), /"head" is wrong/],
      [damaged("pool", base, pooled), /AdaptiveAvgPool2d.*not known/],
      [damaged("theta", base, (json) => json.theta.pop()), /theta has 30 numbers where 31 are due/],
      [damaged("x", base, (json) => json.x.pop()), /inputs of shape/],
      [
        damaged("none", base, (json) =>
          Object.keys(json).forEach(
            (key) => /^(head|architecture|x|x_shape|theta)$/.test(key) || delete json[key]
          )
        ),
        /no figure/
      ]
    ]
    const outcome = await run(...unusable.map(([file]) => file), base)
    expect(outcome.reports.map(({ file }) => file)).toEqual([base])
    expect(outcome.unusable).toHaveLength(unusable.length)
    for (const [i, [file, reason]] of unusable.entries()) {
      expect(outcome.unusable[i]).toMatch(reason)
      expect(outcome.unusable[i]).toContain(file)
      expect(outcome.unusable[i]).not.toContain("\n")
    }
    expect(holds(outcome)).toBe(false)
  })
})

describe("the measures", () => {
  it("the error is the largest difference over the largest number, and infinite for what cannot be compared", () => {
    expect(difference([1, -3.5, 2], [1, -4, 2])).toEqual({ error: 0.125, at: 1 })
    expect(difference([0, 0], [0, 0]).error).toBe(0)
    expect(difference([1e-30], [0]).error).toBe(Number.POSITIVE_INFINITY)
    expect(difference([1, Number.NaN], [1, 2]).error).toBe(Number.POSITIVE_INFINITY)
    expect(difference([1], [1, 2]).error).toBe(Number.POSITIVE_INFINITY)
  })

  it("scales are compared by themselves where eigenvalues are apart, and as a sum where they are not", () => {
    const theirs = Float64Array.of(1, 2, 3)
    const mixed = Float64Array.of(1, 2.5, 2.5)
    const one = Float64Array.of(1)
    const apart = spectralSums(mixed, theirs, [one, Float64Array.of(1, 2, 3)])
    const near = spectralSums(mixed, theirs, [one, Float64Array.of(1, 3 - 1e-9, 3)])
    const off = (compared: typeof near): number => difference(compared.ours, compared.theirs ?? theirs).error
    expect(off(near)).toBe(0)
    expect(Array.from(near.ours)).toEqual([1, 5])
    expect(near.note).toMatch(/3 scales as 2 sums/)
    // The controls: scales that are apart do not mix, and a sum that differs is seen.
    expect(off(apart)).toBeGreaterThan(0.1)
    expect(
      off(spectralSums(Float64Array.of(1, 2.5, 2.6), theirs, [one, Float64Array.of(1, 3 - 1e-9, 3)]))
    ).toBeGreaterThan(0.01)
    // A null space without scales needs no sums.
    expect(
      spectralSums([0, 0, 3], Float64Array.of(0, 0, 3), [one, Float64Array.of(0, 0, 3)]).note
    ).toBeUndefined()
  })

  it("a matrix is a choice of vectors where equal eigenvalues have different numbers, and nowhere else", () => {
    const one = Float64Array.of(1)
    const [equal, apart] = [Float64Array.of(1, 1, 3), Float64Array.of(1, 2, 3)]
    expect(mixing(Float64Array.of(1, 0.5, 0.2), [one, equal])).toBeCloseTo(0.5, 6)
    expect(mixing(Float64Array.of(1, 0.5, 0.2), [equal, one])).toBeCloseTo(0.5, 6)
    // The controls: equal numbers, and eigenvalues that are apart.
    expect(mixing(Float64Array.of(1, 1, 0.2), [one, equal])).toBeLessThan(1e-5)
    expect(mixing(Float64Array.of(1, 0.5, 0.2), [one, apart])).toBeLessThan(1e-5)
  })
})

describe("the command", () => {
  const command = (...args: ReadonlyArray<string>) =>
    spawnSync(process.execPath, [join(root, "scripts/conformance.ts"), ...args], {
      cwd: root,
      encoding: "utf8"
    })

  it("prints a table of 80 columns without colours for each file and a last line, and exits 0", () => {
    const [first, second] = [given("mlp_bernoulli1"), others("mlp_dependent")]
    const { status, stderr, stdout } = command(first, second)
    expect([status, stderr]).toEqual([0, ""])
    const lines = stdout.trimEnd().split("\n")
    const tables = lines.filter((line) => line !== first && line !== second)
    expect(Math.max(...tables.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(stdout).not.toContain("\u001b")
    expect(stdout).toMatch(/^quasidiag\.mv \(arrow of our moments\) +\d\.\de-\d +1e-5 {2}ok$/m)
    expect(lines.at(-1)).toMatch(/^\d+ figures in 2 files: \d+ within bounds, 0 off, 0 left out, 1 not ours$/)
  })

  it("exits 1 where a figure is off, and with --json says the same to a machine", () => {
    const file = damaged("trace", given("mlp_bernoulli1"), (json) => change(json, "kfac.trace"))
    const { status, stdout } = command(file, "--json")
    expect(status).toBe(1)
    const { reports, totals, unusable } = JSON.parse(stdout)
    expect(totals).toMatchObject({ off: 1, leftOut: 0 })
    expect(unusable).toEqual([])
    expect(reports[0].rows.filter((row: Row) => row.verdict === "off")).toMatchObject([
      { quantity: "kfac.trace", bound: 1e-5 }
    ])
  })
})

/** Plain loops over an image `[channels, height, width]`, in PyTorch's layout. */
type Image = ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
const total = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0)

describe("a network with pooling", () => {
  const sizes = { channels: 2, height: 6, width: 5, filters: 3, outputs: 2, n: 3 }
  const random = generator(5)
  const weight = range(sizes.filters).map(() =>
    range(sizes.channels).map(() => range(2).map(() => Array.from(random.normals(2))))
  )
  const bias = Array.from(random.normals(sizes.filters))
  // 6x5 is 5x4 after the kernel of 2x2, and 2x2 after the windows of 2x2.
  const linear = range(sizes.outputs).map(() => Array.from(random.normals(sizes.filters * 4)))
  const x = range(sizes.n).map(() =>
    range(sizes.channels).map(() => range(sizes.height).map(() => Array.from(random.normals(sizes.width))))
  )
  const outputs = (by: (window: ReadonlyArray<number>) => number) =>
    x.map((image: Image) => {
      const convolved = weight.map((kernel, f) =>
        range(5).map((i) =>
          range(4).map((j) =>
            Math.tanh(
              bias[f]! +
                total(
                  kernel.flatMap((rows, c) =>
                    rows.flatMap((row, p) => row.map((w, q) => w * image[c]![i + p]![j + q]!))
                  )
                )
            )
          )
        )
      )
      const pooled = convolved.flatMap((map) =>
        [0, 2].flatMap((i) =>
          [0, 2].map((j) => by([map[i]![j]!, map[i]![j + 1]!, map[i + 1]![j]!, map[i + 1]![j + 1]!]))
        )
      )
      return linear.map((row) => total(row.map((w, i) => w * pooled[i]!)))
    })
  const file = (name: string, pool: string, due: ReadonlyArray<ReadonlyArray<number>>) =>
    written(
      name,
      JSON.stringify({
        name,
        head: "gaussian",
        n: sizes.n,
        num_outputs: sizes.outputs,
        architecture: [
          "Conv2d(2, 3, kernel_size=(2, 2), stride=(1, 1))",
          "Tanh()",
          pool,
          "Flatten(start_dim=1, end_dim=-1)",
          "Linear(in_features=12, out_features=2, bias=False)"
        ],
        theta: [...weight.flat(3), ...bias, ...linear.flat()],
        x_shape: [sizes.n, sizes.channels, sizes.height, sizes.width],
        x,
        y: x.map(() => [0, 0]),
        outputs: due
      })
    )
  const largest = (window: ReadonlyArray<number>) => Math.max(...window)
  const average = (window: ReadonlyArray<number>) => total(window) / window.length
  const maxPool = "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
  const averagePool = "AvgPool2d(kernel_size=2, stride=2, padding=0)"

  it("has the outputs of plain loops in PyTorch's layout, by maximum and by mean; control: one for the other", async () => {
    expect(
      holds(await run(file("max", maxPool, outputs(largest)), file("mean", averagePool, outputs(average))))
    ).toBe(true)
    expect(holds(await run(file("swapped", maxPool, outputs(average))))).toBe(false)
  })
})
