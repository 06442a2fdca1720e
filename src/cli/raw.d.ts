/** A file's text, put in place by the bundler (scripts/build.mjs). */
declare module '*?raw' {
  const text: string
  export default text
}
