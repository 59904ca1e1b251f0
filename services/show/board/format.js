// Numbers, durations and times as people read them. Instants and durations are µs.

import { locale, word } from "/board/words.js";

const SECOND = 1e6;
let zone;
const formats = new Map();

export function useTimeZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
  } catch {
    zone = undefined;
  }
  formats.clear();
}

function format(kind, options, Format = Intl.DateTimeFormat) {
  const key = `${locale()} ${kind}`;
  if (!formats.has(key)) formats.set(key, new Format(locale(), options));
  return formats.get(key);
}

export const count = (number) => format("count", { maximumFractionDigits: 0 }, Intl.NumberFormat).format(number);

// How many open stays are over their limit; where only the oldest are known there may be more.
export function overDwell(state) {
  const known = count(state.over_dwell_limit);
  return state.over_dwell_limit_is_least ? word("at_least", { count: known }) : known;
}

// Quantities are decimals in text; they are shown to at most two places.
export const quantity = (text) => format("quantity", { maximumFractionDigits: 2 }, Intl.NumberFormat).format(Number(text));

export const rate = (number) => format(number < 10 ? "rate1" : "rate0", { maximumFractionDigits: number < 10 ? 1 : 0 }, Intl.NumberFormat).format(number);

const two = (number) => String(number).padStart(2, "0");

// A duration that is seen running: always two units, so that its width changes seldom.
export function running(us) {
  const all = Math.max(0, Math.floor(us / SECOND));
  const [d, h, m, s] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60, all % 60];
  if (d) return word("left_d", { d, h });
  if (h) return word("left_h", { h, m: two(m) });
  if (m) return word("left_m", { m, s: two(s) });
  return word("left_s", { s });
}

// A duration that is seen running in a column of such: 4:05, 1:04:05.
export function stopwatch(us) {
  const all = Math.max(0, Math.floor(us / SECOND));
  if (all >= 86400) return running(us);
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// An id that is too long, by its ends: ids of one kind differ at the end.
export function ends(text, most) {
  const letters = Array.from(text);
  if (letters.length <= most) return text;
  const last = Math.ceil((2 * most) / 3);
  return [...letters.slice(0, most - 1 - last), "…", ...letters.slice(-last)].join("");
}

// The end of an id, where there is no room for more.
export function tail(text, most) {
  const letters = Array.from(text);
  return letters.length <= most ? text : ["…", ...letters.slice(-most)].join("");
}

// A duration that is compared with others: two or three digits.
export function short(us) {
  const seconds = us / SECOND;
  if (seconds < 59.5) return word("left_s", { s: Math.round(seconds) });
  if (seconds < 595) return word("short_m", { m: rate(seconds / 60) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return word("short_m", { m: minutes });
  const hours = Math.round(minutes / 60);
  if (minutes < 1440) return word("left_h", { h: Math.floor(minutes / 60), m: two(minutes % 60) });
  return word("left_d", { d: Math.floor(hours / 24), h: hours % 24 });
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const DAY = { month: "short", day: "numeric" };

// The same where there is room for one number only.
export function brief(us) {
  const minutes = Math.round(us / SECOND / 60);
  if (us < 59.5 * SECOND) return short(us);
  if (minutes < 100) return word("short_m", { m: minutes });
  return minutes < 2880 ? word("short_h", { h: Math.round(minutes / 60) }) : word("short_d", { d: Math.round(minutes / 1440) });
}

// A time of day; of another day with its date.
export function time(us, nowUs = us) {
  const [then, now] = [new Date(us / 1000), new Date(nowUs / 1000)];
  const sameDay = isSameDay(then, now);
  return format(sameDay ? "clock" : "moment", { timeZone: zone, ...CLOCK, ...(sameDay ? {} : DAY) }).format(then);
}

// A time of day to the minute; of another day with its date.
export function hour(us, nowUs = us) {
  const [then, now] = [new Date(us / 1000), new Date(nowUs / 1000)];
  const sameDay = isSameDay(then, now);
  const { hour: h, minute, hourCycle } = CLOCK;
  return format(sameDay ? "hour" : "day hour", { timeZone: zone, hour: h, minute, hourCycle, ...(sameDay ? {} : DAY) }).format(then);
}

function isSameDay(then, now) {
  const day = format("ymd", { timeZone: zone, dateStyle: "short" });
  return day.format(then) === day.format(now);
}

export function date(us) {
  return format("date", { timeZone: zone, weekday: "short", ...DAY }).format(new Date(us / 1000));
}
