/** What torch.optim.swa_utils has; its update_bn is `recalibrate`. */
export { type Averaged, AveragedModel, type AveragedModelOptions } from './averaged-model.js'
