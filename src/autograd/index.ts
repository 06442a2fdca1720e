/** What PyTorch has in torch.autograd. https://pytorch.org/docs/stable/autograd.html */
export type { BackwardOptions } from './backward.js'
export {
  AutogradFunction as Function,
  FunctionContext,
  type FunctionDefinition,
  type InputGradients,
} from './function.js'
export { type GradOptions, grad } from './grad.js'
export { type GradcheckOptions, gradcheck } from './gradcheck.js'
