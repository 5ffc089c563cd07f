/** Multilayer perceptron: dense layers with an activation between them, softmax cross-entropy at the end. */
import type { Builder, Value } from '../builder.ts'
import { crossEntropy, linear } from '../nn/layers.ts'
import type { MlpSpec, RecordSpec } from '../spec.ts'
import { type Init, type Model, type Outcome, type Parameter, uniformInit, ZEROS } from './model.ts'
import { examples } from './records.ts'

export type Activation = MlpSpec['activation']

export function activate(b: Builder, x: Value, activation: Activation): Value {
  if (activation === 'relu') return b.relu(x)
  return activation === 'gelu' ? b.gelu(x) : b.tanh(x)
}

/** Keeps the variance of activations: 2 / fanIn before a half-rectifier, else 1 / fanIn. */
export function fanIn(inputs: number, activation?: Activation): Init {
  return uniformInit(Math.sqrt((activation === undefined || activation === 'tanh' ? 1 : 2) / inputs))
}

/** Weight [inputs, outputs] and bias [outputs] of one dense layer. */
export function dense(name: string, inputs: number, outputs: number, init: Init): Parameter[] {
  return [
    { name: `${name}.weight`, shape: [inputs, outputs], init },
    { name: `${name}.bias`, shape: [outputs], init: ZEROS },
  ]
}

/** Loss and predictions of a classifier, per record. */
export function classified(b: Builder, logits: Value, labels: Value): Outcome {
  const { loss, correct } = crossEntropy(b, logits, labels)
  const batch = [logits.type.shape[0] as number]
  return { loss: b.reshape(loss, batch), correct: b.reshape(correct, batch), logits }
}

/** Parameters `layer<i>.weight`, `layer<i>.bias`, from the input on. */
export function mlp(spec: MlpSpec, data: RecordSpec): Model {
  const sizes = [data.features, ...spec.hidden, data.classes]
  const layers = sizes.slice(1).map((outputs, i) => ({ name: `layer${i}`, inputs: sizes[i] as number, outputs }))
  const last = layers.length - 1
  return {
    classifies: true,
    parameters: layers.flatMap(({ name, inputs, outputs }, i) =>
      dense(name, inputs, outputs, fanIn(inputs, i === last ? undefined : spec.activation)),
    ),
    forward(b, weights, records) {
      const { features, labels } = examples(b, records, data)
      const logits = layers.reduce((x, { name }, i) => {
        const y = linear(b, x, weights(`${name}.weight`), weights(`${name}.bias`))
        return i === last ? y : activate(b, y, spec.activation)
      }, features)
      return classified(b, logits, labels)
    },
  }
}
