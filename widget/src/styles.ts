/** The widget's style sheet. It lives in the shadow root; sizes are in px because a page's root font size is its own. */

const light = `
  --surface: #ffffff; --bubble: #f1f3f5; --ink: #14181d; --soft: #59626d; --line: #e3e7eb; --field: #ffffff;
  --warn: #8f2c1f; --warn-back: #fdf1ef; --warn-line: #f3d3cd; --note: #5b4a14; --note-back: #fdf7e3; --note-line: #efe2b5;
  --link: var(--link-light); --code: rgba(20, 24, 29, .07);
  --shadow: 0 2px 6px rgba(16, 24, 32, .08), 0 18px 48px rgba(16, 24, 32, .20);`;

const dark = `
  --surface: #1b1f24; --bubble: #2a2f36; --ink: #f0f2f4; --soft: #a9b2bc; --line: #363c44; --field: #23282e;
  --warn: #ffb4a6; --warn-back: #3a2320; --warn-line: #5c332d; --note: #f2dc96; --note-back: #332d1a; --note-line: #50472a;
  --link: var(--link-dark); --code: rgba(255, 255, 255, .10);
  --shadow: 0 2px 6px rgba(0, 0, 0, .4), 0 18px 48px rgba(0, 0, 0, .55);`;

export const css = `
:host { all: initial !important; }
*, *::before, *::after { box-sizing: border-box; }
.frame {
  ${light}
  --gap: 20px; color-scheme: light; position: fixed; z-index: 2147483000; bottom: var(--gap); inset-inline-end: auto;
  font: 400 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  color: var(--ink); text-align: start; -webkit-font-smoothing: antialiased; -webkit-text-size-adjust: 100%;
}
.frame[data-position="right"] { right: var(--gap); }
.frame[data-position="left"] { left: var(--gap); }
.frame[data-theme="dark"] { ${dark} color-scheme: dark; }
@media (prefers-color-scheme: dark) { .frame[data-theme="auto"] { ${dark} color-scheme: dark; } }
[hidden] { display: none !important; }
button, textarea { font: inherit; color: inherit; margin: 0; }
button { cursor: pointer; border: 0; background: none; padding: 0; -webkit-tap-highlight-color: transparent; }
svg { display: block; width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 1.9;
  stroke-linecap: round; stroke-linejoin: round; }
h2, p, ul, ol, pre, blockquote { margin: 0; padding: 0; font-size: inherit; font-weight: inherit; }
:focus { outline: none; }
:focus-visible { outline: 2.5px solid var(--link); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }

.launcher { position: relative; display: grid; place-items: center; width: 60px; height: 60px; border-radius: 50%;
  color: var(--on-accent); background: linear-gradient(150deg, var(--accent), var(--accent-deep));
  box-shadow: 0 1px 2px rgba(16, 24, 32, .18), 0 8px 24px rgba(16, 24, 32, .24);
  transition: transform .18s ease, box-shadow .18s ease; }
.frame[data-position="right"] .launcher { margin-left: auto; }
.launcher:hover { transform: translateY(-2px); }
.launcher:active { transform: scale(.96); }
.launcher:focus-visible { outline-offset: 3px; }
.launcher svg { grid-area: 1 / 1; width: 27px; height: 27px; transition: opacity .16s ease, transform .2s ease; }
.launcher svg:last-of-type { opacity: 0; transform: rotate(-45deg) scale(.7); }
.launcher[aria-expanded="true"] svg:first-of-type { opacity: 0; transform: rotate(45deg) scale(.7); }
.launcher[aria-expanded="true"] svg:last-of-type { opacity: 1; transform: none; }
.badge { position: absolute; top: 1px; right: 1px; width: 16px; height: 16px; border-radius: 50%; background: #d3362a;
  border: 2.5px solid #fff; }

.panel { position: absolute; bottom: 76px; display: flex; flex-direction: column; width: 392px; overflow: hidden;
  height: min(640px, calc(100vh - 76px - 2 * var(--gap))); max-width: calc(100vw - 2 * var(--gap));
  color: var(--ink); background: var(--surface); border-radius: 20px; box-shadow: var(--shadow);
  animation: rise .22s cubic-bezier(.2, .8, .3, 1); }
.frame[data-position="right"] .panel { right: 0; transform-origin: bottom right; }
.frame[data-position="left"] .panel { left: 0; transform-origin: bottom left; }
.panel:focus-visible { outline: none; }
@keyframes rise { from { opacity: 0; transform: translateY(12px) scale(.98); } }

header { display: flex; align-items: center; gap: 12px; padding: 16px 12px 16px 18px; color: var(--on-accent);
  background: linear-gradient(135deg, var(--accent), var(--accent-deep)); }
.face { flex: none; display: grid; place-items: center; width: 40px; height: 40px; border-radius: 13px; position: relative;
  font-weight: 650; font-size: 17px; }
.face::before { content: ""; position: absolute; inset: 0; border-radius: inherit; background: currentColor; opacity: .16; }
.names { flex: 1; min-width: 0; }
.names > * { overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 1;
  overflow-wrap: anywhere; }
h2 { font-size: 16.5px; font-weight: 650; line-height: 1.3; letter-spacing: -.005em; }
.names .subtitle { font-size: 13px; line-height: 1.35; -webkit-line-clamp: 2; }
header button + button { margin-inline-start: -10px; }
header button { flex: none; display: grid; place-items: center; width: 38px; height: 38px; border-radius: 11px;
  position: relative; }
header button::before { content: ""; position: absolute; inset: 0; border-radius: inherit; background: currentColor;
  opacity: 0; transition: opacity .15s ease; }
header button:hover::before { opacity: .14; }
header button:focus-visible { outline-color: currentColor; outline-offset: -3px; }
header button svg { width: 20px; height: 20px; }
.about { padding: 9px 18px; font-size: 13px; line-height: 1.45; color: var(--note); background: var(--note-back);
  border-bottom: 1px solid var(--note-line); }

.log { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 18px 16px 10px; display: flex;
  flex-direction: column; gap: 12px; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.log:focus-visible { outline-offset: -3px; }
.message { display: flex; flex-direction: column; align-items: flex-start; max-width: 88%; position: relative; }
.message.user { align-self: flex-end; align-items: flex-end; }
.message.fresh { animation: appear .2s ease; }
@keyframes appear { from { opacity: 0; transform: translateY(6px); } }
.bubble { padding: 10px 14px; border-radius: 18px 18px 18px 6px; background: var(--bubble); max-width: 100%;
  overflow-wrap: anywhere; }
.user .bubble { border-radius: 18px 18px 6px 18px; color: var(--on-accent); background: var(--accent);
  white-space: pre-wrap; }
.bubble > * + * { margin-top: 8px; }
.bubble ul, .bubble ol { padding-inline-start: 22px; }
.bubble li + li { margin-top: 3px; }
.bubble li.deeper { margin-inline-start: 16px; }
.bubble li::marker { color: var(--soft); }
.bubble strong, .bubble .heading { font-weight: 650; }
.bubble a { color: var(--link); text-decoration: underline; text-underline-offset: 2px; border-radius: 3px; }
.bubble code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; padding: 1px 5px;
  border-radius: 5px; background: var(--code); }
.bubble pre { padding: 10px 12px; border-radius: 10px; background: var(--code); overflow-x: auto; }
.bubble pre code { padding: 0; background: none; white-space: pre; }
.bubble blockquote { padding-inline-start: 10px; border-inline-start: 3px solid var(--line); color: var(--soft); }
.dots { display: flex; gap: 5px; padding: 7px 2px; }
.dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--soft); animation: dot 1.2s infinite ease-in-out; }
.dots i:nth-child(2) { animation-delay: .16s; }
.dots i:nth-child(3) { animation-delay: .32s; }
@keyframes dot { 0%, 60%, 100% { opacity: .35; transform: none; } 30% { opacity: 1; transform: translateY(-3px); } }
.source { display: flex; gap: 5px; align-items: baseline; padding: 5px 4px 0; font-size: 12.5px; line-height: 1.4;
  color: var(--soft); overflow-wrap: anywhere; }
.source svg { flex: none; width: 13px; height: 13px; transform: translateY(2px); }
.aside { margin-top: 6px; padding: 7px 11px; font-size: 13px; line-height: 1.45; border-radius: 10px; color: var(--note);
  background: var(--note-back); border: 1px solid var(--note-line); }
.error { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; padding: 10px 13px; font-size: 14px;
  line-height: 1.45; border-radius: 14px; color: var(--warn); background: var(--warn-back);
  border: 1px solid var(--warn-line); }
.bubble:not([hidden]) + .error { margin-top: 6px; }
.error span { flex: 1 1 150px; }
.error button { padding: 6px 13px; font-weight: 600; font-size: 13.5px; border-radius: 999px; color: var(--warn);
  border: 1.5px solid currentColor; min-height: 32px; }
.error button:hover { background: var(--warn-line); }
.chips { display: flex; flex-wrap: wrap; gap: 8px; }
.chips button { padding: 7px 14px; font-size: 14px; line-height: 1.35; border-radius: 999px; text-align: start;
  color: var(--link); border: 1.5px solid var(--line); background: var(--surface); transition: border-color .15s ease; }
.chips button:hover { border-color: var(--link); }

form { padding: 12px 14px 14px; border-top: 1px solid var(--line); }
.field { display: flex; align-items: flex-end; gap: 6px; padding: 5px 5px 5px 15px; border-radius: 23px;
  background: var(--field); border: 1.5px solid var(--line); transition: border-color .15s ease; }
.field:focus-within { border-color: var(--link); }
textarea { flex: 1; min-width: 0; height: 36px; max-height: 132px; padding: 7px 0; line-height: 22px; resize: none;
  border: 0; background: none; font-size: 15px; overflow-y: auto; scrollbar-width: thin; }
textarea::placeholder { color: var(--soft); opacity: 1; }
textarea:focus-visible { outline: none; }
.send { flex: none; display: grid; place-items: center; width: 36px; height: 36px; border-radius: 50%;
  color: var(--on-accent); background: var(--accent); transition: opacity .15s ease, transform .15s ease; }
.send:hover { transform: scale(1.05); }
.send[aria-disabled="true"] { background: var(--bubble); color: var(--soft); cursor: default; transform: none; }
.send svg { width: 19px; height: 19px; stroke-width: 2.1; }
.count { display: block; text-align: center; font-size: 12px; line-height: 18px; color: var(--soft); }
.count:not(:empty) { margin-top: 6px; }

@media (max-width: 480px) {
  .frame { --gap: 16px; }
  .frame.open { inset: 0; }
  .frame.open .launcher { display: none; }
  .panel, .frame[data-position] .panel { position: fixed; inset: 0; width: 100%; max-width: none; height: 100vh;
    height: 100dvh; border-radius: 0; }
  header { padding-top: max(14px, env(safe-area-inset-top)); }
  form { padding-bottom: max(14px, env(safe-area-inset-bottom)); }
  textarea { font-size: 16px; }
  header button { width: 44px; height: 44px; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; }
  .launcher:hover, .launcher:active, .send:hover { transform: none; }
}
@media (forced-colors: active) {
  .launcher, .panel, .bubble, .send, .chips button, .field { border: 1px solid CanvasText; }
}
@media print { .frame { display: none; } }
`;
