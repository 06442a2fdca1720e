import { arange, nn } from 'simdgrad'

/** @import { Tensor } from 'simdgrad' */

/** Attention to what came before, and a net of two layers, each beside a shortcut (pre-norm, as GPT-2). */
class Block extends nn.Module {
  /** @param {number} size @param {number} heads */
  constructor(size, heads) {
    super()
    this.heads = heads
    this.ln1 = new nn.LayerNorm(size)
    this.qkv = new nn.Linear(size, 3 * size)
    this.proj = new nn.Linear(size, size)
    this.ln2 = new nn.LayerNorm(size)
    this.mlp = new nn.Sequential(new nn.Linear(size, 4 * size), new nn.GELU(), new nn.Linear(4 * size, size))
  }

  /** @param {Tensor} x [N, T, size] */
  attend(x) {
    const [n, t, size] = x.shape
    // [3, N, heads, T, size / heads]
    const parts = this.qkv
      .forward(x)
      .reshape([n, t, 3, this.heads, size / this.heads])
      .permute([2, 0, 3, 1, 4])
    const [q, k, v] = parts.split(1).map((part) => part.squeeze(0))
    const y = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true })
    return this.proj.forward(y.transpose(1, 2).reshape([n, t, size]))
  }

  /**
   * @override
   * @param {Tensor} x [N, T, size]
   */
  forward(x) {
    const y = x.add(this.attend(this.ln1.forward(x)))
    return y.add(this.mlp.forward(this.ln2.forward(y)))
  }
}

/** A language model over characters, after GPT-2 (Radford et al., 2019) and Karpathy's nanoGPT. */
export class CharGPT extends nn.Module {
  /** @param {{ vocabulary: number, context?: number, size?: number, heads?: number, layers?: number }} options */
  constructor({ vocabulary, context = 32, size = 64, heads = 4, layers = 2 }) {
    super()
    this.context = context
    this.tokens = new nn.Embedding(vocabulary, size)
    this.positions = new nn.Embedding(context, size)
    this.blocks = new nn.Sequential(...Array.from({ length: layers }, () => new Block(size, heads)))
    this.ln = new nn.LayerNorm(size)
    this.head = new nn.Linear(size, vocabulary, { bias: false })
  }

  /**
   * @override
   * @param {Tensor} x [N, T], numbers of characters; T at most the context
   * @returns [N, T, vocabulary], logits of each next character
   */
  forward(x) {
    const y = this.tokens.forward(x).add(this.positions.forward(arange(x.shape[1])))
    return this.head.forward(this.ln.forward(this.blocks.forward(y)))
  }
}
