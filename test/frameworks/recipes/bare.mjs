// Bundled without saying anything: what init says then.
import { train } from './train.mjs'

train({ threads: 2 }).catch(({ name, code, message }) => console.log(JSON.stringify({ name, code, message })))
