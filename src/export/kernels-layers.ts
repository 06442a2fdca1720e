/** Functions of layers: convolutions, pooling, norms, attention, recurrent ones. */
import { type Kernel, weighted } from './kernel.js'

/** The states of a recurrent layer in one direction: p has the input's part of the gates, q is room for the state's. */
const recurrent = (cell: string, gates: number, lines: string, needs: readonly string[]) =>
  weighted(
    cell,
    'const float *p, const float *w, const float *b, const float *first, const float *firstCell, float *y, float *h, float *c, float *q, int t, int n, int k, int reverse',
    `for (int i = 0; i < n * k; i++) {
  h[i] = first ? first[i] : 0.0f;
  c[i] = firstCell ? firstCell[i] : 0.0f;
}
for (int step = 0; step < t; step++) {
  int now = reverse ? t - 1 - step : step;
  for (int r = 0; r < n; r++) {
    int at = (now * n + r) * ${gates} * k;
    for (int o = 0; o < ${gates} * k; o++) {
      float s = 0.0f;
      for (int j = 0; j < k; j++) s += h[r * k + j] * w[o * k + j];
      s = sSCALED(o);
      q[o] = b ? s + b[o] : s;
    }
    for (int j = 0; j < k; j++) {
${lines}
      y[(now * n + r) * k + j] = v;
    }
    for (int j = 0; j < k; j++) h[r * k + j] = y[(now * n + r) * k + j];
  }
}`,
    needs,
  )

const conv = 'int n, int c, int height, int width, int oc, int oh, int ow, int kh, int kw'

