/** What torch.nn.utils has. */
export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradNorm_ as clipGradNorm,
  clipGradValue_,
  clipGradValue_ as clipGradValue,
} from './clip-grad.js'
