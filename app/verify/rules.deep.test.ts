/** The tests of rules.test.ts with every story, as `npm run test:deep` sets the environment for. */
import './rules.test.ts'
