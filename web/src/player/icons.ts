// Our icons: 24 px, drawn with 1.75 px strokes; filled where the class says so.

import { icon } from '../dom';

const filled = (svg: SVGSVGElement) => {
  svg.setAttribute('class', 'filled');
  return svg;
};

export const play = () => filled(icon('M8 5.2v13.6a.6.6 0 0 0 .92.5l10.3-6.8a.6.6 0 0 0 0-1L8.92 4.7a.6.6 0 0 0-.92.5Z'));
export const pause = () => filled(icon('M7.5 4.5h2.6v15H7.5zM13.9 4.5h2.6v15h-2.6z'));
export const replay = () => icon('M5 12a7 7 0 1 0 2.3-5.2', 'M7.6 2.8v4.3h4.3');
export const back = () => icon('M11.5 4.5a8 8 0 1 1-7.3 4.7', 'M11.8 1.5 8.6 4.6l3.2 3.1');
export const forward = () => icon('M12.5 4.5a8 8 0 1 0 7.3 4.7', 'M12.2 1.5l3.2 3.1-3.2 3.1');
export const loud = () => icon('M4 9.5v5h3.2L11.5 18V6L7.2 9.5z', 'M14.8 9.2a4 4 0 0 1 0 5.6', 'M17.4 6.6a7.6 7.6 0 0 1 0 10.8');
export const quiet = () => icon('M4 9.5v5h3.2L11.5 18V6L7.2 9.5z', 'M14.8 9.2a4 4 0 0 1 0 5.6');
export const muted = () => icon('M4 9.5v5h3.2L11.5 18V6L7.2 9.5z', 'M15.5 9.7l4.6 4.6', 'M20.1 9.7l-4.6 4.6');
export const expand = () => icon('M4.5 9V4.5H9', 'M15 4.5h4.5V9', 'M19.5 15v4.5H15', 'M9 19.5H4.5V15');
export const shrink = () => icon('M9 4.5V9H4.5', 'M19.5 9H15V4.5', 'M15 19.5V15h4.5', 'M4.5 15H9v4.5');
export const captions = () => icon('M4 5.5h16v13H4z', 'M7.5 14.5h4', 'M14.5 14.5h2');
export const voice = () => icon('M4 5h16v11h-8l-4.5 3.5V16H4z');
export const pace = () => icon('M5.6 18a8 8 0 1 1 12.8 0', 'M12 13.5l3.4-4.2');
export const quality = () => icon('M4.5 8h8.5', 'M17.5 8h2', 'M15.2 5.8v4.4', 'M4.5 16h2', 'M11 16h8.5', 'M8.8 13.8v4.4');
export const check = () => icon('M5.5 12.5l4 4 9-9.5');

/** The reel of the logo, turning while media is awaited. */
export function reel(): SVGSVGElement {
  const spokes = Array.from({ length: 12 }, (_, n) => {
    const [sin, cos] = [Math.sin((n * Math.PI) / 6), Math.cos((n * Math.PI) / 6)];
    const at = (r: number) => `${(12 + r * sin).toFixed(2)} ${(12 - r * cos).toFixed(2)}`;
    return `M${at(4.6)} L${at(9.6)}`;
  });
  const svg = icon(...spokes);
  svg.setAttribute('class', 'reel');
  return svg;
}
