/**
 * `runningMean` → `running_mean`, `convBN` → `conv_bn`, `weightDecay` → `weight_decay`: fields, buffers and options are
 * camelCase here, and in a state dict what PyTorch's users would have called them. What is no camelCase (`W`, `A_log`)
 * stays.
 */
export function snakeCase(name: string): string {
  return name.replace(
    /(?<=[a-z0-9])[A-Z]+(?![a-z])|(?<=[a-zA-Z0-9])[A-Z](?=[a-z])/g,
    (capitals) => `_${capitals.toLowerCase()}`,
  )
}
