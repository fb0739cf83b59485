// Gaps in seconds: on a logarithmic slider, in words, and as the model's levels.

export const MONTH = 30 * 86400;
export const STEPS = 400; // of the slider; position 0 is 0 s, 1 is 1 s
export const MARKS = [0, 60, 3600, 86400, MONTH];
const UNITS = [
  ["day", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

export function secondsAt(position) {
  return position <= 0 ? 0 : Math.round(MONTH ** ((position - 1) / (STEPS - 1)));
}

export function positionOf(seconds) {
  if (seconds < 1) return 0;
  const position = 1 + ((STEPS - 1) * Math.log(seconds)) / Math.log(MONTH);
  return Math.min(Math.round(position), STEPS);
}

/** 5400 is "1.5 h". */
export function inWords(seconds) {
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? UNITS.at(-1);
  const number = seconds / length;
  const shown = number < 10 ? Math.round(number * 10) / 10 : Math.round(number);
  return `${shown} ${unit}${unit === "day" && shown !== 1 ? "s" : ""}`;
}

/** The number of thresholds that a gap reaches. */
export function levelOf(seconds, thresholds) {
  return thresholds.filter((threshold) => seconds >= threshold).length;
}
