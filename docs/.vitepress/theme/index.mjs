// VitePress's own theme, with blocks of code that run.
import DefaultTheme from 'vitepress/theme'
import LiveCode from './LiveCode.vue'

export default {
  extends: DefaultTheme,
  /** @param {{ app: import('vue').App }} site */
  enhanceApp({ app }) {
    app.component('LiveCode', LiveCode)
  },
}
