// Packages of bench/'s own: they may be missing, and then what needs them says how to get them.

export const INSTALL = 'npm ci --prefix bench'

/**
 * The module; undefined where it is not installed.
 *
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function optional(name) {
  try {
    return await import(name)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/**
 * The module. Throws with the command that installs it.
 *
 * @param {string} name
 */
export async function needed(name) {
  const found = await optional(name)
  if (!found) throw new Error(`${name} is not installed; ${INSTALL} brings it`)
  return found
}
