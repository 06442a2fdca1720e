/** Functions of arrays: moved, reduced, multiplied. */
import { at, type Kernel, loops, weighted } from './kernel.js'

export const ARRAYS: readonly [string, Kernel][] = [
  ['fill', { parameters: 'float *y, int n, float v', body: 'for (int i = 0; i < n; i++) y[i] = v;' }],
  [
    // s: where both begin, the sizes, and the strides of both.
    'move',
    {
      parameters: 'const float *x, float *y, const int *s',
      body: loops(2, `y[s[1] + ${at(14)}] = x[s[0] + ${at(8)}];`),
    },
  ],
  [
    'where',
    {
      parameters: 'const float *c, const float *a, const float *b, float *y, const int *s',
      body: `int i = 0;\n${loops(0, `y[i] = c[${at(6)}] != 0.0f ? a[${at(12)}] : b[${at(18)}];\ni++;`)}`,
    },
  ],
  [
    'sum',
    {
      parameters: 'const float *x, float *y, int outer, int n, int inner, float scale',
      body: `for (int i = 0; i < outer; i++) {
  for (int k = 0; k < inner; k++) {
    float s = 0.0f;
    for (int j = 0; j < n; j++) s += x[(i * n + j) * inner + k];
    y[i * inner + k] = s * scale;
  }
}`,
    },
  ],
  [
    'max',
    {
      parameters: 'const float *x, float *y, int outer, int n, int inner',
      body: `for (int i = 0; i < outer; i++) {
  for (int k = 0; k < inner; k++) {
    float s = x[i * n * inner + k];
    for (int j = 1; j < n; j++) s = fmaxf(s, x[(i * n + j) * inner + k]);
    y[i * inner + k] = s;
  }
}`,
    },
  ],
  [
    'argmax',
    {
      parameters: 'const float *x, float *y, int outer, int n, int inner',
      body: `for (int i = 0; i < outer; i++) {
  for (int k = 0; k < inner; k++) {
    int best = 0;
    for (int j = 1; j < n; j++) {
      if (x[(i * n + j) * inner + k] > x[(i * n + best) * inner + k]) best = j;
    }
    y[i * inner + k] = best;
  }
}`,
    },
  ],
  ...weighted(
    'linear',
    'const float *x, const float *w, const float *b, float *y, int m, int k, int n',
    `for (int i = 0; i < m; i++) {
  for (int o = 0; o < n; o++) {
    float s = 0.0f;
    for (int j = 0; j < k; j++) s += x[i * k + j] * w[o * k + j];
    s = sSCALED(o);
    y[i * n + o] = b ? s + b[o] : s;
  }
}`,
  ),
  [
    // s: where the matrices of both operands begin, pair by pair.
    'matmul',
    {
      parameters: 'const float *a, const float *b, float *y, int batch, int m, int k, int n, const int *s',
      body: `for (int e = 0; e < batch; e++) {
  for (int i = 0; i < m; i++) {
    for (int o = 0; o < n; o++) {
      float v = 0.0f;
      for (int j = 0; j < k; j++) v += a[s[2 * e] + i * k + j] * b[s[2 * e + 1] + j * n + o];
      y[(e * m + i) * n + o] = v;
    }
  }
}`,
    },
  ],
  [
    // Most of w is 0.
    'resample',
    {
      parameters: 'const float *x, const float *w, float *y, int outer, int size, int inner, int outputs',
      body: `for (int p = 0; p < outer; p++) {
  for (int o = 0; o < outputs; o++) {
    for (int i = 0; i < inner; i++) {
      float v = 0.0f;
      for (int j = 0; j < size; j++)
        if (w[o * size + j] != 0.0f) v += w[o * size + j] * x[(p * size + j) * inner + i];
      y[(p * outputs + o) * inner + i] = v;
    }
  }
}`,
    },
  ],
  ...(['softmax', 'log_softmax'] as const).map((name): [string, Kernel] => [
    name,
    {
      parameters: 'const float *x, float *y, int rows, int cols',
      body: `for (int r = 0; r < rows; r++) {
  float most = x[r * cols];
  float s = 0.0f;
  for (int i = 1; i < cols; i++) most = fmaxf(most, x[r * cols + i]);
  for (int i = 0; i < cols; i++) s += expf(x[r * cols + i] - most);
  for (int i = 0; i < cols; i++) {
    float v = x[r * cols + i] - most;
    y[r * cols + i] = ${name === 'softmax' ? 'expf(v) / s' : 'v - logf(s)'};
  }
}`,
    },
  ]),
  ...weighted(
    'embedding',
    'const float *x, const float *w, float *y, int count, int width, int rows',
    `for (int i = 0; i < count; i++) {
  int o = whole(x[i]);
  if (o < 0) o = 0;
  if (o >= rows) o = rows - 1;
  for (int j = 0; j < width; j++) y[i * width + j] = w[o * width + j]SCALED(o);
}`,
    ['whole'],
  ),
]
