/** The shape of the reference files, and of the same numbers in this folder's parameter layout. */
import type { Label, OracleLikelihood } from "./likelihoods.ts"
import type { Matrix, Vector } from "./linear.ts"
import type { OracleNetwork } from "./network.ts"

/** The fully connected ones. */
export type FixtureName = "mlp_softmax" | "mlp_gaussian" | "mlp_bernoulli1"

export interface Size {
  readonly trace: number
  readonly frobenius: number
}
export interface Product {
  readonly mv: Vector
}
export interface Solve {
  readonly solve: Vector
}
export interface Form {
  readonly vTMv: number
}
export interface MeanFactors {
  /** (1/N) sum_n abar abar^T, the 1 last; over positions the mean here, the sum in the file. */
  readonly A_mean: Matrix
  /** (1/N) sum_n E_y[g g^T]; over positions the sum here, the mean in the file. */
  readonly G_mean: Matrix
}
export interface StoredFactors extends MeanFactors {
  /** As NNGeometry scales them; only A (x) G is comparable. */
  readonly A: Matrix
  readonly G: Matrix
}
export interface NaturalStep {
  /** (M + damping)^-1 grad. */
  readonly direction: Vector
  /** theta - lr direction. */
  readonly theta_new: Vector
  readonly loss_after: number
}
export type StepStructure = "dense" | "diag" | "blockdiag" | "kfac_pi" | "ekfac"

/** The fields whose entries are in the order of theta; `fixture` permutes each of them. */
export interface Ordered {
  readonly theta: Vector
  readonly v: Vector
  readonly regul: number
  readonly dense: Size &
    Product &
    Form &
    Solve & {
      readonly F: Matrix
      readonly spectral: number
      readonly eigenvalues: Vector
    }
  readonly diag: Size & Product & Solve & { readonly diag: Vector }
  readonly blockdiag: Size & Product & Solve
  readonly kfac: Size &
    Product &
    Form & {
      readonly factors: ReadonlyArray<StoredFactors>
      readonly diag: Vector
      readonly solve_pi: Vector
      readonly solve_nopi: Vector
      readonly inv_pi_mv: Vector
    }
  readonly ekfac: Size &
    Product &
    Form &
    Solve & {
      /** `values` [in + 1, out] here, [out, in + 1] in the file. */
      readonly scales: ReadonlyArray<{ readonly values: Matrix }>
      readonly evals: ReadonlyArray<{ readonly A: Vector; readonly G: Vector }>
      readonly diag: Vector
    }
  readonly quasidiag: Size &
    Product &
    Solve & {
      /** The coupling of each weight with its unit's bias: `values` [in, out] here, of the weight's shape in the file. */
      readonly cross: ReadonlyArray<{ readonly values: Matrix }>
    }
  readonly lowrank: Size & Product & { readonly solve_in_span: Vector }
  readonly implicit: Product & Form & { readonly trace: number; readonly cg_solve: Vector }
  readonly natural_gradient_step: Readonly<Record<StepStructure, NaturalStep>> & {
    readonly loss_before: number
    readonly grad: Vector
    readonly lr: number
    readonly damping: number
  }
}

/** A Fisher at given labels, y_samples [n, M]: F = 1/(n M) sum g g^T. */
export interface Sampled {
  readonly y_samples: ReadonlyArray<ReadonlyArray<number>>
  readonly F: Matrix
  readonly trace: number
  readonly kfac: ReadonlyArray<MeanFactors>
}

export interface SampledFixture extends Omit<Sampled, "y_samples"> {
  /** `draws[n]` holds the M labels of example n. */
  readonly draws: ReadonlyArray<ReadonlyArray<Label>>
}

/** Without F in the file of the convolution. */
export interface DiagonalFisher extends Size {
  readonly diag: Vector
}
export interface EmpiricalFisher extends DiagonalFisher {
  readonly F: Matrix
}

/** The file as it is. */
export interface Raw extends Ordered {
  readonly name: string
  readonly head: "softmax" | "gaussian" | "bernoulli"
  /** The modules as PyTorch prints them. */
  readonly architecture: ReadonlyArray<string>
  readonly num_params: number
  readonly num_outputs: number
  /** [n, features], or NCHW. */
  readonly x_shape: ReadonlyArray<number>
  readonly x: Nested
  readonly y: ReadonlyArray<number | ReadonlyArray<number>>
  readonly outputs: Matrix
  readonly perm_torch_to_tfjs: ReadonlyArray<number>
  /** Only in the softmax files. */
  readonly empirical_fisher?: DiagonalFisher
}

export type Nested = number | ReadonlyArray<Nested>

export interface RawPerceptron extends Raw {
  /** Axes (output, example, parameter). */
  readonly jacobian: { readonly values: ReadonlyArray<Matrix> }
  /** K[c][i][c'][j]. */
  readonly ntk: { readonly values: ReadonlyArray<ReadonlyArray<Matrix>> }
  /** The following only in mlp_softmax. */
  readonly empirical_fisher?: EmpiricalFisher
  readonly mc1?: Sampled
  readonly mc8?: Sampled
}

/** From the file's numbers of layer l to ours. */
export interface Layers {
  /** The weights without the bias, [in, out], of numbers in the shape of the file's weight. */
  readonly weights: (values: unknown, l: number) => Matrix
  readonly means: (factors: MeanFactors, l: number) => MeanFactors
  /** Rows and columns of a factor A. */
  readonly sorted: (a: Matrix, l: number) => Matrix
}

export interface Fixture extends Ordered {
  readonly name: string
  readonly architecture: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  readonly net: OracleNetwork
  readonly likelihood: OracleLikelihood
  /** Images row by row, pixel by pixel, channel by channel. */
  readonly X: Matrix
  readonly Y: ReadonlyArray<Label>
  readonly outputs: Matrix
  /** `permutation[i]` is the place in the file of our parameter i. */
  readonly permutation: ReadonlyArray<number>
}

export interface PerceptronFixture extends Fixture {
  /** `jacobian[n]` is C x P. */
  readonly jacobian: ReadonlyArray<Matrix>
  /** K[c][i][c'][j]. */
  readonly ntk: ReadonlyArray<ReadonlyArray<Matrix>>
  /** The following only in mlp_softmax. */
  readonly empirical_fisher?: EmpiricalFisher
  readonly mc1?: SampledFixture
  readonly mc8?: SampledFixture
}

export interface ConvolutionFixture extends Fixture {
  readonly empirical_fisher: DiagonalFisher
}
