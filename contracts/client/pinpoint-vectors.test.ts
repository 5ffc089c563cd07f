import { expect, test } from 'vitest'
import { pinpointVectorsText } from '#contracts/testing/pinpoint-vectors.ts'

test('what the contract must derive still holds', async () => {
  await expect(pinpointVectorsText()).toMatchFileSnapshot('../../test/vectors/pinpoint.json')
})
