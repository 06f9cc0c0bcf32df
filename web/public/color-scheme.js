// Sets light or dark before the first paint, so that the page does not flash. A file, as the CSP allows no inline script.
/* global document, matchMedia */
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('medloop-color-scheme');
  } catch {
    // Storage is blocked: follow the system.
  }
  if (chosen !== 'light' && chosen !== 'dark') {
    chosen = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.setAttribute('data-mantine-color-scheme', chosen);
})();
