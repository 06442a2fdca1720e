/** Functions that pick by indices, sort, and count. An index that is none is taken as the next that is one. */
import type { Kernel } from './kernel.js'

/** The place that `v` says, of `n`. */
const place = (v: string) => `int o = whole(${v});
    if (o < 0) o = 0;
    if (o >= n) o = n - 1;`

const picked = 'const float *x, const float *index, float *y, int outer, int n, int inner, int count'

/** Over the windows of a max pooling: what is done at their beginnings, within them, and at their ends. */
const windows = (before: string, within: string, after: string) => `for (int e = 0; e < planes; e++) {
  for (int i = 0; i < oh; i++) {
    for (int j = 0; j < ow; j++) {
      ${before}
      for (int u = 0; u < kh; u++) {
        int a = i * sh - ph + u * dh;
        if (a < 0 || a >= height) continue;
        for (int v = 0; v < kw; v++) {
          int z = j * sw - pw + v * dw;
          if (z < 0 || z >= width) continue;
          ${within}
        }
      }
      ${after}
    }
  }
}`

const pooled =
  'const float *x, float *y, int planes, int height, int width, int oh, int ow, int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw'

export const INDICES: readonly [string, Kernel][] = [
  [
    'max_pool2d',
    {
      parameters: pooled,
      body: windows(
        'float s = -INFINITY;',
        's = fmaxf(s, x[(e * height + a) * width + z]);',
        'y[(e * oh + i) * ow + j] = s;',
      ),
    },
  ],
  [
    // Where the largest is in its plane: the first of equals.
    'max_pool2d_indices',
    {
      parameters: pooled,
      body: windows(
        'int best = -1;',
        `int p = a * width + z;
          if (best < 0 || x[e * height * width + p] > x[e * height * width + best]) best = p;`,
        'y[(e * oh + i) * ow + j] = best;',
      ),
    },
  ],
  [
    // 1 for each index that comes no more in its row.
    'last_ones',
    {
      parameters: 'const float *x, float *y, int rows, int cols',
      body: `for (int r = 0; r < rows; r++) {
  for (int i = 0; i < cols; i++) {
    float last = 1.0f;
    for (int j = i + 1; j < cols; j++) {
      if (x[r * cols + j] == x[r * cols + i]) last = 0.0f;
    }
    y[r * cols + i] = last;
  }
}`,
    },
  ],
  [
    'gather',
    {
      parameters: picked,
      needs: ['whole'],
      body: `for (int i = 0; i < outer; i++) {
  for (int j = 0; j < count * inner; j++) {
    ${place('index[i * count * inner + j]')}
    y[i * count * inner + j] = x[(i * n + o) * inner + j % inner];
  }
}`,
    },
  ],
  [
    'index_select',
    {
      parameters: picked,
      needs: ['whole'],
      body: `for (int i = 0; i < outer; i++) {
  for (int j = 0; j < count; j++) {
    ${place('index[j]')}
    for (int k = 0; k < inner; k++) y[(i * count + j) * inner + k] = x[(i * n + o) * inner + k];
  }
}`,
    },
  ],
  [
    'scatter_add',
    {
      parameters: picked,
      needs: ['whole'],
      body: `for (int i = 0; i < outer * n * inner; i++) y[i] = 0.0f;
for (int i = 0; i < outer; i++) {
  for (int j = 0; j < count * inner; j++) {
    ${place('index[i * count * inner + j]')}
    y[(i * n + o) * inner + j % inner] += x[i * count * inner + j];
  }
}`,
    },
  ],
  [
    'one_hot',
    {
      parameters: 'const float *x, float *y, int count, int classes',
      body: `for (int i = 0; i < count; i++) {
  for (int c = 0; c < classes; c++) y[i * classes + c] = x[i] == c ? 1.0f : 0.0f;
}`,
    },
  ],
  [
    // By insertion, so that equals stay in their order; NaN is the largest. a: room for all places.
    'argsort',
    {
      parameters:
        'const float *x, float *y, float *a, int outer, int n, int inner, int count, int descending',
      needs: ['whole'],
      body: `for (int i = 0; i < outer * inner; i++) {
  int start = i % inner + (i - i % inner) * n;
  for (int j = 0; j < n; j++) {
    float v = x[start + j * inner];
    int k = j;
    while (k > 0) {
      float u = x[start + whole(a[k - 1]) * inner];
      int before = descending ? v > u || (v != v && u == u) : v < u || (u != u && v == v);
      if (!before) break;
      a[k] = a[k - 1];
      k--;
    }
    a[k] = j;
  }
  for (int j = 0; j < count; j++) y[i % inner + (i - i % inner) * count + j * inner] = a[j];
}`,
    },
  ],
  [
    'cumsum',
    {
      parameters: 'const float *x, float *y, int outer, int n, int inner',
      body: `for (int i = 0; i < outer; i++) {
  for (int k = 0; k < inner; k++) {
    float s = 0.0f;
    for (int j = 0; j < n; j++) {
      s += x[(i * n + j) * inner + k];
      y[(i * n + j) * inner + k] = s;
    }
  }
}`,
    },
  ],
  [
    'triangle',
    {
      parameters: 'const float *x, float *y, int batch, int rows, int cols, int upper, int diagonal',
      body: `for (int e = 0; e < batch; e++) {
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < cols; j++) {
      int kept = upper ? j - i >= diagonal : j - i <= diagonal;
      y[(e * rows + i) * cols + j] = kept ? x[(e * rows + i) * cols + j] : 0.0f;
    }
  }
}`,
    },
  ],
]
