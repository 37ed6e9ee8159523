import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { check, type Files, type Rule } from "../scripts/imports.ts"

const found = (files: Files) => check(files).map(({ path, line, rule }) => `${path}:${line} ${rule}`)
const one = (path: string, ...lines: ReadonlyArray<string>): Files => ({ [path]: lines.join("\n") })

/** A folder's file that imports a file of another folder. */
const edge = (from: string, to: string) => one(`src/${from}/A.ts`, `import { b } from "../${to}/B.ts"`, "b()")

const levels = [["optim"], ["fisher"], ["sampling"], ["model"], ["linalg", "tensor", "random"], ["kernels"]]
const folders = levels.flatMap((level, depth) => level.map((folder) => ({ folder, depth })))
const pairs = folders.flatMap((a) => folders.filter((b) => b !== a).map((b) => ({ a, b })))

describe("the order of the folders", () => {
  for (const { a, b } of pairs) {
    const allowed = b.depth > a.depth
    it(`${a.folder} ${allowed ? "may" : "may not"} import ${b.folder}`, () => {
      expect(found(edge(a.folder, b.folder))).toEqual(allowed ? [] : [`src/${a.folder}/A.ts:1 order`])
    })
  }

  it("holds for every form of import, types included", () => {
    const forms = [
      `import type { B } from "../optim/B.ts"`,
      `export * from "../optim/B.ts"`,
      `export type { B } from "../optim/B.ts"`,
      `import "../optim/B.ts"`,
      `const b = await import("../optim/B.ts")`,
      `type B = import("../optim/B.ts").B`
    ]
    for (const form of forms)
      expect(found(one("src/model/A.ts", "", form))).toEqual(["src/model/A.ts:2 order"])
  })

  it("sees no import in a comment or a string", () => {
    const text = [
      `// import { b } from "../optim/B.ts"`,
      'const s = `import "../optim/B.ts"`',
      "/* Math.random() */"
    ]
    expect(found(one("src/model/layers/a.ts", ...text))).toEqual([])
  })
})

/** For each rule: what it must reject, with the line and the rule, and next to it what it must accept. */
const controls: ReadonlyArray<
  readonly [title: string, rule: Rule | "accepted", files: Files, line?: number]
> = [
  ["a folder that is not in the order", "unlisted", one("src/utils/a.ts", "export {}")],
  ["a face beside index.ts with two folders", "accepted", one("src/Face.ts", `export * from "./optim/A.ts"`)],
  ["index.ts importing a face", "accepted", one("src/index.ts", `export * from "./Face.ts"`)],
  ["a folder importing a face", "index", one("src/optim/a.ts", `import { A } from "../Face.ts"`)],
  ["Errors.ts importing a folder", "ground", one("src/Errors.ts", `import { a } from "./kernels/a.ts"`)],
  ["Errors.ts importing Options.ts", "ground", one("src/Errors.ts", `import { a } from "./Options.ts"`)],
  ["Options.ts importing Errors.ts", "accepted", one("src/Options.ts", `import { a } from "./Errors.ts"`)],
  ["Options.ts importing a folder", "ground", one("src/Options.ts", `import { a } from "./kernels/a.ts"`)],
  ["a folder importing Errors.ts", "accepted", one("src/kernels/a.ts", `import { E } from "../Errors.ts"`)],
  ["index.ts importing every folder", "accepted", one("src/index.ts", `export * from "./optim/A.ts"`)],
  ["a folder importing index.ts", "index", one("src/optim/a.ts", `import { A } from "../index.ts"`)],
  ["src importing a test", "outside", one("src/optim/a.ts", `import { a } from "../../test/a.ts"`)],
  ["src importing itself by name", "outside", one("src/optim/a.ts", `import { a } from "natgrad"`)],
  ["another folder's internal/", "internal", one("src/optim/a.ts", `import "../fisher/internal/b.ts"`)],
  [
    "an example importing internal/",
    "internal",
    one("examples/a.ts", `import "../src/fisher/internal/b.ts"`)
  ],
  ["the own internal/", "accepted", one("src/fisher/a.ts", `import "./internal/b.ts"`)],
  [
    "the own internal/ from a subfolder",
    "accepted",
    one("src/model/layers/a.ts", `import "../internal/b.ts"`)
  ],
  ["a subfolder's internal/", "internal", one("src/model/a.ts", `import "./layers/internal/b.ts"`)],
  [
    "an oracle with code of src/",
    "oracle",
    one("test/oracle/a.ts", `import { b } from "../../src/linalg/b.ts"`)
  ],
  [
    "an oracle with a type of src/",
    "accepted",
    one("test/oracle/a.ts", `import type { B } from "../../src/B.ts"`)
  ]
]

