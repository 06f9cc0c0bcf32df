/** Medloop's mark: a loop that comes back to what it looked at. */
export function Logo({ size = 32 }: { readonly size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden focusable="false">
      <rect width="32" height="32" rx="8" fill="#0b6b7d" />
      <g fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round">
        <path d="M23.5 11.2A9 9 0 1 0 25 16" />
        <path d="M24.6 6.6v5.2h-5.2" />
      </g>
      <circle cx="16" cy="16" r="3.2" fill="#7fe3d4" />
    </svg>
  );
}
