// "Copy" beside a command. Without script there is no button: the text can be selected all the same.

/** Puts a button into each `[data-copy]` block. */
export function copyButtons(): void {
  for (const block of document.querySelectorAll<HTMLElement>('[data-copy]')) {
    const code = block.querySelector('code');
    if (!code || !navigator.clipboard) continue;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', `Copy: ${code.textContent ?? ''}`);
    // The label hides what the button says from screen readers.
    const news = document.createElement('span');
    news.className = 'visually-hidden';
    news.setAttribute('role', 'status');
    let timer: ReturnType<typeof setTimeout> | undefined;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(code.textContent ?? '');
        button.textContent = news.textContent = 'Copied';
      } catch {
        button.textContent = news.textContent = 'Select and copy';
      }
      clearTimeout(timer);
      timer = setTimeout(() => {
        button.textContent = 'Copy';
        news.textContent = '';
      }, 2000);
    });
    block.append(button, news);
  }
}
