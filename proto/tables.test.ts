import { expect, test } from 'vitest'
import { tablesText } from '#proto/tables.ts'

test('the generated tables of the specification are current', async () => {
  await expect(tablesText()).toMatchFileSnapshot('../docs/spec/protocol-tables.md')
})
