export { csv } from './csv.node.js'
export { imageFolder } from './image-folder.node.js'
export * from './index.js'
export { cifar10, cifar100, fashionMnist, mnist } from './sets.node.js'
