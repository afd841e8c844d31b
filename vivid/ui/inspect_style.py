"""The Inspect tab's style sheet, put into the page's head as it is."""

STYLE = """
.vi-about, .vi-status, .vi-lonely, .vi-warning, .vi-keys, .vi-hint { margin: 0.4rem 0; }
#vivid-inspect ::placeholder { color: inherit; opacity: 0.55; }
#vivid-inspect { color: var(--body-text-color); font-size: var(--text-md); container-type: inline-size;
  width: 100%; }
#vivid-inspect button, #vivid-inspect select, #vivid-inspect input:not([type]), #vivid-inspect textarea {
  font: inherit; color: inherit; background: var(--button-secondary-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); padding: 0.35rem 0.7rem; }
#vivid-inspect input:not([type]), #vivid-inspect textarea { background: var(--input-background-fill); }
#vivid-inspect button { cursor: pointer; }
#vivid-inspect button:hover { border-color: var(--color-accent); }
#vivid-inspect :focus-visible { outline: 2px solid var(--color-accent); outline-offset: 1px; }
#vivid-inspect button.vi-main { background: var(--button-primary-background-fill);
  color: var(--button-primary-text-color); }
#vivid-inspect kbd { font: 600 0.75em/1.4 var(--font-mono); border: 1px solid currentColor; border-radius: 4px;
  padding: 0 0.35em; opacity: 0.75; }
#vivid-inspect input[type=range] { accent-color: var(--color-accent); min-width: 0; }
#vivid-inspect input[type=checkbox] { appearance: auto; accent-color: var(--color-accent); width: 1em; height: 1em;
  margin: 0 0.2em 0 0; vertical-align: -0.1em; background: none; }
.vi-top { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: end; margin-top: 0.8rem; }
.vi-name { display: flex; flex-direction: column; gap: 0.3rem; flex: 0 1 20rem; }
.vi-who { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: end; flex: 0 1 auto; }
.vi-who[hidden], .vi-secret[hidden], #vivid-inspect button[hidden] { display: none; }
.vi-who > span { align-self: center; overflow-wrap: anywhere; }
.vi-secret { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; margin-top: 0.6rem;
  padding: 0.6rem 0.8rem;
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); max-width: 60rem; }
.vi-secret p { margin: 0; flex: 1 1 100%; }
#vivid-inspect .vi-secret input { flex: 1 1 14rem; min-width: 0; font: 0.85em var(--font-mono); color: inherit;
  padding: 0.35rem 0.7rem; border: 1px solid var(--border-color-primary); border-radius: var(--radius-md);
  background: var(--input-background-fill); }
.vi-status { min-height: 1.5em; }
.vi-status.ok { color: var(--vivid-ok); } .vi-status.bad { color: var(--vivid-bad); }
.vi-warning { border-left: 4px solid var(--vivid-warn); padding: 0.4rem 0.7rem; }
.vi-lonely { color: var(--vivid-warn); }
.vi-lonely:empty { display: none; }
.vi-work { display: none; }
.vi-open .vi-work { display: grid; grid-template-columns: 11rem minmax(0, 1fr) 20rem; gap: 0 1rem; align-items: start;
  grid-template-rows: auto 1fr; grid-template-areas: "list middle panel" "list report panel"; }
.vi-list { grid-area: list; }
.vi-middle { grid-area: middle; min-width: 0; }
.vi-panel { grid-area: panel; min-width: 0; }
.vi-report { grid-area: report; min-width: 0; }
.vi-list ol { list-style: none; margin: 0.4rem 0 0; padding: 0; overflow-y: auto; max-height: 78vh;
  position: relative; }
.vi-list select { width: 100%; }
.vi-list li { margin: 0; }
#vivid-inspect .vi-list button { width: 100%; text-align: left; border-color: transparent; background: none;
  padding: 0.2rem 0.5rem; display: flex; gap: 0.5rem; align-items: baseline; border-radius: var(--radius-sm); }
#vivid-inspect .vi-list button[aria-current] { background: var(--background-fill-secondary);
  border-color: var(--color-accent); font-weight: 600; }
.vi-list span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.vi-list i { flex: none; width: 1em; font-style: normal; text-align: center; }
.vi-list .open i::before { content: "○"; opacity: 0.5; }
.vi-list .accept i::before { content: "✓"; color: var(--vivid-ok); }
.vi-list .reject i::before { content: "✗"; color: var(--vivid-bad); }
.vi-list .note span::after { content: " ✎"; opacity: 0.7; }
.vi-head { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; }
.vi-head h3 { margin: 0; font-size: var(--text-lg); font-weight: 600; overflow-wrap: anywhere; }
.vi-progress { flex: 1 1 14rem; text-align: right; font-size: var(--text-sm); }
.vi-progress div { height: 4px; background: var(--border-color-primary); border-radius: 2px; overflow: hidden; }
.vi-progress i { display: block; height: 100%; width: 0; background: var(--vivid-ok); }
#vivid-inspect .vi-notices, #vivid-inspect .vi-remarks ul { margin: 0.3rem 0; padding: 0 0 0 1.2rem;
  list-style: disc; font-size: var(--text-sm); color: var(--vivid-warn); }
#vivid-inspect .vi-notices:empty { display: none; }
.vi-work details.vi-remarks { border: 0; }
.vi-work .vi-remarks summary { font-weight: 400; }
#vivid-inspect select { appearance: auto; }
.vi-stage { display: flex; gap: 0.6rem; justify-content: center; position: relative; min-height: 16rem;
  margin-top: 0.4rem; }
.vi-stage figure { margin: 0; flex: 1 1 0; min-width: 0; text-align: center; }
.vi-stage figcaption { display: flex; justify-content: space-around; font-size: var(--text-sm); }
.vi-stage canvas { background: #14161a; border-radius: var(--radius-md); touch-action: pan-y; display: block;
  margin: 0.2rem auto 0; max-width: 100%; }
.vi-busy-text { display: none; position: absolute; inset: 40% 0 auto; text-align: center; z-index: 2; margin: 0; }
.vi-busy .vi-busy-text { display: block; }
.vi-busy canvas { opacity: 0.25; }
.vi-scrub { display: flex; gap: 0.6rem; align-items: center; margin-top: 0.4rem; }
.vi-scrub input { flex: 1; }
.vi-scrub span { font-variant-numeric: tabular-nums; font-size: var(--text-sm); min-width: 8.5em; text-align: right; }
.vi-tools { display: flex; flex-wrap: wrap; gap: 0.4rem 1rem; align-items: center; margin-top: 0.4rem;
  font-size: var(--text-sm); }
.vi-tools small { flex: 1; text-align: right; opacity: 0.7; overflow-wrap: anywhere; }
.vi-views { display: flex; }
#vivid-inspect .vi-views button { border-radius: 0; padding: 0.2rem 0.6rem; }
#vivid-inspect .vi-views button[aria-pressed=true] { background: var(--button-primary-background-fill);
  color: var(--button-primary-text-color); }
.vi-keys { font-size: var(--text-sm); opacity: 0.85; padding: 0.2rem 0 0.4rem; }
.vi-decide { display: grid; grid-template-columns: 1fr 1fr; gap: 0.4rem; }
#vivid-inspect .vi-decide .accept, #vivid-inspect .vi-decide .reject { padding: 0.7rem; font-weight: 600; }
#vivid-inspect .accept[aria-pressed=true] { background: var(--vivid-ok); color: #fff; }
#vivid-inspect .reject[aria-pressed=true] { background: var(--vivid-bad); color: #fff; }
#vivid-inspect .vi-decide .accept { border-color: var(--vivid-ok); }
#vivid-inspect .vi-decide .reject { border-color: var(--vivid-bad); }
.vi-decide span[data-is=saved] { align-self: center; text-align: center; font-size: var(--text-sm); }
#vivid-inspect .vi-decide .unsure { border-color: var(--vivid-warn); }
#vivid-inspect .unsure[aria-pressed=true] { background: var(--vivid-warn); color: #fff; }
.vi-list .unsure i::before { content: "?"; color: var(--vivid-warn); }
.vi-tags { display: flex; flex-wrap: wrap; gap: 0.3rem; margin-top: 0.5rem; }
#vivid-inspect .vi-tags button, #vivid-inspect .vi-bad button, #vivid-inspect .vi-worst button {
  padding: 0.15rem 0.5rem; font-size: var(--text-sm); }
#vivid-inspect .vi-tags button[aria-pressed=true], #vivid-inspect .vi-bad button[aria-pressed=true] {
  background: var(--button-primary-background-fill); color: var(--button-primary-text-color); }
.vi-bad { display: flex; flex-wrap: wrap; gap: 0.3rem; margin-top: 0.4rem; }
.vi-worst, .vi-worst > span { display: flex; flex-wrap: wrap; gap: 0.3rem 0.5rem; align-items: center;
  font-size: var(--text-sm); }
.vi-worst { margin-top: 0.4rem; }
.vi-as { display: flex; }
#vivid-inspect .vi-as button { border-radius: var(--radius-md) 0 0 var(--radius-md); }
#vivid-inspect .vi-as select { border-radius: 0 var(--radius-md) var(--radius-md) 0; border-left: 0; max-width: 11rem; }
#vivid-inspect .vi-keys button { padding: 0 0.4rem; font-size: inherit; }
.vi-help { color: var(--body-text-color); background: var(--body-background-fill); padding: 1rem 1.4rem;
  border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg); margin: auto; }
.vi-help::backdrop { background: rgb(0 0 0 / 0.4); }
.vi-help h3 { margin: 0 0 0.6rem; }
.vi-help dl { display: grid; grid-template-columns: auto 1fr; gap: 0.3rem 1rem; margin: 0 0 0.8rem; }
.vi-help dd { margin: 0; }
.vi-note { display: block; margin-top: 0.5rem; }
.vi-note textarea { width: 100%; display: block; resize: vertical; }
.vi-advance { font-size: var(--text-sm); display: block; margin: 0.2rem 0 0.4rem; }
.vi-work details { border-top: 1px solid var(--border-color-primary); padding: 0.4rem 0; font-size: var(--text-sm); }
.vi-work summary { cursor: pointer; font-weight: 600; }
#vivid-inspect .vi-panel summary button { float: right; padding: 0 0.5rem; font-size: var(--text-xs); }
.vi-panel fieldset { border: 0; margin: 0.2rem 0 0; padding: 0; }
.vi-panel legend { opacity: 0.75; padding: 0; }
.vi-nudge { display: grid; grid-template-columns: 5.4em minmax(0, 1fr) 4.2em 1.4em; gap: 0.4rem; align-items: center; }
.vi-nudge output { text-align: right; font-variant-numeric: tabular-nums; opacity: 0.7; }
.vi-nudge.vi-touched output { opacity: 1; font-weight: 600; color: var(--color-accent); }
#vivid-inspect .vi-nudge button { padding: 0; border: 0; background: none; visibility: hidden; }
#vivid-inspect .vi-nudge.vi-touched button { visibility: visible; }
.vi-hint { opacity: 0.75; }
.vi-report > div { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0.3rem 1.2rem;
  align-items: start; }
.vi-report table { width: 100%; border-collapse: collapse; font-size: var(--text-xs); margin-top: 0.3rem; }
.vi-report th { text-align: left; font-weight: 500; padding: 0.1rem 0.2rem; }
.vi-report td { white-space: nowrap; }
.vi-report td, .vi-report thead th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums;
  padding: 0.1rem 0.2rem; }
.vi-report thead th { border-bottom: 1px solid var(--border-color-primary); opacity: 0.75; vertical-align: bottom; }
.vi-report tr.clamped td, .vi-report tr.fallback td { color: var(--vivid-warn); }
@container (max-width: 70rem) {
  .vi-report > div { grid-template-columns: minmax(0, 1fr); }
}
@container (max-width: 64rem) {
  .vi-open .vi-work { grid-template-columns: minmax(0, 1fr) 19rem; grid-template-rows: auto auto 1fr;
    grid-template-areas: "list list" "middle panel" "report panel"; }
  .vi-list { display: flex; gap: 0.5rem; align-items: center; margin-bottom: 0.5rem; }
  #vivid-inspect .vi-list select { width: auto; flex: none; }
  .vi-list ol { display: flex; overflow-x: auto; margin: 0; max-height: none; }
  .vi-list li { flex: none; max-width: 9rem; }
}
@container (max-width: 44rem) {
  .vi-open .vi-work { grid-template-columns: minmax(0, 1fr); gap: 0.5rem; grid-template-rows: none;
    grid-template-areas: "list" "middle" "panel" "report"; }
  .vi-open .vi-about { display: none; }
  .vi-decide { position: sticky; bottom: 0; z-index: 3; background: var(--body-background-fill); padding: 0.4rem 0;
    grid-template-columns: repeat(4, 1fr); }
  #vivid-inspect .vi-decide button { padding: 0.7rem 0.2rem; }
  .vi-list { flex-wrap: wrap; }
  #vivid-inspect .vi-list select { flex: 1 1 8rem; min-width: 0; }
  .vi-list ol { flex: 1 1 100%; }
  .vi-decide span[data-is=saved] { grid-column: 1 / -1; }
  .vi-keys, .vi-tools small, #vivid-inspect kbd { display: none; }
  .vi-scrub span { min-width: 0; }
}
"""
