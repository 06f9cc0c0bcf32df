// Types of what the bundler understands beyond TypeScript: style sheets and CSS modules.
/// <reference types="vite/client" />