export const LAYERS: readonly [string, Kernel][] = [
  ...weighted(
    'conv2d',
    `const float *x, const float *w, const float *b, float *y, ${conv}, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int cg, int og`,
    `for (int e = 0; e < n; e++) {
  for (int g = 0; g < groups; g++) {
    for (int r = 0; r < og; r++) {
      int o = g * og + r;
      for (int i = 0; i < oh; i++) {
        for (int j = 0; j < ow; j++) {
          float s = 0.0f;
          for (int p = 0; p < cg; p++) {
            for (int u = 0; u < kh; u++) {
              int a = i * sh - ph + u * dh;
              if (a < 0 || a >= height) continue;
              for (int v = 0; v < kw; v++) {
                int z = j * sw - pw + v * dw;
                if (z < 0 || z >= width) continue;
                s += x[((e * c + g * cg + p) * height + a) * width + z] * w[((o * cg + p) * kh + u) * kw + v];
              }
            }
          }
          s = sSCALED(o);
          y[((e * oc + o) * oh + i) * ow + j] = b ? s + b[o] : s;
        }
      }
    }
  }
}`,
  ),
  ...weighted(
    'conv_transpose2d',
    `const float *x, const float *w, const float *b, float *y, ${conv}, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int cg, int og`,
    `for (int e = 0; e < n; e++) {
  for (int g = 0; g < groups; g++) {
    for (int r = 0; r < og; r++) {
      int o = g * og + r;
      int start = (e * oc + o) * oh * ow;
      for (int i = 0; i < oh * ow; i++) y[start + i] = 0.0f;
      for (int p = 0; p < cg; p++) {
        for (int i = 0; i < height; i++) {
          for (int j = 0; j < width; j++) {
            float f = x[((e * c + g * cg + p) * height + i) * width + j];
            for (int u = 0; u < kh; u++) {
              int a = i * sh - ph + u * dh;
              if (a < 0 || a >= oh) continue;
              for (int v = 0; v < kw; v++) {
                int z = j * sw - pw + v * dw;
                if (z < 0 || z >= ow) continue;
                y[start + a * ow + z] += f * w[(((g * cg + p) * og + r) * kh + u) * kw + v];
              }
            }
          }
        }
      }
      for (int i = 0; i < oh * ow; i++) {
        float s = y[start + i];
        s = sSCALED(o);
        y[start + i] = b ? s + b[o] : s;
      }
    }
  }
}`,
  ),
  [
    // Padding counts within the padded input; divisor 0 is the number of elements that count.
    'avg_pool2d',
    {
      parameters:
        'const float *x, float *y, int planes, int height, int width, int oh, int ow, int kh, int kw, int sh, int sw, int ph, int pw, int padded, int divisor',
      body: `for (int e = 0; e < planes; e++) {
  for (int i = 0; i < oh; i++) {
    for (int j = 0; j < ow; j++) {
      float s = 0.0f;
      int count = 0;
      for (int u = 0; u < kh; u++) {
        int a = i * sh - ph + u;
        if (a >= height + ph) continue;
        for (int v = 0; v < kw; v++) {
          int z = j * sw - pw + v;
          if (z >= width + pw) continue;
          int inside = a >= 0 && a < height && z >= 0 && z < width;
          if (inside || padded) count++;
          if (inside) s += x[(e * height + a) * width + z];
        }
      }
      if (divisor != 0) count = divisor;
      y[(e * oh + i) * ow + j] = s / count;
    }
  }
}`,
    },
  ],
  [
    'affine',
    {
      parameters: 'const float *x, const float *scale, const float *shift, float *y, int n, int c, int inner',
      body: `for (int e = 0; e < n; e++) {
  for (int o = 0; o < c; o++) {
    for (int i = 0; i < inner; i++) {
      int p = (e * c + o) * inner + i;
      y[p] = x[p] * scale[o] + shift[o];
    }
  }
}`,
    },
  ],
  [
    // By statistics of each channel that are given.
    'normalise_by',
    {
      parameters:
        'const float *x, const float *w, const float *b, const float *m, const float *v, float *y, int n, int c, int inner, float eps',
      body: `for (int e = 0; e < n; e++) {
  for (int o = 0; o < c; o++) {
    float factor = 1.0f / sqrtf(v[o] + eps);
    if (w) factor = factor * w[o];
    for (int i = 0; i < inner; i++) {
      int p = (e * c + o) * inner + i;
      y[p] = (x[p] - m[o]) * factor + (b ? b[o] : 0.0f);
    }
  }
}`,
    },
  ],
  [
    // By the mean and the variance of each channel.
    'normalise_batch',
    {
      parameters:
        'const float *x, const float *w, const float *b, float *y, int n, int c, int inner, float eps',
      body: `for (int o = 0; o < c; o++) {
  float mean = 0.0f;
  float square = 0.0f;
  for (int e = 0; e < n; e++)
    for (int i = 0; i < inner; i++) mean += x[(e * c + o) * inner + i];
  mean = mean / (n * inner);
  for (int e = 0; e < n; e++) {
    for (int i = 0; i < inner; i++) {
      float d = x[(e * c + o) * inner + i] - mean;
      square += d * d;
    }
  }
  float factor = 1.0f / sqrtf(square / (n * inner) + eps);
  if (w) factor = factor * w[o];
  for (int e = 0; e < n; e++) {
    for (int i = 0; i < inner; i++) {
      int p = (e * c + o) * inner + i;
      y[p] = (x[p] - mean) * factor + (b ? b[o] : 0.0f);
    }
  }
}`,
    },
  ],
  [
    // Rows that are normalised; the weight's place goes on by `step` after so many values.
    'normalise',
    {
      parameters:
        'const float *x, const float *w, const float *b, float *y, int rows, int cols, int inner, int per, int cycle, float eps',
      body: `int channel = 0;
for (int r = 0; r < rows; r++) {
  float mean = 0.0f;
  float square = 0.0f;
  for (int i = 0; i < cols; i++) mean += x[r * cols + i];
  mean = mean / cols;
  for (int i = 0; i < cols; i++) {
    float d = x[r * cols + i] - mean;
    square += d * d;
  }
  float factor = 1.0f / sqrtf(square / cols + eps);
  for (int o = 0; o < per; o++) {
    float scale = w ? w[channel + o] : 1.0f;
    float shift = b ? b[channel + o] : 0.0f;
    for (int i = 0; i < inner; i++) {
      int p = r * cols + o * inner + i;
      y[p] = (x[p] - mean) * factor * scale + shift;
    }
  }
  channel = channel + per;
  if (channel == cycle) channel = 0;
}`,
    },
  ],
  ...[false, true].map(
    // a: room for a weight of each key. s: how far apart rows and columns of the mask are, and where that of each matrix begins.
    (masked): [string, Kernel] => [
      masked ? 'attention_masked' : 'attention',
      {
        parameters: `const float *q, const float *k, const float *v, float *y, float *a, int batch, int t, int keys, int e, int ev, int causal, float scale${masked ? ', const float *mask, int hides, const int *s' : ''}`,
        body: `for (int h = 0; h < batch; h++) {
  for (int i = 0; i < t; i++) {
    int seen = causal && i < keys ? i + 1 : keys;
    float most = -INFINITY;
    float total = 0.0f;
    for (int j = 0; j < seen; j++) {
      float d = 0.0f;
      for (int z = 0; z < e; z++) d += q[(h * t + i) * e + z] * k[(h * keys + j) * e + z];
      a[j] = d * scale;${
        masked
          ? `
      float m = mask[s[2 + h] + i * s[0] + j * s[1]];
      if (!hides) a[j] += m;
      if (hides && m == 0.0f) a[j] = -INFINITY;`
          : ''
      }
      most = fmaxf(most, a[j]);
    }${
      masked
        ? `
    // What sees no key gets 0.
    if (most == -INFINITY) {
      for (int z = 0; z < ev; z++) y[(h * t + i) * ev + z] = 0.0f;
      continue;
    }`
        : ''
    }
    for (int j = 0; j < seen; j++) {
      a[j] = expf(a[j] - most);
      total += a[j];
    }
    for (int z = 0; z < ev; z++) {
      float d = 0.0f;
      for (int j = 0; j < seen; j++) d += a[j] * v[(h * keys + j) * ev + z];
      y[(h * t + i) * ev + z] = d / total;
    }
  }
}`,
      },
    ],
  ),
  ...recurrent('rnn_tanh', 1, '      float v = tanhf(p[at + j] + q[j]);', []),
  ...recurrent('rnn_relu', 1, '      float v = fmaxf(p[at + j] + q[j], 0.0f);', []),
  ...recurrent(
    'lstm',
    4,
    `      float input = logistic(p[at + j] + q[j]);
      float forget = logistic(p[at + k + j] + q[k + j]);
      float cell = tanhf(p[at + 2 * k + j] + q[2 * k + j]);
      c[r * k + j] = forget * c[r * k + j] + input * cell;
      float v = logistic(p[at + 3 * k + j] + q[3 * k + j]) * tanhf(c[r * k + j]);`,
    ['logistic'],
  ),
  ...recurrent(
    'gru',
    3,
    `      float reset = logistic(p[at + j] + q[j]);
      float keep = logistic(p[at + k + j] + q[k + j]);
      float v = (1.0f - keep) * tanhf(p[at + 2 * k + j] + reset * q[2 * k + j]) + keep * h[r * k + j];`,
    ['logistic'],
  ),
]
