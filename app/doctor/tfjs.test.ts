import { expect, it } from 'vitest'
import type { Check } from '#app/doctor/check.ts'
import { install } from '#app/doctor/install.ts'
import { examineTfjs } from '#app/doctor/tfjs.ts'
import { BACKENDS } from '#engine/tfjs/backends.ts'

it('says of each backend of TensorFlow.js that it stays near the definition, or what is missing', async () => {
  const checks: Check[] = []
  for await (const check of examineTfjs()) checks.push(check)
  expect(checks.map(({ name }) => name)).toEqual(BACKENDS.map((backend) => `tfjs ${backend}`))
  for (const { status, detail, next } of checks) {
    if (status === 'ok') expect(detail).toMatch(/^TensorFlow\.js \d+\.\d+\.\d+.* of the update, .*not exact/)
    else
      expect({ status, detail, next }).toEqual({
        status: 'warn',
        detail: expect.stringMatching(/^not available/),
        next: expect.stringMatching(/doctor|VK_ICD/),
      })
  }
})

it('installs nothing that it does not know', async () => {
  await expect(install('cuda')).rejects.toMatchObject({ code: 'bad-config', next: 'Choose one of tfjs, tfjs-node.' })
})
