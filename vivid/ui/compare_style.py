"""The Compare tab's style sheet, put into the page's head as it is."""

STYLE = """
#vivid-compare { width: 100%; color: var(--body-text-color); font-size: var(--text-md); }
#vivid-compare button, #vivid-compare select { font: inherit; color: inherit; cursor: pointer;
  background: var(--button-secondary-background-fill); border: 1px solid var(--border-color-primary);
  border-radius: var(--radius-md); padding: 0.35rem 0.7rem; }
#vivid-compare :focus-visible { outline: 2px solid var(--color-accent); outline-offset: 1px; }
.vc-about, .vc-own { margin: 0.2rem 0; }
.vc-own { font-size: var(--text-sm); opacity: 0.8; }
.vc-letter { display: inline-grid; place-items: center; width: 1.7em; height: 1.7em; border-radius: 50%;
  background: var(--color-accent); color: #fff !important; flex: none; }
.vc-column { gap: 0.5rem; }
.vc-empty { opacity: 0.75; text-align: center; padding: 2rem 0; }
.vc-controls, .vc-results { display: none; }
.vc-full .vc-empty { display: none; }
.vc-full .vc-results { display: block; }
.vc-videos { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: 0.8rem; }
.vc-videos figure { margin: 0; min-width: 0; }
.vc-videos figcaption { display: flex; gap: 0.5rem; align-items: center; font-size: var(--text-sm);
  min-height: 2.4em; padding-bottom: 0.2rem; }
.vc-videos video { width: 100%; max-height: 60vh; background: #14161a; border-radius: var(--radius-md); display: block;
  cursor: pointer; }
.vc-full .vc-controls { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin-top: 0.6rem; }
.vc-seek { flex: 1 1 12rem; min-width: 0; accent-color: var(--color-accent); }
.vc-time { font-variant-numeric: tabular-nums; font-size: var(--text-sm); }
.vc-results { overflow-x: auto; }
.vc-table { border-collapse: collapse; margin-top: 0.8rem; font-size: var(--text-sm); min-width: min(100%, 30rem); }
.vc-table th { text-align: left; font-weight: 500; padding: 0.2rem 0.9rem 0.2rem 0; }
.vc-table td, .vc-table thead th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums;
  padding: 0.2rem 0.7rem; }
.vc-table tbody tr { border-top: 1px solid var(--border-color-primary); }
.vc-explained { font-size: var(--text-sm); opacity: 0.8; max-width: 60rem; margin: 0.5rem 0; }
"""
