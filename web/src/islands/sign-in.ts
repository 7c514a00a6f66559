// The code page: takes a pasted code as it comes, sends it when it is complete, counts down to the next resend.

/** Digits of a viewer's code, and of one for somebody who may do more. */
const LENGTHS = [6, 8];

/** Keeps the digits of whatever was typed or pasted. A code that comes in one piece is sent at once, and so is the
 * longest there is; six typed digits could be the beginning of eight, so they wait for Enter. */
export function oneTimeCode(): void {
  const input = document.querySelector<HTMLInputElement>('input[autocomplete="one-time-code"]');
  if (!input?.form) return;
  const { form } = input;
  const longest = Math.max(...LENGTHS);
  // The attribute would cut a pasted "123 456" before its spaces are gone.
  input.removeAttribute('maxlength');
  let before = 0;
  let sent = false;
  form.addEventListener('submit', (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  input.addEventListener('input', () => {
    const digits = input.value.replace(/\D/g, '').slice(0, longest);
    if (digits !== input.value) input.value = digits;
    const inOnePiece = digits.length - before > 1 && LENGTHS.includes(digits.length);
    before = digits.length;
    if (!sent && (inOnePiece || digits.length === longest)) form.requestSubmit();
  });
  addEventListener('pageshow', () => (sent = false));
}

/** Shows when a code may be asked for again, in place of a button that would be refused. */
export function resend(): void {
  const button = document.querySelector<HTMLButtonElement>('button[data-resend-in]');
  if (!button) return;
  const label = button.textContent ?? '';
  const due = performance.now() + Number(button.dataset.resendIn) * 1000;
  const tick = () => {
    const left = Math.ceil((due - performance.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `${label} (in ${left} s)` : label;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}
