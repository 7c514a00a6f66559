// How times, rates and sizes read. Pure.

/** `75.2` → `1:15`, `3675` → `1:01:15`. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '0:00';
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `75.2` → `1 minute 15 seconds`, for screen readers. */
export function spoken(seconds: number): string {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const parts: Array<[number, string]> = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ];
  const said = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}${n === 1 ? '' : 's'}`);
  return said.length > 0 ? said.join(' ') : '0 seconds';
}

/** `2345678` → `2.3 Mbit/s`. */
export function rate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 9_950_000) return `${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
  if (bitsPerSecond >= 999_500) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** The name people know a picture size by: its shorter side, with the frame rate where it is high. */
export function picture(width: number, height: number, frameRate: number): string {
  const side = width > 0 && height > 0 ? Math.min(width, height) : height;
  if (!side) return 'Audio';
  return frameRate >= 40 ? `${side}p${Math.round(frameRate)}` : `${side}p`;
}

/** `1` → `1×`, `1.25` → `1.25×`. */
export function speed(factor: number): string {
  return `${String(Math.round(factor * 100) / 100)}×`;
}
