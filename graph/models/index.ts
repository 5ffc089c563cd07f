/** The model of a program specification. */
import { fail } from '#proto/errors.ts'
import type { ProgramSpec } from '../spec.ts'
import { cnn } from './cnn.ts'
import { gpt } from './gpt.ts'
import { mlp } from './mlp.ts'
import type { Model } from './model.ts'

/** @throws bad-job where model and data do not fit together */
export function modelOf({ model, data }: Pick<ProgramSpec, 'model' | 'data'>): Model {
  switch (model.type) {
    case 'mlp':
      if (data.format === 'text') fail('bad-job', 'an mlp trains on idx or csv data')
      return mlp(model, data)
    case 'cnn':
      if (data.format === 'text' || data.height * data.width !== data.features || data.features === 0) {
        fail('bad-job', 'a cnn trains on images: height times width must be the number of features')
      }
      if (model.kernel % 2 === 0) fail('bad-job', `the kernel size ${model.kernel} must be odd`)
      return cnn(model, data)
    case 'gpt':
      if (data.format !== 'text') fail('bad-job', 'a gpt trains on text')
      if (model.width % model.heads !== 0) fail('bad-job', `width ${model.width} must divide into ${model.heads} heads`)
      if (data.features !== model.context) fail('bad-job', `records must hold the context of ${model.context} bytes`)
      return gpt(model)
  }
}
