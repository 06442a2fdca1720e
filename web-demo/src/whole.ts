/** A whole number with commas: `60,000`. (The browser's own formatters take a phone 50 ms to start.) */
export const whole = (value: number) => String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
