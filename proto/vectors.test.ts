import { expect, test } from 'vitest'
import { vectorsText } from '#proto/vectors.ts'

test('the golden vectors still hold', async () => {
  await expect(vectorsText()).toMatchFileSnapshot('../test/vectors/proto.json')
})
