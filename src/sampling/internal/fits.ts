/** What every sampler asks before it draws: whether the round is one, and whether a block's draws fit into memory. */
import { Result, Schema } from "effect"
import { InvalidArgument } from "../../Errors.ts"
import type { Outputs } from "../../model/Conditional.ts"
import { decode, NonNegativeInt } from "../../Options.ts"

/** 1 GiB of float64. */
const mostNumbers = 2 ** 27

const Round = Schema.Struct({ round: NonNegativeInt })

/** Whether a block's draws, which are held at once, fit into memory. */
export const fits = (
  { batch, likelihood, size }: Outputs,
  draws: number,
  round: number,
  argument = "draws"
): Result.Result<void, InvalidArgument> =>
  Result.flatMap(decode(Round, { round }), () =>
    draws * batch.examples * Math.max(size, likelihood.labelSize(size)) <= mostNumbers
      ? Result.succeed(undefined)
      : Result.fail(
          new InvalidArgument({
            argument,
            value: String(draws),
            message: `${argument} is ${draws}, too many columns of ${size} outputs for a block of ${batch.examples} examples. Give fewer draws or a smaller blockSize.`
          })
        )
  )
