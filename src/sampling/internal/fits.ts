/** What every sampler asks before it draws: whether the round is one, the labels that may be asked for are there, and the draws fit. */
import { Result, Schema } from "effect"
import { InvalidArgument, type InvalidLabel, type MissingLabels, type ShapeMismatch } from "../../Errors.ts"
import type { Outputs } from "../../model/Conditional.ts"
import { decode, NonNegativeInt } from "../../Options.ts"
import { observed } from "./observed.ts"

/** 1 GiB of float64. */
const mostNumbers = 2 ** 27

const Round = Schema.Struct({ round: NonNegativeInt })

/** Whether a block's draws, which are held at once, fit into memory, and the likelihood has what it observes. */
export const fits = (
  outputs: Outputs,
  draws: number,
  round: number,
  argument = "draws"
): Result.Result<void, InvalidArgument | MissingLabels | ShapeMismatch | InvalidLabel> => {
  const { batch, likelihood, size } = outputs
  // Every block asks: a Schema is for what is wrong.
  const valid: Result.Result<unknown, InvalidArgument> =
    Number.isSafeInteger(round) && round >= 0 ? Result.succeed(undefined) : decode(Round, { round })
  return valid.pipe(
    Result.flatMap(() =>
      draws * batch.examples * Math.max(size, likelihood.labelSize(size)) <= mostNumbers
        ? Result.succeed(undefined)
        : Result.fail(
            new InvalidArgument({
              argument,
              value: String(draws),
              message: `${argument} is ${draws}, too many columns of ${size} outputs for a block of ${batch.examples} examples. Give fewer draws or a smaller blockSize.`
            })
          )
    ),
    Result.flatMap(() => observed(outputs))
  )
}