describe("each rule has a control", () => {
  for (const [title, rule, files] of controls) {
    it(`${title}: ${rule}`, () => {
      expect(check(files).map((violation) => violation.rule)).toEqual(rule === "accepted" ? [] : [rule])
    })
  }

  it("an internal/ folder that the exports map leaves open: closed", () => {
    const file = { "src/a/internal/b.ts": "export {}", "src/model/internal/b.ts": "export {}" }
    const map = (exports: unknown) => ({ ...file, "package.json": JSON.stringify({ exports }) })
    const closed = (files: Files) => check(files).filter(({ rule }) => rule === "closed").length
    expect(closed(map({ "./*": "./dist/*.js" }))).toBe(2)
    expect(closed(map({ "./*/internal/*": null, "./*": "./dist/*.js" }))).toBe(2)
    expect(closed(map({ "./a/internal/*": null, "./model/internal/*": null }))).toBe(0)
  })
})

describe("engine state", () => {
  const tfjs = `import * as tf from "@tensorflow/tfjs"`
  const uses = [
    ...[
      "setBackend",
      "engine",
      "tidy",
      "keep",
      "dispose",
      "registerBackend",
      "registerKernel",
      "ready",
      "env"
    ].map((name) => `tf.${name}()`),
    `tf["tidy"](() => x)`,
    "const { tidy } = tf",
    "const { tidy: clean } = tf",
    "x.dataSync()",
    "x.square().dataSync()",
    "await x.data()",
    "x.arraySync()"
  ]
  for (const line of uses) {
    it(`${line} is an error outside src/tensor and allowed in it`, () => {
      expect(found(one("src/model/a.ts", tfjs, line))).toEqual(["src/model/a.ts:2 engine"])
      expect(found(one("src/tensor/a.ts", tfjs, line))).toEqual([])
    })
  }

  it("is found under another name and as a named import", () => {
    expect(found(one("src/model/a.ts", `import * as t from "@tensorflow/tfjs"`, "t.tidy(f)"))).toHaveLength(1)
    expect(found(one("src/model/a.ts", `import { tidy as t } from "@tensorflow/tfjs"`))).toHaveLength(1)
    expect(found(one("src/model/a.ts", `import { tf } from "../tensor/tf.ts"`, "tf.tidy(f)"))).toHaveLength(1)
  })

  it("is not seen in other properties of those names", () => {
    const text = ["scope.keep(x)", "batch.data", "source.data(3)", "tf.matMul(a, b)", "x.dispose()"]
    expect(found(one("src/model/a.ts", tfjs, ...text))).toEqual([])
  })
})

describe("randomness that is not keyed", () => {
  const programs = [
    ["const u = Math.random()"],
    [`const u = Math["random"]()`],
    ["const { random } = Math"],
    [`import { Random } from "effect"`],
    [`import { Random as R } from "effect"`],
    [`import * as R from "effect/Random"`],
    [`import { next } from "effect/Random"`],
    [`import * as E from "effect"; E.Random.next`],
    [`import * as tf from "@tensorflow/tfjs"; tf.randomNormal([2])`],
    [`import * as tf from "@tensorflow/tfjs"; tf.multinomial(p, 1)`],
    [`import { randomUniform } from "@tensorflow/tfjs"`]
  ]
  for (const program of programs) {
    it(`${program.join(" ")} is an error in every folder of src/`, () => {
      for (const folder of ["random", "tensor", "sampling"]) {
        expect(found(one(`src/${folder}/a.ts`, "", ...program))).toEqual([`src/${folder}/a.ts:2 random`])
      }
      expect(found(one("test/a.test.ts", ...program))).toEqual([])
    })
  }

  it("is not seen in our own names", () => {
    const text = [`import * as Random from "../random/Key.ts"`, "Random.random(key)", "key.random()"]
    expect(found(one("src/sampling/a.ts", ...text))).toEqual([])
  })
})

describe("circular imports", () => {
  const cycle = (second: string) => ({
    "src/model/a.ts": `import { z } from "effect"\nimport { b } from "./b.ts"`,
    "src/model/b.ts": second,
    "src/model/c.ts": `import { a } from "./a.ts"`
  })
  it("a file that imports itself through others is reported once, with the way round", () => {
    expect(check(cycle(`export { c } from "./c.ts"`))).toEqual([
      {
        path: "src/model/a.ts",
        line: 2,
        rule: "cycle",
        message: expect.stringContaining(
          "src/model/a.ts -> src/model/b.ts -> src/model/c.ts -> src/model/a.ts"
        )
      }
    ])
  })
  it("a file that imports itself is a cycle", () => {
    expect(found(one("src/model/a.ts", `import "./a.ts"`))).toEqual(["src/model/a.ts:1 cycle"])
  })
  it("a type-only import closes no cycle, an import that is erased name by name still loads the file and does", () => {
    expect(found(cycle(`import type { c } from "./c.ts"`))).toEqual([])
    expect(found(cycle(`export type { c } from "./c.ts"`))).toEqual([])
    expect(found(cycle(`import { type c } from "./c.ts"`))).toEqual(["src/model/a.ts:2 cycle"])
  })
})

describe("the package", () => {
  it("its exports map closes every folder's internal/", () => {
    const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8")
    const files = Object.fromEntries(
      folders.map(({ folder }) => [`src/${folder}/internal/a.ts`, "export {}"])
    )
    expect(check({ ...files, "package.json": manifest })).toEqual([])
  })
})
