/** The figures that every structure has: its matrix, its products and solves with `v` and `regul` of the file, its norms. */
import { Effect } from "effect"
import { type Cotangent, Damping, Fisher, type Tangent } from "../../src/index.ts"
import { type Field, figure, given, needing, solve } from "./field.ts"
import { matrixToFile, toFile } from "./order.ts"
import { inFileOrder, type Ours, type Subject } from "./subject.ts"

type Whole = Fisher.Fisher<
  string,
  "apply" | "solve" | "trace" | "frobeniusNorm" | "spectralNorm" | "eigenvalues" | "diagonal" | "toDense"
>

/** `v` of the file as what the Fisher is applied to. */
export const withTangent = (
  { tangent }: Subject,
  field: (tangent: Tangent.Tangent<string>) => Field
): Field => needing("v", tangent, field)

/** `v` of the file as what is solved for, and `regul`. */
export const withRightSide = (
  { cotangent, reference }: Subject,
  field: (cotangent: Cotangent.Cotangent<string>, regul: number) => Field
): Field =>
  needing("v", cotangent, (vector) => needing("regul", reference.regul, (regul) => field(vector, regul)))

/** The fields of a section whose matrix is that of one Fisher. */
export const operator = (subject: Subject, fisher: Ours<Whole>) => {
  const { order } = subject
  return {
    note: given,
    F: figure(Effect.map(fisher, (of) => matrixToFile(order, Fisher.toDense(of)))),
    diag: figure(Effect.map(fisher, (of) => toFile(order, Fisher.diagonal(of)))),
    trace: figure(Effect.map(fisher, Fisher.trace)),
    frobenius: figure(Effect.map(fisher, Fisher.frobeniusNorm)),
    spectral: figure(Effect.flatMap(fisher, (of) => Effect.fromResult(Fisher.spectralNorm(of)))),
    eigenvalues: figure(Effect.flatMap(fisher, (of) => Effect.fromResult(Fisher.eigenvalues(of)))),
    mv: withTangent(subject, (v) =>
      figure(
        fisher.pipe(
          Effect.flatMap((of) => Effect.fromResult(Fisher.apply(of, v))),
          Effect.map((vector) => inFileOrder(subject, vector))
        )
      )
    ),
    vTMv: withTangent(subject, (v) =>
      figure(Effect.flatMap(fisher, (of) => Effect.fromResult(Fisher.quadraticForm(of, v))))
    ),
    solve: withRightSide(subject, (v, regul) =>
      figure(
        fisher.pipe(
          Effect.flatMap((of) => Effect.fromResult(Fisher.solve(of, v, Damping.absolute(regul)))),
          Effect.map((vector) => inFileOrder(subject, vector))
        ),
        solve
      )
    )
  }
}
