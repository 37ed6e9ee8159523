/** The numbers of a tfjs layer's weights, read out and written back: they live on whatever backend the model was made on. */
import * as tf from "@tensorflow/tfjs"

/** What is needed of a `tf.layers.Layer`. */
export interface WeightedLayer {
  readonly getWeights: () => Array<tf.Tensor>
  readonly setWeights: (weights: Array<tf.Tensor>) => void
}

/** The values of each weight, in the layer's order: copies. */
export const read = (layer: WeightedLayer): Promise<ReadonlyArray<Float32Array>> =>
  Promise.all(layer.getWeights().map(async (weight) => Float32Array.from(await weight.data())))

/** Sets every weight of the layer. */
export const write = (layer: WeightedLayer, values: ReadonlyArray<Float32Array>): void => {
  tf.tidy(() => {
    const shapes = layer.getWeights().map(({ shape }) => shape)
    layer.setWeights(shapes.map((shape, i) => tf.tensor(values[i]!, shape)))
  })
}
