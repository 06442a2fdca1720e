/** Slips with data sets of one's own, tables and files. */
import { ArgumentError, DataError, data, ones, ShapeError, tensor } from 'simdgrad'
import { made, type Slip, t } from './slip.js'

const argument = { error: ArgumentError }
const byName = /by name|option/

const set = made('set', () => new data.TensorDataset(ones([4, 2]), tensor([0, 1, 0, 1])))
const bytes = new Uint8Array(3)

export const OWN_DATA: Slip[] = [
  ['data.collate', [], /samples/, argument],
  ['data.collate', [[]], /samples/, argument],
  ['data.collate', [[null]], /null/, argument],
  ['data.collate', [[new Float32Array(2), new Float32Array(3)]], /shape/, { error: ShapeError }],
  ['data.IterableDataset', [[1, 2]], /function/, argument],
  ['data.IterableDataset', [() => [], 5], byName, argument],
  ['data.IterableDataset', [() => [], { shuffle: true }], /shuffleBuffer/, argument],
  ['data.Subset', [[1, 2], [0]], /dataset/, argument],
  ['data.Subset', [set], /indices/, argument],
  ['data.Subset', [set, [4]], /index of 4/, argument],
  ['data.ConcatDataset', [set, set], /array of datasets/, argument],
  ['data.ConcatDataset', [[]], /array of datasets/, argument],
  ['data.ConcatDataset', [[t(2)]], /dataset/, argument],
  ['data.randomSplit', [set], /lengths/, argument],
  ['data.randomSplit', [set, 0.8], /lengths/, argument],
  ['data.randomSplit', [set, [0.8, 0.1]], /add up/, argument],
  ['data.randomSplit', [set, [3, 1], 7], byName, argument],
  ['data.randomSplit', [t(4), [3, 1]], /dataset/, argument],
  ['data.WeightedRandomSampler', [[1, -1], 2], /weight 1/, argument],
  ['data.WeightedRandomSampler', [[1, 1]], /numSamples/, argument],
  ['data.WeightedRandomSampler', [[1, 1], 2, false], byName, argument],
  ['data.augment', [], byName, argument],
  ['data.augment', [{ flip: true }], /flip/, argument],
  ['data.augment', [{ degrees: 10 }], /rotate/, argument],
  ['data.augment', [{ scale: 1.1 }], /least and the largest/, argument],
  ['data.preview', [], /images/, argument],
  ['data.preview', [t(2, 3)], /\[N, C, H, W\]/, { error: ShapeError }],
  ['data.preview', [t(1, 1, 2, 2), 3], byName, argument],
  ['data.parseCifar', ['data_batch_1.bin'], /bytes/, argument],
  ['data.parseCifar', [bytes], /records/, { error: DataError, names: /CIFAR-10/ }],
  ['data.cifar10', ['folder'], byName, argument],
  ['data.cifar10', [{}], /folder/, argument],
  ['data.cifar100', [{ root: 5 }], /root/, argument],
  ['data.fashionMnist', [{ path: 'folder' }], /root/, argument],
  ['data.fetchBytes', [5], /URL/, argument],
  ['data.fetchBytes', ['https://example.org', 5], byName, argument],
  ['data.imageFolder', [], /folder/, argument],
  ['data.imageFolder', ['images', { resize: 32 }], /size/, argument],
  ['data.encodeNpy', [[1, 2]], /tensor/, argument],
  ['data.parseNpy', ['x.npy'], /bytes/, argument],
  ['data.parseNpy', [bytes], /NUMPY/, { error: DataError, names: /npy/ }],
  ['data.encodeNpz', [t(2)], /object of tensors/, argument],
  ['data.encodeNpz', [{ x: [1] }], /x is an array/, argument],
  ['data.parseNpz', ['x.npz'], /bytes/, argument],
  ['data.parseNpz', [bytes], /ZIP/, { error: DataError, names: /ZIP/ }],
  ['data.TableEncoder', [[[1, 2]]], /fit/, argument],
  ['data.csv', [], /path or a text/, argument],
  ['data.csv', ['a,b\n1,2', { sep: ';' }], /delimiter/, argument],
  ['data.csv', ['a,b\n1\n'], /row 1 has 1 fields/, { error: DataError, names: /given text/ }],
]
