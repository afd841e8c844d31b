"""Words that several tabs use, and those of the page itself: key -> (English, Chinese)."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "tagline": (
        "A portrait, a voice, a gesture: a video of that person saying it.",
        "一张肖像、一段语音、一组手势：让这个人开口说话的视频。",
    ),
    "skip": ("Skip to “Make the video”", "跳到“生成视频”"),
    "level_ok": ("Good:", "良好："),
    "level_warn": ("Attention:", "注意："),
    "level_bad": ("Problem:", "问题："),
    "level_info": ("Note:", "说明："),
    "value": ("{value}", "{value}"),
    "model_loading": (
        "The model is loading. You can prepare everything meanwhile.",
        "模型正在加载。您可以先准备好其他内容。",
    ),
    "model_ready": ("Model “{model}” is ready on {device}.", "模型“{model}”已就绪（{device}）。"),
    "model_failed": ("The model could not be loaded: {reason}", "模型无法加载：{reason}"),
    "line_full": (
        "{limit} videos are waiting already: try again in a few minutes. Nothing of yours is lost.",
        "已有 {limit} 个视频在排队：请过几分钟再试。您的内容不会丢失。",
    ),
    "wrong_type": (
        "“{name}” is not a kind of file that can be used here: choose another one.",
        "此处不能使用“{name}”这种文件：请另选一个。",
    ),
    "copied": ("The link is copied.", "链接已复制。"),
    "copy_by_hand": (
        "This browser does not let the page copy: mark the link and copy it yourself.",
        "此浏览器不允许网页复制：请选中链接后自行复制。",
    ),
    "take_link": ("Copy link", "复制链接"),
    "part_motion": ("movement from frame to frame", "帧间运动"),
    "part_head_stream": ("head rhythm", "头部节奏"),
    "part_codebook": ("hand codebook", "手部码本"),
}
