"""Theme, style sheets and header of the page."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from .strings import STRINGS
from .tabs import TABS, styles

FOLDER = Path(__file__).parent
WORDS = {key: STRINGS[key] for key in ("check_alt_before", "check_alt_after", "wrong_type")}
SCRIPT = (FOLDER / "page.js").read_text(encoding="utf-8").replace("TABS", json.dumps(TABS))
SCRIPT = SCRIPT.replace("WORDS", json.dumps(WORDS, ensure_ascii=False))
HEAD = f"""
<meta name="viewport" content="width=device-width, initial-scale=1">
<script>{SCRIPT}</script>
"""

HEADER = """
<header class="vivid-header">
  <a class="vivid-skip" href="#generate" onclick="vividSkip(); return false">{skip}</a>
  <div class="vivid-brand">
    <svg viewBox="0 0 40 40" width="40" height="40" role="img" aria-label="VividAnimator">
      <rect width="40" height="40" rx="11" fill="var(--vivid-accent)"/>
      <circle cx="16" cy="14" r="6" fill="#fff"/>
      <path d="M5 34c1-8 6-11 11-11s10 3 11 11z" fill="#fff"/>
      <path d="M28 10c3 2 3 6 0 8M32 7c5 4 5 10 0 14" stroke="#fff" stroke-width="2.4" fill="none"/>
    </svg>
    <div><h1>VividAnimator</h1><p>{tagline}</p></div>
  </div>
  <div class="vivid-languages" role="group" aria-label="Language / 语言">
    <button type="button" lang="en" onclick="vividLanguage('en')" class="lang-to-en">English</button>
    <button type="button" lang="zh" onclick="vividLanguage('zh')" class="lang-to-zh">中文</button>
  </div>
</header>
"""

OUTER_CSS = """
.gradio-container { overflow: clip !important; }
@media (max-width: 900px) { /* the bar at the bottom hides neither the page's end nor what has the focus */
  .gradio-container { padding-bottom: var(--vivid-dock, 130px) !important; }
  html { scroll-padding-bottom: var(--vivid-dock, 130px); }
}
@media (max-width: 640px) {
  .gradio-container .main.fillable { padding: 8px 10px !important; }
  footer .divider { display: none !important; }
}
"""
OUTER_CSS += "".join(
    f'html{html} {place} [data-testid="upload-text"]::after {{ content: "{STRINGS[key][index]}"; }}\n'
    for place, key in (
        ("#portrait", "portrait_placeholder"), ("#voice", "voice_placeholder"),
        ("#motion-video", "motion_video_placeholder"), ("#motion-clip", "motion_clip_placeholder"),
    )
    for index, html in enumerate((':not([lang^="zh"])', '[lang^="zh"]'))
)  # fmt: skip
"""For elements outside the scope of Gradio's `css` argument."""
CSS = (FOLDER / "style.css").read_text(encoding="utf-8") + styles()


def theme() -> gr.themes.Base:
    """Gradio's soft theme with our accent and system fonts (nothing is fetched from other sites)."""
    return gr.themes.Soft(
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size="lg",
        font=["Inter", "system-ui", "-apple-system", "Segoe UI", "Noto Sans SC", "PingFang SC", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    ).set(
        body_background_fill="#f6f7fb",
        body_background_fill_dark="#0f1119",
        body_text_color_subdued="#5b6478",
        body_text_color_subdued_dark="#a2abc0",
        block_info_text_color="#5b6478",
        block_info_text_color_dark="#a2abc0",
        color_accent="#4f46e5",
        checkbox_background_color_selected="#4f46e5",
        checkbox_background_color_selected_dark="#4f46e5",
        checkbox_label_background_fill_selected="#4f46e5",
        checkbox_label_background_fill_selected_dark="#4f46e5",
        block_border_width="1px",
        block_title_background_fill="transparent",
        block_title_background_fill_dark="transparent",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_title_padding="0",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#eef0ff",
        button_secondary_border_color="#d5d9e6",
        button_secondary_background_fill_dark="#232736",
        button_secondary_background_fill_hover_dark="#2d3348",
        button_secondary_border_color_dark="#3a4057",
        button_border_width="1px",
        button_secondary_shadow="none",
        button_secondary_shadow_hover="none",
        button_primary_shadow="none",
        button_primary_shadow_hover="none",
        block_background_fill_dark="#1d212e",
        block_border_color_dark="#2f3549",
        background_fill_primary_dark="#1d212e",
        background_fill_secondary_dark="#171a24",
        border_color_primary_dark="#2f3549",
        input_background_fill_dark="#141722",
        input_border_width="1px",
        input_border_color="#d5d9e6",
        input_border_color_dark="#3a4057",
        input_shadow="none",
        input_shadow_dark="none",
        checkbox_border_width="1px",
        checkbox_border_color="#aab2c8",
        checkbox_border_color_dark="#59617a",
        checkbox_shadow="none",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="#d5d9e6",
        checkbox_label_border_color_dark="#3a4057",
        checkbox_label_shadow="none",
        checkbox_label_background_fill_dark="#232736",
        block_shadow="none",
        block_shadow_dark="none",
        button_primary_background_fill="#4f46e5",
        button_primary_background_fill_hover="#4338ca",
        button_primary_background_fill_dark="#5b55e8",
        button_primary_text_color="#ffffff",
    )
