import { Effect } from "effect"
import { expect, test } from "tstyche"
import { ShapeMismatch } from "../src/Errors.ts"

test("failing with a typed error keeps its type in the error channel", () => {
  const failed = Effect.fail(
    new ShapeMismatch({ what: "x", expected: "[N, 784]", actual: "[N, 10]", message: "x has 10 columns" })
  )
  expect(failed).type.toBe<Effect.Effect<never, ShapeMismatch>>()
  expect(failed).type.not.toBeAssignableTo<Effect.Effect<never>>()
})
