// What a user's TypeScript sees of the package; compiled as Node resolves it and as a bundler does.
import { expectTypeOf } from 'expect-type'
import {
  type Backend,
  fit,
  type History,
  type InitError,
  type InitOptions,
  init,
  loadSafetensors,
  nn,
  noGrad,
  optim,
  type Tensor,
  tensor,
} from 'simdgrad'
import { type ExportedNet, toC, toJavaScript } from 'simdgrad/export'
import { BatchNormByHand, JOBS, type JobName } from 'simdgrad/nets'

expectTypeOf(init).returns.resolves.toEqualTypeOf<Backend>()
expectTypeOf<Backend['simd']>().toEqualTypeOf<'strict' | 'relaxed'>()
expectTypeOf<InitOptions['worker']>().toEqualTypeOf<string | URL | undefined>()
expectTypeOf<URL | Response | ArrayBuffer | Uint8Array<ArrayBuffer> | WebAssembly.Module>().toExtend<
  InitOptions['wasm']
>()
expectTypeOf<InitError>().toExtend<Error>()
expectTypeOf<InitError['code']>().extract<'html' | 'csp'>().toEqualTypeOf<'html' | 'csp'>()
// @ts-expect-error: no such option
init({ thread: 2 })

const x = tensor([[1, 2]], { requiresGrad: true })
expectTypeOf(x).toEqualTypeOf<Tensor>()
expectTypeOf(x.exp().sum().item()).toEqualTypeOf<number>()
expectTypeOf(x.toFloat32Array()).toExtend<Float32Array>()
expectTypeOf(noGrad(() => x)).toEqualTypeOf<Tensor>()

expectTypeOf(toC(new nn.Linear(1, 1), { weights: 'int8', data: [x] })).toEqualTypeOf<ExportedNet>()
// @ts-expect-error: no such weights
toJavaScript(new nn.Linear(1, 1), { weights: 'int4' })

class Net extends nn.Module {
  layer = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3, { momentum: null }), new nn.ReLU())
  forward(input: Tensor): Tensor {
    return this.layer.forward(input)
  }
}
const net = new Net()
expectTypeOf(net.forward(x)).toEqualTypeOf<Tensor>()
expectTypeOf(fit).returns.resolves.toEqualTypeOf<History>()
new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
// @ts-expect-error: PyTorch's name is lr
new optim.SGD(net.parameters(), { learningRate: 0.1 })
// @ts-expect-error: PyTorch's name in camelCase is trackRunningStats
new nn.BatchNorm1d(3, { track_running_stats: true })

expectTypeOf(JOBS['cnn-bn'].make()).toEqualTypeOf<nn.Sequential>()
expectTypeOf<JobName>().extract<'mlp' | 'mlp-bn'>().toEqualTypeOf<'mlp' | 'mlp-bn'>()
expectTypeOf(new BatchNormByHand(3)).toExtend<nn.Module>()

net.loadStateDict(await loadSafetensors(new Uint8Array()))
