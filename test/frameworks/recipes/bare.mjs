// Bundled without saying anything: what init finds then, or says.
import { train } from './train.mjs'

train({ threads: 2, deterministic: true })
  .catch(({ name, code, message }) => ({ name, code, message }))
  .then((result) => console.log(JSON.stringify(result)))
